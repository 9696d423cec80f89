use serde_json::json;

use super::*;
use crate::api::{Body, Typed};
use crate::controllers::fake;

fn bench(replicas: i32) -> (StatefulSetController, Observed, WorkKey) {
    let value = json!({
        "metadata": { "name": "web", "namespace": "default", "uid": "set", "generation": 1 },
        "spec": {
            "serviceName": "nginx", "replicas": replicas, "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": { "containers": [{ "name": "main", "image": "nginx" }] },
            },
            "volumeClaimTemplates": [{ "metadata": { "name": "www" }, "spec": {} }],
        },
    });
    let mut set = Object::from_value(Kind::StatefulSet, &value, &mut |_| {}).expect("a StatefulSet");
    (Kind::StatefulSet.info().default)(&mut set);
    let key = WorkKey::new(Kind::StatefulSet, set.key());
    let mut observed = fake::observed();
    observed.stores.insert(set);
    (StatefulSetController::default(), observed, key)
}

/// What it plans once its revision is stored.
fn planned(controller: &mut StatefulSetController, observed: &mut Observed, key: &WorkKey) -> Plan {
    let plan = controller.reconcile(&fake::turn(observed, key.clone()));
    assert_eq!(fake::lines(&plan), ["POST /apis/apps/v1/namespaces/default/controllerrevisions"]);
    let Body::Object(revision) = &fake::writes(&plan)[0].request.body else { panic!("a revision is created") };
    let mut revision = (**revision).clone();
    revision.meta_mut().uid = Some("revision".to_owned());
    observed.stores.insert(revision);
    controller.reconcile(&fake::turn(observed, key.clone()))
}

#[test]
fn the_first_pod_comes_alone_after_its_claim_and_is_announced() {
    let (mut controller, mut observed, key) = bench(3);
    let plan = planned(&mut controller, &mut observed, &key);
    let paths = ["POST /api/v1/namespaces/default/persistentvolumeclaims", "POST /api/v1/namespaces/default/pods"];
    assert_eq!(fake::lines(&plan), paths);
    let said: Vec<&str> =
        fake::writes(&plan).iter().filter_map(|write| Some(write.announce.as_ref()?.message.as_str())).collect();
    let words = [
        "create Claim www-web-0 Pod web-0 in StatefulSet web success",
        "create Pod web-0 in StatefulSet web successful",
    ];
    assert_eq!(said, words);
    assert_eq!(plan.then, Some(STATUS));
}

#[test]
fn a_name_that_is_taken_by_another_template_is_a_collision() {
    let (mut controller, mut observed, key) = bench(0);
    let plan = controller.reconcile(&fake::turn(&observed, key.clone()));
    let Body::Object(wanted) = &fake::writes(&plan)[0].request.body else { panic!("a revision is created") };
    let mut other = (**wanted).clone();
    if let Object::ControllerRevision(revision) = &mut other {
        revision.metadata.owner_references = None;
        revision.metadata.labels = None;
        revision.data = None;
    }
    observed.stores.insert(other);
    let again = controller.reconcile(&fake::turn(&observed, key));
    let Body::Object(next) = &fake::writes(&again)[0].request.body else { panic!("a revision is created") };
    assert_ne!(next.name(), wanted.name());
}

#[test]
fn an_orphan_of_its_name_is_adopted() {
    let (mut controller, mut observed, key) = bench(1);
    planned(&mut controller, &mut observed, &key);
    let mut pod = Pod::default();
    pod.metadata.name = Some("web-0".to_owned());
    pod.metadata.namespace = Some("default".to_owned());
    pod.metadata.uid = Some("p".to_owned());
    pod.metadata.labels = Some([("app".to_owned(), "web".to_owned())].into());
    let pod = pod.into_object();
    observed.stores.insert(pod.clone());
    controller.on_change(&fake::change(None, Some(&pod)), &observed);
    let mut turn = fake::turn(&observed, key.clone());
    let plan = controller.reconcile(&turn);
    assert_eq!(fake::lines(&plan), ["GET /apis/apps/v1/namespaces/default/statefulsets/web"]);
    let set = observed.stores.of(Kind::StatefulSet).get(&key.key).expect("it was put there").clone();
    turn.phase = plan.then.expect("it goes on");
    turn.answers = fake::answers(&plan, &[&set]);
    let plan = controller.reconcile(&turn);
    assert_eq!(fake::lines(&plan), ["PATCH /api/v1/namespaces/default/pods/web-0"]);
    // It goes on with the pod in the same sync.
    let mut adopted = pod;
    adopted.meta_mut().owner_references = Some(vec![crate::controllers::owners::controller_ref(&set)]);
    turn.phase = plan.then.expect("it goes on");
    turn.answers.push(fake::answer((*fake::writes(&plan)[0].request).clone(), Body::Object(Arc::new(adopted))));
    let plan = controller.reconcile(&turn);
    assert!(plan.summary.starts_with("wants 1, sees 1 pod"), "{}", plan.summary);
}
