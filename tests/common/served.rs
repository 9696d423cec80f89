//! A served cluster, the real kubectl against it, and ours beside it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often [`Served::until`] asks, a tenth of a second apart at least.
const UNTIL_ATTEMPTS_MAX: u32 = 400;

/// A served cluster, ended when dropped.
pub struct Served {
    child: Child,
    address: String,
    /// Names the server, so that no flag has to stand before the verb.
    pub kubeconfig: std::path::PathBuf,
}

impl Served {
    pub fn start() -> Served {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubarium"))
            .args(["serve", "--listen", "127.0.0.1:0", "--speed", "4"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary was built for this test");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it listens");
        let address = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"))
            .unwrap_or_else(|| panic!("no address in {line:?}"))
            .to_owned();
        let kubeconfig = std::env::temp_dir().join(format!("kubarium-{}.kubeconfig", address.replace(':', "-")));
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "kubarium",
            "clusters": [{ "name": "kubarium", "cluster": { "server": format!("http://{address}") } }],
            "contexts": [{ "name": "kubarium", "context": { "cluster": "kubarium", "user": "" } }],
        });
        std::fs::write(&kubeconfig, text.to_string()).expect("the temporary folder can be written");
        Served { child, address, kubeconfig }
    }

    /// Runs the real kubectl: standard output, standard error, exit code.
    pub fn real(&self, line: &str, stdin: &str) -> (String, String, i32) {
        let mut child = Command::new("kubectl")
            .args(words(line))
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", std::env::temp_dir().join(format!("kubarium-kubectl-{}", std::process::id())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl was found before");
        child.stdin.take().expect("it was piped").write_all(stdin.as_bytes()).expect("kubectl reads or ends");
        let output = child.wait_with_output().expect("kubectl ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code().unwrap_or(-1))
    }

    /// Runs the cluster's own kubectl, through the host's door for it.
    pub fn ours(&self, line: &str, stdin: &str) -> (String, String, i32) {
        let body = serde_json::json!({ "line": line, "stdin": stdin }).to_string();
        let mut stream = std::net::TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out can be set");
        write!(
            stream,
            "POST /kubarium/kubectl HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .expect("it reads");
        let mut reader = BufReader::new(stream);
        let mut header = String::new();
        while !header.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut header).expect("it answers") > 0, "the answer ended early: {header}");
        }
        let value: serde_json::Value = serde_json::from_reader(reader).expect("it answers with JSON");
        let text = |name: &str| value[name].as_str().expect("the field is there").to_owned();
        (text("stdout"), text("stderr"), value["code"].as_i64().map_or(-1, |code| code as i32))
    }

    /// Waits until the real kubectl prints what `wanted` accepts.
    #[track_caller]
    pub fn until(&self, line: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        for _ in 0..UNTIL_ATTEMPTS_MAX {
            let (stdout, stderr, _) = self.real(line, "");
            if wanted(&stdout) {
                return stdout;
            }
            last = stdout + &stderr;
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("kubectl {line} never came to it: {last}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It is this test's own child; nothing is left to do if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}

/// Words of a line, single and double quotes kept together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, ' ') if word.is_empty() => {}
            (None, ' ') => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

pub fn kubectl_is_there() -> bool {
    let there =
        Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: there is no kubectl on this machine");
    }
    there
}

/// Ages move on between two commands; everything else must be the same.
fn steady(text: &str) -> String {
    let is_age = |word: &str| {
        let word = word.trim_matches(|letter| "()".contains(letter));
        word.chars().next().is_some_and(|letter| letter.is_ascii_digit())
            && word.chars().last().is_some_and(|letter| "smhd".contains(letter))
            && word.chars().all(|letter| letter.is_ascii_digit() || "smhd".contains(letter))
    };
    text.lines()
        .map(|line| {
            // The table of events is as wide as its ages are.
            let words: Vec<&str> = line.split_whitespace().collect();
            let heads_ages = words.starts_with(&["Type", "Reason", "Age"]) || words.starts_with(&["----", "------"]);
            if heads_ages || line.contains(" ago") || line.split_whitespace().any(is_age) {
                let words: Vec<&str> =
                    line.split_whitespace().map(|word| if is_age(word) { "AGE" } else { word }).collect();
                words.join(" ") + "\n"
            } else {
                format!("{line}\n")
            }
        })
        .collect()
}

/// How often a reading is tried: the cluster goes on between the two, and renews a lease, say. What is really different
/// stays different.
const TRIES: usize = 4;

pub fn compare_reads(served: &Served, line: &str, wrong: &mut Vec<String>) {
    let mut found = Vec::new();
    for _ in 0..TRIES {
        found.clear();
        compare(line, served.real(line, ""), served.ours(line, ""), &mut found);
        if found.is_empty() {
            return;
        }
    }
    wrong.append(&mut found);
}

/// Events of one second come in any order: kubectl sorts them by their date with an unstable sort.
fn events_sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let is_event = |line: &str| line.starts_with("Normal ") || line.starts_with("Warning ");
    for block in lines.chunk_by_mut(|a, b| is_event(a) && is_event(b)) {
        block.sort_unstable();
    }
    lines.join("\n")
}

pub fn compare(line: &str, real: (String, String, i32), ours: (String, String, i32), wrong: &mut Vec<String>) {
    // Some vendors' builds of kubectl print cobra's own "Error:" where upstream prints "error:".
    let stderr = match real.1.strip_prefix("Error: unknown ") {
        Some(rest) => format!("error: unknown {rest}"),
        None => real.1,
    };
    let real = (steady(&real.0), steady(&stderr), real.2);
    let ours = (steady(&ours.0), steady(&ours.1), ours.2);
    if events_sorted(&real.0) != events_sorted(&ours.0) || (&real.1, real.2) != (&ours.1, ours.2) {
        wrong.push(format!(
            "kubectl {line}\n--- real (exit {})\n{}{}--- ours (exit {})\n{}{}",
            real.2, real.0, real.1, ours.2, ours.0, ours.1
        ));
    }
}
