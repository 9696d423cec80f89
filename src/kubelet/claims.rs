//! Claims that a pod uses: their volumes are found, attached to the node and made ready, before its containers start.
//!
//! Mirrors pkg/kubelet/volumemanager (the populator of the desired state and the reconciler) and pkg/volume/csi.
//! Upstream asks for a claim again and again; here one watch tells of it while a pod needs it. Leaves out: ownership of
//! files (`fsGroup`), the check that a claim's volume is bound to it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, Pod, PodSpec};
use serde_json::json;

use crate::api::cri::{CriRequest, CriResponse};
use crate::api::disk::DRIVER;
use crate::api::http::content_type;
use crate::api::volumes::{attachable_name, claim_name, claim_phase, is_for_pod, volume_name};
use crate::api::{Kind, Message, Object, ObjectKey, Request, Response};
use crate::client::EventKind;
use crate::sim::Ctx;

use super::pod;
use super::pod_workers::{Stage, Worker};
use super::process::{Call, Kubelet};
use super::runtime::CriCall;

/// How far the volume of a claim is.
#[derive(Clone, Debug, PartialEq)]
pub enum Mounting {
    /// Its object is being read.
    Reading,
    /// It is to be attached to the node.
    Attaching(Arc<Object>),
    /// It is being made ready.
    Staging(Arc<Object>),
    /// Pods can use it.
    Mounted(Arc<Object>),
}

impl Mounting {
    fn volume(&self) -> Option<&PersistentVolume> {
        match self {
            Mounting::Reading => None,
            Mounting::Attaching(volume) | Mounting::Staging(volume) | Mounting::Mounted(volume) => volume.get(),
        }
    }
}

/// Where a volume's data are.
enum Place {
    /// A directory of the node.
    Directory(String),
    /// A disk or a share on the network, by handle.
    Disk(String),
    /// Nobody on this node knows it.
    Unknown,
}

fn place(spec: &PersistentVolumeSpec) -> Place {
    if let Some(csi) = spec.csi.as_ref().filter(|csi| csi.driver == DRIVER) {
        Place::Disk(csi.volume_handle.clone())
    } else if let Some(own) = &spec.host_path {
        Place::Directory(own.path.clone())
    } else if let Some(own) = &spec.local {
        Place::Directory(own.path.clone())
    } else if let Some(own) = &spec.nfs {
        Place::Disk(format!("nfs://{}{}", own.server, own.path))
    } else {
        Place::Unknown
    }
}

/// The name of the runtime's volume in which the data are.
fn host_path(spec: &PersistentVolumeSpec) -> String {
    match place(spec) {
        Place::Directory(path) => path,
        Place::Disk(handle) => format!("disk/{handle}"),
        Place::Unknown => String::new(),
    }
}

/// A claim that cannot be mounted: the volume's name, and why.
type Problem = (String, String);

/// A file system is mounted and a block device is handed in: `createVolumeSpec`.
fn is_used_as_it_is(spec: &PodSpec, name: &str, claim: &PersistentVolumeClaim) -> Result<(), String> {
    let mode = claim.spec.as_ref().and_then(|spec| spec.volume_mode.as_deref()).unwrap_or("Filesystem");
    let containers = || spec.init_containers.iter().flatten().chain(&spec.containers);
    let mounted = containers().any(|own| own.volume_mounts.iter().flatten().any(|mount| mount.name == name));
    let handed_in = containers().any(|own| own.volume_devices.iter().flatten().any(|device| device.name == name));
    let wrong = |field: &str| Err(format!("volume {name} has volumeMode {mode}, but is specified in {field}"));
    match mode {
        "Block" if mounted => wrong("volumeMounts"),
        "Filesystem" if handed_in => wrong("volumeDevices"),
        _ => Ok(()),
    }
}

