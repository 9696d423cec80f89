//! What the tables of the corpus do not cover: time, marks, and budgets that cannot be counted.

use serde_json::{Value, json};

use super::DisruptionController;
use crate::api::{Body, Kind, Object, time};
use crate::controllers::controller::{Controller, Observed, WorkKey};
use crate::controllers::fake::{self, EPOCH_SECS};
use crate::controllers::plan::{Plan, Step};

fn object(kind: Kind, value: Value) -> Object {
    Object::from_value(kind, &value, &mut |field| panic!("unknown field {field}")).expect("an object")
}

fn pod(name: &str, extra: Value) -> Object {
    let mut value = json!({
        "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": "web"}},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    });
    if let (Value::Object(to), Value::Object(from)) = (&mut value["metadata"], extra) {
        to.extend(from);
    }
    object(Kind::Pod, value)
}

fn budget(spec: Value, status: Value) -> Object {
    let mut spec = spec;
    spec["selector"] = json!({"matchLabels": {"app": "web"}});
    let meta = json!({"name": "web", "namespace": "default", "generation": 1});
    object(Kind::PodDisruptionBudget, json!({"metadata": meta, "spec": spec, "status": status}))
}

fn reconcile(observed: &Observed, budget: &Object) -> Plan {
    DisruptionController.reconcile(&fake::turn(observed, WorkKey::new(budget.kind(), budget.key())))
}

/// The status that a plan writes.
fn written(plan: &Plan) -> Value {
    let writes = fake::writes(plan);
    let Body::Object(object) = &writes.last().expect("a write").request.body else { panic!("an object is written") };
    object.to_value()["status"].clone()
}

fn events(plan: &Plan) -> Vec<String> {
    let event = |step: &Step| match step {
        Step::Event(event) => Some(format!("{}: {}", event.reason, event.message)),
        _ => None,
    };
    plan.steps.iter().filter_map(event).collect()
}

fn date(offset_secs: i64) -> Value {
    serde_json::to_value(time::time((EPOCH_SECS + offset_secs) * 1_000_000)).expect("a date")
}

#[test]
fn an_evicted_pod_is_given_two_minutes_to_go() {
    let mut observed = fake::observed();
    observed.stores.insert(pod("a", json!({})));
    observed.stores.insert(pod("b", json!({})));
    let seen = budget(json!({"minAvailable": 1}), json!({"disruptedPods": {"a": date(-30), "gone": date(-30)}}));
    observed.stores.insert(seen.clone());
    let plan = reconcile(&observed, &seen);
    let status = written(&plan);
    assert_eq!((&status["currentHealthy"], &status["disruptionsAllowed"]), (&json!(1), &json!(0)));
    assert_eq!(status["disruptedPods"], json!({"a": date(-30)}));
    assert_eq!(plan.requeue_after.map(|after| after.as_secs()), Some(90));

    let seen = budget(json!({"minAvailable": 1}), json!({"disruptedPods": {"a": date(-121)}}));
    observed.stores.insert(seen.clone());
    let plan = reconcile(&observed, &seen);
    let status = written(&plan);
    assert_eq!((&status["currentHealthy"], &status["disruptionsAllowed"]), (&json!(2), &json!(1)));
    assert_eq!(status["disruptedPods"], Value::Null);
    assert_eq!(events(&plan), ["NotDeleted: Pod was expected by PDB default/default to be deleted but it wasn't"]);
    assert_eq!(status["conditions"][0]["reason"], "SufficientPods");
}

#[test]
fn a_status_that_is_right_is_not_written() {
    let mut observed = fake::observed();
    observed.stores.insert(pod("a", json!({})));
    let seen = budget(json!({"minAvailable": 1}), json!({}));
    observed.stores.insert(seen.clone());
    let status = written(&reconcile(&observed, &seen));
    let seen = budget(json!({"minAvailable": 1}), status);
    observed.stores.insert(seen.clone());
    assert!(reconcile(&observed, &seen).steps.is_empty());
}

