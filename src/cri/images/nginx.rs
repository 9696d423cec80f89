//! nginx: the entrypoint's lines, the notices of a start, the access log, a graceful quit.

use std::time::Duration;

use crate::cri::files::Tree;
use crate::cri::program::{Answer, Host, Launch, Program, Signal, Usage};

use super::Image;
use super::server::{Server, ServerSpec, mib};

/// What a tag without a version stands for.
const NEWEST: &str = "1.29.3";

/// The last patches of the minors there were; a minor not here ends in 0.
const PATCHES: &[(&str, &str)] = &[
    ("1.14", "1.14.2"),
    ("1.15", "1.15.12"),
    ("1.16", "1.16.1"),
    ("1.17", "1.17.10"),
    ("1.19", "1.19.10"),
    ("1.20", "1.20.2"),
    ("1.21", "1.21.6"),
    ("1.22", "1.22.1"),
    ("1.23", "1.23.4"),
    ("1.25", "1.25.5"),
    ("1.26", "1.26.3"),
    ("1.27", "1.27.5"),
    ("1.29", NEWEST),
];

/// The version in an image: its tag's, completed where that names only a minor.
pub(super) fn version(image: &str) -> String {
    let tag = image.rsplit('/').next().and_then(|last| last.split_once(':')).map_or("", |(_, tag)| tag);
    let named = tag.split(['-', '@']).next().unwrap_or_default();
    match named.split('.').collect::<Vec<_>>().as_slice() {
        _ if named == "stable" => "1.28.0".to_owned(),
        ["1", _] => PATCHES
            .iter()
            .find(|(minor, _)| *minor == named)
            .map_or_else(|| format!("{named}.0"), |(_, patch)| (*patch).to_owned()),
        ["1", _, _] => named.to_owned(),
        _ => NEWEST.to_owned(),
    }
}

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "nginx",
    repositories: &[
        "docker.io/library/nginx",
        "docker.io/nginxinc/nginx-unprivileged",
        "mirror.gcr.io/library/nginx",
        "public.ecr.aws/nginx/nginx",
        "registry.k8s.io/nginx",
        "registry.k8s.io/nginx-slim",
    ],
    versions: &[(0, 27), (1, 29)],
    sizes: &[("alpine-slim", 5_470_208), ("alpine", 22_643_712), ("", 72_950_530)],
    shell: Some("bash"),
    entrypoint: &["/docker-entrypoint.sh"],
    cmd: &["nginx", "-g", "daemon off;"],
    env: &[("NGINX_VERSION", NEWEST), ("PKG_RELEASE", "1~trixie")],
    programs: &["docker-entrypoint.sh", "nginx", "nginx-debug"],
    files,
    program,
};

const PAGE: &str = "<!DOCTYPE html>
<html>
<head>
<title>Welcome to nginx!</title>
<style>
html { color-scheme: light dark; }
body { width: 35em; margin: 0 auto;
font-family: Tahoma, Verdana, Arial, sans-serif; }
</style>
</head>
<body>
<h1>Welcome to nginx!</h1>
<p>If you see this page, the nginx web server is successfully installed and
working. Further configuration is required.</p>

<p>For online documentation and support please refer to
<a href=\"http://nginx.org/\">nginx.org</a>.<br/>
Commercial support is available at
<a href=\"http://nginx.com/\">nginx.com</a>.</p>

<p><em>Thank you for using nginx.</em></p>
</body>
</html>
";

const CONFIG: &str = "server {
    listen       80;
    listen  [::]:80;
    server_name  localhost;

    location / {
        root   /usr/share/nginx/html;
        index  index.html index.htm;
    }
}
";

fn files(tree: &mut Tree) {
    tree.put("usr/share/nginx/html/index.html", PAGE);
    tree.put("etc/nginx/conf.d/default.conf", CONFIG);
    tree.put("etc/nginx/nginx.conf", "user  nginx;\nworker_processes  auto;\n");
    tree.put("var/log/nginx/access.log", "");
    tree.put("var/log/nginx/error.log", "");
}

static SPEC: ServerSpec = ServerSpec {
    start,
    ready_after: Duration::from_millis(25),
    ready: |host| {
        let version = format!("nginx/{}", version(&host.launch.image));
        for text in [
            "using the \"epoll\" event method",
            &version,
            "built by gcc 14.2.0 (Debian 14.2.0-19)",
            "OS: Linux 6.12.48+deb13-amd64",
            "getrlimit(RLIMIT_NOFILE): 1048576:1048576",
            "start worker processes",
        ] {
            notice(host, 1, text);
        }
        let workers = host.launch.cpu_limit_millis.div_ceil(1_000).clamp(1, 4);
        for worker in 0..workers {
            notice(host, 1, &format!("start worker process {}", 29 + worker));
        }
    },
    ports: |launch| {
        if launch.image.contains("unprivileged") {
            return vec![8080];
        }
        vec![80]
    },
    respond,
    signal,
    stopped: |host| {
        notice(host, 1, "worker process 29 exited with code 0");
        notice(host, 1, "exit");
    },
    usage: Usage { cpu_millis: 1, memory_bytes: mib(5) },
};

