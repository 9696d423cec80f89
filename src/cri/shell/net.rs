//! Utilities on the network: `wget`, `curl`, `nc`, `nslookup`, `ping`, `httpd`.

use crate::cri::files::absolute;
use crate::cri::program::{Answer, ConnectError, Host};

use super::machine::{Machine, Outcome, Wait};

/// Microseconds a local connection takes.
const CONNECT_MICROS: u64 = 1_500;
/// Microseconds until an unreachable address is given up.
const UNREACHABLE_MICROS: u64 = 3_060_000;

/// `http://host:port/path` taken apart; the scheme may be missing.
struct Url<'a> {
    host: &'a str,
    port: u16,
    path: String,
}

fn parse_url(url: &str) -> Url<'_> {
    let (default_port, rest) = match url.split_once("://") {
        Some(("https", rest)) => (443, rest),
        Some((_, rest)) => (80, rest),
        None => (80, url),
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(default_port)),
        None => (authority, default_port),
    };
    Url { host, port, path: format!("/{path}") }
}

/// The address that the hosts file has for a name; the name itself where it has none.
fn address(host: &mut Host<'_>, name: &str) -> String {
    let hosts = host.files.read("/etc/hosts").unwrap_or_default();
    let knows = |line: &&str| {
        let mut words = line.split_whitespace();
        words.next().is_some_and(|first| first.parse::<std::net::Ipv4Addr>().is_ok()) && words.any(|own| own == name)
    };
    let line = hosts.lines().find(knows);
    line.and_then(|line| line.split_whitespace().next()).unwrap_or(name).to_owned()
}

impl Machine {
    /// The network utility `name`, if it is one.
    pub(super) fn net_utility(&mut self, host: &mut Host<'_>, name: &str, args: &[&str]) -> Option<Outcome> {
        Some(match name {
            "wget" => self.wget(host, args),
            "curl" => self.curl(host, args),
            "nc" => self.nc(host, args),
            "nslookup" => {
                self.owed_micros += CONNECT_MICROS;
                self.write(host, 1, ";; connection timed out; no servers could be reached\n\n");
                Outcome::Exit(1)
            }
            "ping" => self.ping(host, args),
            "httpd" => {
                let port = value_of(args, &["-p"]).and_then(|port| port.rsplit(':').next()?.parse().ok()).unwrap_or(80);
                let home = value_of(args, &["-h"]).unwrap_or(".");
                Outcome::Wait(Wait::Serve { port, directory: Some(absolute(&self.env.cwd, home)) }, 0)
            }
            _ => return None,
        })
    }

    fn fetch(&mut self, host: &mut Host<'_>, url: &Url<'_>) -> Result<Answer, ConnectError> {
        let from = host.launch.ip.clone();
        let to = address(host, url.host);
        let answer = host.network.connect(&from, &to, url.port, Some(&url.path));
        self.owed_micros += match &answer {
            Ok(Answer::Slow(delay)) => delay.as_micros() as u64,
            Err(ConnectError::Unreachable) => UNREACHABLE_MICROS,
            _ => CONNECT_MICROS,
        };
        answer
    }

