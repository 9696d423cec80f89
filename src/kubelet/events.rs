//! Events about pods and the node.

use std::sync::Arc;

use crate::api::{Message, Object, ObjectKey};
use crate::client::{EventKind, Involved};
use crate::sim::Ctx;

use super::pod::{container, field_path, spec};
use super::process::{Call, Kubelet};

impl Kubelet {
    /// Says something about a pod.
    pub(super) fn pod_event(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        pod: &Object,
        kind: EventKind,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        self.event(ctx, Involved::object(pod), kind, reason, message.into());
    }

    /// Says something about a container of a pod.
    pub(super) fn container_event(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        pod: &Object,
        name: &str,
        kind: EventKind,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        let path = container(spec(pod), name).map(|(role, _)| field_path(role, name)).unwrap_or_default();
        self.event(ctx, Involved::part(pod, &path), kind, reason, message.into());
    }

    /// Says something about the node. The kubelet knows no uid of it, and gives its name.
    pub(super) fn node_event(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        kind: EventKind,
        reason: &'static str,
        message: impl Into<String>,
    ) {
        let involved = Involved {
            api_version: Arc::from("v1"),
            kind: "Node",
            key: ObjectKey::new("", &self.config.node),
            uid: self.config.node.clone(),
            resource_version: 0,
            field_path: Arc::from(""),
        };
        self.event(ctx, involved, kind, reason, message.into());
    }

    fn event(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        involved: Involved,
        kind: EventKind,
        reason: &'static str,
        message: String,
    ) {
        let request = self.recorder.record(ctx.now(), ctx.unix_micros(), &involved, kind, reason, message);
        if let Some(request) = request {
            self.calls.send(ctx, request, Call::Event);
        }
    }
}
