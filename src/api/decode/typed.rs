//! From a JSON value to a typed object, with the findings of Go's decoder.
//!
//! Mirrors sigs.k8s.io/json (`UnmarshalStrict`) and `runtime.DefaultUnstructuredConverter`: unknown fields by
//! their path, and wrong types by Go's struct and type names. The names come from the types themselves: a
//! `serde::Deserializer` hears which struct and which scalar a field wants.

use serde::de::value::{BorrowedStrDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Map;
use super::go::{go_kind, json_kind};
use super::go_types::{alias, go_type_of};
use super::omitempty::drops_zero;
use super::text;
use crate::api::decode::json_writer::Json;


/// What went wrong with a type; only the first is kept, as Go keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeError {
    /// As encoding/json says it: `json: cannot unmarshal string into Go struct field …`.
    pub json: String,
    /// As the unstructured converter says it, for patched objects: `unrecognized type: int32`.
    pub unstructured: String,
}

/// What decoding found besides the object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// The paths of the fields that the type does not have: `spec.containers[0].imagee`.
    pub unknown: Vec<String>,
    pub error: Option<TypeError>,
    /// Where it is, as a path with indices.
    path: String,
    /// The JSON names of the struct fields on the way, as Go's `errorContext.FieldStack`.
    fields: Vec<String>,
    /// The structs on the way.
    structs: Vec<&'static str>,
    /// The addresses of values that were met and are the same as none where their field is optional.
    zeros: Vec<usize>,
    /// Whether they are left out.
    dropping: bool,
}

impl Findings {
    fn fail(&mut self, json: String, unstructured: String) -> serde_json::Error {
        let error = serde_json::Error::custom(&json);
        self.error.get_or_insert(TypeError { json, unstructured });
        error
    }

    /// A value of the wrong kind for `go_type`.
    fn mismatch(&mut self, value: &Value, go_type: &str) -> serde_json::Error {
        let found = match value {
            Value::Number(number) if matches!(go_type, "int32" | "int64") => format!("number {}", number.json()),
            value => json_kind(value).to_owned(),
        };
        let json = match self.structs.last() {
            Some(name) if !self.fields.is_empty() => format!(
                "json: cannot unmarshal {found} into Go struct field {name}.{} of type {go_type}",
                self.fields.join(".")
            ),
            _ => format!("json: cannot unmarshal {found} into Go value of type {go_type}"),
        };
        let kind = go_kind(value);
        let unstructured = if go_type.starts_with("[]") && go_type != "[]uint8" {
            format!("cannot restore slice from {kind}")
        } else if go_type.starts_with("map[") || go_type == "v1.ResourceList" {
            format!("cannot restore map from {kind}")
        } else {
            match (value, go_type) {
                // Go converts whole numbers to strings (as code points), so the converter refuses them by name.
                (Value::Number(number), "string") if !number.is_f64() => format!("cannot convert int64 to {go_type}"),
                (Value::Number(_), "int32" | "int64") => format!("cannot convert {kind} to {go_type}"),
                (_, "string" | "int32" | "int64" | "bool") => format!("unrecognized type: {go_type}"),
                (_, "[]uint8") => format!("cannot restore slice from {kind}"),
                _ => format!("cannot restore struct from: {kind}"),
            }
        };
        self.fail(json, unstructured)
    }

    /// A scalar of the wrong kind: its field may have a type name of its own.
    fn scalar_mismatch(&mut self, value: &Value, base: &'static str) -> serde_json::Error {
        let named = alias(self.structs.last().copied().unwrap_or_default(), self.fields.last().map_or("", |f| f));
        match named {
            Some(named) if base == "string" => {
                let error = self.mismatch(value, named);
                // The converter looks at the kind beneath the name.
                if let Some(error) = &mut self.error {
                    error.unstructured = match value {
                        Value::Number(number) if !number.is_f64() => format!("cannot convert int64 to {named}"),
                        _ => "unrecognized type: string".to_owned(),
                    };
                }
                error
            }
            _ => self.mismatch(value, base),
        }
    }

    /// What is no list of such elements.
    fn no_list(&mut self, value: &Value, element: &str) -> serde_json::Error {
        let named = alias(self.structs.last().copied().unwrap_or_default(), self.fields.last().map_or("", |f| f));
        let go_type = format!("[]{}", named.unwrap_or(element));
        self.mismatch(value, &go_type)
    }

