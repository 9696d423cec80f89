//! The pod that scrubs a volume which its claim has left.
//!
//! Mirrors `recycleVolumeOperation` of pv_controller.go, pkg/volume/util/recyclerclient and the recyclers of hostPath
//! and NFS. Leaves out: that the pod's events are told of the volume too; and a pod that was there before is taken for
//! the recycler, where upstream deletes it and begins again.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    Container, HostPathVolumeSource, PersistentVolume, PersistentVolumeClaim, Pod, PodSpec, Volume, VolumeMount,
};

use crate::api::volumes::{BOUND_BY_CONTROLLER, annotated, capacity, claims, volume_phase};
use crate::api::{Kind, Object, ObjectKey, Reason, Request, Typed};
use crate::controllers::controller::Stores;
use crate::controllers::plan::{Announce, Plan, Step, Write};
use crate::controllers::pods;

use super::volume::failed;

/// `--pv-recycler-minimum-timeout-hostpath` and `-nfs`, and what every GiB adds.
const HOST_PATH_SECONDS_MIN: i64 = 60;
const NFS_SECONDS_MIN: i64 = 300;
const SECONDS_PER_GIB: i64 = 30;
const GIB: i64 = 1 << 30;
const IMAGE: &str = "registry.k8s.io/build-image/debian-base:bookworm-v1.0.2";
const SCRUB: &str = "test -e /scrub && find /scrub -mindepth 1 -delete && test -z \"$(ls -A /scrub)\" || exit 1";

/// What is to be done next about a released volume whose policy is Recycle.
pub fn plan(object: &Object, volume: &PersistentVolume, stores: &Stores) -> Plan {
    let users = users(volume, stores);
    if !users.is_empty() {
        let message = format!("Volume is used by pods: {}", users.join(","));
        let event = Announce::normal(object, "VolumeFailedRecycle", message);
        return Plan::steps("pods still use it", vec![Step::Event(event)]);
    }
    let Some(wanted) = pod(object.name(), volume) else {
        return failed(object, "VolumeFailedRecycle", "No recycler plugin found for the volume!");
    };
    let key = ObjectKey::new("default", wanted.metadata.name.as_deref().unwrap_or_default());
    let Some(found) = stores.of(Kind::Pod).get(&key) else {
        let write = Write::new(Request::create(Arc::new(wanted.into_object()))).step();
        return Plan::steps("a pod is to scrub it", vec![write]);
    };
    if found.meta().deletion_timestamp.is_some() {
        return Plan::nothing("its last recycler is on its way out");
    }
    let own: &Pod = found.expect();
    let delete = Request::delete(Kind::Pod.info(), "default", found.name());
    let delete = Write::new(delete).tolerating(&[Reason::NotFound]).step();
    match pods::phase(own) {
        "Succeeded" => {
            let event = Announce::normal(object, "VolumeRecycled", "Volume recycled");
            let free = Write::new(Request::update(Arc::new(unbound(volume).into_object()))).step();
            Plan::steps("it was scrubbed", vec![delete, Step::Event(event), free])
        }
        "Failed" => {
            let why = own.status.as_ref().and_then(|status| status.message.as_deref()).filter(|why| !why.is_empty());
            let why = why.unwrap_or("pod failed, pod.Status.Message unknown");
            let message = format!("Recycle failed: failed to recycle volume: {why}");
            let mut plan = failed(object, "VolumeFailedRecycle", &message);
            plan.steps.insert(0, delete);
            plan
        }
        _ => Plan::nothing("a pod scrubs it"),
    }
}

/// The pods that use the volume's claim, as long as there is none of its name any more (`isVolumeUsed`).
fn users(volume: &PersistentVolume, stores: &Stores) -> Vec<String> {
    let Some(claim) = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref()) else { return Vec::new() };
    let namespace = claim.namespace.as_deref().unwrap_or_default();
    let name = claim.name.as_deref().unwrap_or_default();
    if stores.get::<PersistentVolumeClaim>(&ObjectKey::new(namespace, name)).is_some() {
        return Vec::new();
    }
    let uses = |pod: &Arc<Object>| {
        let own: &Pod = pod.expect();
        !pods::is_terminal(own) && claims(own).iter().any(|claim| claim == name)
    };
    let using = stores.of(Kind::Pod).in_namespace(namespace).filter(uses);
    using.map(|pod| format!("{namespace}/{}", pod.name())).collect()
}

/// The recycler of a volume; none for one that no plugin can recycle.
fn pod(name: &str, volume: &PersistentVolume) -> Option<Pod> {
    let spec = volume.spec.as_ref()?;
    let (source, seconds_min) = if let Some(own) = &spec.host_path {
        let host_path = Some(HostPathVolumeSource { path: own.path.clone(), type_: None });
        (Volume { host_path, ..Volume::default() }, HOST_PATH_SECONDS_MIN)
    } else {
        (Volume { nfs: Some(spec.nfs.clone()?), ..Volume::default() }, NFS_SECONDS_MIN)
    };
    let seconds = (capacity(volume).value() / GIB * SECONDS_PER_GIB).max(seconds_min);
    let container = Container {
        name: "pv-recycler".to_owned(),
        image: Some(IMAGE.to_owned()),
        command: Some(vec!["/bin/sh".to_owned()]),
        args: Some(vec!["-c".to_owned(), SCRUB.to_owned()]),
        volume_mounts: Some(vec![VolumeMount {
            name: "vol".to_owned(),
            mount_path: "/scrub".to_owned(),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    };
    let mut pod = Pod::default();
    pod.metadata.name = Some(format!("recycler-for-{name}"));
    pod.metadata.namespace = Some("default".to_owned());
    pod.spec = Some(PodSpec {
        active_deadline_seconds: Some(seconds),
        restart_policy: Some("Never".to_owned()),
        containers: vec![container],
        volumes: Some(vec![Volume { name: "vol".to_owned(), ..source }]),
        ..PodSpec::default()
    });
    Some(pod)
}

/// `unbindVolume`: what the controller bound is free; what somebody chose for a claim waits for one of that name.
fn unbound(volume: &PersistentVolume) -> PersistentVolume {
    let mut volume = volume.clone();
    let by_controller = annotated(&volume.metadata, BOUND_BY_CONTROLLER);
    if let Some(annotations) = volume.metadata.annotations.as_mut() {
        annotations.remove(BOUND_BY_CONTROLLER);
    }
    let reference = volume.spec.as_mut().and_then(|spec| spec.claim_ref.as_mut());
    match (reference, by_controller) {
        (Some(reference), false) => reference.uid = None,
        _ => volume.spec.get_or_insert_default().claim_ref = None,
    }
    volume
}

/// The volume that a pod recycles, by the pod's name.
pub fn of_pod(pod: &Object) -> Option<ObjectKey> {
    let name = pod.name().strip_prefix("recycler-for-").filter(|_| pod.namespace() == "default")?;
    Some(ObjectKey::new("", name))
}

/// Whether a volume that could not be recycled is tried again.
pub fn is_tried_again(volume: &PersistentVolume) -> bool {
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    policy == Some("Recycle") && matches!(volume_phase(volume), "Released" | "Failed")
}
