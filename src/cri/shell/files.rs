//! Utilities on files: `ls`, `cp`, `mkdir`, `test` …

use crate::api::time;
use crate::cri::files::absolute;
use crate::cri::program::Host;

use super::machine::{Machine, Outcome};

impl Machine {
    fn path(&self, name: &str) -> String {
        absolute(&self.env.cwd, name)
    }

    /// The file utility `name`, if it is one.
    pub(super) fn file_utility(&mut self, host: &mut Host<'_>, name: &str, args: &[&str]) -> Option<Outcome> {
        let operands: Vec<&str> = args.iter().filter(|arg| !arg.starts_with('-') || **arg == "-").copied().collect();
        let flag = |wanted: char| {
            args.iter().any(|arg| arg.starts_with('-') && !arg.starts_with("--") && arg.contains(wanted))
        };
        let status = match name {
            "[" | "test" => return Some(Outcome::Exit(self.test(host, name, args))),
            "pwd" => {
                let line = format!("{}\n", self.env.cwd);
                self.write(host, 1, &line);
                0
            }
            "ls" => self.ls(host, &operands, flag('a') || flag('A'), flag('l')),
            "touch" => self.each(host, name, &operands, |machine, host, name| {
                let path = machine.path(name);
                host.files.write(&path, "", true).map_err(|error| error.as_str())
            }),
            "mkdir" => self.each(host, name, &operands, |machine, host, name| {
                let path = machine.path(name);
                host.files.make_directory(&path, flag('p')).map_err(|error| error.as_str())
            }),
            "rmdir" => self.each(host, name, &operands, |machine, host, name| {
                let path = machine.path(name);
                host.files.remove_directory(&path).map_err(|error| error.as_str())
            }),
            "rm" => self.each(host, name, &operands, |machine, host, name| {
                let path = machine.path(name);
                match host.files.remove(&path, flag('r') || flag('R')) {
                    Err(_) if flag('f') && !host.files.exists(&path) => Ok(()),
                    result => result.map_err(|error| error.as_str()),
                }
            }),
            "cp" | "mv" => self.copy(host, name, &operands),
            "ln" | "chmod" | "chown" => 0,
            "mktemp" => {
                let path = format!("/tmp/tmp.{}", host.rng.suffix(6));
                let made = if flag('d') {
                    host.files.make_directory(&path, true).is_ok()
                } else {
                    host.files.write(&path, "", false).is_ok()
                };
                self.write(host, 1, &format!("{path}\n"));
                i32::from(!made)
            }
            "basename" => {
                let base = operands.first().map_or("", |path| path.trim_end_matches('/'));
                let base = base.rsplit('/').next().unwrap_or_default();
                let base = operands.get(1).and_then(|suffix| base.strip_suffix(suffix)).unwrap_or(base);
                self.write(host, 1, &format!("{base}\n"));
                0
            }
            "dirname" => {
                let path = operands.first().copied().unwrap_or_default();
                let parent =
                    path.rsplit_once('/').map_or(".", |(parent, _)| if parent.is_empty() { "/" } else { parent });
                self.write(host, 1, &format!("{parent}\n"));
                0
            }
            "find" => self.find(host, args),
            "stat" | "du" => self.stat(host, name, &operands),
            "dd" => self.dd(host, args),
            _ => return None,
        };
        Some(Outcome::Exit(status))
    }

