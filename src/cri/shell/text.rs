//! Utilities on text: `echo`, `cat`, `grep`, `head`, `wc` …

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::cri::files::absolute;
use crate::cri::program::Host;
use crate::sim::Order;

use super::machine::{Machine, Outcome, Wait};
use super::printf::{printf, unescape};

/// How often `yes` says so before somebody must have stopped listening.
const YES_LINES: usize = 1_000;

impl Machine {
    /// What is left of standard input.
    fn take_input(&mut self) -> String {
        match &mut self.input {
            Some(input) => {
                let text = input.text[input.at..].to_owned();
                input.at = input.text.len();
                text
            }
            None => String::new(),
        }
    }

    /// The content of the files named, or standard input, and the status.
    fn gather(&mut self, host: &mut Host<'_>, utility: &str, files: &[&str]) -> (String, i32) {
        if files.is_empty() {
            return (self.take_input(), 0);
        }
        let mut text = String::new();
        let mut status = 0;
        for file in files {
            match *file {
                "-" | "/dev/stdin" => text.push_str(&self.take_input()),
                "/dev/null" => {}
                file => match host.files.read(&absolute(&self.env.cwd, file)) {
                    Ok(content) => text.push_str(&content),
                    Err(error) => {
                        let line = match utility {
                            "grep" | "head" | "tail" | "sort" | "wc" => {
                                format!("{utility}: {file}: {}\n", error.as_str())
                            }
                            _ => format!("{utility}: can't open '{file}': {}\n", error.as_str()),
                        };
                        self.write(host, 2, &line);
                        status = 1;
                    }
                },
            }
        }
        (text, status)
    }

    /// The text utility `name`, if it is one.
    pub(super) fn text_utility(&mut self, host: &mut Host<'_>, name: &str, args: &[&str]) -> Option<Outcome> {
        let operands: Vec<&str> = args.iter().filter(|arg| !arg.starts_with('-') || **arg == "-").copied().collect();
        let outcome = match name {
            "echo" => self.echo(host, args),
            "printf" => {
                let Some((format, rest)) = args.split_first() else { return Some(Outcome::Exit(1)) };
                self.write(host, 1, &printf(format, rest));
                Outcome::Exit(0)
            }
            "cat" => {
                if operands.is_empty() && self.input.is_none() {
                    // Standard input of a container is empty unless it is asked for.
                    return Some(Outcome::Exit(0));
                }
                let (text, status) = self.gather(host, name, &operands);
                self.write(host, 1, &text);
                Outcome::Exit(status)
            }
            "head" | "tail" => self.head_tail(host, name, args),
            "grep" => self.grep(host, args),
            "wc" => self.wc(host, args, &operands),
            "seq" => self.seq(host, &operands),
            "sort" | "uniq" => self.sort(host, name, args, &operands),
            "tr" => self.tr(host, args),
            "cut" => self.cut(host, args),
            "sed" => self.sed(host, args),
            "awk" => self.awk(host, args),
            "tee" => {
                let text = self.take_input();
                for file in &operands {
                    let path = absolute(&self.env.cwd, file);
                    let append = args.contains(&"-a");
                    if host.files.write(&path, &text, append).is_err() {
                        self.write(host, 2, &format!("tee: {file}: No such file or directory\n"));
                    }
                }
                self.write(host, 1, &text);
                Outcome::Exit(0)
            }
            "yes" => {
                let word = args.first().copied().unwrap_or("y");
                self.write(host, 1, &format!("{word}\n").repeat(YES_LINES));
                Outcome::Wait(Wait::Forever, 0)
            }
            "expr" => self.expr(host, args),
            "base64" => self.base64(host, args, &operands),
            "md5sum" => {
                let (text, status) = self.gather(host, name, &operands);
                let mut hash = crate::sim::TraceHash::default();
                hash.text(&text);
                let line =
                    format!("{:016x}{:016x}  {}\n", hash.value(), !hash.value(), operands.first().unwrap_or(&"-"));
                self.write(host, 1, &line);
                Outcome::Exit(status)
            }
            _ => return None,
        };
        Some(outcome)
    }

    fn echo(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let is_flag =
            |arg: &&&str| arg.len() > 1 && arg.starts_with('-') && arg[1..].chars().all(|c| "neE".contains(c));
        let flags: String = args.iter().take_while(is_flag).copied().collect();
        let words = &args[args.iter().take_while(is_flag).count()..];
        let mut text = words.join(" ");
        if flags.contains('e') {
            text = unescape(&text);
        }
        if !flags.contains('n') {
            text.push('\n');
        }
        self.write(host, 1, &text);
        Outcome::Exit(0)
    }

