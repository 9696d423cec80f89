//! Disruption budgets: what the controller counts, and what an eviction hears.

use kubarium::api::{Body, Kind, Object, disruption};
use kubarium::controllers::disruption::DisruptionController;
use kubarium::controllers::{Controller, WorkKey, fake};
use serde_json::{Value, json};

use super::tables::Table;

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

/// The status the controller writes, and how many pods it calls unmanaged.
fn status(case: &Value) -> (Value, usize) {
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
            meta["ownerReferences"] =
                json!([{"apiVersion": version, "kind": kind, "name": name, "uid": name, "controller": true}]);
        }
        let ready = if index < healthy { "True" } else { "False" };
        let status = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]});
        observed.stores.insert(object(Kind::Pod, json!({"metadata": meta, "status": status})));
    }
    let turn = fake::turn(&observed, WorkKey::new(budget.kind(), budget.key()));
    let plan = DisruptionController.reconcile(&turn);
    let told = plan.steps.iter().filter(|step| step.to_string().starts_with("event UnmanagedPods")).count();
    let writes = fake::writes(&plan);
    let Body::Object(written) = &writes.last().expect("a status is written").request.body else {
        panic!("the budget is written");
    };
    (written.to_value()["status"].clone(), told)
}

#[test]
fn pdb() {
    let table = Table::read("controllers", "pdb");
    table.run(&["a", "b"], |_, name, case, expect| {
        let (found, unmanaged) = status(case);
        for (field, wanted) in expect.as_object().expect("an object") {
            match field.as_str() {
                "unmanagedPods" => assert_eq!(unmanaged, 1, "{name}"),
                field => assert_eq!(&found[field], wanted, "{name}: {field}"),
            }
        }
    });
    table.run(&["c"], |_, name, _, expect| match name {
        "eviction refused" => {
            let counts = json!({"desiredHealthy": 3, "currentHealthy": 2});
            let mut value = budget(&json!({"minAvailable": 3})).to_value();
            value["status"] = counts;
            let refused = disruption::refusal(object(Kind::PodDisruptionBudget, value).expect());
            let wanted = expect["causes"][0]["message"].as_str().expect("a message");
            let wanted =
                wanted.replace("<name>", "b").replace("<desiredHealthy>", "3").replace("<currentHealthy>", "2");
            assert_eq!(refused, Some(wanted));
            assert_eq!(disruption::REFUSED, expect["message"]);
        }
        "DisruptionAllowed condition false" => {
            let case = json!({"minAvailable": 1, "controllers": [], "matchingPods": 0});
            let condition = &status(&case).0["conditions"][0];
            for (field, wanted) in expect.as_object().expect("an object") {
                assert_eq!(&condition[field], wanted, "{field}");
            }
        }
        "two budgets on one pod" => assert_eq!(disruption::SEVERAL, expect["message"]),
        other => panic!("{other} is not known"),
    });
    table.done();
}
