//! What the reader chose not to see. A filter hides packets from the picture and the lists; the
//! simulation never hears of it.

use std::sync::Arc;

use crate::cluster::FlightKind;
use crate::scene::Site;

/// The kinds of messages, in the legend's order, with the legend's words.
pub const KINDS: [(FlightKind, &str); 6] = [
    (FlightKind::Request, "request"),
    (FlightKind::Response, "response"),
    (FlightKind::ErrorResponse, "refusal"),
    (FlightKind::Watch, "watch event"),
    (FlightKind::Grpc, "gRPC, CRI"),
    (FlightKind::Log, "log"),
];

/// Nodes with a chip each; more share one.
const NODE_CHIPS_MAX: usize = 12;

/// One thing that can be hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chip {
    Kind(FlightKind),
    /// Empty for what belongs to the whole cluster.
    Namespace(Arc<str>),
    /// One end of the message: `etcd`, `scheduler`, `node-a`. The API server has none: it is an end of
    /// nearly every message.
    Component(Arc<str>),
}

/// The filter: what is hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    hidden: Vec<Chip>,
}

impl Filter {
    /// Whether a chip's messages are shown.
    pub fn shows(&self, chip: &Chip) -> bool {
        !self.hidden.contains(chip)
    }

    /// What is hidden.
    pub fn hidden(&self) -> &[Chip] {
        &self.hidden
    }

    /// Hides what is shown, shows what is hidden.
    pub fn toggle(&mut self, chip: &Chip) {
        match self.hidden.iter().position(|hidden| hidden == chip) {
            Some(index) => {
                self.hidden.remove(index);
            }
            None => self.hidden.push(chip.clone()),
        }
    }

    /// Shows or hides all of `chips`.
    pub fn set(&mut self, chips: &[Chip], shown: bool) {
        self.hidden.retain(|hidden| !chips.contains(hidden));
        if !shown {
            self.hidden.extend_from_slice(chips);
        }
    }

    /// Shows everything.
    pub fn clear(&mut self) {
        self.hidden.clear();
    }

    /// Whether anything is hidden.
    pub fn is_active(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// Whether some namespace is hidden: only then a message's need be known.
    pub fn asks_for_namespace(&self) -> bool {
        self.hidden.iter().any(|chip| matches!(chip, Chip::Namespace(_)))
    }

    /// Whether a message passes. `namespace` counts only where `asks_for_namespace`.
    pub fn passes(&self, kind: FlightKind, namespace: &str, ends: &[Arc<str>]) -> bool {
        self.hidden.iter().all(|chip| match chip {
            Chip::Kind(hidden) => *hidden != kind,
            Chip::Namespace(hidden) => **hidden != *namespace,
            Chip::Component(hidden) => !ends.contains(hidden),
        })
    }
}

/// The name of the chip that a site belongs to, given the nodes; `None` for the API server.
pub fn component_of(site: Site, nodes: &[Arc<str>]) -> Option<Arc<str>> {
    Some(match site {
        Site::ApiServer => return None,
        Site::Kubectl => Arc::from("kubectl"),
        Site::Client => Arc::from("client"),
        Site::Driver => Arc::from("csi-driver"),
        Site::Etcd => Arc::from("etcd"),
        Site::Scheduler => Arc::from("scheduler"),
        Site::Controllers => Arc::from("controllers"),
        Site::Kubelet(_) | Site::Runtime(_) if nodes.len() > NODE_CHIPS_MAX => Arc::from("nodes"),
        Site::Kubelet(node) | Site::Runtime(node) => nodes.get(node)?.clone(),
    })
}

/// The chips for components.
pub fn component_chips(nodes: &[Arc<str>], client: bool, driven: bool) -> Vec<Chip> {
    let mut shown = vec![Site::Kubectl];
    shown.extend(client.then_some(Site::Client));
    shown.extend([Site::Etcd, Site::Scheduler, Site::Controllers]);
    shown.extend(driven.then_some(Site::Driver));
    let count = if nodes.len() > NODE_CHIPS_MAX { 1 } else { nodes.len() };
    shown.extend((0..count).map(Site::Kubelet));
    shown.into_iter().filter_map(|site| component_of(site, nodes)).map(Chip::Component).collect()
}

/// What the page shows of the filter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterView {
    pub filter: Filter,
    /// Every namespace there is, the whole cluster first as an empty name.
    pub namespaces: Vec<Chip>,
    pub components: Vec<Chip>,
    /// Packets under way that it hides now.
    pub hidden: usize,
    /// Whether leases and node status are shown.
    pub heartbeats: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<Arc<str>> {
        list.iter().map(|name| Arc::from(*name)).collect()
    }

    #[test]
    fn what_is_hidden_does_not_pass() {
        let ends = names(&["kubectl"]);
        let mut filter = Filter::default();
        assert!(filter.passes(FlightKind::Watch, "default", &ends) && !filter.is_active());
        filter.toggle(&Chip::Kind(FlightKind::Watch));
        assert!(!filter.passes(FlightKind::Watch, "default", &ends));
        assert!(filter.passes(FlightKind::Request, "default", &ends));
        assert!(!filter.asks_for_namespace());
        filter.toggle(&Chip::Namespace(Arc::from("default")));
        assert!(filter.asks_for_namespace());
        assert!(!filter.passes(FlightKind::Request, "default", &ends));
        assert!(filter.passes(FlightKind::Request, "", &ends), "the whole cluster is another chip");
        filter.toggle(&Chip::Namespace(Arc::from("default")));
        filter.toggle(&Chip::Component(Arc::from("kubectl")));
        assert!(!filter.passes(FlightKind::Request, "default", &ends));
        assert!(filter.passes(FlightKind::Request, "default", &names(&["etcd"])));
        filter.clear();
        assert!(!filter.is_active());
    }

    #[test]
    fn one_thing_alone_is_two_presses() {
        let chips = component_chips(&names(&["node-a", "node-b"]), false, false);
        assert_eq!(chips.len(), 6);
        let mut filter = Filter::default();
        filter.set(&chips, false);
        filter.toggle(&Chip::Component(Arc::from("scheduler")));
        assert!(filter.passes(FlightKind::Request, "", &names(&["scheduler"])));
        assert!(!filter.passes(FlightKind::Request, "", &names(&["node-b"])));
        filter.set(&chips, true);
        assert!(!filter.is_active());
    }

    #[test]
    fn many_nodes_share_a_chip() {
        let nodes: Vec<Arc<str>> = (0..13).map(|index| Arc::from(format!("node-{index:04}"))).collect();
        assert_eq!(component_of(Site::Runtime(12), &nodes), Some(Arc::from("nodes")));
        assert_eq!(component_chips(&nodes, true, false).len(), 6);
        assert_eq!(component_chips(&nodes, true, true).len(), 7);
        assert_eq!(component_of(Site::ApiServer, &nodes), None);
    }
}