fn program(_: &Launch) -> Box<dyn Program> {
    Server::boxed(&SPEC)
}

fn notice(host: &mut Host<'_>, pid: u32, text: &str) {
    let line = format!("{} [notice] {pid}#{pid}: {text}", host.date("%Y/%m/%d %H:%M:%S"));
    host.log(line);
}

fn start(host: &mut Host<'_>) -> Result<(), i32> {
    if host.launch.argv.iter().any(|arg| arg == "-t") {
        host.log("nginx: the configuration file /etc/nginx/nginx.conf syntax is ok");
        host.log("nginx: configuration file /etc/nginx/nginx.conf test is successful");
        return Err(0);
    }
    if !host.launch.argv.first().is_some_and(|command| command.ends_with("docker-entrypoint.sh")) {
        return Ok(());
    }
    for line in [
        "/docker-entrypoint.sh: /docker-entrypoint.d/ is not empty, will attempt to perform configuration",
        "/docker-entrypoint.sh: Looking for shell scripts in /docker-entrypoint.d/",
        "/docker-entrypoint.sh: Launching /docker-entrypoint.d/10-listen-on-ipv6-by-default.sh",
        "10-listen-on-ipv6-by-default.sh: info: Getting the checksum of /etc/nginx/conf.d/default.conf",
        "10-listen-on-ipv6-by-default.sh: info: Enabled listen on IPv6 in /etc/nginx/conf.d/default.conf",
        "/docker-entrypoint.sh: Sourcing /docker-entrypoint.d/15-local-resolvers.envsh",
        "/docker-entrypoint.sh: Launching /docker-entrypoint.d/20-envsubst-on-templates.sh",
        "/docker-entrypoint.sh: Launching /docker-entrypoint.d/30-tune-worker-processes.sh",
        "/docker-entrypoint.sh: Configuration complete; ready for start up",
    ] {
        host.log(line);
    }
    Ok(())
}

fn respond(host: &mut Host<'_>, _: u16, path: Option<&str>) -> Answer {
    let Some(path) = path else { return Answer::Tcp };
    let plain = path.split('?').next().unwrap_or(path);
    let file = if plain.ends_with('/') { format!("{plain}index.html") } else { plain.to_owned() };
    let root = format!("/usr/share/nginx/html{file}");
    let (code, body) = match host.files.read(&root) {
        Ok(body) => (200, body.to_string()),
        Err(_) => {
            let line = format!(
                "{} [error] 29#29: *1 open() \"{root}\" failed (2: No such file or directory), client: 10.244.0.1, server: localhost, request: \"GET {path} HTTP/1.1\", host: \"{}\"",
                host.date("%Y/%m/%d %H:%M:%S"),
                host.launch.ip
            );
            host.log(line);
            (404, error_page("404 Not Found", &version(&host.launch.image)))
        }
    };
    let line = format!(
        "10.244.0.1 - - [{}] \"GET {path} HTTP/1.1\" {code} {} \"-\" \"kube-probe/1.36\" \"-\"",
        host.date("%d/%b/%Y:%H:%M:%S +0000"),
        body.len()
    );
    host.log(line);
    Answer::Http { code, body }
}

fn error_page(title: &str, version: &str) -> String {
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n<hr><center>nginx/{version}</center>\r\n</body>\r\n</html>\r\n"
    )
}

fn signal(host: &mut Host<'_>, signal: Signal) -> Option<(Duration, i32)> {
    // The image's stop signal is SIGQUIT; what the kubelet sends first is that. SIGTERM ends it fast.
    let (text, delay) = match signal {
        Signal::Quit => ("signal 3 (SIGQUIT) received, shutting down", 80),
        Signal::Terminate => ("signal 15 (SIGTERM) received, exiting", 40),
        Signal::Interrupt => ("signal 2 (SIGINT) received, exiting", 40),
    };
    notice(host, 1, text);
    if signal == Signal::Quit {
        notice(host, 29, "gracefully shutting down");
        notice(host, 29, "exiting");
    }
    notice(host, 29, "exit");
    notice(host, 1, "signal 17 (SIGCHLD) received from 29");
    Some((Duration::from_millis(delay), 0))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_tag_says_which_nginx_it_is() {
        for (image, expected) in [
            ("nginx", "1.29.3"),
            ("nginx:latest", "1.29.3"),
            ("nginx:1", "1.29.3"),
            ("nginx:alpine", "1.29.3"),
            ("nginx:stable-alpine", "1.28.0"),
            ("nginx:1.27", "1.27.5"),
            ("nginx:1.28", "1.28.0"),
            ("docker.io/library/nginx:1.27-alpine", "1.27.5"),
            ("nginx:1.14.2", "1.14.2"),
            ("nginx:1.25.3-alpine3.18-slim", "1.25.3"),
            ("localhost:5000/nginx", "1.29.3"),
            ("registry.k8s.io/nginx-slim:0.8", "1.29.3"),
        ] {
            assert_eq!(version(image), expected, "{image}");
        }
    }
}
