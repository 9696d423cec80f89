//! `serve`: the cluster against the wall clock, its API over HTTP.
//!
//! One thread owns the world. Connections hand it requests and get back what the API server sends, which
//! for a watch or a followed log goes on until either side hangs up.
#![allow(clippy::disallowed_types)] // this file and the page's driver are where the wall clock comes in

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming};
use hyper::header::HeaderValue;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kubarium::api::{Reason, Status};
use kubarium::apiserver::edge;
use kubarium::cluster::{CONTROL_PLANES_MAX, Command, Config, GatewayEvent, HttpInput, World};
use kubarium::sim::{Replay, SimTime};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::scheduler_config;

/// The cluster has been up for so long when the first request is answered.
const UPTIME: SimTime = SimTime::from_secs(60);
/// How often the world is brought up to the wall clock.
const TICK: Duration = Duration::from_millis(2);
/// Events handled between two looks at the connections: a busy world stays reachable.
const EVENTS_PER_TICK: u64 = 20_000;
/// etcd's own limit on a request, and so the API server's.
const BODY_BYTES_MAX: usize = 3 << 20;

#[derive(Args)]
pub struct Options {
    /// The host and port to listen on.
    #[arg(long, default_value = "127.0.0.1:8001")]
    listen: String,
    /// Worker nodes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=5000), allow_hyphen_values = true)]
    nodes: u32,
    /// Machines that run a scheduler and a controller manager: one of each leads, the others stand by.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(CONTROL_PLANES_MAX)), allow_hyphen_values = true)]
    control_planes: u32,
    /// The seed of the run.
    #[arg(long, default_value_t = 1, allow_hyphen_values = true)]
    seed: u64,
    /// A KubeSchedulerConfiguration for kube-scheduler, as YAML or JSON.
    #[arg(long, value_name = "FILE")]
    scheduler_config: Option<std::path::PathBuf>,
    /// Simulated seconds per second.
    #[arg(long, default_value_t = 1.0, value_parser = speed, allow_hyphen_values = true)]
    speed: f64,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.001..=1_000.0).contains(&speed) { Ok(speed) } else { Err("a speed lies between 0.001 and 1000".to_owned()) }
}

/// Serves until it is interrupted.
pub fn serve(options: &Options) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(async {
        // Taken first: a port in use should not cost a boot.
        let listener = TcpListener::bind(&options.listen)
            .await
            .map_err(|error| format!("cannot listen on {}: {error}", options.listen))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let host = Rc::new(RefCell::new(Host::boot(options)?));
        if options.speed > 1.0 {
            let warning = "warning: the cluster's clock runs ahead of this machine's: kubectl prints ages as <invalid>";
            let _ = writeln!(std::io::stderr(), "{warning}");
        }
        // A closed standard output keeps nobody from being served.
        let _ =
            writeln!(std::io::stdout(), "serving on http://{address} (kubectl --server=http://{address} get nodes)");
        tokio::task::LocalSet::new().run_until(serve_on(listener, host)).await
    })
}

async fn serve_on(listener: TcpListener, host: Rc<RefCell<Host>>) -> Result<(), String> {
    let clock = host.clone();
    tokio::task::spawn_local(async move {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            clock.borrow_mut().advance();
        }
    });
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A client that is gone before it is accepted is its own affair.
                let Ok((stream, _)) = accepted else { continue };
                let host = host.clone();
                tokio::task::spawn_local(async move {
                    let service = service_fn(move |request| answer(host.clone(), request));
                    // Errors here are clients that hung up in the middle.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

/// The world, the clock it follows, and who waits for what.
struct Host {
    world: World,
    started: Instant,
    started_at: SimTime,
    speed: f64,
    waiting: BTreeMap<u64, UnboundedSender<GatewayEvent>>,
}

impl Host {
    fn boot(options: &Options) -> Result<Host, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| "the clock is before 1970".to_owned())?;
        let config = Config {
            seed: options.seed,
            nodes: options.nodes,
            control_planes: options.control_planes,
            // So that the simulated date is the wall clock's when the first request comes.
            epoch_unix_micros: now.as_micros() as i64 - UPTIME.as_micros() as i64,
            trace_capacity: 10_000,
            scheduler: scheduler_config(options.scheduler_config.as_deref())?,
            ..Config::default()
        };
        let mut world = World::new(&config);
        world.run_until(UPTIME);
        if !world.is_ready() {
            return Err("the cluster did not come up".to_owned());
        }
        Ok(Host { world, started: Instant::now(), started_at: UPTIME, speed: options.speed, waiting: BTreeMap::new() })
    }

    /// Brings the world up to the wall clock and hands out what came back.
    fn advance(&mut self) {
        let passed = self.started.elapsed().mul_f64(self.speed);
        let handled = self.world.handled() + EVENTS_PER_TICK;
        self.world.run_bounded(self.started_at + passed, handled);
        for (call, event) in self.world.drain_gateway() {
            // Whoever hung up is cancelled when its connection is dropped.
            if let Some(sender) = self.waiting.get(&call) {
                let _ = sender.send(event);
            }
        }
    }

    fn begin(&mut self, input: HttpInput) -> (u64, UnboundedReceiver<GatewayEvent>) {
        self.advance();
        self.world.apply(&Command::Http { request: input });
        let call = self.world.last_applied().call.expect("an HTTP command makes a call");
        let (sender, receiver) = unbounded_channel();
        self.waiting.insert(call, sender);
        (call, receiver)
    }

    fn end(&mut self, call: u64) {
        if self.waiting.remove(&call).is_some() {
            self.world.apply(&Command::HttpCancel { call });
        }
    }
}

