//! What the page opens with: the session of a link, the one that was kept, or a new cluster.

use crate::cluster::{Command, SessionFile, read_fragment};
use crate::sim::{Logged, SimTime};

use super::editor;
use super::engine::Engine;
use super::keep;
use super::query::{Asked, Embed};
use super::shown::Shown;
use super::stopped;

/// A run that takes longer than this to repeat is repeated as it plays.
const REPEAT_MS_MAX: f64 = 8_000.0;
/// Events between two looks at the clock.
const SLICE_EVENTS: u64 = 2_000;
/// An embed begins so long before the first act, and plays on so long after the last.
const LEAD_MICROS: u64 = 300_000;
const TAIL_MICROS: u64 = 20_000_000;

/// The beginning of the page.
pub struct Opening {
    pub engine: Engine,
    pub shown: Shown,
    /// What went wrong, a sentence each.
    pub notices: Vec<String>,
}

/// Opens what the address and the storage say. `fragment` is the address's, `late` says when to stop.
pub fn open(asked: &Asked, fragment: &str, late: &dyn Fn(f64) -> bool) -> Opening {
    let mut notices = Vec::new();
    let file = found(asked, fragment, &mut notices);
    if asked.embed.is_none() {
        keep::begin(fragment);
    }
    let mut opening = match (file, &asked.embed) {
        (file, Some(embed)) => embedded(file, asked, embed, late),
        (Some(file), None) => {
            let (engine, told) = repeated(&file, asked, late);
            notices.extend(told);
            Opening { engine, shown: Shown::read(&file.view), notices: Vec::new() }
        }
        (None, None) => Opening { engine: Engine::new(asked), shown: Shown::default(), notices: Vec::new() },
    };
    if let Some(speed) = asked.speed {
        opening.shown.speed = speed;
    }
    opening.engine.show(&opening.shown);
    opening.engine.playing &= !asked.paused;
    if keep::is_denied() && asked.embed.is_none() {
        notices.push(keep::DENIED.to_owned());
    }
    opening.notices = notices;
    opening
}

/// The session to repeat, if there is one.
fn found(asked: &Asked, fragment: &str, notices: &mut Vec<String>) -> Option<SessionFile> {
    if let Some(file) = stopped::take_resume() {
        return Some(file);
    }
    let (kept, link) = keep::kept();
    let reloaded = kept.is_some() && link.is_some_and(|link| link == keep::mark(fragment));
    if !reloaded && let Some((file, faults)) = read_fragment(fragment) {
        if !faults.is_empty() {
            let rest = if file.is_some() { "What could be read of it is here." } else { "This is a new cluster." };
            notices.push(format!("The link is not whole. {} {rest}", faults.join(" ")));
        }
        if let Some(manifest) = file.as_ref().and_then(last_manifest) {
            editor::offer_text(manifest);
        }
        return file;
    }
    if asked.embed.is_some() {
        return None;
    }
    let (file, faults) = SessionFile::read(&kept?);
    if !faults.is_empty() {
        let rest = if file.is_some() { "The rest of it is here." } else { "This is a new cluster." };
        notices.push(format!("The session that the browser kept is damaged. {} {rest}", faults.join(" ")));
    }
    file.filter(|file| !asked.names_cluster || file.config == asked.config)
        .filter(|file| !file.inputs.is_empty() || file.config != asked.config)
}

/// The manifest that was applied last.
fn last_manifest(file: &SessionFile) -> Option<&str> {
    file.inputs.iter().rev().find_map(|logged| match &logged.input {
        Command::Kubectl { stdin, .. } if !stdin.is_empty() => Some(stdin.as_str()),
        _ => None,
    })
}

/// Runs a session again, to the last event.
fn repeated(file: &SessionFile, asked: &Asked, late: &dyn Fn(f64) -> bool) -> (Engine, Option<String>) {
    let mut engine = Engine::new(&Asked { config: file.config.clone(), ..asked.clone() });
    file.plan(&mut engine.session);
    let mut done = false;
    while !done && !late(REPEAT_MS_MAX) {
        done = file.repeat(&mut engine.session, SLICE_EVENTS);
    }
    engine.resumed(file.horizon);
    let told = match file.hash {
        _ if !done => Some(
            "The session is long: it was repeated as far as this moment, and the rest follows as it plays.".to_owned(),
        ),
        Some(hash) if hash != engine.session.trace_hash() => Some(
            "The session came out otherwise than when it was written down: the simulation has changed since."
                .to_owned(),
        ),
        _ => None,
    };
    (engine, told)
}

/// An embed plays the link's acts as time comes to them; without a link it applies the first example.
fn embedded(file: Option<SessionFile>, asked: &Asked, embed: &Embed, late: &dyn Fn(f64) -> bool) -> Opening {
    let shown = file.as_ref().map(|file| Shown::read(&file.view)).unwrap_or_default();
    let mut opening = match file {
        Some(file) if embed.here => Opening { engine: repeated(&file, asked, late).0, shown, notices: Vec::new() },
        Some(file) => {
            let mut engine = Engine::new(&Asked { config: file.config.clone(), ..asked.clone() });
            file.plan(&mut engine.session);
            let first = file.inputs.first().map_or(file.now, |logged| logged.at);
            engine.session.run_until(SimTime(first.0.saturating_sub(LEAD_MICROS)).max(engine.ready_at));
            engine.resumed(file.horizon);
            // What was selected then is not there yet.
            Opening { engine, shown: Shown { selection: None, inside: None, ..shown }, notices: Vec::new() }
        }
        None => {
            let mut engine = Engine::new(asked);
            let at = SimTime(engine.now().0 + LEAD_MICROS);
            let stdin = editor::first_example().to_owned();
            let input = Command::Kubectl { line: "kubectl apply -f -".to_owned(), stdin };
            engine.session.plan(vec![Logged { at, handled: u64::MAX, input }]);
            engine.resumed(SimTime(at.0 + TAIL_MICROS));
            Opening { engine, shown, notices: Vec::new() }
        }
    };
    let end = opening.engine.log.horizon;
    opening.engine.stop_at = Some(end).filter(|end| *end > opening.engine.now());
    opening.engine.playing = false;
    opening
}
