//! How far a rollout is: the line, and whether it is done.
//!
//! Mirrors `DeploymentStatusViewer`, `DaemonSetStatusViewer` and `StatefulSetStatusViewer` of polymorphichelpers.

use serde_json::Value;

use super::super::super::builder::text_at;
use super::super::super::errors::{Stop, fail};

/// The line for an object of a kind, and whether its rollout is done.
///
/// # Errors
/// The rollout has failed, or nobody can tell.
pub fn line(kind: &str, object: &Value, revision: i64) -> Result<(String, bool), Stop> {
    match kind {
        "Deployment" => deployment(object, revision),
        "DaemonSet" => daemon_set(object),
        _ => stateful_set(object),
    }
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn deployment(object: &Value, revision: i64) -> Result<(String, bool), Stop> {
    let name = text_at(object, "/metadata/name");
    let number = |pointer: &str| number(object, pointer);
    if revision > 0 {
        let running: i64 =
            text_at(object, "/metadata/annotations/deployment.kubernetes.io~1revision").parse().unwrap_or(0);
        if running != revision {
            return fail(format!("desired revision ({revision}) is different from the running revision ({running})"));
        }
    }
    if number("/metadata/generation") > number("/status/observedGeneration") {
        return Ok(("Waiting for deployment spec update to be observed...\n".to_owned(), false));
    }
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let progressing = conditions.into_iter().find(|condition| condition["type"] == "Progressing");
    if progressing.is_some_and(|condition| condition["reason"] == "ProgressDeadlineExceeded") {
        return fail(format!("deployment \"{name}\" exceeded its progress deadline"));
    }
    let (replicas, updated) = (number("/status/replicas"), number("/status/updatedReplicas"));
    let available = number("/status/availableReplicas");
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64);
    let waiting = format!("Waiting for deployment \"{name}\" rollout to finish: ");
    if let Some(wanted) = wanted.filter(|wanted| updated < *wanted) {
        return Ok((format!("{waiting}{updated} out of {wanted} new replicas have been updated...\n"), false));
    }
    if replicas > updated {
        return Ok((format!("{waiting}{} old replicas are pending termination...\n", replicas - updated), false));
    }
    if available < updated {
        return Ok((format!("{waiting}{available} of {updated} updated replicas are available...\n"), false));
    }
    Ok((format!("deployment \"{name}\" successfully rolled out\n"), true))
}

fn only_rolling(object: &Value) -> Result<(), Stop> {
    if text_at(object, "/spec/updateStrategy/type") == "RollingUpdate" {
        return Ok(());
    }
    fail("rollout status is only available for RollingUpdate strategy type")
}

fn daemon_set(object: &Value) -> Result<(String, bool), Stop> {
    only_rolling(object)?;
    let number = |pointer: &str| number(object, pointer);
    if number("/metadata/generation") > number("/status/observedGeneration") {
        return Ok(("Waiting for daemon set spec update to be observed...\n".to_owned(), false));
    }
    let name = text_at(object, "/metadata/name");
    let waiting = format!("Waiting for daemon set \"{name}\" rollout to finish: ");
    let desired = number("/status/desiredNumberScheduled");
    let (updated, available) = (number("/status/updatedNumberScheduled"), number("/status/numberAvailable"));
    if updated < desired {
        return Ok((format!("{waiting}{updated} out of {desired} new pods have been updated...\n"), false));
    }
    if available < desired {
        return Ok((format!("{waiting}{available} of {desired} updated pods are available...\n"), false));
    }
    Ok((format!("daemon set \"{name}\" successfully rolled out\n"), true))
}

fn stateful_set(object: &Value) -> Result<(String, bool), Stop> {
    only_rolling(object)?;
    let number = |pointer: &str| number(object, pointer);
    let observed = number("/status/observedGeneration");
    if observed == 0 || number("/metadata/generation") > observed {
        return Ok(("Waiting for statefulset spec update to be observed...\n".to_owned(), false));
    }
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64);
    let (ready, updated) = (number("/status/readyReplicas"), number("/status/updatedReplicas"));
    if let Some(wanted) = wanted.filter(|wanted| ready < *wanted) {
        return Ok((format!("Waiting for {} pods to be ready...\n", wanted - ready), false));
    }
    if let Some(rolling) = object.pointer("/spec/updateStrategy/rollingUpdate") {
        let partition = rolling["partition"].as_i64();
        if let Some(due) = wanted.zip(partition).map(|(wanted, partition)| wanted - partition)
            && updated < due
        {
            let line = format!(
                "Waiting for partitioned roll out to finish: {updated} out of {due} new pods have been updated...\n"
            );
            return Ok((line, false));
        }
        return Ok((format!("partitioned roll out complete: {updated} new pods have been updated...\n"), true));
    }
    let (update, current) = (text_at(object, "/status/updateRevision"), text_at(object, "/status/currentRevision"));
    if update != current {
        let line =
            format!("waiting for statefulset rolling update to complete {updated} pods at revision {update}...\n");
        return Ok((line, false));
    }
    let count = number("/status/currentReplicas");
    Ok((format!("statefulset rolling update complete {count} pods at revision {current}...\n"), true))
}
