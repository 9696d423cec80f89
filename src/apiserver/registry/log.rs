//! `pods/log`: passed on to the pod's kubelet.
//!
//! Mirrors pkg/registry/core/pod (`LogLocation`, `validateContainer`). Leaves out: `stream`, TLS.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod};

use crate::api::{Body, CallId, Kind, Message, Method, Object, Reason, Request, Response, Status};
use crate::sim::{Ctx, ProcessId};

use super::super::route::Resource;
use super::super::server::ApiServer;
use super::super::stage::{Call, Origin, Stage};

/// A request passed on to a kubelet.
#[derive(Clone, Debug)]
pub struct Forward {
    call: Call,
    kubelet: ProcessId,
    /// Whether the answer came and the stream goes on.
    streaming: bool,
}

/// What of a log request the kubelet takes over.
const PASSED_ON: &[&str] = &[
    "follow",
    "insecureSkipTLSVerifyBackend",
    "limitBytes",
    "previous",
    "sinceSeconds",
    "sinceTime",
    "tailLines",
    "timestamps",
];

impl ApiServer {
    /// Asks the kubelet for a container's log.
    pub(super) fn log(&mut self, ctx: &mut Ctx<'_, Message>, mut call: Call, resource: Resource) {
        call.stage(ctx, Stage::Registry);
        let pod = self.cache.get(Kind::Pod, &resource.key());
        let Some(Object::Pod(pod)) = pod.as_deref() else {
            let status = Status::not_found(Kind::Pod.info(), &resource.name);
            return self.respond(ctx, call, Err(status));
        };
        let container = match container_of(pod, call.request.param("container").unwrap_or_default()) {
            Ok(container) => container,
            Err(status) => return self.respond(ctx, call, Err(status)),
        };
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
        if node.is_empty() {
            // Nobody has run it yet: it has said nothing.
            return self.respond(ctx, call, Ok((200, Body::Text(Arc::from("")))));
        }
        let Some(kubelet) = ctx.resolve(&format!("kubelet/{node}")) else {
            let why = format!("no preferred addresses found; known addresses: [] for node {node}");
            return self.respond(ctx, call, Err(Status::new(Reason::InternalError, why)));
        };
        let path = format!("/containerLogs/{}/{}/{container}", resource.namespace, resource.name);
        let mut request = Request::new(Method::Get, path);
        request.user_agent = Arc::from("Go-http-client/1.1");
        request.user = Arc::from("kube-apiserver-kubelet-client");
        request.query = call.request.query.iter().filter(|(name, _)| PASSED_ON.contains(&&**name)).cloned().collect();
        let id = CallId(self.number());
        let ahead = call.ahead(ctx);
        ctx.send_after(ahead, kubelet, Message::Request { call: id, request: Arc::new(request) });
        self.forwards.insert(id, Forward { call, kubelet, streaming: false });
    }

    /// The kubelet's answer.
    pub(in super::super) fn forward_response(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        id: CallId,
        response: &Arc<Response>,
    ) {
        let Some(forward) = self.forwards.get_mut(&id) else { return };
        let follows = matches!(forward.call.request.param("follow"), Some("true" | "1"));
        let mut call = forward.call.clone();
        call.resume(ctx);
        if follows && response.is_success() {
            forward.streaming = true;
        } else {
            self.forwards.remove(&id);
        }
        let result = match response.status() {
            Some(status) => Err(status.clone()),
            None => Ok((response.code, response.body.clone())),
        };
        self.respond(ctx, call, result);
    }

    /// More of a log that is followed.
    pub(in super::super) fn forward_chunk(&mut self, ctx: &mut Ctx<'_, Message>, id: CallId, text: &Arc<str>) {
        if let Some(Forward { call: Call { origin: Origin::Client { process, call }, .. }, .. }) =
            self.forwards.get(&id)
        {
            ctx.send(*process, Message::Chunk { call: *call, text: text.clone() });
        }
    }

