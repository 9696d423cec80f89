//! From a JSON value to a typed object, with the findings of Go's decoder.
//!
//! Mirrors sigs.k8s.io/json (`UnmarshalStrict`) and `runtime.DefaultUnstructuredConverter`: unknown fields by
//! their path, and wrong types by Go's struct and type names. The types read themselves field by field
//! (`api/fields`); here is what they ask and tell while they do.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::Error as _;
use serde_json::{Error, Value};

use super::Map;
use super::go::{go_kind, json_kind};
use super::go_types::alias;
use super::omitempty::drops_zero;
use super::text;

use crate::api::decode::json_writer::Json;
use crate::api::fields::Field as _;

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
    fn fail(&mut self, json: String, unstructured: String) -> Error {
        let error = Error::custom(&json);
        self.error.get_or_insert(TypeError { json, unstructured });
        error
    }

    /// What encoding/json says of a field where it is: `UnmarshalTypeError`.
    fn within(&self, found: &str, name: &str, go_type: &str) -> String {
        format!(
            "json: cannot unmarshal {found} into Go struct field {name}.{} of type {go_type}",
            self.fields.join(".")
        )
    }

    /// A value of the wrong kind for `go_type`.
    fn mismatch(&mut self, value: &Value, go_type: &str) -> Error {
        let found = match value {
            Value::Number(number) if matches!(go_type, "int32" | "int64") => format!("number {}", number.json()),
            value => json_kind(value).to_owned(),
        };
        let json = match self.structs.last() {
            Some(name) if !self.fields.is_empty() => self.within(&found, name, go_type),
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
    fn scalar_mismatch(&mut self, value: &Value, base: &'static str) -> Error {
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
    fn no_list(&mut self, value: &Value, element: &str) -> Error {
        let named = alias(self.structs.last().copied().unwrap_or_default(), self.fields.last().map_or("", |f| f));
        let go_type = format!("[]{}", named.unwrap_or(element));
        self.mismatch(value, &go_type)
    }

    /// What is no map of such elements.
    fn no_map(&mut self, value: &Value, element: &str) -> Error {
        if element == "resource.Quantity" {
            return self.mismatch(value, "v1.ResourceList");
        }
        self.mismatch(value, &format!("map[string]{element}"))
    }

    /// Enters a struct, whose fields come next; null has none.
    pub(in crate::api) fn open_struct<'v>(
        &mut self,
        value: &'v Value,
        name: &'static str,
    ) -> Result<Option<&'v Map>, Error> {
        let map = match value {
            Value::Object(map) => Some(map),
            Value::Null => None,
            value => return Err(self.mismatch(value, &format!("v1.{name}"))),
        };
        self.structs.push(name);
        Ok(map)
    }

    pub(in crate::api) fn close_struct(&mut self) {
        self.structs.pop();
    }

    /// Enters an element of a list; says how long the path was.
    fn enter_element(&mut self, index: usize) -> usize {
        let length = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        length
    }

    /// Reads an object's metadata and nothing else, as kubectl does (`metadataOnlyObject`): Go's sentence where
    /// it cannot.
    pub fn of_metadata(value: &Value) -> Option<String> {
        let mut findings = Findings { structs: vec!["metadataOnlyObject"], ..Findings::default() };
        findings.enter_field("metadata");
        ObjectMeta::empty().read(value.get("metadata")?, &mut findings).err()?;
        findings.error.map(|error| error.json)
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
    pub(in crate::api) fn is_none(&self, value: &Value) -> bool {
        let zero = || self.dropping && self.zeros.contains(&std::ptr::from_ref(value).addr());
        value.is_null() || zero()
    }

    /// A list or map without anything in it is a zero.
    fn empty(&mut self, value: &Value) {
        if value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty) {
            self.zero(value, false);
        }
    }

    /// What a type's own `UnmarshalJSON` says. Of a value of the wrong kind encoding/json adds where it was
    /// (`addErrorContext`), the converter does not.
    pub(in crate::api) fn plain_error(&mut self, message: String) -> Error {
        let mismatch = message.strip_prefix("json: cannot unmarshal ");
        let json = match (mismatch.and_then(|rest| rest.split_once(" into Go value of type ")), self.structs.last()) {
            (Some((found, go_type)), Some(name)) if !self.fields.is_empty() => self.within(found, name, go_type),
            _ => message.clone(),
        };
        self.fail(json, message)
    }

    /// Goes to a struct's field; says how long the path was.
    pub(in crate::api) fn enter_field(&mut self, key: &str) -> usize {
        let length = self.enter_key(key);
        self.fields.push(key.to_owned());
        length
    }

    /// Leaves the field. The first error keeps the path it has.
    pub(in crate::api) fn leave_field(&mut self, length: usize) {
        self.path.truncate(length);
        self.fields.pop();
    }

    fn enter_key(&mut self, key: &str) -> usize {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        length
    }

    /// The field where it is is none that its struct has.
    pub(in crate::api) fn unknown_field(&mut self) {
        self.unknown.push(self.path.clone());
    }

    pub(in crate::api) fn bool(&mut self, value: &Value) -> Result<bool, Error> {
        match value {
            Value::Bool(bool) => {
                if !bool {
                    self.zero(value, true);
                }
                Ok(*bool)
            }
            Value::Null => Ok(false),
            value => Err(self.scalar_mismatch(value, "bool")),
        }
    }

    pub(in crate::api) fn integer(&mut self, value: &Value, go_type: &'static str, bits: u32) -> Result<i64, Error> {
        let number = match value {
            Value::Null => Some(0),
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        match number {
            Some(number) if bits == 64 || i32::try_from(number).is_ok() => {
                if number == 0 {
                    self.zero(value, true);
                }
                Ok(number)
            }
            _ => Err(self.scalar_mismatch(value, go_type)),
        }
    }

    /// The number of an `intstr.IntOrString`, which is no text.
    pub(in crate::api) fn integer_or_text(&mut self, value: &Value) -> Result<i32, Error> {
        let found = match value {
            Value::Null => return Ok(0),
            Value::Number(number) => match number.as_i64().and_then(|number| i32::try_from(number).ok()) {
                Some(number) => return Ok(number),
                None => format!("number {}", number.json()),
            },
            other => json_kind(other).to_owned(),
        };
        Err(self.plain_error(format!("json: cannot unmarshal {found} into Go value of type int32")))
    }

    pub(in crate::api) fn text<'v>(&mut self, value: &'v Value) -> Result<&'v str, Error> {
        match value {
            Value::String(text) => {
                if text.is_empty() {
                    self.zero(value, true);
                }
                Ok(text)
            }
            Value::Null => Ok(""),
            value => Err(self.scalar_mismatch(value, "string")),
        }
    }

    /// Bytes, which are base64 in JSON.
    pub(in crate::api) fn bytes(&mut self, value: &Value) -> Result<Vec<u8>, Error> {
        match value {
            value if self.is_none(value) => Ok(Vec::new()),
            Value::String(text) => text::bytes_from_base64(text).map_err(|message| self.plain_error(message)),
            value => Err(self.mismatch(value, "[]uint8")),
        }
    }

    /// The elements of a list; null has none.
    pub(in crate::api) fn list<'v>(&mut self, value: &'v Value, element: fn() -> String) -> Result<&'v [Value], Error> {
        let list: &[Value] = match value {
            Value::Array(list) => list,
            Value::Null => &[],
            value => return Err(self.no_list(value, &element())),
        };
        self.empty(value);
        Ok(list)
    }

    /// Reads element after element.
    pub(in crate::api) fn elements(
        &mut self,
        list: &[Value],
        read: &mut dyn FnMut(&Value, &mut Findings) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for (index, value) in list.iter().enumerate() {
            let length = self.enter_element(index);
            let element = read(value, self);
            self.path.truncate(length);
            element?;
        }
        Ok(())
    }

    /// Reads the entries of a map one by one; null has none.
    pub(in crate::api) fn entries(
        &mut self,
        value: &Value,
        element: fn() -> String,
        read: &mut dyn FnMut(&str, &Value, &mut Findings) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let map = match value {
            Value::Object(map) => map,
            Value::Null => return Ok(()),
            value => return Err(self.no_map(value, &element())),
        };
        self.empty(value);
        for (key, value) in map {
            let length = self.enter_key(key);
            let entry = read(key, value, self);
            self.path.truncate(length);
            entry?;
        }
        Ok(())
    }
}
