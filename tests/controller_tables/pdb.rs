//! Disruption budgets: what the controller counts, and what an eviction hears.

use kubarium::api::{Body, Kind, Object, disruption};
use kubarium::controllers::disruption::DisruptionController;
use kubarium::controllers::{Controller, Plan, Step, WorkKey, fake};
use serde_json::{Value, json};

use super::{read, texts::fits};

fn object(kind: Kind, value: Value) -> Object {
    Object::from_value(kind, &value, &mut |field| panic!("unknown field {field}")).expect("an object")
}

fn budget(case: &Value) -> Object {
    let mut spec = json!({"selector": {}});
    for field in ["minAvailable", "maxUnavailable"] {
        if !case[field].is_null() {
            spec[field] = case[field].clone();
        }
    }
    let meta = json!({"name": "b", "namespace": "default", "generation": 1});
    object(Kind::PodDisruptionBudget, json!({"metadata": meta, "spec": spec}))
}

/// The status the controller writes, and how often it tells of unmanaged pods.
fn status(case: &Value) -> (Value, usize) {
    let plan = plan(case);
    let told = plan.steps.iter().filter(|step| step.to_string().starts_with("event UnmanagedPods")).count();
    let writes = fake::writes(&plan);
    let Body::Object(written) = &writes.last().expect("a status is written").request.body else {
        panic!("the budget is written");
    };
    (written.to_value()["status"].clone(), told)
}

/// The events about a budget: type, reason, message.
fn events(case: &Value) -> Vec<(String, String, String)> {
    let of = |step: &Step| match step {
        Step::Event(event) => Some((event.kind.as_str().to_owned(), event.reason.to_owned(), event.message.clone())),
        _ => None,
    };
    plan(case).steps.iter().filter_map(of).collect()
}

/// One sync of a budget.
fn plan(case: &Value) -> Plan {
    let mut observed = fake::observed();
    let budget = budget(case);
    observed.stores.insert(budget.clone());
    let count = |field: &str| case[field].as_u64().unwrap_or(0);
    let owners: Vec<(String, String, u64)> = case["controllers"]
        .as_array()
        .expect("a list of controllers")
        .iter()
        .enumerate()
        .map(|(index, owner)| {
            let kind = owner["kind"].as_str().expect("a kind").to_owned();
            let replicas = owner["replicas"].as_u64().expect("replicas");
            (kind, format!("owner-{index}"), replicas)
        })
        .collect();
    for (kind, name, replicas) in &owners {
        let id = match kind.as_str() {
            "Deployment" => Kind::Deployment,
            "ReplicaSet" => Kind::ReplicaSet,
            "ReplicationController" => Kind::ReplicationController,
            "StatefulSet" => Kind::StatefulSet,
            other => panic!("no finder knows a {other}"),
        };
        let meta = json!({"name": name, "namespace": "default", "uid": name});
        let mut spec = json!({"replicas": replicas});
        if !matches!(id, Kind::ReplicationController) {
            spec["selector"] = json!({});
        }
        if matches!(id, Kind::Deployment | Kind::StatefulSet) {
            spec["template"] = json!({});
        }
        observed.stores.insert(object(id, json!({"metadata": meta, "spec": spec})));
        if id == Kind::Deployment {
            // Its pods are those of a ReplicaSet.
            let above = json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true}]);
            let own = format!("{name}-set");
            let meta = json!({"name": own, "namespace": "default", "uid": own, "ownerReferences": above});
            let spec = json!({"replicas": replicas, "selector": {}});
            observed.stores.insert(object(Kind::ReplicaSet, json!({"metadata": meta, "spec": spec})));
        }
    }
    // The owners' pods first, one owner after another; what is left over has none.
    let mut free: Vec<(&String, &String, u64)> = owners.iter().map(|(kind, name, many)| (kind, name, *many)).collect();
    let matching = count("matchingPods");
    let healthy = case["healthyPods"].as_u64().unwrap_or(matching);
    for index in 0..matching {
        let mut meta = json!({"name": format!("pod-{index}"), "namespace": "default"});
        if let Some((kind, name, left)) = free.iter_mut().find(|(_, _, left)| *left > 0) {
            *left -= 1;
            let version = if *kind == "ReplicationController" { "v1" } else { "apps/v1" };
            let (kind, name) = match kind.as_str() {
                "Deployment" => ("ReplicaSet", format!("{name}-set")),
                kind => (kind, (*name).clone()),
            };
            meta["ownerReferences"] =
                json!([{"apiVersion": version, "kind": kind, "name": name, "uid": name, "controller": true}]);
        }
        let ready = if index < healthy { "True" } else { "False" };
        let status = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]});
        observed.stores.insert(object(Kind::Pod, json!({"metadata": meta, "status": status})));
    }
    let turn = fake::turn(&observed, WorkKey::new(budget.kind(), budget.key()));
    DisruptionController.reconcile(&turn)
}

/// A budget that allows nothing, and what an eviction is answered.
fn refusal(status: Value) -> Option<String> {
    let mut value = budget(&json!({"minAvailable": 3})).to_value();
    value["status"] = status;
    disruption::refusal(object(Kind::PodDisruptionBudget, value).expect())
}

/// What is said: in conditions, in events, to an eviction.
fn texts(name: &str, expect: &Value) {
    let text = |key: &str| expect[key].as_str().unwrap_or_default();
    if text("type") == "DisruptionAllowed" {
        let pods = if expect["status"] == "True" { 2 } else { 0 };
        let case = json!({"minAvailable": 1, "controllers": [], "matchingPods": pods});
        let condition = &status(&case).0["conditions"][0];
        for (field, wanted) in expect.as_object().expect("an object") {
            assert_eq!(&condition[field], wanted, "{name}: {field}");
        }
        return;
    }
    if ["Normal", "Warning"].contains(&text("type")) {
        let cases = [
            json!({"minAvailable": 1, "controllers": [], "matchingPods": 0}),
            json!({"minAvailable": "50%", "controllers": [], "matchingPods": 1}),
        ];
        let events: Vec<_> = cases.iter().flat_map(events).collect();
        let (kind, reason) = (text("type"), text("reason"));
        let found = events.iter().any(|said| said.0 == kind && said.1 == reason && fits(text("message"), &said.2));
        assert!(found, "{name}: {expect} is not among {events:?}");
        return;
    }
    if expect["causes"].is_null() {
        assert_eq!(disruption::SEVERAL, expect["message"], "{name}");
        return;
    }
    assert_eq!(disruption::REFUSED, expect["message"], "{name}");
    let refused = refusal(json!({"desiredHealthy": 3, "currentHealthy": 2, "observedGeneration": 1}));
    let wanted = expect["causes"][0]["message"].as_str().expect("a message");
    assert!(fits(wanted, &refused.expect("it is refused")), "{name}");
}

#[test]
fn pdb() {
    let table = read("pdb");
    table.run(&["a", "b"], |_, name, case, expect| {
        let (found, unmanaged) = status(case);
        for (field, wanted) in expect.as_object().expect("an object") {
            match field.as_str() {
                "unmanagedPods" => assert_eq!(unmanaged, 1, "{name}"),
                field => assert_eq!(&found[field], wanted, "{name}: {field}"),
            }
        }
    });
    table.run(&["c"], |_, name, _, expect| texts(name, expect));
    table.done();
}
