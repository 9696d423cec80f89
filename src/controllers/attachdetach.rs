//! Volumes are attached to the nodes whose pods want them, and detached where none does any more.
//!
//! Mirrors pkg/controller/volume/attachdetach: its reconciler, one node at a time. Leaves out: volumes in the tree
//! (none is left), CSIDrivers that need no attachment, the wait for a detachment's answer.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{AttachedVolume, Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::{VolumeAttachment, VolumeAttachmentSource, VolumeAttachmentSpec};
use serde_json::json;

use crate::api::stored::Shared;
use crate::api::volumes::{attachable_name, claims, is_exclusive, volume_name};
use crate::api::{Kind, Object, ObjectKey, ObjectMeta, Reason, Request, Typed, http::content_type};
use crate::client::Change;
use crate::sim::persistent::{OrdMap, OrdSet};
use crate::sim::{Order, SimTime, TraceHash};

use super::controller::{Controller, Enqueue, Observed, Stores, Turn, WorkKey};
use super::plan::{Announce, Plan, Step, Write};
use super::{nodes, pods};

/// `--attach-detach-reconcile-max-wait-for-unmount-duration`: when a volume is taken from a node that says nothing.
const UNMOUNT_MAX: Duration = Duration::from_secs(360);

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct AttachDetachController {
    /// Since when attachments are not wanted, by name.
    unwanted: OrdMap<Arc<str>, SimTime>,
    /// What was complained of: volume and node, or an attachment and its error.
    complained: OrdSet<(Arc<str>, Arc<str>)>,
}

/// A volume that a node's pods want.
struct Wanted {
    volume: Shared<PersistentVolume>,
    pods: Vec<Arc<Object>>,
}

impl Wanted {
    fn name(&self) -> &str {
        own_name(&*self.volume)
    }
}

fn own_name<T: Typed>(object: &T) -> &str {
    object.meta().name.as_deref().unwrap_or_default()
}

/// The name of the attachment of a volume to a node: `csi-` and a hash of the three (SHA-256 upstream).
fn attachment_name(handle: &str, attacher: &str, node: &str) -> String {
    let digest = |salt: u64| {
        let mut hash = TraceHash::default();
        hash.number(salt);
        [handle, attacher, node].iter().for_each(|text| hash.text(text));
        hash.value()
    };
    format!("csi-{:016x}{:016x}{:016x}{:016x}", digest(1), digest(2), digest(3), digest(4))
}

/// Whether the pod still holds on to its volumes.
fn holds(pod: &Pod) -> bool {
    !pods::is_terminal(pod)
}

/// The attachable volumes of a pod.
fn volumes_of(pod: &Object, stores: &Stores) -> Vec<Shared<PersistentVolume>> {
    let bound = |name: String| {
        let claim = stores.get::<PersistentVolumeClaim>(&ObjectKey::new(pod.namespace(), &name))?;
        let volume = stores.get::<PersistentVolume>(&ObjectKey::new("", volume_name(&claim)))?;
        attachable_name(&volume).is_some().then_some(volume)
    };
    claims(pod.expect()).into_iter().filter_map(bound).collect()
}

fn wanted(node: &str, stores: &Stores) -> Vec<Wanted> {
    let mut found: Vec<Wanted> = Vec::new();
    for pod in stores.of(Kind::Pod).on_node(node).filter(|pod| holds(pod.expect())) {
        for volume in volumes_of(&pod, stores) {
            match found.iter_mut().find(|wanted| wanted.name() == own_name(&*volume)) {
                Some(wanted) => wanted.pods.push(pod.clone()),
                None => found.push(Wanted { volume, pods: vec![pod.clone()] }),
            }
        }
    }
    found
}

fn attachments(stores: &Stores) -> impl Iterator<Item = Shared<VolumeAttachment>> {
    stores.of(Kind::VolumeAttachment).iter().filter_map(|(_, object)| Shared::of(object))
}

fn attached_volume(attachment: &VolumeAttachment) -> &str {
    attachment.spec.source.persistent_volume_name.as_deref().unwrap_or_default()
}

fn is_attached(attachment: &VolumeAttachment) -> bool {
    attachment.status.as_ref().is_some_and(|status| status.attached)
}

