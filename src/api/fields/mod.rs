//! The fields of the API types, as a table that walkers go by: how an object is read from JSON and written to it.
//!
//! k8s-openapi's own `Deserialize` and `Serialize` do the same by code of their own for every field of every type,
//! which was a tenth of the page. Here a type is a list of names and where its fields lie, and `read_struct` and
//! `write_struct` are there once. A field that is missing from a list does not compile; what serde makes of the
//! same JSON is compared in `tests.rs`.

mod apps;
mod batch;
mod core;
mod meta;
mod small_groups;
mod storage;
#[cfg(test)]
mod tests;
mod values;

use serde_json::Value;

use super::decode::Findings;

/// What reading fails with: the sentence of Go's decoder.
pub type Error = serde_json::Error;

/// A value of an API type.
pub trait Field {
    /// Go's zero of it.
    fn empty() -> Self
    where
        Self: Sized;
    /// What Go calls its type: `v1.Container`, `[]string`.
    fn go_type() -> String
    where
        Self: Sized;
    /// Reads it over an empty one.
    ///
    /// # Errors
    /// The sentence of Go's decoder where a value has the wrong type.
    fn read(&mut self, value: &Value, findings: &mut Findings) -> Result<(), Error>;
    /// Its JSON.
    fn write(&self) -> Value;
    /// Whether it is left out of the object it belongs to.
    fn is_absent(&self) -> bool {
        false
    }
}

/// What a type is called and what its fields are.
pub struct About {
    name: &'static str,
    /// The `apiVersion` that a whole object says with its `kind`.
    api_version: Option<&'static str>,
    /// In the order of the letters.
    fields: &'static [&'static str],
}

/// A type with fields.
pub trait Struct {
    /// The same for every value of the type.
    fn about(&self) -> &'static About;
    /// The field at that place of the list.
    fn field(&self, place: usize) -> Option<&dyn Field>;
    /// The same, to change.
    fn field_mut(&mut self, place: usize) -> Option<&mut dyn Field>;
}

/// Lists the fields of types: for each its Rust name and its name in JSON, in the order of the latter. Whole objects
/// give their `apiVersion` too.
macro_rules! structs {
    (only $($name:ident $($api_version:literal)? { $($field:ident $key:literal),* $(,)? })*) => { $(
        impl $crate::api::fields::Struct for $name {
            fn about(&self) -> &'static $crate::api::fields::About {
                const API_VERSION: &[&str] = &[$($api_version)?];
                const FIELDS: &[&str] = &[$($key),*];
                const { assert!($crate::api::fields::in_order(FIELDS)) };
                const { &$crate::api::fields::About {
                    name: stringify!($name),
                    api_version: API_VERSION.first().copied(),
                    fields: FIELDS,
                } }
            }

            fn field(&self, place: usize) -> Option<&dyn $crate::api::fields::Field> {
                #[expect(non_camel_case_types, reason = "named as the fields, to number them")]
                enum At { $($field),* }
                let Self { $($field),* } = self;
                match place {
                    $(at if at == At::$field as usize => Some($field),)*
                    _ => None,
                }
            }

            fn field_mut(&mut self, place: usize) -> Option<&mut dyn $crate::api::fields::Field> {
                #[expect(non_camel_case_types, reason = "named as the fields, to number them")]
                enum At { $($field),* }
                let Self { $($field),* } = self;
                match place {
                    $(at if at == At::$field as usize => Some($field),)*
                    _ => None,
                }
            }
        }
    )* };
    ($($name:ident $($api_version:literal)? { $($field:ident $key:literal),* $(,)? })*) => {
        $crate::api::fields::structs! { only $($name $($api_version)? { $($field $key),* })* }
        $($crate::api::fields::of_fields! { $name, Self::default(), [] })*
    };
}

/// A type with a date that cannot be left out.
macro_rules! dated {
    ($name:ident, $key:literal, $empty:expr) => {
        $crate::api::fields::of_fields! { $name, $empty, [$key] }
    };
}

/// Reads and writes a type by its fields, of which `needed` must be there.
macro_rules! of_fields {
    ($name:ident, $empty:expr, [$($needed:literal)?]) => {
        impl $crate::api::fields::Field for $name {
            fn empty() -> Self {
                $empty
            }

            fn go_type() -> String {
                concat!("v1.", stringify!($name)).to_owned()
            }

            fn read(
                &mut self,
                value: &serde_json::Value,
                findings: &mut $crate::api::decode::Findings,
            ) -> Result<(), $crate::api::fields::Error> {
                $crate::api::fields::read_struct(self, value, findings)?;
                $(
                    if value.get($needed).is_none() {
                        return Err(serde::de::Error::missing_field($needed));
                    }
                )?
                Ok(())
            }

            fn write(&self) -> serde_json::Value {
                $crate::api::fields::write_struct(self)
            }
        }
    };
}
use {dated, of_fields, structs};

/// Whether names are in the order of their letters, as they are searched.
const fn in_order(names: &[&str]) -> bool {
    let mut next = 1;
    while next < names.len() {
        let (before, after) = (names[next - 1].as_bytes(), names[next].as_bytes());
        let mut at = 0;
        while at < before.len() && at < after.len() && before[at] == after[at] {
            at += 1;
        }
        if at == after.len() || (at < before.len() && before[at] > after[at]) {
            return false;
        }
        next += 1;
    }
    true
}

fn read_struct(object: &mut dyn Struct, value: &Value, findings: &mut Findings) -> Result<(), Error> {
    let about = object.about();
    let Some(map) = findings.open_struct(value, about.name)? else { return Ok(()) };
    let mut read = Ok(());
    for (key, value) in map {
        let length = findings.enter_field(key);
        read = read_field(object, about, key, value, findings);
        findings.leave_field(length);
        if read.is_err() {
            break;
        }
    }
    findings.close_struct();
    read
}

fn read_field(
    object: &mut dyn Struct,
    about: &About,
    key: &str,
    value: &Value,
    findings: &mut Findings,
) -> Result<(), Error> {
    match (about.api_version, key) {
        (Some(api_version), "apiVersion") => return read_type(value, api_version, findings),
        (Some(_), "kind") => return read_type(value, about.name, findings),
        _ => {}
    }
    let place = about.fields.binary_search(&key).ok();
    match place.and_then(|place| object.field_mut(place)) {
        // Null is none for every field, optional or not.
        Some(_) if findings.is_none(value) => Ok(()),
        Some(field) => field.read(value, findings),
        None => {
            findings.unknown_field();
            Ok(())
        }
    }
}

/// Reads an `apiVersion` or a `kind`, which can only be the type's own.
fn read_type(value: &Value, own: &'static str, findings: &mut Findings) -> Result<(), Error> {
    let mut said = String::new();
    said.read(value, findings)?;
    if said == own {
        return Ok(());
    }
    Err(serde::de::Error::custom(format_args!("invalid value: string {said:?}, expected {own}")))
}

fn write_struct(object: &dyn Struct) -> Value {
    let about = object.about();
    let mut map = serde_json::Map::new();
    if let Some(api_version) = about.api_version {
        map.insert("apiVersion".to_owned(), Value::from(api_version));
        map.insert("kind".to_owned(), Value::from(about.name));
    }
    for (place, name) in about.fields.iter().enumerate() {
        if let Some(field) = object.field(place).filter(|field| !field.is_absent()) {
            map.insert((*name).to_owned(), field.write());
        }
    }
    Value::Object(map)
}
