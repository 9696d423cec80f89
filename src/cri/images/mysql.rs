//! mysql and mariadb: they want to be told a root password.

use std::time::Duration;

use crate::cri::program::{Host, Launch, Program, Signal, Usage};

use super::server::{Server, ServerSpec, mib, not_http};
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "mysql",
    repositories: &["docker.io/library/mariadb", "docker.io/library/mysql"],
    versions: &[(5, 7), (8, 4), (9, 5), (10, 11), (11, 8), (12, 0)],
    sizes: &[("", 236_541_718)],
    shell: Some("bash"),
    entrypoint: &["docker-entrypoint.sh"],
    cmd: &["mysqld"],
    env: &[],
    programs: &["docker-entrypoint.sh", "mariadbd", "mysqld"],
    files: no_files,
    program,
};

static SPEC: ServerSpec = ServerSpec {
    start,
    ready_after: Duration::from_millis(7_500),
    ready: |host| {
        let maria = is_maria(host.launch);
        let name = if maria { "mariadbd" } else { "/usr/sbin/mysqld" };
        let version = if maria { "'11.8.3-MariaDB-ubu2404'" } else { "'8.4.6'" };
        let line = format!(
            "{}Z 0 [System] [MY-010931] [Server] {name}: ready for connections. Version: {version}  socket: '/var/run/mysqld/mysqld.sock'  port: 3306  MySQL Community Server - GPL.",
            host.date("%Y-%m-%dT%H:%M:%S.%6f")
        );
        host.log(line);
    },
    ports: |_| vec![3306],
    respond: not_http,
    signal,
    stopped: |host| {
        let line = format!(
            "{}Z 0 [System] [MY-010910] [Server] /usr/sbin/mysqld: Shutdown complete (mysqld 8.4.6)  MySQL Community Server - GPL.",
            host.date("%Y-%m-%dT%H:%M:%S.%6f")
        );
        host.log(line);
    },
    usage: Usage { cpu_millis: 10, memory_bytes: mib(380) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}

fn is_maria(launch: &Launch) -> bool {
    launch.image.contains("mariadb")
}

fn note(host: &mut Host<'_>, kind: &str, text: &str) {
    let line = format!("{}+00:00 [{kind}] [Entrypoint]: {text}", host.date("%Y-%m-%d %H:%M:%S"));
    host.log(line);
}

fn start(host: &mut Host<'_>) -> Result<(), i32> {
    let maria = is_maria(host.launch);
    let (server, version) = if maria { ("MariaDB", "1:11.8.3+maria~ubu2404") } else { ("MySQL", "8.4.6-1.el9") };
    note(host, "Note", &format!("Entrypoint script for {server} Server {version} started."));
    let variables = ["MYSQL_ROOT_PASSWORD", "MYSQL_ALLOW_EMPTY_PASSWORD", "MYSQL_RANDOM_ROOT_PASSWORD"];
    let told = variables.iter().any(|name| {
        let other = name.replace("MYSQL", "MARIADB");
        host.launch.env(name).is_some_and(|value| !value.is_empty())
            || host.launch.env(&format!("{name}_FILE")).is_some()
            || (maria && host.launch.env(&other).is_some_and(|value| !value.is_empty()))
    });
    if !told {
        note(host, "ERROR", "Database is uninitialized and password option is not specified");
        if maria {
            host.log("\tYou need to specify one of MARIADB_ROOT_PASSWORD, MARIADB_ROOT_PASSWORD_HASH, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD and MARIADB_RANDOM_ROOT_PASSWORD");
        } else {
            host.log("    You need to specify one of the following as an environment variable:");
            for name in ["MYSQL_ROOT_PASSWORD", "MYSQL_ALLOW_EMPTY_PASSWORD", "MYSQL_RANDOM_ROOT_PASSWORD"] {
                host.log(format!("    - {name}"));
            }
        }
        return Err(1);
    }
    note(host, "Note", "Initializing database files");
    Ok(())
}

fn signal(host: &mut Host<'_>, signal: Signal) -> Option<(Duration, i32)> {
    if signal != Signal::Terminate {
        return None;
    }
    let line = format!(
        "{}Z 0 [System] [MY-013172] [Server] Received SHUTDOWN from user <via user signal>. Shutting down mysqld (Version: 8.4.6).",
        host.date("%Y-%m-%dT%H:%M:%S.%6f")
    );
    host.log(line);
    Some((Duration::from_millis(1_300), 0))
}