/// `reportMultiAttachError`: what is said to the pods that have to wait.
fn multi_attach(wanted: &Wanted, others: &[&str], stores: &Stores) -> Vec<Step> {
    let elsewhere = others.iter().flat_map(|node| stores.of(Kind::Pod).on_node(node));
    let mut users: Vec<Arc<Object>> = elsewhere
        .filter(|pod| volumes_of(pod, stores).iter().any(|volume| own_name(&**volume) == wanted.name()))
        .collect();
    users.order_by(|a, b| a.key().cmp(&b.key()));
    let say = |pod: &Arc<Object>| {
        let (local, foreign): (Vec<&Arc<Object>>, Vec<&Arc<Object>>) =
            users.iter().partition(|user| user.namespace() == pod.namespace());
        let names: Vec<&str> = local.iter().map(|user| user.name()).collect();
        let tail = match (names.is_empty(), foreign.len()) {
            _ if users.is_empty() => {
                "Volume is already exclusively attached to one node and can't be attached to another".to_owned()
            }
            (true, count) => format!("Volume is already used by {count} pod(s) in different namespaces"),
            (false, 0) => format!("Volume is already used by pod(s) {}", names.join(", ")),
            (false, count) => {
                format!(
                    "Volume is already used by pod(s) {} and {count} pod(s) in different namespaces",
                    names.join(", ")
                )
            }
        };
        let message = format!("Multi-Attach error for volume {:?} {tail}", wanted.name());
        Step::Event(Announce::warning(pod, "FailedAttachVolume", message))
    };
    wanted.pods.iter().map(say).collect()
}

fn attach(wanted: &Wanted, node: &str) -> Option<Step> {
    let csi = wanted.volume.spec.as_ref()?.csi.as_ref()?;
    let attachment = VolumeAttachment {
        metadata: ObjectMeta {
            name: Some(attachment_name(&csi.volume_handle, &csi.driver, node)),
            ..Default::default()
        },
        spec: VolumeAttachmentSpec {
            attacher: csi.driver.clone(),
            node_name: node.to_owned(),
            source: VolumeAttachmentSource {
                persistent_volume_name: Some(wanted.name().to_owned()),
                inline_volume_spec: None,
            },
        },
        status: None,
    };
    let request = Request::create(attachment.into_object());
    Some(Write::new(request).tolerating(&[Reason::AlreadyExists]).step())
}

fn says_in_use(node: &Node, name: &str) -> bool {
    let volumes = node.status.as_ref().and_then(|status| status.volumes_in_use.as_deref()).unwrap_or_default();
    volumes.iter().any(|own| own == name)
}

/// The nodes that anything about a volume concerns: where it is attached, and where its pods are.
fn nodes_of(volume: &str, stores: &Stores) -> Vec<Enqueue> {
    let mut nodes: OrdSet<Arc<str>> = OrdSet::new();
    for attachment in attachments(stores).filter(|attachment| attached_volume(attachment) == volume) {
        nodes.insert(Arc::from(attachment.spec.node_name.as_str()));
    }
    for (_, pod) in stores.of(Kind::Pod).iter() {
        let node = pods::node_name(pod.expect());
        if !node.is_empty() && volumes_of(&pod, stores).iter().any(|own| own_name(&**own) == volume) {
            nodes.insert(Arc::from(node));
        }
    }
    nodes.iter().map(|node| wish(node)).collect()
}

fn wish(node: &str) -> Enqueue {
    Enqueue::now(WorkKey::new(Kind::Node, ObjectKey::new("", node)))
}

/// What of a node's status and spec the controller goes by.
fn marks(node: &Node) -> (Option<&Vec<String>>, Option<&Vec<AttachedVolume>>, bool, bool) {
    let status = node.status.as_ref();
    (
        status.and_then(|status| status.volumes_in_use.as_ref()),
        status.and_then(|status| status.volumes_attached.as_ref()),
        nodes::is_ready(node),
        nodes::is_out_of_service(node),
    )
}

