//! Nothing is created in a namespace that is not there or is going, and the first namespaces stay.
//!
//! Mirrors apiserver/pkg/admission/plugin/namespace/lifecycle. Leaves out: the live look-up for what the
//! cache has not seen yet (the cache hears of a write before its writer).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;

use crate::api::{Kind, Object, Status};

use super::super::cache::WatchCache;
use super::super::route::Resource;
use super::forbidden;

/// Namespaces that cannot be deleted.
const IMMORTAL: &[&str] = &["default", "kube-public", "kube-system"];

pub(super) fn create(cache: &WatchCache, object: &Object) -> Result<(), Status> {
    let info = object.info();
    if !info.namespaced() {
        return Ok(());
    }
    let name = object.namespace();
    let found = cache.find(Kind::Namespace, "", name);
    let Some(Object::Namespace(namespace)) = found.as_deref() else {
        return Err(Status::not_found(Kind::Namespace.info(), name));
    };
    if namespace.status.as_ref().and_then(|status| status.phase.as_deref()) != Some("Terminating") {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {name} because it is being terminated");
    let mut status = forbidden(info, object, &why);
    if let Some(details) = &mut status.details {
        details.causes = Some(vec![StatusCause {
            field: Some("metadata.namespace".to_owned()),
            message: Some(format!("namespace {name} is being terminated")),
            reason: Some("NamespaceTerminating".to_owned()),
        }]);
    }
    Err(status)
}

pub(super) fn delete(resource: &Resource) -> Result<(), Status> {
    if resource.kind == Kind::Namespace && IMMORTAL.contains(&&*resource.name) {
        return Err(Status::forbidden(resource.info(), &resource.name, "this namespace may not be deleted"));
    }
    Ok(())
}