#[test]
fn a_budget_that_cannot_be_counted_allows_nothing() {
    let mut observed = fake::observed();
    let owner = json!({"ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "j", "controller": true}]});
    observed.stores.insert(pod("a", owner));
    let seen = budget(json!({"maxUnavailable": 1}), json!({"disruptionsAllowed": 1}));
    observed.stores.insert(seen.clone());
    let plan = reconcile(&observed, &seen);
    let why = "jobs.batch does not implement the scale subresource";
    assert_eq!(
        events(&plan),
        [format!("CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: {why}")]
    );
    let status = written(&plan);
    assert_eq!(status["disruptionsAllowed"], 0);
    let condition = &status["conditions"][0];
    assert_eq!((&condition["reason"], &condition["message"]), (&json!("SyncFailed"), &json!(why)));
}

#[test]
fn an_owner_that_is_not_known_is_asked_for_its_scale() {
    let mut observed = fake::observed();
    let owner = json!({"ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "r", "controller": true}]});
    observed.stores.insert(pod("a", owner));
    let seen = budget(json!({"maxUnavailable": 1}), json!({}));
    observed.stores.insert(seen.clone());
    let plan = reconcile(&observed, &seen);
    assert_eq!(fake::lines(&plan), ["GET /apis/apps/v1/namespaces/default/replicasets/r/scale"]);
    let mut turn = fake::turn(&observed, WorkKey::new(seen.kind(), seen.key()));
    turn.phase = plan.then.expect("another look");
    let scale = json!({"metadata": {"uid": "r"}, "spec": {"replicas": 3}});
    let request = (*fake::writes(&plan)[0].request).clone();
    turn.answers = vec![fake::answer(request, Body::Json(scale.into()))];
    let status = written(&DisruptionController.reconcile(&turn));
    assert_eq!((&status["expectedPods"], &status["desiredHealthy"]), (&json!(3), &json!(2)));
}

#[test]
fn a_pod_that_was_to_go_and_did_not_loses_its_mark() {
    let mut observed = fake::observed();
    let mut marked = pod("a", json!({})).to_value();
    marked["status"]["conditions"] = json!([
        {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "lastTransitionTime": date(-100)},
    ]);
    let marked = object(Kind::Pod, marked);
    observed.stores.insert(marked.clone());
    let wishes = DisruptionController.on_change(&fake::change(None, Some(&marked)), &observed);
    assert_eq!(wishes[0].after.as_secs(), 20);
    let key = wishes[0].key.clone();
    assert_eq!(DisruptionController.reconcile(&fake::turn(&observed, key.clone())).steps, []);
    observed.unix_micros += 20_000_000;
    let plan = DisruptionController.reconcile(&fake::turn(&observed, key));
    let condition = &written(&plan)["conditions"][0];
    assert_eq!((&condition["status"], &condition["reason"]), (&json!("False"), &Value::Null));
}

#[test]
fn several_budgets_are_told_of() {
    let mut observed = fake::observed();
    let lone = pod("a", json!({}));
    observed.stores.insert(lone.clone());
    for name in ["one", "two"] {
        let mut value = budget(json!({"minAvailable": 1}), json!({})).to_value();
        value["metadata"]["name"] = json!(name);
        observed.stores.insert(object(Kind::PodDisruptionBudget, value));
    }
    let wishes = DisruptionController.on_change(&fake::change(None, Some(&lone)), &observed);
    assert_eq!((wishes.len(), &*wishes[0].key.key.name), (2, "one"));
    let plan = DisruptionController.reconcile(&fake::turn(&observed, wishes[1].key.clone()));
    assert_eq!(
        events(&plan),
        [
            r#"MultiplePodDisruptionBudgets: Pod "default"/"a" matches multiple PodDisruptionBudgets.  Chose "one" arbitrarily."#
        ]
    );
}
