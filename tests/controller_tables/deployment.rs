//! Deployments: the arithmetic of rollouts, proportional scaling, and status.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentCondition, DeploymentStatus, DeploymentStrategy, ReplicaSet, ReplicaSetStatus,
    RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use kubarium::api::{Object, Typed, time};
use kubarium::controllers::deployment::status::PROGRESSING;
use kubarium::controllers::deployment::{self, Sync, annotations, desired, limits, replicas};
use kubarium::controllers::{fake, owners};

use super::{deployment_said, read, tables::Table};

fn int_or_string(value: &Value) -> Option<IntOrString> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(IntOrString::String(text.clone())),
        number => Some(IntOrString::Int(int(number))),
    }
}

fn int(value: &Value) -> i32 {
    value.as_i64().map(|number| number as i32).unwrap_or_else(|| panic!("a whole number, not {value}"))
}

/// The labels of every template here.
fn labels() -> Option<std::collections::BTreeMap<String, String>> {
    template("").metadata.and_then(|meta| meta.labels)
}

pub fn template(image: &str) -> PodTemplateSpec {
    let mut template = PodTemplateSpec::default();
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert("app".to_owned(), "web".to_owned());
    let container = Container { name: "web".to_owned(), image: Some(image.to_owned()), ..Container::default() };
    template.spec = Some(PodSpec { containers: vec![container], ..PodSpec::default() });
    template
}

/// A Deployment `web` with a strategy read from a case.
pub fn deployment(replicas: i32, max_surge: &Value, max_unavailable: &Value) -> Deployment {
    let mut deployment = Deployment::default();
    deployment.metadata.name = Some("web".to_owned());
    deployment.metadata.namespace = Some("default".to_owned());
    deployment.metadata.uid = Some("d".to_owned());
    deployment.metadata.generation = Some(1);
    let spec = deployment.spec.get_or_insert_default();
    spec.replicas = Some(replicas);
    spec.progress_deadline_seconds = Some(600);
    spec.revision_history_limit = Some(10);
    spec.selector = LabelSelector { match_labels: labels(), ..LabelSelector::default() };
    spec.template = template("nginx:2");
    spec.strategy = Some(DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: int_or_string(max_surge),
            max_unavailable: int_or_string(max_unavailable),
        }),
    });
    deployment
}

/// A ReplicaSet of it, stored `age` seconds ago, whose pods are all there.
pub fn set(deployment: &Deployment, name: &str, new: bool, replicas: i32, available: i32, age: i64) -> Arc<Object> {
    let mut set = ReplicaSet::default();
    set.metadata.name = Some(name.to_owned());
    set.metadata.namespace = Some("default".to_owned());
    set.metadata.uid = Some(name.to_owned());
    set.metadata.labels = labels();
    set.metadata.owner_references = Some(vec![owners::controller_ref(&deployment.clone().into_object())]);
    set.metadata.creation_timestamp = Some(time::time((fake::EPOCH_SECS - age) * 1_000_000));
    let spec = set.spec.get_or_insert_default();
    spec.replicas = Some(replicas);
    spec.template = Some(template(if new { "nginx:2" } else { name }));
    set.status = Some(ReplicaSetStatus {
        replicas,
        ready_replicas: Some(available),
        available_replicas: Some(available),
        ..ReplicaSetStatus::default()
    });
    Arc::new(set.into_object())
}

fn sync(deployment: &Deployment, sets: Vec<Arc<Object>>) -> Sync {
    Sync::new(deployment, sets, fake::EPOCH_SECS * 1_000_000)
}

#[test]
fn deployment_surge_unavailable() {
    let table = read("deployment-surge-unavailable");
    table.run(&["a", "c", "d"], |_, name, case, expect| {
        let (surge, unavailable) = (int_or_string(&case["maxSurge"]), int_or_string(&case["maxUnavailable"]));
        let wanted = int(&case["desired"]);
        let got = limits::resolve_fenceposts(surge.as_ref(), unavailable.as_ref(), wanted);
        if expect["error"] == true {
            assert!(got.is_err(), "{name}: {got:?}");
            return;
        }
        let (surge, unavailable) = got.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((surge, unavailable), (int(&expect["surge"]), int(&expect["unavailable"])), "{name}");
        if let Some(total) = expect["maxTotalPods"].as_i64() {
            assert_eq!(i64::from(wanted + surge), total, "{name}");
        }
        if let Some(least) = expect["minAvailablePods"].as_i64() {
            assert_eq!(i64::from(wanted - unavailable.min(wanted)), least, "{name}");
        }
    });
    table.run(&["b"], |_, name, case, expect| {
        let wanted = case.get("replicas").map_or(1, int);
        let mut deployment = deployment(wanted, &case["maxSurge"], &case["maxUnavailable"]);
        let strategy = case["strategy"].as_str().map(str::to_owned);
        deployment.spec.get_or_insert_default().strategy.get_or_insert_default().type_ = strategy;
        assert_eq!(limits::max_unavailable(&deployment), int(&expect["maxUnavailable"]), "{name}");
    });
    table.done();
}

