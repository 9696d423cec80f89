//! Which process stands where.

use std::sync::Arc;

use crate::api::Role;
use crate::cluster::ComponentView;
use crate::sim::ProcessId;
use crate::sim::persistent::OrdMap;

use super::layout::Site;

/// The site of every process, and the order of the nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sites {
    by_process: OrdMap<ProcessId, Site>,
    nodes: Vec<Arc<str>>,
    by_node: OrdMap<Arc<str>, usize>,
}

impl Sites {
    /// Read off the components; nodes in the order their kubelets were registered.
    pub fn new(components: &[ComponentView]) -> Sites {
        let mut sites = Sites::default();
        for component in components {
            let site = match component.role {
                Role::ApiServer => Site::ApiServer,
                Role::Client => Site::Client,
                Role::ControllerManager => Site::Controllers,
                Role::Etcd => Site::Etcd,
                Role::Kubectl => Site::Kubectl,
                Role::Scheduler => Site::Scheduler,
                // Nobody has asked it for anything: what it says to keep up is in the log.
                Role::Storage if component.idle => continue,
                Role::Storage => Site::Driver,
                Role::Kubelet => Site::Kubelet(sites.node_or_add(&component.node)),
                Role::Runtime => Site::Runtime(sites.node_or_add(&component.node)),
            };
            sites.by_process.insert(component.process, site);
        }
        sites
    }

    fn node_or_add(&mut self, node: &Arc<str>) -> usize {
        self.node(node).unwrap_or_else(|| {
            self.nodes.push(node.clone());
            self.by_node.insert(node.clone(), self.nodes.len() - 1);
            self.nodes.len() - 1
        })
    }

    /// Where a process stands; `None` for whoever is outside.
    pub fn of(&self, process: ProcessId) -> Option<Site> {
        self.by_process.get(&process).copied()
    }

    /// The process that stands there.
    pub fn process_at(&self, site: Site) -> Option<ProcessId> {
        self.by_process.iter().find(|(_, at)| **at == site).map(|(process, _)| *process)
    }

    /// Whether the CSI driver is on the stage.
    pub fn are_driven(&self) -> bool {
        self.process_at(Site::Driver).is_some()
    }

    /// The number of a node.
    pub fn node(&self, name: &str) -> Option<usize> {
        self.by_node.get(name).copied()
    }

    /// The nodes in their order.
    pub fn nodes(&self) -> &[Arc<str>] {
        &self.nodes
    }
}
