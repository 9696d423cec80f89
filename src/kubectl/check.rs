//! What `kubectl apply -f -` would say of a text, found without asking anybody.
//!
//! The same functions in the same order as the real way through kubectl and the API server: documents,
//! kinds, strict decoding, defaults, the strategy, validation. Leaves out: whatever needs the cluster
//! (admission, what is stored already), so every object is taken for a new one.

use std::sync::Arc;

use serde_json::Value;

use crate::api::decode::{FieldValidation, decode_object};
use crate::api::{Status, find_kind};

use super::builder::text_at;
use super::errors::Failure;
use super::invocation::Diagnostic;
use super::manifest::{self, STDIN};

/// The namespace of an object that names none.
const NAMESPACE: &str = "default";

/// What a text would be refused for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// At their lines, for the editor.
    pub diagnostics: Vec<Diagnostic>,
    /// What kubectl would print.
    pub stderr: String,
}

/// Checks every document of `text`.
pub fn check(text: &str) -> Checked {
    let documents = manifest::parse(text);
    let (mut visited, mut refused, mut diagnostics) = (Vec::new(), Vec::new(), Vec::new());
    let mut objects = 0;
    for (index, part) in documents.parts.iter().enumerate() {
        let Ok(whole) = &part.value else { continue };
        if whole.is_null() {
            continue;
        }
        if let Some(problems) = manifest::kind_problems(whole) {
            let failure = Failure::Text(manifest::invalid_data(&problems));
            diagnostics.extend(manifest::diagnostics(&documents, index, &failure));
            visited.push(failure);
            // kubectl's visitor gives up on the whole stream here.
            return finish(visited, refused, diagnostics);
        }
        if let Some(text) = manifest::unreadable(whole) {
            objects += 1;
            let failure = Failure::Text(text);
            diagnostics.extend(manifest::diagnostics(&documents, index, &failure));
            visited.push(failure);
            continue;
        }
        for value in manifest::flatten(whole) {
            objects += 1;
            let (list, failure) = match mapped(&value) {
                Err(text) => (&mut visited, Some(Failure::Text(text))),
                Ok(()) => (&mut refused, refusal(&value)),
            };
            if let Some(failure) = failure {
                diagnostics.extend(manifest::diagnostics(&documents, index, &failure));
                list.push(failure);
            }
        }
    }
    if let Some(error) = documents.error {
        visited.push(Failure::Text(format!("error parsing {STDIN}: {}", error.message)));
        diagnostics.push(error);
    } else if objects == 0 && text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        visited.push(Failure::Text("no objects passed to apply".to_owned()));
    }
    finish(visited, refused, diagnostics)
}

fn finish(visited: Vec<Failure>, refused: Vec<Failure>, diagnostics: Vec<Diagnostic>) -> Checked {
    let mut failures = if visited.is_empty() { Vec::new() } else { vec![Failure::Many(visited)] };
    failures.extend(refused);
    let stderr = if failures.is_empty() { String::new() } else { Failure::Many(failures).report() };
    Checked { diagnostics, stderr }
}

/// Whether the server has the kind, and what kubectl says if not.
fn mapped(value: &Value) -> Result<(), String> {
    let kind = text_at(value, "/kind");
    let known = crate::api::KINDS.iter().any(|info| {
        info.api_version() == text_at(value, "/apiVersion") && (info.kind == kind || info.kind.to_lowercase() == kind)
    });
    if known { Ok(()) } else { Err(manifest::unmapped(value)) }
}

/// Why the API server would not create the object.
fn refusal(value: &Arc<Value>) -> Option<Failure> {
    let api_version = text_at(value, "/apiVersion");
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = text_at(value, "/kind");
    // kubectl's mapper takes a kind in small letters; the server then does not.
    let info = find_kind(group, version, kind).or_else(|| {
        let of_version = |info: &&&crate::api::KindInfo| info.group == group && info.version == version;
        crate::api::KINDS.iter().filter(of_version).copied().find(|info| info.kind.to_lowercase() == kind)
    })?;
    let name = text_at(value, "/metadata/name");
    let generate = text_at(value, "/metadata/generateName");
    if name.is_empty() && !generate.is_empty() {
        return Some(Failure::Text(format!("from {generate}: cannot use generate name with apply")));
    }
    let namespace = match text_at(value, "/metadata/namespace") {
        _ if !info.namespaced() => "",
        "" => NAMESPACE,
        given => given,
    };
    if let Some(text) = manifest::unaddressable(name, namespace) {
        let of = format!("{group}/{version}");
        let resource = manifest::resource_text(&of, info.plural, kind, name, namespace);
        return Some(Failure::Text(text).with_source(&manifest::retrieving(&resource), STDIN));
    }
    created(info, value).err().map(|status| Failure::Status(Arc::new(status)).with_source("creating", STDIN))
}

/// The API server's way with a new object, up to what needs the cluster.
fn created(info: &'static crate::api::KindInfo, value: &Value) -> Result<(), Status> {
    let (mut object, _) = decode_object(info, value, FieldValidation::Strict)?;
    (info.default)(&mut object);
    let meta = object.meta_mut();
    if !info.namespaced() {
        meta.namespace = None;
    } else if meta.namespace.as_deref().unwrap_or_default().is_empty() {
        meta.namespace = Some(NAMESPACE.to_owned());
    }
    meta.resource_version = None;
    meta.managed_fields = None;
    // Any will do: a Job's selector and labels are made of it.
    meta.uid = Some("00000000-0000-0000-0000-000000000000".to_owned());
    (info.prepare_create)(&mut object);
    let findings = (info.validate)(&object);
    if findings.is_empty() { Ok(()) } else { Err(Status::invalid(info, object.name(), &findings)) }
}
