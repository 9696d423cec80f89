//! What an image that nobody knows does: serve its ports, and end when asked to.

use std::time::Duration;

use crate::cri::program::{Answer, Host, Launch, Program, Usage};

use super::server::{Server, ServerSpec, ends, mib, quiet, starts};

static SPEC: ServerSpec = ServerSpec {
    start: starts,
    ready_after: Duration::from_millis(150),
    ready: |host| {
        let ports: Vec<String> = host.launch.ports.iter().map(u16::to_string).collect();
        if !ports.is_empty() {
            host.log(format!("listening on {}", ports.join(", ")));
        }
    },
    ports: |launch| launch.ports.clone(),
    respond: hello,
    signal: ends,
    stopped: quiet,
    usage: Usage { cpu_millis: 2, memory_bytes: mib(24) },
};

/// The program of an image that nobody knows.
pub fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}

/// The ports a container says it serves, or `default`.
pub fn ports_or(launch: &Launch, default: u16) -> Vec<u16> {
    if launch.ports.is_empty() {
        let port = launch.env("PORT").and_then(|port| port.parse().ok());
        return vec![port.unwrap_or(default)];
    }
    launch.ports.clone()
}

/// 200 on every path.
pub fn hello(host: &mut Host<'_>, _: u16, path: Option<&str>) -> Answer {
    match path {
        Some(_) => Answer::Http { code: 200, body: format!("Hello from {}\n", host.launch.hostname) },
        None => Answer::Tcp,
    }
}