impl Kubelet {
    /// Brings the pod's claims nearer to being mounted. False while one has to wait.
    ///
    /// # Errors
    /// The first claim that cannot be.
    pub(super) fn prepare_claims(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) -> Result<bool, Problem> {
        let Some(worker) = self.workers.get(uid).cloned() else { return Ok(false) };
        let own = pod::pod(&worker.pod);
        let mut ready = true;
        let mut problem = None;
        for volume in pod::spec(&worker.pod).volumes.iter().flatten() {
            let Some(name) = claim_name(own, volume) else { continue };
            let claim = match self.usable_claim(&worker, own, &name, volume.ephemeral.is_some()) {
                Ok(claim) => claim,
                Err(why) => {
                    let key = ObjectKey::new(&worker.key.namespace, &name);
                    problem.get_or_insert((volume.name.clone(), format!("error processing PVC {key}: {why}")));
                    continue;
                }
            };
            if let Err(why) = is_used_as_it_is(pod::spec(&worker.pod), &volume.name, claim.expect()) {
                problem.get_or_insert((volume.name.clone(), why));
                continue;
            }
            match self.mount_claim(ctx, &worker, &volume.name, &claim) {
                Ok(mounted) => ready &= mounted,
                Err(why) => {
                    problem.get_or_insert((volume.name.clone(), why));
                }
            }
        }
        problem.map_or(Ok(ready), Err)
    }

    /// `getPVCExtractPV`: the claim, if a pod may use it.
    fn usable_claim(&self, worker: &Worker, own: &Pod, name: &str, ephemeral: bool) -> Result<Arc<Object>, String> {
        let key = ObjectKey::new(&worker.key.namespace, name);
        let found = self.references.get(&(Kind::PersistentVolumeClaim, key.clone()));
        let Some(object) = found.and_then(|reference| reference.informer.store().get(&key)) else {
            let why = format!("persistentvolumeclaims {name:?} not found");
            return Err(format!("failed to fetch PVC from API server: {why}"));
        };
        let claim: &PersistentVolumeClaim = object.expect();
        if ephemeral && !is_for_pod(claim, own) {
            return Err(format!("PVC {key} was not created for pod {} (pod is not owner)", worker.key));
        }
        if object.meta().deletion_timestamp.is_some() {
            return Err("PVC is being deleted".to_owned());
        }
        if claim_phase(claim) != "Bound" || volume_name(claim).is_empty() {
            return Err("PVC is not bound".to_owned());
        }
        Ok(object.clone())
    }

    /// Takes the next step for a claim. True once it is mounted.
    fn mount_claim(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        worker: &Worker,
        name: &str,
        claim: &Object,
    ) -> Result<bool, String> {
        match worker.volumes.claims.get(name).cloned() {
            Some(Mounting::Mounted(_)) => Ok(true),
            Some(Mounting::Reading | Mounting::Staging(_)) => Ok(false),
            None => {
                self.read_volume(ctx, &worker.uid, name, claim);
                Ok(false)
            }
            Some(Mounting::Attaching(object)) => {
                let volume: &PersistentVolume = object.expect();
                let spec = volume.spec.clone().unwrap_or_default();
                if attachable_name(volume).is_some_and(|unique| !self.is_attached(&unique)) {
                    return Ok(false);
                }
                match place(&spec) {
                    Place::Directory(_) => {
                        self.set_mounting(&worker.uid, name, Some(Mounting::Mounted(object)));
                        Ok(true)
                    }
                    Place::Disk(handle) => {
                        self.set_mounting(&worker.uid, name, Some(Mounting::Staging(object)));
                        let what = CriCall::Stage { uid: worker.uid.clone(), volume: Arc::from(name) };
                        self.cri.send(ctx, CriRequest::StageVolume { disk: Arc::from(handle) }, what);
                        Ok(false)
                    }
                    Place::Unknown => Err(format!(
                        "failed to get Plugin from volumeSpec for volume {:?} err=no volume plugin matched",
                        object.name()
                    )),
                }
            }
        }
    }

