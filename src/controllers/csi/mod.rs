//! The CSI driver of the cluster, as far as it does not run on the nodes: the pod with the sidecars
//! external-provisioner, external-attacher and external-resizer, and the storage that they drive.
//!
//! The driver is one whose volumes are attached: network disks, which any node can have but only one at a time. A
//! driver of directories on the node (kind's local-path) would attach nothing, and no volume would ever move.
//!
//! The sidecars are controllers like those of kube-controller-manager. They elect no leader: there is one replica.

mod attacher;
mod provisioner;
mod resizer;
mod storage;

use std::any::Any;

use serde_json::{Value, json};

use crate::api::disk::{DRIVER, DiskMessage};
use crate::api::{Body, Kind, Message, Method, Request, WatchType, volumes};
use crate::client::Calls;
use crate::sim::{Ctx, Disconnect, Envelope, Process, ProcessId};

use super::Registration;
use super::controller::Flags;
use super::manager::{ControllerManager, Hosting};
use storage::Storage;

pub use storage::DiskReport;

/// How the sidecars name themselves.
const USER_AGENT: &str = "csi-driver/v1.0.0 (linux/amd64)";
const USER: &str = "system:serviceaccount:kube-system:csi-driver";

/// The sidecars.
const SIDECARS: &[Registration] = &[
    Registration { id: "attacher", new: || Box::new(attacher::Attacher) },
    Registration { id: "provisioner", new: || Box::new(provisioner::Provisioner) },
    Registration { id: "resizer", new: || Box::new(resizer::Resizer) },
];

static HOST: Hosting =
    Hosting { user_agent: USER_AGENT, user: USER, namespace: "kube-system", controllers: SIDECARS, elects: false };

/// What installing the driver puts into the cluster: the driver's object and the class of its volumes.
fn manifests() -> [(&'static str, Value); 2] {
    let driver = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": DRIVER},
        "spec": {"attachRequired": true, "podInfoOnMount": false},
    });
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": "standard",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": DRIVER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": BINDING_MODE,
        "allowVolumeExpansion": true,
    });
    [("/apis/storage.k8s.io/v1/csidrivers", driver), ("/apis/storage.k8s.io/v1/storageclasses", class)]
}

/// When volumes of the default class are made.
const BINDING_MODE: &str = "WaitForFirstConsumer";

/// The process `csi-driver`.
#[derive(Clone, Debug)]
pub struct CsiDriver {
    sidecars: ControllerManager,
    storage: Storage,
    /// The driver was put into the cluster.
    installed: bool,
    calls: Calls<()>,
}

impl CsiDriver {
    /// A driver that has not started.
    pub fn new(apiserver: ProcessId) -> Self {
        CsiDriver {
            sidecars: ControllerManager::of(&HOST, apiserver, "csi-driver", Flags::default()),
            storage: Storage::default(),
            installed: false,
            calls: Calls::new(apiserver, "kubectl/v1.36.0 (linux/amd64)", "kubernetes-admin"),
        }
    }

    /// The sidecars, for looking inside.
    pub fn sidecars(&self) -> &ControllerManager {
        &self.sidecars
    }

    /// Whether nobody asks it for anything: there is no disk, and no claim is the driver's.
    pub fn is_idle(&self) -> bool {
        let claims = self.sidecars.store(Kind::PersistentVolumeClaim);
        let mut claims = claims.into_iter().flat_map(|store| store.iter());
        self.counts().0 == 0
            && !claims.any(|(_, claim)| volumes::annotation(claim.meta(), volumes::PROVISIONER) == Some(DRIVER))
    }

    /// The disks, by handle.
    pub fn disks(&self) -> Vec<DiskReport> {
        self.storage.disks(self.sidecars.store(Kind::PersistentVolume))
    }

    /// How many disks there are, and how many of them nodes use.
    pub fn counts(&self) -> (usize, usize) {
        self.storage.counts(self.sidecars.store(Kind::PersistentVolume))
    }

    fn install(&mut self, ctx: &mut Ctx<'_, Message>) {
        for (path, manifest) in manifests() {
            let request = Request::new(Method::Post, path).body(Body::Json(std::sync::Arc::new(manifest)));
            self.calls.send(ctx, request, ());
        }
    }

    /// Whether the disk is attached to the node, as the attacher has said; disks that are not the driver's are.
    fn is_attached(&self, disk: &str, node: &str) -> bool {
        storage::is_attached(
            self.sidecars.store(Kind::PersistentVolume),
            self.sidecars.store(Kind::VolumeAttachment),
            disk,
            node,
        )
    }
}

impl Process<Message> for CsiDriver {
    fn start(&mut self, ctx: &mut Ctx<'_, Message>) {
        if !self.installed {
            self.install(ctx);
        }
        self.sidecars.start(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        match &envelope.payload {
            Message::Disk(message) => {
                let attached = match message {
                    DiskMessage::Open { disk, node } | DiskMessage::Write { disk, node, .. } => {
                        self.is_attached(disk, node)
                    }
                    _ => true,
                };
                self.storage.on_message(ctx, envelope.from, message, attached);
            }
            Message::Response { call, response } => match self.calls.answered(*call, response) {
                Some(outcome) => {
                    // The server was not ready, or has them already.
                    let answered = outcome.response.is_some_and(|response| response.code < 500);
                    self.installed |= answered;
                    if !answered {
                        self.install(ctx);
                    }
                }
                None => self.sidecars.on_message(ctx, envelope),
            },
            Message::Watch { event, .. } => {
                if event.type_ == WatchType::Deleted
                    && let Body::Object(object) = &event.body
                {
                    self.storage.volume_deleted(object);
                }
                self.sidecars.on_message(ctx, envelope);
            }
            _ => self.sidecars.on_message(ctx, envelope),
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Message>, token: u64) {
        self.sidecars.on_timer(ctx, token);
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_, Message>, peer: ProcessId, why: Disconnect) {
        self.storage.node_lost(peer);
        if peer == self.calls.server() && !self.calls.disconnected().is_empty() {
            self.install(ctx);
        }
        self.sidecars.on_disconnect(ctx, peer, why);
    }

    fn lose_memory(&mut self) {
        // What is on the disks stays.
        self.calls.forget();
        self.storage.forget_nodes();
        self.sidecars.lose_memory();
    }

    fn clone_box(&self) -> Box<dyn Process<Message>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
