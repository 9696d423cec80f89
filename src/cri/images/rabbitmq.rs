//! rabbitmq.

use std::time::Duration;

use crate::cri::program::{Answer, Launch, Program, Usage};

use super::server::{Server, ServerSpec, ends, mib, quiet};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "rabbitmq",
    repositories: &["docker.io/library/rabbitmq"],
    versions: &[(3, 13), (4, 2)],
    sizes: &[("alpine", 78_643_200), ("", 121_634_816)],
    shell: Some("bash"),
    entrypoint: &["docker-entrypoint.sh"],
    cmd: &["rabbitmq-server"],
    env: &[],
    programs: &["docker-entrypoint.sh", "rabbitmq-server"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start: |host| {
        host.log("  ##  ##      RabbitMQ 4.1.4");
        host.log("  ##  ##");
        Ok(())
    },
    ready_after: Duration::from_millis(5_200),
    ready: |host| {
        let line = format!(
            "{}+00:00 [info] <0.9.0> Server startup complete; 4 plugins started.",
            host.date("%Y-%m-%d %H:%M:%S.%6f")
        );
        host.log(line);
    },
    ports: |_| vec![5672, 15_672],
    respond: |_, port, path| match path {
        Some(_) if port == 15_672 => Answer::Http { code: 200, body: "RabbitMQ Management\n".into() },
        _ => Answer::Tcp,
    },
    signal: ends,
    stopped: quiet,
    usage: Usage { cpu_millis: 12, memory_bytes: mib(120) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}