    fn head_tail(&mut self, host: &mut Host<'_>, name: &str, args: &[&str]) -> Outcome {
        let mut count: i64 = 10;
        let mut from_start = false;
        let mut bytes = false;
        let mut files = Vec::new();
        let (mut follow, mut retry) = (false, false);
        let mut iter = args.iter();
        while let Some(arg) = iter.next() {
            match *arg {
                "-n" | "-c" | "-s" => {
                    bytes = *arg == "-c";
                    let value = iter.next().copied().unwrap_or_default();
                    from_start = value.starts_with('+');
                    if *arg != "-s" {
                        count = value.trim_start_matches(['+', '-']).parse().unwrap_or(count);
                    }
                }
                "-f" => follow = true,
                "-F" => (follow, retry) = (true, true),
                flag if flag.len() > 1 && flag.starts_with('-') => {
                    follow |= flag.contains(['f', 'F']);
                    retry |= flag.contains('F');
                    bytes |= flag.contains('c');
                    let digits: String = flag.chars().filter(char::is_ascii_digit).collect();
                    count = digits.parse().unwrap_or(count);
                }
                file => files.push(file),
            }
        }
        let (text, status) = self.gather(host, name, &files);
        let count = count.max(0) as usize;
        let out: String = if bytes {
            let chars: Vec<char> = text.chars().collect();
            match name {
                "head" => chars.iter().take(count).collect(),
                _ => chars[chars.len().saturating_sub(count)..].iter().collect(),
            }
        } else {
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            match (name, from_start) {
                ("head", _) => lines.iter().take(count).copied().collect(),
                (_, true) => lines.iter().skip(count.saturating_sub(1)).copied().collect(),
                (_, false) => lines[lines.len().saturating_sub(count)..].concat(),
            }
        };
        self.write(host, 1, &out);
        if follow && (status == 0 || retry) { Outcome::Wait(Wait::Forever, 0) } else { Outcome::Exit(status) }
    }

    fn grep(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let flags: String = args.iter().filter(|arg| arg.starts_with('-')).map(|arg| &arg[1..]).collect();
        let operands: Vec<&str> = args.iter().filter(|arg| !arg.starts_with('-')).copied().collect();
        let Some((pattern, files)) = operands.split_first() else { return Outcome::Exit(2) };
        let (text, status) = self.gather(host, "grep", files);
        let fold = |text: &str| if flags.contains('i') { text.to_lowercase() } else { text.to_owned() };
        let pattern = fold(pattern);
        let alternatives: Vec<&str> = pattern
            .split("\\|")
            .flat_map(|part| if flags.contains('E') { part.split('|').collect() } else { vec![part] })
            .collect();
        let matching = |line: &&str| {
            let line = fold(line);
            alternatives.iter().any(|pattern| line_matches(pattern, &line)) != flags.contains('v')
        };
        let found: Vec<&str> = text.lines().filter(matching).collect();
        if flags.contains('c') {
            self.write(host, 1, &format!("{}\n", found.len()));
        } else if !flags.contains('q') {
            let lines: String = found.iter().map(|line| format!("{line}\n")).collect();
            self.write(host, 1, &lines);
        }
        Outcome::Exit(if !found.is_empty() { 0 } else { status.max(1) })
    }

    fn wc(&mut self, host: &mut Host<'_>, args: &[&str], operands: &[&str]) -> Outcome {
        let (text, status) = self.gather(host, "wc", operands);
        let counts = [('l', text.matches('\n').count()), ('w', text.split_whitespace().count()), ('c', text.len())];
        let asked: Vec<usize> = counts
            .iter()
            .filter(|(flag, _)| args.iter().any(|arg| arg.starts_with('-') && arg.contains(*flag)))
            .map(|(_, n)| *n)
            .collect();
        let line = match asked.as_slice() {
            [] => format!("{:>7} {:>7} {:>7}", counts[0].1, counts[1].1, counts[2].1),
            [one] => one.to_string(),
            many => many.iter().map(|n| format!("{n:>7}")).collect::<Vec<_>>().join(" "),
        };
        let name = operands.first().map(|name| format!(" {name}")).unwrap_or_default();
        self.write(host, 1, &format!("{line}{name}\n"));
        Outcome::Exit(status)
    }

