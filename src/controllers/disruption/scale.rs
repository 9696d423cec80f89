//! How many pods the owners of a budget's pods want: `getExpectedScale` and its finders.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::ReplicationController;

use crate::api::stored::Shared;
use crate::api::{Body, Kind, Method, Object, ObjectKey, OwnerReference, Reason, Request, Typed, find_kind};
use crate::controllers::controller::Stores;
use crate::controllers::owners::controller_of;
use crate::controllers::plan::Answer;

/// What was found out about the owners.
#[derive(Debug, Default)]
pub struct Scales {
    /// By the uid of whoever has the scale.
    pub known: BTreeMap<String, i32>,
    /// Pods without an owner.
    pub unmanaged: Vec<String>,
    /// Owners that are not in the local copies: their scale is asked of the server.
    pub ask: Vec<Request>,
}

impl Scales {
    /// What the owners want together.
    pub fn total(&self) -> i32 {
        self.known.values().sum()
    }
}

fn of_uid<T: Typed>(stores: &Stores, namespace: &str, owner: &OwnerReference) -> Option<Shared<T>> {
    let found = stores.get::<T>(&ObjectKey::new(namespace, &owner.name))?;
    (found.meta().uid.as_deref() == Some(owner.uid.as_str())).then_some(found)
}

fn in_apps(owner: &OwnerReference) -> bool {
    matches!(owner.api_version.split_once('/'), Some(("apps" | "extensions", _)))
}

/// The scale of an owner that the local copies know, with the uid it goes by: a Deployment's for its ReplicaSets.
fn local(stores: &Stores, namespace: &str, owner: &OwnerReference) -> Option<(String, i32)> {
    match owner.kind.as_str() {
        "ReplicationController" if owner.api_version == "v1" => {
            let own = of_uid::<ReplicationController>(stores, namespace, owner)?;
            Some((owner.uid.clone(), own.spec.as_ref()?.replicas.unwrap_or(1)))
        }
        "ReplicaSet" if in_apps(owner) => {
            let set = of_uid::<ReplicaSet>(stores, namespace, owner)?;
            match controller_of(&set.metadata) {
                Some(above) if above.kind == "Deployment" => {
                    let own = of_uid::<Deployment>(stores, namespace, above).filter(|_| in_apps(above))?;
                    Some((above.uid.clone(), own.spec.as_ref()?.replicas.unwrap_or(1)))
                }
                _ => Some((owner.uid.clone(), set.spec.as_ref()?.replicas.unwrap_or(1))),
            }
        }
        "StatefulSet" if owner.api_version.starts_with("apps/") => {
            let own = of_uid::<StatefulSet>(stores, namespace, owner)?;
            Some((owner.uid.clone(), own.spec.as_ref()?.replicas.unwrap_or(1)))
        }
        _ => None,
    }
}

/// The request for the scale of an owner (`getScaleController`).
fn ask(namespace: &str, owner: &OwnerReference) -> Result<Request, String> {
    let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
    let info = find_kind(group, version, &owner.kind)
        .ok_or_else(|| format!("no matches for kind {:?} in version {:?}", owner.kind, owner.api_version))?;
    if !info.subresources.contains(&"scale") {
        return Err(format!("{} does not implement the scale subresource", info.group_resource()));
    }
    Ok(Request::new(Method::Get, format!("{}/scale", info.path(namespace, &owner.name))))
}

/// The scales of the pods' owners; `answers` are those to what was asked before.
///
/// # Errors
/// An owner of a kind without a scale, or one that nobody knows.
pub fn of_owners(stores: &Stores, pods: &[Arc<Object>], answers: &[Answer]) -> Result<Scales, String> {
    let mut scales = Scales::default();
    for pod in pods {
        let Some(owner) = controller_of(pod.meta()) else {
            scales.unmanaged.push(pod.name().to_owned());
            continue;
        };
        if scales.known.contains_key(&owner.uid) {
            continue;
        }
        if let Some((uid, replicas)) = local(stores, pod.namespace(), owner) {
            scales.known.insert(uid, replicas);
            continue;
        }
        let request = ask(pod.namespace(), owner)?;
        match answers.iter().find(|answer| answer.request.path == request.path) {
            None if scales.ask.iter().any(|asked| asked.path == request.path) => {}
            None => scales.ask.push(request),
            Some(answer) => {
                let replicas = answered(answer, owner)?;
                let replicas = replicas.ok_or_else(|| format!("found no controllers for pod {:?}", pod.name()))?;
                scales.known.insert(owner.uid.clone(), replicas);
            }
        }
    }
    Ok(scales)
}

/// The replicas a Scale wants, if it is that owner's.
fn answered(answer: &Answer, owner: &OwnerReference) -> Result<Option<i32>, String> {
    match &answer.result {
        Ok(Body::Json(scale)) if scale.pointer("/metadata/uid").is_some_and(|uid| *uid == *owner.uid) => {
            let replicas = scale.pointer("/spec/replicas").and_then(serde_json::Value::as_i64).unwrap_or(0);
            Ok(Some(i32::try_from(replicas).unwrap_or(i32::MAX)))
        }
        Ok(_) => Ok(None),
        Err(failure) if failure.reason == Some(Reason::NotFound) => Ok(None),
        Err(failure) => Err(failure.message.clone()),
    }
}

/// The kinds whose local copies are looked at.
pub const OWNERS: [Kind; 4] = [Kind::Deployment, Kind::ReplicaSet, Kind::ReplicationController, Kind::StatefulSet];
