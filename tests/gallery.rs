//! Every example of the gallery reaches the end that it states, in the simulated time that it states.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubarium::cluster::{Config, Session};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gallery");
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder).expect("the gallery is there").flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// The lines of the leading comment under `End` (a condition) and `Then` (what is done next), in order.
fn course(text: &str) -> Vec<(&str, &str)> {
    let comment = text.lines().take_while(|line| line.starts_with('#'));
    comment
        .filter_map(|line| line[1..].trim().split_once(": "))
        .filter(|(name, _)| matches!(*name, "End" | "Then"))
        .collect()
}

#[test]
fn every_example_reaches_its_stated_end() {
    let paths = examples();
    assert!(paths.len() >= 12, "a dozen good ones: {}", paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("it can be read");
        let course = course(&text);
        if course.last().is_none_or(|(name, _)| *name != "End") {
            wrong.push(format!("{name} states no end"));
        }
        let mut session = Session::ready(Config::default());
        if let Some((_, end)) = course.first() {
            let before = session.kubectl(&format!("{end} --timeout=1s"), "", Duration::from_secs(30));
            if before.code == Some(0) {
                wrong.push(format!("{name}: its end is true before it is applied"));
            }
        }
        let applied = session.kubectl("kubectl apply -f -", &text, Duration::from_secs(30));
        // One of them is about being refused.
        if applied.code != Some(i32::from(name == "mixed")) {
            wrong.push(format!("{name}: applying gave {:?} {}", applied.code, applied.stderr));
        }
        for (what, line) in course {
            if what == "End" && !(line.starts_with("kubectl wait ") && line.contains(" --timeout=")) {
                wrong.push(format!("{name}: an end is a `kubectl wait` with a limit, not {line}"));
            }
            let done = session.kubectl(line, "", Duration::from_secs(600));
            if done.code != Some(0) {
                let object = line.split(' ').find(|word| word.contains('/')).unwrap_or_default();
                let show = session.kubectl(&format!("kubectl get {object} -o yaml"), "", Duration::from_secs(10));
                wrong.push(format!("{name}: `{line}` gave {}{}\n{}", done.stdout, done.stderr, show.stdout));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
