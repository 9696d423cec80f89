//! The `kubarium` binary from outside: what it prints, where, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: nginx, image: nginx:1.27}]}
";

/// A file of this content, gone when dropped.
struct Manifest(PathBuf);

impl Manifest {
    fn new(name: &str, content: &str) -> Manifest {
        let path = std::env::temp_dir().join(format!("kubarium-{}-{name}", std::process::id()));
        std::fs::write(&path, content).expect("the temporary folder can be written");
        Manifest(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the temporary folder has a plain name")
    }
}

impl Drop for Manifest {
    fn drop(&mut self) {
        // Nothing is left to do if it is gone already.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn kubarium(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubarium"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> (Output, String, String) {
    let output = kubarium(arguments).output().expect("the binary was built for this test");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output, stdout, stderr)
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let web = Manifest::new("closed.yaml", WEB);
    let mut child = kubarium(&["run", "-f", web.path(), "--for", "1s", "--nodes", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test");
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().expect("it was piped").read_to_string(&mut stderr).expect("it is text");
    assert_eq!((child.wait().expect("it ends").code(), stderr.as_str()), (Some(0), ""));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_said_in_one_line() {
    let web = Manifest::new("full.yaml", WEB);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let output = kubarium(&["run", "-f", web.path(), "--for", "1s", "--nodes", "1"])
        .stdout(full)
        .output()
        .expect("the binary was built for this test");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: standard output: No space left on device (os error 28)\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[track_caller]
fn refused(arguments: &[&str], code: i32, line: &str) {
    let (output, stdout, stderr) = output(arguments);
    assert_eq!(
        (output.status.code(), stdout.as_str(), stderr.as_str()),
        (Some(code), "", format!("{line}\n").as_str())
    );
}

#[test]
fn wrong_arguments_get_one_clear_line() {
    let range = |text: &str| format!("error: invalid value '{text}' for '--nodes <NODES>': {text} is not in 1..=5000");
    refused(&["serve", "--nodes", "-1"], 2, &range("-1"));
    refused(&["run", "-f", "x.yaml", "--nodes", "0"], 2, &range("0"));
    refused(
        &["serve", "--speed", "-1"],
        2,
        "error: invalid value '-1' for '--speed <SPEED>': a speed lies between 0.001 and 1000",
    );
    refused(
        &["run", "-f", "x.yaml", "--for", "-5s"],
        2,
        "error: invalid value '-5s' for '--for <TIME>': \"-5s\" is no length of time: write it like 60s, 1m30s or 500ms",
    );
    refused(&["run"], 2, "error: the following required arguments were not provided: --filename <FILE>");
    refused(&["run", "--frobnicate"], 2, "error: unexpected argument '--frobnicate' found");
    refused(&["frobnicate"], 2, "error: unrecognized subcommand 'frobnicate'");
    refused(&["run", "-f", "/no/such.yaml"], 1, "error: /no/such.yaml: No such file or directory (os error 2)");
    refused(&["serve", "--listen", "nowhere"], 1, "error: cannot listen on nowhere: invalid socket address");
    assert_eq!(output(&["--help"]).0.status.code(), Some(0));
}

#[test]
fn a_manifest_that_is_not_applied_is_not_run() {
    for (content, line) in [
        (
            "a: [",
            "error: error parsing FILE: error converting YAML to JSON: yaml: line 1: did not find expected node content",
        ),
        (
            "apiVersion: v1\nkind: Podd\nmetadata: {name: x}\n",
            "error: resource mapping not found for name: \"x\" namespace: \"\" from \"FILE\": no matches for kind \"Podd\" in version \"v1\"\nensure CRDs are installed first",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Bad_Name}\n",
            "error: FILE: The ConfigMap \"Bad_Name\" is invalid: metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ),
    ] {
        let manifest = Manifest::new("refused.yaml", content);
        refused(&["run", "-f", manifest.path(), "--nodes", "1"], 1, &line.replace("FILE", manifest.path()));
    }
}

#[test]
fn the_tables_of_a_run_stand_apart() {
    let web = Manifest::new("tables.yaml", WEB);
    let (output, stdout, stderr) = output(&["run", "-f", web.path(), "--for", "20s", "--nodes", "1"]);
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""));
    let (before, _) = stdout.split_once("NAME     STATUS   ROLES").unwrap_or_else(|| panic!("no nodes in {stdout}"));
    assert!(before.ends_with("\n\n") && !before.ends_with("\n\n\n"), "{stdout}");
}

#[test]
fn a_served_cluster_resolves_names_warns_of_its_speed_and_refuses_what_is_too_large() {
    let mut child = kubarium(&["serve", "--listen", "localhost:0", "--speed", "2", "--nodes", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built for this test");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it was piped")).read_line(&mut line).expect("it says where it listens");
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://")).unwrap_or_default().to_owned();
    let mut warning = String::new();
    BufReader::new(child.stderr.take().expect("it was piped")).read_line(&mut warning).expect("it warns");
    let mut stream = std::net::TcpStream::connect(&address).expect("it listens");
    let head = format!(
        "POST /api/v1/namespaces HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        4 << 20
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    // It may answer and hang up before it has heard everything.
    let _ = stream.write_all(&vec![b' '; 4 << 20]);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    // It is this test's own child.
    let _ = child.kill();
    let _ = child.wait();
    assert!(warning.starts_with("warning: ") && warning.contains("<invalid>"), "{warning}");
    assert!(answer.contains("\"Request entity too large: limit is 3145728\""), "{answer}");
}

#[test]
fn a_schedulers_configuration_is_checked_and_used() {
    let web =
        Manifest::new("profiled.yaml", &WEB.replace("spec: {containers", "spec: {schedulerName: packing, containers"));
    let head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
    let good = Manifest::new("good.yaml", &format!("{head}profiles: [{{schedulerName: packing}}]\n"));
    let (_, stdout, stderr) = output(&["run", "-f", web.path(), "--scheduler-config", good.path()]);
    assert!(stdout.contains("Successfully assigned default/web-") && stdout.contains("1/1"), "{stdout}{stderr}");
    let (_, stdout, _) = output(&["run", "-f", web.path(), "--for", "30s"]);
    assert!(stdout.contains("Pending") && !stdout.contains("Successfully assigned default/web-"), "{stdout}");
    let bad = Manifest::new("bad.yaml", &format!("{head}percentageOfNodesToScore: 101\n"));
    let (out, _, stderr) = output(&["run", "-f", web.path(), "--scheduler-config", bad.path()]);
    assert_eq!(out.status.code(), Some(1));
    let path = bad.path();
    assert_eq!(
        stderr,
        format!("error: {path}: percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]\n")
    );
}