    /// The end of it.
    pub(in super::super) fn forward_end(&mut self, ctx: &mut Ctx<'_, Message>, id: CallId) {
        if let Some(Forward { call: Call { origin: Origin::Client { process, call }, .. }, .. }) =
            self.forwards.remove(&id)
        {
            ctx.send(process, Message::StreamEnd { call });
        }
    }

    /// The client wants no more.
    pub(in super::super) fn cancel_forward(&mut self, ctx: &mut Ctx<'_, Message>, process: ProcessId, id: CallId) {
        let origin = Origin::Client { process, call: id };
        let found = self.forwards.iter().find(|(_, forward)| forward.call.origin == origin);
        let Some((number, kubelet)) = found.map(|(number, forward)| (*number, forward.kubelet)) else { return };
        self.forwards.remove(&number);
        ctx.send(kubelet, Message::Cancel { call: number });
    }

    /// A client or a kubelet is gone.
    pub(in super::super) fn forward_peer_gone(&mut self, ctx: &mut Ctx<'_, Message>, peer: ProcessId) {
        let concerned: Vec<CallId> = self
            .forwards
            .iter()
            .filter(|(_, forward)| {
                forward.kubelet == peer
                    || matches!(forward.call.origin, Origin::Client { process, .. } if process == peer)
            })
            .map(|(id, _)| *id)
            .collect();
        for id in concerned {
            let Some(Forward { mut call, kubelet, streaming }) = self.forwards.remove(&id) else { continue };
            if kubelet != peer {
                ctx.send(kubelet, Message::Cancel { call: id });
            } else if streaming {
                if let Origin::Client { process, call } = call.origin {
                    ctx.send(process, Message::StreamEnd { call });
                }
            } else {
                call.resume(ctx);
                let status = self.unreachable(ctx, &call, kubelet);
                self.respond(ctx, call, Err(status));
            }
        }
    }

    fn unreachable(&self, ctx: &Ctx<'_, Message>, call: &Call, kubelet: ProcessId) -> Status {
        let name = ctx.name_of(kubelet);
        let node = name.strip_prefix("kubelet/").unwrap_or(&name);
        let address = match self.cache.find(Kind::Node, "", node).as_deref() {
            Some(Object::Node(node)) => {
                let addresses = node.status.as_ref().and_then(|status| status.addresses.as_ref());
                let internal = addresses.into_iter().flatten().find(|address| address.type_ == "InternalIP");
                internal.map(|address| address.address.clone())
            }
            _ => None,
        };
        let address = address.unwrap_or_else(|| node.to_owned());
        let path = call.request.path.trim_start_matches("/api/v1/namespaces/").trim_end_matches("/log");
        let path = path.replace("/pods/", "/");
        let why = format!(
            "Get \"https://{address}:10250/containerLogs/{path}\": dial tcp {address}:10250: connect: connection refused"
        );
        Status::new(Reason::InternalError, why)
    }
}

/// The container that a log request means.
fn container_of(pod: &Pod, wanted: &str) -> Result<String, Status> {
    let spec = pod.spec.as_ref();
    let names = |containers: Option<&Vec<Container>>| -> Vec<String> {
        containers.into_iter().flatten().map(|container| container.name.clone()).collect()
    };
    let containers = names(spec.map(|spec| &spec.containers));
    let init = names(spec.and_then(|spec| spec.init_containers.as_ref()));
    let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
    let bad = |why: String| Err(Status::new(Reason::BadRequest, why));
    if wanted.is_empty() {
        return match containers.as_slice() {
            [one] => Ok(one.clone()),
            [] => bad(format!("a container name must be specified for pod {pod_name}")),
            many => {
                let mut why = format!(
                    "a container name must be specified for pod {pod_name}, choose one of: [{}]",
                    many.join(" ")
                );
                if !init.is_empty() {
                    why.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
                }
                bad(why)
            }
        };
    }
    if containers.iter().chain(&init).any(|name| name == wanted) {
        return Ok(wanted.to_owned());
    }
    bad(format!("container {wanted} is not valid for pod {pod_name}"))
}
