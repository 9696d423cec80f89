//! Deployments: the arithmetic of rollouts, proportional scaling, status, and what is said.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentCondition, DeploymentStatus, DeploymentStrategy, ReplicaSet, ReplicaSetCondition,
    ReplicaSetStatus, RollingUpdateDeployment,
};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use kubarium::api::{Body, Kind, Method, Object, Reason, Typed, time};
use kubarium::controllers::deployment::status::PROGRESSING;
use kubarium::controllers::deployment::{
    self, CREATE_FAILED, DeploymentController, Sync, annotations, desired, limits, replicas, sync_deployment,
};
use kubarium::controllers::{Announce, Controller, Plan, Step, WorkKey, fake, hash, owners};

use super::{read, tables::Table, texts::fits};

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

fn template(image: &str) -> PodTemplateSpec {
    let mut template = PodTemplateSpec::default();
    let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labels.insert("app".to_owned(), "web".to_owned());
    let container = Container { name: "web".to_owned(), image: Some(image.to_owned()), ..Container::default() };
    template.spec = Some(PodSpec { containers: vec![container], ..PodSpec::default() });
    template
}

/// A Deployment `web` with a strategy read from a case.
fn deployment(replicas: i32, max_surge: &Value, max_unavailable: &Value) -> Deployment {
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
fn set(deployment: &Deployment, name: &str, new: bool, replicas: i32, available: i32, age: i64) -> Arc<Object> {
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
                last_update_time: condition["lastUpdateTime"].as_str().map(|_| time::time(micros(&condition["lastUpdateTime"]))),
                ..Default::default()
            }]);
        }
        let got = deployment::status::is_timed_out(&deployment, &status, micros(&case["now"]));
        assert_eq!(got, expect["timedOut"] == true, "{name}");
    });
}

/// Everything that plans say: conditions of the Deployments they write, and events.
#[derive(Default)]
struct Said {
    conditions: BTreeSet<(String, String, String, String)>,
    events: BTreeSet<(String, String, String)>,
}

impl Said {
    fn hear(&mut self, plan: &Plan) {
        let mut events: Vec<&Announce> = Vec::new();
        for step in &plan.steps {
            if let Step::Event(event) = step {
                events.push(event);
            }
        }
        for write in fake::writes(plan) {
            events.extend(&write.announce);
            let Body::Object(object) = &write.request.body else { continue };
            let Some(deployment) = object.get::<Deployment>() else { continue };
            for condition in deployment.status.iter().flat_map(|status| status.conditions.iter().flatten()) {
                self.conditions.insert((
                    condition.type_.clone(),
                    condition.status.clone(),
                    condition.reason.clone().unwrap_or_default(),
                    plain(condition.message.as_deref().unwrap_or_default()),
                ));
            }
        }
        for event in events {
            self.events.insert((event.kind.as_str().to_owned(), event.reason.to_owned(), plain(&event.message)));
        }
    }
}

/// The text with hashes replaced, as the corpus writes them.
fn plain(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("web-") {
        result.push_str(&rest[..at]);
        result.push_str("web-<hash>");
        rest = rest[at + 4..].trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    }
    result + rest
}

/// Syncs a Deployment with these ReplicaSets after `change`.
fn heard(said: &mut Said, sets: &[(bool, i32, i32)], change: impl Fn(&mut Deployment)) -> Plan {
    let mut deployment = deployment(3, &Value::from("25%"), &Value::from("25%"));
    change(&mut deployment);
    let mut observed = fake::observed();
    for (index, (new, wanted, available)) in sets.iter().enumerate() {
        let age = 60 - index as i64;
        let mut object = (*set(&deployment, &format!("web-{index}abc"), *new, *wanted, *available, age)).clone();
        let typed = ReplicaSet::of_mut(&mut object).expect("a ReplicaSet was just made");
        let revision = format!("{}", index + 1);
        annotations::set_replicas(typed, &deployment);
        typed.metadata.annotations.get_or_insert_default().insert(annotations::REVISION.to_owned(), revision);
        observed.stores.insert(object);
    }
    let plan = sync_deployment(&Arc::new(deployment.into_object()), &observed);
    said.hear(&plan);
    plan
}

fn progressing(deployment: &mut Deployment, reason: &str, age: i64) {
    let status = deployment.status.get_or_insert_default();
    status.conditions = Some(vec![DeploymentCondition {
        type_: PROGRESSING.to_owned(),
        status: if reason == "DeploymentPaused" { "Unknown" } else { "True" }.to_owned(),
        reason: Some(reason.to_owned()),
        last_update_time: Some(time::time((fake::EPOCH_SECS - age) * 1_000_000)),
        ..Default::default()
    }]);
}

