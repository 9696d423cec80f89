//! From arguments and manifests to objects.
//!
//! Mirrors k8s.io/cli-runtime/pkg/resource (`Builder`, `Visitor`, `Helper`).

use std::sync::Arc;

use serde_json::Value;

use crate::api::fields::Field;
use crate::api::http::{Body, Method};
use crate::api::validation::errors::go_quote;
use crate::api::{Object, Request, Response};

use super::discovery::{Resource, discover, resource};
use super::errors::{Failure, Stop, attempt, fail};
use super::flags::{Args, Flag, Takes, flag, short};
use super::io::Io;
use super::manifest;

/// The page size of lists.
pub const CHUNK: &str = "500";

/// Flags of verbs that read manifests.
pub const FILE_FLAGS: &[Flag] = &[
    short("filename", 'f', Takes::Slice, "Filename, directory, or URL to files identifying the resource"),
    short("recursive", 'R', Takes::Bool, "Process the directory used in -f, --filename recursively."),
    short("kustomize", 'k', Takes::Text, "Process the kustomization directory."),
];

/// Flags of verbs that choose objects.
pub const SELECT_FLAGS: &[Flag] = &[
    short("all-namespaces", 'A', Takes::Bool, "If true, use all namespaces."),
    flag("field-selector", Takes::Text, "Selector (field query) to filter on, supports '=', '==', and '!='."),
    short("selector", 'l', Takes::Text, "Selector (label query) to filter on."),
];

const MISSING: &str = "You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'";

/// What a command line points at.
#[derive(Clone, Debug)]
pub enum Target {
    Named {
        resource: Arc<Resource>,
        namespace: String,
        name: String,
    },
    /// All objects, or those that the selectors fit; an empty namespace means all of them.
    Selected {
        resource: Arc<Resource>,
        namespace: String,
    },
}

impl Target {
    /// Its resource.
    pub fn resource(&self) -> &Arc<Resource> {
        match self {
            Target::Named { resource, .. } | Target::Selected { resource, .. } => resource,
        }
    }
}

/// An object with what was known of it before it was fetched.
#[derive(Clone, Debug)]
pub struct Info {
    pub resource: Arc<Resource>,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    pub name: String,
    pub value: Arc<Value>,
    /// `STDIN`, or empty.
    pub source: String,
}

impl Info {
    /// `deployment.apps/web`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.resource.kind_name(), self.name)
    }

    /// Its path at the server.
    pub fn path(&self) -> String {
        self.resource.path(&self.namespace, &self.name)
    }
}

/// How a verb chooses objects.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    /// Types alone mean all objects.
    pub all: bool,
    /// Names are only what they are typed: nothing is fetched.
    pub lazy: bool,
}

/// What the arguments point at.
///
/// # Errors
/// The builder's own errors.
pub fn targets(io: &mut Io<'_, '_>, args: &Args, words: &[String], choice: Choice) -> Result<Vec<Target>, Stop> {
    let discovery = discover(io)?;
    let namespace = if args.is("all-namespaces") { "" } else { args.namespace() };
    let place = |resource: &Resource| if resource.namespaced { namespace.to_owned() } else { String::new() };
    let selecting = !args.text_or_empty("selector").is_empty() || !args.text_or_empty("field-selector").is_empty();
    let mut targets = Vec::new();
    if words.iter().any(|word| word.contains('/')) {
        for word in words {
            let Some((kind, name)) = word.split_once('/') else {
                return fail(
                    "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'",
                );
            };
            if name.contains('/') {
                return fail("arguments in resource/name form may not have more than one slash");
            }
            if kind.is_empty() || name.is_empty() || kind.contains(',') {
                return fail("arguments in resource/name form must have a single resource and name");
            }
            if selecting {
                return fail("name cannot be provided when a selector is specified");
            }
            let resource = resource(io, kind)?;
            if resource.namespaced && namespace.is_empty() {
                return fail("a resource cannot be retrieved by name across all namespaces");
            }
            targets.push(Target::Named { namespace: place(&resource), name: name.to_owned(), resource });
        }
        return Ok(targets);
    }
    let Some((types, names)) = words.split_first() else { return fail(MISSING) };
    let mut resources = Vec::new();
    for word in types.split(',').filter(|word| !word.is_empty()) {
        let category = discovery.category(word);
        if category.is_empty() {
            resources.push(resource(io, word)?);
        } else {
            resources.extend(category);
        }
    }
    if names.is_empty() {
        if !selecting && !choice.all {
            return fail("resource(s) were provided, but no name was specified");
        }
        for resource in resources {
            targets.push(Target::Selected { namespace: place(&resource), resource });
        }
        return Ok(targets);
    }
    if selecting {
        return fail("name cannot be provided when a selector is specified");
    }
    if choice.all && args.is("all") {
        return fail("setting 'all' parameter but found a non empty selector. ");
    }
    for resource in resources {
        if resource.namespaced && namespace.is_empty() {
            return fail("a resource cannot be retrieved by name across all namespaces");
        }
        for name in names {
            targets.push(Target::Named { namespace: place(&resource), name: name.clone(), resource: resource.clone() });
        }
    }
    Ok(targets)
}

/// The request that lists a resource with the selectors of the command line.
pub fn list_request(args: &Args, resource: &Resource, namespace: &str) -> Request {
    let mut request = Request::new(Method::Get, resource.path(namespace, ""));
    for (flag, parameter) in [("field-selector", "fieldSelector"), ("selector", "labelSelector")] {
        if let Some(selector) = args.text(flag).filter(|selector| !selector.is_empty()) {
            request = request.with(parameter, selector);
        }
    }
    request
}