    fn wget(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let quiet = args.iter().any(|arg| arg.starts_with('-') && !arg.starts_with("--") && arg.contains('q'));
        let spider = args.contains(&"--spider");
        let output = args.iter().enumerate().find_map(|(index, arg)| {
            let flags = arg.strip_prefix('-').filter(|flags| !flags.starts_with('-'))?;
            let (_, after) = flags.split_once('O')?;
            Some(if after.is_empty() { args.get(index + 1).copied().unwrap_or("-") } else { after })
        });
        let Some(address) = operands(args, &["-T", "-O", "-qO", "-t"]).last().copied() else { return Outcome::Exit(1) };
        let url = parse_url(address);
        if !quiet {
            self.write(host, 2, &format!("Connecting to {}:{}\n", url.host, url.port));
        }
        match self.fetch(host, &url) {
            Ok(Answer::Http { code, body }) if code < 400 => {
                match output {
                    _ if spider => {}
                    Some("-") => self.write(host, 1, &body),
                    file => {
                        let name = file.unwrap_or_else(|| {
                            url.path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("index.html")
                        });
                        let path = absolute(&self.env.cwd, name);
                        if host.files.write(&path, &body, false).is_err() {
                            return Outcome::Exit(1);
                        }
                    }
                }
                Outcome::Exit(0)
            }
            Ok(Answer::Http { code, .. }) => {
                let line = format!("wget: server returned error: HTTP/1.1 {code} {}\n", reason_phrase(code));
                self.write(host, 2, &line);
                Outcome::Exit(1)
            }
            Ok(Answer::Tcp | Answer::Slow(_)) => {
                self.write(host, 2, "wget: error getting response\n");
                Outcome::Exit(1)
            }
            Err(ConnectError::UnknownHost) => {
                self.write(host, 2, &format!("wget: bad address '{}'\n", url.host));
                Outcome::Exit(1)
            }
            Err(ConnectError::Refused) => {
                self.write(
                    host,
                    2,
                    &format!("wget: can't connect to remote host ({}): Connection refused\n", url.host),
                );
                Outcome::Exit(1)
            }
            Err(ConnectError::Unreachable) => {
                self.write(host, 2, &format!("wget: can't connect to remote host ({}): No route to host\n", url.host));
                Outcome::Exit(1)
            }
        }
    }

    fn curl(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let flags: String =
            args.iter().filter(|arg| arg.starts_with('-') && !arg.starts_with("--")).map(|arg| &arg[1..]).collect();
        let Some(address) =
            operands(args, &["-o", "-w", "-H", "-X", "-d", "-m", "--max-time", "--connect-timeout", "--retry"])
                .last()
                .copied()
        else {
            self.write(host, 2, "curl: (2) no URL specified\n");
            return Outcome::Exit(2);
        };
        let url = parse_url(address);
        let (status, message) = match self.fetch(host, &url) {
            Ok(Answer::Http { code, .. }) if code >= 400 && flags.contains('f') => {
                (22, format!("curl: (22) The requested URL returned error: {code}\n"))
            }
            Ok(Answer::Http { code, body }) => {
                let to_file = value_of(args, &["-o"]).is_some();
                if flags.contains('I') || flags.contains('i') {
                    let head =
                        format!("HTTP/1.1 {code} {}\r\nContent-Length: {}\r\n\r\n", reason_phrase(code), body.len());
                    self.write(host, 1, &head);
                }
                if !to_file && !flags.contains('I') {
                    self.write(host, 1, &body);
                }
                if let Some(format) = value_of(args, &["-w"]) {
                    let text = super::printf::unescape(&format.replace("%{http_code}", &code.to_string()));
                    self.write(host, 1, &text);
                }
                (0, String::new())
            }
            Ok(Answer::Tcp | Answer::Slow(_)) => (52, "curl: (52) Empty reply from server\n".to_owned()),
            Err(ConnectError::UnknownHost) => (6, format!("curl: (6) Could not resolve host: {}\n", url.host)),
            Err(ConnectError::Refused) => (
                7,
                format!(
                    "curl: (7) Failed to connect to {} port {} after 0 ms: Could not connect to server\n",
                    url.host, url.port
                ),
            ),
            Err(ConnectError::Unreachable) => (
                7,
                format!(
                    "curl: (7) Failed to connect to {} port {} after 3060 ms: Could not connect to server\n",
                    url.host, url.port
                ),
            ),
        };
        if !flags.contains('s') || flags.contains('S') {
            self.write(host, 2, &message);
        }
        Outcome::Exit(status)
    }

