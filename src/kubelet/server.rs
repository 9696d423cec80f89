//! The kubelet's own server: container logs, for the API server.
//!
//! Mirrors pkg/kubelet/server `getContainerLogs` and `GetKubeletContainerLogs`. Leaves out: exec,
//! attach, port-forward, metrics, and everything else it serves.

use std::sync::Arc;

use crate::sim::persistent::OrdMap;

use crate::api::cri::{CriError, CriRequest, CriResponse, LogLine, LogOptions};
use crate::api::time;
use crate::api::{Body, CallId, Message, Object, ObjectKey, Reason, Request, Response, Status};
use crate::sim::{Ctx, ProcessId};

use super::pod;
use super::process::Kubelet;
use super::runtime::CriCall;
use super::status;

/// A log that is being read for somebody.
#[derive(Clone, Debug)]
pub struct LogStream {
    peer: ProcessId,
    call: CallId,
    timestamps: bool,
    follow: bool,
    /// Bytes that may still be sent.
    left: Option<u64>,
    /// The call to the runtime whose lines are to come.
    runtime_call: u64,
}

/// The logs being read, by number.
pub type LogStreams = OrdMap<u64, LogStream>;

fn bad_request(message: String) -> Response {
    Response::failure(Status::new(Reason::BadRequest, message))
}

impl Kubelet {
    /// Answers a request of the API server.
    pub(super) fn serve(&mut self, ctx: &mut Ctx<'_, Message>, peer: ProcessId, call: CallId, request: &Request) {
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let response = match parts.as_slice() {
            ["containerLogs", namespace, name, container] => {
                match self.open_log(ctx, peer, call, request, &ObjectKey::new(namespace, name), container) {
                    Ok(()) => return,
                    Err(response) => response,
                }
            }
            ["healthz"] => Response::ok(Body::Text(Arc::from("ok"))),
            _ => Response::failure(Status::new(Reason::NotFound, "404 page not found")),
        };
        ctx.send(peer, Message::Response { call, response: Arc::new(response) });
    }

    fn open_log(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        peer: ProcessId,
        call: CallId,
        request: &Request,
        key: &ObjectKey,
        name: &str,
    ) -> Result<(), Response> {
        let flag = |parameter: &str| matches!(request.param(parameter), Some("true" | "1"));
        let number = |parameter: &str| request.param(parameter).and_then(|text| text.parse::<u64>().ok());
        let pod = self.pods.store().get(key);
        let worker = pod.as_ref().and_then(|pod| self.workers.get(pod.uid())).cloned();
        let Some(worker) = worker else {
            return Err(Response::failure(Status::new(Reason::NotFound, format!("pod \"{}\" not found", key.name))));
        };
        if pod::container(pod::spec(&worker.pod), name).is_none() {
            let message = format!("container \"{name}\" not found in pod \"{}\"", key.name);
            return Err(Response::failure(Status::new(Reason::NotFound, message)));
        }
        let previous = flag("previous");
        let Some(container_id) = self.log_container(&worker.uid, name, previous) else {
            return Err(bad_request(self.no_log(&worker.pod, &worker.uid, name, previous)));
        };
        let since = number("sinceSeconds").map(|seconds| ctx.unix_micros() - seconds as i64 * 1_000_000);
        let since_time = request.param("sinceTime").and_then(time::parse);
        let follow = flag("follow") && !previous;
        let options = LogOptions {
            tail_lines: number("tailLines"),
            since_unix_micros: since.or(since_time.map(|time| time.as_microsecond())),
            timestamps: flag("timestamps"),
            limit_bytes: number("limitBytes"),
            follow,
        };
        self.last_stream += 1;
        let stream = self.last_stream;
        let (timestamps, left) = (options.timestamps, options.limit_bytes);
        let request = CriRequest::ReadLog { container_id, options };
        let runtime_call = self.cri.send(ctx, request, CriCall::Log { stream });
        self.streams.insert(stream, LogStream { peer, call, timestamps, follow, left, runtime_call });
        Ok(())
    }

    /// The container whose log is meant: the newest, or the one before what runs now.
    fn log_container(&self, uid: &str, name: &str, previous: bool) -> Option<Arc<str>> {
        let worker = self.workers.get(uid)?;
        let latest = worker.seen.latest(name);
        let waiting = worker.reasons.contains_key(name);
        let exited =
            |status: &&crate::api::cri::ContainerStatus| status.state == crate::api::cri::ContainerState::Exited;
        match previous {
            // Of a container that waits for its restart the last run is the previous one.
            true if waiting => latest.filter(exited).map(|status| status.id.clone()),
            true => worker.seen.previous(name).map(|status| status.id.clone()),
            false => latest
                .filter(|status| status.state != crate::api::cri::ContainerState::Created)
                .map(|status| status.id.clone()),
        }
    }

