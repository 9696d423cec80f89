//! Makes a volume for each claim that asks the driver for one, and deletes it when it is released.
//!
//! Mirrors kubernetes-csi/external-provisioner and sig-storage-lib-external-provisioner `controller.go`. Leaves out:
//! data sources, secrets, topology, capacity, the pool of back-offs.

use k8s_openapi::api::core::v1::{
    CSIPersistentVolumeSource, PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec,
};
use k8s_openapi::api::storage::v1::{StorageClass, VolumeAttachment};

use crate::api::disk::DRIVER;
use crate::api::printers::persistentvolumeclaim::storage_class;
use crate::api::stored::Shared;
use crate::api::volumes::{
    PROVISIONED_BY, PROVISIONER, SELECTED_NODE, annotate, annotated, annotation, reference, requested, volume_name,
    volume_phase,
};
use crate::api::{Kind, Object, ObjectKey, Reason, Request, Typed};
use crate::client::Change;
use crate::controllers::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use crate::controllers::plan::{Announce, Plan, Step, Write};
use crate::controllers::pvcprotection::without_finalizer;

/// Keeps a volume until what is behind it is deleted.
const FINALIZER: &str = "external-provisioner.volume.kubernetes.io/finalizer";
/// What else keeps one.
const PROTECTION: &str = "kubernetes.io/pv-protection";

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct Provisioner;

/// `shouldProvision`.
fn wants_volume(claim: &PersistentVolumeClaim, class: Option<&StorageClass>) -> bool {
    let waits = class.is_some_and(|class| class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"));
    volume_name(claim).is_empty()
        && claim.metadata.deletion_timestamp.is_none()
        && annotation(&claim.metadata, PROVISIONER) == Some(DRIVER)
        && class.is_some_and(|class| class.provisioner == DRIVER)
        && (!waits || annotated(&claim.metadata, SELECTED_NODE))
}

/// The volume that is made for a claim.
fn volume(claim: &Object, class: &StorageClass) -> PersistentVolume {
    let own: &PersistentVolumeClaim = claim.expect();
    let spec = own.spec.clone().unwrap_or_default();
    let name = format!("pvc-{}", claim.uid());
    let mut volume = PersistentVolume::default();
    volume.metadata.name = Some(name.clone());
    volume.metadata.finalizers = Some(vec![PROTECTION.to_owned(), FINALIZER.to_owned()]);
    annotate(&mut volume.metadata, PROVISIONED_BY, DRIVER);
    annotate(&mut volume.metadata, "volume.kubernetes.io/provisioner-deletion-secret-name", "");
    annotate(&mut volume.metadata, "volume.kubernetes.io/provisioner-deletion-secret-namespace", "");
    volume.spec = Some(PersistentVolumeSpec {
        access_modes: spec.access_modes,
        capacity: Some([("storage".to_owned(), requested(own).to_text())].into()),
        claim_ref: Some(reference(claim)),
        csi: Some(CSIPersistentVolumeSource {
            driver: DRIVER.to_owned(),
            volume_handle: name,
            fs_type: (spec.volume_mode.as_deref() != Some("Block")).then(|| "ext4".to_owned()),
            volume_attributes: class.parameters.clone(),
            ..Default::default()
        }),
        mount_options: class.mount_options.clone(),
        persistent_volume_reclaim_policy: class.reclaim_policy.clone(),
        storage_class_name: class.metadata.name.clone(),
        volume_mode: spec.volume_mode,
        volume_attributes_class_name: spec.volume_attributes_class_name,
        ..Default::default()
    });
    volume
}

fn provision(claim: &Object, observed: &Observed) -> Plan {
    let own: &PersistentVolumeClaim = claim.expect();
    let class = observed.stores.get::<StorageClass>(&ObjectKey::new("", storage_class(own)));
    let Some(class) = class.filter(|class| wants_volume(own, Some(class))) else {
        return Plan::nothing("it asks for nothing");
    };
    let made = volume(claim, &class);
    let name = made.metadata.name.clone().unwrap_or_default();
    if observed.stores.get::<PersistentVolume>(&ObjectKey::new("", &name)).is_some() {
        return Plan::nothing("its volume is there");
    }
    let begun = format!("External provisioner is provisioning volume for claim \"{}\"", claim.key());
    let done = Announce::normal(claim, "ProvisioningSucceeded", format!("Successfully provisioned volume {name}"));
    let create = Write::new(Request::create(made.into_object())).tolerating(&[Reason::AlreadyExists]);
    Plan::steps(
        format!("make {name}"),
        vec![Step::Event(Announce::normal(claim, "Provisioning", begun)), create.announcing(done).step()],
    )
}

/// `shouldDelete` and `deleteVolumeOperation`.
fn delete(object: &Object, observed: &Observed) -> Plan {
    let own: &PersistentVolume = object.expect();
    let policy = own.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    let released = volume_phase(own) == "Released" && policy == Some("Delete");
    if annotation(&own.metadata, PROVISIONED_BY) != Some(DRIVER) || !released {
        return Plan::nothing("it stays");
    }
    let attachments = observed.stores.of(Kind::VolumeAttachment).iter();
    let attached = attachments.filter_map(|(_, object)| Shared::<VolumeAttachment>::of(object));
    let mut of_it = attached.filter(|own| own.spec.source.persistent_volume_name.as_deref() == Some(object.name()));
    if let Some(attachment) = of_it.next() {
        let (name, node) = (object.name(), &attachment.spec.node_name);
        let message = format!("persistentvolume {name} is still attached to node {node}");
        let event = Step::Event(Announce::warning(object, "VolumeFailedDelete", message.clone()));
        return Plan { error: Some(message.clone()), ..Plan::steps(message, vec![event]) };
    }
    let mut steps = Vec::new();
    if own.metadata.deletion_timestamp.is_none() {
        let request = Request::delete(object.info(), "", object.name());
        steps.push(Write::new(request).tolerating(&[Reason::NotFound]).step());
    }
    if own.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER) {
        let without = without_finalizer(object, FINALIZER);
        steps.push(without.fresh().tolerating(&[Reason::NotFound]).step());
    }
    Plan::steps("delete it", steps)
}

impl Controller for Provisioner {
    fn name(&self) -> &'static str {
        "csi-provisioner"
    }

    fn component(&self) -> &'static str {
        "disk.csi.kubarium.io_csi-provisioner-0"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::PersistentVolume, Kind::PersistentVolumeClaim, Kind::StorageClass, Kind::VolumeAttachment]
    }

    fn workers(&self) -> usize {
        10
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        let wish = |object: &Object| Enqueue::now(WorkKey::new(object.kind(), object.key()));
        match change.kind {
            Kind::PersistentVolumeClaim | Kind::PersistentVolume => change.new.iter().map(|new| wish(new)).collect(),
            // A class that came late, or an attachment that kept a volume.
            Kind::StorageClass => {
                observed.stores.of(Kind::PersistentVolumeClaim).iter().map(|(_, claim)| wish(&claim)).collect()
            }
            _ => {
                let Some(own) = change.old.as_ref().filter(|_| change.new.is_none()) else { return Vec::new() };
                let own: &VolumeAttachment = own.expect();
                let name = own.spec.source.persistent_volume_name.as_deref().unwrap_or_default();
                let volume = observed.stores.of(Kind::PersistentVolume).get(&ObjectKey::new("", name));
                volume.map(|volume| wish(&volume)).into_iter().collect()
            }
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(object) = &turn.object() else { return Plan::nothing("it is gone") };
        match object.kind() {
            Kind::PersistentVolumeClaim => provision(object, &turn.observed),
            _ => delete(object, &turn.observed),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}
