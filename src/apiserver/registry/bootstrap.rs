//! What a cluster begins with: the system namespaces, the system priority classes and the `kubernetes` service.
//!
//! Mirrors pkg/controlplane/controller (systemnamespaces, kubernetesservice) and the hook
//! `scheduling/bootstrap-system-priority-classes`. Leaves out: endpoints of the `kubernetes` service, default roles.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::kinds::priorityclass;
use crate::api::{Body, Kind, Message, Method, Request, Status};
use crate::sim::Ctx;

use super::super::server::{ApiServer, timer};
use super::super::stage::{Call, Origin};

/// How often it looks whether all is there: `SystemNamespacesController`'s interval is a minute; after a
/// failure it tries again sooner.
const INTERVAL: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(1);

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
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
    })
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
        let (path, body) = if let Some(name) = missing {
            ("/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        } else if let Some(class) = self.missing_class() {
            ("/apis/scheduling.k8s.io/v1/priorityclasses", class)
        } else if self.cache.find(Kind::Service, "default", "kubernetes").is_none() {
            ("/api/v1/namespaces/default/services", kubernetes_service())
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
