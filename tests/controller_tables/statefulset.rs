//! StatefulSets: how many may be unavailable, in which order pods come and go, who they are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Pod, PodCondition};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use kubarium::api::{Body, Kind, Method, Object, ObjectKey, Request, Typed, time};
use kubarium::controllers::statefulset::{StatefulSetController, control, identity};
use kubarium::controllers::{Answer, Controller, Observed, Step, Turn, WorkKey, fake};

use super::read;

/// A StatefulSet, its controller, and a small API server.
struct Bench {
    controller: StatefulSetController,
    observed: Observed,
    key: ObjectKey,
    uids: u32,
    /// `create web-0`, in order: what nobody has looked at yet.
    operations: VecDeque<(&'static str, String)>,
    /// Pods that never become ready.
    stuck: BTreeSet<String>,
}

impl Bench {
    /// With a set of no replicas whose first revision is there.
    fn new(name: &str, spec: &Value) -> Self {
        let mut value = json!({
            "metadata": { "name": name, "namespace": "default", "uid": "set", "generation": 1 },
            "spec": {
                "serviceName": "nginx", "replicas": 0, "selector": { "matchLabels": { "app": "web" } },
                "template": {
                    "metadata": { "labels": { "app": "web" } },
                    "spec": { "containers": [{ "name": "main", "image": "old" }] },
                },
            },
        });
        for (field, own) in spec.as_object().into_iter().flatten() {
            if !own.is_null() {
                value["spec"][field] = own.clone();
            }
        }
        let mut set = Object::from_value(Kind::StatefulSet, &value, &mut |_| {}).expect("a StatefulSet");
        (Kind::StatefulSet.info().default)(&mut set);
        let key = set.key();
        let mut observed = fake::observed();
        observed.stores.insert(set);
        let controller = StatefulSetController::default();
        let mut bench =
            Bench { controller, observed, key, uids: 0, operations: VecDeque::new(), stuck: BTreeSet::new() };
        bench.settle();
        bench
    }

    fn set(&self) -> StatefulSet {
        (*self.observed.stores.get::<StatefulSet>(&self.key).expect("the set is there")).clone()
    }

    fn change(&mut self, change: impl Fn(&mut StatefulSet)) {
        let mut set = self.set();
        change(&mut set);
        *set.metadata.generation.get_or_insert(0) += 1;
        self.observed.stores.insert(set.into_object());
    }

    fn scale(&mut self, replicas: i64) {
        self.change(|set| set.spec.get_or_insert_default().replicas = Some(replicas as i32));
    }

    fn set_image(&mut self, image: &str) {
        self.change(|set| {
            let template = &mut set.spec.get_or_insert_default().template;
            template.spec.get_or_insert_default().containers[0].image = Some(image.to_owned());
        });
    }

    fn pods(&self) -> Vec<Pod> {
        self.observed.stores.of(Kind::Pod).iter().map(|(_, pod)| pod.expect::<Pod>().clone()).collect()
    }

    fn pod(&self, name: &str) -> Option<Pod> {
        self.observed.stores.get::<Pod>(&ObjectKey::new("default", name)).map(|pod| (*pod).clone())
    }

    fn put(&mut self, mut object: Object) -> Arc<Object> {
        if object.uid().is_empty() {
            self.uids += 1;
            object.meta_mut().uid = Some(format!("u{}", self.uids));
        }
        self.observed.stores.insert(object.clone());
        Arc::new(object)
    }

    /// A pod that is there before the story begins.
    fn existing(&mut self, name: &str, phase: &str, ready: bool) {
        let set = self.set();
        let revision = set.status.as_ref().and_then(|status| status.update_revision.clone()).expect("a revision");
        let template = set.spec.as_ref().expect("a spec").template.clone();
        let (_, ordinal) = identity::parse(name).expect("a pod of a set");
        let mut pod = identity::new_pod(&set.into_object(), &template, &revision, ordinal);
        pod.metadata.name = Some(name.to_owned());
        pod.status.get_or_insert_default().phase = Some(phase.to_owned());
        self.put(pod.into_object());
        if ready {
            self.make_ready(name);
        }
    }

