//! Messages to JSON, as Go's types would be written.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::schema::{Field, Message, SCHEMA, Shape, Type};
use super::wire::{Payload, Reader, text};

/// Reads a message into an object. A field that comes twice counts the last time; of a message, the parts are
/// put together. How deep it goes is the table's, which has no cycles, and not the sender's.
///
/// # Errors
/// What gogo says: `unexpected EOF`, `proto: wrong wireType = 0 for field Template`, …
pub fn read_message(message: &Message, bytes: &[u8], object: &mut Map<String, Value>) -> Result<(), String> {
    let mut reader = Reader::new(message.name, bytes);
    while let Some((number, payload)) = reader.field()? {
        // A field of a later version: skipped, as upstream does.
        let Some(field) = message.fields.get(&number) else { continue };
        read_field(field, payload, object)?;
    }
    Ok(())
}

fn read_field(field: &Field, payload: Payload<'_>, object: &mut Map<String, Value>) -> Result<(), String> {
    match (field.shape, field.of) {
        (Shape::Embedded, Type::Message(name)) => {
            let Payload::Bytes(bytes) = payload else { return Err(payload.wrong_type(name_of(name))) };
            read_message(message_named(name), bytes, object)
        }
        (Shape::Repeated, of) => {
            let values = repeated(field, of, payload)?;
            let entry = object.entry(field.name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = entry {
                list.extend(values);
            }
            Ok(())
        }
        (Shape::Map, of) => {
            let (key, value) = map_entry(field, of, payload)?;
            let entry = object.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(map) = entry {
                map.insert(key, value);
            }
            Ok(())
        }
        (Shape::One { .. }, Type::Message(name)) => {
            let Payload::Bytes(bytes) = payload else { return Err(payload.wrong_type(field.name)) };
            let entry = object.entry(field.name).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(part) = entry else { return Ok(()) };
            read_message(message_named(name), bytes, part)
        }
        (Shape::One { keep_zero }, of) => {
            match value(field.name, of, payload)? {
                Some(value) if keep_zero || !is_zero(&value) => drop(object.insert(field.name.to_owned(), value)),
                _ => drop(object.remove(field.name)),
            }
            Ok(())
        }
        (Shape::Embedded, _) => Ok(()),
    }
}

/// The values that one occurrence of a repeated field adds: one, or as many as are packed.
fn repeated(field: &Field, of: Type, payload: Payload<'_>) -> Result<Vec<Value>, String> {
    if let (Type::Int | Type::Bool, Payload::Bytes(packed)) = (of, payload) {
        let mut reader = Reader::new(field.name, packed);
        let mut values = Vec::new();
        while !reader.is_empty() {
            let payload = Payload::Varint(reader.varint()?);
            values.extend(value(field.name, of, payload)?);
        }
        return Ok(values);
    }
    Ok(vec![value(field.name, of, payload)?.unwrap_or(Value::Null)])
}

/// A map's entry: a message of a key and a value, either of which may be left out.
fn map_entry(field: &Field, of: Type, payload: Payload<'_>) -> Result<(String, Value), String> {
    let Payload::Bytes(entry) = payload else { return Err(payload.wrong_type(field.name)) };
    let mut key = String::new();
    let mut found = None;
    let mut reader = Reader::new(field.name, entry);
    while let Some((number, payload)) = reader.field()? {
        match (number, payload) {
            (1, Payload::Bytes(bytes)) => key = text(bytes),
            (1, other) => return Err(other.wrong_type(field.name)),
            (2, payload) => found = value(field.name, of, payload)?,
            _ => {}
        }
    }
    let value = match found {
        Some(value) => value,
        None => value(field.name, of, Payload::Bytes(&[]))?.unwrap_or(Value::Null),
    };
    Ok((key, value))
}

/// One value; `None` is a time or raw JSON that is not set.
fn value(name: &str, of: Type, payload: Payload<'_>) -> Result<Option<Value>, String> {
    let value = match (of, payload) {
        (Type::Bool, Payload::Varint(number)) => Value::from(number != 0),
        (Type::Int, Payload::Varint(number)) => Value::from(number.cast_signed()),
        (Type::Str, Payload::Bytes(bytes)) => Value::from(text(bytes)),
        (Type::Bytes, Payload::Bytes(bytes)) => Value::from(STANDARD.encode(bytes)),
        (Type::IntOrString, Payload::Bytes(bytes)) => int_or_string(bytes)?,
        (Type::Quantity, Payload::Bytes(bytes)) => quantity(bytes)?,
        (Type::Raw, Payload::Bytes(bytes)) => return raw(name, bytes),
        (Type::Time, Payload::Bytes(bytes)) => return time(bytes, false),
        (Type::MicroTime, Payload::Bytes(bytes)) => return time(bytes, true),
        (Type::Message(message), Payload::Bytes(bytes)) => {
            let mut object = Map::new();
            read_message(message_named(message), bytes, &mut object)?;
            Value::Object(object)
        }
        (_, payload) => return Err(payload.wrong_type(name)),
    };
    Ok(Some(value))
}

/// What `omitempty` leaves out.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// `intstr.IntOrString`. A zero of it is written: `omitempty` does not leave out structs.
fn int_or_string(bytes: &[u8]) -> Result<Value, String> {
    let (mut kind, mut number, mut words) = (0, 0, String::new());
    let mut reader = Reader::new("IntOrString", bytes);
    while let Some((tag, payload)) = reader.field()? {
        match (tag, payload) {
            (1, Payload::Varint(value)) => kind = value.cast_signed(),
            (2, Payload::Varint(value)) => number = value.cast_signed(),
            (3, Payload::Bytes(bytes)) => words = text(bytes),
            (1, other) => return Err(other.wrong_type("type")),
            (2, other) => return Err(other.wrong_type("intVal")),
            (3, other) => return Err(other.wrong_type("strVal")),
            _ => {}
        }
    }
    match kind {
        0 => Ok(Value::from(number)),
        1 => Ok(Value::from(words)),
        _ => Err("impossible IntOrString.Type".to_owned()),
    }
}

/// `resource.Quantity`, which has a string and nothing else.
fn quantity(bytes: &[u8]) -> Result<Value, String> {
    let mut words = "0".to_owned();
    let mut reader = Reader::new("Quantity", bytes);
    while let Some((tag, payload)) = reader.field()? {
        match (tag, payload) {
            (1, Payload::Bytes(bytes)) => words = text(bytes),
            (1, other) => return Err(other.wrong_type("string")),
            _ => {}
        }
    }
    Ok(Value::from(words))
}

/// `runtime.RawExtension` and `FieldsV1`: JSON in bytes.
fn raw(name: &str, bytes: &[u8]) -> Result<Option<Value>, String> {
    let mut json: &[u8] = &[];
    let mut reader = Reader::new("RawExtension", bytes);
    while let Some((tag, payload)) = reader.field()? {
        match (tag, payload) {
            (1, Payload::Bytes(bytes)) => json = bytes,
            (1, other) => return Err(other.wrong_type("raw")),
            _ => {}
        }
    }
    if json.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(json).map(Some).map_err(|error| format!("{name}: json parse error: {error}"))
}

/// `metav1.Time` to the second, `metav1.MicroTime` to the microsecond. Neither seconds nor nanoseconds: not set.
fn time(bytes: &[u8], micros: bool) -> Result<Option<Value>, String> {
    let (mut seconds, mut nanos) = (0_i64, 0_i64);
    let name = if micros { "MicroTime" } else { "Time" };
    let mut reader = Reader::new(name, bytes);
    while let Some((tag, payload)) = reader.field()? {
        match (tag, payload) {
            (1, Payload::Varint(value)) => seconds = value.cast_signed(),
            (2, Payload::Varint(value)) => nanos = value.cast_signed(),
            (1, other) => return Err(other.wrong_type("seconds")),
            (2, other) => return Err(other.wrong_type("nanos")),
            _ => {}
        }
    }
    if seconds == 0 && nanos == 0 {
        return Ok(None);
    }
    let refuse = || format!("{name}.MarshalJSON: year outside of range [0,9999]");
    let date = Timestamp::from_second(seconds).map_err(|_| refuse())?;
    if !micros {
        return Ok(Some(Value::from(date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())));
    }
    let nanos = i32::try_from(nanos).ok().filter(|nanos| (0..1_000_000_000).contains(nanos)).ok_or_else(refuse)?;
    let date = Timestamp::new(seconds, nanos).map_err(|_| refuse())?;
    Ok(Some(Value::from(date.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())))
}

fn message_named(name: &str) -> &'static Message {
    SCHEMA.message(name).expect("the table names only messages it has, which its test checks")
}

fn name_of(message: &str) -> &str {
    message.rsplit('.').next().unwrap_or(message)
}
