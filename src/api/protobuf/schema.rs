//! The table of messages: which field a number stands for.

use crate::sim::persistent::OrdMap;
use std::sync::LazyLock;

/// The table, read at its first use.
pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse(include_str!("schema.txt")));

/// All messages by their name, `core.PodSpec`.
#[derive(Debug)]
pub struct Schema(OrdMap<&'static str, Message>);

/// A message's fields by number.
#[derive(Clone, Debug)]
pub struct Message {
    /// Without the group: `PodSpec`.
    pub name: &'static str,
    pub fields: OrdMap<u32, Field>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field {
    /// Its JSON name; empty when it is embedded.
    pub name: &'static str,
    pub shape: Shape,
    pub of: Type,
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    One {
        /// Whether a zero is written as such: a pointer in Go, or no `omitempty`.
        keep_zero: bool,
    },
    Repeated,
    /// From strings.
    Map,
    /// A message whose fields appear in the message it stands in.
    Embedded,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Type {
    Bool,
    /// Base64 in JSON.
    Bytes,
    Int,
    IntOrString,
    /// The name of a message in the table.
    Message(&'static str),
    MicroTime,
    Quantity,
    /// JSON as it is.
    Raw,
    Str,
    Time,
}

impl Schema {
    /// The message of that name.
    pub fn message(&self, name: &str) -> Option<&Message> {
        self.0.get(name)
    }

    /// The message of a kind. `DeleteOptions` belongs to every group.
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<&Message> {
        let group = match (api_version, kind) {
            (_, "DeleteOptions") => "meta",
            ("apps/v1", _) => "apps",
            ("batch/v1", _) => "batch",
            ("authentication.k8s.io/v1", "SelfSubjectReview" | "TokenRequest") => "authentication",
            ("authorization.k8s.io/v1", _) => "authorization",
            ("autoscaling/v1", "Scale") => "autoscaling",
            ("coordination.k8s.io/v1", _) => "coordination",
            ("discovery.k8s.io/v1", _) => "discovery",
            ("events.k8s.io/v1", _) => "events",
            ("policy/v1", _) => "policy",
            ("scheduling.k8s.io/v1", _) => "scheduling",
            ("storage.k8s.io/v1", _) => "storage",
            ("v1", _) => "core",
            _ => return None,
        };
        // Only what has metadata is a kind; the rest are parts.
        let message = self.message(&format!("{group}.{kind}"))?;
        let is_kind = group == "meta" || message.fields.get(&1).is_some_and(|field| field.name == "metadata");
        is_kind.then_some(message)
    }

    fn parse(table: &'static str) -> Schema {
        let rows = table.lines().filter(|line| !line.starts_with('#'));
        Schema(rows.map(|row| Message::parse(row).unwrap_or_else(|| panic!("a row of the schema: {row}"))).collect())
    }

    /// Every message with its full name.
    #[cfg(test)]
    pub fn messages(&self) -> impl Iterator<Item = (&'static str, &Message)> {
        self.0.iter().map(|(name, message)| (*name, message))
    }
}

impl Message {
    /// `core.SecretEnvSource 1:~core.LocalObjectReference 2:optional:bool+`
    fn parse(row: &'static str) -> Option<(&'static str, Message)> {
        let mut cells = row.split_ascii_whitespace();
        let full = cells.next()?;
        let fields: Option<OrdMap<u32, Field>> = cells
            .map(|cell| {
                let (number, field) = cell.split_once(':')?;
                Some((number.parse().ok()?, Field::parse(field)?))
            })
            .collect();
        Some((full, Message { name: full.split_once('.')?.1, fields: fields? }))
    }
}

impl Field {
    /// `ports:[core.ContainerPort]`
    fn parse(text: &'static str) -> Option<Field> {
        let enclosed = |of: &'static str, open, close| of.strip_prefix(open)?.strip_suffix(close);
        if let Some(of) = text.strip_prefix('~') {
            return Some(Field { name: "", shape: Shape::Embedded, of: Type::parse(of)? });
        }
        let (name, of) = text.split_once(':')?;
        let (shape, of) = if let Some(of) = enclosed(of, '[', ']') {
            (Shape::Repeated, of)
        } else if let Some(of) = enclosed(of, '{', '}') {
            (Shape::Map, of)
        } else {
            (Shape::One { keep_zero: of.ends_with('+') }, of.trim_end_matches('+'))
        };
        Some(Field { name, shape, of: Type::parse(of)? })
    }
}

impl Type {
    fn parse(text: &'static str) -> Option<Type> {
        Some(match text {
            "bool" => Type::Bool,
            "bytes" => Type::Bytes,
            "int" => Type::Int,
            "intstr" => Type::IntOrString,
            "microtime" => Type::MicroTime,
            "quantity" => Type::Quantity,
            "raw" => Type::Raw,
            "str" => Type::Str,
            "time" => Type::Time,
            message if message.contains('.') => Type::Message(message),
            _ => return None,
        })
    }
}