    fn make_ready(&mut self, name: &str) {
        let mut pod = self.pod(name).unwrap_or_else(|| panic!("there is no {name} to become ready"));
        let status = pod.status.get_or_insert_default();
        status.phase = Some("Running".to_owned());
        status.conditions = Some(vec![PodCondition {
            type_: "Ready".to_owned(),
            status: "True".to_owned(),
            last_transition_time: Some(time::time(self.observed.unix_micros)),
            ..PodCondition::default()
        }]);
        self.observed.stores.insert(pod.into_object());
    }

    fn remove(&mut self, name: &str) {
        self.observed.stores.remove(Kind::Pod, &ObjectKey::new("default", name));
    }

    fn is_terminating(&self, name: &str) -> bool {
        self.pod(name).is_some_and(|pod| pod.metadata.deletion_timestamp.is_some())
    }

    /// What the API server does with a request.
    fn serve(&mut self, request: &Arc<Request>) -> Answer {
        let name = request.path.rsplit('/').next().unwrap_or_default().to_owned();
        let is_pod = request.path.contains("/pods");
        let body = match (request.method, &request.body) {
            (Method::Post, Body::Object(object)) => {
                let mut object = (**object).clone();
                if let Some(pod) = Pod::of_mut(&mut object) {
                    let name = pod.metadata.name.clone().expect("a pod of a set has a name");
                    assert!(self.pod(&name).is_none(), "{name} was created while it is there");
                    pod.status.get_or_insert_default().phase = Some("Pending".to_owned());
                    self.operations.push_back(("create", name));
                }
                Body::Object(self.put(object))
            }
            (Method::Put, Body::Object(object)) => Body::Object(self.put((**object).clone())),
            (Method::Delete, _) if is_pod => {
                let mut pod = self.pod(&name).expect("a pod that is there is deleted");
                pod.metadata.deletion_timestamp = Some(time::time(self.observed.unix_micros));
                self.operations.push_back(("delete", name));
                self.observed.stores.insert(pod.into_object());
                Body::Empty
            }
            _ => Body::Empty,
        };
        Answer { request: request.clone(), result: Ok(body) }
    }

    /// One sync. True when it wrote anything.
    fn sync(&mut self) -> bool {
        let key = WorkKey::new(Kind::StatefulSet, self.key.clone());
        let mut turn = Turn { key, observed: self.observed.clone(), phase: "", answers: Vec::new() };
        let mut wrote = false;
        loop {
            let plan = self.controller.reconcile(&turn);
            assert_eq!(plan.error, None, "{plan}");
            for step in &plan.steps {
                let writes = match step {
                    Step::Event(_) => continue,
                    Step::Write(write) => std::slice::from_ref(write),
                    Step::Batch(writes) => writes,
                };
                for write in writes {
                    wrote = true;
                    turn.answers.push(self.serve(&write.request));
                }
            }
            match plan.then {
                Some(phase) => turn.phase = phase,
                None => return wrote,
            }
        }
    }

    /// Syncs until there is nothing to write.
    fn settle(&mut self) {
        for _ in 0..100 {
            if !self.sync() {
                return;
            }
        }
        panic!("the controller does not come to rest");
    }

    fn min_ready_seconds(&self) -> i64 {
        i64::from(self.set().spec.and_then(|spec| spec.min_ready_seconds).unwrap_or(0))
    }

    fn pass_min_ready(&mut self) {
        self.observed.unix_micros += (self.min_ready_seconds() + 1) * 1_000_000;
    }