impl AttachDetachController {
    /// Attaches what is wanted, or says why not.
    fn attach_wanted(&mut self, node: &str, wanted: &[Wanted], stores: &Stores) -> Vec<Step> {
        let mut steps = Vec::new();
        for one in wanted {
            let of_volume: Vec<Shared<VolumeAttachment>> =
                attachments(stores).filter(|attachment| attached_volume(attachment) == one.name()).collect();
            let id = (Arc::<str>::from(one.name()), Arc::<str>::from(node));
            if of_volume.iter().any(|attachment| attachment.spec.node_name == node) {
                self.complained.remove(&id);
                continue;
            }
            let others: Vec<&str> = of_volume.iter().map(|attachment| attachment.spec.node_name.as_str()).collect();
            if !others.is_empty() && is_exclusive(one.volume.spec.as_ref().unwrap_or(&Default::default())) {
                // It is said once.
                if self.complained.insert(id).is_none() {
                    steps.extend(multi_attach(one, &others, stores));
                }
                continue;
            }
            self.complained.remove(&id);
            steps.extend(attach(one, node));
        }
        steps
    }

    /// What attachments came to: events for the pods that wait.
    fn announce(&mut self, node: &Node, own: &[Shared<VolumeAttachment>], wanted: &[Wanted]) -> Vec<Step> {
        let reported = node.status.as_ref().and_then(|status| status.volumes_attached.as_deref()).unwrap_or_default();
        let mut steps = Vec::new();
        for attachment in own {
            let volume = attached_volume(attachment);
            let Some(one) = wanted.iter().find(|wanted| wanted.name() == volume) else { continue };
            let unique = attachable_name(&one.volume).unwrap_or_default();
            let error = attachment.status.as_ref().and_then(|status| status.attach_error.as_ref()?.message.as_ref());
            if is_attached(attachment) && !reported.iter().any(|attached| attached.name == unique) {
                let message = format!("AttachVolume.Attach succeeded for volume {volume:?} ");
                let say =
                    |pod: &Arc<Object>| Step::Event(Announce::normal(pod, "SuccessfulAttachVolume", message.clone()));
                steps.extend(one.pods.iter().map(say));
            } else if let Some(error) = error.filter(|_| !is_attached(attachment)) {
                let id = (Arc::<str>::from(own_name(&**attachment)), Arc::<str>::from(error.as_str()));
                if self.complained.insert(id).is_none() {
                    let message = format!("AttachVolume.Attach failed for volume {volume:?} : {error}");
                    let say =
                        |pod: &Arc<Object>| Step::Event(Announce::warning(pod, "FailedAttachVolume", message.clone()));
                    steps.extend(one.pods.iter().map(say));
                }
            }
        }
        steps
    }
}

/// The node's list of what is attached, where it is not as it should be. Devices are named by order of attachment.
fn report(node: &Node, kept: &[Shared<VolumeAttachment>], stores: &Stores) -> Option<Step> {
    let reported = node.status.as_ref().and_then(|status| status.volumes_attached.as_deref()).unwrap_or_default();
    let unique = |attachment: &VolumeAttachment| {
        let volume = stores.get::<PersistentVolume>(&ObjectKey::new("", attached_volume(attachment)))?;
        attachable_name(&volume)
    };
    let attached = kept.iter().filter(|attachment| is_attached(attachment));
    let names: Vec<String> = attached.filter_map(|attachment| unique(attachment)).collect();
    let same = names.len() == reported.len() && reported.iter().all(|attached| names.contains(&attached.name));
    if same {
        return None;
    }
    let list: Vec<_> = names.iter().map(|name| json!({ "name": name, "devicePath": "" })).collect();
    let patch = json!({ "status": { "volumesAttached": list } });
    let name = own_name(node);
    let request = Request::patch(Kind::Node.info(), "", name, "status", content_type::STRATEGIC_MERGE_PATCH, patch);
    Some(Write::new(request).tolerating(&[Reason::NotFound]).step())
}

