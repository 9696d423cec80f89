//! postgres: wants to be told a password.

use std::time::Duration;

use crate::cri::program::{Host, Launch, Program, Signal, Usage};

use super::server::{Server, ServerSpec, mib, not_http};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "postgres",
    repositories: &["docker.io/library/postgres"],
    versions: &[(9, 6), (10, 23), (11, 22), (12, 22), (13, 23), (14, 20), (15, 15), (16, 11), (17, 7), (18, 1)],
    sizes: &[("alpine", 108_003_328), ("", 160_432_128)],
    shell: Some("bash"),
    entrypoint: &["docker-entrypoint.sh"],
    cmd: &["postgres"],
    env: &[("PGDATA", "/var/lib/postgresql/data")],
    programs: &["docker-entrypoint.sh", "postgres"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start,
    ready_after: Duration::from_millis(2_300),
    ready: |host| {
        line(
            host,
            "starting PostgreSQL 17.6 (Debian 17.6-1.pgdg13+1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 14.2.0-19) 14.2.0, 64-bit",
        );
        line(host, "listening on IPv4 address \"0.0.0.0\", port 5432");
        line(host, "listening on IPv6 address \"::\", port 5432");
        line(host, "listening on Unix socket \"/var/run/postgresql/.s.PGSQL.5432\"");
        line(host, "database system is ready to accept connections");
    },
    ports: |_| vec![5432],
    respond: not_http,
    signal,
    stopped: |host| line(host, "database system is shut down"),
    usage: Usage { cpu_millis: 4, memory_bytes: mib(40) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}

fn line(host: &mut Host<'_>, text: &str) {
    let line = format!("{} UTC [1] LOG:  {text}", host.date("%Y-%m-%d %H:%M:%S.%3f"));
    host.log(line);
}

fn start(host: &mut Host<'_>) -> Result<(), i32> {
    let password = host.launch.env("POSTGRES_PASSWORD").is_some_and(|value| !value.is_empty())
        || host.launch.env("POSTGRES_PASSWORD_FILE").is_some();
    let trust = host.launch.env("POSTGRES_HOST_AUTH_METHOD") == Some("trust");
    if password || trust {
        host.log("PostgreSQL init process complete; ready for start up.");
        host.log("");
        return Ok(());
    }
    for line in [
        "Error: Database is uninitialized and superuser password is not specified.",
        "       You must specify POSTGRES_PASSWORD to a non-empty value for the",
        "       superuser. For example, \"-e POSTGRES_PASSWORD=password\" on \"docker run\".",
        "",
        "       You may also use \"POSTGRES_HOST_AUTH_METHOD=trust\" to allow all",
        "       connections without a password. This is *not* recommended.",
        "",
        "       See PostgreSQL documentation about \"trust\":",
        "       https://www.postgresql.org/docs/current/auth-trust.html",
    ] {
        host.log(line);
    }
    Err(1)
}

fn signal(host: &mut Host<'_>, signal: Signal) -> Option<(Duration, i32)> {
    line(
        host,
        if signal == Signal::Terminate { "received smart shutdown request" } else { "received fast shutdown request" },
    );
    line(host, "background worker \"logical replication launcher\" (PID 65) exited with exit code 1");
    line(host, "shutting down");
    Some((Duration::from_millis(180), 0))
}
