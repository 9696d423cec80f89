//! Two sessions beside each other: the same text, one line changed, another act.

use std::time::Duration;

use super::*;
use crate::cluster::Config;

const MANIFEST: &str = include_str!("../../examples/gallery/four.yaml");
const STEP: Duration = Duration::from_millis(100);

/// A session in which `text` was applied and that ran on for twenty seconds.
fn applied(text: &str) -> Session {
    let mut session = Session::ready(Config { seed: 7, nodes: 2, ..Config::default() });
    session.run_until(session.now() + Duration::from_millis(1_700));
    session.apply(Command::Kubectl { line: "kubectl apply -f -".to_owned(), stdin: text.to_owned() });
    session.run_until(session.now() + Duration::from_secs(20));
    session
}

/// The inputs of `session` with another text in the first.
fn edited(session: &Session, text: &str) -> Vec<Logged<Command>> {
    let mut inputs = session.inputs().to_vec();
    let Command::Kubectl { stdin, .. } = &mut inputs[0].input else { panic!("the first act is a line") };
    text.clone_into(stdin);
    inputs
}

/// The run of `session` beside the one of `inputs`, to the end of the first.
fn beside(session: &Session, inputs: &[Logged<Command>]) -> (Comparison, Session, Session) {
    let before = parting(session.inputs(), inputs).unwrap_or(session.inputs()[0].at);
    let (mut a, mut b) = (session.branch(before, session.inputs()), session.branch(before, inputs));
    let mut comparison = Comparison::new(&a, &b);
    while a.now() < session.now() {
        let next = (a.now() + STEP).min(session.now());
        a.run_until(next);
        b.run_until(next);
        comparison.advance(&mut a, &mut b);
    }
    (comparison, a, b)
}

#[test]
fn the_same_text_gives_the_same_run() {
    let session = applied(MANIFEST);
    let (comparison, a, b) = beside(&session, &edited(&session, MANIFEST));
    assert_eq!(comparison.found(), None);
    assert!(comparison.compared() > 1_000, "{} entries", comparison.compared());
    assert_eq!(a.trace_hash(), session.trace_hash(), "the branch is the same run");
    assert_eq!(a.trace_hash(), b.trace_hash());
}

#[test]
fn a_comment_changes_nothing() {
    let session = applied(MANIFEST);
    let (comparison, _, _) = beside(&session, &edited(&session, &format!("{MANIFEST}\n# a comment\n")));
    assert_eq!(comparison.found(), None);
}

#[test]
fn one_line_changed_shows_first_in_the_request_that_carries_it() {
    let session = applied(MANIFEST);
    let changed = MANIFEST.replace("replicas: 3", "replicas: 2");
    assert_ne!(changed, MANIFEST, "the example has three replicas");
    let (comparison, mut a, mut b) = beside(&session, &edited(&session, &changed));
    let found = comparison.found().expect("three are not two");
    let [Some(one), Some(other)] = &found.entries else { panic!("both runs go on: {found:?}") };
    for entry in [one, other] {
        assert_eq!((&*entry.text, &*entry.from, &*entry.to), ("POST deployments", "kubectl", "kube-apiserver"));
        assert_eq!(entry.at, found.at);
    }
    assert!(found.at > session.inputs()[0].at && found.before > 0);
    let id = one.id.expect("a message has a number");
    assert_ne!(a.message(id).map(|view| view.body), b.message(id).map(|view| view.body));
    assert_ne!(a.trace_hash(), b.trace_hash());
}

#[test]
fn another_act_is_the_difference_itself() {
    let session = applied(MANIFEST);
    let mut other = session.branch(SimTime(1), session.inputs());
    let at = session.inputs()[0].at + Duration::from_secs(4);
    other.run_until(at);
    other
        .apply(Command::Kubectl { line: "kubectl scale deployment web --replicas=1".to_owned(), stdin: String::new() });
    assert_eq!(parting(session.inputs(), other.inputs()), Some(at));
    let (comparison, _, _) = beside(&session, other.inputs());
    let found = comparison.found().expect("one of them scales").clone();
    let [_, Some(entry)] = &found.entries else { panic!("the second run acts: {found:?}") };
    assert_eq!((&*entry.text, entry.at), ("kubectl scale deployment web --replicas=1", at));
    assert_eq!(found.at, at);
}

#[test]
fn a_run_that_was_left_can_be_gone_back_to() {
    let mut session = applied(MANIFEST);
    let (end, hash, left) = (session.now(), session.trace_hash(), session.inputs().to_vec());
    let fork = left[0].at + Duration::from_secs(2);
    session.seek(fork);
    session.apply(Command::PowerOff { node: "node-b".to_owned() });
    session.run_until(end);
    let (other, other_hash) = (session.inputs().to_vec(), session.trace_hash());
    assert_ne!(other_hash, hash);
    let before = parting(&left, &other).expect("only one of them powers off");
    assert_eq!(before, fork);
    session.adopt(left, before);
    assert_eq!(session.now(), SimTime(fork.0 - 1));
    session.run_until(end);
    assert_eq!(session.trace_hash(), hash);
    session.adopt(other, before);
    session.run_until(end);
    assert_eq!(session.trace_hash(), other_hash);
}