fn numbered(deployment: &mut Deployment, revision: &str) {
    let annotations = deployment.metadata.annotations.get_or_insert_default();
    annotations.insert(annotations::REVISION.to_owned(), revision.to_owned());
}

/// A sync with a new ReplicaSet whose pods exceed a quota.
fn refused_pods() -> Plan {
    let deployment = deployment(3, &Value::Null, &Value::Null);
    let mut observed = fake::observed();
    let mut object = (*set(&deployment, "web-1abc", true, 3, 0, 60)).clone();
    let typed = ReplicaSet::of_mut(&mut object).expect("a ReplicaSet was just made");
    typed.status.get_or_insert_default().conditions = Some(vec![ReplicaSetCondition {
        type_: "ReplicaFailure".to_owned(),
        status: "True".to_owned(),
        reason: Some("FailedCreate".to_owned()),
        message: Some("pods \"web-1abc\" is forbidden: exceeded quota".to_owned()),
        ..ReplicaSetCondition::default()
    }]);
    observed.stores.insert(object);
    sync_deployment(&Arc::new(deployment.into_object()), &observed)
}

/// What is done about a new ReplicaSet that is refused.
fn refused_set() -> Plan {
    let mut observed = fake::observed();
    let object = Arc::new(deployment(3, &Value::Null, &Value::Null).into_object());
    let plan = sync_deployment(&object, &observed);
    observed.stores.insert((*object).clone());
    let mut turn = fake::turn(&observed, WorkKey::new(Kind::Deployment, object.key()));
    turn.phase = CREATE_FAILED;
    turn.answers = vec![fake::refused(&plan, Reason::Forbidden)];
    DeploymentController.reconcile(&turn)
}

fn texts_of_conditions_and_events(table: &Table) {
    let mut said = Said::default();
    heard(&mut said, &[], |_| {});
    heard(&mut said, &[(true, 3, 0)], |_| {});
    heard(&mut said, &[(true, 3, 3)], |deployment| {
        numbered(deployment, "1");
        progressing(deployment, "ReplicaSetUpdated", 5);
    });
    heard(&mut said, &[(true, 3, 1)], |deployment| {
        numbered(deployment, "1");
        progressing(deployment, "ReplicaSetUpdated", 5);
    });
    heard(&mut said, &[(true, 3, 0)], |deployment| {
        numbered(deployment, "1");
        progressing(deployment, "ReplicaSetUpdated", 700);
        let status = deployment.status.get_or_insert_default();
        (status.replicas, status.updated_replicas) = (Some(3), Some(3));
    });
    heard(&mut said, &[(true, 3, 3)], |deployment| deployment.spec.get_or_insert_default().paused = Some(true));
    heard(&mut said, &[(true, 3, 3)], |deployment| {
        numbered(deployment, "1");
        progressing(deployment, "DeploymentPaused", 5);
    });
    // A rollout in both directions.
    heard(&mut said, &[(false, 3, 3), (true, 1, 1)], |deployment| numbered(deployment, "2"));
    heard(&mut said, &[(false, 3, 3), (true, 0, 0)], |deployment| numbered(deployment, "2"));
    // Pods that cannot be created, and a ReplicaSet that cannot.
    said.hear(&refused_pods());
    said.hear(&refused_set());
    table.run(&["d"], |_, name, _, expect| {
        let text = |key: &str| expect[key].as_str().unwrap_or_default().to_owned();
        let message = text("message");
        if expect.get("event").is_some() {
            let (kind, reason) = (text("type"), text("event"));
            let found = said.events.iter().any(|said| said.0 == kind && said.1 == reason && fits(&message, &said.2));
            assert!(found, "{name}: {expect} is not among {:#?}", said.events);
        } else {
            let wanted = [text("type"), text("status"), text("reason")];
            let is = |said: &&(String, String, String, String)| {
                [&said.0, &said.1, &said.2] == wanted.each_ref() && fits(&message, &said.3)
            };
            assert!(said.conditions.iter().any(|said| is(&said)), "{name}: {expect} is not among {:#?}", said.conditions);
        }
    });
}

#[test]
fn deployment_status() {
    let table = read("deployment-status");
    complete_progressing_and_timed_out(&table);
    texts_of_conditions_and_events(&table);
    table.done();
}

