//! The commands that are the shell's own, and the table of all others.

use std::sync::Arc;

use crate::cri::files::absolute;
use crate::cri::program::Host;

use super::machine::{Frame, Machine, Outcome, Wait};
use super::parser::parse;
use super::syntax::{Command, Part};

/// Every command busybox, coreutils or the shell itself has here.
pub(super) const UTILITIES: &[&str] = &[
    ".", ":", "[", "awk", "base64", "basename", "break", "cat", "cd", "chmod", "chown", "command", "continue", "cp",
    "curl", "cut", "date", "dd", "df", "dirname", "du", "echo", "env", "eval", "exec", "exit", "export", "expr",
    "false", "find", "free", "grep", "head", "hostname", "httpd", "id", "kill", "local", "ln", "ls", "md5sum", "mkdir",
    "mktemp", "mv", "nc", "nohup", "nproc", "nslookup", "ping", "printenv", "printf", "ps", "pwd", "read", "readonly",
    "return", "rm", "rmdir", "sed", "seq", "set", "shift", "sleep", "sort", "stat", "sync", "tail", "tee", "test",
    "time", "timeout", "top", "touch", "tr", "trap", "true", "type", "ulimit", "umask", "uname", "uniq", "unset",
    "uptime", "usleep", "wait", "wc", "wget", "which", "whoami", "xargs", "yes",
];

/// The shells an image may have.
pub(super) const SHELLS: &[&str] = &["ash", "bash", "dash", "sh"];

/// The last part of a command's path.
pub(super) fn base_name(command: &str) -> &str {
    command.rsplit('/').next().unwrap_or(command)
}

/// Where a command without a path is looked for, if it is a script.
const PATH: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

impl Machine {
    /// Runs a command that is not a function.
    pub(super) fn utility(&mut self, host: &mut Host<'_>, name: &str, argv: &[String]) -> Outcome {
        let args: Vec<&str> = argv.iter().skip(1).map(String::as_str).collect();
        if let Some(outcome) = self.special(host, name, &args) {
            return outcome;
        }
        let base = base_name(name);
        if name.contains('/') {
            let path = absolute(&self.env.cwd, name);
            if let Ok(script) = host.files.read(&path) {
                return self.script(host, &script, name, &args);
            }
            let standard = ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/"];
            let known = standard.iter().any(|directory| name.strip_prefix(directory) == Some(base));
            if !known && !self.system.permissive && !self.system.programs.contains(&base) {
                return Outcome::NotFound;
            }
        }
        if self.system.programs.contains(&base) {
            return Outcome::Wait(Wait::Become(argv.to_vec()), 0);
        }
        if SHELLS.contains(&base) && (base != "bash" || self.system.name != "sh") {
            return self.shell(host, &args);
        }
        if let Some(outcome) = self.file_utility(host, base, &args) {
            return outcome;
        }
        if let Some(outcome) = self.text_utility(host, base, &args) {
            return outcome;
        }
        if let Some(outcome) = self.net_utility(host, base, &args) {
            return outcome;
        }
        if let Some(outcome) = self.system_utility(host, base, &args) {
            return outcome;
        }
        if let Some(script) = PATH.iter().find_map(|directory| host.files.read(&format!("{directory}/{base}")).ok()) {
            return self.script(host, &script, name, &args);
        }
        if self.system.permissive { Outcome::Wait(Wait::Become(argv.to_vec()), 0) } else { Outcome::NotFound }
    }

    /// Runs a file that is a script.
    fn script(&mut self, host: &mut Host<'_>, script: &str, name: &str, args: &[&str]) -> Outcome {
        self.shell(host, &[&["-c", script, name], args].concat())
    }