fn rolling_update_arithmetic(table: &Table) {
    let zero = Value::from(0);
    table.run(&["a"], |_, name, case, expect| {
        let mut deployment = deployment(int(&case["deploymentReplicas"]), &case["maxSurge"], &case["maxUnavailable"]);
        let strategy = case["strategy"].as_str().map(str::to_owned);
        deployment.spec.get_or_insert_default().strategy.get_or_insert_default().type_ = strategy;
        let got = limits::new_replicas(&deployment, int(&case["otherRSReplicas"]), int(&case["newRSReplicas"]));
        assert_eq!(got, int(&expect["newRSReplicas"]), "{name}");
    });
    table.run(&["b", "c"], |group, name, case, expect| {
        let deployment = deployment(int(&case["deploymentReplicas"]), &case["maxSurge"], &case["maxUnavailable"]);
        let ready = |key: &str| case.get(key).map_or(0, int);
        let (old, new) = (int(&case["oldReplicas"]), int(&case["newReplicas"]));
        let old = set(&deployment, "old", false, old, ready("readyPodsFromOldRS"), 60);
        let new = set(&deployment, "new", true, new, ready("readyPodsFromNewRS"), 0);
        let mut sync = sync(&deployment, vec![old, new]);
        let scaled = if group == "b" { sync.reconcile_new() } else { sync.reconcile_old() };
        assert_eq!(scaled, expect["scaled"] == true, "{name}");
        if scaled {
            let (index, key) = if group == "b" { (1, "newReplicas") } else { (0, "oldReplicas") };
            assert_eq!(replicas(sync.set(index)), int(&expect[key]), "{name}");
        }
    });
    table.run(&["d"], |_, name, case, expect| {
        let deployment = deployment(10, &Value::from(2), &Value::from(2));
        let old = set(&deployment, "old", false, int(&case["oldReplicas"]), int(&case["readyPods"]), 60);
        let got = sync(&deployment, vec![old]).cleanup_unhealthy(int(&case["maxCleanupCount"]));
        assert_eq!(got, int(&expect["cleanedUp"]), "{name}");
    });
    table.run(&["e"], |_, name, case, expect| {
        let deployment = deployment(int(&case["deploymentReplicas"]), &zero, &case["maxUnavailable"]);
        let old = set(&deployment, "old", false, int(&case["oldReplicas"]), int(&case["readyPods"]), 60);
        let mut sync = sync(&deployment, vec![old]);
        assert_eq!(sync.scale_down_old() > 0, expect["scaled"] == true, "{name}");
        if expect["scaled"] == true {
            assert_eq!(replicas(sync.set(0)), int(&expect["oldReplicas"]), "{name}");
        }
    });
}

/// Runs a rollout as the rules of the corpus have it: pods become available only when a sync can
/// change nothing more, and then all at once.
fn rollout(deployment: &Deployment) -> Vec<(i32, i32)> {
    let wanted = desired(deployment);
    let (mut old, mut new) = ((wanted, wanted), (0, 0));
    let mut sequence = vec![(old.0, new.0)];
    loop {
        let sets = vec![set(deployment, "old", false, old.0, old.1, 60), set(deployment, "new", true, new.0, new.1, 0)];
        let mut sync = sync(deployment, sets);
        if sync.reconcile_new() || sync.reconcile_old() {
            old = (replicas(sync.set(0)), old.1.min(replicas(sync.set(0))));
            new = (replicas(sync.set(1)), new.1);
            let limits = (limits::max_surge(deployment), limits::max_unavailable(deployment));
            assert!(old.0 + new.0 <= wanted + limits.0, "{old:?} and {new:?} are too many");
            assert!(old.1 + new.1 >= wanted - limits.1, "{old:?} and {new:?} are too few");
            sequence.push((old.0, new.0));
        } else if new.1 < new.0 {
            new.1 = new.0;
        } else {
            return sequence;
        }
    }
}

