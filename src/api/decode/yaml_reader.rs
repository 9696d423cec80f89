//! One YAML document to a JSON value, as sigs.k8s.io/yaml converts it.
//!
//! Mirrors `YAMLToJSON` (and `YAMLToJSONStrict` for repeated keys) with go-yaml v2's decoder: the parser is
//! the same libyaml, and the errors are its errors. Leaves out: reading the documents after the first.

use std::rc::Rc;

use serde_json::Value;

use super::libyaml::{Event, Parser};
use super::yaml_scalar::{Scalar, resolve};
use super::{Map, NESTING_MAX};
use crate::api::decode::json_writer::Json;
use crate::sim::persistent::OrdMap;

/// The nodes that a document with aliases may have once they are followed. Upstream only bounds their share;
/// a page that has to stay responsive also bounds their number.
pub const NODES_MAX: usize = 1_000_000;

/// A key that a map of the document gives twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The path of the field: `spec.containers[0].image`.
    pub path: String,
    /// The line of the second value, counted from 1.
    pub line: u64,
    /// Upstream's words: `line 4: key "image" already set in map`.
    pub message: String,
}

/// A document that was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct YamlDocument {
    pub value: Value,
    pub duplicates: Vec<Duplicate>,
    /// The line (counted from 1) of every field, by its path.
    pub lines: OrdMap<String, u64>,
}

/// Reads the first document of `text`. Nothing but comments is null.
///
/// # Errors
/// `yaml: line 5: did not find expected key`, in go-yaml's words.
pub fn read(text: &[u8]) -> Result<YamlDocument, String> {
    let mut composer = Composer { parser: Parser::new(text), anchors: OrdMap::new() };
    loop {
        match composer.next()?.0 {
            Event::StreamStart => {}
            Event::DocumentStart => break,
            _ => return Ok(YamlDocument::default()),
        }
    }
    let event = composer.next()?;
    let node = composer.node(event, 0)?;
    composer.next()?;
    let mut values = Values { decoded: 0, aliased: 0, alias_depth: 0, document: YamlDocument::default() };
    let value = values.value(&node, "", 0).map_err(|error| match error {
        Refusal::Yaml(message) => format!("yaml: {message}"),
        Refusal::Json(message) => message,
    })?;
    Ok(YamlDocument { value, ..values.document })
}

/// A node before its aliases are followed.
#[derive(Debug)]
struct Node {
    content: Content,
    /// Counted from 1.
    line: u64,
}

#[derive(Debug)]
enum Content {
    /// Or why its text does not fit its tag: said only once the whole document has parsed.
    Scalar(Result<Scalar, String>),
    List(Vec<Rc<Node>>),
    Map(Vec<(Rc<Node>, Rc<Node>)>),
    Alias(Rc<Node>),
}

/// Turns events into nodes.
struct Composer<'a> {
    parser: Parser<'a>,
    /// `None` while the node is being read: an alias to it would contain itself.
    anchors: OrdMap<String, Option<Rc<Node>>>,
}

impl Composer<'_> {
    fn next(&mut self) -> Result<(Event, u64), String> {
        self.parser.next().map_err(|error| format!("yaml: {error}"))
    }

    fn node(&mut self, (event, line): (Event, u64), depth: usize) -> Result<Rc<Node>, String> {
        if depth > NESTING_MAX {
            return Err(format!("yaml: exceeded max depth of {NESTING_MAX}"));
        }
        let (anchor, content) = match event {
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(Some(node)) => (None, Content::Alias(node.clone())),
                Some(None) => return Err(format!("yaml: anchor '{anchor}' value contains itself")),
                None => return Err(format!("yaml: unknown anchor '{anchor}' referenced")),
            },
            Event::Scalar { properties, value, plain } => {
                (properties.anchor, Content::Scalar(resolve(&value, properties.tag.as_deref(), plain)))
            }
            Event::SequenceStart(properties) => {
                self.open(properties.anchor.as_ref());
                let mut list = Vec::new();
                loop {
                    let event = self.next()?;
                    if event.0 == Event::SequenceEnd {
                        break;
                    }
                    list.push(self.node(event, depth + 1)?);
                }
                (properties.anchor, Content::List(list))
            }
            Event::MappingStart(properties) => {
                self.open(properties.anchor.as_ref());
                let mut map = Vec::new();
                loop {
                    let event = self.next()?;
                    if event.0 == Event::MappingEnd {
                        break;
                    }
                    let key = self.node(event, depth + 1)?;
                    let event = self.next()?;
                    map.push((key, self.node(event, depth + 1)?));
                }
                (properties.anchor, Content::Map(map))
            }
            _ => return Err("yaml: attempted to parse unknown event".to_owned()),
        };
        let node = Rc::new(Node { content, line });
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Some(node.clone()));
        }
        Ok(node)
    }

    fn open(&mut self, anchor: Option<&String>) {
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor.clone(), None);
        }
    }
}

/// Why a document that parses is refused.
enum Refusal {
    Yaml(String),
    /// By the conversion to JSON, which does not say `yaml:`.
    Json(String),
}

/// Turns nodes into values.
struct Values {
    /// Nodes turned so far.
    decoded: usize,
    /// Those of them inside an alias.
    aliased: usize,
    alias_depth: usize,
    document: YamlDocument,
}

