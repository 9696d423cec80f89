//! Deployments: what is said of a rollout, and in which order things are written.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentCondition, DeploymentStrategy, ReplicaSet, ReplicaSetCondition,
};
use serde_json::Value;

use kubarium::api::{Body, Kind, Method, Reason, Typed, time};
use kubarium::controllers::deployment::status::PROGRESSING;
use kubarium::controllers::deployment::{CREATE_FAILED, DeploymentController, annotations, sync_deployment};
use kubarium::controllers::{Announce, Controller, Plan, Step, WorkKey, fake, hash};

use super::deployment::{deployment, set, template};
use super::tables::Table;
use super::texts::fits;

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

/// Every condition and event of the table is said in one of these stories.
pub fn texts_of_conditions_and_events(table: &Table) {
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
            assert!(
                said.conditions.iter().any(|said| is(&said)),
                "{name}: {expect} is not among {:#?}",
                said.conditions
            );
        }
    });
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
