//! pause: holds a pod's namespaces, and waits.

use std::time::Duration;

use crate::cri::program::{Launch, Program, Usage};

use super::server::{Server, ServerSpec, not_http, quiet, starts};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "pause",
    repositories: &["gcr.io/google-containers/pause", "k8s.gcr.io/pause", "registry.k8s.io/pause"],
    versions: &[(1, 0), (2, 0), (3, 10)],
    sizes: &[("", 320_368)],
    shell: None,
    entrypoint: &["/pause"],
    cmd: &[],
    env: &[],
    programs: &["pause"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start: starts,
    ready_after: Duration::from_millis(1),
    ready: quiet,
    ports: |_| Vec::new(),
    respond: not_http,
    signal: |host, signal| {
        host.log(format!(
            "Shutting down, got signal: {}",
            if signal.number() == 15 { "Terminated" } else { "Interrupt" }
        ));
        Some((Duration::from_millis(1), 0))
    },
    stopped: quiet,
    usage: Usage { cpu_millis: 0, memory_bytes: 300 * 1024 },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}
