//! The kinds, one file each: add a file, its `mod` line and its entry here.

pub mod binding;
pub mod configmap;
pub mod controllerrevision;
pub mod cronjob;
pub mod csidriver;
pub mod csinode;
pub mod daemonset;
pub mod deployment;
pub mod endpoints;
pub mod endpointslice;
pub mod event;
pub mod event_v1;
pub mod job;
pub mod lease;
pub mod limitrange;
pub mod namespace;
pub mod node;
pub mod persistentvolume;
pub mod persistentvolumeclaim;
pub mod pod;
pub mod poddisruptionbudget;
pub mod podtemplate;
pub mod priorityclass;
pub mod replicaset;
pub mod replicationcontroller;
pub mod resourcequota;
pub mod secret;
pub mod service;
pub mod serviceaccount;
pub mod statefulset;
pub mod storageclass;
mod strategy;
pub mod volumeattachment;

use super::kind::KindInfo;

/// The kinds this cluster knows, alphabetical and in the order of `Kind`.
pub static KINDS: &[&KindInfo] = &[
    &binding::INFO,
    &configmap::INFO,
    &controllerrevision::INFO,
    &cronjob::INFO,
    &csidriver::INFO,
    &csinode::INFO,
    &daemonset::INFO,
    &deployment::INFO,
    &endpoints::INFO,
    &endpointslice::INFO,
    &event::INFO,
    &event_v1::INFO,
    &job::INFO,
    &lease::INFO,
    &limitrange::INFO,
    &namespace::INFO,
    &node::INFO,
    &persistentvolume::INFO,
    &persistentvolumeclaim::INFO,
    &pod::INFO,
    &poddisruptionbudget::INFO,
    &podtemplate::INFO,
    &priorityclass::INFO,
    &replicaset::INFO,
    &replicationcontroller::INFO,
    &resourcequota::INFO,
    &secret::INFO,
    &service::INFO,
    &serviceaccount::INFO,
    &statefulset::INFO,
    &storageclass::INFO,
    &volumeattachment::INFO,
];

#[cfg(test)]
mod tests {
    use super::KINDS;

    #[test]
    fn every_kind_stands_at_its_own_place() {
        for (index, info) in KINDS.iter().enumerate() {
            assert_eq!(info.id as usize, index, "{}", info.kind);
            assert!(!info.plural.is_empty() && !info.singular.is_empty() && !info.etcd_prefix.is_empty());
        }
    }
}
