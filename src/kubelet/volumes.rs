//! Volumes: what is in them, and what keeps a pod waiting for one.
//!
//! Mirrors pkg/kubelet/volumemanager and pkg/volume for emptyDir, configMap, secret, projected,
//! downwardAPI and hostPath; claims are in `claims.rs`. Leaves out: renewal of tokens.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, KeyToPath, ServiceAccountTokenProjection, Volume};
use serde_json::json;

use crate::api::cri::{CriRequest, Mount, Texts};
use crate::api::{Body, Kind, Message, Method, ObjectKey, Request, Response};
use crate::client::EventKind;
use crate::sim::persistent::OrdMap;
use crate::sim::{Ctx, shared};

use super::claims::Mounting;
use super::config::{MOUNT_RETRY_INITIAL, MOUNT_RETRY_MAX, SYNC_FREQUENCY};
use super::pod;
use super::pod_workers::{Stage, Worker};
use super::process::{Call, Kubelet, Timer};
use super::runtime::CriCall;

/// The files of one volume by their paths.
pub type Files = Texts;

/// How a pod's volumes stand.
#[derive(Clone, Debug, Default)]
pub struct Volumes {
    /// By volume name, once all are set up.
    pub ready: Option<OrdMap<Arc<str>, Files>>,
    /// The ConfigMaps and Secrets are still being looked up.
    pub waiting_for_references: bool,
    /// How far the volumes of claims are, by volume name.
    pub claims: OrdMap<String, Mounting>,
    /// Service account tokens by volume and path; empty while one is asked for.
    tokens: OrdMap<TokenKey, Arc<str>>,
    failures: u32,
    /// A later look at what changed is asked for.
    remounting: bool,
}

/// A path in a service account's volume.
type TokenKey = (String, String);

impl Kubelet {
    /// Sets the pod's volumes up. False when it has to wait.
    pub(super) fn prepare_volumes(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) -> bool {
        let Some(worker) = self.workers.get(uid).cloned() else { return false };
        if worker.volumes.ready.is_some() {
            return true;
        }
        if !self.references_synced(uid) {
            if let Some(worker) = self.worker_mut(uid) {
                worker.volumes.waiting_for_references = true;
            }
            return false;
        }
        let claims = self.prepare_claims(ctx, uid);
        if let Err((volume, why)) = claims {
            let text = format!(
                "Unable to attach or mount volumes: unmounted volumes=[{volume}], unattached volumes=[], failed to \
                 process volumes=[{volume}]: {why}"
            );
            self.pod_event(ctx, &worker.pod, EventKind::Warning, "FailedMount", text);
            self.mount_retry(ctx, uid);
            return false;
        }
        if self.ask_for_tokens(ctx, uid, &worker) || claims == Ok(false) {
            return false;
        }
        let Some(worker) = self.workers.get(uid).cloned() else { return false };
        let spec = pod::spec(&worker.pod);
        let mut files = OrdMap::new();
        let mut failure = None;
        for volume in spec.volumes.iter().flatten() {
            match self.volume_files(&worker, volume) {
                Ok(content) => {
                    files.insert(shared(&volume.name), content);
                }
                Err(why) => {
                    failure.get_or_insert((volume.name.clone(), why));
                }
            }
        }
        let Some(worker) = self.worker_mut(uid) else { return false };
        worker.volumes.waiting_for_references = false;
        let Some((name, why)) = failure else {
            worker.volumes.ready = Some(files);
            return true;
        };
        let retry = retry_delay(worker.volumes.failures);
        worker.volumes.failures += 1;
        let pod = worker.pod.clone();
        let message = format!("MountVolume.SetUp failed for volume \"{name}\" : {why}");
        self.pod_event(ctx, &pod, EventKind::Warning, "FailedMount", message);
        self.wake_pod(ctx, uid, retry);
        false
    }

    /// Looks at a pod again whose volumes could not be set up, later with each failure.
    pub(super) fn mount_retry(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.worker_mut(uid) else { return };
        let retry = retry_delay(worker.volumes.failures);
        worker.volumes.failures += 1;
        self.wake_pod(ctx, uid, retry);
    }

