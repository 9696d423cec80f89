//! How claims and volumes stand, in words: why a claim is not bound and what would help, where a volume is.

use k8s_openapi::api::core::v1::{Node, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::{StorageClass, VolumeAttachment};

use crate::api::disk::DRIVER;
use crate::api::printers::persistentvolumeclaim::{access_modes, storage_class};
use crate::api::printers::storage::{volume_claim, volume_class};
use crate::api::volumes::{
    SELECTED_NODE, annotated, attachable_name, capacity, claim_phase, requested, volume_name, volume_phase,
};
use crate::api::{Kind, Object, ObjectKey};

use super::World;

/// A volume of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedRow {
    pub volume: String,
    /// `namespace/name`.
    pub claim: String,
    pub attached: bool,
    /// The node says that it uses it.
    pub in_use: bool,
}

/// The attachments of a node.
pub fn attached_to(world: &World, node: &str) -> Vec<AttachedRow> {
    let found = world.object(Kind::Node, &ObjectKey::new("", node));
    let status = found.as_ref().and_then(|node| node.get::<Node>()?.status.clone()).unwrap_or_default();
    let in_use = status.volumes_in_use.unwrap_or_default();
    let mut rows = Vec::new();
    for object in world.objects(Kind::VolumeAttachment) {
        let Some(own) = object.get::<VolumeAttachment>().filter(|own| own.spec.node_name == node) else { continue };
        let name = own.spec.source.persistent_volume_name.clone().unwrap_or_default();
        let volume = world.object(Kind::PersistentVolume, &ObjectKey::new("", &name));
        let volume = volume.as_ref().and_then(|object| object.get::<PersistentVolume>());
        rows.push(AttachedRow {
            volume: name,
            claim: volume.map(volume_claim).unwrap_or_default(),
            attached: own.status.as_ref().is_some_and(|status| status.attached),
            in_use: volume.and_then(attachable_name).is_some_and(|unique| in_use.contains(&unique)),
        });
    }
    rows
}

/// The nodes a volume is attached to.
fn nodes_of(world: &World, volume: &str) -> Vec<String> {
    let all = world.objects(Kind::VolumeAttachment);
    let own = all.iter().filter_map(|object| object.get::<VolumeAttachment>());
    own.filter(|own| own.spec.source.persistent_volume_name.as_deref() == Some(volume))
        .map(|own| own.spec.node_name.clone())
        .collect()
}

fn attached(world: &World, volume: &str) -> String {
    match nodes_of(world, volume).as_slice() {
        [] => "attached to no node".to_owned(),
        nodes => format!("attached to {}", nodes.join(" and ")),
    }
}

/// What a claim of a pod stands for: `claim data, bound to pvc-1, attached to node-a`.
pub fn stands_for(world: &World, namespace: &str, claim: &str) -> String {
    let Some(object) = world.object(Kind::PersistentVolumeClaim, &ObjectKey::new(namespace, claim)) else {
        return format!("claim {claim}, which is not there");
    };
    let own: &PersistentVolumeClaim = object.expect();
    match volume_name(own) {
        "" => format!("claim {claim}, not bound"),
        volume => format!("claim {claim}, bound to {volume}, {}", attached(world, volume)),
    }
}

/// How a claim or a volume stands; empty for other kinds.
pub fn told(world: &World, object: &Object) -> String {
    match object {
        Object::PersistentVolumeClaim(claim) => of_claim(world, claim),
        Object::PersistentVolume(volume) => of_volume(world, volume),
        _ => String::new(),
    }
}

fn of_volume(world: &World, volume: &PersistentVolume) -> String {
    let name = volume.metadata.name.as_deref().unwrap_or_default();
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    let at = match attachable_name(volume) {
        Some(_) => format!(" It is {}.", attached(world, name)),
        None => String::new(),
    };
    match volume_phase(volume) {
        "Available" => format!("No claim has it. One that asks for no more, with the same class, gets it.{at}"),
        "Bound" => format!("Claim {} has it, and keeps it whatever becomes of its pods.{at}", volume_claim(volume)),
        "Released" if policy == Some("Delete") => {
            format!("Its claim is gone: it is deleted, with what is on it, once no node has it.{at}")
        }
        "Released" => format!(
            "Its claim is gone and what is on it is kept: no other claim gets it while spec.claimRef names the old \
             one.{at}"
        ),
        "Failed" => format!("It could not be reclaimed: somebody has to look after it.{at}"),
        _ => String::new(),
    }
}

