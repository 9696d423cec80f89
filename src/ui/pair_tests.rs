//! Two runs beside each other, as the page has them.

use super::super::pair_words::{LINE_CHARS_MAX, told};
use super::*;
use crate::cluster::Config;

const MANIFEST: &str = include_str!("../../examples/gallery/four.yaml");

fn applied() -> Session {
    let mut session = Session::ready(Config { seed: 7, ..Config::default() });
    session.run_until(session.now() + Duration::from_millis(2_500));
    session.apply(Command::Kubectl { line: "kubectl apply -f -".to_owned(), stdin: MANIFEST.to_owned() });
    session.run_until(session.now() + Duration::from_secs(3));
    session
}

/// The comparison of `session` with another text, run to its end in small pieces.
fn beside(session: &mut Session, text: &str) -> (Pairing, usize) {
    let (other, lines) = edited(session.inputs(), 0, text).expect("the first act applies a text");
    let names = ["Run 1".to_owned(), "Run 1 with the edited YAML".to_owned()];
    let inputs = [session.inputs().to_vec(), other];
    let sites = Sites::new(&session.snapshot().components);
    let mut pairing = Pairing::new(
        session,
        &sites,
        Asked { names, inputs, lines, horizon: session.now(), after: "apply".to_owned() },
    );
    let mut pieces = 0;
    while !pairing.is_done() {
        pairing.work(&|| true);
        pieces += 1;
    }
    (pairing, pieces)
}

#[test]
fn one_line_changed_is_found_and_said() {
    let mut session = applied();
    let hash = session.trace_hash();
    let (mut pairing, pieces) = beside(&mut session, &MANIFEST.replace("replicas: 3", "replicas: 2"));
    assert!(pieces > 50, "it runs in pieces: {pieces}");
    assert_eq!(session.trace_hash(), hash, "the session itself is left alone");
    assert_eq!(told(&pairing.lines), "Lines: 1 changed.");
    let view = pairing.view(500.0, Speed::Auto);
    let [sentence] = &view.verdict[..] else { panic!("{:?}", view.verdict) };
    assert!(sentence.starts_with("First difference ") && sentence.contains(" ms after apply: "), "{sentence}");
    assert!(sentence.contains("kubectl sends POST deployments to kube-apiserver in both"), "{sentence}");
    assert!(sentence.ends_with("with `replicas: 3` in A and `replicas: 2` in B."), "{sentence}");
    assert_eq!(Some(view.at), view.parting, "it opens where they part");
    pairing.seek(SimTime(u64::MAX));
    let view = pairing.view(500.0, Speed::Auto);
    assert_eq!(view.at, view.until);
    assert_eq!(view.figures[0].values, ["3 of 3".to_owned(), "2 of 2".to_owned()]);
    assert_eq!(view.sides[1].pods.len(), 2);
    assert_eq!(view.sides[0].curve.last().map(|(_, ready)| *ready), Some(3));
    assert!(view.figures.iter().all(|figure| figure.values.iter().all(|value| !value.is_empty())));
    pairing.go_to_difference();
    let there = pairing.at;
    pairing.step(true);
    assert!(pairing.at > there);
    pairing.step(false);
    pairing.step(false);
    assert!(pairing.at < there);
}

#[test]
fn the_same_text_differs_in_nothing() {
    let mut session = applied();
    let (mut pairing, _) = beside(&mut session, MANIFEST);
    assert_eq!(told(&pairing.lines), "No line differs from what was applied.");
    let view = pairing.view(500.0, Speed::Auto);
    assert!(view.verdict[0].starts_with("No difference: all "), "{:?}", view.verdict);
    assert_eq!((view.parting, view.at), (None, view.origin));
    assert!(view.figures.iter().all(|figure| figure.values[0] == figure.values[1]), "{:?}", view.figures);
    let until = view.until;
    pairing.extend();
    assert!(!pairing.is_done() && pairing.is_restless());
    while !pairing.is_done() {
        pairing.work(&|| false);
    }
    assert_eq!(pairing.view(500.0, Speed::Auto).until, until + TAIL);
}

#[test]
fn the_clock_is_one_and_ends_with_both() {
    let mut session = applied();
    let (mut pairing, _) = beside(&mut session, &MANIFEST.replace("replicas: 3", "replicas: 1"));
    pairing.playing = true;
    let begun = pairing.at;
    pairing.play(16.0, Speed::Times(0.1));
    assert_eq!(pairing.at, SimTime(begun.0 + 1_600));
    pairing.play(16.0, Speed::Auto);
    assert!(pairing.at < SimTime(begun.0 + 3_000), "where something is sent Auto is slow");
    for _ in 0..100 {
        pairing.play(1_000.0, Speed::Times(1.0));
    }
    assert!(!pairing.playing);
    assert_eq!(pairing.at, pairing.until);
}

#[test]
fn another_act_is_said_of_the_run_that_has_it() {
    let mut session = applied();
    let mut other = session.inputs().to_vec();
    let at = SimTime(session.now().0 - 500_000);
    other.push(Logged { at, handled: u64::MAX, input: Command::PowerOff { node: "node-a".to_owned() } });
    let names = ["Run 1".to_owned(), "Run 2".to_owned()];
    let inputs = [session.inputs().to_vec(), other];
    let sites = Sites::new(&session.snapshot().components);
    let asked = Asked { names, inputs, lines: Vec::new(), horizon: session.now(), after: "the runs part".to_owned() };
    let mut pairing = Pairing::new(&session, &sites, asked);
    pairing.work(&|| false);
    let view = pairing.view(500.0, Speed::Auto);
    assert_eq!(view.origin, at);
    assert_eq!(view.parting, Some(at));
    assert!(
        view.verdict.iter().any(|told| told.starts_with("B, Run 2: you act (power off node-a)")),
        "{:?}",
        view.verdict
    );
}

#[test]
fn the_line_that_is_quoted_is_a_short_one() {
    let long = "x".repeat(200);
    assert_eq!(first_lines("a: 1\n", "a: 1\n"), None);
    let lines = first_lines(&format!("  {long}3\n  a: 1\n"), &format!("  {long}4\n  a: 2\n"));
    assert_eq!(lines, Some(["a: 1".to_owned(), "a: 2".to_owned()]));
    assert_eq!(first_lines("a: 1\n", "a: 1\nb: 2\n"), Some(["no such line".to_owned(), "b: 2".to_owned()]));
    let cut = first_lines(&format!("{long}3"), &format!("{long}4")).expect("they differ");
    assert_eq!(cut[0].chars().count(), LINE_CHARS_MAX + 1);
}
