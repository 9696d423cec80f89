//! Manifests from standard input.
//!
//! Mirrors cli-runtime's `StreamVisitor` and `mapper.infoForData`, and kubectl's own checks before it sends.

use std::sync::Arc;

use serde_json::Value;

use crate::api::decode::{self, Document, Findings, json_writer};
use crate::api::{Method, Request};

use super::builder::{Info, text_at};
use super::discovery::discover;
use super::errors::{Failure, Stop, attempt, fail};
use super::flags::Args;
use super::invocation::Diagnostic;
use super::io::Io;

/// The source of everything on standard input, as errors name it.
pub const STDIN: &str = "STDIN";

/// A manifest: its documents up to the first that does not parse, and that one's error.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    pub parts: Vec<Document>,
    pub error: Option<Diagnostic>,
}

/// An object of a manifest.
#[derive(Clone, Debug)]
pub struct Found {
    pub info: Info,
    pub document: usize,
}

/// The objects of a manifest, and what was wrong with others.
#[derive(Clone, Debug, Default)]
pub struct Visited {
    pub found: Vec<Found>,
    pub failures: Vec<Failure>,
}

/// The documents that `-f` names; parsed once per invocation.
///
/// # Errors
/// Where `-f` names anything but standard input.
pub fn documents(io: &mut Io<'_, '_>, args: &Args) -> Result<Arc<Documents>, Stop> {
    for name in args.list("filename") {
        if name.starts_with("http://") || name.starts_with("https://") {
            return fail(format!("unable to read URL \"{name}\": no request leaves this page"));
        }
        if name != "-" {
            return fail(format!("the path \"{name}\" does not exist"));
        }
    }
    let text = io.stdin();
    io.memo(|_| parse(&text))
}

/// The documents of a text.
pub fn parse(text: &str) -> Documents {
    let mut documents = Documents::default();
    for (index, document) in decode::documents(text).into_iter().enumerate() {
        if let Err(message) = &document.value {
            let line = document.error_line.unwrap_or(document.first_line as u64);
            let line = u32::try_from(line).ok();
            documents.error = Some(Diagnostic { document: index, line, message: Arc::from(message.as_str()) });
            break;
        }
        documents.parts.push(document);
    }
    documents
}

/// The objects of the documents, mapped to their resources and with their namespace.
///
/// # Errors
/// Those of discovery; what is wrong with single documents is in the result.
pub fn visit(io: &mut Io<'_, '_>, args: &Args, documents: &Documents) -> Result<Visited, Stop> {
    let discovery = discover(io)?;
    let mut visited = Visited::default();
    'documents: for (index, part) in documents.parts.iter().enumerate() {
        let mut problem = |io: &mut Io<'_, '_>, text: String| {
            let failure = Failure::Text(text);
            blame(io, documents, index, &failure);
            visited.failures.push(failure);
        };
        let Ok(whole) = &part.value else { continue };
        if whole.is_null() {
            continue;
        }
        if let Some(problems) = kind_problems(whole) {
            problem(io, invalid_data(&problems));
            // The visitor gives up on the whole stream here.
            return Ok(visited);
        }
        if let Some(text) = unreadable(whole) {
            problem(io, text);
            continue;
        }
        for value in flatten(whole) {
            validation_schema(io, args, text_at(&value, "/apiVersion"))?;
            let (api_version, kind) = (text_at(&value, "/apiVersion"), text_at(&value, "/kind"));
            let name = text_at(&value, "/metadata/name");
            let given = text_at(&value, "/metadata/namespace");
            let resource = discovery.resources.iter().find(|resource| {
                resource.api_version() == api_version && (resource.kind == kind || resource.kind.to_lowercase() == kind)
            });
            let Some(resource) = resource else {
                problem(io, unmapped(&value));
                continue;
            };
            let mut namespace = String::new();
            let mut value = value.clone();
            if resource.namespaced {
                if args.namespace_given() && !given.is_empty() && given != args.namespace() {
                    problem(
                        io,
                        format!(
                            "the namespace from the provided object \"{given}\" does not match the namespace \"{}\". You must pass '--namespace={given}' to perform this operation.",
                            args.namespace()
                        ),
                    );
                    continue 'documents;
                }
                namespace = if given.is_empty() { args.namespace().to_owned() } else { given.to_owned() };
                if given.is_empty()
                    && !args.is("local")
                    && let metadata = &mut Arc::make_mut(&mut value)["metadata"]
                    && (metadata.is_object() || metadata.is_null())
                {
                    metadata["namespace"] = Value::from(namespace.as_str());
                }
            }
            let name = name.to_owned();
            let info = Info { resource: resource.clone(), namespace, name, value, source: STDIN.to_owned() };
            visited.found.push(Found { info, document: index });
        }
    }
    if let Some(error) = &documents.error {
        io.diagnose(error.clone());
        visited.failures.push(Failure::Text(format!("error parsing {STDIN}: {}", error.message)));
    }
    Ok(visited)
}

