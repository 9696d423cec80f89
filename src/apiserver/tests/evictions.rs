//! Evictions and the budgets that stand against them.

use serde_json::{Value, json};

use super::World;
use super::harness::{PODS, pod, said, value};

const BUDGETS: &str = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";

/// A pod in this phase, ready or not.
fn place(world: &mut World, name: &str, phase: &str, ready: bool) {
    let mut pod = pod(name);
    pod["metadata"]["labels"] = json!({"app": "web"});
    assert_eq!(world.post(PODS, pod).code, 201);
    let ready = if ready { "True" } else { "False" };
    let target = json!({"metadata": {"name": name}, "target": {"kind": "Node", "name": "node-a"}});
    assert_eq!(world.post(&format!("{PODS}/{name}/binding"), target).code, 201);
    let status = json!({"status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready}]}});
    assert_eq!(world.merge(&format!("{PODS}/{name}/status"), status).code, 200);
}

/// A budget whose controller has counted so many pods.
fn budget(world: &mut World, name: &str, spec: Value, (healthy, desired, allowed): (i32, i32, i32)) {
    let mut spec = spec;
    spec["selector"] = json!({"matchLabels": {"app": "web"}});
    let made = json!({"metadata": {"name": name}, "spec": spec});
    assert_eq!(world.post(BUDGETS, made).code, 201);
    let status = json!({"status": {
        "currentHealthy": healthy, "desiredHealthy": desired, "disruptionsAllowed": allowed, "expectedPods": healthy,
        "observedGeneration": 1,
    }});
    assert_eq!(world.merge(&format!("{BUDGETS}/{name}/status"), status).code, 200);
}

fn evict(world: &mut World, name: &str, options: Value) -> std::sync::Arc<crate::api::Response> {
    let body = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"},
        "deleteOptions": options,
    });
    world.post(&format!("{PODS}/{name}/eviction"), body)
}

#[test]
fn a_budget_gives_its_disruptions_away_one_by_one() {
    let mut world = World::new();
    for name in ["a", "b"] {
        place(&mut world, name, "Running", true);
    }
    budget(&mut world, "web", json!({"minAvailable": 1}), (2, 1, 1));
    assert_eq!(evict(&mut world, "a", json!({})).code, 201);
    let gone = value(&world.get(&format!("{PODS}/a")));
    assert!(gone["metadata"]["deletionTimestamp"].is_string());
    let conditions = gone["status"]["conditions"].as_array().expect("conditions");
    let target = conditions.iter().find(|condition| condition["type"] == "DisruptionTarget").expect("marked");
    assert_eq!(
        (&target["reason"], &target["message"]),
        (&json!("EvictionByEvictionAPI"), &json!("Eviction API: evicting"))
    );
    let left = value(&world.get(&format!("{BUDGETS}/web")));
    assert_eq!(left["status"]["disruptionsAllowed"], 0);
    assert!(left["status"]["disruptedPods"]["a"].is_string());
    assert_eq!(left["status"]["conditions"][0]["reason"], "InsufficientPods");
    let refused = evict(&mut world, "b", json!({}));
    assert_eq!(
        said(&refused),
        "429 TooManyRequests: Cannot evict pod as it would violate the pod's disruption budget."
    );
    let details = refused.status().and_then(|status| status.details.clone()).expect("details");
    let cause = &details.causes.expect("causes")[0];
    assert_eq!(cause.reason.as_deref(), Some("DisruptionBudget"));
    assert_eq!(
        cause.message.as_deref(),
        Some("The disruption budget web does not allow evicting pods currently"),
        "it counts two healthy pods until its controller looks again"
    );
    assert_eq!(details.retry_after_seconds, None);
    assert_eq!(world.get(&format!("{PODS}/b")).code, 200);
}

