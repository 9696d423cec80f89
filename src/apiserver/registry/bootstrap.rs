//! What a cluster begins with: the system namespaces, the system priority classes, and the `kubernetes` service with
//! its endpoints.
//!
//! Mirrors pkg/controlplane/controller (systemnamespaces, kubernetesservice), the hook
//! `scheduling/bootstrap-system-priority-classes`, and pkg/controlplane/reconcilers for the one API server there is:
//! its endpoints are put right again when somebody else wrote them. Leaves out: the master leases by which several
//! servers tell each other that they are there, default roles.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::kinds::priorityclass;
use crate::api::{Body, Kind, Message, Method, Object, Request, Status};
use crate::sim::Ctx;

use super::super::server::{ApiServer, timer};
use super::super::stage::{Call, Origin};

/// How often it looks whether all is there: `DefaultEndpointReconcilerInterval` (the namespaces would be looked at
/// every minute); after a failure it tries again sooner.
const INTERVAL: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(1);
/// `--advertise-address` and the secure port.
const ADDRESS: &str = "172.18.0.2";
const PORT: i32 = 6443;
const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";

/// The namespaces, in the order they are made.
const NAMESPACES: &[&str] = &["kube-system", "kube-public", "kube-node-lease", "default"];

fn kubernetes_service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"provider": "kubernetes", "component": "apiserver"},
        },
        "spec": {
            "clusterIP": "10.96.0.1",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": PORT}],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
    })
}

/// The endpoints of it that the server keeps itself (`endpointsAdapter`).
fn kubernetes_endpoints() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {SKIP_MIRROR: "true"},
        },
        "subsets": [{
            "addresses": [{"ip": ADDRESS}],
            "ports": [{"name": "https", "port": PORT, "protocol": "TCP"}],
        }],
    })
}

fn kubernetes_slice() -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": true}}],
        "ports": [{"name": "https", "port": PORT, "protocol": "TCP"}],
    })
}

/// What the `kubernetes` service consists of, in the order it is made.
const OF_KUBERNETES: &[(Kind, fn() -> Value)] = &[
    (Kind::Service, kubernetes_service),
    (Kind::Endpoints, kubernetes_endpoints),
    (Kind::EndpointSlice, kubernetes_slice),
];

/// The endpoints as they must become, if they are not so: one subset with the server's address, not mirrored
/// (`checkEndpointSubsetFormatWithLease`). Ports are put right only where everything is made anew.
fn mended_endpoints(current: &Object) -> Option<Value> {
    let mut value = current.to_value();
    let before = value.clone();
    let wanted = kubernetes_endpoints();
    value["metadata"]["labels"][SKIP_MIRROR] = json!("true");
    match value["subsets"].as_array().map(Vec::as_slice) {
        Some([only]) => {
            let addresses = only["addresses"].as_array().map(Vec::as_slice).unwrap_or_default();
            if !matches!(addresses, [one] if one["ip"] == ADDRESS) {
                value["subsets"][0]["addresses"] = wanted["subsets"][0]["addresses"].clone();
            }
        }
        _ => value["subsets"] = wanted["subsets"].clone(),
    }
    (value != before).then_some(value)
}

/// The slice as the endpoints have it, if it is not so (`EnsureEndpointSliceFromEndpoints`).
fn mended_slice(current: &Object, endpoints: &Object) -> Option<Value> {
    let mut value = current.to_value();
    let before = value.clone();
    let (wanted, endpoints) = (kubernetes_slice(), endpoints.to_value());
    value["metadata"]["labels"] = wanted["metadata"]["labels"].clone();
    value["ports"] = endpoints["subsets"][0]["ports"].clone();
    value["endpoints"] = wanted["endpoints"].clone();
    (value != before).then_some(value)
}

impl ApiServer {
    /// The cache is filled for the first time since the start.
    pub(in super::super) fn begin(&mut self, ctx: &mut Ctx<'_, Message>) {
        if !std::mem::replace(&mut self.bootstrapping, true) {
            self.bootstrap(ctx);
        }
    }

    /// Makes the first of these things that is missing; its answer leads to the next.
    pub(in super::super) fn bootstrap(&mut self, ctx: &mut Ctx<'_, Message>) {
        let missing = NAMESPACES.iter().find(|name| self.cache.find(Kind::Namespace, "", name).is_none());
        let absent = |kind: Kind| self.cache.find(kind, "default", "kubernetes").is_none();
        let (path, body) = if let Some(name) = missing {
            let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            (Kind::Namespace.info().path("", ""), body)
        } else if let Some(class) = self.missing_class() {
            (Kind::PriorityClass.info().path("", ""), class)
        } else if let Some((kind, body)) = OF_KUBERNETES.iter().find(|(kind, _)| absent(*kind)) {
            (kind.info().path("default", ""), body())
        } else if let Some((kind, body)) = self.mended() {
            let request = Request::new(Method::Put, kind.info().path("default", "kubernetes"));
            return self.ask_itself(ctx, request.body(Body::Json(Arc::new(body))));
        } else {
            ctx.set_timer(INTERVAL, timer::BOOTSTRAP);
            self.serve_waiting(ctx);
            return;
        };
        self.ask_itself(ctx, Request::new(Method::Post, path).body(Body::Json(Arc::new(body))));
    }

    /// What of the `kubernetes` service somebody else has changed, as it must become.
    fn mended(&self) -> Option<(Kind, Value)> {
        let endpoints = self.cache.find(Kind::Endpoints, "default", "kubernetes")?;
        let slice = self.cache.find(Kind::EndpointSlice, "default", "kubernetes")?;
        let own = mended_endpoints(&endpoints).map(|value| (Kind::Endpoints, value));
        own.or_else(|| mended_slice(&slice, &endpoints).map(|value| (Kind::EndpointSlice, value)))
    }

    fn ask_itself(&mut self, ctx: &mut Ctx<'_, Message>, mut request: Request) {
        request.user_agent = Arc::from("kube-apiserver/v1.36.0");
        request.user = Arc::from("system:apiserver");
        let call = Call::new(ctx, Origin::Bootstrap, Arc::new(request));
        self.handle(ctx, call);
    }

    fn missing_class(&self) -> Option<Value> {
        let missing = |(name, ..): &&(&str, i32, &str)| self.cache.find(Kind::PriorityClass, "", name).is_none();
        priorityclass::SYSTEM.iter().find(missing).map(|(name, value, description)| {
            json!({
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name},
                "value": value,
                "description": description,
            })
        })
    }

    /// The answer to one of these creations.
    pub(in super::super) fn bootstrapped(&mut self, ctx: &mut Ctx<'_, Message>, result: Result<(u16, Body), Status>) {
        match result {
            Ok(_) => self.bootstrap(ctx),
            Err(_) => {
                ctx.set_timer(RETRY, timer::BOOTSTRAP);
            }
        }
    }
}
