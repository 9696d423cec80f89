//! python: a server when it is given something to run; without, a prompt that ends at once.

use std::time::Duration;

use crate::cri::program::{Launch, Program, Usage};

use super::server::{Server, ServerSpec, mib, quiet};
use super::well_behaved::{hello, ports_or};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "python",
    repositories: &["docker.io/library/python"],
    versions: &[(2, 7), (3, 14)],
    sizes: &[("alpine", 16_777_216), ("slim", 45_088_768), ("", 389_021_696)],
    shell: Some("bash"),
    entrypoint: &[],
    cmd: &["python3"],
    env: &[("PYTHON_VERSION", "3.13.9")],
    programs: &["flask", "gunicorn", "pip", "python", "python3", "uvicorn"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start: |host| if host.launch.argv.len() > 1 { Ok(()) } else { Err(0) },
    ready_after: Duration::from_millis(250),
    ready: |host| {
        let port = served(host.launch)[0];
        host.log(format!("Serving HTTP on 0.0.0.0 port {port} (http://0.0.0.0:{port}/) ..."));
    },
    ports: served,
    respond: hello,
    // As process 1 python has no handler for SIGTERM: it is ignored, and the grace period runs out.
    signal: |_, signal| (signal.number() == 2).then_some((Duration::from_millis(20), 130)),
    stopped: quiet,
    usage: Usage { cpu_millis: 2, memory_bytes: mib(18) },
};

fn served(launch: &Launch) -> Vec<u16> {
    // `python -m http.server 8080`
    let named = launch.flag(&["http.server"]).and_then(|port| port.parse().ok());
    named.map_or_else(|| ports_or(launch, 8000), |port| vec![port])
}

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}
