//! ReplicaSets: which pods go first.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use serde_json::Value;

use kubarium::api::{Typed, time};
use kubarium::controllers::pods;
use kubarium::controllers::replicaset::victims;

use super::{read, tables::Table};

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn date(value: &Value) -> Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time> {
    let date: jiff::Timestamp = value.as_str()?.parse().expect("a date as RFC 3339 has it");
    Some(time::time(date.as_microsecond()))
}

/// A pod as the corpus describes one.
fn pod(name: &str, case: &Value) -> Pod {
    let mut pod = Pod::default();
    pod.metadata.name = Some(name.to_owned());
    pod.metadata.namespace = Some("default".to_owned());
    pod.metadata.creation_timestamp = date(&case["created"]);
    pod.metadata.annotations = case["annotations"]
        .as_object()
        .map(|annotations| annotations.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect());
    pod.spec.get_or_insert_default().node_name = text(&case["nodeName"]);
    let status = pod.status.get_or_insert_default();
    status.phase = text(&case["phase"]);
    if case["ready"] == true {
        status.conditions = Some(vec![PodCondition {
            type_: "Ready".to_owned(),
            status: "True".to_owned(),
            last_transition_time: date(&case["readySince"]),
            ..PodCondition::default()
        }]);
    }
    let restarts: Vec<i64> = match &case["restarts"] {
        Value::Array(counts) => counts.iter().filter_map(Value::as_i64).collect(),
        count => count.as_i64().into_iter().collect(),
    };
    let container = |count: i64| ContainerStatus { restart_count: count as i32, ..ContainerStatus::default() };
    status.container_statuses = Some(restarts.into_iter().map(container).collect());
    pod
}

fn now(table: &Table) -> i64 {
    date(&table.root["now"]).as_ref().map(time::unix_micros).expect("the table says what time it is")
}

#[test]
fn replicaset_victims() {
    let table = read("replicaset-victims");
    let now = now(&table);
    let named = |key: &Value| {
        let name = key.as_str().expect("a pod is named");
        Arc::new(pod(name, &table.root["podsA"][name]).into_object())
    };
    let all = |list: &Value| list.as_array().map(|list| list.iter().map(named).collect::<Vec<_>>());
    table.run(&["a"], |_, name, case, expect| {
        let active = all(&case["pods"]).expect("pods");
        let related = all(&case["relatedPods"]).unwrap_or_else(|| active.clone());
        let count = case["delete"].as_u64().expect("a count") as usize;
        let got: Vec<Value> =
            victims::choose(&active, &related, count, now).iter().map(|pod| Value::from(pod.name())).collect();
        assert_eq!(Value::from(got), expect["victims"], "{name}");
    });
    table.run(&["b", "c"], |_, name, case, expect| {
        let side = |key: &str| {
            let pod_name = case[key]["pod"].as_str().expect("a pod is named");
            (pod(pod_name, &table.root["podsB"][pod_name]), case[key]["rank"].as_u64().expect("a rank") as u32)
        };
        let ((first, first_rank), (second, second_rank)) = (side("first"), side("second"));
        let got = victims::compare(&first, first_rank, &second, second_rank, now);
        let wanted = match expect["deletedFirst"].as_str() {
            None => std::cmp::Ordering::Equal,
            Some(pod) if Some(pod) == first.metadata.name.as_deref() => std::cmp::Ordering::Less,
            Some(_) => std::cmp::Ordering::Greater,
        };
        assert_eq!(got, wanted, "{name}");
        assert_eq!(victims::compare(&second, second_rank, &first, first_rank, now), wanted.reverse(), "{name}");
    });
    table.run(&["d"], |_, name, case, expect| {
        let mut pods: Vec<Pod> = case["pods"]
            .as_array()
            .expect("pods")
            .iter()
            .map(|case| pod(case["name"].as_str().expect("a name"), case))
            .collect();
        pods.reverse();
        pods.sort_by(|a, b| victims::compare(a, 0, b, 0, now));
        let got: Vec<Value> = pods.iter().map(|pod| Value::from(pod.metadata.name.clone())).collect();
        assert_eq!(Value::from(got), expect["order"], "{name}");
    });
    table.run(&["e"], |_, name, case, expect| {
        let mut wanted: Vec<&str> =
            expect["active"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
        let rows = case.get("pods").or_else(|| case.get("replicaSets")).and_then(Value::as_object).expect("rows");
        let active = |value: &Value| match value {
            Value::String(phase) => pods::is_active(&pod("x", &serde_json::json!({ "phase": phase }))),
            count => count.as_i64() > Some(0),
        };
        let mut got: Vec<&str> =
            rows.iter().filter(|(_, value)| active(value)).map(|(name, _)| name.as_str()).collect();
        got.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(got, wanted, "{name}");
    });
    table.done();
}
