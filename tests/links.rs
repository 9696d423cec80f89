//! Every link that was ever released opens, with the acts it was made of. `tests/links/` holds one a file:
//! the fragment, then what is expected of it. A link is never taken out and never changed. When the
//! simulation itself changes, so do the hashes: `UPDATE_LINKS=1 cargo test --test links` writes them anew.
//! `NEW_LINK=name cargo test --test links` adds one in the form that is written today.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubarium::cluster::{Command, Config, Session, SessionFile, fragment, read_fragment};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/links")
}

/// The link's session, run again to its end.
fn repeated(file: &SessionFile) -> Session {
    let mut session = Session::ready(file.config.clone());
    file.plan(&mut session);
    while !file.repeat(&mut session, 10_000) {}
    session
}

/// What a link is expected to give.
fn expectation(file: &SessionFile) -> String {
    let acts: String =
        file.inputs.iter().map(|logged| format!("act {} {}\n", logged.at.0, logged.input.text())).collect();
    let hash = repeated(file).trace_hash();
    format!("seed {}\nnodes {}\nnow {}\n{acts}hash {hash:016x}\n", file.config.seed, file.config.nodes, file.now.0)
}

#[test]
fn every_link_ever_released_opens() {
    add_new();
    let mut names: Vec<PathBuf> =
        fs::read_dir(folder()).expect("tests/links is there").flatten().map(|entry| entry.path()).collect();
    names.sort();
    assert!(!names.is_empty(), "links were taken out");
    for path in names {
        let text = fs::read_to_string(&path).expect("it can be read");
        let (link, expected) = text.split_once('\n').expect("a link and what is expected of it");
        let (file, faults) = read_fragment(link).expect("it is a link");
        assert!(faults.is_empty(), "{}: {faults:?}", path.display());
        let found = expectation(&file.expect("it holds a session"));
        if std::env::var_os("UPDATE_LINKS").is_some() {
            fs::write(&path, format!("{link}\n{found}")).expect("it can be written");
            continue;
        }
        assert_eq!(found, expected, "{}\nreproduce: cargo test --test links", path.display());
    }
}

fn add_new() {
    let Some(name) = std::env::var_os("NEW_LINK") else { return };
    let mut session = Session::ready(Config { seed: 7, ..Config::default() });
    let manifest = include_str!("../examples/gallery/four.yaml");
    session.kubectl("kubectl apply -f -", manifest, Duration::from_secs(30));
    session.step_message(Duration::from_secs(30));
    session.apply(Command::PowerOff { node: "node-b".to_owned() });
    session.run_until(session.now() + Duration::from_secs(4));
    session.kubectl("kubectl scale deployment web --replicas=5", "", Duration::from_secs(30));
    session.run_until(session.now() + Duration::from_secs(4));
    let file = SessionFile::of(&session);
    let link = fragment(&miniz_oxide::deflate::compress_to_vec(file.write().as_bytes(), 9));
    let path = folder().join(name).with_extension("txt");
    assert!(!path.exists(), "{} was released", path.display());
    fs::write(path, format!("{link}\n{}", expectation(&file))).expect("it can be written");
}
