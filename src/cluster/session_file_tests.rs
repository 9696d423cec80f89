//! Sessions written down and read again, whole, cut and spoilt.

use std::time::Duration;

use super::*;
use crate::cluster::{fragment, read_fragment};

const MANIFEST: &str = include_str!("../../examples/gallery/four.yaml");

/// The manifest as the editor has it: without the comment on top.
fn manifest() -> &'static str {
    let start = MANIFEST.find("apiVersion").expect("it begins with one");
    &MANIFEST[start..]
}

/// A run with acts that fall between the events of one microsecond.
fn run() -> Session {
    let mut session = Session::ready(Config { seed: 7, nodes: 2, ..Config::default() });
    session.kubectl("kubectl apply -f -", manifest(), Duration::from_secs(30));
    for _ in 0..9 {
        session.step_message(Duration::from_secs(60));
    }
    session.apply(Command::Kubectl { line: "get pods -A".to_owned(), stdin: String::new() });
    session.step_message(Duration::from_secs(60));
    session.apply(Command::StopProcess { name: "kube-scheduler".to_owned() });
    session.run_until(session.now() + Duration::from_secs(3));
    for _ in 0..5 {
        session.step_message(Duration::from_secs(60));
    }
    session
}

fn repeated(file: &SessionFile) -> Session {
    let mut session = Session::ready(file.config.clone());
    file.plan(&mut session);
    while !file.repeat(&mut session, 500) {}
    session
}

fn link(file: &SessionFile) -> String {
    fragment(&miniz_oxide::deflate::compress_to_vec(file.write().as_bytes(), 9))
}

#[test]
fn a_session_repeats_to_the_last_event() {
    let session = run();
    let file = SessionFile::of(&session);
    let (read, faults) = SessionFile::read(&file.write());
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(read.as_ref(), Some(&file));
    let again = repeated(&read.expect("it was read"));
    assert_eq!(again.now(), session.now());
    assert_eq!(again.trace_hash(), session.trace_hash());
    assert_eq!(again.world().kernel().handled(), session.world().kernel().handled());
}

#[test]
fn what_lies_ahead_is_kept_when_it_was_wound_back() {
    let mut session = run();
    let end = session.now();
    let first = session.inputs()[0].at;
    let hash = session.trace_hash();
    session.seek(first + Duration::from_millis(1));
    let file = SessionFile { horizon: end, ..SessionFile::of(&session) };
    let mut again = repeated(&file);
    assert_eq!(again.trace_hash(), session.trace_hash());
    assert_eq!(again.inputs().len(), 3);
    let whole = SessionFile::of(&run());
    while !whole.repeat(&mut again, 500) {}
    assert_eq!(again.trace_hash(), hash);
}

#[test]
fn a_log_that_counts_otherwise_ends_all_the_same() {
    let mut file = SessionFile::of(&run());
    for handled in [0, u64::MAX] {
        file.handled = handled;
        for input in &mut file.inputs {
            input.handled = handled;
        }
        let again = repeated(&file);
        assert_eq!((again.now(), again.inputs().len()), (file.now, 3), "{handled}");
    }
    file.inputs[0].at = SimTime(0);
    let mut again = repeated(&file);
    let hash = again.trace_hash();
    again.seek(SimTime(file.now.0 / 2));
    while !file.repeat(&mut again, 500) {}
    assert_eq!(again.trace_hash(), hash, "seeking back repeats what was repeated");
}

#[test]
fn a_link_cut_anywhere_gives_what_it_can() {
    let file = SessionFile::of(&run());
    let link = link(&file);
    let mut best = 0;
    for length in 0..link.len() {
        let Some((read, faults)) = read_fragment(&link[..length]) else {
            assert!(length < 4, "{length} of {}: not taken for a link", link.len());
            continue;
        };
        assert!(!faults.is_empty(), "{length} of {}: no fault is named", link.len());
        if let Some(read) = read {
            assert!(file.inputs.starts_with(&read.inputs), "{length} of {}", link.len());
            assert_eq!(read.config.nodes, 2, "{length} of {}", link.len());
            best = best.max(read.inputs.len());
        }
    }
    assert!(best >= 1, "nothing of the acts survives any cut");
    let (whole, faults) = read_fragment(&link).expect("it is a link");
    assert_eq!((whole, faults), (Some(file), Vec::new()));
}

