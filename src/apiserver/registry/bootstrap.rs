//! What a cluster begins with: the system namespaces, the system priority classes, and the `kubernetes` service with
//! its endpoints.
//!
//! Mirrors pkg/controlplane/controller (systemnamespaces, kubernetesservice), the hook
//! `scheduling/bootstrap-system-priority-classes`, and pkg/controlplane/reconcilers for the one API server there is.
//! Leaves out: the master leases by which several tell each other that they are there, default roles.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::kinds::priorityclass;
use crate::api::{Body, Kind, Message, Method, Request, Status};
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
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
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
        } else {
            ctx.set_timer(INTERVAL, timer::BOOTSTRAP);
            self.serve_waiting(ctx);
            return;
        };
        let mut request = Request::new(Method::Post, path).body(Body::Json(Arc::new(body)));
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
