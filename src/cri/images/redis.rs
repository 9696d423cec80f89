//! redis and valkey.

use std::time::Duration;

use crate::cri::program::{Host, Launch, Program, Signal, Usage};

use super::server::{Server, ServerSpec, mib, not_http};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "redis",
    repositories: &["docker.io/library/redis", "docker.io/valkey/valkey"],
    versions: &[(2, 8), (3, 2), (4, 0), (5, 0), (6, 2), (7, 4), (8, 4), (9, 0)],
    sizes: &[("alpine", 25_165_824), ("", 52_428_800)],
    shell: Some("bash"),
    entrypoint: &["docker-entrypoint.sh"],
    cmd: &["redis-server"],
    env: &[("REDIS_VERSION", "8.2.2")],
    programs: &["docker-entrypoint.sh", "redis-server", "valkey-server"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start: |host| {
        line(host, '*', "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo");
        line(host, '*', "Redis version=8.2.2, bits=64, commit=00000000, modified=1, pid=1, just started");
        if host.launch.argv.len() < 3 {
            line(
                host,
                '#',
                "Warning: no config file specified, using the default config. In order to specify a config file use redis-server /path/to/redis.conf",
            );
        } else {
            line(host, '*', "Configuration loaded");
        }
        Ok(())
    },
    ready_after: Duration::from_millis(30),
    ready: |host| {
        let port = port(host.launch);
        line(host, '*', "monotonic clock: POSIX clock_gettime");
        line(host, '*', &format!("Running mode=standalone, port={port}."));
        line(host, '*', "Server initialized");
        line(host, '*', "Ready to accept connections tcp");
    },
    ports: |launch| vec![port(launch)],
    respond: not_http,
    signal,
    stopped: |host| line(host, '#', "Redis is now ready to exit, bye bye..."),
    usage: Usage { cpu_millis: 3, memory_bytes: mib(4) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}

fn port(launch: &Launch) -> u16 {
    launch.flag(&["--port"]).and_then(|port| port.parse().ok()).unwrap_or(6379)
}

fn line(host: &mut Host<'_>, level: char, text: &str) {
    let line = format!("1:M {} {level} {text}", host.date("%d %b %Y %H:%M:%S.%3f"));
    host.log(line);
}

fn signal(host: &mut Host<'_>, signal: Signal) -> Option<(Duration, i32)> {
    let name = if signal == Signal::Terminate { "SIGTERM" } else { "SIGINT" };
    let line_ = format!("1:signal-handler ({}) Received {name} scheduling shutdown...", host.unix_micros / 1_000_000);
    host.log(line_);
    line(host, '*', "User requested shutdown...");
    line(host, '*', "Saving the final RDB snapshot before exiting.");
    line(host, '*', "DB saved on disk");
    Some((Duration::from_millis(90), 0))
}