    fn read_volume(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, name: &str, claim: &Object) {
        self.set_mounting(uid, name, Some(Mounting::Reading));
        let request = Request::get(Kind::PersistentVolume.info(), "", volume_name(claim.expect()));
        self.calls.send(ctx, request, Call::Volume { uid: uid.clone(), volume: name.to_owned() });
    }

    fn set_mounting(&mut self, uid: &Arc<str>, name: &str, mounting: Option<Mounting>) {
        let Some(worker) = self.worker_mut(uid) else { return };
        match mounting {
            Some(mounting) => worker.volumes.claims.insert(name.to_owned(), mounting),
            None => worker.volumes.claims.remove(name),
        };
    }

    /// The node says that it uses the volume, and the attach-detach controller that it has it.
    fn is_attached(&self, unique: &str) -> bool {
        let stored = self.node.stored.as_ref().and_then(|node| node.get::<Node>());
        let Some(status) = stored.and_then(|node| node.status.as_ref()) else { return false };
        let reported = status.volumes_in_use.iter().flatten().any(|name| name == unique);
        reported && status.volumes_attached.iter().flatten().any(|volume| volume.name == unique)
    }

    /// The API server gave the object of a claim's volume, or did not.
    pub(super) fn volume_answered(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        uid: &Arc<str>,
        name: &str,
        response: Option<&Response>,
    ) {
        let found = response.filter(|response| response.is_success()).and_then(Response::object).cloned();
        let state = self.workers.get(uid).and_then(|worker| worker.volumes.claims.get(name).cloned());
        match (state, found) {
            (Some(Mounting::Reading), Some(volume)) => {
                self.set_mounting(uid, name, Some(Mounting::Attaching(volume)));
                self.sync_pod(ctx, uid);
            }
            (Some(Mounting::Reading), None) => {
                self.set_mounting(uid, name, None);
                self.wake_pod(ctx, uid, super::config::MOUNT_RETRY_INITIAL);
            }
            (Some(Mounting::Mounted(_)), Some(volume)) => {
                self.set_mounting(uid, name, Some(Mounting::Mounted(volume)));
                self.grow(ctx, uid, name);
            }
            _ => {}
        }
    }

