//! Sets of fields: which parts of an object somebody has an opinion about.
//!
//! Mirrors sigs.k8s.io/structured-merge-diff (`fieldpath.Set`, `typed.Merge`) and its `FieldsV1` form.
//! Leaves out: schemas of its own (the strategic merge tags say which lists have keys).

use serde_json::{Map, Value, json};

use crate::api::Kind;
use crate::api::decode::json_writer::Json;
use crate::api::patch::{Field, TypeName};
use crate::sim::Order;
use crate::sim::persistent::OrdSet;

/// One step of a path, as `FieldsV1` writes it: `f:spec`, `k:{"name":"web"}`, `v:"example.com/hold"`.
type Path = Vec<String>;

/// The fields that somebody set, by the paths of the leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldSet(OrdSet<Path>);

/// Maps that are one value: `+structType=atomic`.
const ATOMIC: &[&str] = &["nodeSelector", "selector"];

/// What of the metadata the system sets.
const SYSTEM: &[&str] = &[
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// The keys of a list's elements: the tag's, and what upstream's list-map keys add to it.
fn keys(field: Field, name: &str) -> Vec<&'static str> {
    match (field.strategy.merge_key, name) {
        ("", _) => Vec::new(),
        (key @ ("containerPort" | "port"), "ports") => vec![key, "protocol"],
        ("topologyKey", _) => vec!["topologyKey", "whenUnsatisfiable"],
        (key, _) => vec![key],
    }
}

/// An element's place in a list with keys.
fn element_step(element: &Value, keys: &[&str]) -> String {
    let mut key = Map::new();
    for name in keys {
        let value = match element.get(name) {
            Some(value) => value.clone(),
            None if *name == "protocol" => json!("TCP"),
            None => Value::Null,
        };
        key.insert((*name).to_owned(), value);
    }
    format!("k:{}", Value::Object(key).json())
}

impl FieldSet {
    /// The fields that a configuration sets.
    pub fn of(kind: Kind, configuration: &Value) -> Self {
        let mut set = FieldSet::default();
        let Some(fields) = configuration.as_object() else { return set };
        for (name, value) in fields {
            let of = TypeName::of(kind).field(name);
            match name.as_str() {
                "apiVersion" | "kind" => {}
                "metadata" => {
                    for (name, value) in value.as_object().into_iter().flatten() {
                        if !SYSTEM.contains(&name.as_str()) {
                            let path = vec!["f:metadata".to_owned(), format!("f:{name}")];
                            set.collect(path, of.of.field(name), name, value);
                        }
                    }
                }
                _ => set.collect(vec![format!("f:{name}")], of, name, value),
            }
        }
        set
    }

    fn collect(&mut self, path: Path, field: Field, name: &str, value: &Value) {
        match value {
            Value::Object(map) if !map.is_empty() && !ATOMIC.contains(&name) => {
                for (name, value) in map {
                    let mut below = path.clone();
                    below.push(format!("f:{name}"));
                    self.collect(below, field.of.field(name), name, value);
                }
            }
            Value::Array(items) if field.strategy.merge => {
                let keys = keys(field, name);
                for item in items {
                    let mut below = path.clone();
                    if keys.is_empty() {
                        below.push(format!("v:{}", item.json()));
                    } else {
                        below.push(element_step(item, &keys));
                        for (name, value) in item.as_object().into_iter().flatten() {
                            let mut deeper = below.clone();
                            deeper.push(format!("f:{name}"));
                            self.collect(deeper, field.of.field(name), name, value);
                        }
                    }
                    self.0.insert(below);
                }
            }
            _ => {
                self.0.insert(path);
            }
        }
    }

    /// Reads `FieldsV1`.
    pub fn from_fields_v1(tree: &Value) -> Self {
        let mut set = FieldSet::default();
        set.read(&mut Vec::new(), tree);
        set
    }

    fn read(&mut self, path: &mut Path, tree: &Value) {
        let Some(map) = tree.as_object() else { return };
        if map.is_empty() && !path.is_empty() {
            self.0.insert(path.clone());
        }
        for (step, below) in map {
            if step == "." {
                self.0.insert(path.clone());
                continue;
            }
            path.push(step.clone());
            self.read(path, below);
            path.pop();
        }
    }

