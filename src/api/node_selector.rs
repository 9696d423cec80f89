//! Node selector terms: what a pod asks of a node's labels and name.
//!
//! Mirrors staging component-helpers/scheduling/corev1/nodeaffinity.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, PreferredSchedulingTerm,
};

/// A term that cannot be read: an operator nobody knows, a value that no label can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTerm;

#[derive(Clone, Debug)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt(i64),
    Lt(i64),
}

#[derive(Clone, Debug)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

impl Requirement {
    fn matches(&self, value: Option<&str>) -> bool {
        let listed = |value: &str| self.values.iter().any(|one| one == value);
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self.operator {
            Operator::In => value.is_some_and(listed),
            Operator::NotIn => !value.is_some_and(listed),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt(than) => number().is_some_and(|number| number > than),
            Operator::Lt(than) => number().is_some_and(|number| number < than),
        }
    }
}

fn label_value(value: &str) -> bool {
    let alphanumeric = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    value.is_empty()
        || value.len() <= 63
            && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            && alphanumeric(value.chars().next())
            && alphanumeric(value.chars().next_back())
}

/// `labels.NewRequirement`.
fn expression(requirement: &NodeSelectorRequirement) -> Result<Requirement, BadTerm> {
    let values = requirement.values.clone().unwrap_or_default();
    let bound = || match values.as_slice() {
        [one] => one.parse::<i64>().map_err(|_| BadTerm),
        _ => Err(BadTerm),
    };
    let operator = match requirement.operator.as_str() {
        "In" if !values.is_empty() => Operator::In,
        "NotIn" if !values.is_empty() => Operator::NotIn,
        "Exists" if values.is_empty() => Operator::Exists,
        "DoesNotExist" if values.is_empty() => Operator::DoesNotExist,
        "Gt" => Operator::Gt(bound()?),
        "Lt" => Operator::Lt(bound()?),
        _ => return Err(BadTerm),
    };
    if !values.iter().all(|value| label_value(value)) {
        return Err(BadTerm);
    }
    Ok(Requirement { key: requirement.key.clone(), operator, values })
}

/// `nodeSelectorRequirementsAsFieldSelector`: one value, `In` or `NotIn`.
fn field(requirement: &NodeSelectorRequirement) -> Result<Requirement, BadTerm> {
    let values = requirement.values.clone().unwrap_or_default();
    let operator = match (requirement.operator.as_str(), values.len()) {
        ("In", 1) => Operator::In,
        ("NotIn", 1) => Operator::NotIn,
        _ => return Err(BadTerm),
    };
    Ok(Requirement { key: requirement.key.clone(), operator, values })
}

#[derive(Clone, Debug)]
struct Term {
    expressions: Result<Vec<Requirement>, BadTerm>,
    fields: Result<Vec<Requirement>, BadTerm>,
}

impl Term {
    /// `None` for an empty term, which matches nothing.
    fn new(term: &NodeSelectorTerm) -> Option<Self> {
        let expressions = term.match_expressions.as_deref().unwrap_or_default();
        let fields = term.match_fields.as_deref().unwrap_or_default();
        if expressions.is_empty() && fields.is_empty() {
            return None;
        }
        Some(Term {
            expressions: expressions.iter().map(expression).collect(),
            fields: fields.iter().map(field).collect(),
        })
    }

    fn matches(&self, node: &Node) -> Result<bool, BadTerm> {
        let expressions = self.expressions.as_ref().map_err(|bad| *bad)?;
        let fields = self.fields.as_ref().map_err(|bad| *bad)?;
        let label = |key: &str| node.metadata.labels.as_ref()?.get(key).map(String::as_str);
        let value = |key: &str| (key == "metadata.name").then_some(node.metadata.name.as_deref()).flatten();
        Ok(expressions.iter().all(|one| one.matches(label(&one.key)))
            && fields.iter().all(|one| one.matches(Some(value(&one.key).unwrap_or_default()))))
    }
}

/// A node selector: terms of which one has to match.
#[derive(Clone, Debug)]
pub struct Selector {
    terms: Vec<Term>,
}

impl Selector {
    /// Reads it.
    pub fn new(selector: &NodeSelector) -> Self {
        Selector { terms: selector.node_selector_terms.iter().filter_map(Term::new).collect() }
    }

    /// Whether one term matches.
    ///
    /// # Errors
    /// None does, and one could not be read.
    pub fn matches(&self, node: &Node) -> Result<bool, BadTerm> {
        let mut bad = None;
        for term in &self.terms {
            match term.matches(node) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => bad = Some(error),
            }
        }
        bad.map_or(Ok(false), Err)
    }
}

/// What a pod requires of its node: `GetRequiredNodeAffinity`.
#[derive(Clone, Debug)]
pub struct RequiredNodeAffinity {
    labels: BTreeMap<String, String>,
    selector: Option<Selector>,
}

impl RequiredNodeAffinity {
    /// Of a pod with this spec.
    pub fn of(spec: Option<&PodSpec>) -> Self {
        let affinity = spec.and_then(|spec| spec.affinity.as_ref()?.node_affinity.as_ref());
        let required = affinity.and_then(|node| node.required_during_scheduling_ignored_during_execution.as_ref());
        RequiredNodeAffinity {
            labels: spec.and_then(|spec| spec.node_selector.clone()).unwrap_or_default(),
            selector: required.map(Selector::new),
        }
    }

    /// Whether nothing is required.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.selector.is_none()
    }

    /// Whether the node is what the pod requires.
    ///
    /// # Errors
    /// A term could not be read.
    pub fn matches(&self, node: &Node) -> Result<bool, BadTerm> {
        let label = |key: &str| node.metadata.labels.as_ref()?.get(key);
        if !self.labels.iter().all(|(key, value)| label(key) == Some(value)) {
            return Ok(false);
        }
        self.selector.as_ref().map_or(Ok(true), |selector| selector.matches(node))
    }
}

/// Terms that would be nice: each that matches adds its weight.
#[derive(Clone, Debug)]
pub struct PreferredTerms {
    terms: Vec<(i64, Term)>,
}

impl PreferredTerms {
    /// Reads them. Terms without weight or content count for nothing.
    pub fn new(terms: &[PreferredSchedulingTerm]) -> Self {
        let weighted = terms.iter().filter(|term| term.weight != 0);
        let terms = weighted.filter_map(|term| Some((i64::from(term.weight), Term::new(&term.preference)?)));
        PreferredTerms { terms: terms.collect() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The weights of the terms that match.
    pub fn score(&self, node: &Node) -> i64 {
        self.terms.iter().filter(|(_, term)| term.matches(node) == Ok(true)).map(|(weight, _)| weight).sum()
    }
}