/// What is said of a document that is no object.
pub fn invalid_data(problems: &str) -> String {
    format!(
        "error validating \"{STDIN}\": error validating data: {problems}; if you choose to ignore these errors, turn validation off with --validate=false"
    )
}

/// What is said of a kind that the server does not have.
pub fn unmapped(value: &Value) -> String {
    format!(
        "resource mapping not found for name: \"{}\" namespace: \"{}\" from \"{STDIN}\": no matches for kind \"{}\" in version \"{}\"\nensure CRDs are installed first",
        text_at(value, "/metadata/name"),
        text_at(value, "/metadata/namespace"),
        text_at(value, "/kind"),
        text_at(value, "/apiVersion"),
    )
}

/// Asks once for the schema of a group: kubectl looks there whether the server validates fields itself.
/// What it says is not used here, and a failure means that it does.
fn validation_schema(io: &mut Io<'_, '_>, args: &Args, api_version: &str) -> Result<(), Stop> {
    if !args.knows("validate") || matches!(args.text("validate"), Some("ignore" | "false")) {
        return Ok(());
    }
    let group = if api_version.contains('/') { format!("apis/{api_version}") } else { format!("api/{api_version}") };
    for path in ["/openapi/v3".to_owned(), format!("/openapi/v3/{group}")] {
        let known = io.memo(|io| io.shared.schemas.iter().any(|known| **known == *path))?;
        if !*known {
            let _ = attempt(io.send(|| Request::new(Method::Get, path.as_str())))?;
            io.memo(|io| io.shared.schemas.push_back(Arc::from(path.as_str())))?;
        }
    }
    Ok(())
}

/// Tells the editor about a failure of a document.
pub fn blame(io: &mut Io<'_, '_>, documents: &Documents, document: usize, failure: &Failure) {
    for diagnostic in diagnostics(documents, document, failure) {
        io.diagnose(diagnostic);
    }
}

/// What a failure of a document says to the editor: at the line of each field the server names.
pub fn diagnostics(documents: &Documents, document: usize, failure: &Failure) -> Vec<Diagnostic> {
    let Some(part) = documents.parts.get(document) else { return Vec::new() };
    let note = |field: &str, text: &str| {
        let line = u32::try_from(part.line_of(field)).ok();
        Diagnostic { document, line, message: Arc::from(text) }
    };
    if let Failure::Status(status) = failure {
        let causes = status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default();
        if !causes.is_empty() {
            let finding = |field: &str, message: &str| note(field, &format!("{field}: {message}"));
            return (causes.iter())
                .map(|cause| {
                    finding(cause.field.as_deref().unwrap_or_default(), cause.message.as_deref().unwrap_or_default())
                })
                .collect();
        }
        // `strict decoding error: unknown field "spec.replica", unknown field "spec.foo"`.
        let unknown: Vec<&str> =
            status.message.split("unknown field \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        if !unknown.is_empty() {
            return unknown.iter().map(|field| note(field, &format!("unknown field \"{field}\""))).collect();
        }
    }
    let text = failure.report();
    vec![note(guess(&text), text.trim_end())]
}