    fn nc(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let flags: String = args.iter().filter(|arg| arg.starts_with('-')).map(|arg| &arg[1..]).collect();
        let words = operands(args, &["-w", "-p", "-e"]);
        if flags.contains('l') {
            let port =
                value_of(args, &["-p", "-lp", "-lkp"]).or(words.last().copied()).and_then(|port| port.parse().ok());
            return Outcome::Wait(Wait::Serve { port: port.unwrap_or(0), directory: None }, 0);
        }
        let [name, port, ..] = words.as_slice() else { return Outcome::Exit(1) };
        let url = Url { host: name, port: port.parse().unwrap_or(0), path: "/".into() };
        let from = host.launch.ip.clone();
        let to = address(host, url.host);
        let answer = host.network.connect(&from, &to, url.port, None);
        self.owed_micros += if answer == Err(ConnectError::Unreachable) { UNREACHABLE_MICROS } else { CONNECT_MICROS };
        let verbose = flags.contains('v');
        match answer {
            Ok(_) => {
                if verbose {
                    self.write(host, 2, &format!("{name} ({name}:{port}) open\n"));
                }
                Outcome::Exit(0)
            }
            Err(ConnectError::UnknownHost) => {
                self.write(host, 2, &format!("nc: bad address '{name}'\n"));
                Outcome::Exit(1)
            }
            Err(error) => {
                let why = if error == ConnectError::Refused { "Connection refused" } else { "No route to host" };
                if verbose {
                    self.write(host, 2, &format!("nc: {name} ({name}:{port}): {why}\n"));
                }
                Outcome::Exit(1)
            }
        }
    }

    fn ping(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let count: u64 = value_of(args, &["-c"]).and_then(|count| count.parse().ok()).unwrap_or(4);
        let Some(name) = operands(args, &["-c", "-W", "-w", "-i"]).last().copied() else { return Outcome::Exit(1) };
        let from = host.launch.ip.clone();
        let to = address(host, name);
        match host.network.connect(&from, &to, 0, None) {
            Err(ConnectError::UnknownHost) => {
                self.write(host, 2, &format!("ping: bad address '{name}'\n"));
                return Outcome::Exit(1);
            }
            Err(ConnectError::Unreachable) => {
                let text = format!(
                    "PING {name} ({to}): 56 data bytes\n\n--- {name} ping statistics ---\n{count} packets transmitted, 0 packets received, 100% packet loss\n"
                );
                self.write(host, 1, &text);
                self.owed_micros += count * 1_000_000;
                return Outcome::Exit(1);
            }
            Ok(_) | Err(ConnectError::Refused) => {}
        }
        let mut text = format!("PING {name} ({to}): 56 data bytes\n");
        for sequence in 0..count.min(100) {
            let micros = 60 + host.rng.below(60);
            text.push_str(&format!("64 bytes from {to}: seq={sequence} ttl=64 time=0.{micros:03} ms\n"));
        }
        text.push_str(&format!(
            "\n--- {name} ping statistics ---\n{count} packets transmitted, {count} packets received, 0% packet loss\n"
        ));
        self.owed_micros += count.saturating_sub(1) * 1_000_000;
        self.write(host, 1, &text);
        Outcome::Exit(0)
    }
}

/// The arguments that are neither flags nor the values of these flags.
fn operands<'a>(args: &[&'a str], with_value: &[&str]) -> Vec<&'a str> {
    let mut words = Vec::new();
    let mut skip = false;
    for arg in args {
        if std::mem::take(&mut skip) {
            continue;
        }
        if arg.starts_with('-') && arg.len() > 1 {
            skip = with_value.contains(arg);
        } else {
            words.push(*arg);
        }
    }
    words
}

fn value_of<'a>(args: &[&'a str], flags: &[&str]) -> Option<&'a str> {
    let at = args.iter().position(|arg| flags.contains(arg))?;
    args.get(at + 1).copied()
}

/// The phrase that goes with a status code.
pub(super) fn reason_phrase(code: u16) -> &'static str {
    match code {
        200 => "OK",
        301 => "Moved Permanently",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "",
    }
}
