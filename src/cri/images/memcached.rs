//! memcached.

use std::time::Duration;

use crate::cri::program::{Launch, Program, Usage};

use super::server::{Server, ServerSpec, ends, mib, not_http, quiet, starts};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "memcached",
    repositories: &["docker.io/library/memcached"],
    versions: &[(1, 6)],
    sizes: &[("alpine", 4_410_368), ("", 33_115_342)],
    shell: Some("sh"),
    entrypoint: &["docker-entrypoint.sh"],
    cmd: &["memcached"],
    env: &[],
    programs: &["docker-entrypoint.sh", "memcached"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start: starts,
    ready_after: Duration::from_millis(20),
    ready: quiet,
    ports: |launch| vec![launch.flag(&["-p"]).and_then(|port| port.parse().ok()).unwrap_or(11_211)],
    respond: not_http,
    signal: ends,
    stopped: quiet,
    usage: Usage { cpu_millis: 2, memory_bytes: mib(3) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}
