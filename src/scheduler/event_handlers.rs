//! What the informers bring, into the cache and the queue.
//!
//! Mirrors pkg/scheduler/eventhandlers.go.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};

use crate::api::{Kind, Message, Object};
use crate::client::Change;
use crate::sim::Ctx;

use super::cluster_event::{ClusterEvent, EventResource, action, node_changes, pod_changes, pod_updated};
use super::pod_info::{PodInfo, node_name, scheduler_name};
use super::process::Scheduler;
use super::profile::Rules;

/// What a kind that volumes have to do with is to the queue.
fn volume_resource(kind: Kind) -> Option<EventResource> {
    Some(match kind {
        Kind::CSIDriver => EventResource::CsiDriver,
        Kind::CSINode => EventResource::CsiNode,
        Kind::PersistentVolume => EventResource::PersistentVolume,
        Kind::PersistentVolumeClaim => EventResource::PersistentVolumeClaim,
        Kind::StorageClass => EventResource::StorageClass,
        Kind::VolumeAttachment => EventResource::VolumeAttachment,
        _ => return None,
    })
}

impl Scheduler {
    /// Tells the queue what happened.
    fn happened(
        &mut self,
        ctx: &Ctx<'_, Message>,
        resource: EventResource,
        action: u32,
        old: Option<Arc<Object>>,
        new: Option<Arc<Object>>,
    ) {
        let event = ClusterEvent { resource, action, old, new, priority_max: None };
        let rules = Rules { profiles: &self.profiles, cache: &self.cache };
        self.queue.on_event(rules, &event, ctx.now(), ctx.cause());
    }

    /// Something that is watched came, changed or went.
    pub(super) fn on_change(&mut self, ctx: &Ctx<'_, Message>, change: Change) {
        match change.kind {
            Kind::Pod => self.on_pod_change(ctx, change),
            Kind::Node => self.on_node_change(ctx, change),
            kind => {
                self.cache.note(kind, &change.key, change.new.as_ref());
                if let Some(resource) = volume_resource(kind) {
                    self.on_volume_change(ctx, resource, change);
                }
            }
        }
    }

    /// A claim, a volume, or what belongs to them, came, changed or went.
    fn on_volume_change(&mut self, ctx: &Ctx<'_, Message>, resource: EventResource, change: Change) {
        let what = match (&change.old, &change.new) {
            (None, _) => action::ADD,
            (_, None) => action::DELETE,
            (Some(_), Some(_)) => action::UPDATE,
        };
        self.happened(ctx, resource, what, change.old, change.new);
    }

    /// A node came, changed or went.
    fn on_node_change(&mut self, ctx: &Ctx<'_, Message>, change: Change) {
        match (change.old, change.new) {
            (old, None) => {
                self.cache.remove_node(&change.key.name);
                self.happened(ctx, EventResource::Node, action::DELETE, old, None);
            }
            (None, Some(new)) => {
                self.cache.set_node(&new);
                self.happened(ctx, EventResource::Node, action::ADD, None, Some(new));
            }
            (Some(old), Some(new)) => {
                self.cache.set_node(&new);
                let changes = node_changes(old.expect::<Node>(), new.expect::<Node>());
                if changes != 0 {
                    self.happened(ctx, EventResource::Node, changes, Some(old), Some(new));
                }
            }
        }
    }

    /// A pod came, changed or went.
    fn on_pod_change(&mut self, ctx: &Ctx<'_, Message>, change: Change) {
        match (change.old, change.new) {
            (Some(old), Some(new)) if old.uid() != new.uid() => {
                // Deleted and made again while the watch was away.
                self.pod_gone(ctx, &old);
                self.pod_came(ctx, &new);
            }
            (Some(old), Some(new)) => self.pod_changed(ctx, old, new),
            (None, Some(new)) => self.pod_came(ctx, &new),
            (Some(old), None) => self.pod_gone(ctx, &old),
            (None, None) => {}
        }
    }

    /// `responsibleForPod`: whether a profile has the name that the pod chooses.
    fn is_ours(&self, pod: &Pod) -> bool {
        self.profiles.get(scheduler_name(pod)).is_some()
    }

    fn pod_came(&mut self, ctx: &Ctx<'_, Message>, object: &Arc<Object>) {
        let pod: &Pod = object.expect();
        if !node_name(pod).is_empty() {
            self.pod_assigned(ctx, object);
        } else if self.is_ours(pod) {
            let info = PodInfo::of(object, self.pods.store().kept(&object.key()).cloned());
            let node = Arc::from(info.nominated_node());
            self.cache.nominate(&Arc::new(info.clone()), &node);
            let rules = Rules { profiles: &self.profiles, cache: &self.cache };
            self.queue.add(rules, info, ctx.now(), ctx.cause());
        }
    }