    /// Asks for the tokens the pod's volumes need. True while one is still to come.
    fn ask_for_tokens(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, worker: &Worker) -> bool {
        let spec = pod::spec(&worker.pod);
        let mut waiting = false;
        for volume in spec.volumes.iter().flatten() {
            let sources = volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten());
            for source in sources.filter_map(|source| source.service_account_token.as_ref()) {
                let key = (volume.name.clone(), source.path.clone());
                match worker.volumes.tokens.get(&key) {
                    Some(token) => waiting |= token.is_empty(),
                    None => {
                        waiting = true;
                        self.ask_for_token(ctx, uid, worker, key, source);
                    }
                }
            }
        }
        waiting
    }

    fn ask_for_token(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        uid: &Arc<str>,
        worker: &Worker,
        key: TokenKey,
        source: &ServiceAccountTokenProjection,
    ) {
        let spec = pod::spec(&worker.pod);
        let account = spec.service_account_name.as_deref().unwrap_or("default");
        let body = json!({
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "spec": {
                "audiences": source.audience.iter().collect::<Vec<_>>(),
                "expirationSeconds": source.expiration_seconds.unwrap_or(3607),
                "boundObjectRef": {
                    "kind": "Pod", "apiVersion": "v1", "name": &*worker.key.name, "uid": &**uid,
                },
            },
        });
        let path = format!("{}/token", Kind::ServiceAccount.info().path(&worker.key.namespace, account));
        let request = Request::new(Method::Post, path).body(Body::Json(Arc::new(body)));
        self.calls.send(ctx, request, Call::Token { uid: uid.clone(), volume: key.clone() });
        if let Some(worker) = self.worker_mut(uid) {
            worker.volumes.tokens.insert(key, Arc::from(""));
        }
    }

    /// The API server gave a token, or refused.
    pub(super) fn token_answered(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        uid: &Arc<str>,
        key: TokenKey,
        response: Option<&Response>,
    ) {
        let token = response.filter(|response| response.is_success()).map(|response| match &response.body {
            Body::Json(value) => Arc::from(value["status"]["token"].as_str().unwrap_or("token")),
            _ => Arc::from("token"),
        });
        let Some(worker) = self.worker_mut(uid) else { return };
        if let Some(token) = token {
            worker.volumes.tokens.insert(key, token);
            self.sync_pod(ctx, uid);
            return;
        }
        worker.volumes.tokens.remove(&key);
        let retry = retry_delay(worker.volumes.failures);
        worker.volumes.failures += 1;
        if let Some(status) = response.and_then(Response::status) {
            let (pod, volume) = (worker.pod.clone(), key.0);
            let message =
                format!("MountVolume.SetUp failed for volume \"{volume}\" : failed to fetch token: {}", status.message);
            self.pod_event(ctx, &pod, EventKind::Warning, "FailedMount", message);
        }
        self.wake_pod(ctx, uid, retry);
    }

    /// Something mounted changed: the pod's next periodic sync brings it.
    pub(super) fn remount_later(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.worker_mut(uid) else { return };
        if std::mem::replace(&mut worker.volumes.remounting, true) {
            return;
        }
        let jitter = Duration::from_micros(ctx.rng().below(SYNC_FREQUENCY.as_micros() as u64 / 2));
        self.set_timer(ctx, SYNC_FREQUENCY + jitter, Timer::Remount { uid: uid.clone() });
    }

    /// Writes volumes whose content changed. Mounts by `subPath` keep what they had, as upstream's do.
    pub(super) fn remount(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.worker_mut(uid) else { return };
        worker.volumes.remounting = false;
        if worker.stage != Stage::Syncing {
            return;
        }
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        for volume in pod::spec(&worker.pod).volumes.iter().flatten() {
            let (Ok(files), Some(ready)) = (self.volume_files(&worker, volume), &worker.volumes.ready) else {
                continue;
            };
            if ready.get(&*volume.name).is_none_or(|before| *before == files) {
                continue;
            }
            let host_path = Arc::from(format!("{uid}/{}", volume.name));
            self.cri.send(ctx, CriRequest::WriteVolume { host_path, files: files.clone() }, CriCall::Forget);
            if let Some(ready) = self.worker_mut(uid).and_then(|worker| worker.volumes.ready.as_mut()) {
                ready.insert(shared(&volume.name), files);
            }
        }
    }

    /// What is in a volume.
    ///
    /// # Errors
    /// What `SetUp` says: `configmap "x" not found`.
    fn volume_files(&self, worker: &Worker, volume: &Volume) -> Result<Files, String> {
        let mut files = Files::new();
        if let Some(source) = &volume.config_map {
            let content = self.keyed(worker, Kind::ConfigMap, &source.name, source.optional)?;
            put(&mut files, content, source.items.as_deref(), source.optional)?;
        } else if let Some(source) = &volume.secret {
            let name = source.secret_name.as_deref().unwrap_or_default();
            let content = self.keyed(worker, Kind::Secret, name, source.optional)?;
            put(&mut files, content, source.items.as_deref(), source.optional)?;
        } else if let Some(source) = &volume.downward_api {
            self.downward(worker, source.items.as_deref(), &mut files)?;
        } else if let Some(projected) = &volume.projected {
            for source in projected.sources.iter().flatten() {
                if let Some(source) = &source.config_map {
                    let content = self.keyed(worker, Kind::ConfigMap, &source.name, source.optional)?;
                    put(&mut files, content, source.items.as_deref(), source.optional)?;
                }
                if let Some(source) = &source.secret {
                    let content = self.keyed(worker, Kind::Secret, &source.name, source.optional)?;
                    put(&mut files, content, source.items.as_deref(), source.optional)?;
                }
                if let Some(source) = &source.downward_api {
                    self.downward(worker, source.items.as_deref(), &mut files)?;
                }
                if let Some(source) = &source.service_account_token {
                    let token = worker.volumes.tokens.get(&(volume.name.clone(), source.path.clone()));
                    files.insert(shared(&source.path), token.cloned().unwrap_or_default());
                }
            }
        }
        Ok(files)
    }

    fn keyed(
        &self,
        worker: &Worker,
        kind: Kind,
        name: &str,
        optional: Option<bool>,
    ) -> Result<Vec<(String, String)>, String> {
        let key = ObjectKey::new(&worker.key.namespace, name);
        let (content, what) = match kind {
            Kind::ConfigMap => (self.config_map(&key), "configmap"),
            _ => (self.secret(&key), "secret"),
        };
        match content {
            Some(content) => Ok(content),
            None if optional == Some(true) => Ok(Vec::new()),
            None => Err(format!("{what} \"{name}\" not found")),
        }
    }

    fn downward(
        &self,
        worker: &Worker,
        items: Option<&[DownwardAPIVolumeFile]>,
        files: &mut Files,
    ) -> Result<(), String> {
        for item in items.into_iter().flatten() {
            let content = match (&item.field_ref, &item.resource_field_ref) {
                (Some(field), _) => self.field(worker, &field.field_path, None)?,
                (None, Some(resource)) => {
                    let name = resource.container_name.as_deref().unwrap_or_default();
                    self.resource_field(worker, name, resource)?
                }
                (None, None) => String::new(),
            };
            files.insert(shared(&item.path), shared(&content));
        }
        Ok(())
    }

    /// The mounts of a container.
    pub(super) fn mounts(&self, worker: &Worker, name: &str, envs: &[(String, String)]) -> Vec<Mount> {
        let spec = pod::spec(&worker.pod);
        let Some((_, container)) = pod::container(spec, name) else { return Vec::new() };
        let none = OrdMap::new();
        let ready = worker.volumes.ready.as_ref().unwrap_or(&none);
        let mut mounts = Vec::new();
        for mount in container.volume_mounts.iter().flatten() {
            let Some(volume) = spec.volumes.iter().flatten().find(|volume| volume.name == mount.name) else { continue };
            let files = ready.get(&*mount.name).cloned().unwrap_or_default();
            let sub_path = match &mount.sub_path_expr {
                Some(expression) => super::env::expand(expression, envs),
                None => mount.sub_path.clone().unwrap_or_default(),
            };
            let base = match (&volume.host_path, worker.claim_path(&volume.name)) {
                (Some(host), _) => host.path.clone(),
                (None, Some(path)) => path,
                (None, None) => format!("{}/{}", worker.uid, volume.name),
            };
            let (host_path, files) = match sub_path.trim_matches('/') {
                "" => (base, files),
                sub => (format!("{base}/{sub}"), below(&files, sub)),
            };
            let content = volume.config_map.is_some()
                || volume.secret.is_some()
                || volume.projected.is_some()
                || volume.downward_api.is_some();
            mounts.push(Mount {
                container_path: mount.mount_path.clone(),
                host_path,
                read_only: content
                    || mount.read_only == Some(true)
                    || volume.persistent_volume_claim.as_ref().is_some_and(|own| own.read_only == Some(true)),
                files,
            });
        }
        for device in container.volume_devices.iter().flatten() {
            let own = spec.volumes.iter().flatten().find(|volume| volume.name == device.name);
            let claim = own.and_then(|volume| volume.persistent_volume_claim.as_ref());
            mounts.extend(worker.claim_path(&device.name).map(|host_path| Mount {
                container_path: device.device_path.clone(),
                host_path,
                read_only: claim.is_some_and(|claim| claim.read_only == Some(true)),
                // The device's own file, of which nothing is written here.
                files: Files::unit(Arc::from(""), Arc::from("")),
            }));
        }
        mounts
    }
}

