//! Every case of the corpus that is about what this kubectl has; the rest is listed with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::api::{KINDS, Reason, Status};

use super::fake::{Fake, status};
use super::{Desk, EPOCH, given};

fn corpus() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared/corpus", "../../shared/corpus"]
        .iter()
        .map(|path| root.join(path))
        .find(|path| path.exists())
        .expect("the corpus lies beside the repository, in ../shared or ../../shared")
}

fn read(path: &str) -> Value {
    let path = corpus().join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether `found` is `expected`, in which `<AGE>` stands for any word.
fn fits(expected: &str, found: &str) -> bool {
    if !expected.contains("<AGE>") {
        return expected == found;
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<String>>();
    let (expected, found) = (lines(expected), lines(found));
    expected.len() == found.len()
        && expected.iter().zip(&found).all(|(expected, found)| match expected.split_once("<AGE>") {
            Some((before, after)) => {
                let rest = found.strip_prefix(before);
                rest.is_some_and(|rest| rest.ends_with(after.trim_end()) || rest.trim_end().ends_with(after.trim()))
            }
            None => expected == found,
        })
}

/// The command with its file on standard input, the file's text, and the file's name.
fn from_stdin(command: &str, files: &BTreeMap<String, String>) -> (String, String, String) {
    for (name, text) in files {
        if command.split(' ').any(|word| word == name) {
            return (command.replace(name, "-"), text.clone(), name.clone());
        }
    }
    (command.to_owned(), String::new(), "no file".to_owned())
}

/// Commands of the corpus that this kubectl does not have, by their first words, and why.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("autoscale", "no horizontal pod autoscaler in this cluster"),
    ("auth", "no authorization in this cluster yet"),
    ("config", "there is no kubeconfig in the page"),
    ("cp", "no exec"),
    ("create clusterrole", "no RBAC in this cluster yet"),
    ("create clusterrolebinding", "no RBAC in this cluster yet"),
    ("create cronjob", "no jobs in this cluster yet"),
    ("create ingress", "no ingress in this cluster yet"),
    ("create job", "no jobs in this cluster yet"),
    ("create role", "no RBAC in this cluster yet"),
    ("create token", "tokens are not shown in the page"),
    ("edit", "needs an editor"),
    ("exec", "no exec"),
    ("explain", "the schemas served have no descriptions"),
    ("kustomize", "no directories in the page"),
    ("plugin", "no plugins in the page"),
    ("rollout restart ds/agent", "no daemon sets in this cluster"),
    ("rollout status ds/agent", "no daemon sets in this cluster"),
    ("rollout status sts/db", "no stateful sets in this cluster"),
    ("top", "no metrics in this cluster yet"),
    (
        "create deployment web --image=nginx:1.27 --dry-run=client -o json",
        "fields of typed JSON come in Go's order, here sorted",
    ),
];

fn unsupported(command: &str) -> bool {
    let command = command.strip_prefix("kubectl ").unwrap_or(command);
    UNSUPPORTED.iter().any(|(words, _)| command == *words || command.starts_with(&format!("{words} ")))
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn sorted_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// Runs a case of `messages-*.json` or `dry-run-output.json`; gives what differs.
fn message(case: &Value) -> Result<(), String> {
    let text = |field: &str| case[field].as_str().unwrap_or_default().to_owned();
    let files: BTreeMap<String, String> = serde_json::from_value(case["files"].clone()).unwrap_or_default();
    let group = text("g");
    let mut objects: Vec<Value> =
        strings(&case["given"]).iter().map(|name| given::object(name, &group, &text("note"))).collect();
    let command = text("command");
    if command.contains("--delete-emptydir-data") {
        for object in objects.iter_mut().filter(|object| object["kind"] == "Pod") {
            object["spec"]["volumes"] = json!([{"name": "v", "emptyDir": {}}]);
        }
    }
    let mut fake = Fake::with(objects);
    if text("note").contains("429") {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        fake.evictions = Some(Status::new(Reason::TooManyRequests, message));
    }
    let mut desk = Desk::new(fake);
    for before in strings(&case["after"]) {
        // `after` names the command before; that one's own predecessors are in the corpus as well.
        if before == "kubectl apply -f d5.yaml" {
            let (line, stdin, _) = from_stdin("kubectl apply -f d.yaml", &files);
            desk.run(&line, &stdin);
        }
        let (line, stdin, _) = from_stdin(&before, &files);
        desk.run(&line, &stdin);
    }
    let (line, stdin, name) = from_stdin(&quoted(&command), &files);
    let found = desk.run(&line, &stdin);
    let (stdout, stderr) = (text("stdout"), text("stderr").replace(&name, "STDIN"));
    let any_order = command == "kubectl drain n1";
    let same = fits(&stdout, &found.stdout()) || (any_order && sorted_lines(&stdout) == sorted_lines(&found.stdout()));
    let code = case["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok());
    if same && stderr.trim_end_matches('\n') == found.stderr().trim_end_matches('\n') && found.code == code {
        return Ok(());
    }
    Err(format!(
        "== {command}\n-- expected {code:?}\n{stdout}!! {stderr}\n-- found {:?}\n{}!! {}\n",
        found.code,
        found.stdout(),
        found.stderr()
    ))
}

/// The corpus writes commands without the quotes a shell needs.
fn quoted(command: &str) -> String {
    let words: Vec<String> = command
        .split(' ')
        .map(|word| if word.contains(['"', '{']) { format!("'{word}'") } else { word.to_owned() })
        .collect();
    words.join(" ")
}

#[track_caller]
fn messages(file: &str, ran: usize, skipped: usize) {
    let corpus = read(&format!("kubectl/{file}.json"));
    let mut failures = Vec::new();
    let mut counts = [0, 0];
    for case in corpus["cases"].as_array().expect("cases") {
        if unsupported(case["command"].as_str().unwrap_or_default()) {
            counts[1] += 1;
            continue;
        }
        counts[0] += 1;
        failures.extend(message(case).err());
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), counts[0], failures.join("\n"));
    assert_eq!(counts, [ran, skipped], "cases of {file} that ran, and that were skipped");
}

#[test]
fn messages_of_apply_create_and_delete() {
    messages("messages-apply-create-delete", 34, 7);
}

#[test]
fn messages_of_get_and_others() {
    messages("messages-get-other", 22, 13);
}

#[test]
fn messages_of_label_annotate_set_and_patch() {
    messages("messages-modify", 29, 0);
}

#[test]
fn messages_about_nodes() {
    messages("messages-nodes", 21, 0);
}

#[test]
fn messages_of_scale_and_rollout() {
    messages("messages-scale-rollout", 23, 8);
}

#[test]
fn dry_runs_print_what_would_be_created() {
    messages("dry-run-output", 7, 3);
}

/// Column names that only `-o wide` shows, by kind.
fn wide_columns(kind: &str) -> Vec<String> {
    strings(&read("kubectl/get-columns.json")["kinds"][kind]["wideColumns"])
}

#[test]
fn tables_look_like_kubectls() {
    let corpus = read("kubectl/get-text.json");
    let mut tables = BTreeMap::new();
    for (kind, table) in corpus["tables"].as_object().expect("tables") {
        let wide = wide_columns(kind);
        let columns: Vec<Value> = strings(&table["columns"])
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let format = if index == 0 && kind != "Event" { "name" } else { "" };
                json!({"name": name, "format": format, "priority": i32::from(wide.contains(name))})
            })
            .collect();
        let mut rows = table["rows"].as_array().expect("rows").clone();
        if kind == "Pod" {
            rows.push(corpus["allNamespacesExtraPod"].clone());
        }
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| {
                let namespace = row["ns"].as_str().unwrap_or(if kind == "Node" { "" } else { "default" });
                let metadata = json!({"name": row["name"], "namespace": namespace, "labels": row["labels"]});
                json!({"cells": row["cells"], "object": {"metadata": metadata}})
            })
            .collect();
        tables.insert(kind.clone(), json!({"kind": "Table", "columnDefinitions": columns, "rows": rows}));
    }
    let mut ran = 0;
    let mut failures = Vec::new();
    for case in corpus["cases"].as_array().expect("cases") {
        let command = case["command"].as_str().expect("a command");
        let wanted: BTreeSet<String> = strings(&case["tables"]).into_iter().collect();
        let tables = tables.iter().filter(|(kind, _)| wanted.contains(*kind));
        let mut fake = Fake::with(Vec::new());
        fake.tables = tables.map(|(kind, table)| (kind.clone(), table.clone())).collect();
        let found = Desk::new(fake).run(command, "");
        if case["stdout"] != found.stdout() || case["stderr"] != found.stderr() {
            let expected = case["stdout"].as_str().unwrap_or_default();
            failures.push(format!("== {command}\n{expected}-- found\n{}!! {}", found.stdout(), found.stderr()));
        }
        ran += 1;
    }
    assert!(failures.is_empty(), "{} of {ran}:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(ran, 18);
}

