use std::sync::Arc;

use k8s_openapi::api::apps::v1::DaemonSetStatus;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use super::*;
use crate::api::{Body, ObjectKey, Typed, time};
use crate::controllers::fake;

/// A cluster of some nodes, and a DaemonSet with its controller.
struct Bench {
    controller: DaemonSetController,
    observed: Observed,
    uids: u32,
}

impl Bench {
    fn new(nodes: &[&str], strategy: serde_json::Value) -> Self {
        let mut observed = fake::observed();
        for name in nodes {
            let mut node = Node::default();
            node.metadata.name = Some((*name).to_owned());
            observed.stores.insert(node.into_object());
        }
        let value = json!({
            "metadata": { "name": "agent", "namespace": "default", "uid": "set", "generation": 1 },
            "spec": {
                "selector": { "matchLabels": { "app": "agent" } }, "updateStrategy": strategy,
                "template": {
                    "metadata": { "labels": { "app": "agent" } },
                    "spec": { "containers": [{ "name": "main", "image": "old" }] },
                },
            },
        });
        let mut set = Object::from_value(Kind::DaemonSet, &value, &mut |_| {}).expect("a DaemonSet");
        (Kind::DaemonSet.info().default)(&mut set);
        observed.stores.insert(set);
        Bench { controller: DaemonSetController::default(), observed, uids: 0 }
    }

    fn put(&mut self, mut object: Object) -> Arc<Object> {
        if object.uid().is_empty() {
            self.uids += 1;
            object.meta_mut().uid = Some(format!("u{}", self.uids));
            if object.name().is_empty() {
                object.meta_mut().name = Some(format!("agent-{}", self.uids));
            }
        }
        let old = self.observed.stores.insert(object.clone());
        let change = fake::change(old.as_deref(), Some(&object));
        self.controller.on_change(&change, &self.observed);
        Arc::new(object)
    }

    /// One sync, answered as a server does; what it wrote, as `POST pod on node-a`.
    fn sync(&mut self) -> Vec<String> {
        let key = WorkKey::new(Kind::DaemonSet, ObjectKey::new("default", "agent"));
        let mut turn = fake::turn(&self.observed, key);
        let mut said = Vec::new();
        loop {
            let plan = self.controller.reconcile(&turn);
            assert_eq!(plan.error, None, "{plan}");
            for write in fake::writes(&plan) {
                let (method, name) = (write.request.method, write.request.path.rsplit('/').next().unwrap_or_default());
                let body = match (method, &write.request.body) {
                    (Method::Delete, _) => {
                        said.push(format!("delete {name}"));
                        let key = ObjectKey::new("default", name);
                        let gone = self.observed.stores.remove(Kind::Pod, &key).expect("what is there is deleted");
                        self.controller.on_change(&fake::change(Some(&gone), None), &self.observed);
                        Body::Empty
                    }
                    (_, Body::Object(object)) => {
                        if let (Method::Post, Some(pod)) = (method, object.get::<Pod>()) {
                            said.push(format!("create on {}", nodes::target(pod)));
                        }
                        Body::Object(self.put((**object).clone()))
                    }
                    (Method::Get, _) => {
                        said.push("reads itself".to_owned());
                        let key = ObjectKey::new("default", "agent");
                        Body::Object(self.observed.stores.of(Kind::DaemonSet).get(&key).expect("the set"))
                    }
                    (Method::Patch, Body::Json(patch)) => {
                        let adopts = patch.pointer("/metadata/ownerReferences/0/controller").is_some();
                        said.push(format!("{} {name}", if adopts { "adopts" } else { "releases" }));
                        // The watch is late: the store still has the pod as it was.
                        let key = ObjectKey::new("default", name);
                        let mut pod = (*self.observed.stores.of(Kind::Pod).get(&key).expect("the pod")).clone();
                        let set = self.observed.stores.of(Kind::DaemonSet).iter().next().expect("the set").1;
                        let reference = crate::controllers::owners::controller_ref(&set);
                        pod.meta_mut().owner_references = adopts.then(|| vec![reference]);
                        Body::Object(Arc::new(pod))
                    }
                    _ => Body::Empty,
                };
                turn.answers.push(fake::answer((*write.request).clone(), body));
            }
            match plan.then {
                Some(phase) => turn.phase = phase,
                None => return said,
            }
        }
    }

    fn pods(&self) -> Vec<Pod> {
        self.observed.stores.of(Kind::Pod).iter().map(|(_, pod)| pod.expect::<Pod>().clone()).collect()
    }

    /// Has every pod placed and ready.
    fn ready(&mut self) {
        for mut pod in self.pods() {
            let node = nodes::target(&pod).to_owned();
            pod.spec.get_or_insert_default().node_name = Some(node);
            let status = pod.status.get_or_insert_default();
            status.phase = Some("Running".to_owned());
            let ready = k8s_openapi::api::core::v1::PodCondition {
                type_: "Ready".to_owned(),
                status: "True".to_owned(),
                last_transition_time: Some(time::time(self.observed.unix_micros)),
                ..Default::default()
            };
            status.conditions = Some(vec![ready]);
            self.put(pod.into_object());
        }
    }

    fn change(&mut self, change: impl Fn(&mut DaemonSet)) {
        let key = ObjectKey::new("default", "agent");
        let mut set = (*self.observed.stores.get::<DaemonSet>(&key).expect("the set")).clone();
        change(&mut set);
        self.put(set.into_object());
    }

