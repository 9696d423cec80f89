//! Admission: what the server adds to an object or refuses, plugin by plugin in upstream's order.
//!
//! Mirrors pkg/kubeapiserver/options/plugins.go. Leaves out: NodeRestriction, webhooks, policies: nothing here for
//! them to act on.

pub mod default_toleration_seconds;
mod limit_ranger;
mod namespace_lifecycle;
mod pod_security;
mod priority;
pub(super) mod resource_quota;
mod service_account;
mod storage;

use std::sync::Arc;
use std::time::Duration;

use crate::api::{Kind, KindInfo, Object, Status};
use crate::sim::Random;

use super::inspect::{Admitted, Said};
use super::route::Resource;
use super::server::ApiServer;

/// What admission said instead of yes.
pub(super) enum Denied {
    Status(Box<Status>),
    /// What it needs may come yet: look again after this.
    Later(Duration),
}

impl From<Status> for Denied {
    fn from(status: Status) -> Self {
        Denied::Status(Box::new(status))
    }
}

/// `admission.NewForbidden`: about the name, or what it will be made from.
fn forbidden(info: &KindInfo, object: &Object, why: &str) -> Status {
    let name = if object.name().is_empty() {
        object.meta().generate_name.as_deref().filter(|base| !base.is_empty()).unwrap_or("Unknown")
    } else {
        object.name()
    };
    Status::forbidden(info, name, why)
}

/// What the plugins may change of an object, in numbers: enough to see whether one did.
fn marks(object: &Object) -> Option<(usize, usize, Option<i32>, usize, usize)> {
    let finalizers = object.meta().finalizers.as_ref().map_or(0, Vec::len);
    let pod = match object {
        Object::Pod(pod) => pod,
        Object::PersistentVolumeClaim(claim) => {
            let class = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.as_ref());
            return Some((finalizers, usize::from(class.is_some()), None, 0, 0));
        }
        Object::PersistentVolume(_) => return Some((finalizers, 0, None, 0, 0)),
        _ => return None,
    };
    let spec = pod.spec.as_ref()?;
    Some((
        spec.tolerations.as_ref().map_or(0, Vec::len),
        spec.volumes.as_ref().map_or(0, Vec::len),
        spec.priority,
        spec.service_account_name.as_ref().map_or(0, String::len),
        pod.metadata.annotations.as_ref().map_or(0, |all| all.values().map(String::len).sum()),
    ))
}

/// There are no runtime classes here, so that a pod can only name one that is missing.
fn runtime_class(object: &Object) -> Result<(), Status> {
    let Object::Pod(pod) = object else { return Ok(()) };
    match pod.spec.as_ref().and_then(|spec| spec.runtime_class_name.as_deref()) {
        None | Some("") => Ok(()),
        Some(name) => {
            let why = format!("pod rejected: RuntimeClass \"{name}\" not found");
            Err(forbidden(object.info(), object, &why))
        }
    }
}

fn verdict(plugin: &'static str, said: Said) -> Admitted {
    Admitted { plugin, said }
}

/// A plugin that had let the object through says no to it now.
fn deny(plugin: &'static str, result: Result<(), Status>, verdicts: &mut [Admitted]) -> Result<(), Status> {
    if let Err(status) = &result
        && let Some(own) = verdicts.iter_mut().find(|verdict| verdict.plugin == plugin)
    {
        own.said = Said::Denied(status.message.as_str().into());
    }
    result
}