    /// Writes `FieldsV1`.
    pub fn to_fields_v1(&self) -> Value {
        let mut tree = json!({});
        for path in &self.0 {
            let mut at = &mut tree;
            for step in path {
                at = &mut at[step.as_str()];
                if at.is_null() {
                    *at = json!({});
                }
            }
            let element = path.last().is_some_and(|step| step.starts_with("k:"));
            if element {
                at["."] = json!({});
            }
        }
        tree
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths of both.
    pub fn both<'a>(&'a self, other: &'a FieldSet) -> impl Iterator<Item = &'a Path> {
        self.0.intersection(&other.0)
    }

    /// Takes a path out.
    pub fn remove(&mut self, path: &Path) {
        self.0.remove(path);
    }

    /// The paths that the others do not have, longest first: in the order in which they can be taken out.
    pub fn without(&self, others: &[&FieldSet]) -> Vec<&Path> {
        let mut left: Vec<&Path> =
            self.0.iter().filter(|path| !others.iter().any(|other| other.covers(path))).collect();
        left.order_by_key(|path| std::cmp::Reverse(path.len()));
        left
    }

    fn covers(&self, path: &Path) -> bool {
        self.0.range(path.clone()..).next().is_some_and(|next| next.starts_with(path))
    }
}

/// The fields that name an element.
fn key_of(text: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(text.as_bytes()) {
        Ok(Value::Object(key)) => Some(key),
        _ => None,
    }
}

/// A path as people write it: `.spec.containers[name="web"].image`.
pub fn path_text(path: &Path) -> String {
    let mut text = String::new();
    for step in path {
        match step.split_at(2) {
            ("f:", name) => text.push_str(&format!(".{name}")),
            ("k:", key) => {
                let key = key_of(key).unwrap_or_default();
                let keys: Vec<String> = key.iter().map(|(name, value)| format!("{name}={}", value.json())).collect();
                text.push_str(&format!("[{}]", keys.join(",")));
            }
            (_, value) => text.push_str(&format!("[={value}]")),
        }
    }
    text
}

/// The element of a list that a step names.
fn position(items: &[Value], step: &str) -> Option<usize> {
    match step.split_at(2) {
        ("k:", key) => {
            let key = key_of(key)?;
            let names: Vec<&str> = key.keys().map(String::as_str).collect();
            items.iter().position(|item| element_step(item, &names) == step)
        }
        (_, value) => {
            let value: Value = serde_json::from_slice(value.as_bytes()).ok()?;
            items.iter().position(|item| *item == value)
        }
    }
}

/// What an object has at a path.
pub fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    let Some((step, rest)) = path.split_first() else { return Some(value) };
    let below = match step.strip_prefix("f:") {
        Some(name) => value.get(name)?,
        None => {
            let items = value.as_array()?;
            &items[position(items, step)?]
        }
    };
    at(below, rest)
}

/// Takes out of an object what it has at a path.
pub fn take_out(value: &mut Value, path: &[String]) {
    let Some((step, rest)) = path.split_first() else { return };
    match (step.strip_prefix("f:"), value) {
        (Some(name), Value::Object(map)) => {
            if rest.is_empty() {
                map.remove(name);
            } else if let Some(below) = map.get_mut(name) {
                take_out(below, rest);
                // A map that this emptied is as good as none: Go leaves it out.
                if below.as_object().is_some_and(Map::is_empty) {
                    map.remove(name);
                }
            }
        }
        (None, Value::Array(items)) => {
            if let Some(at) = position(items, step) {
                if rest.is_empty() {
                    items.remove(at);
                } else {
                    take_out(&mut items[at], rest);
                }
            }
        }
        _ => {}
    }
}

/// Merges a configuration into an object of a kind.
pub fn merge(kind: Kind, live: &mut Value, configuration: &Value) {
    let top = Field { strategy: Default::default(), of: TypeName::of(kind) };
    merge_value(live, configuration, top, "");
}

fn merge_value(live: &mut Value, configuration: &Value, field: Field, name: &str) {
    match (live, configuration) {
        (Value::Object(live), Value::Object(configuration)) if !ATOMIC.contains(&name) => {
            for (name, value) in configuration {
                match live.get_mut(name) {
                    Some(below) => merge_value(below, value, field.of.field(name), name),
                    None => {
                        live.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(live), Value::Array(configuration)) if field.strategy.merge => {
            let keys = keys(field, name);
            for item in configuration {
                if keys.is_empty() {
                    if !live.contains(item) {
                        live.push(item.clone());
                    }
                    continue;
                }
                let step = element_step(item, &keys);
                match live.iter_mut().find(|old| element_step(old, &keys) == step) {
                    // An element is of the list's type: its own fields are looked up below it.
                    Some(old) => merge_value(old, item, field, ""),
                    None => live.push(item.clone()),
                }
            }
        }
        (live, configuration) => *live = configuration.clone(),
    }
}