    fn seq(&mut self, host: &mut Host<'_>, operands: &[&str]) -> Outcome {
        let numbers: Vec<i64> = operands.iter().filter_map(|arg| arg.parse().ok()).collect();
        let (first, step, last) = match numbers.as_slice() {
            [last] => (1, 1, *last),
            [first, last] => (*first, 1, *last),
            [first, step, last] => (*first, *step, *last),
            _ => return Outcome::Exit(1),
        };
        let mut out = String::new();
        let mut value = first;
        while step != 0 && out.len() < 1 << 20 && if step > 0 { value <= last } else { value >= last } {
            out.push_str(&format!("{value}\n"));
            value += step;
        }
        self.write(host, 1, &out);
        Outcome::Exit(0)
    }

    fn sort(&mut self, host: &mut Host<'_>, name: &str, args: &[&str], operands: &[&str]) -> Outcome {
        let (text, status) = self.gather(host, name, operands);
        let flag = |wanted: char| args.iter().any(|arg| arg.starts_with('-') && arg.contains(wanted));
        let mut lines: Vec<&str> = text.lines().collect();
        let mut out = String::new();
        if name == "sort" {
            if flag('n') {
                lines.order_by_key(|line| line.trim().parse::<i64>().unwrap_or(0));
            } else {
                lines.order();
            }
            if flag('r') {
                lines.reverse();
            }
            if flag('u') {
                lines.dedup();
            }
            lines.iter().for_each(|line| out.push_str(&format!("{line}\n")));
        } else {
            for group in lines.chunk_by(|a, b| a == b) {
                match flag('c') {
                    true => out.push_str(&format!("{:>7} {}\n", group.len(), group[0])),
                    false => out.push_str(&format!("{}\n", group[0])),
                }
            }
        }
        self.write(host, 1, &out);
        Outcome::Exit(status)
    }

    fn tr(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let delete = args.first() == Some(&"-d");
        let sets: Vec<Vec<char>> = args.iter().filter(|arg| **arg != "-d").map(|arg| tr_set(arg)).collect();
        let text = self.take_input();
        let Some(from) = sets.first() else { return Outcome::Exit(1) };
        let out: String = text
            .chars()
            .filter_map(|next| match from.iter().position(|char| *char == next) {
                None => Some(next),
                Some(_) if delete => None,
                Some(at) => sets.get(1).and_then(|to| to.get(at).or(to.last())).copied().or(Some(next)),
            })
            .collect();
        self.write(host, 1, &out);
        Outcome::Exit(0)
    }

    fn cut(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let value = |flag: &str| {
            args.iter().enumerate().find_map(|(index, arg)| {
                let rest = arg.strip_prefix(flag)?;
                if rest.is_empty() { args.get(index + 1).copied() } else { Some(rest) }
            })
        };
        let delimiter = value("-d").and_then(|text| text.chars().next()).unwrap_or('\t');
        let characters = value("-c");
        let Some(list) = value("-f").or(characters) else { return Outcome::Exit(1) };
        let wanted = |index: usize| {
            list.split(',').any(|range| match range.split_once('-') {
                Some((low, high)) => index >= low.parse().unwrap_or(1) && index <= high.parse().unwrap_or(usize::MAX),
                None => range.parse() == Ok(index),
            })
        };
        let text = self.take_input();
        let mut out = String::new();
        for line in text.lines() {
            if characters.is_some() {
                out.extend(line.chars().enumerate().filter(|(index, _)| wanted(index + 1)).map(|(_, next)| next));
            } else {
                let fields: Vec<&str> = line
                    .split(delimiter)
                    .enumerate()
                    .filter(|(index, _)| wanted(index + 1))
                    .map(|(_, field)| field)
                    .collect();
                out.push_str(&fields.join(&delimiter.to_string()));
            }
            out.push('\n');
        }
        self.write(host, 1, &out);
        Outcome::Exit(0)
    }

