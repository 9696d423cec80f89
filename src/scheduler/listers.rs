//! What plugins read besides nodes and pods, put into the cache kind by kind.
//!
//! Mirrors the informers' listers that pkg/scheduler/framework hands to plugins.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::api::{Kind, Object, ObjectKey};

use super::cache::Cache;

/// What an owner of pods selects.
fn selector_of(owner: &Object) -> Option<LabelSelector> {
    match owner {
        Object::ReplicaSet(set) => set.spec.as_ref().map(|spec| spec.selector.clone()),
        Object::StatefulSet(set) => set.spec.as_ref().map(|spec| spec.selector.clone()),
        Object::ReplicationController(own) => {
            let match_labels = own.spec.as_ref()?.selector.clone();
            Some(LabelSelector { match_labels, match_expressions: None })
        }
        _ => None,
    }
}

impl Cache {
    /// An object that is neither a node nor a pod came, changed or, with `None`, went. False for a kind that no
    /// plugin reads.
    pub fn note(&mut self, kind: Kind, key: &ObjectKey, new: Option<&Arc<Object>>) -> bool {
        match kind {
            Kind::Namespace => {
                let labels = new.map(|namespace| namespace.meta().labels.clone().unwrap_or_default());
                self.set_namespace(&key.name, labels);
            }
            Kind::ReplicaSet | Kind::ReplicationController | Kind::StatefulSet => {
                self.set_owner(kind, key.clone(), new.and_then(|owner| selector_of(owner)));
            }
            Kind::PodDisruptionBudget => self.set_budget(key.clone(), new.cloned()),
            Kind::Service => {
                let spec = new.and_then(|service| service.expect::<Service>().spec.as_ref());
                self.set_service(key.clone(), spec.and_then(|spec| spec.selector.clone()));
            }
            Kind::CSIDriver
            | Kind::CSINode
            | Kind::PersistentVolume
            | Kind::PersistentVolumeClaim
            | Kind::StorageClass
            | Kind::VolumeAttachment => self.volumes.set(kind, key.clone(), new.cloned()),
            _ => return false,
        }
        true
    }
}