    /// What is no map of such elements.
    fn no_map(&mut self, value: &Value, element: &str) -> serde_json::Error {
        if element == "resource.Quantity" {
            return self.mismatch(value, "v1.ResourceList");
        }
        self.mismatch(value, &format!("map[string]{element}"))
    }

    /// Enters a struct, whose fields come next; null has none.
    fn open_struct<'v>(&mut self, value: &'v Value, name: &'static str) -> Result<Option<&'v Map>, serde_json::Error> {
        let map = match value {
            Value::Object(map) => Some(map),
            Value::Null => None,
            value => return Err(self.mismatch(value, &format!("v1.{name}"))),
        };
        self.structs.push(name);
        Ok(map)
    }

    /// Enters an element of a list; says how long the path was.
    fn enter_element(&mut self, index: usize) -> usize {
        let length = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        length
    }

    /// What to read the value with once more, without its zeros; `None` where there are none.
    pub fn without_zeros(&mut self) -> Option<Findings> {
        let zeros = std::mem::take(&mut self.zeros);
        (!zeros.is_empty()).then(|| Findings { zeros, dropping: true, ..Findings::default() })
    }

    /// A zero of the type that was wanted; of a scalar's, whether it counts depends on its field.
    fn zero(&mut self, value: &Value, scalar: bool) {
        let droppable = || {
            let (name, field) = (self.structs.last()?, self.fields.last()?);
            (!scalar || drops_zero(name, field)).then_some(())
        };
        if !self.dropping && droppable().is_some() {
            self.zeros.push(std::ptr::from_ref(value).addr());
        }
    }

    /// Whether a value stands for nothing: a null, or a zero that is being left out.
    fn is_none(&self, value: &Value) -> bool {
        let zero = || self.dropping && self.zeros.contains(&std::ptr::from_ref(value).addr());
        value.is_null() || zero()
    }

    /// A list or map without anything in it is a zero.
    fn empty(&mut self, value: &Value) {
        if value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty) {
            self.zero(value, false);
        }
    }

    fn plain_error(&mut self, message: String) -> serde_json::Error {
        self.fail(message.clone(), message)
    }
}

/// A value that is being decoded.
pub struct Typed<'v, 's> {
    pub value: &'v Value,
    pub findings: &'s mut Findings,
}

impl<'v> Typed<'v, '_> {
    fn signed<V: Visitor<'v>>(
        self,
        visitor: V,
        go_type: &'static str,
        bits: u32,
    ) -> Result<V::Value, serde_json::Error> {
        let number = match self.value {
            Value::Null => Some(0),
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        match number {
            Some(number) if bits == 64 || i32::try_from(number).is_ok() => {
                if number == 0 {
                    self.findings.zero(self.value, true);
                }
                visitor.visit_i64(number)
            }
            _ => Err(self.findings.scalar_mismatch(self.value, go_type)),
        }
    }
}

impl<'v> Deserializer<'v> for Typed<'v, '_> {
    type Error = serde_json::Error;

    /// Only `intstr.IntOrString` asks for anything at all.
    fn deserialize_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.value {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Null => visitor.visit_i64(0),
            Value::Number(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => {
                visitor.visit_i64(number.as_i64().unwrap_or_default())
            }
            Value::Number(number) => Err(self
                .findings
                .plain_error(format!("json: cannot unmarshal number {number} into Go value of type int32"))),
            other => Err(self
                .findings
                .plain_error(format!("json: cannot unmarshal {} into Go value of type int32", json_kind(other)))),
        }
    }

