//! ConfigMaps, Secrets and claims that pods refer to: one watch each, while a pod needs it.
//!
//! Mirrors pkg/kubelet/util/manager (`configMapAndSecretChangeDetectionStrategy: Watch`).

use std::sync::Arc;

use crate::sim::persistent::OrdSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, PodSpec, Secret};

use crate::api::selectors::escape_value;
use crate::api::volumes::claim_name;
use crate::api::{Kind, Message, ObjectKey};
use crate::client::{Informer, InformerSpec};
use crate::sim::Ctx;

use super::pod;
use super::process::Kubelet;

/// An object that pods refer to.
pub type RefKey = (Kind, ObjectKey);

/// Its watch, and the pods that need it.
#[derive(Clone, Debug)]
pub struct Reference {
    pub informer: Informer,
    pub users: OrdSet<Arc<str>>,
}

/// What a pod's volumes and environments refer to.
fn referenced(namespace: &str, own: &Pod, spec: &PodSpec) -> OrdSet<RefKey> {
    let mut keys = OrdSet::new();
    let mut add = |kind: Kind, name: &str| {
        if !name.is_empty() {
            keys.insert((kind, ObjectKey::new(namespace, name)));
        }
    };
    for volume in spec.volumes.iter().flatten() {
        if let Some(name) = claim_name(own, volume) {
            add(Kind::PersistentVolumeClaim, &name);
        }
        if let Some(source) = &volume.config_map {
            add(Kind::ConfigMap, &source.name);
        }
        if let Some(source) = &volume.secret {
            add(Kind::Secret, source.secret_name.as_deref().unwrap_or_default());
        }
        for source in volume.projected.iter().flat_map(|projected| projected.sources.iter().flatten()) {
            if let Some(source) = &source.config_map {
                add(Kind::ConfigMap, &source.name);
            }
            if let Some(source) = &source.secret {
                add(Kind::Secret, &source.name);
            }
        }
    }
    for (_, container) in pod::containers(spec) {
        for source in container.env_from.iter().flatten() {
            if let Some(source) = &source.config_map_ref {
                add(Kind::ConfigMap, &source.name);
            }
            if let Some(source) = &source.secret_ref {
                add(Kind::Secret, &source.name);
            }
        }
        for source in container.env.iter().flatten().filter_map(|env| env.value_from.as_ref()) {
            if let Some(source) = &source.config_map_key_ref {
                add(Kind::ConfigMap, &source.name);
            }
            if let Some(source) = &source.secret_key_ref {
                add(Kind::Secret, &source.name);
            }
        }
    }
    keys
}

impl Kubelet {
    /// Watches what a pod refers to.
    pub(super) fn watch_references(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        for (kind, key) in referenced(&worker.key.namespace, pod::pod(&worker.pod), pod::spec(&worker.pod)) {
            let id = (kind, key.clone());
            if let Some(reference) = self.references.get_mut(&id) {
                reference.users.insert(uid.clone());
                continue;
            }
            let spec = InformerSpec {
                kind,
                namespace: key.namespace.to_string(),
                field_selector: format!("metadata.name={}", escape_value(&key.name)),
            };
            let mut informer = Informer::new(spec);
            informer.start(ctx, &mut self.calls);
            self.references.insert(id, Reference { informer, users: OrdSet::unit(uid.clone()) });
        }
    }

    /// Ends the watches that no pod needs any more.
    pub(super) fn unwatch_references(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>) {
        let used: Vec<RefKey> = self
            .references
            .iter()
            .filter(|(_, reference)| reference.users.contains(uid))
            .map(|(key, _)| key.clone())
            .collect();
        for key in used {
            let Some(reference) = self.references.get_mut(&key) else { continue };
            reference.users.remove(uid);
            if reference.users.is_empty() {
                if let Some(call) = reference.informer.call() {
                    ctx.send(self.config.apiserver, Message::Cancel { call });
                }
                self.references.remove(&key);
            }
        }
    }

    /// Whether everything a pod refers to was looked up once.
    pub(super) fn references_synced(&self, uid: &str) -> bool {
        self.references.values().filter(|reference| reference.users.contains(uid)).all(|r| r.informer.has_synced())
    }

    /// What a ConfigMap holds, text and bytes alike; `None` where there is none.
    pub(super) fn config_map(&self, key: &ObjectKey) -> Option<Vec<(String, String)>> {
        let reference = self.references.get(&(Kind::ConfigMap, key.clone()))?;
        let map = reference.informer.store().typed::<ConfigMap>(key)?;
        let text = map.data.iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
        let bytes = map.binary_data.iter().flatten();
        let bytes = bytes.map(|(name, value)| (name.clone(), String::from_utf8_lossy(&value.0).into_owned()));
        Some(text.chain(bytes).collect())
    }

    /// What a Secret holds, decoded; `None` where there is none.
    pub(super) fn secret(&self, key: &ObjectKey) -> Option<Vec<(String, String)>> {
        let reference = self.references.get(&(Kind::Secret, key.clone()))?;
        let secret = reference.informer.store().typed::<Secret>(key)?;
        let bytes = secret.data.iter().flatten();
        Some(bytes.map(|(name, value)| (name.clone(), String::from_utf8_lossy(&value.0).into_owned())).collect())
    }

    /// A referenced object appeared or changed: pods that wait for it look again.
    pub(super) fn reference_changed(&mut self, ctx: &mut Ctx<'_, Message>, key: &RefKey) {
        let users = self.references.get(key).map(|reference| reference.users.clone()).unwrap_or_default();
        for uid in &users {
            let Some(worker) = self.workers.get(uid) else { continue };
            if worker.volumes.waiting_for_references {
                self.sync_pod(ctx, uid);
            } else if key.0 == Kind::PersistentVolumeClaim {
                self.claim_changed(ctx, uid);
            } else if worker.volumes.ready.is_some() {
                self.remount_later(ctx, uid);
            }
        }
    }
}