impl Values {
    fn value(&mut self, node: &Node, path: &str, depth: usize) -> Result<Value, Refusal> {
        self.count()?;
        if depth > NESTING_MAX {
            return Err(Refusal::Yaml(format!("exceeded max depth of {NESTING_MAX}")));
        }
        match &node.content {
            Content::Scalar(Ok(Scalar::Json(value))) => Ok(value.clone()),
            Content::Scalar(Ok(Scalar::Merge)) => Ok(Value::from("<<")),
            Content::Scalar(Err(message)) => Err(Refusal::Yaml(message.clone())),
            Content::Scalar(Ok(Scalar::Unsupported(name))) => {
                Err(Refusal::Json(format!("json: unsupported value: {name}")))
            }
            Content::List(list) => {
                let mut values = Vec::with_capacity(list.len());
                for (index, element) in list.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.document.lines.entry(path.clone()).or_insert(element.line);
                    values.push(self.value(element, &path, depth + 1)?);
                }
                Ok(Value::Array(values))
            }
            Content::Map(entries) => {
                let mut map = Map::new();
                self.map(entries, &mut map, path, depth)?;
                Ok(Value::Object(map))
            }
            Content::Alias(target) => {
                self.alias_depth += 1;
                let value = self.value(target, path, depth + 1);
                self.alias_depth -= 1;
                value
            }
        }
    }

    fn map(
        &mut self,
        entries: &[(Rc<Node>, Rc<Node>)],
        map: &mut Map,
        path: &str,
        depth: usize,
    ) -> Result<(), Refusal> {
        let mut own: Vec<String> = Vec::new();
        for (key_node, value_node) in entries {
            if matches!(key_node.content, Content::Scalar(Ok(Scalar::Merge))) {
                self.merge(value_node, map, path, depth)?;
                continue;
            }
            let key = self.key(key_node, value_node, depth)?;
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if map.contains_key(&key) && own.contains(&key) {
                let line = value_node.line;
                let message = format!("line {line}: key {key:?} already set in map");
                self.document.duplicates.push(Duplicate { path: path.clone(), line, message });
            }
            self.document.lines.insert(path.clone(), key_node.line);
            let value = self.value(value_node, &path, depth + 1)?;
            map.insert(key.clone(), value);
            own.push(key);
        }
        Ok(())
    }

    fn key(&mut self, node: &Node, value: &Node, depth: usize) -> Result<String, Refusal> {
        match self.value(node, "", depth + 1)? {
            Value::String(key) => Ok(key),
            Value::Bool(key) => Ok(key.to_string()),
            Value::Number(key) => Ok(super::go_value(&Value::Number(key))),
            Value::Null => {
                let value = match self.value(value, "", depth + 1)? {
                    Value::Null => "<nil>".to_owned(),
                    value => go_syntax(&value),
                };
                Err(Refusal::Json(format!("unsupported map key of type: %!s(<nil>), key: <nil>, value: {value}")))
            }
            key => Err(Refusal::Yaml(format!("invalid map key: {}", go_syntax(&key)))),
        }
    }

    /// `<<: *other`: takes over the entries of other maps.
    fn merge(&mut self, node: &Node, map: &mut Map, path: &str, depth: usize) -> Result<(), Refusal> {
        self.count()?;
        match &node.content {
            Content::Map(entries) => self.map(entries, map, path, depth + 1),
            Content::Alias(target) if matches!(target.content, Content::Map(_)) => {
                self.alias_depth += 1;
                let merged = self.merge(target, map, path, depth + 1);
                self.alias_depth -= 1;
                merged
            }
            // The first of a list wins, so it comes last.
            Content::List(list) if depth <= NESTING_MAX => {
                list.iter().rev().try_for_each(|element| self.merge(element, map, path, depth + 1))
            }
            _ => Err(Refusal::Yaml("map merge requires map or sequence of maps as the value".to_owned())),
        }
    }

    /// Refuses a document whose aliases stand for much more than what is written: go-yaml's
    /// `allowedAliasRatio`.
    fn count(&mut self) -> Result<(), Refusal> {
        self.decoded += 1;
        if self.alias_depth > 0 {
            self.aliased += 1;
        }
        // The share that may come from aliases, in hundredths: 99 up to 400,000 nodes, 10 from 4,000,000.
        let allowed = match self.decoded {
            ..=400_000 => 99,
            4_000_000.. => 10,
            decoded => 99 - 89 * (decoded - 400_000) / 3_600_000,
        };
        let excessive = self.aliased > 100 && self.decoded > 1000 && self.aliased * 100 > self.decoded * allowed;
        if excessive || self.aliased > 0 && self.decoded > NODES_MAX {
            return Err(Refusal::Yaml("document contains excessive aliasing".to_owned()));
        }
        Ok(())
    }
}

/// A value as Go's `%#v` prints what go-yaml made of it.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Array(list) => {
            let list: Vec<String> = list.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", list.join(", "))
        }
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("{key:?}:{}", go_syntax(value))).collect();
            format!("map[interface {{}}]interface {{}}{{{}}}", entries.join(", "))
        }
        scalar => scalar.json(),
    }
}