    /// What happens by itself: pods go that are deleted, become ready, become available.
    fn progress(&mut self) -> bool {
        for pod in self.pods() {
            let name = pod.metadata.name.clone().unwrap_or_default();
            let ready = pod.status.iter().flat_map(|status| status.conditions.iter().flatten()).next().is_some();
            if pod.metadata.deletion_timestamp.is_some() {
                self.remove(&name);
                return true;
            }
            if !ready && !self.stuck.contains(&name) {
                self.make_ready(&name);
                return true;
            }
        }
        false
    }

    /// Lets everything go on to the end.
    fn run(&mut self) {
        for _ in 0..1000 {
            self.settle();
            if !self.progress() {
                self.pass_min_ready();
                self.settle();
                if !self.progress() {
                    return;
                }
            }
        }
        panic!("the story does not end");
    }

    /// The next operation, if the controller does one now: with what has to happen by itself before.
    fn next(&mut self, of: &str) -> Option<(&'static str, String)> {
        self.settle();
        if self.operations.is_empty() && self.min_ready_seconds() > 0 {
            self.pass_min_ready();
            self.settle();
        }
        // A pod that comes back by its name must have gone.
        if self.operations.is_empty() && self.is_terminating(of) {
            self.remove(of);
            self.settle();
        }
        self.operations.pop_front()
    }