impl ApiServer {
    /// Admits a new object, or not. `attempts`: how often this was tried before. What each plugin said
    /// is put down in `verdicts`.
    pub(super) fn admit_create(
        &self,
        random: &mut Random,
        object: &mut Object,
        attempts: u32,
        verdicts: &mut Vec<Admitted>,
    ) -> Result<(), Denied> {
        verdicts.clear();
        let namespaced = object.info().namespaced();
        let mut ask =
            |plugin, concerned: bool, object: &mut Object, run: &mut dyn FnMut(&mut Object) -> Result<(), Denied>| {
                let before = marks(object);
                let result = run(object);
                let said = match &result {
                    Err(Denied::Later(_)) => Said::Waits,
                    Err(Denied::Status(status)) => Said::Denied(status.message.as_str().into()),
                    Ok(()) if !concerned => Said::Ignored,
                    Ok(()) if marks(object) != before => Said::Changed,
                    Ok(()) => Said::Admitted,
                };
                verdicts.push(verdict(plugin, said));
                result
            };
        let pod = object.kind() == Kind::Pod;
        ask("NamespaceLifecycle", namespaced, object, &mut |object| {
            Ok(namespace_lifecycle::create(&self.cache, object)?)
        })?;
        let bounded = pod || object.kind() == Kind::PersistentVolumeClaim;
        ask("LimitRanger", bounded, object, &mut |object| {
            limit_ranger::create(&self.cache, object);
            Ok(())
        })?;
        ask("ServiceAccount", pod, object, &mut |object| {
            service_account::create(&self.cache, random, object, attempts)
        })?;
        let ranked = pod || object.kind() == Kind::PriorityClass;
        ask("Priority", ranked, object, &mut |object| Ok(priority::create(&self.cache, object)?))?;
        ask("DefaultTolerationSeconds", pod, object, &mut |object| {
            default_toleration_seconds::admit(object);
            Ok(())
        })?;
        let claim = object.kind() == Kind::PersistentVolumeClaim;
        ask("DefaultStorageClass", claim, object, &mut |object| {
            storage::default_class(&self.cache, object);
            Ok(())
        })?;
        let kept = claim || object.kind() == Kind::PersistentVolume;
        ask("StorageObjectInUseProtection", kept, object, &mut |object| {
            storage::protect(object);
            Ok(())
        })?;
        runtime_class(object).map_err(|status| {
            verdicts.push(verdict("RuntimeClass", Said::Denied(status.message.as_str().into())));
            status.into()
        })
    }

    /// What admission says of a new object that has been found valid: the quotas that it is to be charged to.
    pub(super) fn validate_create(
        &self,
        object: &Object,
        unix_micros: i64,
        verdicts: &mut Vec<Admitted>,
    ) -> Result<Vec<Arc<str>>, Status> {
        let kind = object.kind();
        let bounded = matches!(kind, Kind::Pod | Kind::PersistentVolumeClaim);
        let limits = if bounded { limit_ranger::validate(&self.cache, object) } else { Ok(()) };
        deny("LimitRanger", limits, verdicts)?;
        pod_security::validate(&self.cache, object).inspect_err(|status| {
            verdicts.push(verdict("PodSecurity", Said::Denied(status.message.as_str().into())));
        })?;
        deny("Priority", priority::validate(&self.cache, object, true), verdicts)?;
        let charges = resource_quota::concerned(&self.cache, object, None, unix_micros);
        let said = match &charges {
            Err(status) => Said::Denied(status.message.as_str().into()),
            Ok(names) if names.is_empty() => Said::Ignored,
            Ok(_) => Said::Admitted,
        };
        verdicts.push(verdict("ResourceQuota", said));
        charges
    }

    /// The same for an update.
    pub(super) fn validate_update(&self, object: &Object, old: &Object, status: bool) -> Result<(), Status> {
        // What is going is let go whatever the bounds are by now; a pod's containers cannot change.
        let claim = object.kind() == Kind::PersistentVolumeClaim && !status;
        if claim && old.meta().deletion_timestamp.is_none() {
            limit_ranger::validate(&self.cache, object)?;
        }
        priority::validate(&self.cache, object, false)
    }

    /// Admits an update of the object itself, or not.
    pub(super) fn admit_update(&self, object: &mut Object, old: &Object) -> Result<(), Status> {
        priority::update(object, old);
        default_toleration_seconds::admit(object);
        storage::resize(&self.cache, object, old)
    }

    /// Admits a deletion, or not.
    pub(super) fn admit_delete(&self, resource: &Resource, verdicts: &mut Vec<Admitted>) -> Result<(), Status> {
        let result = namespace_lifecycle::delete(resource);
        let said = match &result {
            Ok(()) => Said::Admitted,
            Err(status) => Said::Denied(status.message.as_str().into()),
        };
        verdicts.push(verdict("NamespaceLifecycle", said));
        result
    }
}
