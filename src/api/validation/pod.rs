//! Mirrors `ValidatePodCreate` and what it shares with updates.

use k8s_openapi::api::core::v1::{Binding, Pod, PodSpec};

use super::annotations;
use super::containers::only_for_pod;
use super::errors::Errors;
use super::meta::object_meta;
use super::names::subdomain_name;
use super::path::Path;
use super::pod_spec::pod_spec;
use super::{items, text};
use crate::api::kind::FieldError;

/// `ValidatePodCreate`.
pub fn pod_create(pod: &Pod, errors: &mut Errors) {
    metadata_and_spec(pod, errors);
    let path = Path::new("spec");
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    if !items(&spec.ephemeral_containers).is_empty() {
        errors.push(FieldError::forbidden(&path.child("ephemeralContainers"), "cannot be set on create"));
    }
    if !text(&spec.node_name).is_empty() && !items(&spec.scheduling_gates).is_empty() {
        let detail = "cannot be set until all schedulingGates have been cleared";
        errors.push(FieldError::forbidden(&path.child("nodeName"), detail));
    }
    annotations::match_fields(Some(&pod.metadata), spec, &path, errors);
}

/// `validatePodMetadataAndSpec`.
pub fn metadata_and_spec(pod: &Pod, errors: &mut Errors) {
    let (meta_path, path) = (Path::new("metadata"), Path::new("spec"));
    let empty = PodSpec::default();
    let spec = pod.spec.as_ref().unwrap_or(&empty);
    object_meta(&pod.metadata, true, subdomain_name, &meta_path, errors);
    annotations::pod_specific(pod.metadata.annotations.as_ref(), spec, &meta_path.child("annotations"), errors);
    pod_spec(spec, text(&pod.metadata.name), true, &path, errors);
    if text(&spec.service_account_name).is_empty() {
        for (index, volume) in items(&spec.volumes).iter().enumerate() {
            let sources = volume.projected.as_ref().map(|projected| items(&projected.sources)).unwrap_or_default();
            for (source, projection) in sources.iter().enumerate() {
                if projection.service_account_token.is_some() {
                    let path = path.child("volumes").index(index).child("projected.sources").index(source);
                    let detail = "must not be specified when serviceAccountName is not set";
                    errors.push(FieldError::forbidden(&path.child("serviceAccountToken"), detail));
                }
            }
        }
    }
    only_for_pod(&spec.containers, &path.child("containers"), errors);
    only_for_pod(items(&spec.init_containers), &path.child("initContainers"), errors);
}

/// `ValidatePodBinding`.
pub fn binding(binding: &Binding, errors: &mut Errors) {
    let kind = text(&binding.target.kind);
    if !kind.is_empty() && kind != "Node" {
        errors.push(FieldError::not_supported(&Path::new("target.kind"), kind, &["Node", "<empty>"]));
    }
    if text(&binding.target.name).is_empty() {
        errors.push(FieldError::required(&Path::new("target.name"), ""));
    }
}
