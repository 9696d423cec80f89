//! What resources the server has, and which one a word means.
//!
//! Mirrors client-go's discovery and restmapper packages. Leaves out: the cache on disk.

use std::sync::Arc;

use serde_json::Value;

use crate::api::http::{Body, Method};
use crate::api::kind::KindInfo;
use crate::api::{Request, Response, find_resource};

use super::errors::{Stop, fail};
use super::io::{Io, check};

/// The accept header that asks for aggregated discovery.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// A resource as discovery describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub singular: String,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    pub namespaced: bool,
    pub verbs: Vec<String>,
    pub subresources: Vec<String>,
}

impl Resource {
    /// `StatefulSet.apps`, `Pod`.
    pub fn group_kind(&self) -> String {
        if self.group.is_empty() { self.kind.clone() } else { format!("{}.{}", self.kind, self.group) }
    }

    /// `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`.
    pub fn group_resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `deployment.apps`: the kind in messages.
    pub fn kind_name(&self) -> String {
        let kind = self.kind.to_lowercase();
        if self.group.is_empty() { kind } else { format!("{kind}.{}", self.group) }
    }

    /// The path of the collection (empty name) or of an object.
    pub fn path(&self, namespace: &str, name: &str) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if self.namespaced && !namespace.is_empty() {
            path.push_str("/namespaces/");
            path.push_str(namespace);
        }
        path.push('/');
        path.push_str(&self.plural);
        if !name.is_empty() {
            path.push('/');
            path.push_str(name);
        }
        path
    }

    /// The registered kind, if this is one.
    pub fn info(&self) -> Option<&'static KindInfo> {
        find_resource(&self.group, &self.version, &self.plural)
    }

    fn called(&self, name: &str) -> bool {
        self.plural == name || self.singular == name || self.short_names.iter().any(|short| short == name)
    }
}

/// Everything the server has, in the order it lists it.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    pub resources: Vec<Arc<Resource>>,
    /// `group/version` pairs, in order.
    pub versions: Vec<String>,
}

/// Discovery, from memory after the first use.
///
/// # Errors
/// Those of the requests.
pub fn discover(io: &mut Io<'_, '_>) -> Result<Arc<Discovery>, Stop> {
    let known = io.memo(|io| io.shared.discovery.clone())?;
    match &*known {
        Some(discovery) => Ok(discovery.clone()),
        None => fetch(io),
    }
}

fn fetch(io: &mut Io<'_, '_>) -> Result<Arc<Discovery>, Stop> {
    let mut discovery = Discovery::default();
    for root in ["/api", "/apis"] {
        let response = io.send(|| {
            let mut request = Request::new(Method::Get, root);
            request.accept = Arc::from(AGGREGATED);
            request
        })?;
        check(&response)?;
        let Some(document) = json(&response) else { continue };
        if document["kind"] == "APIGroupDiscoveryList" {
            discovery.aggregated(&document);
        } else {
            for path in group_paths(root, &document) {
                let response = io.send(|| Request::new(Method::Get, path.as_str()))?;
                if let (true, Some(list)) = (response.is_success(), json(&response)) {
                    discovery.list(&list);
                }
            }
        }
    }
    let discovery = Arc::new(discovery);
    io.memo(|io| io.shared.discovery = Some(discovery.clone()))?;
    Ok(discovery)
}

/// The JSON a response carries.
pub fn json(response: &Response) -> Option<Arc<Value>> {
    match &response.body {
        Body::Json(value) => Some(value.clone()),
        Body::Bytes(bytes) => serde_json::from_slice(bytes).ok().map(Arc::new),
        Body::Text(text) => serde_json::from_slice(text.as_bytes()).ok().map(Arc::new),
        _ => None,
    }
}

