//! Utilities about the machine: `date`, `env`, `hostname`, `ps`, `uname` …

use crate::api::time;
use crate::cri::program::Host;
use crate::cri::user;

use super::machine::{Machine, Outcome};

impl Machine {
    /// Commands about the machine.
    pub(super) fn system_utility(&mut self, host: &mut Host<'_>, name: &str, args: &[&str]) -> Option<Outcome> {
        let text = match name {
            "hostname" => {
                let address = args.first().is_some_and(|arg| arg.starts_with("-i") || arg.starts_with("-I"));
                format!("{}\n", if address { &host.launch.ip } else { &host.launch.hostname })
            }
            "whoami" if host.launch.user.uid != 0 => {
                self.write(host, 2, &format!("whoami: unknown uid {}\n", host.launch.user.uid));
                return Some(Outcome::Exit(1));
            }
            "whoami" => "root\n".to_owned(),
            "id" => user::id_text(&host.launch.user),
            "nproc" => format!("{}\n", host.launch.cpu_limit_millis.div_ceil(1000).max(1)),
            "uname" => match args.first() {
                Some(&"-a") => format!(
                    "Linux {} 6.12.48+deb13-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.12.48-1 x86_64 GNU/Linux\n",
                    host.launch.hostname
                ),
                Some(&"-r") => "6.12.48+deb13-amd64\n".to_owned(),
                Some(&"-m") => "x86_64\n".to_owned(),
                Some(&"-n") => format!("{}\n", host.launch.hostname),
                _ => "Linux\n".to_owned(),
            },
            "date" => self.date(host, args),
            "env" | "printenv" => return Some(self.environment(host, name, args)),
            "ps" | "top" => {
                let command = host.launch.argv.join(" ");
                format!("PID   USER     TIME  COMMAND\n    1 root      0:00 {command}\n   12 root      0:00 ps\n")
            }
            "uptime" => {
                let clock = time::format(self.unix_micros(host), "%H:%M:%S");
                format!(" {clock} up 3 days,  4:05,  0 users,  load average: 0.12, 0.10, 0.09\n")
            }
            "free" => "              total        used        free      shared  buff/cache   available\nMem:        8039064     1204732     4210988        3392     2623344     6560148\nSwap:             0           0           0\n".to_owned(),
            "df" => "Filesystem           1K-blocks      Used Available Use% Mounted on\noverlay               61202244   9364292  48696636  16% /\n".to_owned(),
            "sync" => String::new(),
            _ => return None,
        };
        self.write(host, 1, &text);
        Some(Outcome::Exit(0))
    }

    fn date(&self, host: &Host<'_>, args: &[&str]) -> String {
        let now = self.unix_micros(host);
        let pattern = args.iter().find_map(|arg| arg.strip_prefix('+'));
        let iso = args.iter().any(|arg| arg.starts_with("-I") || arg.starts_with("--iso"));
        let text = match pattern {
            Some(pattern) => {
                let nanos = format!("{:09}", now.rem_euclid(1_000_000) * 1_000);
                time::format(now, &pattern.replace("%N", &nanos))
            }
            None if iso => time::format(now, "%Y-%m-%dT%H:%M:%S+00:00"),
            None => time::format(now, "%a %b %e %H:%M:%S UTC %Y"),
        };
        format!("{text}\n")
    }

    fn environment(&mut self, host: &mut Host<'_>, name: &str, args: &[&str]) -> Outcome {
        if name == "printenv" && !args.is_empty() {
            let mut status = 0;
            for arg in args {
                match self.env.variables.get(*arg).filter(|_| self.env.exported.contains(*arg)).cloned() {
                    Some(value) => self.write(host, 1, &format!("{value}\n")),
                    None => status = 1,
                }
            }
            return Outcome::Exit(status);
        }
        if let Some(from) = args.iter().position(|arg| !arg.contains('=') && !arg.starts_with('-')) {
            for (name, value) in args[..from].iter().filter_map(|arg| arg.split_once('=')) {
                self.env.variables.insert(name.to_owned(), value.to_owned());
                self.env.exported.insert(name.to_owned());
            }
            return self.prefixed(host, &args[from..]);
        }
        let lines: String = self
            .env
            .exported
            .iter()
            .filter_map(|name| self.env.variables.get(name).map(|value| format!("{name}={value}\n")))
            .collect();
        self.write(host, 1, &lines);
        Outcome::Exit(0)
    }
}
