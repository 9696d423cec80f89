//! Every pod runs as a service account, and has a token for it.
//!
//! Mirrors plugin/pkg/admission/serviceaccount. Leaves out: mirror pods' refusal of secrets, and
//! `enforce-mountable-secrets`.

use std::time::Duration;

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, Container, DownwardAPIProjection, DownwardAPIVolumeFile, KeyToPath, ObjectFieldSelector, Pod,
    PodSpec, ProjectedVolumeSource, ServiceAccount, ServiceAccountTokenProjection, Volume, VolumeMount,
    VolumeProjection,
};

use crate::api::{Kind, Object};
use crate::sim::Random;

use super::super::cache::WatchCache;
use super::{Denied, forbidden};

/// `DefaultServiceAccountName`.
const DEFAULT: &str = "default";
/// `ServiceAccountVolumeName`, which five characters are added to.
const VOLUME: &str = "kube-api-access";
/// `DefaultAPITokenMountPath`.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// `WarnOnlyBoundTokenExpirationPeriod`.
const TOKEN_SECONDS: i64 = 60 * 60 + 7;
/// How often the default account is looked for: its controller may not have come to it yet.
const DEFAULT_ATTEMPTS_MAX: u32 = 10;
/// The shortest pause between two looks, and the most that chance adds to it.
const RETRY_MS: u64 = 100;

pub(super) fn create(
    cache: &WatchCache,
    random: &mut Random,
    object: &mut Object,
    attempts: u32,
) -> Result<(), Denied> {
    let info = object.info();
    let Object::Pod(pod) = &*object else { return Ok(()) };
    let mirrored =
        pod.metadata.annotations.as_ref().is_some_and(|names| names.contains_key("kubernetes.io/config.mirror"));
    if mirrored {
        return Ok(());
    }
    let namespace = object.namespace();
    let name = pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| DEFAULT.to_owned());
    let found = cache.find(Kind::ServiceAccount, namespace, &name);
    let Some(Object::ServiceAccount(account)) = found.as_deref() else {
        if name == DEFAULT && attempts < DEFAULT_ATTEMPTS_MAX {
            return Err(Denied::Later(Duration::from_millis(RETRY_MS + random.below(RETRY_MS))));
        }
        let why = format!("error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found");
        return Err(forbidden(info, object, &why).into());
    };
    if let Object::Pod(pod) = object {
        run_as(pod, account, &name, random);
    }
    Ok(())
}

fn run_as(pod: &mut Pod, account: &ServiceAccount, name: &str, random: &mut Random) {
    let spec = pod.spec.get_or_insert_default();
    spec.service_account_name = Some(name.to_owned());
    spec.service_account = Some(name.to_owned());
    if spec.image_pull_secrets.as_ref().is_none_or(Vec::is_empty) {
        spec.image_pull_secrets.clone_from(&account.image_pull_secrets);
    }
    let wanted = spec.automount_service_account_token.or(account.automount_service_account_token).unwrap_or(true);
    if wanted {
        mount_token(spec, random);
    }
}

fn mount_token(spec: &mut PodSpec, random: &mut Random) {
    let existing = spec.volumes.iter().flatten().find(|volume| volume.name.starts_with(&format!("{VOLUME}-")));
    let has_volume = existing.is_some();
    let name = existing.map_or_else(|| format!("{VOLUME}-{}", random.suffix(5)), |volume| volume.name.clone());
    let mut needed = false;
    let mut mount = |container: &mut Container| {
        let mounts = container.volume_mounts.get_or_insert_default();
        // What the user mounts there stays.
        if mounts.iter().any(|mount| mount.mount_path == MOUNT_PATH) {
            return;
        }
        mounts.push(VolumeMount {
            name: name.clone(),
            read_only: Some(true),
            mount_path: MOUNT_PATH.to_owned(),
            ..VolumeMount::default()
        });
        needed = true;
    };
    spec.init_containers.iter_mut().flatten().for_each(&mut mount);
    spec.containers.iter_mut().for_each(&mut mount);
    if needed && !has_volume {
        spec.volumes.get_or_insert_default().push(token_volume(name));
    }
}

/// `TokenVolumeSource`.
fn token_volume(name: String) -> Volume {
    let token = VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            expiration_seconds: Some(TOKEN_SECONDS),
            path: "token".to_owned(),
            ..ServiceAccountTokenProjection::default()
        }),
        ..VolumeProjection::default()
    };
    let authority = VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: "kube-root-ca.crt".to_owned(),
            items: Some(vec![KeyToPath { key: "ca.crt".to_owned(), path: "ca.crt".to_owned(), mode: None }]),
            optional: None,
        }),
        ..VolumeProjection::default()
    };
    let namespace = VolumeProjection {
        downward_api: Some(DownwardAPIProjection {
            items: Some(vec![DownwardAPIVolumeFile {
                path: "namespace".to_owned(),
                field_ref: Some(ObjectFieldSelector {
                    api_version: Some("v1".to_owned()),
                    field_path: "metadata.namespace".to_owned(),
                }),
                ..DownwardAPIVolumeFile::default()
            }]),
        }),
        ..VolumeProjection::default()
    };
    let sources = Some(vec![token, authority, namespace]);
    Volume { name, projected: Some(ProjectedVolumeSource { default_mode: Some(0o644), sources }), ..Volume::default() }
}