    /// A pod was seen on its node for the first time.
    fn pod_assigned(&mut self, ctx: &Ctx<'_, Message>, object: &Arc<Object>) {
        let info = Arc::new(PodInfo::new(object));
        self.queue.delete(&info.key);
        self.cache.unnominate(&info.key);
        self.cache.add_pod(&info);
        self.happened(ctx, EventResource::AssignedPod, action::ADD, None, Some(object.clone()));
    }

    fn pod_changed(&mut self, ctx: &Ctx<'_, Message>, old: Arc<Object>, new: Arc<Object>) {
        let (before, after): (&Pod, &Pod) = (old.expect(), new.expect());
        match (node_name(before).is_empty(), node_name(after).is_empty()) {
            (true, false) => self.pod_assigned(ctx, &new),
            (false, false) => {
                self.cache.add_pod(&Arc::new(PodInfo::new(&new)));
                let changes = pod_changes(before, after);
                if changes != 0 {
                    self.happened(ctx, EventResource::AssignedPod, changes, Some(old), Some(new));
                }
            }
            // A pod does not lose its node: what it says is that it is another one.
            (_, true) => {
                if !self.is_ours(after) {
                    return;
                }
                if self.cache.is_assumed(&new.key()) {
                    let deleting = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
                    if deleting(after) && !deleting(before) {
                        self.assumed_pod_gone(ctx, &new);
                    }
                    return;
                }
                let info = PodInfo::of(&new, self.pods.store().kept(&new.key()).cloned());
                let node = Arc::from(info.nominated_node());
                // A nomination of ours that the API server does not know yet is not taken back by this.
                if !info.nominated_node().is_empty() || !PodInfo::new(&old).nominated_node().is_empty() {
                    self.cache.nominate(&Arc::new(info.clone()), &node);
                }
                let event = pod_updated(before, after).then(|| ClusterEvent {
                    resource: EventResource::UnscheduledPod,
                    action: pod_changes(before, after),
                    old: Some(old.clone()),
                    new: Some(new.clone()),
                    priority_max: None,
                });
                let rules = Rules { profiles: &self.profiles, cache: &self.cache };
                self.queue.update(rules, info, event.as_ref(), ctx.now(), ctx.cause());
                let renominated = nominated(before) != nominated(after);
                if renominated {
                    self.nomination_gone(ctx, &old);
                }
            }
        }
    }

    /// A pod to which room was nominated is gone, or has it elsewhere: to pods that matter no more than it, it was
    /// as if it had been there.
    fn nomination_gone(&mut self, ctx: &Ctx<'_, Message>, old: &Arc<Object>) {
        if nominated(old.expect()).is_empty() {
            return;
        }
        let event = ClusterEvent {
            resource: EventResource::AssignedPod,
            action: action::DELETE,
            old: Some(old.clone()),
            new: None,
            priority_max: Some(PodInfo::new(old).priority),
        };
        let rules = Rules { profiles: &self.profiles, cache: &self.cache };
        self.queue.on_event(rules, &event, ctx.now(), ctx.cause());
    }

    /// `handleAssumedPodDeletion`: its binding is under way and will fail; what it was to take is free already.
    fn assumed_pod_gone(&mut self, ctx: &Ctx<'_, Message>, object: &Arc<Object>) {
        if self.cache.forget(&object.key()) {
            self.happened(ctx, EventResource::AssignedPod, action::DELETE, Some(object.clone()), None);
        }
    }

    fn pod_gone(&mut self, ctx: &Ctx<'_, Message>, old: &Arc<Object>) {
        let key = old.key();
        self.cache.unnominate(&key);
        self.queue.delete(&key);
        if !node_name(old.expect()).is_empty() {
            self.cache.remove_pod(&key);
            self.happened(ctx, EventResource::AssignedPod, action::DELETE, Some(old.clone()), None);
        } else if self.cache.is_assumed(&key) {
            self.assumed_pod_gone(ctx, old);
        } else {
            self.nomination_gone(ctx, old);
        }
    }
}

/// The node that room was nominated on for a pod; empty for none.
fn nominated(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.nominated_node_name.as_deref()).unwrap_or_default()
}