fn of_claim(world: &World, claim: &PersistentVolumeClaim) -> String {
    match claim_phase(claim) {
        "Bound" => format!("It has volume {}, {}.", volume_name(claim), attached(world, volume_name(claim))),
        "Lost" => "Its volume is gone, with what was on it. Only a new claim gets another.".to_owned(),
        _ => unbound(world, claim),
    }
}

/// Why a claim is not bound, and what would help.
fn unbound(world: &World, claim: &PersistentVolumeClaim) -> String {
    let named = volume_name(claim);
    if !named.is_empty() {
        return match world.object(Kind::PersistentVolume, &ObjectKey::new("", named)) {
            None => format!("It names volume {named}, which is not there: create it, and the claim is bound to it."),
            Some(object) => {
                let volume: &PersistentVolume = object.expect();
                let why = short_of(volume, claim);
                format!("It names volume {named}, which it cannot have: {why}.")
            }
        };
    }
    let class = storage_class(claim);
    let found = world.object(Kind::StorageClass, &ObjectKey::new("", class));
    let Some(found) = found.as_ref().and_then(|object| object.get::<StorageClass>()) else {
        return without_class(world, claim, class);
    };
    let waits = found.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer");
    if waits && !annotated(&claim.metadata, SELECTED_NODE) {
        return format!(
            "It waits for its first consumer: class {class} gives volumes only when the scheduler has chosen a node \
             for a pod that uses the claim. Create such a pod."
        );
    }
    match found.provisioner.as_str() {
        DRIVER => format!("{DRIVER} has been asked to make its volume."),
        provisioner if provisioner.starts_with("kubernetes.io/") => {
            format!("Nothing makes volumes for class {class} ({provisioner}): {}", wanted(world, claim, class))
        }
        provisioner => format!(
            "It waits for the provisioner {provisioner}, which nobody is in this cluster: ask for class standard, or \
             create a volume by hand. {}",
            wanted(world, claim, class)
        ),
    }
}

fn without_class(world: &World, claim: &PersistentVolumeClaim, class: &str) -> String {
    if class.is_empty() {
        return format!("It asks for no class, so nothing makes a volume for it: {}", wanted(world, claim, class));
    }
    format!("There is no StorageClass {class} that would make a volume for it: {}", wanted(world, claim, class))
}

/// What would be bound to the claim, and why the volume nearest to it is not.
fn wanted(world: &World, claim: &PersistentVolumeClaim, class: &str) -> String {
    let modes = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    let class = if class.is_empty() { "without a class".to_owned() } else { format!("of class {class}") };
    let size = requested(claim).to_text().0;
    let volumes = world.objects(Kind::PersistentVolume);
    let all = volumes.iter().filter_map(|object| object.get::<PersistentVolume>());
    let nearest = all.rev().find(|volume| volume.metadata.deletion_timestamp.is_none());
    let why = nearest.map(|volume| {
        let name = volume.metadata.name.as_deref().unwrap_or_default();
        format!(" Volume {name} will not do: {}.", short_of(volume, claim))
    });
    format!(
        "a PersistentVolume {class} with {size} or more and access {} would be bound to it.{}",
        access_modes(modes),
        why.unwrap_or_default()
    )
}

/// What a volume lacks for a claim.
fn short_of(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> String {
    let offered = volume.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    let modes = claim.spec.as_ref().and_then(|spec| spec.access_modes.as_deref()).unwrap_or_default();
    if volume.spec.as_ref().is_some_and(|spec| spec.claim_ref.is_some()) {
        format!("it is kept for {}", volume_claim(volume))
    } else if volume_class(volume) != storage_class(claim) {
        match volume_class(volume) {
            "" => "it has no class".to_owned(),
            class => format!("its class is {class}"),
        }
    } else if capacity(volume) < requested(claim) {
        format!("it holds {}", capacity(volume).to_text().0)
    } else if modes.iter().any(|mode| !offered.contains(mode)) {
        format!("its access is {}", access_modes(offered))
    } else {
        "its labels, mode or phase are others".to_owned()
    }
}