    fn deserialize_bool<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.value {
            Value::Bool(bool) => {
                if !bool {
                    self.findings.zero(self.value, true);
                }
                visitor.visit_bool(*bool)
            }
            Value::Null => visitor.visit_bool(false),
            value => Err(self.findings.scalar_mismatch(value, "bool")),
        }
    }

    fn deserialize_i32<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.signed(visitor, "int32", 32)
    }

    fn deserialize_i64<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.signed(visitor, "int64", 64)
    }

    /// The number of an `intstr.IntOrString`, which is no text.
    pub(in crate::api) fn integer_or_text(&mut self, value: &Value) -> Result<i32, Error> {
        let found = match value {
            Value::Null => return Ok(0),
            Value::Number(number) => match number.as_i64().and_then(|number| i32::try_from(number).ok()) {
                Some(number) => return Ok(number),
                None => format!("number {}", number.json()),
            },
            Value::Null => visitor.visit_str(""),
            value => Err(self.findings.mismatch(value, "[]uint8")),
        }
    }

    fn deserialize_string<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.value {
            Value::String(text) => {
                if text.is_empty() {
                    self.findings.zero(self.value, true);
                }
                visitor.visit_borrowed_str(text)
            }
            Value::Null => visitor.visit_borrowed_str(""),
            value => Err(self.findings.scalar_mismatch(value, "string")),
        }
    }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.findings.is_none(self.value) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let read = match name {
            "Quantity" => text::quantity_from_json(self.value),
            "Time" | "MicroTime" => text::time_from_json(self.value, name == "MicroTime"),
            // Raw JSON: kept as it is.
            _ => return visitor.visit_newtype_struct(self.value),
        };
        match read {
            Ok(text) => visitor.visit_newtype_struct(StringDeserializer::new(text)),
            Err(message) => Err(self.findings.plain_error(message)),
        }
    }

    fn deserialize_seq<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let list: &[Value] = match self.value {
            Value::Array(list) => list,
            Value::Null => &[],
            value => return Err(self.findings.no_list(value, &go_type_of(visitor, true))),
        };
        self.findings.empty(self.value);
        visitor.visit_seq(Elements { list, index: 0, findings: self.findings })
    }

    fn deserialize_map<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        let map = match self.value {
            Value::Object(map) => Some(map),
            Value::Null => None,
            value => return Err(self.findings.no_map(value, &go_type_of(visitor, false))),
        };
        self.findings.empty(self.value);
        visitor.visit_map(Entries::new(map, false, self.findings))
    }

    fn deserialize_struct<V: Visitor<'v>>(
        self,
        name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let map = self.findings.open_struct(self.value, name)?;
        let read = visitor.visit_map(Entries::new(map, true, self.findings));
        self.findings.structs.pop();
        read
    }

    /// A field that the struct does not have.
    fn deserialize_ignored_any<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.findings.unknown.push(self.findings.path.clone());
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'v>>
        i8 i16 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
    }
}

struct Elements<'v, 's> {
    list: &'v [Value],
    index: usize,
    findings: &'s mut Findings,
}

impl<'v> SeqAccess<'v> for Elements<'v, '_> {
    type Error = serde_json::Error;

    fn next_element_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<Option<T::Value>, Self::Error> {
        let Some(value) = self.list.get(self.index) else { return Ok(None) };
        let length = self.findings.enter_element(self.index);
        let read = seed.deserialize(Typed { value, findings: self.findings });
        self.findings.path.truncate(length);
        self.index += 1;
        read.map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.list.len() - self.index)
    }
}

struct Entries<'v, 's> {
    entries: Option<serde_json::map::Iter<'v>>,
    value: Option<(&'v str, &'v Value)>,
    is_struct: bool,
    findings: &'s mut Findings,
}

impl<'v, 's> Entries<'v, 's> {
    fn new(map: Option<&'v Map>, is_struct: bool, findings: &'s mut Findings) -> Self {
        Entries { entries: map.map(Map::iter), value: None, is_struct, findings }
    }

    fn next_key(&mut self) -> Option<&'v str> {
        self.value = self.entries.as_mut()?.next().map(|(key, value)| (key.as_str(), value));
        self.value.map(|(key, _)| key)
    }

    /// Goes to the value whose key was read last; says how long the path was.
    fn enter(&mut self) -> (usize, &'v Value) {
        let (key, value) = self.value.take().expect("serde asks for a value only after its key");
        let length = self.findings.path.len();
        if length > 0 {
            self.findings.path.push('.');
        }
        self.findings.path.push_str(key);
        if self.is_struct {
            self.findings.fields.push(key.to_owned());
        }
        (length, value)
    }

    /// Leaves the value. The first error keeps the path it has.
    fn leave(&mut self, length: usize) {
        self.findings.path.truncate(length);
        if self.is_struct {
            self.findings.fields.pop();
        }
    }
}

impl<'v> MapAccess<'v> for Entries<'v, '_> {
    type Error = serde_json::Error;

    fn next_key_seed<K: DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>, Self::Error> {
        let Some(key) = self.next_key() else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<T::Value, Self::Error> {
        let (length, value) = self.enter();
        let read = seed.deserialize(Typed { value, findings: self.findings });
        self.leave(length);
        read
    }
}