/// A refusal to list, with what was looked for (`Selector.Visit`).
pub fn searched(args: &Args, resource: &Resource, failure: Failure) -> Failure {
    let Failure::Status(status) = &failure else { return failure };
    let what = go_quote(&format!("{}/{}, Resource={}", resource.group, resource.version, resource.plural));
    let (labels, fields) = (args.text_or_empty("selector"), args.text_or_empty("field-selector"));
    let mut status = (**status).clone();
    status.message = if labels.is_empty() && fields.is_empty() {
        format!("Unable to list {what}: {}", status.message)
    } else {
        let (labels, fields) = (go_quote(labels), go_quote(fields));
        format!("Unable to find {what} that match label selector {labels}, field selector {fields}: {}", status.message)
    };
    Failure::Status(Arc::new(status))
}

/// The objects a command line points at, from manifests or from the server; and what went wrong on the way.
///
/// # Errors
/// Errors of the command line; those of single objects are in the second list.
pub fn infos(
    io: &mut Io<'_, '_>,
    args: &Args,
    words: &[String],
    choice: Choice,
) -> Result<(Vec<Info>, Vec<Failure>), Stop> {
    let mut infos = Vec::new();
    let mut failures = Vec::new();
    if !args.list("filename").is_empty() {
        let documents = manifest::documents(io, args)?;
        let mut visited = manifest::visit(io, args, &documents)?;
        failures.append(&mut visited.failures);
        for found in visited.found {
            if choice.lazy || args.is("local") {
                infos.push(found.info);
                continue;
            }
            let path = found.info.path();
            match attempt(io.ask(|| Request::new(Method::Get, path.as_str())))? {
                Ok(response) => infos.push(Info { value: value(&response), ..found.info }),
                Err(failure) => failures.push(failure),
            }
        }
        return Ok((infos, failures));
    }
    for target in targets(io, args, words, choice)? {
        match target {
            Target::Named { resource, namespace, name } if choice.lazy => {
                infos.push(Info { resource, namespace, name, value: Arc::new(Value::Null), source: String::new() });
            }
            Target::Named { resource, namespace, name } => {
                let path = resource.path(&namespace, &name);
                match attempt(io.ask(|| Request::new(Method::Get, path.as_str())))? {
                    Ok(response) => {
                        let value = value(&response);
                        infos.push(Info { resource, namespace, name, value, source: String::new() });
                    }
                    Err(failure) => failures.push(failure),
                }
            }
            Target::Selected { resource, namespace } => match attempt(list(io, args, &resource, &namespace))? {
                Ok(found) => infos.extend(found),
                Err(failure) => failures.push(failure),
            },
        }
    }
    Ok((infos, failures))
}

/// All objects of a resource that the selectors of the command line fit, page by page.
///
/// # Errors
/// Those of the requests.
pub fn list(io: &mut Io<'_, '_>, args: &Args, resource: &Arc<Resource>, namespace: &str) -> Result<Vec<Info>, Stop> {
    let mut infos = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let asked = io.ask(|| {
            let request = list_request(args, resource, namespace).with("limit", CHUNK);
            match &next {
                Some(token) => request.with("continue", token.as_str()),
                None => request,
            }
        });
        let response = attempt(asked)?.map_err(|failure| searched(args, resource, failure))?;
        infos.extend(items(&response).into_iter().map(|value| Info {
            resource: resource.clone(),
            namespace: text_at(&value, "/metadata/namespace").to_owned(),
            name: text_at(&value, "/metadata/name").to_owned(),
            value,
            source: String::new(),
        }));
        next = continuation(&response);
        if next.is_none() {
            return Ok(infos);
        }
    }
}

/// The string at a JSON pointer, or empty.
pub fn text_at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list response.
pub fn items(response: &Response) -> Vec<Arc<Value>> {
    match &response.body {
        Body::List(list) => list.items.iter().map(|object| Arc::new(object.to_value())).collect(),
        _ => {
            let list = value(response);
            let items = list["items"].as_array().cloned().unwrap_or_default();
            items.into_iter().map(Arc::new).collect()
        }
    }
}

/// The typed items of a list response.
pub fn objects(response: &Response) -> Vec<Arc<Object>> {
    match &response.body {
        Body::List(list) => list.items.clone(),
        _ => Vec::new(),
    }
}

fn continuation(response: &Response) -> Option<String> {
    let token = match &response.body {
        Body::List(list) => list.metadata.continue_.clone(),
        _ => value(response).pointer("/metadata/continue").and_then(Value::as_str).map(str::to_owned),
    };
    token.filter(|token| !token.is_empty())
}

/// The JSON of what a response carries.
pub fn value(response: &Response) -> Arc<Value> {
    body_value(&response.body)
}

/// The JSON of a body.
pub fn body_value(body: &Body) -> Arc<Value> {
    match body {
        Body::Object(object) => Arc::new(object.to_value()),
        Body::Json(value) => value.clone(),
        Body::Bytes(bytes) => Arc::new(serde_json::from_slice(bytes).unwrap_or(Value::Null)),
        Body::Text(text) => Arc::new(serde_json::from_slice(text.as_bytes()).unwrap_or(Value::Null)),
        Body::Status(status) => Arc::new(status.to_meta().write()),
        Body::List(list) => {
            let info = list.kind.info();
            let items: Vec<Value> = list.items.iter().map(|object| object.to_value()).collect();
            let metadata = list.metadata.write();
            Arc::new(serde_json::json!({
                "apiVersion": info.api_version(),
                "kind": format!("{}List", info.kind),
                "metadata": metadata,
                "items": items,
            }))
        }
        Body::Empty => Arc::new(Value::Null),
    }
}