/// The part of a volume under a path; a file at that very path is under the empty name.
fn below(files: &Files, sub: &str) -> Files {
    let prefix = format!("{sub}/");
    let inside = files.iter().filter_map(|(path, content)| {
        let rest = if **path == *sub { "" } else { path.strip_prefix(&prefix)? };
        Some((shared(rest), content.clone()))
    });
    inside.collect()
}

/// Puts keys in place: all under their names, or those chosen under the paths given.
fn put(
    files: &mut Files,
    content: Vec<(String, String)>,
    items: Option<&[KeyToPath]>,
    optional: Option<bool>,
) -> Result<(), String> {
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        content.iter().for_each(|(name, value)| drop(files.insert(shared(name), shared(value))));
        return Ok(());
    };
    for item in items {
        match content.iter().find(|(name, _)| *name == item.key) {
            Some((_, value)) => {
                files.insert(shared(&item.path), shared(value));
            }
            None if optional == Some(true) => {}
            None => return Err(format!("references non-existent config key: {}", item.key)),
        }
    }
    Ok(())
}

/// How long a pod waits after so many failures.
fn retry_delay(failures: u32) -> Duration {
    MOUNT_RETRY_INITIAL.saturating_mul(1 << failures.min(10)).min(MOUNT_RETRY_MAX)
}