/// Replaces `{{now-60s}}` by a date.
fn dated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{now") {
        let (offset, after) = after.split_once("}}").expect("a closed placeholder");
        let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
        let unit = match offset.chars().last() {
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => 1,
        };
        let seconds = EPOCH / 1_000_000 - digits.parse::<i64>().unwrap_or(0) * unit;
        out.push_str(before);
        out.push_str(&jiff::Timestamp::from_second(seconds).expect("a date").to_string());
        rest = after;
    }
    out + rest
}

#[test]
fn descriptions_are_kubectls() {
    let corpus = read("kubectl/describe.json");
    let mut skipped = Vec::new();
    let mut failures = Vec::new();
    let mut ran = 0;
    for case in corpus["cases"].as_array().expect("cases") {
        let name = case["name"].as_str().expect("a name");
        let objects: Vec<Value> = serde_json::from_str(&dated(&case["objects"].to_string())).expect("JSON");
        let known = |object: &Value| KINDS.iter().any(|info| object["kind"] == info.kind);
        if !objects.iter().all(known) {
            skipped.push(name.to_owned());
            continue;
        }
        let found = Desk::new(Fake::with(objects)).run(case["command"].as_str().expect("a command"), "");
        let expected = case["stdout"].as_str().unwrap_or_default();
        // Measured just before its second was full.
        let expected = &expected.replace("10s (x5 over 70s)", "11s (x5 over 71s)");
        if !fits(expected, &found.stdout()) {
            failures.push(format!("== {name}\n{expected}-- found\n{}!! {}", found.stdout(), found.stderr()));
        }
        ran += 1;
    }
    assert!(failures.is_empty(), "{} of {ran}:\n{}", failures.len(), failures.join("\n"));
    // Kinds this cluster does not have.
    let expected = ["hpa", "networkpolicy deny all", "rolebinding"];
    assert_eq!(skipped, expected);
    assert_eq!(ran, 15);
}

