//! The values that fields hold: scalars, texts with a form of their own, lists, maps, and none.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, MicroTime, Time};
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::{Error, Field};
use crate::api::decode::{Findings, text};
use crate::api::time;

impl Field for bool {
    fn empty() -> Self {
        false
    }

    fn go_type() -> String {
        "bool".to_owned()
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        *self = findings.bool(value)?;
        Ok(())
    }

    fn write(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Field for i32 {
    fn empty() -> Self {
        0
    }

    fn go_type() -> String {
        "int32".to_owned()
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        // Whether it fits was asked.
        *self = findings.integer(value, "int32", 32)? as i32;
        Ok(())
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

impl Field for i64 {
    fn empty() -> Self {
        0
    }

    fn go_type() -> String {
        "int64".to_owned()
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        *self = findings.integer(value, "int64", 64)?;
        Ok(())
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

impl Field for String {
    fn empty() -> Self {
        String::new()
    }

    fn go_type() -> String {
        "string".to_owned()
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        findings.text(value)?.clone_into(self);
        Ok(())
    }

    fn write(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Field for IntOrString {
    fn empty() -> Self {
        IntOrString::Int(0)
    }

    fn go_type() -> String {
        "intstr.IntOrString".to_owned()
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        *self = match value {
            Value::String(text) => IntOrString::String(text.clone()),
            value => IntOrString::Int(findings.integer_or_text(value)?),
        };
        Ok(())
    }

    fn write(&self) -> Value {
        match self {
            IntOrString::Int(number) => Value::from(*number),
            IntOrString::String(text) => Value::String(text.clone()),
        }
    }
}

impl Field for Quantity {
    fn empty() -> Self {
        Quantity::default()
    }

    fn go_type() -> String {
        "resource.Quantity".to_owned()
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        self.0 = text::quantity_from_json(value).map_err(|message| findings.plain_error(message))?;
        Ok(())
    }

    fn write(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl Field for Time {
    fn empty() -> Self {
        Time(jiff::Timestamp::UNIX_EPOCH)
    }

    fn go_type() -> String {
        "v1.Time".to_owned()
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        self.0 = text::time_from_json(value, false).map_err(|message| findings.plain_error(message))?;
        Ok(())
    }

    fn write(&self) -> Value {
        Value::String(time::rfc3339(self))
    }
}

impl Field for MicroTime {
    fn empty() -> Self {
        MicroTime(jiff::Timestamp::UNIX_EPOCH)
    }

    fn go_type() -> String {
        "v1.MicroTime".to_owned()
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        self.0 = text::time_from_json(value, true).map_err(|message| findings.plain_error(message))?;
        Ok(())
    }

    fn write(&self) -> Value {
        Value::String(time::rfc3339_micro(self))
    }
}

/// Bytes are base64 in JSON.
impl Field for ByteString {
    fn empty() -> Self {
        ByteString::default()
    }

    fn go_type() -> String {
        "[]uint8".to_owned()
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        self.0 = findings.bytes(value)?;
        Ok(())
    }

    fn write(&self) -> Value {
        Value::String(text::base64(&self.0))
    }
}

/// JSON that is kept as it is.
impl Field for FieldsV1 {
    fn empty() -> Self {
        FieldsV1::default()
    }

    fn go_type() -> String {
        "v1.FieldsV1".to_owned()
    }

    fn read(&mut self, value: &Value, _: &mut Findings) -> Result<(), Error> {
        self.0.clone_from(value);
        Ok(())
    }

    fn write(&self) -> Value {
        self.0.clone()
    }
}

/// JSON that is kept as it is.
impl Field for RawExtension {
    fn empty() -> Self {
        RawExtension::default()
    }

    fn go_type() -> String {
        "runtime.RawExtension".to_owned()
    }

    fn read(&mut self, value: &Value, _: &mut Findings) -> Result<(), Error> {
        self.0.clone_from(value);
        Ok(())
    }

    fn write(&self) -> Value {
        self.0.clone()
    }
}

impl<T: Field> Field for Option<T> {
    fn empty() -> Self {
        None
    }

    fn go_type() -> String {
        T::go_type()
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        self.insert(T::empty()).read(value, findings)
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Field> Field for Vec<T> {
    fn empty() -> Self {
        Vec::new()
    }

    fn go_type() -> String {
        format!("[]{}", T::go_type())
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        let list = findings.list(value, T::go_type)?;
        self.reserve_exact(list.len());
        findings.elements(list, &mut |value, findings| {
            let mut element = T::empty();
            element.read(value, findings)?;
            self.push(element);
            Ok(())
        })
    }

    fn write(&self) -> Value {
        Value::Array(self.iter().map(T::write).collect())
    }
}

impl<T: Field> Field for BTreeMap<String, T> {
    fn empty() -> Self {
        BTreeMap::new()
    }

    fn go_type() -> String {
        format!("map[string]{}", T::go_type())
    }

    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error> {
        findings.entries(value, T::go_type, &mut |key, value, findings| {
            let mut entry = T::empty();
            entry.read(value, findings)?;
            self.insert(key.to_owned(), entry);
            Ok(())
        })
    }

    fn write(&self) -> Value {
        let mut map = serde_json::Map::new();
        for (key, entry) in self {
            map.insert(key.clone(), entry.write());
        }
        Value::Object(map)
    }
}
