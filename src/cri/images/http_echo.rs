//! hashicorp/http-echo: answers with the text it was given.

use std::time::Duration;

use crate::cri::program::{Answer, Host, Launch, Program, Signal, Usage};

use super::server::{Server, ServerSpec, mib};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "http_echo",
    repositories: &["docker.io/hashicorp/http-echo"],
    versions: &[(0, 2), (1, 0)],
    sizes: &[("", 2_871_544)],
    shell: None,
    entrypoint: &["/http-echo"],
    cmd: &[],
    env: &[("ECHO_TEXT", "hello-world")],
    programs: &["http-echo"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start: |_| Ok(()),
    ready_after: Duration::from_millis(15),
    ready: |host| {
        let port = port(host.launch);
        let line = format!("{} [INFO] server is listening on :{port}", host.date("%Y/%m/%d %H:%M:%S"));
        host.log(line);
    },
    ports: |launch| vec![port(launch)],
    respond,
    signal,
    stopped: super::server::quiet,
    usage: Usage { cpu_millis: 1, memory_bytes: mib(4) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}

fn port(launch: &Launch) -> u16 {
    let flag = launch.flag(&["-listen", "--listen"]);
    flag.and_then(|listen| listen.rsplit(':').next()?.parse().ok()).unwrap_or(5678)
}

fn respond(host: &mut Host<'_>, port: u16, path: Option<&str>) -> Answer {
    let Some(path) = path else { return Answer::Tcp };
    if path == "/health" {
        return Answer::Http { code: 200, body: "{\"status\":\"ok\"}\n".into() };
    }
    let text = host.launch.flag(&["-text", "--text"]).or(host.launch.env("ECHO_TEXT")).unwrap_or("hello-world");
    let body = format!("{text}\n");
    let line = format!(
        "{} {}:{port} \"GET {path} HTTP/1.1\" 200 {} \"Go-http-client/1.1\"",
        host.date("%Y/%m/%d %H:%M:%S"),
        host.launch.ip,
        body.len()
    );
    host.log(line);
    Answer::Http { code: 200, body }
}

fn signal(host: &mut Host<'_>, signal: Signal) -> Option<(Duration, i32)> {
    let name = if signal == Signal::Terminate { "terminated" } else { "interrupt" };
    let line = format!("{} [INFO] received signal: {name}", host.date("%Y/%m/%d %H:%M:%S"));
    host.log(line);
    Some((Duration::from_millis(10), 0))
}