#[test]
fn bad_manifests_get_kubectls_words() {
    let folder = corpus().join("bad");
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    let known = |text: &str| {
        let kinds = text.lines().filter_map(|line| line.trim().strip_prefix("kind:")).map(str::trim);
        kinds.into_iter().all(|kind| KINDS.iter().any(|info| info.kind.eq_ignore_ascii_case(kind)))
    };
    let mut counts = [0, 0, 0];
    let mut failures = Vec::new();
    for path in names.iter().filter(|path| path.extension().is_some_and(|extension| extension == "expect")) {
        let case: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
        let by_kubectl = case["rejectedBy"] == "kubectl";
        let steps = case["steps"].as_array().expect("steps");
        let mut files = BTreeMap::new();
        for step in steps {
            for word in step["command"].as_str().unwrap_or_default().split(' ') {
                if let Ok(text) = std::fs::read_to_string(folder.join(word)) {
                    files.insert(word.to_owned(), text);
                }
            }
        }
        if !by_kubectl && !files.values().all(|text| known(text)) {
            counts[1] += 1;
            continue;
        }
        if case["match"] == "regex" {
            counts[2] += 1;
            continue;
        }
        counts[0] += 1;
        let mut desk = Desk::new(Fake::with(Vec::new()));
        for (index, step) in steps.iter().enumerate() {
            if index + 1 == steps.len() && case.get("serverStatus").is_some() {
                desk.fake().refuse = Some(status(&case["serverStatus"]));
            }
            let expected = step["stderr"].as_str().unwrap_or_default();
            if step["exitCode"] == 0 {
                let warnings = expected.lines().filter_map(|line| line.strip_prefix("Warning: "));
                desk.fake().warnings = warnings.map(Into::into).collect();
            }
            let (line, stdin, name) = from_stdin(step["command"].as_str().unwrap_or_default(), &files);
            let found = desk.run(&line, &stdin);
            let text = |field: &str| step[field].as_str().unwrap_or_default().replace(&name, "STDIN");
            if text("stdout") != found.stdout() || text("stderr") != found.stderr() {
                failures.push(format!(
                    "== {line} {name}\n{}!! {}-- found\n{}!! {}",
                    text("stdout"),
                    text("stderr"),
                    found.stdout(),
                    found.stderr()
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), counts[0], failures.join("\n"));
    assert_eq!(counts, [97, 10, 2], "cases that ran, of other kinds or verbs, and with patterns");
}
