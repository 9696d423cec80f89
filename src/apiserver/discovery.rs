//! Discovery: which groups, versions and resources there are.
//!
//! Mirrors apiserver/pkg/endpoints/discovery and its `aggregated` package. Leaves out: hashes and ETags.

use serde_json::{Value, json};

use crate::api::{KINDS, KindInfo};
use crate::sim::Order;

/// The version this cluster is of.
const GIT_VERSION: &str = "v1.36.0";

/// `/version`.
pub fn version() -> Value {
    json!({
        "major": "1",
        "minor": "36",
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": "kubarium/wasm32",
    })
}

/// `/`.
pub fn paths() -> Value {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned(), "/apis/".to_owned()];
    for group in groups_in_order() {
        paths.push(format!("/apis/{group}"));
        paths.push(format!("/apis/{group}/v1"));
    }
    let rest = ["/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/openapi/v3/", "/readyz", "/version"];
    paths.extend(rest.iter().map(|path| (*path).to_owned()));
    json!({"paths": paths})
}

/// The named groups in the order discovery lists them: by priority upstream, which for these is as here.
fn groups_in_order() -> Vec<&'static str> {
    /// `apiVersionPriorities` of pkg/controlplane/apiserver, highest first.
    const PRIORITIES: &[&str] = &[
        "apps",
        "events.k8s.io",
        "autoscaling",
        "batch",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "storage.k8s.io",
        "scheduling.k8s.io",
        "coordination.k8s.io",
        "node.k8s.io",
        "discovery.k8s.io",
    ];
    let mut groups: Vec<&'static str> = PRIORITIES.to_vec();
    for info in KINDS {
        if !info.group.is_empty() && !groups.contains(&info.group) {
            groups.push(info.group);
        }
    }
    groups.retain(|group| KINDS.iter().any(|info| info.group == *group));
    groups
}

/// Whether an accept header asks for everything at once.
fn wants_aggregated(accept: &str) -> Option<&'static str> {
    // The first of its clauses that this server knows decides.
    for clause in accept.split(',') {
        if clause.contains("as=APIGroupDiscoveryList") && clause.contains("g=apidiscovery.k8s.io") {
            if clause.contains("v=v2beta1") {
                continue;
            }
            if clause.contains("v=v2") {
                return Some("apidiscovery.k8s.io/v2");
            }
        } else if clause.trim().starts_with("application/json") && !clause.contains("as=") {
            return None;
        }
    }
    None
}

/// `/api` (the core group) or `/apis` (the named groups).
pub fn groups(core: bool, accept: &str) -> Value {
    if let Some(version) = wants_aggregated(accept) {
        let groups = if core { vec![""] } else { groups_in_order() };
        let items: Vec<Value> = groups.into_iter().map(aggregated_group).collect();
        return json!({"kind": "APIGroupDiscoveryList", "apiVersion": version, "metadata": {}, "items": items});
    }
    if core {
        return json!({
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "172.18.0.2:6443"}],
        });
    }
    let groups: Vec<Value> = groups_in_order().into_iter().map(group_entry).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

fn versions_of(group: &str) -> Vec<&'static str> {
    let mut versions: Vec<&'static str> = Vec::new();
    for info in KINDS.iter().filter(|info| info.group == group) {
        if !versions.contains(&info.version) {
            versions.push(info.version);
        }
    }
    versions
}

fn group_entry(group: &str) -> Value {
    let versions: Vec<Value> = versions_of(group)
        .into_iter()
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions[0]})
}

/// `/apis/<group>`.
pub fn group(group: &str) -> Value {
    let mut entry = group_entry(group);
    entry["kind"] = json!("APIGroup");
    entry["apiVersion"] = json!("v1");
    entry
}

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// The kinds of a group version by the name of their resource, as discovery sorts them.
fn sorted(group: &str, version: &str) -> Vec<&'static KindInfo> {
    let mut kinds: Vec<&'static KindInfo> =
        KINDS.iter().copied().filter(|info| info.group == group && info.version == version).collect();
    kinds.order_by_key(|info| info.plural);
    kinds
}

/// What a subresource speaks: its group, version, kind and verbs.
fn subresource(info: &KindInfo, name: &str) -> (&'static str, &'static str, &'static str, &'static [&'static str]) {
    match name {
        "binding" => ("", "v1", "Binding", &["create"]),
        "eviction" => ("policy", "v1", "Eviction", &["create"]),
        "finalize" => ("", "v1", "Namespace", &["update"]),
        "log" => ("", "v1", "Pod", &["get"]),
        "scale" => ("autoscaling", "v1", "Scale", &["get", "patch", "update"]),
        "token" => ("authentication.k8s.io", "v1", "TokenRequest", &["create"]),
        _ => (info.group, info.version, info.kind, &["get", "patch", "update"]),
    }
}

/// `/api/v1` or `/apis/<group>/<version>`.
pub fn resources(group: &str, version: &str) -> Value {
    let mut resources = Vec::new();
    for info in sorted(group, version) {
        let mut entry = json!({
            "name": info.plural,
            "singularName": info.singular,
            "namespaced": info.namespaced(),
            "kind": info.kind,
            "verbs": info.verbs,
        });
        if !info.short_names.is_empty() {
            entry["shortNames"] = json!(info.short_names);
        }
        if !info.categories.is_empty() {
            entry["categories"] = json!(info.categories);
        }
        resources.push(entry);
        for name in info.subresources {
            let (sub_group, sub_version, kind, verbs) = subresource(info, name);
            let mut entry = json!({
                "name": format!("{}/{name}", info.plural),
                "singularName": "",
                "namespaced": info.namespaced(),
                "kind": kind,
                "verbs": verbs,
            });
            if (sub_group, sub_version) != (info.group, info.version) {
                entry["group"] = json!(sub_group);
                entry["version"] = json!(sub_version);
            }
            resources.push(entry);
        }
    }
    json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version(group, version),
        "resources": resources,
    })
}

fn aggregated_group(group: &str) -> Value {
    let versions: Vec<Value> = versions_of(group)
        .into_iter()
        .map(|version| {
            let resources: Vec<Value> = sorted(group, version).into_iter().map(aggregated_resource).collect();
            json!({"version": version, "resources": resources, "freshness": "Current"})
        })
        .collect();
    let metadata = if group.is_empty() { json!({}) } else { json!({"name": group}) };
    json!({"metadata": metadata, "versions": versions})
}

fn aggregated_resource(info: &'static KindInfo) -> Value {
    let kind = |group: &str, version: &str, kind: &str| json!({"group": group, "version": version, "kind": kind});
    let mut entry = json!({
        "resource": info.plural,
        "responseKind": kind(info.group, info.version, info.kind),
        "scope": if info.namespaced() { "Namespaced" } else { "Cluster" },
        "singularResource": info.singular,
        "verbs": info.verbs,
    });
    if !info.short_names.is_empty() {
        entry["shortNames"] = json!(info.short_names);
    }
    if !info.categories.is_empty() {
        entry["categories"] = json!(info.categories);
    }
    if !info.subresources.is_empty() {
        let subresources: Vec<Value> = info
            .subresources
            .iter()
            .map(|name| {
                let (group, version, spoken, verbs) = subresource(info, name);
                json!({"subresource": name, "responseKind": kind(group, version, spoken), "verbs": verbs})
            })
            .collect();
        entry["subresources"] = json!(subresources);
    }
    entry
}
