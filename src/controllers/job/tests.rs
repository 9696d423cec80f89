use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::controllers::fake;
use crate::controllers::owners::controller_ref;

fn object(kind: Kind, value: &serde_json::Value) -> Object {
    let mut object = Object::from_value(kind, value, &mut |_| {}).expect("it is one");
    (kind.info().default)(&mut object);
    object
}

fn pod(name: &str, app: &str) -> Object {
    let meta = json!({ "name": name, "namespace": "default", "uid": name, "labels": { "app": app } });
    let spec = json!({ "containers": [{ "name": "main", "image": "busybox" }], "restartPolicy": "Never" });
    object(Kind::Pod, &json!({ "metadata": meta, "spec": spec, "status": { "phase": "Running" } }))
}

/// A Job that wants one success, and what its controller is told.
fn bench() -> (JobController, Observed, Object) {
    let mut observed = fake::observed();
    let spec = json!({
        "manualSelector": true, "selector": { "matchLabels": { "app": "pi" } },
        "template": {
            "metadata": { "labels": { "app": "pi" } },
            "spec": { "containers": [{ "name": "main", "image": "busybox" }], "restartPolicy": "Never" },
        },
    });
    let meta = json!({ "name": "pi", "namespace": "default", "uid": "job" });
    let job = object(Kind::Job, &json!({ "metadata": meta, "spec": spec }));
    observed.stores.insert(job.clone());
    (JobController::default(), observed, job)
}

fn see(controller: &mut JobController, observed: &mut Observed, pod: &Object) {
    observed.stores.insert(pod.clone());
    controller.on_change(&fake::change(None, Some(pod)), observed);
}

#[test]
fn it_looks_at_itself_before_it_adopts_and_goes_on_with_the_pod() {
    let (mut controller, mut observed, job) = bench();
    let orphan = pod("orphan", "pi");
    see(&mut controller, &mut observed, &orphan);
    let mut turn = fake::turn(&observed, work(job.key()));
    let plan = controller.reconcile(&turn);
    assert_eq!(fake::lines(&plan), ["GET /apis/batch/v1/namespaces/default/jobs/pi"]);

    // It is being deleted by now: nothing is adopted.
    let mut leaving = job.clone();
    leaving.meta_mut().deletion_timestamp = Some(crate::api::time::time(observed.unix_micros));
    let mut late = turn.clone();
    late.phase = plan.then.expect("it goes on");
    late.answers = fake::answers(&plan, &[&leaving]);
    assert_eq!(controller.reconcile(&late).error.as_deref(), Some("default/pi has just been deleted"));

    turn.phase = plan.then.expect("it goes on");
    turn.answers = fake::answers(&plan, &[&job]);
    let plan = controller.reconcile(&turn);
    assert_eq!(fake::lines(&plan), ["PATCH /api/v1/namespaces/default/pods/orphan"]);
    let patch = (*fake::writes(&plan)[0].request).clone();
    let Body::Json(body) = &patch.body else { panic!("a patch") };
    assert_eq!(body.pointer("/metadata/finalizers"), Some(&json!([FINALIZER])));

    let mut adopted = orphan;
    adopted.meta_mut().owner_references = Some(vec![controller_ref(&job)]);
    adopted.meta_mut().finalizers = Some(vec![FINALIZER.to_owned()]);
    turn.phase = plan.then.expect("it goes on");
    turn.answers.push(fake::answer(patch, Body::Object(Arc::new(adopted))));
    let plan = controller.reconcile(&turn);
    assert_eq!(plan.summary, "wants 1 successes, sees 0 and 1 active pods");
    assert_eq!(fake::lines(&plan), ["PUT /apis/batch/v1/namespaces/default/jobs/pi/status"]);
}

#[test]
fn a_pod_it_no_longer_picks_is_let_go_and_replaced_in_one_sync() {
    let (mut controller, mut observed, job) = bench();
    let mut stranger = pod("stranger", "other");
    stranger.meta_mut().owner_references = Some(vec![controller_ref(&job)]);
    stranger.meta_mut().finalizers = Some(vec![FINALIZER.to_owned()]);
    see(&mut controller, &mut observed, &stranger);
    let mut turn = fake::turn(&observed, work(job.key()));
    let plan = controller.reconcile(&turn);
    assert_eq!(fake::lines(&plan), ["PATCH /api/v1/namespaces/default/pods/stranger"]);
    turn.phase = plan.then.expect("it goes on");
    turn.answers = fake::answers(&plan, &[]);
    let plan = controller.reconcile(&turn);
    assert_eq!(fake::lines(&plan), ["POST /api/v1/namespaces/default/pods"]);
}