    fn set_image(&mut self, image: &str) {
        self.change(|set| {
            let template = &mut set.spec.get_or_insert_default().template;
            template.spec.get_or_insert_default().containers[0].image = Some(image.to_owned());
        });
    }

    fn status(&self) -> DaemonSetStatus {
        let key = ObjectKey::new("default", "agent");
        self.observed.stores.get::<DaemonSet>(&key).and_then(|set| set.status.clone()).expect("a status")
    }

    fn images(&self) -> Vec<String> {
        let image = |pod: &Pod| pod.spec.as_ref()?.containers.first()?.image.clone();
        self.pods().iter().filter_map(image).collect()
    }
}

#[test]
fn it_goes_on_with_what_it_adopted_and_without_what_it_let_go() {
    let mut bench = Bench::new(&["a", "b"], json!({}));
    let member = |name: &str, node: &str, app: &str| {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.to_owned());
        pod.metadata.namespace = Some("default".to_owned());
        pod.metadata.uid = Some(name.to_owned());
        pod.metadata.labels = Some([("app".to_owned(), app.to_owned())].into());
        pod.spec.get_or_insert_default().node_name = Some(node.to_owned());
        pod.into_object()
    };
    bench.put(member("orphan", "a", "agent"));
    let mut stranger = member("stranger", "b", "other");
    let set = bench.observed.stores.of(Kind::DaemonSet).iter().next().expect("the set").1.clone();
    stranger.meta_mut().owner_references = Some(vec![crate::controllers::owners::controller_ref(&set)]);
    bench.put(stranger);
    assert_eq!(bench.sync(), ["reads itself", "adopts orphan", "releases stranger", "create on b"]);
}

#[test]
fn every_node_gets_a_pod_bound_for_it() {
    let mut bench = Bench::new(&["a", "b", "c"], json!({}));
    assert_eq!(bench.sync(), ["create on a", "create on b", "create on c"]);
    assert_eq!(bench.sync(), [] as [String; 0]);
    bench.ready();
    bench.sync();
    let status = bench.status();
    assert_eq!((status.desired_number_scheduled, status.number_ready, status.number_available), (3, 3, Some(3)));
    assert_eq!(status.number_unavailable, None);
    let pod = &bench.pods()[0];
    let labels = pod.metadata.labels.as_ref().expect("labels");
    assert!(labels.contains_key("controller-revision-hash"), "{labels:?}");
}

#[test]
fn a_rolling_update_replaces_as_many_as_may_be_unavailable() {
    let strategy = json!({ "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 2 } });
    let mut bench = Bench::new(&["a", "b", "c"], strategy);
    bench.sync();
    bench.ready();
    bench.sync();
    bench.set_image("new");
    assert_eq!(bench.sync().len(), 2, "two go");
    assert_eq!(bench.sync(), ["create on a", "create on b"]);
    assert_eq!(bench.sync(), [] as [String; 0], "the third waits for them");
    bench.ready();
    assert_eq!(bench.sync().len(), 1);
    assert_eq!(bench.sync(), ["create on c"]);
    assert_eq!(bench.images(), ["new", "new", "new"]);
    assert_eq!(bench.observed.stores.of(Kind::ControllerRevision).len(), 2);
}

#[test]
fn a_surge_puts_the_new_pod_beside_the_old_one() {
    let strategy = json!({ "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 0, "maxSurge": 1 } });
    let mut bench = Bench::new(&["a", "b"], strategy);
    bench.sync();
    bench.ready();
    bench.sync();
    bench.set_image("new");
    assert_eq!(bench.sync(), ["create on a"]);
    assert_eq!(bench.sync(), [] as [String; 0], "both stand until the new one is available");
    bench.ready();
    assert_eq!(bench.sync().len(), 1, "the old one goes");
    assert_eq!(bench.sync(), ["create on b"]);
}

#[test]
fn on_delete_leaves_it_to_the_user() {
    let mut bench = Bench::new(&["a"], json!({ "type": "OnDelete" }));
    bench.sync();
    bench.ready();
    bench.sync();
    bench.set_image("new");
    assert_eq!(bench.sync(), [] as [String; 0]);
    let old = bench.pods()[0].metadata.name.clone().expect("a name");
    let gone = bench.observed.stores.remove(Kind::Pod, &ObjectKey::new("default", &old)).expect("the pod");
    bench.controller.on_change(&fake::change(Some(&gone), None), &bench.observed);
    assert_eq!(bench.sync(), ["create on a"]);
    assert_eq!(bench.images(), ["new"]);
}

#[test]
fn a_failed_pod_is_replaced_later_and_later() {
    let mut bench = Bench::new(&["a"], json!({}));
    bench.sync();
    let fail = |bench: &mut Bench| {
        let mut pod = bench.pods().remove(0);
        pod.status.get_or_insert_default().phase = Some("Failed".to_owned());
        bench.put(pod.into_object());
    };
    fail(&mut bench);
    assert_eq!(bench.sync().len(), 1, "the first goes at once");
    assert_eq!(bench.sync(), ["create on a"]);
    fail(&mut bench);
    assert_eq!(bench.sync(), [] as [String; 0], "the second has to wait a second");
    bench.observed.unix_micros += 1_000_000;
    assert_eq!(bench.sync().len(), 1);
}