impl Controller for AttachDetachController {
    fn name(&self) -> &'static str {
        "persistentvolume-attach-detach-controller"
    }

    fn service_account(&self) -> &'static str {
        "attachdetach-controller"
    }

    fn component(&self) -> &'static str {
        "attachdetach-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Node, Kind::PersistentVolume, Kind::PersistentVolumeClaim, Kind::Pod, Kind::VolumeAttachment]
    }

    fn workers(&self) -> usize {
        1
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        let stores = &observed.stores;
        match change.kind {
            Kind::VolumeAttachment => {
                let Some(own) = change.new.as_ref().or(change.old.as_ref()) else { return Vec::new() };
                let own: &VolumeAttachment = own.expect();
                let mut wishes = vec![wish(&own.spec.node_name)];
                if change.new.is_none() {
                    self.unwanted.remove(own_name(own));
                    wishes.extend(nodes_of(attached_volume(own), stores));
                }
                wishes
            }
            Kind::Node => {
                let (new, old) = (change.new.as_ref(), change.old.as_ref());
                let same = new.zip(old).is_some_and(|(new, old)| marks(new.expect()) == marks(old.expect()));
                let concerns = |node: &Node| marks(node).0.is_some() || marks(node).1.is_some();
                let any = new.iter().chain(old.iter()).any(|node| concerns(node.expect()));
                if same || !any { Vec::new() } else { vec![wish(&change.key.name)] }
            }
            Kind::Pod => {
                let either = change.new.as_ref().or(change.old.as_ref());
                let Some(pod) = either.filter(|pod| !claims(pod.expect()).is_empty()) else { return Vec::new() };
                let node = pods::node_name(pod.expect());
                let was = change.old.as_ref().map(|old| (pods::node_name(old.expect()), holds(old.expect())));
                let is = change.new.as_ref().map(|new| (pods::node_name(new.expect()), holds(new.expect())));
                if node.is_empty() || was == is { Vec::new() } else { vec![wish(node)] }
            }
            Kind::PersistentVolume => nodes_of(&change.key.name, stores),
            _ => {
                let Some(claim) = &change.new else { return Vec::new() };
                let before = change.old.as_ref().map(|old| volume_name(old.expect()));
                let name = volume_name(claim.expect());
                if name.is_empty() || before == Some(name) { Vec::new() } else { nodes_of(name, stores) }
            }
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let (stores, now) = (&turn.observed.stores, turn.observed.now);
        let name = &*turn.key.key.name;
        let node = turn.subject::<Node>();
        let node = node.as_deref();
        let wanted = if node.is_some() { wanted(name, stores) } else { Vec::new() };
        let own: Vec<Shared<VolumeAttachment>> =
            attachments(stores).filter(|attachment| attachment.spec.node_name == name).collect();
        let mut steps = Vec::new();
        let (mut kept, mut detached) = (Vec::new(), Vec::new());
        let mut wait: Option<Duration> = None;
        for attachment in &own {
            let volume = attached_volume(attachment);
            if attachment.metadata.deletion_timestamp.is_some() {
                continue;
            }
            if wanted.iter().any(|wanted| wanted.name() == volume) {
                self.unwanted.remove(own_name(&**attachment));
                kept.push(attachment.clone());
                continue;
            }
            let since = *self.unwanted.entry(Arc::from(own_name(&**attachment))).or_insert(now);
            let unique = stores.get::<PersistentVolume>(&ObjectKey::new("", volume));
            let unique = unique.and_then(|volume| attachable_name(&volume));
            let mounted = node.is_some_and(|node| says_in_use(node, &unique.unwrap_or_default()));
            let forced = node.is_some_and(|node| {
                nodes::is_out_of_service(node) || !nodes::is_ready(node) && now.since(since) >= UNMOUNT_MAX
            });
            if mounted && !forced {
                kept.push(attachment.clone());
                let left = UNMOUNT_MAX.saturating_sub(now.since(since));
                // A node that is well says itself when it has let go.
                if node.is_some_and(|node| !nodes::is_ready(node)) {
                    wait = Some(wait.map_or(left, |wait| wait.min(left)));
                }
                continue;
            }
            detached.push(attachment.clone());
        }
        if let Some(node) = node {
            steps.extend(self.announce(node, &own, &wanted));
            // What is to be detached is no longer reported as attached, before it is.
            steps.extend(report(node, &kept, stores));
        }
        for attachment in detached {
            let request = Request::delete(Kind::VolumeAttachment.info(), "", own_name(&*attachment));
            steps.push(Write::new(request).tolerating(&[Reason::NotFound]).step());
        }
        steps.extend(self.attach_wanted(name, &wanted, stores));
        let summary = format!("{} wanted, {} attached", wanted.len(), kept.iter().filter(|a| is_attached(a)).count());
        Plan { requeue_after: wait, ..Plan::steps(summary, steps) }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
