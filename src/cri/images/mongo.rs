//! mongo.

use std::time::Duration;

use crate::cri::program::{Host, Launch, Program, Usage};

use super::server::{Server, ServerSpec, ends, mib, not_http, quiet};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "mongo",
    repositories: &["docker.io/library/mongo"],
    versions: &[(4, 4), (5, 0), (6, 0), (7, 0), (8, 2)],
    sizes: &[("", 311_870_464)],
    shell: Some("bash"),
    entrypoint: &["docker-entrypoint.sh"],
    cmd: &["mongod"],
    env: &[],
    programs: &["docker-entrypoint.sh", "mongod"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start: |host| {
        line(host, "CONTROL", 4_615_611, "MongoDB starting");
        Ok(())
    },
    ready_after: Duration::from_millis(1_400),
    ready: |host| line(host, "NETWORK", 23_016, "Waiting for connections"),
    ports: |launch| vec![launch.flag(&["--port"]).and_then(|port| port.parse().ok()).unwrap_or(27_017)],
    respond: not_http,
    signal: ends,
    stopped: quiet,
    usage: Usage { cpu_millis: 8, memory_bytes: mib(160) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}

fn line(host: &mut Host<'_>, component: &str, id: u32, text: &str) {
    let date = host.date("%Y-%m-%dT%H:%M:%S.%3f+00:00");
    let line = format!(
        "{{\"t\":{{\"$date\":\"{date}\"}},\"s\":\"I\",  \"c\":\"{component}\", \"id\":{id}, \"ctx\":\"initandlisten\",\"msg\":\"{text}\"}}"
    );
    host.log(line);
}
