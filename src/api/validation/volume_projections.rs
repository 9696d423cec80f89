//! Mirrors the checks of downward API and projected volumes. Leaves out: the forms of signer names.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    ClusterTrustBundleProjection, DownwardAPIVolumeFile, DownwardAPIVolumeSource, KeyToPath, ProjectedVolumeSource,
    ServiceAccountTokenProjection, VolumeProjection,
};

use super::downward::{VOLUME_FIELDS, object_field, resource_field};
use super::errors::{BadValue, Errors};
use super::items;
use super::names::{self, each};
use super::path::Path;
use super::selectors;
use super::volume_sources::{Check, key_to_path, local_non_reserved_path, mode};
use crate::api::kind::FieldError;

/// `validateDownwardAPIVolumeSource`. Files are reported under the volume, without an index.
pub fn downward_api(source: &DownwardAPIVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("downwardAPI");
        mode(source.default_mode, &path.child("defaultMode"), errors);
        for file in items(&source.items) {
            downward_file(file, &path, errors);
        }
    })
}

fn downward_file(file: &DownwardAPIVolumeFile, path: &Path, errors: &mut Errors) {
    if file.path.is_empty() {
        errors.push(FieldError::required(&path.child("path"), ""));
    }
    local_non_reserved_path(&file.path, &path.child("path"), errors);
    match (&file.field_ref, &file.resource_field_ref) {
        (Some(field), resource) => {
            object_field(field, VOLUME_FIELDS, &path.child("fieldRef"), errors);
            if resource.is_some() {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.push(FieldError::invalid(path, "resource", detail));
            }
        }
        (None, Some(field)) => resource_field(field, true, &path.child("resourceFieldRef"), errors),
        (None, None) => errors.push(FieldError::required(path, "one of fieldRef and resourceFieldRef is required")),
    }
    mode(file.mode, &path.child("mode"), errors);
}

/// `validateProjectedVolumeSource`.
pub fn projected(source: &ProjectedVolumeSource) -> Check<'_> {
    Box::new(|volume, errors| {
        let path = volume.child("projected");
        mode(source.default_mode, &path.child("defaultMode"), errors);
        let mut paths = Paths { seen: BTreeSet::new(), path: path.clone() };
        for (index, projection) in items(&source.sources).iter().enumerate() {
            let own = path.child("sources").index(index);
            let count = one_projection(projection, &path, &own, &mut paths, errors);
            if count > 1 {
                errors.push(FieldError::forbidden(&own, "may not specify more than 1 volume type per source"));
            }
        }
    })
}

/// The paths files are projected to so far: none twice.
struct Paths<'a> {
    seen: BTreeSet<&'a str>,
    path: Path,
}

impl<'a> Paths<'a> {
    fn add(&mut self, path: &'a str, shown: &str, errors: &mut Errors) {
        if !self.seen.insert(path) {
            errors.push(FieldError::invalid(&self.path, shown, "conflicting duplicate paths"));
        }
    }
}

fn named_items<'a>(name: &str, list: &'a [KeyToPath], path: &Path, paths: &mut Paths<'a>, errors: &mut Errors) {
    if name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    for (index, item) in list.iter().enumerate() {
        key_to_path(item, &path.child("items").index(index), errors);
        if !item.path.is_empty() {
            paths.add(&item.path, name, errors);
        }
    }
}

fn one_projection<'a>(
    projection: &'a VolumeProjection,
    path: &Path,
    own: &Path,
    paths: &mut Paths<'a>,
    errors: &mut Errors,
) -> usize {
    let mut count = 0;
    if let Some(secret) = &projection.secret {
        count += 1;
        named_items(&secret.name, items(&secret.items), &own.child("secret"), paths, errors);
    }
    if let Some(config_map) = &projection.config_map {
        count += 1;
        named_items(&config_map.name, items(&config_map.items), &own.child("configMap"), paths, errors);
    }
    if let Some(downward) = &projection.downward_api {
        count += 1;
        for file in items(&downward.items) {
            downward_file(file, &own.child("downwardAPI"), errors);
            if !file.path.is_empty() {
                paths.add(&file.path, &file.path, errors);
            }
        }
    }
    if let Some(token) = &projection.service_account_token {
        count += 1;
        service_account_token(token, path, &own.child("serviceAccountToken"), errors);
    }
    if let Some(bundle) = &projection.cluster_trust_bundle {
        count += 1;
        cluster_trust_bundle(bundle, &own.child("clusterTrustBundle"), errors);
        paths.add(&bundle.path, &bundle.path, errors);
    }
    count + usize::from(projection.pod_certificate.is_some())
}

fn service_account_token(token: &ServiceAccountTokenProjection, path: &Path, own: &Path, errors: &mut Errors) {
    let seconds = token.expiration_seconds.unwrap_or(0);
    let seconds_path = own.child("expirationSeconds");
    if seconds < 600 {
        let detail = "may not specify a duration less than 10 minutes";
        errors.push(FieldError::invalid(&seconds_path, seconds, detail));
    }
    if seconds > 1 << 32 {
        let detail = "may not specify a duration larger than 2^32 seconds";
        errors.push(FieldError::invalid(&seconds_path, seconds, detail));
    }
    // Upstream reports the path under the volume, not the source.
    if token.path.is_empty() {
        errors.push(FieldError::required(&path.child("path"), ""));
    } else {
        local_non_reserved_path(&token.path, &path.child("path"), errors);
    }
}

fn cluster_trust_bundle(bundle: &ClusterTrustBundleProjection, path: &Path, errors: &mut Errors) {
    match (bundle.name.as_deref(), bundle.signer_name.as_deref()) {
        (Some(_), Some(_)) => {
            let detail = "only one of name and signerName may be used";
            errors.push(FieldError::invalid(path, BadValue::json(bundle), detail));
        }
        (Some(name), None) => {
            if name.is_empty() {
                errors.push(FieldError::required(&path.child("name"), "must be a valid object name"));
            }
            for what in names::subdomain_name(name.rsplit(':').next().unwrap_or_default(), false) {
                let detail = format!("not a valid clustertrustbundlename: {what}");
                errors.push(FieldError::invalid(&path.child("name"), name, &detail));
            }
            if let Some(selector) = &bundle.label_selector {
                let detail = "labelSelector must be unset if name is specified";
                let shown = selectors::shown(selector);
                errors.push(FieldError::invalid(&path.child("labelSelector"), shown, detail));
            }
        }
        (None, Some(signer)) => {
            if signer.is_empty() {
                errors.push(FieldError::required(&path.child("signerName"), "must be a valid signer name"));
            }
            each(names::qualified_name(signer), signer, &path.child("signerName"), errors);
            selectors::label_selector(bundle.label_selector.as_ref(), &path.child("labelSelector"), errors);
        }
        (None, None) => {
            errors.push(FieldError::required(path, "either name or signerName must be specified"));
        }
    }
    if bundle.path.is_empty() {
        errors.push(FieldError::required(&path.child("path"), ""));
    }
    local_non_reserved_path(&bundle.path, &path.child("path"), errors);
}
