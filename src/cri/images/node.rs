//! node: a server when it is given something to run; without, a prompt that ends at once.

use std::time::Duration;

use crate::cri::program::{Launch, Program, Usage};

use super::server::{Server, ServerSpec, ends, mib, quiet};
use super::well_behaved::{hello, ports_or};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "node",
    repositories: &["docker.io/library/node"],
    versions: &[(14, 21), (16, 20), (18, 20), (20, 19), (22, 21), (24, 11), (25, 2)],
    sizes: &[("alpine", 53_477_376), ("slim", 79_691_776), ("", 401_612_544)],
    shell: Some("bash"),
    entrypoint: &["docker-entrypoint.sh"],
    cmd: &["node"],
    env: &[("NODE_VERSION", "22.21.0")],
    programs: &["docker-entrypoint.sh", "node", "npm", "npx", "yarn"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start: |host| {
        let given = host.launch.argv.iter().any(|arg| !IMAGE.programs.contains(&arg.as_str()) && !arg.starts_with('/'));
        if given || host.launch.argv.len() > 2 { Ok(()) } else { Err(0) }
    },
    ready_after: Duration::from_millis(350),
    ready: |host| {
        let port = ports_or(host.launch, 3000)[0];
        host.log(format!("Server listening on port {port}"));
    },
    ports: |launch| ports_or(launch, 3000),
    respond: hello,
    signal: ends,
    stopped: quiet,
    usage: Usage { cpu_millis: 3, memory_bytes: mib(45) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}