    /// Does something to each operand, and complains of each that fails.
    fn each(
        &mut self,
        host: &mut Host<'_>,
        utility: &str,
        operands: &[&str],
        act: impl Fn(&mut Machine, &mut Host<'_>, &str) -> Result<(), &'static str>,
    ) -> i32 {
        let mut status = 0;
        for operand in operands {
            if let Err(error) = act(self, host, operand) {
                let line = match utility {
                    "touch" => format!("touch: {operand}: {error}\n"),
                    "mkdir" => format!("mkdir: can't create directory '{operand}': {error}\n"),
                    "rm" => format!("rm: can't remove '{operand}': {error}\n"),
                    _ => format!("{utility}: '{operand}': {error}\n"),
                };
                self.write(host, 2, &line);
                status = 1;
            }
        }
        status
    }

    fn ls(&mut self, host: &mut Host<'_>, operands: &[&str], all: bool, long: bool) -> i32 {
        let operands = if operands.is_empty() { &["."][..] } else { operands };
        let mut status = 0;
        for (index, operand) in operands.iter().enumerate() {
            let path = self.path(operand);
            if !host.files.exists(&path) {
                self.write(host, 2, &format!("ls: {operand}: No such file or directory\n"));
                status = 1;
                continue;
            }
            if !host.files.is_directory(&path) {
                let line = self.ls_line(host, &path, operand, long);
                self.write(host, 1, &line);
                continue;
            }
            if operands.len() > 1 {
                let separator = if index > 0 { "\n" } else { "" };
                self.write(host, 1, &format!("{separator}{operand}:\n"));
            }
            let names = host.files.list(&path).unwrap_or_default();
            let names: Vec<&String> = names.iter().filter(|name| all || !name.starts_with('.')).collect();
            if long {
                self.write(host, 1, &format!("total {}\n", names.len() * 4));
            }
            for name in names {
                let line = self.ls_line(host, &absolute(&path, name), name, long);
                self.write(host, 1, &line);
            }
        }
        status
    }

    fn ls_line(&mut self, host: &mut Host<'_>, path: &str, name: &str, long: bool) -> String {
        if !long {
            return format!("{name}\n");
        }
        let date = time::format(self.unix_micros(host), "%b %e %H:%M");
        match host.files.read(path) {
            Ok(content) => format!("-rw-r--r--    1 root     root     {:>9} {date} {name}\n", content.len()),
            Err(_) => format!("drwxr-xr-x    2 root     root          4096 {date} {name}\n"),
        }
    }

    fn copy(&mut self, host: &mut Host<'_>, utility: &str, operands: &[&str]) -> i32 {
        let Some((target, sources)) = operands.split_last().filter(|(_, sources)| !sources.is_empty()) else {
            self.write(host, 2, &format!("{utility}: missing file operand\n"));
            return 1;
        };
        let into_directory = host.files.is_directory(&self.path(target));
        let mut status = 0;
        for source in sources {
            let from = self.path(source);
            let to = match into_directory {
                true => absolute(&self.path(target), source.trim_end_matches('/').rsplit('/').next().unwrap_or(source)),
                false => self.path(target),
            };
            let result = copy_tree(host, &from, &to);
            if let Err(error) = result {
                let line = match utility {
                    "mv" => format!("mv: can't rename '{source}': {error}\n"),
                    _ => format!("cp: can't stat '{source}': {error}\n"),
                };
                self.write(host, 2, &line);
                status = 1;
            } else if utility == "mv" {
                // What was just read can be removed, unless it is read-only: then it stays.
                let _ = host.files.remove(&from, true);
            }
        }
        status
    }

    fn find(&mut self, host: &mut Host<'_>, args: &[&str]) -> i32 {
        let roots: Vec<&str> = args.iter().take_while(|arg| !arg.starts_with('-')).copied().collect();
        let after = |flag: &str| args.iter().position(|arg| *arg == flag).and_then(|at| args.get(at + 1)).copied();
        let name = after("-name").map(super::pattern::glyphs);
        let kind = after("-type");
        let depth = |flag: &str| after(flag).and_then(|depth| depth.parse::<usize>().ok());
        let (least, most) = (depth("-mindepth").unwrap_or(0), depth("-maxdepth").unwrap_or(usize::MAX));
        let deletes = args.contains(&"-delete");
        let roots = if roots.is_empty() { vec!["."] } else { roots };
        let mut pending: Vec<(String, usize)> = roots.iter().rev().map(|root| ((*root).to_owned(), 0)).collect();
        let mut found: Vec<String> = Vec::new();
        while let Some((shown, depth)) = pending.pop() {
            let path = self.path(&shown);
            let directory = host.files.is_directory(&path);
            let base: Vec<char> = shown.rsplit('/').next().unwrap_or_default().chars().collect();
            let wanted = name.as_ref().is_none_or(|pattern| super::pattern::matches(pattern, &base))
                && kind.is_none_or(|kind| (kind == "d") == directory);
            if wanted && depth >= least && host.files.exists(&path) {
                if deletes {
                    found.push(path.clone());
                } else {
                    self.write(host, 1, &format!("{shown}\n"));
                }
            }
            let children = if depth < most { host.files.list(&path).unwrap_or_default() } else { Vec::new() };
            for child in children.into_iter().rev() {
                pending.push((format!("{}/{child}", shown.trim_end_matches('/')), depth + 1));
            }
        }
        // What is inside goes before what it is in.
        let mut status = 0;
        for path in found.iter().rev() {
            let gone = match host.files.is_directory(path) {
                true => host.files.remove_directory(path),
                false => host.files.remove(path, false),
            };
            if let Err(error) = gone {
                self.write(host, 2, &format!("find: {path}: {}\n", error.as_str()));
                status = 1;
            }
        }
        status
    }

    fn stat(&mut self, host: &mut Host<'_>, utility: &str, operands: &[&str]) -> i32 {
        let mut status = 0;
        for operand in operands {
            let path = self.path(operand);
            if !host.files.exists(&path) {
                self.write(host, 2, &format!("{utility}: can't stat '{operand}': No such file or directory\n"));
                status = 1;
                continue;
            }
            let size = host.files.read(&path).map_or(4096, |content| content.len());
            let line = match utility {
                "du" => format!("{}\t{operand}\n", size.div_ceil(1024)),
                _ => format!("  File: {operand}\n  Size: {size}\n"),
            };
            self.write(host, 1, &line);
        }
        status
    }

    /// `dd if=/dev/zero of=file bs=1M count=10`: the size is told, the content kept empty.
    fn dd(&mut self, host: &mut Host<'_>, args: &[&str]) -> i32 {
        let value = |key: &str| args.iter().find_map(|arg| arg.strip_prefix(key));
        let count: u64 = value("count=").and_then(|count| count.parse().ok()).unwrap_or(1);
        if let Some(file) = value("of=").filter(|file| *file != "/dev/null") {
            let path = self.path(file);
            if let Err(error) = host.files.write(&path, "", false) {
                self.write(host, 2, &format!("dd: can't open '{file}': {}\n", error.as_str()));
                return 1;
            }
        }
        self.write(host, 2, &format!("{count}+0 records in\n{count}+0 records out\n"));
        0
    }
}

fn copy_tree(host: &mut Host<'_>, from: &str, to: &str) -> Result<(), &'static str> {
    if !host.files.is_directory(from) {
        let content = host.files.read(from).map_err(|error| error.as_str())?;
        return host.files.write(to, &content, false).map_err(|error| error.as_str());
    }
    host.files.make_directory(to, true).map_err(|error| error.as_str())?;
    for name in host.files.list(from).map_err(|error| error.as_str())? {
        copy_tree(host, &absolute(from, &name), &absolute(to, &name))?;
    }
    Ok(())
}