#[test]
fn what_a_budget_says_when_it_refuses() {
    for (healthy, desired, observed, expected) in [
        (1, 1, 1, "The disruption budget web needs 1 healthy pods and has 1 currently"),
        (2, 1, 0, "The disruption budget web is still being processed by the server."),
    ] {
        let mut world = World::new();
        place(&mut world, "a", "Running", true);
        budget(&mut world, "web", json!({"minAvailable": 1}), (healthy, desired, 0));
        let status = json!({"status": {"observedGeneration": observed}});
        world.merge(&format!("{BUDGETS}/web/status"), status);
        let refused = evict(&mut world, "a", json!({}));
        let details = refused.status().and_then(|status| status.details.clone()).expect("details");
        assert_eq!(details.causes.expect("causes")[0].message.as_deref(), Some(expected));
        assert_eq!(details.retry_after_seconds, (observed == 0).then_some(10));
    }
}

#[test]
fn pods_that_serve_nobody_go_past_the_budget() {
    for (phase, ready, spec, counts, code) in [
        ("Pending", false, json!({"minAvailable": 1}), (0, 1, 0), 201),
        ("Failed", false, json!({"minAvailable": 1}), (0, 1, 0), 201),
        // An unhealthy pod of a healthy application may go, one of a disrupted application may not.
        ("Running", false, json!({"minAvailable": 1}), (1, 1, 0), 201),
        ("Running", false, json!({"minAvailable": 2}), (1, 2, 0), 429),
        ("Running", false, json!({"minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow"}), (1, 2, 0), 201),
        ("Running", true, json!({"minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow"}), (1, 2, 0), 429),
    ] {
        let mut world = World::new();
        place(&mut world, "a", phase, ready);
        let what = format!("{phase} {ready} {spec}");
        budget(&mut world, "web", spec, counts);
        assert_eq!(evict(&mut world, "a", json!({})).code, code, "{what}");
    }
}

#[test]
fn two_budgets_are_one_too_many() {
    let mut world = World::new();
    place(&mut world, "a", "Running", true);
    budget(&mut world, "one", json!({"minAvailable": 0}), (1, 0, 1));
    budget(&mut world, "two", json!({"minAvailable": 0}), (1, 0, 1));
    let answer = evict(&mut world, "a", json!({}));
    assert_eq!(answer.code, 500);
    assert_eq!(
        value(&answer)["message"],
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    );
}

#[test]
fn a_dry_run_and_a_precondition_leave_all_as_it_is() {
    let mut world = World::new();
    place(&mut world, "a", "Running", true);
    budget(&mut world, "web", json!({"minAvailable": 0}), (1, 0, 1));
    let before = world.server().cache().revision();
    assert_eq!(evict(&mut world, "a", json!({"dryRun": ["All"]})).code, 201);
    assert_eq!(world.server().cache().revision(), before);
    let version = json!({"preconditions": {"resourceVersion": "1"}});
    assert_eq!(evict(&mut world, "a", version).code, 409, "the pod has another version");
    assert_eq!(said(&evict(&mut world, "b", json!({}))), "404 NotFound: pods \"b\" not found");
    let other = json!({"metadata": {"name": "b"}});
    assert_eq!(
        said(&world.post(&format!("{PODS}/a/eviction"), other)),
        "400 BadRequest: name in URL does not match name in Eviction object"
    );
}

#[test]
fn a_status_is_validated_as_a_status() {
    let mut world = World::new();
    budget(&mut world, "web", json!({"minAvailable": 0}), (1, 0, 1));
    assert_eq!(
        said(&world.merge(&format!("{BUDGETS}/web/status"), json!({"status": {"currentHealthy": -1}}))),
        "422 Invalid: PodDisruptionBudget.policy \"web\" is invalid: status.currentHealthy: Invalid value: -1: must be greater than or equal to 0"
    );
}

#[test]
fn a_pod_that_is_another_by_now_is_not_marked() {
    let mut world = World::new();
    place(&mut world, "a", "Running", true);
    let own = value(&world.get(&format!("{PODS}/a")))["metadata"]["uid"].as_str().expect("a uid").to_owned();
    let answer = evict(&mut world, "a", json!({"preconditions": {"uid": "other"}}));
    assert_eq!(
        said(&answer),
        format!(
            "409 Conflict: Operation cannot be fulfilled on Pod \"a\": the UID in the precondition (other) does not match the UID in record ({own}). The object might have been deleted and then recreated"
        )
    );
}
