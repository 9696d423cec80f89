//! Paths: what a request is about.
//!
//! Mirrors apiserver/pkg/endpoints/request.RequestInfo. Leaves out: the deprecated `/watch/` paths, proxies.

use std::sync::Arc;

use crate::api::{KINDS, Kind, KindInfo, find_resource};

use super::review::{self, Review};

/// What a path names.
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    /// A collection, an object or a subresource.
    Resource(Resource),
    /// `/api` or `/apis`: all groups.
    Groups {
        core: bool,
    },
    /// `/apis/<group>`.
    Group(String),
    /// `/api/v1` or `/apis/<group>/<version>`: its resources.
    GroupVersion(String, String),
    Version,
    /// `/livez`, `/readyz`, `/healthz`, with the check named after it.
    Health {
        endpoint: &'static str,
        check: String,
    },
    /// `/openapi/v2`.
    OpenApiV2,
    /// `/openapi/v3`, with the group version after it (empty: the index).
    OpenApi(String),
    /// A review of what the sender may do.
    Review(Review),
    /// `/`: the paths there are.
    Root,
}

/// A resource path.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub kind: Kind,
    /// Empty: cluster-scoped, or all namespaces.
    pub namespace: Arc<str>,
    /// Empty: the collection.
    pub name: Arc<str>,
    /// Empty: the object itself.
    pub subresource: Arc<str>,
}

impl Resource {
    /// What the registry says of its kind.
    pub fn info(&self) -> &'static KindInfo {
        self.kind.info()
    }

    /// The etcd key of the object.
    pub fn key(&self) -> Arc<str> {
        Arc::from(self.kind.info().stored_as.info().etcd_key(&self.namespace, &self.name))
    }
}

/// Reads a path; `None` is a 404.
pub fn route(path: &str) -> Option<Route> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    match segments.as_slice() {
        [""] => Some(Route::Root),
        ["version"] => Some(Route::Version),
        ["livez", rest @ ..] => Some(Route::Health { endpoint: "livez", check: rest.join("/") }),
        ["readyz", rest @ ..] => Some(Route::Health { endpoint: "readyz", check: rest.join("/") }),
        ["healthz", rest @ ..] => Some(Route::Health { endpoint: "healthz", check: rest.join("/") }),
        ["openapi", "v2"] => Some(Route::OpenApiV2),
        ["openapi", "v3", rest @ ..] => Some(Route::OpenApi(rest.join("/"))),
        ["api"] => Some(Route::Groups { core: true }),
        ["apis"] => Some(Route::Groups { core: false }),
        ["apis", group] => known_group(group).then(|| Route::Group((*group).to_owned())),
        ["api", version, rest @ ..] => in_group("", version, rest),
        ["apis", group, version, rest @ ..] => in_group(group, version, rest),
        _ => None,
    }
}

fn known_group(group: &str) -> bool {
    !group.is_empty() && KINDS.iter().any(|info| info.group == group)
}

fn in_group(group: &str, version: &str, rest: &[&str]) -> Option<Route> {
    if rest.is_empty() {
        let known = KINDS.iter().any(|info| info.group == group && info.version == version);
        return known.then(|| Route::GroupVersion(group.to_owned(), version.to_owned()));
    }
    if let Some(review) = review::of(group, version, rest) {
        return Some(Route::Review(review));
    }
    let (namespace, rest) = match rest {
        // A namespace is an object too, and `status` and `finalize` are its subresources.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => ("", rest),
        ["namespaces", namespace, rest @ ..] => (*namespace, rest),
        _ => ("", rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (*plural, "", String::new()),
        [plural, name] => (*plural, *name, String::new()),
        [plural, name, subresource @ ..] => (*plural, *name, subresource.join("/")),
        [] => return None,
    };
    let info = find_resource(group, version, plural)?;
    if !info.namespaced() && !namespace.is_empty() {
        return None;
    }
    if info.namespaced() && namespace.is_empty() && !name.is_empty() {
        return None;
    }
    if !subresource.is_empty() && !info.subresources.contains(&subresource.as_str()) {
        return None;
    }
    Some(Route::Resource(Resource {
        kind: info.id,
        namespace: Arc::from(namespace),
        name: Arc::from(name),
        subresource: Arc::from(subresource),
    }))
}

#[cfg(test)]
mod tests {
    use super::{Route, route};

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let seen = match route(path) {
            None => "404".to_owned(),
            Some(Route::Resource(it)) => {
                format!("{} ns={} name={} sub={}", it.info().group_resource(), it.namespace, it.name, it.subresource)
            }
            Some(other) => format!("{other:?}"),
        };
        assert_eq!(seen, expected, "{path}");
    }

    #[test]
    fn paths() {
        check("/api/v1/pods", "pods ns= name= sub=");
        check("/api/v1/namespaces/default/pods", "pods ns=default name= sub=");
        check("/api/v1/namespaces/default/pods/web/log", "pods ns=default name=web sub=log");
        check("/api/v1/namespaces/default", "namespaces ns= name=default sub=");
        check("/api/v1/namespaces/default/finalize", "namespaces ns= name=default sub=finalize");
        check("/apis/apps/v1/namespaces/a/deployments/web/scale", "deployments.apps ns=a name=web sub=scale");
        check("/api/v1/nodes/node-a/status", "nodes ns= name=node-a sub=status");
        check("/api/v1/namespaces/default/nodes", "404");
        check("/api/v1/pods/web", "404");
        check("/api/v1/things", "404");
        check("/apis/apps/v1", "GroupVersion(\"apps\", \"v1\")");
        check("/apis/apps", "Group(\"apps\")");
        check("/apis/nope", "404");
        check("/livez/ping", "Health { endpoint: \"livez\", check: \"ping\" }");
        check("/openapi/v3/apis/apps/v1", "OpenApi(\"apis/apps/v1\")");
    }
}