#[test]
fn a_spoilt_link_never_panics() {
    let link = link(&SessionFile::of(&run()));
    for seed in 0..3_000_u64 {
        let mut state = seed;
        let mut number = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut bytes = link.clone().into_bytes();
        for _ in 0..1 + number(4) {
            let at = 4 + number(bytes.len() - 4);
            bytes[at] = b"ABCxyz019-_= %{\"\x7f"[number(17)];
        }
        bytes.truncate(4 + number(bytes.len()));
        let text = String::from_utf8(bytes).expect("it is ASCII");
        // `seed` repeats it: that it returns is the test.
        let read = read_fragment(&text);
        assert!(read.is_some(), "seed {seed}");
    }
}

#[track_caller]
fn check(text: &str, sentence: &str) -> Option<SessionFile> {
    let (file, faults) = SessionFile::read(text);
    assert!(faults.iter().any(|fault| fault.contains(sentence)), "{faults:?}");
    file
}

#[test]
fn faults_are_named() {
    let file = check(
        r#"{"v":1,"i":[[9,1,{"do":"kubectl","line":"get pods"}],[10,2,{"do":"explode"}],[11,2,{"do":"kubectl","line":"x"}]]}"#,
        "Act 2 of 3 cannot be read (unknown variant `explode`). The run is kept up to there.",
    );
    assert_eq!(file.expect("the rest is there").inputs.len(), 1);
    let newer = check(r#"{"v":9,"c":{"seed":5},"x":1}"#, "its version is 9, this page reads up to 1");
    assert_eq!(newer.expect("the rest is there").config.seed, 5);
    let many = check(r#"{"v":1,"c":{"nodes":4000000000}}"#, "It asks for 4000000000 nodes: a cluster has 1 to 1000.");
    assert_eq!(many.expect("the rest is there").config.nodes, NODES_MAX);
    check(r#"{"v":1,"c":{"nodes":"many"}}"#, "Its configuration cannot be read");
    check(r#"{"v":1,"i":[[9,1,{"do":"kubectl","line":"a"}],[3,1,{"do":"kubectl","line":"b"}]]}"#, "lies at no time");
    assert_eq!(check("[]", "It holds no session."), None);
    assert_eq!(check("", "It holds no session."), None);
    let cut =
        check(r#"{"v":1,"c":{"seed":5},"i":[[9,1,{"do":"kubectl","line":"a"}],[10,1,{"do":"ku"#, "It is cut short.");
    assert_eq!(cut.map(|file| (file.config.seed, file.inputs.len())), Some((5, 1)));
    let far = check(r#"{"v":1,"t":[99999999999999999,1,1],"i":[[9,1,{"do":"x"}]]}"#, "unknown variant");
    assert_eq!(far.map(|file| file.now.0), Some(MICROS_MAX));
}

#[test]
fn what_is_no_link_is_none_and_a_later_form_is_told() {
    for fragment in ["", "#", "#main", "#v", "#vx:1", "#variation:2"] {
        assert_eq!(read_fragment(fragment), None, "{fragment}");
    }
    let (file, faults) = read_fragment("#v2:abc").expect("it is a link");
    assert_eq!(file, None);
    assert_eq!(faults, ["It was made by a newer Kubarium: its form is v2, this page reads v1."]);
    let bomb = fragment(&miniz_oxide::deflate::compress_to_vec(&vec![b' '; BYTES_MAX + 1], 9));
    let (file, faults) = read_fragment(&bomb).expect("it is a link");
    assert_eq!(file, None);
    assert!(faults[0].contains("more than the 5 MiB"), "{faults:?}");
    let (_, faults) = read_fragment("#v1:%%%").expect("it is a link");
    assert!(faults[0].starts_with("After 0 characters"), "{faults:?}");
}

#[test]
fn four_objects_fit_into_800_characters() {
    let mut session = Session::ready(Config::default());
    session.kubectl("kubectl apply -f -", manifest(), Duration::from_secs(30));
    session.run_until(session.now() + Duration::from_secs(12));
    let mut file = SessionFile::of(&session);
    for (name, value) in [("s", json!("pod:0b5c6a1e-7d64-4a59-9d43-3c3f6d6f6d10")), ("p", json!(0.01)), ("r", json!(1))]
    {
        file.view.insert(name.to_owned(), value);
    }
    let length = link(&file).len();
    assert!(length < 760, "{length} characters, and the address of the site comes before them");
    assert_eq!(manifest().matches("kind:").count(), 4);
}