    /// The special and regular builtins.
    fn special(&mut self, host: &mut Host<'_>, name: &str, args: &[&str]) -> Option<Outcome> {
        let number = |index: usize, default: i32| args.get(index).and_then(|arg| arg.parse().ok()).unwrap_or(default);
        let status = match name {
            ":" | "true" | "ulimit" | "umask" => 0,
            "false" => 1,
            "exit" => {
                let status = number(0, self.status) & 0xff;
                self.exit(status);
                status
            }
            "return" => {
                let status = number(0, self.status);
                self.return_(status);
                status
            }
            "break" | "continue" => {
                self.leave_loops(number(0, 1).max(1) as u32, name == "continue");
                0
            }
            "cd" => self.cd(host, args),
            "export" | "readonly" | "local" => self.export(host, name, args),
            "unset" => {
                for name in args.iter().filter(|arg| !arg.starts_with('-')) {
                    self.env.variables.remove(*name);
                    self.env.functions.remove(*name);
                }
                0
            }
            "set" => self.set(args),
            "shift" => {
                let count = (number(0, 1).max(0) as usize).min(self.env.parameters.len());
                self.env.parameters.drain(..count);
                0
            }
            "eval" => return Some(self.evaluate(host, &args.join(" "))),
            "." => {
                let path = absolute(&self.env.cwd, args.first().copied().unwrap_or_default());
                match host.files.read(&path) {
                    Ok(script) => return Some(self.evaluate(host, &script)),
                    Err(_) => {
                        self.complain(host, &format!(".: can't open '{}'", args.first().copied().unwrap_or_default()));
                        2
                    }
                }
            }
            "trap" => self.trap(host, args),
            "wait" => {
                let job = args.first().and_then(|pid| pid.parse::<u64>().ok()).map(|pid| pid.saturating_sub(5));
                return Some(Outcome::Wait(Wait::Jobs(job), 0));
            }
            "kill" => return Some(self.kill(args)),
            "read" => self.read(args),
            "exec" => {
                if args.is_empty() {
                    return Some(Outcome::Exit(0));
                }
                let argv: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
                return Some(Outcome::Wait(Wait::Become(argv), 0));
            }
            "command" | "type" | "which" => return Some(self.which(host, name, args)),
            "nohup" | "time" => return Some(self.prefixed(host, args)),
            "timeout" => return Some(self.timeout(host, args)),
            "xargs" => return Some(self.xargs(host, args)),
            "sleep" | "usleep" => return Some(self.sleep(host, name, args)),
            _ => return None,
        };
        Some(Outcome::Exit(status))
    }

    fn cd(&mut self, host: &mut Host<'_>, args: &[&str]) -> i32 {
        let home = self.variable("HOME").unwrap_or_default();
        let target = match args.first() {
            None => home,
            Some(&"-") => self.variable("OLDPWD").unwrap_or_default(),
            Some(target) => (*target).to_owned(),
        };
        let path = absolute(&self.env.cwd, &target);
        if !host.files.is_directory(&path) {
            self.complain(host, &format!("cd: can't cd to {target}: No such file or directory"));
            return 2;
        }
        let before = std::mem::replace(&mut self.env.cwd, path.clone());
        self.env.variables.insert("OLDPWD".into(), before);
        self.env.variables.insert("PWD".into(), path);
        0
    }

    fn export(&mut self, host: &mut Host<'_>, builtin: &str, args: &[&str]) -> i32 {
        if args.is_empty() || args == ["-p"] {
            let lines: String = self
                .env
                .exported
                .iter()
                .filter_map(|name| self.env.variables.get(name).map(|value| format!("{builtin} {name}='{value}'\n")))
                .collect();
            self.write(host, 1, &lines);
        }
        for arg in args.iter().filter(|arg| !arg.starts_with('-')) {
            let (name, value) = arg.split_once('=').map_or((*arg, None), |(name, value)| (name, Some(value)));
            if let Some(value) = value {
                self.env.variables.insert(name.to_owned(), value.to_owned());
            }
            if builtin == "export" {
                self.env.exported.insert(name.to_owned());
            }
        }
        0
    }

