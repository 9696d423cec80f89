//! Who a pod of a StatefulSet is: its ordinal, its name, its labels, its volumes.
//!
//! Mirrors pkg/controller/statefulset/stateful_set_utils.go.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimVolumeSource, Pod, PodTemplateSpec, Volume,
};

use crate::api::Object;
use crate::controllers::history::HASH_LABEL;
use crate::controllers::pods;

const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// The parent's name and the ordinal that a pod's name says (`getParentNameAndOrdinal`).
pub fn parse(name: &str) -> Option<(&str, i32)> {
    let (parent, ordinal) = name.rsplit_once('-')?;
    let digits = !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit());
    Some((parent, ordinal.parse().ok().filter(|_| digits)?))
}

/// The ordinal of a pod; `None` where its name has none.
pub fn ordinal(pod: &Object) -> Option<i32> {
    parse(pod.name()).map(|(_, ordinal)| ordinal)
}

/// Whether its name makes it a pod of this set (`isMemberOf`).
pub fn is_member(set: &Object, pod: &Object) -> bool {
    parse(pod.name()).is_some_and(|(parent, _)| parent == set.name())
}

/// The first ordinal.
pub fn start(set: &StatefulSet) -> i32 {
    let ordinals = set.spec.as_ref().and_then(|spec| spec.ordinals.as_ref());
    ordinals.and_then(|ordinals| ordinals.start).unwrap_or(0)
}

/// `spec.replicas`.
pub fn replicas(set: &StatefulSet) -> i32 {
    set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1)
}

/// Whether the set still wants a pod of this ordinal (`podInOrdinalRange`).
pub fn in_range(set: &StatefulSet, ordinal: i32) -> bool {
    (start(set)..start(set) + replicas(set)).contains(&ordinal)
}

/// The revision a pod is of.
pub fn revision(pod: &Pod) -> &str {
    pod.metadata.labels.as_ref().and_then(|labels| labels.get(HASH_LABEL)).map(String::as_str).unwrap_or_default()
}

fn claim_templates(set: &StatefulSet) -> &[PersistentVolumeClaim] {
    set.spec.as_ref().and_then(|spec| spec.volume_claim_templates.as_deref()).unwrap_or_default()
}

/// The claims of the pod with this name, as they are to be (`getPersistentVolumeClaims`).
pub fn claims(set: &StatefulSet, pod_name: &str) -> Vec<PersistentVolumeClaim> {
    let spec = set.spec.as_ref();
    let chosen = spec.and_then(|spec| spec.selector.match_labels.as_ref());
    let own = |template: &PersistentVolumeClaim| {
        let mut claim = template.clone();
        claim.metadata.name = Some(format!("{}-{pod_name}", template.metadata.name.as_deref().unwrap_or_default()));
        claim.metadata.namespace.clone_from(&set.metadata.namespace);
        for (name, value) in chosen.into_iter().flatten() {
            claim.metadata.labels.get_or_insert_default().insert(name.clone(), value.clone());
        }
        claim
    };
    claim_templates(set).iter().map(own).collect()
}

/// Gives the pod the labels of its ordinal (`updateIdentity`).
fn set_identity(set: &StatefulSet, pod: &mut Pod, name: &str, ordinal: i32) {
    pod.metadata.name = Some(name.to_owned());
    pod.metadata.namespace.clone_from(&set.metadata.namespace);
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(POD_NAME_LABEL.to_owned(), name.to_owned());
    labels.insert(POD_INDEX_LABEL.to_owned(), ordinal.to_string());
}

/// Whether the labels say what its name says (`identityMatches`).
fn identity_matches(set: &Object, pod: &Object) -> bool {
    let named = pod.meta().labels.as_ref().and_then(|labels| labels.get(POD_NAME_LABEL));
    is_member(set, pod) && named.map(String::as_str) == Some(pod.name())
}

/// Puts the volumes of its claims before its others (`updateStorage`).
fn set_storage(set: &StatefulSet, pod: &mut Pod, name: &str) {
    let templates = claim_templates(set);
    if templates.is_empty() {
        return;
    }
    let spec = pod.spec.get_or_insert_default();
    let others = spec.volumes.take().unwrap_or_default();
    let volume = |(template, claim): (&PersistentVolumeClaim, PersistentVolumeClaim)| {
        let claim_name = claim.metadata.name.unwrap_or_default();
        Volume {
            name: template.metadata.name.clone().unwrap_or_default(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource { claim_name, read_only: None }),
            ..Volume::default()
        }
    };
    let mut volumes: Vec<Volume> = templates.iter().zip(claims(set, name)).map(volume).collect();
    volumes.extend(others.into_iter().filter(|other| {
        !templates.iter().any(|template| template.metadata.name.as_deref() == Some(other.name.as_str()))
    }));
    spec.volumes = Some(volumes);
}

/// Whether every claim has its volume (`storageMatches`).
fn storage_matches(set: &StatefulSet, pod: &Pod, name: &str) -> bool {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    claim_templates(set).iter().zip(claims(set, name)).all(|(template, claim)| {
        let found = volumes.iter().find(|volume| Some(&volume.name) == template.metadata.name.as_ref());
        let source = found.and_then(|volume| volume.persistent_volume_claim.as_ref());
        source.is_some_and(|source| Some(&source.claim_name) == claim.metadata.name.as_ref())
    })
}

/// The pod with the identity and the volumes it should have; `None` when it has them.
pub fn corrected(set: &Object, pod: &Object) -> Option<Pod> {
    let (typed, own) = (set.expect::<StatefulSet>(), pod.expect::<Pod>());
    if identity_matches(set, pod) && storage_matches(typed, own, pod.name()) {
        return None;
    }
    let mut fixed = own.clone();
    set_identity(typed, &mut fixed, pod.name(), ordinal(pod)?);
    set_storage(typed, &mut fixed, pod.name());
    Some(fixed)
}

/// The pod of an ordinal, of a template and its revision (`newStatefulSetPod`).
pub fn new_pod(set: &Object, template: &PodTemplateSpec, revision: &str, ordinal: i32) -> Pod {
    let typed = set.expect::<StatefulSet>();
    let name = format!("{}-{ordinal}", set.name());
    let mut pod = pods::from_template(template, set);
    pod.metadata.generate_name = None;
    set_identity(typed, &mut pod, &name, ordinal);
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name.clone());
    spec.subdomain = typed.spec.as_ref().and_then(|spec| spec.service_name.clone()).filter(|name| !name.is_empty());
    set_storage(typed, &mut pod, &name);
    pod.metadata.labels.get_or_insert_default().insert(HASH_LABEL.to_owned(), revision.to_owned());
    pod
}
