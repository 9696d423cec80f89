//! What admission does for storage: a claim without a class gets the default one, claims and volumes are kept
//! while they are in use, and a claim only grows if its class lets it.
//!
//! Mirrors plugin/pkg/admission/storage: storageclass/setdefault, storageobjectinuseprotection and
//! persistentvolume/resize. Leaves out: which plugins can resize (all that are here can).

use std::sync::Arc;

use k8s_openapi::api::storage::v1::StorageClass;

use crate::api::printers::persistentvolumeclaim::storage_class;
use crate::api::printers::storage::is_default_class;
use crate::api::time::unix_micros;
use crate::api::volumes::requested;
use crate::api::{Kind, Object, Status};
use crate::sim::Order;

use super::super::cache::WatchCache;
use super::forbidden;

/// The finalizers that keep what is in use.
const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";
const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";

/// `StorageObjectInUseProtection`.
pub(super) fn protect(object: &mut Object) {
    let finalizer = match object.kind() {
        Kind::PersistentVolume => VOLUME_PROTECTION,
        Kind::PersistentVolumeClaim => CLAIM_PROTECTION,
        _ => return,
    };
    let finalizers = object.meta_mut().finalizers.get_or_insert_default();
    if !finalizers.iter().any(|own| own == finalizer) {
        finalizers.push(finalizer.to_owned());
    }
}

/// `DefaultStorageClass`: the default class, of several the youngest, then the first by name.
pub(super) fn default_class(cache: &WatchCache, object: &mut Object) {
    let Object::PersistentVolumeClaim(claim) = object else { return };
    let annotated = "volume.beta.kubernetes.io/storage-class";
    let has_class = claim.metadata.annotations.as_ref().is_some_and(|all| all.contains_key(annotated))
        || claim.spec.as_ref().is_some_and(|spec| spec.storage_class_name.is_some());
    if has_class {
        return;
    }
    let all = cache.objects(Kind::StorageClass, "/registry/storageclasses/", "");
    let all: Vec<Arc<Object>> = all.map(|(_, stored)| stored.object()).collect();
    let mut classes: Vec<&StorageClass> = all.iter().filter_map(|object| object.get()).collect();
    classes.retain(|class| is_default_class(class));
    let made = |class: &StorageClass| class.metadata.creation_timestamp.as_ref().map_or(0, unix_micros);
    classes.order_by(|a, b| made(b).cmp(&made(a)).then_with(|| a.metadata.name.cmp(&b.metadata.name)));
    if let Some(class) = classes.first() {
        claim.spec.get_or_insert_default().storage_class_name.clone_from(&class.metadata.name);
    }
}

/// `PersistentVolumeClaimResize`.
pub(super) fn resize(cache: &WatchCache, object: &Object, old: &Object) -> Result<(), Status> {
    let (Object::PersistentVolumeClaim(new), Object::PersistentVolumeClaim(old)) = (object, old) else {
        return Ok(());
    };
    if requested(new) <= requested(old) {
        return Ok(());
    }
    let refuse = |why: &str| Err(forbidden(object.info(), object, why));
    if old.status.as_ref().and_then(|status| status.phase.as_deref()) != Some("Bound") {
        return refuse("Only bound persistent volume claims can be expanded");
    }
    let (class, before) = (storage_class(new), storage_class(old));
    let found = cache.find(Kind::StorageClass, "", class);
    let found = found.as_deref().and_then(|found| found.get::<StorageClass>());
    let grows =
        !class.is_empty() && class == before && found.is_some_and(|own| own.allow_volume_expansion == Some(true));
    if grows {
        return Ok(());
    }
    refuse(
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support \
         resize",
    )
}