/// The field an error of decoding is about, by the names of Go's struct fields; empty when it names none.
fn guess(text: &str) -> &str {
    let field = text.split("Go struct field ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    field.split_once('.').map_or("", |(_, path)| path)
}

/// `List`s taken apart. What is in a list of one kind may leave out what it is.
pub fn flatten(value: &Value) -> Vec<Arc<Value>> {
    let kind = text_at(value, "/kind").strip_suffix("List");
    let (Some(kind), Some(items)) = (kind, value["items"].as_array()) else { return vec![Arc::new(value.clone())] };
    let typed = |item: &Value| {
        let mut item = item.clone();
        if let Value::Object(own) = &mut item
            && !kind.is_empty()
            && own.get("kind").and_then(Value::as_str).unwrap_or_default().is_empty()
        {
            own.insert("kind".to_owned(), Value::from(kind));
            own.insert("apiVersion".to_owned(), value["apiVersion"].clone());
        }
        Arc::new(item)
    };
    items.iter().map(typed).collect()
}

/// What is wrong with the type of a document or of what its `List` holds: `ValidateBytes`.
pub fn kind_problems(value: &Value) -> Option<String> {
    let mut problems = own_kind_problems(value);
    if problems.is_empty() && text_at(value, "/kind") == "List" && text_at(value, "/apiVersion") == "v1" {
        match value["items"].as_array() {
            Some(items) => items.iter().flat_map(own_kind_problems).for_each(|problem| {
                // An aggregate says everything once.
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
            }),
            None => problems.push(NO_OBJECT.to_owned()),
        }
    }
    match problems.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(format!("[{}]", many.join(", "))),
    }
}

const NO_OBJECT: &str = "invalid object to validate";

/// `getObjectKind`.
fn own_kind_problems(value: &Value) -> Vec<String> {
    if !value.is_object() {
        return vec![NO_OBJECT.to_owned()];
    }
    let of = |field: &str| match &value[field] {
        Value::Null => Some(format!("{field} not set")),
        Value::String(text) if field == "apiVersion" && text.is_empty() => Some(format!("{field} not set")),
        Value::String(text) if field == "apiVersion" && text.matches('/').count() > 1 => {
            Some(format!("unexpected GroupVersion string: {text}"))
        }
        Value::String(_) => None,
        _ => Some(format!("{field} isn't string type")),
    };
    ["apiVersion", "kind"].into_iter().filter_map(of).collect()
}

/// What keeps kubectl from reading a document: that it says no kind, or metadata that is none.
pub fn unreadable(value: &Value) -> Option<String> {
    let problem = match text_at(value, "/kind") {
        "" => Some(format!("Object 'Kind' is missing in '{}'", json_writer::compact(value))),
        _ => Findings::of_metadata(value),
    };
    problem.map(|problem| format!("unable to decode \"{STDIN}\": {problem}"))
}

/// What keeps a request for an object from being made, by its name and namespace: `IsValidPathSegmentName`.
pub fn unaddressable(name: &str, namespace: &str) -> Option<String> {
    let wrong = |what: &str, segment: &str| {
        let problems = match segment {
            "." => vec!["may not be '.'"],
            ".." => vec!["may not be '..'"],
            _ => (["/", "%"].into_iter().zip(["may not contain '/'", "may not contain '%'"]))
                .filter_map(|(illegal, problem)| segment.contains(illegal).then_some(problem))
                .collect(),
        };
        (!problems.is_empty()).then(|| format!("invalid {what} \"{segment}\": [{}]", problems.join(" ")))
    };
    let unnamed = || name.is_empty().then(|| "resource name may not be empty".to_owned());
    wrong("namespace", namespace).or_else(unnamed).or_else(|| wrong("resource name", name))
}

/// What kubectl was about when it could not look at an object.
pub fn retrieving(resource: &str) -> String {
    format!("retrieving current configuration of:\n{resource}\nfrom server for:")
}

/// `resource.Info.String`.
pub fn resource_text(of: &str, plural: &str, kind: &str, name: &str, namespace: &str) -> String {
    format!(
        "Resource: \"{of}, Resource={plural}\", GroupVersionKind: \"{of}, Kind={kind}\"\nName: \"{name}\", Namespace: \"{namespace}\""
    )
}
