//! What the editor says while somebody types is what the cluster would say: every manifest of the corpus
//! that needs no cluster to be refused, checked, applied to a session, and compared with the corpus.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubarium::cluster::{Config, Session};
use kubarium::kubectl::check;
use serde_json::Value;

/// Cases whose words are those of Kubernetes 1.32 and not of 1.36; what is newer is pinned down in
/// `api/validation/corpus_test.rs`.
const OLDER: &[&str] = &[
    "018-deploy-no-selector",
    "020-rs-selector-mismatch",
    "022-ds-selector-mismatch",
    "030-deploy-surge-and-unavailable-zero",
    "032-deploy-unknown-strategy",
    "054-name-service-digit",
    "056-name-namespace-dot",
    "064-label-value-too-long",
    // Its server's answer was written by hand: `key: n` is a bool to kubectl's YAML, as it is to ours.
    "108-nodeaffinity-gt-two-values",
];

/// Refused for what is no manifest at all: an editor that holds only comments has nothing wrong in it.
const NOTHING_YET: &[&str] = &["192-only-comments"];

/// How many cases are compared. Fewer would mean that some were skipped silently.
const CASES: usize = 72;

fn corpus() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared/corpus/bad", "../../shared/corpus/bad"]
        .iter()
        .map(|path| root.join(path))
        .find(|path| path.is_dir())
        .expect("the corpus lies beside the repository")
}

/// A case that a fresh cluster decides by the text alone: its name, its text and kubectl's words.
fn case(path: &Path) -> Option<(String, String, String)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".expect")?.to_owned();
    let expect: Value = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    let (file, text) = ["yaml", "json"]
        .iter()
        .map(|ending| format!("{name}.{ending}"))
        .find_map(|file| Some((file.clone(), fs::read_to_string(path.with_file_name(&file)).ok()?)))?;
    let steps = expect["steps"].as_array()?;
    let by_text = matches!(expect["rejectedBy"].as_str()?, "apiserver decode" | "apiserver validation" | "kubectl");
    let plain = steps.len() == 1 && steps[0]["command"] == format!("kubectl apply -f {file}");
    let stderr = steps[0]["stderr"].as_str()?.replace(&format!("\"{file}\""), "\"STDIN\"").replace(&file, "STDIN");
    (by_text && plain && expect["match"] == "exact" && !NOTHING_YET.contains(&name.as_str()))
        .then_some((name, text, stderr))
}

#[test]
fn the_corpus_is_refused_as_the_cluster_refuses_it() {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(corpus()).expect("it can be listed").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut session = Session::ready(Config::default());
    let (mut seen, mut wrong) = (0, Vec::new());
    for (name, text, expected) in paths.iter().filter_map(|path| case(path)) {
        let found = check(&text);
        let applied = session.kubectl("kubectl apply -f -", &text, Duration::from_secs(60));
        if found.stderr != applied.stderr {
            wrong.push(format!("{name}: the check says\n{}the cluster\n{}", found.stderr, applied.stderr));
        }
        let lines: Vec<(Option<u32>, &str)> = found.diagnostics.iter().map(|one| (one.line, &*one.message)).collect();
        let told: Vec<(Option<u32>, &str)> = applied
            .diagnostics
            .iter()
            .map(|(_, line, message)| (Some(*line).filter(|line| *line > 0), message.as_str()))
            .collect();
        if lines != told {
            wrong.push(format!("{name}: lines {lines:?}, the cluster's {told:?}"));
        }
        // A kind that this cluster does not have is refused for that.
        if applied.stderr.contains("no matches for kind") {
            continue;
        }
        seen += 1;
        if !OLDER.contains(&name.as_str()) && found.stderr != expected {
            wrong.push(format!("{name}: the check says\n{}the corpus\n{expected}", found.stderr));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(seen, CASES, "cases compared");
}

#[test]
fn what_the_cluster_takes_is_not_blamed() {
    let text = include_str!("../examples/gallery/deployment.yaml");
    assert_eq!(check(text), Default::default());
    assert_eq!(check("# nothing yet\n"), Default::default());
    assert_eq!(check(""), Default::default());
}

#[test]
fn every_document_is_checked_up_to_one_that_cannot_be_read() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndat: {}\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: c\n---\nkind: [\n";
    let lines: Vec<Option<u32>> = check(text).diagnostics.iter().map(|one| one.line).collect();
    assert_eq!(lines, [Some(4), Some(12), Some(14)]);
}

#[test]
fn hostile_text_is_text() {
    for text in [
        "\u{202e}: <b>",
        "kind: \"\\u0000\"",
        "---\n---\n---",
        "- - - -",
        "{",
        "&a [*a]",
        "apiVersion: v1\nkind: List\nitems: 3",
    ] {
        let _ = check(text);
    }
    assert!(
        check("apiVersion: v1\nkind: <script>\nmetadata: {name: x}")
            .stderr
            .contains("no matches for kind \"<script>\"")
    );
}
