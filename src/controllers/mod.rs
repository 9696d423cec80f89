//! The controller manager: the loops that make what is like what was asked for, one file or folder a
//! controller, by its upstream name.
//!
//! Mirrors cmd/kube-controller-manager and pkg/controller. Leaves out: the controllers not listed in
//! `CONTROLLERS`, and the resync periods of informers.
//!
//! The hidden modules are what `tests/controller_tables.rs` holds against upstream's tables.

mod adoption;
mod attachdetach;
mod controller;
#[doc(hidden)]
pub mod cronjob;
mod csi;
#[doc(hidden)]
pub mod daemonset;
#[doc(hidden)]
pub mod deployment;
#[doc(hidden)]
pub mod disruption;
#[doc(hidden)]
pub mod endpoint;
#[doc(hidden)]
pub mod endpointslice;
mod endpointslicemirroring;
mod ephemeral;
mod expand;
mod expectations;
#[doc(hidden)]
pub mod fake;
mod garbagecollector;
#[doc(hidden)]
pub mod hash;
mod history;
#[doc(hidden)]
pub mod job;
mod manager;
mod namespace;
pub mod nodeipam;
#[doc(hidden)]
pub mod nodelifecycle;
mod nodes;
#[doc(hidden)]
pub mod owners;
mod percent;
mod persistentvolume;
mod plan;
mod pod_owners;
mod podgc;
#[doc(hidden)]
pub mod pods;
mod pvcprotection;
mod pvprotection;
#[doc(hidden)]
pub mod replicaset;
mod resourcequota;
mod rootcacertpublisher;
mod selector;
mod service_pods;
mod serviceaccount;
#[doc(hidden)]
pub mod statefulset;
#[doc(hidden)]
pub mod tainteviction;
mod trigger_time;
mod ttlafterfinished;

pub use controller::{Controller, Enqueue, Flags, Observed, Stores, Turn, WorkKey};
pub use csi::CsiDriver;
pub use manager::{ControllerManager, ControllerReport, InformerReport, KeyReport, KeyState, LeaderReport, PlanReport};
pub use plan::{Announce, Answer, Append, Failure, Plan, Step, Write};

use crate::api::Kind;

/// A controller's entry in the registry.
#[derive(Debug)]
pub struct Registration {
    /// The name of its file or folder.
    pub id: &'static str,
    /// Makes one that has seen nothing.
    pub new: fn() -> Box<dyn Controller>,
}

/// The controllers this manager runs, alphabetical.
pub const CONTROLLERS: &[Registration] = &[
    Registration { id: "attachdetach", new: || Box::<attachdetach::AttachDetachController>::default() },
    Registration { id: "cronjob", new: || Box::new(cronjob::CronJobController) },
    Registration { id: "daemonset", new: || Box::<daemonset::DaemonSetController>::default() },
    Registration { id: "deployment", new: || Box::new(deployment::DeploymentController) },
    Registration { id: "disruption", new: || Box::new(disruption::DisruptionController) },
    Registration { id: "endpoint", new: || Box::<endpoint::EndpointController>::default() },
    Registration { id: "endpointslice", new: || Box::<endpointslice::EndpointSliceController>::default() },
    Registration {
        id: "endpointslicemirroring",
        new: || Box::<endpointslicemirroring::EndpointSliceMirroringController>::default(),
    },
    Registration { id: "ephemeral", new: || Box::new(ephemeral::EphemeralController) },
    Registration { id: "expand", new: || Box::new(expand::ExpandController) },
    Registration { id: "garbagecollector", new: || Box::<garbagecollector::GarbageCollector>::default() },
    Registration { id: "job", new: || Box::<job::JobController>::default() },
    Registration { id: "namespace", new: || Box::new(namespace::NamespaceController) },
    Registration { id: "nodeipam", new: || Box::<nodeipam::NodeIpamController>::default() },
    Registration { id: "nodelifecycle", new: || Box::<nodelifecycle::NodeLifecycleController>::default() },
    Registration { id: "persistentvolume", new: || Box::new(persistentvolume::PersistentVolumeController) },
    Registration { id: "podgc", new: || Box::<podgc::PodGcController>::default() },
    Registration { id: "pvcprotection", new: || Box::new(pvcprotection::PvcProtectionController) },
    Registration { id: "pvprotection", new: || Box::new(pvprotection::PvProtectionController) },
    Registration { id: "replicaset", new: || Box::new(replicaset::ReplicaSetController::new(Kind::ReplicaSet)) },
    Registration {
        id: "replicationcontroller",
        new: || Box::new(replicaset::ReplicaSetController::new(Kind::ReplicationController)),
    },
    Registration { id: "resourcequota", new: || Box::new(resourcequota::ResourceQuotaController) },
    Registration { id: "rootcacertpublisher", new: || Box::new(rootcacertpublisher::RootCaCertPublisher) },
    Registration { id: "serviceaccount", new: || Box::new(serviceaccount::ServiceAccountsController) },
    Registration { id: "statefulset", new: || Box::<statefulset::StatefulSetController>::default() },
    Registration { id: "tainteviction", new: || Box::<tainteviction::TaintEvictionController>::default() },
    Registration { id: "ttlafterfinished", new: || Box::new(ttlafterfinished::TtlAfterFinishedController) },
];

#[cfg(test)]
mod tests {
    use super::CONTROLLERS;

    #[test]
    fn controllers_are_alphabetical_and_owe_what_they_must() {
        for pair in CONTROLLERS.windows(2) {
            assert!(pair[0].id < pair[1].id, "{} stands before {}", pair[0].id, pair[1].id);
        }
        for registration in CONTROLLERS {
            let controller = (registration.new)();
            assert!(!controller.name().is_empty() && !controller.service_account().is_empty());
            assert!(!controller.watches().is_empty(), "{} watches something", registration.id);
            assert!(controller.workers() > 0, "{} has workers", registration.id);
        }
    }
}