    /// `sed s/from/to/[g]` with fixed text.
    fn sed(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let in_place = args.iter().any(|arg| arg.starts_with("-i"));
        let operands: Vec<&str> = args.iter().filter(|arg| !arg.starts_with('-')).copied().collect();
        let Some((script, files)) = operands.split_first() else { return Outcome::Exit(1) };
        let mut chars = script.chars();
        let (Some('s'), Some(delimiter)) = (chars.next(), chars.next()) else {
            self.write(host, 2, &format!("sed: unsupported command {}\n", script.chars().next().unwrap_or(' ')));
            return Outcome::Exit(1);
        };
        let parts: Vec<&str> = chars.as_str().split(delimiter).collect();
        let [from, to, flags] = parts.as_slice() else {
            self.write(host, 2, "sed: bad format in substitution expression\n");
            return Outcome::Exit(1);
        };
        let (text, status) = self.gather(host, "sed", files);
        let out: String = text
            .split_inclusive('\n')
            .map(|line| if flags.contains('g') { line.replace(from, to) } else { line.replacen(from, to, 1) })
            .collect();
        match files.first().filter(|_| in_place) {
            Some(file) => {
                let path = absolute(&self.env.cwd, file);
                return Outcome::Exit(i32::from(host.files.write(&path, &out, false).is_err()));
            }
            None => self.write(host, 1, &out),
        }
        Outcome::Exit(status)
    }

    /// `awk '{print $N, …}'`.
    fn awk(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let Some(at) = args.iter().position(|arg| arg.contains('{')) else { return Outcome::Exit(1) };
        let program = args[at].trim_matches(['{', '}', ' ']).trim_start_matches("print").trim();
        let (text, status) = self.gather(host, "awk", &args[at + 1..]);
        let mut out = String::new();
        for line in text.lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let shown: Vec<&str> = program
                .split(',')
                .map(|item| match item.trim().strip_prefix('$') {
                    None if item.trim().is_empty() => line,
                    None => item.trim().trim_matches('"'),
                    Some("0") => line,
                    Some("NF") => fields.last().copied().unwrap_or_default(),
                    Some(number) => number
                        .parse::<usize>()
                        .ok()
                        .and_then(|n| fields.get(n.wrapping_sub(1)))
                        .copied()
                        .unwrap_or_default(),
                })
                .collect();
            out.push_str(&shown.join(" "));
            out.push('\n');
        }
        self.write(host, 1, &out);
        Outcome::Exit(status)
    }

    fn expr(&mut self, host: &mut Host<'_>, args: &[&str]) -> Outcome {
        let text = args.join(" ").replace("\\*", "*");
        let value = super::arithmetic::evaluate(&text, &|_| 0, &mut |_, _| {});
        match value {
            Ok(value) => {
                self.write(host, 1, &format!("{value}\n"));
                Outcome::Exit(i32::from(value == 0))
            }
            Err(_) => {
                self.write(host, 2, "expr: syntax error\n");
                Outcome::Exit(2)
            }
        }
    }

    fn base64(&mut self, host: &mut Host<'_>, args: &[&str], operands: &[&str]) -> Outcome {
        let (text, status) = self.gather(host, "base64", operands);
        if !args.iter().any(|arg| matches!(*arg, "-d" | "-D" | "--decode")) {
            self.write(host, 1, &format!("{}\n", STANDARD.encode(text)));
            return Outcome::Exit(status);
        }
        let packed: String = text.split_whitespace().collect();
        match STANDARD.decode(packed) {
            Ok(bytes) => {
                self.write(host, 1, &String::from_utf8_lossy(&bytes));
                Outcome::Exit(status)
            }
            Err(_) => {
                self.write(host, 2, "base64: truncated input\n");
                Outcome::Exit(1)
            }
        }
    }
}

fn tr_set(text: &str) -> Vec<char> {
    let chars: Vec<char> = unescape(&text.replace("[:lower:]", "a-z").replace("[:upper:]", "A-Z")).chars().collect();
    let mut set = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        match (chars.get(at + 1), chars.get(at + 2)) {
            (Some('-'), Some(high)) => {
                set.extend(chars[at]..=*high);
                at += 3;
            }
            _ => {
                set.push(chars[at]);
                at += 1;
            }
        }
    }
    set
}

/// Whether a line has a match of a simple regular expression: text, `.`, `.*`, `^`, `$`, `[…]`.
fn line_matches(expression: &str, line: &str) -> bool {
    let anchored = expression.starts_with('^');
    let to_end = expression.ends_with('$');
    let body = expression.trim_start_matches('^').trim_end_matches('$');
    let mut pattern = String::new();
    if !anchored {
        pattern.push('*');
    }
    let mut chars = body.chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            '.' if chars.peek() == Some(&'*') => {
                chars.next();
                pattern.push('*');
            }
            '.' => pattern.push('?'),
            '\\' => pattern.extend(chars.next()),
            next => pattern.push(next),
        }
    }
    if !to_end {
        pattern.push('*');
    }
    let text: Vec<char> = line.chars().collect();
    super::pattern::matches(&super::pattern::glyphs(&pattern), &text)
}