    /// Follows a story of the table step by step.
    fn follow(&mut self, operations: &Value, name: &str) {
        for step in operations.as_array().expect("operations") {
            let (op, pod) = (step["op"].as_str().expect("an operation"), step["pod"].as_str().unwrap_or_default());
            if matches!(op, "create" | "delete") {
                let got = self.next(pod);
                let got = got.as_ref().map(|(op, pod)| (*op, pod.as_str()));
                assert_eq!(got, Some((op, pod)), "{name}");
                continue;
            }
            // It waits: nothing is done before this has happened.
            self.settle();
            assert!(self.operations.is_empty(), "{name}: {:?} instead of waiting: {step}", self.operations);
            match op {
                "waitReady" => self.make_ready(pod),
                "waitAvailable" => {
                    self.pass_min_ready();
                }
                "waitGone" => {
                    assert!(self.is_terminating(pod), "{name}: {pod} is not going");
                    self.remove(pod);
                }
                other => panic!("{name}: nothing is known of {other}"),
            }
        }
        self.run();
        assert!(self.operations.is_empty(), "{name}: {:?} after the last", self.operations);
    }
}

fn names(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The fields of a spec that a case gives.
fn spec(case: &Value) -> Value {
    let mut spec = json!({});
    for field in ["podManagementPolicy", "minReadySeconds", "persistentVolumeClaimRetentionPolicy", "ordinals"] {
        if !case[field].is_null() {
            spec[field] = case[field].clone();
        }
    }
    if let Some(start) = case["startOrdinal"].as_i64().or(case["start"].as_i64()) {
        spec["ordinals"] = json!({ "start": start });
    }
    let strategy = case["updateStrategy"].as_str();
    if strategy == Some("OnDelete") {
        spec["updateStrategy"] = json!({ "type": "OnDelete" });
    } else {
        let mut rolling = json!({});
        for field in ["partition", "maxUnavailable"] {
            if !case[field].is_null() {
                rolling[field] = case[field].clone();
            }
        }
        spec["updateStrategy"] = json!({ "type": "RollingUpdate", "rollingUpdate": rolling });
    }
    spec
}

/// The set that the pods of a case are of.
fn set_name(case: &Value) -> String {
    let first = case["existing"].as_array().and_then(|pods| pods.first()).and_then(Value::as_str);
    first.and_then(identity::parse).map_or("web", |(parent, _)| parent).to_owned()
}

fn scenario(case: &Value, expect: &Value, name: &str) {
    let mut bench = Bench::new(&set_name(case), &spec(case));
    let (not_ready, failed) = (names(&case["notReady"]), names(&case["failed"]));
    let (succeeded, terminating) = (names(&case["succeeded"]), names(&case["terminating"]));
    let by_hand = case["deletedByUser"].as_str();
    for pod in names(&case["existing"]).into_iter().chain(by_hand.map(str::to_owned)) {
        let phase = if failed.contains(&pod) {
            "Failed"
        } else if succeeded.contains(&pod) {
            "Succeeded"
        } else {
            "Running"
        };
        bench.existing(&pod, phase, phase == "Running" && !not_ready.contains(&pod));
        if terminating.contains(&pod) {
            let mut leaving = bench.pod(&pod).expect("it was just put there");
            leaving.metadata.deletion_timestamp = Some(time::time(bench.observed.unix_micros));
            bench.observed.stores.insert(leaving.into_object());
        }
    }
    bench.stuck = not_ready;
    let count = bench.pods().len() as i32;
    bench.change(|set| {
        let status = set.status.get_or_insert_default();
        status.replicas = count;
        (status.current_replicas, status.updated_replicas) = (Some(count), Some(count));
        status.ready_replicas = Some(count);
    });
    bench.pass_min_ready();
    if case["templateChanged"] == true {
        bench.set_image("new");
    }
    bench.scale(case["replicas"].as_i64().expect("replicas"));
    if let Some(pod) = by_hand {
        // Somebody deletes it when all that the change of the template leads to is done.
        bench.run();
        bench.operations.clear();
        bench.remove(pod);
    }
    if let Some(operations) = expect.get("operations") {
        bench.follow(operations, name);
    } else {
        bench.run();
    }
    let status = bench.set().status.expect("a status");
    for (pod, which) in expect["revisionOf"].as_object().into_iter().flatten() {
        let revision = if which == "current" { &status.current_revision } else { &status.update_revision };
        let labels = bench.pod(pod).and_then(|pod| pod.metadata.labels).unwrap_or_default();
        assert_eq!(labels.get("controller-revision-hash"), revision.as_ref(), "{name}: {pod}");
    }
}

fn images(bench: &Bench) -> BTreeMap<String, String> {
    let image = |pod: &Pod| pod.spec.as_ref()?.containers.first()?.image.clone();
    bench
        .pods()
        .iter()
        .map(|pod| (pod.metadata.name.clone().unwrap_or_default(), image(pod).unwrap_or_default()))
        .collect()
}

/// A set whose claims are there with its pods.
fn with_claims(case: &Value, replicas: i64) -> Bench {
    let mut own = spec(case);
    own["volumeClaimTemplates"] = json!([{ "metadata": { "name": "www" }, "spec": {} }]);
    let mut bench = Bench::new(case["statefulSet"].as_str().unwrap_or("web"), &own);
    bench.scale(replicas);
    bench.run();
    bench
}

/// The pods whose claims go with an owner that is gone.
fn deleted_claims(bench: &Bench) -> Vec<String> {
    let lives = |uid: &str| bench.pods().iter().any(|pod| pod.metadata.uid.as_deref() == Some(uid));
    let set_lives = bench.set().metadata.deletion_timestamp.is_none();
    let mut deleted = Vec::new();
    for (key, claim) in bench.observed.stores.of(Kind::PersistentVolumeClaim).iter() {
        let owners = claim.meta().owner_references.as_deref().unwrap_or_default();
        let gone = |owner: &kubarium::api::OwnerReference| match owner.kind.as_str() {
            "Pod" => !lives(&owner.uid),
            _ => !set_lives,
        };
        if !owners.is_empty() && owners.iter().all(gone) {
            deleted.push(key.name.trim_start_matches("www-").to_owned());
        }
    }
    deleted
}

fn identity_and_claims(case: &Value, expect: &Value, name: &str) {
    if let Some(wanted) = expect.get("pvcsDeletedFor") {
        let scale: Vec<i64> = case["scale"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        let first = scale.first().copied().or(case["replicas"].as_i64()).unwrap_or(1);
        let mut bench = with_claims(case, first);
        for replicas in scale.iter().skip(1) {
            bench.scale(*replicas);
            bench.run();
        }
        if scale.is_empty() || case["delete"] == true || case["deleted"] == true {
            bench.change(|set| set.metadata.deletion_timestamp = Some(time::time(0)));
        }
        assert_eq!(json!(deleted_claims(&bench)), *wanted, "{name}");
        return;
    }
    let ordinal = case["ordinal"].as_i64().expect("an ordinal");
    let mut own = json!({ "serviceName": case["serviceName"] });
    let template = |claim: &Value| json!({ "metadata": { "name": claim }, "spec": {} });
    let claims: Vec<Value> = case["volumeClaimTemplates"].as_array().into_iter().flatten().map(template).collect();
    own["volumeClaimTemplates"] = json!(claims);
    let mut bench = Bench::new(case["statefulSet"].as_str().expect("a set"), &own);
    bench.scale(ordinal + 1);
    bench.run();
    let pod_name = expect["podName"].as_str().expect("a name");
    let pod = bench.pod(pod_name).unwrap_or_else(|| panic!("{name}: there is no {pod_name}"));
    let spec = pod.spec.clone().unwrap_or_default();
    let (hostname, subdomain) = (spec.hostname.unwrap_or_default(), spec.subdomain.unwrap_or_default());
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let text = |key: &str| expect[key].as_str().unwrap_or_default();
    assert_eq!((hostname.as_str(), subdomain.as_str()), (text("hostname"), text("subdomain")), "{name}");
    if expect.get("dns").is_some() {
        assert_eq!(format!("{hostname}.{subdomain}.{namespace}.svc.cluster.local"), text("dns"), "{name}");
    }
    let labels = pod.metadata.labels.unwrap_or_default();
    for (label, value) in expect["labels"].as_object().into_iter().flatten() {
        let own = labels.get(label).unwrap_or_else(|| panic!("{name}: it has no label {label}"));
        let wanted = value.as_str().expect("a label");
        match wanted.split_once("<hash>") {
            Some((before, _)) => assert!(own.starts_with(before) && own.len() > before.len(), "{name}: {own}"),
            None => assert_eq!(own, wanted, "{name}: {label}"),
        }
    }
    if let Some(claim) = expect["pvc"].as_str() {
        let key = ObjectKey::new(&namespace, claim);
        assert!(bench.observed.stores.of(Kind::PersistentVolumeClaim).get(&key).is_some(), "{name}: {claim}");
        let volumes = spec.volumes.unwrap_or_default();
        let used = volumes.iter().filter_map(|volume| volume.persistent_volume_claim.as_ref());
        assert!(used.into_iter().any(|source| source.claim_name == claim), "{name}: its volume is {claim}");
    }
}

#[test]
fn statefulset() {
    let table = read("statefulset");
    table.run(&["a"], |_, name, case, expect| {
        let limit: Option<IntOrString> = serde_json::from_value(case["maxUnavailable"].clone()).expect("a limit");
        let replicas = i32::try_from(case["replicas"].as_i64().expect("replicas")).expect("not many");
        let got = control::max_unavailable(limit.as_ref(), replicas);
        match expect.get("maxUnavailable") {
            Some(wanted) => assert_eq!(got.map(Value::from), Ok(wanted.clone()), "{name}"),
            None => assert!(got.is_err(), "{name}: {got:?}"),
        }
    });
    table.run(&["b"], |_, name, case, expect| {
        let mut bench = Bench::new("foo", &spec(case));
        bench.scale(case["replicas"].as_i64().expect("replicas"));
        bench.run();
        bench.set_image(case["update"]["image"].as_str().expect("an image"));
        bench.scale(case["update"]["replicas"].as_i64().expect("replicas"));
        bench.run();
        assert_eq!(json!(images(&bench)), expect["images"], "{name}");
    });
    table.run(&["c"], |_, name, case, expect| scenario(case, expect, name));
    table.run(&["d"], |_, name, case, expect| identity_and_claims(case, expect, name));
    table.done();
}
