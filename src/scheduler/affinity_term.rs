//! Terms of pod affinity and anti-affinity, read once.
//!
//! Mirrors pkg/scheduler/framework `AffinityTerm`.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodAffinityTerm, WeightedPodAffinityTerm};

use crate::api::selectors::LabelSelector;

use super::cache::{Cache, Labels};
use super::pod_info::PodInfo;

/// A term: which pods it speaks of, and what "near" means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffinityTerm {
    pub namespaces: BTreeSet<String>,
    pub selector: LabelSelector,
    pub topology_key: String,
    pub namespace_selector: LabelSelector,
}

impl AffinityTerm {
    fn new(namespace: &str, term: &PodAffinityTerm) -> Result<Self, String> {
        let named = term.namespaces.as_deref().unwrap_or_default();
        let own = named.is_empty() && term.namespace_selector.is_none();
        let namespaces = if own { BTreeSet::from([namespace.to_owned()]) } else { named.iter().cloned().collect() };
        Ok(AffinityTerm {
            namespaces,
            selector: LabelSelector::from_meta(term.label_selector.as_ref())?,
            topology_key: term.topology_key.clone(),
            namespace_selector: LabelSelector::from_meta(term.namespace_selector.as_ref())?,
        })
    }

    /// Whether it speaks of `pod`, whose namespace has these labels.
    pub fn matches(&self, pod: &PodInfo, namespace_labels: &Labels) -> bool {
        self.speaks_of(&pod.key.namespace, pod.labels(), namespace_labels)
    }

    /// Whether it speaks of pods of a namespace with these labels.
    pub fn speaks_of(&self, namespace: &str, labels: &Labels, namespace_labels: &Labels) -> bool {
        let here = self.namespaces.contains(namespace) || self.namespace_selector.matches(namespace_labels);
        here && self.selector.matches(labels)
    }

    /// With its namespace selector replaced by the namespaces that it selects now.
    pub fn resolved(&self, cache: &Cache) -> Self {
        let mut term = self.clone();
        if !term.namespace_selector.is_everything() {
            let selected = cache.namespaces().filter(|(_, labels)| term.namespace_selector.matches(labels));
            let selected: Vec<String> = selected.map(|(name, _)| name.to_string()).collect();
            term.namespaces.extend(selected);
            term.namespace_selector = LabelSelector::nothing();
        }
        term
    }
}

/// Whether there are terms, and every one of them speaks of `pod`. The terms are resolved.
pub fn matches_all(terms: &[AffinityTerm], pod: &PodInfo) -> bool {
    let none = Labels::new();
    !terms.is_empty() && terms.iter().all(|term| term.matches(pod, &none))
}

/// Reads required terms.
///
/// # Errors
/// A selector is malformed.
pub fn required(namespace: &str, terms: Option<&Vec<PodAffinityTerm>>) -> Result<Vec<AffinityTerm>, String> {
    terms.into_iter().flatten().map(|term| AffinityTerm::new(namespace, term)).collect()
}

/// Reads preferred terms with their weights.
///
/// # Errors
/// A selector is malformed.
pub fn preferred(
    namespace: &str,
    terms: Option<&Vec<WeightedPodAffinityTerm>>,
) -> Result<Vec<(i32, AffinityTerm)>, String> {
    let read =
        |term: &WeightedPodAffinityTerm| Ok((term.weight, AffinityTerm::new(namespace, &term.pod_affinity_term)?));
    terms.into_iter().flatten().map(read).collect()
}
