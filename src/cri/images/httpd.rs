//! httpd: Apache.

use std::time::Duration;

use crate::cri::files::Tree;
use crate::cri::program::{Answer, Host, Launch, Program, Signal, Usage};

use super::Image;
use super::server::{Server, ServerSpec, mib};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "httpd",
    repositories: &["docker.io/library/httpd"],
    versions: &[(2, 4)],
    sizes: &[("alpine", 21_362_880), ("", 59_178_417)],
    shell: Some("bash"),
    entrypoint: &[],
    cmd: &["httpd-foreground"],
    env: &[],
    programs: &["apachectl", "httpd", "httpd-foreground"],
    files,
    program,
};

const PAGE: &str = "<html><body><h1>It works!</h1></body></html>\n";

fn files(tree: &mut Tree) {
    tree.put("usr/local/apache2/htdocs/index.html", PAGE);
}

static SPEC: ServerSpec = ServerSpec {
    start: |host| {
        let ip = host.launch.ip.clone();
        let warning = format!(
            "AH00558: httpd: Could not reliably determine the server's fully qualified domain name, using {ip}. Set the 'ServerName' directive globally to suppress this message"
        );
        host.log(warning.clone());
        host.log(warning);
        Ok(())
    },
    ready_after: Duration::from_millis(40),
    ready: |host| {
        notice(host, "mpm_event:notice", "AH00489: Apache/2.4.65 (Unix) configured -- resuming normal operations");
        notice(host, "core:notice", "AH00094: Command line: 'httpd -D FOREGROUND'");
    },
    ports: |_| vec![80],
    respond,
    signal,
    stopped: |_| {},
    usage: Usage { cpu_millis: 1, memory_bytes: mib(8) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}

fn notice(host: &mut Host<'_>, module: &str, text: &str) {
    let line = format!("[{}] [{module}] [pid 1:tid 1] {text}", host.date("%a %b %d %H:%M:%S.%6f %Y"));
    host.log(line);
}

fn respond(host: &mut Host<'_>, _: u16, path: Option<&str>) -> Answer {
    let Some(path) = path else { return Answer::Tcp };
    let plain = path.split('?').next().unwrap_or(path);
    let file = if plain.ends_with('/') { format!("{plain}index.html") } else { plain.to_owned() };
    let found = host.files.read(&format!("/usr/local/apache2/htdocs{file}"));
    let (code, body) = match found {
        Ok(body) => (200, body.to_string()),
        Err(_) => (404, "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n<html><head>\n<title>404 Not Found</title>\n</head><body>\n<h1>Not Found</h1>\n<p>The requested URL was not found on this server.</p>\n</body></html>\n".to_owned()),
    };
    let line = format!(
        "10.244.0.1 - - [{}] \"GET {path} HTTP/1.1\" {code} {}",
        host.date("%d/%b/%Y:%H:%M:%S +0000"),
        body.len()
    );
    host.log(line);
    Answer::Http { code, body }
}

fn signal(host: &mut Host<'_>, signal: Signal) -> Option<(Duration, i32)> {
    if signal == Signal::Terminate {
        notice(host, "mpm_event:notice", "AH00491: caught SIGTERM, shutting down");
    }
    Some((Duration::from_millis(60), 0))
}
