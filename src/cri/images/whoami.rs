//! traefik/whoami, echoserver and agnhost: say who answers.

use std::time::Duration;

use crate::cri::program::{Answer, Host, Launch, Program, Usage};

use super::server::{Server, ServerSpec, ends, mib, quiet, starts};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "whoami",
    repositories: &[
        "docker.io/containous/whoami",
        "docker.io/traefik/whoami",
        "registry.k8s.io/e2e-test-images/agnhost",
        "registry.k8s.io/echoserver",
    ],
    versions: &[(1, 99), (2, 99)],
    sizes: &[("", 2_933_812)],
    shell: None,
    entrypoint: &["/whoami"],
    cmd: &[],
    env: &[],
    programs: &["agnhost", "whoami"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start: starts,
    ready_after: Duration::from_millis(10),
    ready: |host| {
        let port = port(host.launch);
        let line = format!("{} Starting up on port {port}", host.date("%Y/%m/%d %H:%M:%S"));
        host.log(line);
    },
    ports: |launch| vec![port(launch)],
    respond,
    signal: ends,
    stopped: quiet,
    usage: Usage { cpu_millis: 1, memory_bytes: mib(3) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}

fn port(launch: &Launch) -> u16 {
    let flag = launch.flag(&["--port", "-port", "--http-port"]).or(launch.env("WHOAMI_PORT_NUMBER"));
    flag.and_then(|port| port.parse().ok()).or(launch.ports.first().copied()).unwrap_or(80)
}

fn respond(host: &mut Host<'_>, _: u16, path: Option<&str>) -> Answer {
    let Some(path) = path else { return Answer::Tcp };
    let (name, ip) = (&host.launch.hostname, &host.launch.ip);
    Answer::Http { code: 200, body: format!("Hostname: {name}\nIP: 127.0.0.1\nIP: {ip}\nGET {path} HTTP/1.1\n") }
}