/// A body that ends when the API server ends it. Dropping it hangs up.
struct Stream {
    host: Rc<RefCell<Host>>,
    call: u64,
    events: UnboundedReceiver<GatewayEvent>,
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        loop {
            let data = match this.events.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(GatewayEvent::Watch(event))) => edge::watch_frame(&event),
                Poll::Ready(Some(GatewayEvent::Chunk(text))) => edge::chunk(&text),
                Poll::Ready(Some(GatewayEvent::Response(_))) => continue,
                Poll::Ready(Some(GatewayEvent::End | GatewayEvent::Broken(_)) | None) => return Poll::Ready(None),
            };
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.host.borrow_mut().end(self.call);
    }
}

type Answer = Response<Either<Stream, Full<Bytes>>>;

fn whole(response: Response<Bytes>) -> Answer {
    response.map(|body| Either::Right(Full::new(body)))
}

/// Answers one request of a connection.
async fn answer(host: Rc<RefCell<Host>>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let message = format!("Request entity too large: limit is {BODY_BYTES_MAX}");
            return Ok(whole(edge::status_response(Status::new(Reason::RequestEntityTooLarge, message), "")));
        }
    };
    if parts.uri.path() == PROMPT {
        return Ok(prompt(&host, &body).await);
    }
    let input = HttpInput {
        method: parts.method.to_string(),
        uri: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        headers: parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect(),
        body: body.to_vec(),
    };
    let read = input.to_request();
    let (call, mut events) = host.borrow_mut().begin(input);
    let audit_id = format!("kubarium-{call}");
    let request = match read {
        Ok(request) => request,
        Err(status) => {
            host.borrow_mut().waiting.remove(&call);
            return Ok(whole(edge::status_response(status, &audit_id)));
        }
    };
    // Held until the answer is out: a client that hangs up before drops this future, and the stream with it.
    let first = events.recv().await;
    match first {
        Some(GatewayEvent::Response(response)) if edge::streams(&request) && response.is_success() => {
            let head = edge::stream_head(&request, &response, &audit_id);
            Ok(head.map(|()| Either::Left(Stream { host, call, events })))
        }
        Some(GatewayEvent::Response(response)) => {
            host.borrow_mut().waiting.remove(&call);
            Ok(whole(edge::write_response(&request, &response, &audit_id)))
        }
        _ => {
            host.borrow_mut().waiting.remove(&call);
            let message = "the API server is not reachable";
            Ok(whole(edge::status_response(Status::new(Reason::ServiceUnavailable, message), &audit_id)))
        }
    }
}

/// The door to the cluster's own kubectl: `{"line": …, "stdin": …}` in, what it printed out.
const PROMPT: &str = "/kubarium/kubectl";
/// What a line at the prompt may take.
const PROMPT_LIMIT: Duration = Duration::from_secs(120);

async fn prompt(host: &RefCell<Host>, body: &[u8]) -> Answer {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else {
        return whole(edge::status_response(Status::new(Reason::BadRequest, "the body is no JSON"), ""));
    };
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let invocation = {
        let mut host = host.borrow_mut();
        host.advance();
        host.world.apply(&Command::Kubectl { line: text("line"), stdin: text("stdin") });
        host.world.last_applied().invocation
    };
    let began = Instant::now();
    loop {
        let view = invocation.and_then(|id| host.borrow().world.invocation(id));
        let Some(view) = view.filter(|view| view.code.is_none() && began.elapsed() < PROMPT_LIMIT) else {
            let view = invocation.and_then(|id| host.borrow().world.invocation(id));
            let body = view
                .map_or(json!({}), |view| json!({ "stdout": view.stdout, "stderr": view.stderr, "code": view.code }));
            let mut response = Response::new(Bytes::from(body.to_string()));
            response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
            return whole(response);
        };
        drop(view);
        tokio::time::sleep(TICK).await;
    }
}