fn whole_rollouts(table: &Table) {
    table.run(&["f"], |_, name, case, expect| {
        let deployment = deployment(int(&case["replicas"]), &case["maxSurge"], &case["maxUnavailable"]);
        let wanted: Vec<(i32, i32)> = expect["specReplicasSequence"]
            .as_array()
            .expect("a sequence")
            .iter()
            .map(|pair| (int(&pair[0]), int(&pair[1])))
            .collect();
        assert_eq!(rollout(&deployment), wanted, "{name}");
    });
}

#[test]
fn deployment_rolling_update() {
    let table = read("deployment-rolling-update");
    rolling_update_arithmetic(&table);
    whole_rollouts(&table);
    table.done();
}

#[test]
fn deployment_proportional_scaling() {
    let table = read("deployment-proportional-scaling");
    table.run(&["a"], |_, name, case, expect| {
        let unavailable = &case["maxUnavailable"];
        let before = deployment(int(&case["previousReplicas"]), &case["previousMaxSurge"], unavailable);
        let after = deployment(int(&case["replicas"]), &case["maxSurge"], unavailable);
        let rows = case["replicaSetsNewestFirst"].as_array().expect("ReplicaSets");
        let mut sets = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let (set_name, new) = (row["name"].as_str().expect("a name"), row["isNew"] == true);
            let available = row.get("available").map_or(0, int);
            let object = set(&after, set_name, new, int(&row["replicas"]), available, 86_400 * index as i64);
            let mut object = (*object).clone();
            let typed = ReplicaSet::of_mut(&mut object).expect("a ReplicaSet was just made");
            let mut then = before.clone();
            if let Some(wanted) = case["desiredReplicasAnnotations"].get(set_name) {
                then.spec.get_or_insert_default().replicas = Some(int(wanted));
            }
            annotations::set_replicas(typed, &then);
            sets.push(Arc::new(object));
        }
        let mut sync = sync(&after, sets);
        sync.scale();
        for (index, row) in rows.iter().enumerate() {
            let set_name = row["name"].as_str().expect("a name");
            assert_eq!(replicas(sync.set(index)), int(&expect[set_name]), "{name}: {set_name}");
        }
    });
    table.done();
}

fn status(case: &Value) -> DeploymentStatus {
    let number = |key: &str| case.get(key).map(int);
    DeploymentStatus {
        replicas: number("replicas"),
        updated_replicas: number("updatedReplicas"),
        ready_replicas: number("readyReplicas"),
        available_replicas: number("availableReplicas"),
        ..DeploymentStatus::default()
    }
}

fn micros(date: &Value) -> i64 {
    let date: jiff::Timestamp = date.as_str().expect("a date").parse().expect("a date as RFC 3339 has it");
    date.as_microsecond()
}

fn complete_progressing_and_timed_out(table: &Table) {
    table.run(&["a"], |_, name, case, expect| {
        let deployment = deployment(int(&case["desired"]), &case["maxSurge"], &case["maxUnavailable"]);
        let status = DeploymentStatus {
            replicas: Some(int(&case["current"])),
            updated_replicas: Some(int(&case["updated"])),
            available_replicas: Some(int(&case["available"])),
            observed_generation: deployment.metadata.generation,
            ..DeploymentStatus::default()
        };
        assert_eq!(deployment::status::is_complete(&deployment, &status), expect["complete"] == true, "{name}");
    });
    table.run(&["b"], |_, name, case, expect| {
        let got = deployment::status::is_progressing(&status(&case["oldStatus"]), &status(&case["newStatus"]));
        assert_eq!(got, expect["progressing"] == true, "{name}");
    });
    table.run(&["c"], |_, name, case, expect| {
        let mut deployment = deployment(1, &Value::Null, &Value::Null);
        let deadline = case["progressDeadlineSeconds"].as_i64().map(|seconds| seconds as i32);
        deployment.spec.get_or_insert_default().progress_deadline_seconds = deadline;
        let mut status = DeploymentStatus::default();
        let condition = &case["progressingCondition"];
        if !condition.is_null() {
            status.conditions = Some(vec![DeploymentCondition {
                type_: PROGRESSING.to_owned(),
                status: condition["status"].as_str().unwrap_or("True").to_owned(),
                reason: condition["reason"].as_str().map(str::to_owned),
                last_update_time: condition["lastUpdateTime"]
                    .as_str()
                    .map(|_| time::time(micros(&condition["lastUpdateTime"]))),
                ..Default::default()
            }]);
        }
        let got = deployment::status::is_timed_out(&deployment, &status, micros(&case["now"]));
        assert_eq!(got, expect["timedOut"] == true, "{name}");
    });
}

#[test]
fn deployment_status() {
    let table = read("deployment-status");
    complete_progressing_and_timed_out(&table);
    deployment_said::texts_of_conditions_and_events(&table);
    table.done();
}
