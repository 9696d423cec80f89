//! Label and field selectors: parsing with the true errors, and matching.
//!
//! Mirrors k8s.io/apimachinery/pkg/labels, pkg/fields and `metav1.LabelSelectorAsSelector`. Leaves out:
//! sharding of lists by selector. `kube_core::Selector` is not used: it has no parser and no `gt`/`lt`.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as MetaLabelSelector;

use super::kind::KindInfo;
use super::object::{Kind, Object};
use super::status::{Reason, Status};

mod lexer;

use lexer::{Parser, validate_key, validate_value};

use crate::sim::Order;

/// How a requirement compares a label: `selection.Operator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    DoesNotExist,
    Equals,
    DoubleEquals,
    In,
    NotEquals,
    NotIn,
    Exists,
    GreaterThan,
    LessThan,
}

/// One requirement on the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
    /// Sorted, without repetition.
    pub values: Vec<String>,
}

impl Requirement {
    /// A checked requirement: `labels.NewRequirement`.
    ///
    /// # Errors
    /// All findings, in the words of a `field.ErrorList`.
    pub fn new(key: &str, operator: Operator, values: Vec<String>) -> Result<Self, String> {
        let mut findings: Vec<String> = validate_key("key", key).err().into_iter().collect();
        let invalid = |why: &str| format!("values: Invalid value: {}: {why}", go_strings(&values));
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                findings.push(invalid("for 'in', 'notin' operators, values set can't be empty"));
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
                findings.push(invalid("exact-match compatibility requires one single value"));
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                findings.push(invalid("values set must be empty for exists and does not exist"));
            }
            Operator::GreaterThan | Operator::LessThan => {
                if values.len() != 1 {
                    findings.push(invalid("for 'Gt', 'Lt' operators, exactly one value is required"));
                }
                for (index, value) in values.iter().enumerate() {
                    if value.parse::<i64>().is_err() {
                        findings.push(format!(
                            "values[{index}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer"
                        ));
                    }
                }
            }
            _ => {}
        }
        for (index, value) in values.iter().enumerate() {
            findings.extend(validate_value(&format!("values[{index}][{key}]"), value).err());
        }
        match findings.as_slice() {
            [] => Ok(Requirement { key: key.to_owned(), operator, values }),
            [one] => Err(one.clone()),
            many => Err(format!("[{}]", many.join(", "))),
        }
    }

    /// Whether the labels meet it.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let listed = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => listed,
            Operator::NotIn | Operator::NotEquals => !listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan | Operator::LessThan => {
                let number = value.and_then(|value| value.parse::<i64>().ok());
                let bound = self.values.first().and_then(|value| value.parse::<i64>().ok());
                match (number, bound) {
                    (Some(number), Some(bound)) if self.operator == Operator::GreaterThan => number > bound,
                    (Some(number), Some(bound)) => number < bound,
                    _ => false,
                }
            }
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Requirement { key, operator, values } = self;
        let list = values.join(",");
        match operator {
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::Exists => write!(f, "{key}"),
            Operator::Equals => write!(f, "{key}={list}"),
            Operator::DoubleEquals => write!(f, "{key}=={list}"),
            Operator::NotEquals => write!(f, "{key}!={list}"),
            Operator::In => write!(f, "{key} in ({list})"),
            Operator::NotIn => write!(f, "{key} notin ({list})"),
            Operator::GreaterThan => write!(f, "{key}>{list}"),
            Operator::LessThan => write!(f, "{key}<{list}"),
        }
    }
}

/// `[]string{"a", "b"}` as Go's `%#v` shows it in an invalid value.
fn go_strings(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
    format!("[]string{{{}}}", quoted.join(", "))
}

/// A label selector: all of its requirements must hold. Without any it matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    /// `None`: matches nothing (`labels.Nothing()`), what a null `LabelSelector` means.
    requirements: Option<Vec<Requirement>>,
}

impl LabelSelector {
    /// Matches everything.
    pub fn everything() -> Self {
        LabelSelector { requirements: Some(Vec::new()) }
    }

    /// Matches nothing.
    pub fn nothing() -> Self {
        LabelSelector { requirements: None }
    }

    /// Reads `app=web,tier in (a,b),!old`: `labels.Parse`.
    ///
    /// # Errors
    /// The parser's sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut requirements = Parser::new(text).parse()?;
        requirements.order_by(|a, b| a.key.cmp(&b.key));
        Ok(LabelSelector { requirements: Some(requirements) })
    }

    /// The selector that a `metav1.LabelSelector` stands for: `LabelSelectorAsSelector`. A null one matches
    /// nothing, an empty one everything.
    ///
    /// # Errors
    /// An unknown operator or a malformed requirement.
    pub fn from_meta(selector: Option<&MetaLabelSelector>) -> Result<Self, String> {
        let Some(selector) = selector else { return Ok(LabelSelector::nothing()) };
        let mut requirements = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            requirements.push(Requirement::new(key, Operator::Equals, vec![value.clone()])?);
        }
        for expression in selector.match_expressions.iter().flatten() {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(format!("{other:?} is not a valid label selector operator")),
            };
            let mut values = expression.values.clone().unwrap_or_default();
            values.order();
            requirements.push(Requirement::new(&expression.key, operator, values)?);
        }
        requirements.order_by(|a, b| a.key.cmp(&b.key));
        Ok(LabelSelector { requirements: Some(requirements) })
    }

    /// Whether the labels meet all requirements.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements.as_ref().is_some_and(|all| all.iter().all(|requirement| requirement.matches(labels)))
    }

    /// Whether the object's labels meet all requirements.
    pub fn matches_object(&self, object: &Object) -> bool {
        let empty = BTreeMap::new();
        self.matches(object.meta().labels.as_ref().unwrap_or(&empty))
    }

    /// Whether it lets everything through.
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.requirements.iter().flatten().map(ToString::to_string).collect();
        f.write_str(&parts.join(","))
    }
}

