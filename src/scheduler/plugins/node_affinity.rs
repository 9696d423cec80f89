//! A pod's node selector and node affinity. Mirrors plugins/nodeaffinity.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    Node, NodeAffinity as Affinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm,
};

use super::super::cache::Cache;
use super::super::cluster_event::{ClusterEvent, EventResource, action};
use super::super::framework::{
    Code, CycleState, Plugin, Point, PreFilter, Rejection, Verdict, default_normalize_score,
};
use super::super::node_info::NodeInfo;
use super::super::pod_info::PodInfo;
use crate::api::node_selector::{PreferredTerms, RequiredNodeAffinity, Selector};
use crate::sim::persistent::OrdSet;

/// The plugin's name.
pub const NAME: &str = "NodeAffinity";

/// `NodeAffinityArgs`: an affinity that every pod gets on top of its own.
#[derive(Clone, Debug, Default)]
pub struct NodeAffinityArgs {
    pub added_affinity: Option<Affinity>,
}

/// The plugin.
#[derive(Clone, Debug)]
pub struct NodeAffinity {
    added_required: Option<Selector>,
    added_preferred: PreferredTerms,
}

impl NodeAffinity {
    /// The plugin with its arguments.
    pub fn new(args: &NodeAffinityArgs) -> Self {
        let added = args.added_affinity.as_ref();
        NodeAffinity {
            added_required: added.and_then(required).map(Selector::new),
            added_preferred: PreferredTerms::new(added.and_then(preferred).unwrap_or_default()),
        }
    }
}

fn required(affinity: &Affinity) -> Option<&NodeSelector> {
    affinity.required_during_scheduling_ignored_during_execution.as_ref()
}

fn preferred(affinity: &Affinity) -> Option<&[k8s_openapi::api::core::v1::PreferredSchedulingTerm]> {
    affinity.preferred_during_scheduling_ignored_during_execution.as_deref()
}

fn affinity(pod: &PodInfo) -> Option<&Affinity> {
    pod.spec()?.affinity.as_ref()?.node_affinity.as_ref()
}

/// `zone In a, b and disk Exists`: a term in words.
fn term_text(term: &NodeSelectorTerm) -> String {
    let expressions = term.match_expressions.iter().chain(&term.match_fields).flatten();
    let text = |one: &NodeSelectorRequirement| {
        let values = one.values.as_deref().unwrap_or_default().join(", ");
        format!("{} {} {values}", one.key, one.operator).trim_end().to_owned()
    };
    expressions.map(text).collect::<Vec<_>>().join(" and ")
}

/// The nodes that the terms name, if every term names some by `metadata.name`.
fn named_nodes(pod: &PodInfo) -> Option<Result<OrdSet<Arc<str>>, Rejection>> {
    let terms = &required(affinity(pod)?)?.node_selector_terms;
    let mut names: OrdSet<Arc<str>> = OrdSet::new();
    for term in terms {
        let mut of_term: Option<OrdSet<Arc<str>>> = None;
        let fields = term.match_fields.iter().flatten();
        for field in fields.filter(|field| field.key == "metadata.name" && field.operator == "In") {
            let values: OrdSet<Arc<str>> =
                field.values.iter().flatten().map(|value| Arc::from(value.as_str())).collect();
            of_term = Some(match of_term {
                Some(earlier) => earlier.intersection(&values).cloned().collect(),
                None => values,
            });
        }
        // Terms are alternatives: one that names no node may match any.
        names.extend(of_term?);
    }
    if terms.is_empty() {
        return None;
    }
    if names.is_empty() {
        let reason = "pod affinity terms conflict";
        return Some(Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason)));
    }
    Some(Ok(names))
}

impl Plugin for NodeAffinity {
    fn name(&self) -> &'static str {
        NAME
    }

    fn points(&self) -> &'static [Point] {
        &[Point::PreFilter, Point::Filter, Point::PreScore, Point::Score]
    }

    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, _cache: &Cache) -> Result<PreFilter, Rejection> {
        let wanted = RequiredNodeAffinity::of(pod.spec());
        if self.added_required.is_none() && wanted.is_empty() {
            return Ok(PreFilter::Skip);
        }
        state.write(NAME, wanted);
        match named_nodes(pod) {
            Some(names) => names.map(PreFilter::Nodes),
            None => Ok(PreFilter::AllNodes),
        }
    }

    fn filter(&self, state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Verdict {
        let no = |reason: &'static str| Err(Rejection::new(NAME, Code::UnschedulableAndUnresolvable, reason));
        if self.added_required.as_ref().is_some_and(|selector| selector.matches(node.node()) != Ok(true)) {
            return no("node(s) didn't match scheduler-enforced node affinity");
        }
        let matches = match state.read::<RequiredNodeAffinity>(NAME) {
            Some(wanted) => wanted.matches(node.node()),
            None => RequiredNodeAffinity::of(pod.spec()).matches(node.node()),
        };
        if matches != Ok(true) {
            return no("node(s) didn't match Pod's node affinity/selector");
        }
        Ok(())
    }

    fn remedy(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Option<String> {
        let wanted = pod.spec()?.node_selector.iter().flatten();
        let missing = wanted.filter(|(key, value)| node.label(key) != Some(value));
        let missing: Vec<String> = missing.map(|(key, value)| format!("{key}={value}")).collect();
        if !missing.is_empty() {
            return Some(format!("kubectl label node {} {}", node.name, missing.join(" ")));
        }
        let terms = required(affinity(pod)?)?.node_selector_terms.iter();
        let terms: Vec<String> = terms.map(term_text).filter(|text| !text.is_empty()).collect();
        (!terms.is_empty()).then(|| format!("labels on it with {}", terms.join(", or ")))
    }

    fn pre_score(&self, state: &mut CycleState, pod: &PodInfo, _cache: &Cache, _nodes: &[&NodeInfo]) -> bool {
        let own = PreferredTerms::new(affinity(pod).and_then(preferred).unwrap_or_default());
        if own.is_empty() && self.added_preferred.is_empty() {
            return false;
        }
        state.write("NodeAffinity/score", own);
        true
    }

    fn score(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo, _cache: &Cache) -> i64 {
        let own = state.read::<PreferredTerms>("NodeAffinity/score").map_or(0, |own| own.score(node.node()));
        own + self.added_preferred.score(node.node())
    }

    fn normalize(&self, _state: &CycleState, _nodes: &[&NodeInfo], scores: &mut [i64]) {
        default_normalize_score(false, scores);
    }

    fn events(&self) -> &'static [(EventResource, u32)] {
        &[(EventResource::Node, action::ADD | action::UPDATE_NODE_LABEL)]
    }

    fn hint(&self, pod: &PodInfo, event: &ClusterEvent, _cache: &Cache) -> bool {
        let Some(new) = event.new_node() else { return true };
        let enforced = self.added_required.as_ref().is_none_or(|selector| selector.matches(new) == Ok(true));
        let wanted = RequiredNodeAffinity::of(pod.spec());
        let suited = |node: &Node| wanted.matches(node) == Ok(true);
        enforced && suited(new) && !event.old_node().is_some_and(suited)
    }
}
