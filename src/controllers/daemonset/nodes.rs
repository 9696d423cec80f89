//! Which nodes a DaemonSet's pods belong on, and how a pod is bound for its node.
//!
//! Mirrors `NodeShouldRunDaemonPod` of daemon_controller.go and pkg/controller/daemon/util.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{
    Affinity, Node, NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, Taint,
    Toleration,
};

use crate::api::Object;
use crate::api::node_selector::RequiredNodeAffinity;
use crate::api::taints::tolerated;
use crate::controllers::pods;
use crate::sim::Order;
use crate::sim::persistent::OrdMap;

const NAME_FIELD: &str = "metadata.name";
const NO_EXECUTE: &str = "NoExecute";

/// The taints that every daemon pod tolerates (`AddOrUpdateDaemonPodTolerations`).
const TOLERATED: &[(&str, &str)] = &[
    ("node.kubernetes.io/not-ready", NO_EXECUTE),
    ("node.kubernetes.io/unreachable", NO_EXECUTE),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
/// The one that those on the host's network tolerate besides.
const NETWORK_UNAVAILABLE: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// Adds the tolerations of a daemon pod, in the place of those for the same taints.
pub fn add_tolerations(spec: &mut PodSpec) {
    let network = (spec.host_network == Some(true)).then_some(&NETWORK_UNAVAILABLE);
    let tolerations = spec.tolerations.get_or_insert_default();
    for (key, effect) in TOLERATED.iter().chain(network) {
        let toleration = Toleration {
            key: Some((*key).to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some((*effect).to_owned()),
            ..Toleration::default()
        };
        let same = |own: &&mut Toleration| own.key == toleration.key && own.effect == toleration.effect;
        match tolerations.iter_mut().find(same) {
            Some(own) => *own = toleration,
            None => tolerations.push(toleration),
        }
    }
}

/// Has the scheduler place a pod on this node and no other (`ReplaceDaemonSetPodNodeNameNodeAffinity`). What the
/// template requires of a node gives way: this one was found to have it.
pub fn pin(spec: &mut PodSpec, node: &str) {
    let name = NodeSelectorRequirement {
        key: NAME_FIELD.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm { match_fields: Some(vec![name]), ..NodeSelectorTerm::default() };
    let affinity = spec.affinity.get_or_insert_with(Affinity::default);
    let node_affinity = affinity.node_affinity.get_or_insert_with(NodeAffinity::default);
    node_affinity.required_during_scheduling_ignored_during_execution =
        Some(NodeSelector { node_selector_terms: vec![term] });
}

/// The node a pod is on, or is bound for (`GetTargetNodeName`).
pub fn target(pod: &Pod) -> &str {
    let node = pods::node_name(pod);
    if !node.is_empty() {
        return node;
    }
    let affinity = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()?.node_affinity.as_ref());
    let required = affinity.and_then(|own| own.required_during_scheduling_ignored_during_execution.as_ref());
    let terms = required.map(|required| required.node_selector_terms.as_slice()).unwrap_or_default();
    let fields = terms.iter().flat_map(|term| term.match_fields.iter().flatten());
    let mut names = fields.filter(|field| field.key == NAME_FIELD && field.operator == "In");
    names.find_map(|field| field.values.as_ref()?.first()).map(String::as_str).unwrap_or_default()
}

/// Whether a pod of the set is to run on a node, and whether one that runs there may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    pub should_run: bool,
    pub should_continue: bool,
}

const NOT_AT_ALL: Fit = Fit { should_run: false, should_continue: false };

/// `NodeShouldRunDaemonPod`. Resources and ports are the scheduler's affair.
pub fn fit(set: &DaemonSet, node: &Node) -> Fit {
    let template = set.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    let named = template.and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    if !named.is_empty() && node.metadata.name.as_deref() != Some(named) {
        return NOT_AT_ALL;
    }
    if RequiredNodeAffinity::of(template).matches(node) != Ok(true) {
        return NOT_AT_ALL;
    }
    let mut spec = template.cloned().unwrap_or_default();
    add_tolerations(&mut spec);
    let tolerations = spec.tolerations.unwrap_or_default();
    let taints: &[Taint] = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let untolerated = |effects: &[&str]| {
        taints.iter().any(|taint| effects.contains(&taint.effect.as_str()) && !tolerated(&tolerations, taint))
    };
    if untolerated(&[NO_EXECUTE, "NoSchedule"]) {
        return Fit { should_run: false, should_continue: !untolerated(&[NO_EXECUTE]) };
    }
    Fit { should_run: true, should_continue: true }
}

/// Pods by the node they are on or bound for, older ones first (`getNodesToDaemonPods`, sorted
/// `byCreationTimestampAndPhase`). `with_ended`: also those that are deleted and have come to their end.
pub fn by_node(all: &[Arc<Object>], with_ended: bool) -> OrdMap<Arc<str>, Vec<Arc<Object>>> {
    let mut map: OrdMap<Arc<str>, Vec<Arc<Object>>> = OrdMap::new();
    for object in all {
        let pod = object.expect::<Pod>();
        let node = target(pod);
        if !node.is_empty() && (with_ended || !(pods::is_terminal(pod) && pods::is_terminating(pod))) {
            map.entry(Arc::from(node)).or_default().push(object.clone());
        }
    }
    let nodes: Vec<Arc<str>> = map.keys().cloned().collect();
    for node in nodes {
        if let Some(pods) = map.get_mut(&*node) {
            sort(pods);
        }
    }
    map
}

/// Those that have a node before those that have none, then by age, then by name.
pub fn sort(pods: &mut [Arc<Object>]) {
    pods.order_by_key(|object| {
        let pod = object.expect::<Pod>();
        let created = pod.metadata.creation_timestamp.as_ref().map(crate::api::time::unix_micros);
        (pods::node_name(pod).is_empty(), created, object.name().to_owned())
    });
}