#[test]
fn a_new_deployment_goes_as_the_truth_table_says() {
    let plan = heard(&mut Said::default(), &[], |_| {});
    let steps: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
    assert_eq!(steps.len(), 4, "{steps:#?}");
    assert_eq!(steps[0], "POST /apis/apps/v1/namespaces/default/replicasets");
    assert!(steps[1].starts_with("event ScalingReplicaSet: Scaled up replica set web-"));
    assert!(steps[1].ends_with(" from 0 to 3"));
    // The second write is made with the version that was read, as upstream's is: it is refused, and
    // the next look writes it again.
    assert_eq!(steps[2], "PUT /apis/apps/v1/namespaces/default/deployments/web/status");
    assert_eq!(steps[3], steps[2]);
    let Body::Object(created) = &fake::writes(&plan)[0].request.body else { panic!("an object is created") };
    let created = created.expect::<ReplicaSet>();
    let annotations = created.metadata.annotations.as_ref().expect("it has annotations");
    assert_eq!(annotations[annotations::REVISION], "1");
    assert_eq!(annotations["deployment.kubernetes.io/desired-replicas"], "3");
    assert_eq!(annotations["deployment.kubernetes.io/max-replicas"], "4");
    let hash = &created.metadata.labels.as_ref().expect("it has labels")[hash::LABEL];
    assert_eq!(created.metadata.name.as_deref(), Some(format!("web-{hash}").as_str()));
    let selector = &created.spec.as_ref().expect("it has a spec").selector;
    assert_eq!(&selector.match_labels.as_ref().expect("it selects")[hash::LABEL], hash);
}

#[test]
fn a_rollback_keeps_the_history_of_revisions() {
    let plan = heard(&mut Said::default(), &[(true, 0, 0), (false, 3, 3)], |deployment| numbered(deployment, "2"));
    let Body::Object(first) = &fake::writes(&plan)[0].request.body else { panic!("an object is written") };
    let annotations = first.meta().annotations.as_ref().expect("it has annotations");
    assert_eq!(annotations[annotations::REVISION], "3");
    assert_eq!(annotations["deployment.kubernetes.io/revision-history"], "1");
    assert!(fake::writes(&plan)[1].fresh, "scaled on top of the first write");
}

#[test]
fn old_revisions_beyond_the_limit_go() {
    let sets = [(false, 0, 0), (false, 0, 0), (true, 3, 3)];
    let plan = heard(&mut Said::default(), &sets, |deployment| {
        deployment.spec.get_or_insert_default().revision_history_limit = Some(1);
        numbered(deployment, "3");
        progressing(deployment, "NewReplicaSetAvailable", 5);
        let status = deployment.status.get_or_insert_default();
        (status.replicas, status.updated_replicas, status.available_replicas) = (Some(3), Some(3), Some(3));
        status.observed_generation = Some(1);
    });
    assert_eq!(fake::lines(&plan)[0], "DELETE /apis/apps/v1/namespaces/default/replicasets/web-0abc");
    assert_eq!(fake::writes(&plan).iter().filter(|write| write.request.method == Method::Delete).count(), 1);
}

#[test]
fn recreate_waits_for_the_old_pods() {
    let recreate = |deployment: &mut Deployment| {
        let strategy = DeploymentStrategy { type_: Some("Recreate".to_owned()), rolling_update: None };
        deployment.spec.get_or_insert_default().strategy = Some(strategy);
    };
    let set = "/apis/apps/v1/namespaces/default/replicasets";
    let plan = heard(&mut Said::default(), &[(false, 3, 3)], recreate);
    assert_eq!(fake::lines(&plan)[0], format!("PUT {set}/web-0abc"), "down first");
    let plan = heard(&mut Said::default(), &[(false, 0, 0)], recreate);
    assert_eq!(fake::lines(&plan)[0], format!("POST {set}"), "all are gone");
}

#[test]
fn a_taken_name_is_a_collision() {
    let mut observed = fake::observed();
    let deployment = deployment(3, &Value::Null, &Value::Null);
    let object = Arc::new(deployment.clone().into_object());
    let plan = sync_deployment(&object, &observed);
    let Body::Object(wanted) = &fake::writes(&plan)[0].request.body else { panic!("an object is created") };
    let mut other = wanted.expect::<ReplicaSet>().clone();
    other.spec.get_or_insert_default().template = Some(template("something else"));
    observed.stores.insert(other.into_object());
    observed.stores.insert((*object).clone());
    let key = WorkKey::new(Kind::Deployment, object.key());
    let mut turn = fake::turn(&observed, key);
    turn.phase = CREATE_FAILED;
    turn.answers = vec![fake::refused(&plan, Reason::AlreadyExists)];
    let plan = DeploymentController.reconcile(&turn);
    assert!(plan.error.is_some(), "it is tried again");
    let Body::Object(written) = &fake::writes(&plan)[0].request.body else { panic!("the status is written") };
    let status = written.expect::<Deployment>().status.as_ref().expect("it has a status");
    assert_eq!(status.collision_count, Some(1));
}