/// `labels.FormatLabels`: `a=b,c=d`, or `<none>`.
pub fn format_labels(labels: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<String> = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") }
}

/// `metav1.FormatLabelSelector`: what a table's Selector column shows.
pub fn format_meta(selector: Option<&MetaLabelSelector>) -> String {
    match LabelSelector::from_meta(selector) {
        Ok(parsed) => {
            let text = parsed.to_string();
            if text.is_empty() { "<none>".to_owned() } else { text }
        }
        Err(_) => "<error>".to_owned(),
    }
}

/// One term of a field selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTerm {
    pub label: String,
    pub value: String,
    /// `!=`.
    pub not: bool,
}

/// A field selector: all of its terms must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    pub terms: Vec<FieldTerm>,
}

impl FieldSelector {
    /// Reads `spec.nodeName=node-a,status.phase!=Failed`: `fields.ParseSelector`.
    ///
    /// # Errors
    /// The parser's sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for part in split_terms(text) {
            if part.is_empty() {
                continue;
            }
            let Some((label, operator, value)) = split_term(part) else {
                return Err(format!("invalid selector: '{text}'; can't understand '{part}'"));
            };
            terms.push(FieldTerm { label: label.to_owned(), value: unescape(value)?, not: operator == "!=" });
        }
        terms.order_by(|a, b| a.label.cmp(&b.label));
        Ok(FieldSelector { terms })
    }

    /// Refuses field labels that the kind does not select by, as `ConvertFieldLabel` does.
    ///
    /// # Errors
    /// The API server's BadRequest.
    pub fn check(&self, info: &KindInfo) -> Result<(), Status> {
        for term in &self.terms {
            let label = term.label.as_str();
            let known = matches!(label, "metadata.name" | "metadata.namespace") || info.field_labels.contains(&label);
            if !known {
                // Kinds with a conversion function of their own word it differently from the default one.
                let own = matches!(
                    info.id,
                    Kind::Event
                        | Kind::EventsV1Event
                        | Kind::Namespace
                        | Kind::Node
                        | Kind::Pod
                        | Kind::Secret
                        | Kind::Service
                );
                let message = if own {
                    format!("field label not supported: {label}")
                } else {
                    format!("{label:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
                };
                return Err(Status { reason: Reason::BadRequest, message, details: None });
            }
        }
        Ok(())
    }

    /// Whether the object meets all terms.
    pub fn matches(&self, object: &Object) -> bool {
        let info = object.info();
        self.terms.iter().all(|term| {
            let value = match term.label.as_str() {
                "metadata.name" => object.name().to_owned(),
                "metadata.namespace" => object.namespace().to_owned(),
                label => (info.field)(object, label).unwrap_or_default(),
            };
            (value == term.value) != term.not
        })
    }

    /// Whether it lets everything through.
    pub fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// The value a label must have, if a term says so (`RequiresExactMatch`).
    pub fn requires(&self, label: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.label == label && !term.not).map(|term| term.value.as_str())
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self
            .terms
            .iter()
            .map(|term| {
                let operator = if term.not { "!=" } else { "=" };
                let value = escape_value(&term.value);
                format!("{}{operator}{value}", term.label)
            })
            .collect();
        f.write_str(&parts.join(","))
    }
}

/// Splits at commas that no backslash escapes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (index, letter) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == ',' {
            terms.push(&text[start..index]);
            start = index + 1;
        }
    }
    terms.push(&text[start..]);
    terms
}

/// The label, operator and value around the first operator. Escapes are only in the value.
fn split_term(term: &str) -> Option<(&str, &str, &str)> {
    for (index, _) in term.char_indices() {
        for operator in ["!=", "==", "="] {
            if let Some(value) = term[index..].strip_prefix(operator) {
                return Some((&term[..index], operator, value));
            }
        }
    }
    None
}

/// A value as it stands in a field selector: `fields.EscapeValue`.
pub fn escape_value(value: &str) -> String {
    value.replace('\\', "\\\\").replace(',', "\\,").replace('=', "\\=")
}

fn unescape(value: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                Some(other) => return Err(format!("invalid field selector: invalid escape sequence: \\{other}")),
                None => return Err("invalid field selector: invalid escape sequence: \\".to_owned()),
            },
            ',' | '=' => return Err(format!("invalid field selector: unescaped character in value: {letter}")),
            other => plain.push(other),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests;