    /// The driver made a volume ready, or could not.
    pub(super) fn staged(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, name: &str, response: &CriResponse) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        let Some(Mounting::Staging(volume)) = worker.volumes.claims.get(name).cloned() else { return };
        if let CriResponse::Failed(error) = response {
            self.set_mounting(uid, name, Some(Mounting::Attaching(volume.clone())));
            let message = format!(
                "MountVolume.MountDevice failed for volume {:?} : {}",
                volume.name(),
                super::sync::rpc_error(error)
            );
            self.pod_event(ctx, &worker.pod, EventKind::Warning, "FailedMount", message);
            self.mount_retry(ctx, uid);
            return;
        }
        self.set_mounting(uid, name, Some(Mounting::Mounted(volume)));
        self.sync_pod(ctx, uid);
        self.grow(ctx, uid, name);
    }

    /// The node's object changed: pods that wait for an attachment look again.
    pub(super) fn attachments_changed(&mut self, ctx: &mut Ctx<'_, Message>) {
        let waits = |worker: &&Arc<Worker>| {
            let mut states = worker.volumes.claims.values();
            worker.stage == Stage::Syncing && states.any(|state| matches!(state, Mounting::Attaching(_)))
        };
        let uids: Vec<Arc<str>> = self.workers.values().filter(waits).map(|worker| worker.uid.clone()).collect();
        for uid in uids {
            self.sync_pod(ctx, &uid);
        }
    }

    /// A claim changed: a pod that waits looks again, and a file system may have to grow.
    pub(super) fn claim_changed(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        if worker.volumes.ready.is_none() {
            return self.sync_pod(ctx, uid);
        }
        for (name, state) in worker.volumes.claims.iter() {
            let claim = self.claim_of(&worker, name);
            if matches!(state, Mounting::Mounted(_)) && claim.is_some_and(|claim| needs_growth(&claim)) {
                let claim = self.claim_of(&worker, name).unwrap_or_default();
                let request = Request::get(Kind::PersistentVolume.info(), "", volume_name(&claim));
                self.calls.send(ctx, request, Call::Volume { uid: uid.clone(), volume: name.clone() });
            }
        }
    }

    fn claim_of(&self, worker: &Worker, name: &str) -> Option<PersistentVolumeClaim> {
        let own = pod::pod(&worker.pod);
        let volume = pod::spec(&worker.pod).volumes.iter().flatten().find(|volume| volume.name == name)?;
        let key = ObjectKey::new(&worker.key.namespace, &claim_name(own, volume)?);
        let reference = self.references.get(&(Kind::PersistentVolumeClaim, key.clone()))?;
        reference.informer.store().typed::<PersistentVolumeClaim>(&key).map(|claim| (*claim).clone())
    }

    /// `NodeExpandVolume`, where the claim waits for it: its file system is as large as its volume from now on.
    fn grow(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, name: &str) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        let Some(claim) = self.claim_of(&worker, name).filter(needs_growth) else { return };
        let volume = worker.volumes.claims.get(name).and_then(Mounting::volume);
        let Some(size) = volume.and_then(|volume| volume.spec.as_ref()?.capacity.as_ref()?.get("storage").cloned())
        else {
            return;
        };
        let volume_name = volume.and_then(|volume| volume.metadata.name.clone()).unwrap_or_default();
        let patch = json!({ "status": { "capacity": { "storage": size.0 }, "conditions": null } });
        let (namespace, claim_name) = (claim.metadata.namespace.as_deref(), claim.metadata.name.as_deref());
        let request = Request::patch(
            Kind::PersistentVolumeClaim.info(),
            namespace.unwrap_or_default(),
            claim_name.unwrap_or_default(),
            "status",
            content_type::MERGE_PATCH,
            patch,
        );
        self.calls.send(ctx, request, Call::Event);
        let node = self.config.node.clone();
        let message = format!("MountVolume.NodeExpandVolume succeeded for volume {volume_name:?} {node}");
        self.pod_event(ctx, &worker.pod, EventKind::Normal, "FileSystemResizeSuccessful", message);
    }

    /// The volumes that pods of the node use or are about to, by the name that the node reports.
    pub(super) fn volumes_in_use(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for worker in self.workers.values().filter(|worker| worker.stage != Stage::Terminated) {
            let volumes = worker.volumes.claims.values().filter_map(Mounting::volume);
            for name in volumes.filter_map(attachable_name) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// The pod's volumes are torn down: disks that no other pod of the node uses are let go.
    pub(super) fn unmount_claims(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        let disk = |mounting: &Mounting| match mounting.volume().and_then(|volume| volume.spec.as_ref()).map(place) {
            Some(Place::Disk(handle)) if !matches!(mounting, Mounting::Attaching(_)) => Some(handle),
            _ => None,
        };
        for handle in worker.volumes.claims.values().filter_map(disk) {
            let mut others = self.workers.values().filter(|other| other.uid != *uid);
            let used = others.any(|other| other.volumes.claims.values().filter_map(disk).any(|own| own == handle));
            if !used {
                self.cri.send(ctx, CriRequest::UnstageVolume { disk: Arc::from(handle) }, CriCall::Forget);
            }
        }
    }
}

/// Whether the claim waits until its file system grows.
fn needs_growth(claim: &PersistentVolumeClaim) -> bool {
    let conditions = claim.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "FileSystemResizePending")
}

impl Worker {
    /// The runtime's volume in which the data of a mounted claim are.
    pub(super) fn claim_path(&self, name: &str) -> Option<String> {
        let volume = self.volumes.claims.get(name)?.volume()?;
        Some(host_path(volume.spec.as_ref()?))
    }
}
