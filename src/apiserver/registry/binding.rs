//! `pods/binding`: a pod gets its node. No Binding is stored.
//!
//! Mirrors pkg/registry/core/pod/storage (`BindingREST.assignPod`, `setPodHostAndAnnotations`).

use std::sync::Arc;

use k8s_openapi::api::core::v1::PodCondition;

use crate::api::{FieldError, Kind, Message, Object, Reason, Status, Typed, time};
use crate::sim::Ctx;

use super::super::options::dry_run;
use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Stage};
use super::body;
use super::mutation::{Change, Decision, Mutation};

impl ApiServer {
    /// `POST` of a Binding, to `pods/x/binding` or to `bindings`.
    pub(super) fn bind(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::DecodingAndDefaulting);
        let mutation = body::object(&mut call, Kind::Binding.info()).and_then(|binding| {
            let name = if resource.kind == Kind::Pod { resource.name.clone() } else { Arc::from(binding.name()) };
            if !binding.name().is_empty() && *binding.name() != *name {
                return Err(Status::new(Reason::BadRequest, "name in URL does not match name in Binding object"));
            }
            let pod = Resource {
                kind: Kind::Pod,
                namespace: resource.namespace.clone(),
                name,
                subresource: Arc::from("binding"),
            };
            Ok(Mutation { resource: pod, change: Change::Bind(Arc::new(binding)), dry_run: dry_run(&call.request)? })
        });
        call.stage(ctx, Stage::Validation);
        match mutation {
            Ok(mutation) => self.mutate(ctx, call, mutation),
            Err(status) => self.respond(ctx, call, Err(status)),
        }
    }
}

fn conflict(pod: &str, why: &str) -> Status {
    // Upstream names the subresource as the resource here.
    let mut status = Status::conflict(Kind::Pod.info(), pod, why);
    status.message = format!("Operation cannot be fulfilled on pods/binding \"{pod}\": {why}");
    if let Some(details) = &mut status.details {
        details.kind = Some("pods/binding".to_owned());
    }
    status
}

/// The pod on the node that a binding names.
pub(super) fn bound(binding: &Object, current: &Arc<Object>, now_unix_micros: i64) -> Result<Decision, Status> {
    let (Object::Binding(binding), Object::Pod(pod)) = (binding, &**current) else {
        unreachable!("a Binding is of a pod");
    };
    let name = current.name();
    let target = &binding.target;
    let invalid = |field: &str, reason, message| {
        Status::invalid_as("", "Binding", name, &[FieldError { field: field.to_owned(), reason, message }])
    };
    if !target.kind.as_deref().is_none_or(|kind| kind.is_empty() || kind == "Node") {
        let kind = target.kind.as_deref().unwrap_or_default();
        let message = format!("Unsupported value: {kind:?}: supported values: \"Node\", \"<empty>\"");
        return Err(invalid("target.kind", "FieldValueNotSupported", message));
    }
    let node = target.name.as_deref().unwrap_or_default();
    if node.is_empty() {
        return Err(invalid("target.name", "FieldValueRequired", "Required value".to_owned()));
    }
    if let Some(uid) = binding.metadata.uid.as_deref().filter(|uid| !uid.is_empty())
        && uid != current.uid()
    {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", current.uid());
        return Err(conflict(name, &why));
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return Err(conflict(name, &format!("pod {name} is being deleted, cannot be assigned to a host")));
    }
    if let Some(host) = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).filter(|host| !host.is_empty()) {
        return Err(conflict(name, &format!("pod {name} is already assigned to node \"{host}\"")));
    }
    if pod.spec.as_ref().and_then(|spec| spec.scheduling_gates.as_ref()).is_some_and(|gates| !gates.is_empty()) {
        return Err(conflict(name, &format!("pod {name} has non-empty .spec.schedulingGates")));
    }
    let mut pod = pod.clone();
    pod.spec.get_or_insert_default().node_name = Some(node.to_owned());
    for (key, value) in binding.metadata.annotations.iter().flatten() {
        pod.metadata.annotations.get_or_insert_default().insert(key.clone(), value.clone());
    }
    let generation = pod.metadata.generation;
    let status = pod.status.get_or_insert_default();
    status.nominated_node_name = None;
    let conditions = status.conditions.get_or_insert_default();
    let scheduled = PodCondition {
        type_: "PodScheduled".to_owned(),
        status: "True".to_owned(),
        observed_generation: generation,
        last_transition_time: Some(time::time(now_unix_micros)),
        ..PodCondition::default()
    };
    match conditions.iter_mut().find(|condition| condition.type_ == "PodScheduled") {
        Some(condition) => *condition = scheduled,
        None => conditions.push(scheduled),
    }
    Ok(Decision::Put { object: Box::new(pod.into_object()), then_delete: false })
}