    /// Why there is no log: `validateContainerLogStatus`.
    fn no_log(&self, object: &Object, uid: &str, name: &str, previous: bool) -> String {
        let pod_name = object.name();
        if previous {
            return format!("previous terminated container \"{name}\" in pod \"{pod_name}\" not found");
        }
        let Some(worker) = self.workers.get(uid) else { return format!("pod \"{pod_name}\" not found") };
        let generated = status::generate(worker, &self.config.internal_ip, 0);
        let all =
            generated.container_statuses.iter().flatten().chain(generated.init_container_statuses.iter().flatten());
        let waiting = all.filter(|status| status.name == name).find_map(|status| status.state.clone()?.waiting);
        let reason = waiting.as_ref().and_then(|waiting| waiting.reason.clone()).unwrap_or_default();
        match reason.as_str() {
            "ErrImagePull" => {
                format!("container \"{name}\" in pod \"{pod_name}\" is waiting to start: image can't be pulled")
            }
            "ImagePullBackOff" => format!(
                "container \"{name}\" in pod \"{pod_name}\" is waiting to start: trying and failing to pull image"
            ),
            reason => format!("container \"{name}\" in pod \"{pod_name}\" is waiting to start: {reason}"),
        }
    }

    /// The runtime gave the lines there are.
    pub(super) fn log_read(&mut self, ctx: &mut Ctx<'_, Message>, number: u64, response: &CriResponse) {
        let Some(stream) = self.streams.get(&number).cloned() else { return };
        let (peer, call) = (stream.peer, stream.call);
        let response = match response {
            CriResponse::Log { lines, end } => {
                let text = self.render(number, lines);
                if *end {
                    self.streams.remove(&number);
                }
                if !stream.follow {
                    Response::ok(Body::Text(Arc::from(text)))
                } else {
                    let response = Arc::new(Response::ok(Body::Empty));
                    ctx.send(peer, Message::Response { call, response });
                    if !text.is_empty() {
                        ctx.send(peer, Message::Chunk { call, text: Arc::from(text) });
                    }
                    if *end {
                        ctx.send(peer, Message::StreamEnd { call });
                    }
                    return;
                }
            }
            CriResponse::Failed(CriError { message, .. }) => {
                self.streams.remove(&number);
                Response::failure(Status::new(Reason::InternalError, message.clone()))
            }
            _ => panic!("ReadLog was answered with something else"),
        };
        ctx.send(peer, Message::Response { call, response: Arc::new(response) });
    }

    /// More lines of a followed log.
    pub(super) fn log_lines(&mut self, ctx: &mut Ctx<'_, Message>, runtime_call: u64, lines: &[LogLine], end: bool) {
        let found = self.streams.iter().find(|(_, stream)| stream.runtime_call == runtime_call);
        let Some((number, stream)) = found.map(|(number, stream)| (*number, stream.clone())) else { return };
        let text = self.render(number, lines);
        if !text.is_empty() {
            ctx.send(stream.peer, Message::Chunk { call: stream.call, text: Arc::from(text) });
        }
        let full = self.streams.get(&number).is_some_and(|stream| stream.left == Some(0));
        if end || full {
            self.streams.remove(&number);
            ctx.send(stream.peer, Message::StreamEnd { call: stream.call });
            if !end {
                self.cri.send(ctx, CriRequest::CloseLog { call: runtime_call }, CriCall::Forget);
            }
        }
    }

    /// Nobody reads any more.
    pub(super) fn cancel_log(&mut self, ctx: &mut Ctx<'_, Message>, peer: ProcessId, call: Option<CallId>) {
        let over: Vec<u64> = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.peer == peer && call.is_none_or(|call| stream.call == call))
            .map(|(number, _)| *number)
            .collect();
        for number in over {
            let Some(stream) = self.streams.remove(&number).filter(|stream| stream.follow) else { continue };
            self.cri.send(ctx, CriRequest::CloseLog { call: stream.runtime_call }, CriCall::Forget);
        }
    }

    /// Lines as text, within what may still be sent.
    fn render(&mut self, number: u64, lines: &[LogLine]) -> String {
        let Some(stream) = self.streams.get_mut(&number) else { return String::new() };
        let mut text = String::new();
        for line in lines {
            if stream.timestamps {
                let fraction = line.unix_micros.rem_euclid(1_000_000);
                let seconds = time::format(line.unix_micros, "%Y-%m-%dT%H:%M:%S");
                text.push_str(&format!("{seconds}.{fraction:06}000Z "));
            }
            text.push_str(&line.text);
            text.push('\n');
        }
        if let Some(left) = &mut stream.left {
            let mut end = usize::try_from(*left).unwrap_or(usize::MAX).min(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            *left -= end as u64;
        }
        text
    }
}
