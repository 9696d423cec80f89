//! Who may talk to whom. The network refuses any other edge, and the page draws its wires from this table.

use std::time::Duration;

use crate::sim::LinkProfile;

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    ApiServer,
    /// A client outside the cluster that is not our kubectl: the real kubectl, a page script.
    Client,
    ControllerManager,
    Etcd,
    Kubectl,
    Kubelet,
    Runtime,
    Scheduler,
    /// The controller of the CSI driver, with its storage.
    Storage,
}

impl Role {
    /// Every role.
    pub const ALL: &[Role] = &[
        Role::ApiServer,
        Role::Client,
        Role::ControllerManager,
        Role::Etcd,
        Role::Kubectl,
        Role::Kubelet,
        Role::Runtime,
        Role::Scheduler,
        Role::Storage,
    ];

    /// The component's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::ApiServer => "kube-apiserver",
            Role::Client => "client",
            Role::ControllerManager => "kube-controller-manager",
            Role::Etcd => "etcd",
            Role::Kubectl => "kubectl",
            Role::Kubelet => "kubelet",
            Role::Runtime => "containerd",
            Role::Scheduler => "kube-scheduler",
            Role::Storage => "csi-driver",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.as_str() == name)
    }
}

/// What travels along an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http,
    Grpc,
}

/// A wire between two roles; messages go both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub from: Role,
    pub to: Role,
    pub protocol: Protocol,
    pub latency_micros: u64,
    pub jitter_micros: u64,
}

const fn edge(from: Role, to: Role, protocol: Protocol, latency_micros: u64, jitter_micros: u64) -> Edge {
    Edge { from, to, protocol, latency_micros, jitter_micros }
}

/// Every wire there is, client first.
pub const EDGES: &[Edge] = &[
    edge(Role::ApiServer, Role::Etcd, Protocol::Grpc, 300, 200),
    edge(Role::Client, Role::ApiServer, Protocol::Http, 1_000, 500),
    edge(Role::ControllerManager, Role::ApiServer, Protocol::Http, 500, 300),
    edge(Role::Kubectl, Role::ApiServer, Protocol::Http, 2_000, 1_000),
    edge(Role::Kubelet, Role::ApiServer, Protocol::Http, 1_000, 500),
    edge(Role::Kubelet, Role::Runtime, Protocol::Grpc, 100, 50),
    edge(Role::Runtime, Role::Storage, Protocol::Grpc, 500, 200),
    edge(Role::Scheduler, Role::ApiServer, Protocol::Http, 500, 300),
    edge(Role::Storage, Role::ApiServer, Protocol::Http, 500, 300),
];

/// The link between two roles by `EDGES`, whichever way round.
pub fn link(from: &'static str, to: &'static str) -> Option<LinkProfile> {
    EDGES
        .iter()
        .find(|edge| {
            let (a, b) = (edge.from.as_str(), edge.to.as_str());
            (a == from && b == to) || (a == to && b == from)
        })
        .map(|edge| LinkProfile {
            latency: Duration::from_micros(edge.latency_micros),
            jitter: Duration::from_micros(edge.jitter_micros),
        })
}