    fn set(&mut self, args: &[&str]) -> i32 {
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let on = arg.starts_with('-');
            match *arg {
                "--" => {
                    self.env.parameters = args.map(|arg| (*arg).to_owned()).collect();
                    return 0;
                }
                "-o" | "+o" => match args.next() {
                    Some(&"errexit") => self.errexit = on,
                    Some(&"xtrace") => self.xtrace = on,
                    Some(&"nounset") => self.nounset = on,
                    _ => {}
                },
                flags if flags.starts_with(['-', '+']) => {
                    for flag in flags[1..].chars() {
                        match flag {
                            'e' => self.errexit = on,
                            'x' => self.xtrace = on,
                            'u' => self.nounset = on,
                            // `set -euo pipefail`: the option's name follows; pipes here fail by their last command.
                            'o' => {
                                args.next();
                            }
                            _ => {}
                        }
                    }
                }
                _ => {
                    let mut parameters = vec![(*arg).to_owned()];
                    parameters.extend(args.map(|arg| (*arg).to_owned()));
                    self.env.parameters = parameters;
                    return 0;
                }
            }
        }
        0
    }

    /// Runs a script in this shell.
    fn evaluate(&mut self, host: &mut Host<'_>, script: &str) -> Outcome {
        match parse(script) {
            Ok(command) => {
                self.frames.push(Frame::Run(command));
                Outcome::Exit(0)
            }
            Err(error) => {
                self.complain(host, &error.0);
                Outcome::Exit(2)
            }
        }
    }

    /// A shell inside the shell: `sh -c script name args…`, `sh file`.
    fn shell(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let flags: Vec<&str> = args.iter().take_while(|arg| arg.starts_with('-')).copied().collect();
        let rest = &args[flags.len()..];
        let (script, parameters) = if flags.iter().any(|flag| flag.ends_with('c')) {
            // `-c` alone takes the next word as the script.
            match rest.split_first() {
                Some((script, rest)) => ((*script).to_owned(), rest.get(1..).unwrap_or_default()),
                None => return Outcome::Exit(2),
            }
        } else if let Some((file, rest)) = rest.split_first() {
            match host.files.read(&absolute(&self.env.cwd, file)) {
                Ok(script) => (script.to_string(), rest),
                Err(_) => {
                    self.complain(host, &format!("can't open '{file}': No such file or directory"));
                    return Outcome::Exit(2);
                }
            }
        } else {
            let input = self.input.take();
            (input.map(|input| input.text[input.at..].to_owned()).unwrap_or_default(), rest)
        };
        match parse(&script) {
            Ok(command) => {
                let mut inner = self.env.clone();
                inner.parameters = parameters.iter().map(|arg| (*arg).to_owned()).collect();
                let outer = std::mem::replace(&mut self.env, inner);
                self.frames.push(Frame::Subshell(Box::new(outer)));
                self.frames.push(Frame::Run(command));
                if flags.iter().any(|flag| flag.contains('e') && !flag.starts_with("--")) {
                    self.errexit = true;
                }
                if flags.iter().any(|flag| flag.contains('x') && !flag.starts_with("--")) {
                    self.xtrace = true;
                }
                Outcome::Exit(0)
            }
            Err(error) => {
                self.complain(host, &error.0);
                Outcome::Exit(2)
            }
        }
    }

    fn trap(&mut self, host: &mut Host<'_>, args: &[&str]) -> i32 {
        let args: Vec<&str> = args.iter().filter(|arg| **arg != "--").copied().collect();
        let Some((action, signals)) = args.split_first() else { return 0 };
        for signal in signals {
            let name = match signal.trim_start_matches("SIG") {
                "0" => "EXIT",
                "2" => "INT",
                "3" => "QUIT",
                "15" => "TERM",
                name => name,
            };
            match *action {
                "-" => {
                    self.env.traps.remove(name);
                }
                "" => {
                    self.env.traps.insert(name.to_owned(), None);
                }
                script => match parse(script) {
                    Ok(command) => {
                        self.env.traps.insert(name.to_owned(), Some(command));
                    }
                    Err(error) => {
                        self.complain(host, &error.0);
                        return 2;
                    }
                },
            }
        }
        0
    }

    fn kill(&mut self, args: &[&str]) -> Outcome {
        let mut signal = "TERM".to_owned();
        for arg in args {
            if let Some(name) = arg.strip_prefix('-').filter(|name| !name.is_empty()) {
                signal = name.trim_start_matches("SIG").to_owned();
            } else if let Ok(pid) = arg.parse::<u64>() {
                // A number of a process: 1 is the container's own, jobs begin at 6.
                self.kills.push((pid.saturating_sub(5), signal.clone()));
            }
        }
        // The signal is delivered before the next command.
        Outcome::Wait(Wait::Sleep(0), 0)
    }

    fn read(&mut self, args: &[&str]) -> i32 {
        let names: Vec<&str> = args.iter().filter(|arg| !arg.starts_with('-')).copied().collect();
        let line = self.input.as_mut().and_then(|input| {
            let rest = &input.text[input.at..];
            let length = rest.find('\n').map_or(rest.len(), |at| at + 1);
            let line = rest[..length].trim_end_matches('\n').to_owned();
            input.at += length;
            (length > 0).then_some(line)
        });
        let status = i32::from(line.is_none());
        let line = line.unwrap_or_default();
        let names = if names.is_empty() { vec!["REPLY"] } else { names };
        let mut rest = line.trim();
        for (index, name) in names.iter().enumerate() {
            let value = if index + 1 == names.len() {
                rest
            } else {
                let (value, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                rest = after.trim_start();
                value
            };
            self.env.variables.insert((*name).to_owned(), value.to_owned());
        }
        status
    }

    fn which(&mut self, host: &mut Host<'_>, builtin: &str, args: &[&str]) -> Outcome {
        if builtin == "command" && args.first().is_some_and(|arg| !arg.starts_with('-')) {
            return self.prefixed(host, args);
        }
        let mut status = 0;
        for name in args.iter().filter(|arg| !arg.starts_with('-')) {
            let base = base_name(name);
            let here = UTILITIES.contains(&base) || self.system.programs.contains(&base) || SHELLS.contains(&base);
            let line = match (here, builtin) {
                (true, "type") => format!("{name} is /bin/{base}\n"),
                (true, _) => format!("/bin/{base}\n"),
                (false, "type") => format!("{name}: not found\n"),
                (false, _) => String::new(),
            };
            if !here {
                status = if builtin == "which" { 1 } else { 127 };
            }
            self.write(host, 1, &line);
        }
        Outcome::Exit(status)
    }

    /// Runs the rest of the line as a command.
    pub(super) fn prefixed(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let Some(name) = args.first() else { return Outcome::Exit(0) };
        let argv: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.utility(host, name, &argv)
    }

    fn timeout(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let rest: Vec<&str> = args.iter().skip_while(|arg| arg.starts_with('-')).copied().collect();
        let Some((limit, command)) = rest.split_first() else { return Outcome::Exit(1) };
        let limit = duration_micros(limit).unwrap_or(0);
        match self.prefixed(host, command) {
            Outcome::Wait(Wait::Sleep(micros), _) if micros > limit => Outcome::Wait(Wait::Sleep(limit), 143),
            Outcome::Wait(Wait::Forever | Wait::Serve { .. }, _) => Outcome::Wait(Wait::Sleep(limit), 143),
            outcome => outcome,
        }
    }

    fn xargs(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let input = self.input.take().map(|input| input.text[input.at..].to_owned()).unwrap_or_default();
        let mut words: Vec<&str> = args.iter().skip_while(|arg| arg.starts_with('-')).copied().collect();
        if words.is_empty() {
            words.push("echo");
        }
        words.extend(input.split_whitespace());
        self.prefixed(host, &words)
    }

    fn sleep(&mut self, host: &mut Host<'_>, name: &str, args: &[&str]) -> Outcome {
        let mut micros: u64 = 0;
        if args.is_empty() {
            self.write(host, 2, "BusyBox v1.37.0 multi-call binary.\n\nUsage: sleep [N]...\n");
            return Outcome::Exit(1);
        }
        for arg in args {
            if matches!(*arg, "infinity" | "inf") {
                return Outcome::Wait(Wait::Forever, 0);
            }
            let one = if name == "usleep" { arg.parse().ok() } else { duration_micros(arg) };
            let Some(one) = one else {
                self.write(host, 2, &format!("sleep: invalid number '{arg}'\n"));
                return Outcome::Exit(1);
            };
            micros = micros.saturating_add(one);
        }
        Outcome::Wait(Wait::Sleep(micros), 0)
    }
}

/// A duration of `sleep`: seconds with a fraction, or with one of the suffixes `s m h d`.
pub(super) fn duration_micros(text: &str) -> Option<u64> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1),
        (at, 'm') => (&text[..at], 60),
        (at, 'h') => (&text[..at], 3_600),
        (at, 'd') => (&text[..at], 86_400),
        _ => (text, 1),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction: u64 = format!("{fraction:0<6}")[..6].parse().ok()?;
    Some((whole.saturating_mul(1_000_000) + fraction).saturating_mul(unit))
}

/// A command line as a command, each argument as it stands.
pub(super) fn literal(argv: &[String]) -> Arc<Command> {
    let words = argv.iter().map(|arg| vec![Part::Text { text: arg.clone(), quoted: true }]).collect();
    Arc::new(Command::Simple { assignments: Vec::new(), words, redirects: Vec::new() })
}