fn group_paths(root: &str, document: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if document["kind"] == "APIVersions" {
        let versions = document["versions"].as_array().into_iter().flatten().filter_map(text);
        return versions.map(|version| format!("{root}/{version}")).collect();
    }
    let groups = document["groups"].as_array().into_iter().flatten();
    groups
        .flat_map(|group| group["versions"].as_array().into_iter().flatten())
        .filter_map(|version| text(&version["groupVersion"]))
        .map(|version| format!("{root}/{version}"))
        .collect()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Discovery {
    fn aggregated(&mut self, document: &Value) {
        for group in document["items"].as_array().into_iter().flatten() {
            let group_name = string(&group["metadata"]["name"]);
            for version in group["versions"].as_array().into_iter().flatten() {
                let version_name = string(&version["version"]);
                for item in version["resources"].as_array().into_iter().flatten() {
                    let subresources = item["subresources"].as_array().into_iter().flatten();
                    self.resources.push(Arc::new(Resource {
                        group: group_name.clone(),
                        version: version_name.clone(),
                        kind: string(&item["responseKind"]["kind"]),
                        plural: string(&item["resource"]),
                        singular: string(&item["singularResource"]),
                        short_names: strings(&item["shortNames"]),
                        categories: strings(&item["categories"]),
                        namespaced: item["scope"] == "Namespaced",
                        verbs: strings(&item["verbs"]),
                        subresources: subresources.map(|sub| string(&sub["subresource"])).collect(),
                    }));
                }
                self.version(&group_name, &version_name);
            }
        }
    }

    /// An `APIResourceList` of the old form.
    fn list(&mut self, document: &Value) {
        let group_version = string(&document["groupVersion"]);
        let (group, version) = group_version.split_once('/').unwrap_or(("", &group_version));
        self.version(group, version);
        for item in document["resources"].as_array().into_iter().flatten() {
            let name = string(&item["name"]);
            if let Some((main, sub)) = name.split_once('/') {
                let place = self.resources.iter_mut().rfind(|known| known.plural == main && known.group == group);
                if let Some(known) = place {
                    Arc::make_mut(known).subresources.push(sub.to_owned());
                }
                continue;
            }
            self.resources.push(Arc::new(Resource {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: string(&item["kind"]),
                plural: name,
                singular: string(&item["singularName"]),
                short_names: strings(&item["shortNames"]),
                categories: strings(&item["categories"]),
                namespaced: item["namespaced"] == true,
                verbs: strings(&item["verbs"]),
                subresources: Vec::new(),
            }));
        }
    }

    fn version(&mut self, group: &str, version: &str) {
        let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        if !self.versions.contains(&name) {
            self.versions.push(name);
        }
    }

    /// The resource a word means: `po`, `pods`, `Pod`, `deployments.apps`, `deployments.v1.apps`.
    pub fn resource(&self, word: &str) -> Option<Arc<Resource>> {
        let lower = word.to_lowercase();
        let (name, rest) = lower.split_once('.').unwrap_or((&lower, ""));
        let named = |group: &str, version: &str| {
            self.resources
                .iter()
                .find(|resource| {
                    // A partial group matches by prefix, as the priority mapper does.
                    let group_fits = group.is_empty() || resource.group == group;
                    group_fits && (version.is_empty() || resource.version == version) && resource.called(name)
                })
                .cloned()
        };
        if let Some((version, group)) = rest.split_once('.')
            && let Some(found) = named(group, version)
        {
            return Some(found);
        }
        if rest.is_empty() {
            return named("", "");
        }
        named(rest, "").or_else(|| named("", rest).filter(|resource| resource.group.is_empty()))
    }

    /// The resources of a category, in order.
    pub fn category(&self, name: &str) -> Vec<Arc<Resource>> {
        let mut found: Vec<Arc<Resource>> = Vec::new();
        for resource in &self.resources {
            let seen = found.iter().any(|known| known.group == resource.group && known.plural == resource.plural);
            if !seen && resource.categories.iter().any(|category| category == name) {
                found.push(resource.clone());
            }
        }
        found
    }
}

/// The resource a word means; asks the server anew before giving up on it.
///
/// # Errors
/// `the server doesn't have a resource type "foo"`.
pub fn resource(io: &mut Io<'_, '_>, word: &str) -> Result<Arc<Resource>, Stop> {
    let discovery = discover(io)?;
    if let Some(found) = discovery.resource(word) {
        return Ok(found);
    }
    let (name, rest) = word.split_once('.').unwrap_or((word, ""));
    if rest.is_empty() {
        return fail(format!("the server doesn't have a resource type \"{name}\""));
    }
    fail(format!("the server doesn't have a resource type \"{name}\" in group \"{rest}\""))
}
