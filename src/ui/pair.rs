//! Two runs beside each other. Both are run anew from a world they have in common, in step and in small
//! pieces; then one clock moves through what was read off them. No browser and no clock in here.

use std::sync::Arc;
use std::time::Duration;

use crate::cluster::{Command, Comparison, Difference, Phase, PodView, Session, parting};
use crate::scene::{Sites, Window, clock};
use crate::sim::{EventId, Logged, SimTime};

use super::bookmarks::Bookmarks;
use super::caption;
use super::changes::{Line, compare};
use super::faults::stretches;
use super::flags::FlagKind;
use super::log::Log;
use super::pace::Speed;
use super::pair_words::{body, first_lines, sentence};
use super::screen::{Caption, Shared, Tracks};
use super::tracks::{View, tracks};

/// Events handled between two looks at the clock.
const SLICE_EVENTS: u64 = 32;
/// A comparison goes on so long after the last act of both, and at a press of the button.
const TAIL: Duration = Duration::from_secs(20);
/// Moments that are read off a stretch of time, and how far they lie apart at least.
const TICKS: u64 = 400;
const TICK_MICROS_MIN: u64 = 20_000;
/// Events that are handled in a step, about, and how short it may be.
const STEP_EVENTS: u64 = 400;
const STEP_MICROS_MIN: u64 = 250;
/// Pods that are kept by name for every moment; of more only the counts are.
const PODS_MAX: usize = 60;
/// Messages that are listed of a moment.
const RECENT: usize = 8;
/// Auto passes a moment in which something is sent at one speed, a quiet one at the other.
const BUSY: f64 = 0.02;
const QUIET: f64 = 4.0;
const BUSY_MICROS: u64 = 10_000;

/// What was read off a run at one moment.
#[derive(Clone, Debug)]
struct Sample {
    at: SimTime,
    ready: usize,
    total: usize,
    revision: u64,
    restarts: u32,
    pods: Option<Arc<Vec<PodView>>>,
}

/// One of the two.
#[derive(Debug)]
struct Side {
    name: String,
    session: Session,
    log: Log,
    sites: Sites,
    samples: Vec<Sample>,
}

/// What two runs differ in, as it was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub names: [String; 2],
    /// The two logs of acts.
    pub inputs: [Vec<Logged<Command>>; 2],
    /// The text of the second with what was changed of the first; empty where no text was edited.
    pub lines: Vec<Line>,
    /// How far both are to run at least.
    pub horizon: SimTime,
    /// What the clock counts from: `apply`, `the runs part`.
    pub after: String,
}

/// Two runs, and the moment that is looked at.
#[derive(Debug)]
pub struct Pairing {
    sides: [Side; 2],
    comparison: Comparison,
    lines: Shared<Vec<Line>>,
    after: String,
    /// From where both are looked at: where they part, or where the edited text was applied.
    origin: SimTime,
    /// How far both have run, and are to run.
    reached: SimTime,
    until: SimTime,
    tick_micros: u64,
    /// How much is run in step before both are read: less where much happens.
    step_micros: u64,
    /// The first lines that differ, read while the trace still has the messages.
    quoted: Option<[String; 2]>,
    view: View,
    pub at: SimTime,
    pub playing: bool,
    /// Where it was taken, so that the first view of a finished comparison shows its end.
    begun: bool,
    drawn: Option<Drawn>,
}

/// What does not change with the moment that is looked at.
#[derive(Clone, Debug)]
struct Drawn {
    key: (SimTime, View, u64),
    tracks: [Shared<Tracks>; 2],
    curves: [Vec<(f64, usize)>; 2],
}

/// A figure of both runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub name: &'static str,
    pub values: [String; 2],
}

/// A message of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Recent {
    pub at: String,
    pub text: String,
    pub ends: String,
    /// Whether the runs first differ in it.
    pub first: bool,
}

/// One run as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct SideView {
    pub name: String,
    pub tracks: Shared<Tracks>,
    /// Pods Ready: from which x on how many.
    pub curve: Vec<(f64, usize)>,
    /// What is told of this moment.
    pub told: Caption,
    /// The last messages sent by this moment, newest first.
    pub recent: Vec<Recent>,
    /// The pods at this moment, where they are few: name, phase, the word for it.
    pub pods: Vec<(Arc<str>, Phase, Arc<str>)>,
}

/// Both as they are shown.
#[derive(Clone, Debug, PartialEq)]
pub struct PairView {
    pub sides: [SideView; 2],
    pub figures: Vec<Figure>,
    pub most: usize,
    pub lines: Shared<Vec<Line>>,
    /// What the comparison found, in sentences.
    pub verdict: Vec<String>,
    /// Where they first differ.
    pub parting: Option<SimTime>,
    pub origin: SimTime,
    pub at: SimTime,
    pub reached: SimTime,
    pub until: SimTime,
    pub playing: bool,
    pub speed: Speed,
    /// The playhead, and the first difference, on the tracks.
    pub head: f64,
    pub mark: Option<f64>,
}

impl Side {
    fn new(name: String, session: Session, sites: Sites) -> Side {
        Side { name, log: Log::new(&session), session, sites, samples: Vec::new() }
    }

    fn read(&mut self, sampled: bool) {
        self.log.read(&mut self.session, &self.sites);
        if !sampled {
            return;
        }
        let snapshot = self.session.snapshot();
        let pods = &snapshot.pods;
        let is_ready = |pod: &&PodView| pod.phase == Phase::Running && pod.ready.0 == pod.ready.1;
        self.samples.push(Sample {
            at: snapshot.now,
            ready: pods.iter().filter(is_ready).count(),
            total: pods.len(),
            revision: snapshot.revision,
            restarts: pods.iter().map(|pod| pod.restarts).sum(),
            pods: (pods.len() <= PODS_MAX).then(|| pods.clone()),
        });
    }

    fn sample(&self, at: SimTime) -> Option<&Sample> {
        let after = self.samples.partition_point(|sample| sample.at <= at);
        self.samples.get(after.saturating_sub(1))
    }

    /// When every pod was Ready and stayed so.
    fn settled(&self) -> Option<SimTime> {
        let whole = |sample: &Sample| sample.total > 0 && sample.ready == sample.total;
        let last = self.samples.iter().rposition(|sample| !whole(sample));
        self.samples.get(last.map_or(0, |index| index + 1)).map(|sample| sample.at)
    }

    fn curve(&self, view: &View, width: f64) -> Vec<(f64, usize)> {
        let mut out: Vec<(f64, usize)> = Vec::new();
        for sample in &self.samples {
            if out.last().is_none_or(|(_, ready)| *ready != sample.ready) {
                out.push((view.window().x(sample.at, width).clamp(0.0, width), sample.ready));
            }
        }
        out
    }

    fn recent(&mut self, at: SimTime, origin: SimTime, first: Option<EventId>) -> Vec<Recent> {
        let ids: Vec<_> = self.log.until(at).take(RECENT).map(|message| message.id).collect();
        let views = ids.into_iter().filter_map(|id| self.session.message(id));
        views
            .map(|view| Recent {
                at: clock(view.sent.0 as i64 - origin.0 as i64),
                text: format!("{} {}", view.label.first, view.label.second),
                ends: format!("{} → {}", view.from, view.to),
                first: Some(view.id) == first,
            })
            .collect()
    }

    /// The last message worth a sentence that was sent by `at`.
    fn told(&mut self, at: SimTime) -> Caption {
        let ids: Vec<_> = self.log.until(at).take(12).map(|message| message.id).collect();
        let mut views = ids.into_iter().filter_map(|id| self.session.message(id));
        let known = views.find_map(|view| caption::sentence(&view));
        known.unwrap_or_else(|| {
            Caption::plain(match self.log.sent_by(at) {
                0 => "Nothing was sent yet.",
                _ => "Nothing of note was sent just then, or the trace has dropped it since.",
            })
        })
    }
}

/// A log of acts with another text applied at `index`, and the lines that differ.
pub fn edited(inputs: &[Logged<Command>], index: usize, text: &str) -> Option<(Vec<Logged<Command>>, Vec<Line>)> {
    let mut inputs = inputs.to_vec();
    let Command::Kubectl { stdin, .. } = &mut inputs.get_mut(index)?.input else { return None };
    let lines = compare(stdin, text);
    text.clone_into(stdin);
    Some((inputs, lines))
}

impl Pairing {
    /// The runs as asked for, of which `session` is at least the beginning.
    pub fn new(session: &Session, sites: &Sites, asked: Asked) -> Pairing {
        let [a, b] = &asked.inputs;
        let last = a.iter().chain(b).map(|logged| logged.at).max();
        let origin = parting(a, b).or(last).unwrap_or(session.now());
        let until = (last.unwrap_or(origin) + TAIL).max(asked.horizon);
        let begin = |name: &String, inputs: &[Logged<Command>]| {
            Side::new(name.clone(), session.branch(origin, inputs), sites.clone())
        };
        let sides = [begin(&asked.names[0], a), begin(&asked.names[1], b)];
        let tick_micros = (until.since(origin).as_micros() as u64 / TICKS).max(TICK_MICROS_MIN);
        Pairing {
            comparison: Comparison::new(&sides[0].session, &sides[1].session),
            reached: sides[0].session.now(),
            sides,
            lines: Shared::new(asked.lines),
            after: asked.after,
            origin,
            until,
            tick_micros,
            step_micros: tick_micros,
            quoted: None,
            view: View::new(origin),
            at: origin,
            playing: false,
            begun: false,
            drawn: None,
        }
    }

    /// Whether both have run as far as they are to.
    pub fn is_done(&self) -> bool {
        self.reached >= self.until
    }

    /// Whether it needs another frame.
    pub fn is_restless(&self) -> bool {
        self.playing || !self.is_done()
    }

    /// Runs both on, in step, until `out_of_time` says so.
    pub fn work(&mut self, out_of_time: &dyn Fn() -> bool) {
        while !self.is_done() {
            // The common past is run through at once, and not read.
            let before = SimTime(self.origin.0.saturating_sub(1));
            let next = if self.reached < before { before } else { SimTime(self.reached.0 + self.step_micros) };
            let next = next.min(self.until);
            let handled = self.sides[0].session.stats().events_handled;
            for side in &mut self.sides {
                while !side.session.run_budget(next, SLICE_EVENTS) {
                    if out_of_time() {
                        return;
                    }
                }
            }
            let [a, b] = &mut self.sides;
            self.comparison.advance(&mut a.session, &mut b.session);
            if next <= before {
                a.log = Log::new(&a.session);
                b.log = Log::new(&b.session);
            }
            let sampled = a.samples.last().is_none_or(|sample| next.0 >= sample.at.0 + self.tick_micros);
            a.read(sampled || next == self.until);
            b.read(sampled || next == self.until);
            let handled = a.session.stats().events_handled.saturating_sub(handled);
            self.reached = next;
            self.step_micros = match handled {
                0..STEP_EVENTS => self.step_micros * 2,
                _ => self.step_micros / 2,
            }
            .clamp(STEP_MICROS_MIN, self.tick_micros);
            if !self.begun && self.comparison.found().is_some() {
                self.begun = true;
                self.at = self.comparison.found().map_or(self.origin, |found| found.at);
                self.quoted = self.lines_that_differ();
            }
            if out_of_time() {
                return;
            }
        }
    }

    /// Runs both on for a while longer.
    pub fn extend(&mut self) {
        self.until += TAIL;
    }

    /// Goes to `at`, within what has been run.
    pub fn seek(&mut self, at: SimTime) {
        self.at = at.clamp(self.origin, self.reached.max(self.origin));
    }

    /// To where a message arrives next, or arrived before, in either.
    pub fn step(&mut self, forward: bool) {
        self.playing = false;
        let arrivals = self.sides.iter().flat_map(|side| side.log.messages()).map(|message| message.arrives);
        let next = if forward {
            arrivals.filter(|arrives| *arrives > self.at && *arrives <= self.reached).min()
        } else {
            arrivals.filter(|arrives| *arrives < self.at && *arrives >= self.origin).max()
        };
        self.seek(next.unwrap_or(if forward { self.at } else { self.origin }));
    }

    /// To the first difference.
    pub fn go_to_difference(&mut self) {
        if let Some(found) = self.comparison.found() {
            self.playing = false;
            self.at = found.at;
        }
    }

    /// Lets `wall_ms` pass at a speed.
    pub fn play(&mut self, wall_ms: f64, speed: Speed) {
        if !self.playing {
            return;
        }
        let factor = match speed {
            Speed::Times(times) => times,
            Speed::Auto if self.is_busy() => BUSY,
            Speed::Auto => QUIET,
        };
        self.seek(SimTime(self.at.0 + (wall_ms * 1_000.0 * factor).ceil() as u64));
        self.playing = self.at < self.reached || !self.is_done();
    }

    /// Whether something is sent about now, in either.
    fn is_busy(&self) -> bool {
        let soon = SimTime(self.at.0 + BUSY_MICROS);
        self.sides.iter().any(|side| {
            let messages = side.log.messages();
            let next = messages.partition_point(|message| message.sent <= self.at);
            messages.get(next).is_some_and(|message| message.sent <= soon)
                || messages.get(next.wrapping_sub(1)).is_some_and(|message| message.arrives > self.at)
        })
    }

    /// The stretch of time that is shown.
    pub fn window(&self) -> Window {
        self.view.window()
    }

    /// Zooms the time axis of both.
    pub fn zoom(&mut self, factor: f64) {
        self.view.zoom_by(factor);
    }

    /// Both as they are shown, each with tracks of `width` units.
    pub fn view(&mut self, width: f64, speed: Speed) -> PairView {
        self.view.follow(self.origin, self.at, self.until);
        let key = (self.reached, self.view, width as u64);
        let drawn = match self.drawn.take().filter(|drawn| drawn.key == key) {
            Some(drawn) => drawn,
            None => self.draw(key, width),
        };
        let window = self.view.window();
        let x = |at: SimTime| window.x(at, width);
        let at = self.at;
        let found = self.comparison.found().cloned();
        let verdict = self.verdict(found.as_ref());
        let figures = self.figures();
        let most = self.sides.iter().flat_map(|side| &side.samples).map(|sample| sample.total).max().unwrap_or(0);
        let in_run = |index: usize| found.as_ref().and_then(|found| found.entries[index].as_ref()?.id);
        let [a, b] = &mut self.sides;
        let [first, second] = drawn.tracks.clone();
        let [one, other] = drawn.curves.clone();
        let view = PairView {
            sides: [
                side_view(a, first, one, at, (self.origin, in_run(0))),
                side_view(b, second, other, at, (self.origin, in_run(1))),
            ],
            figures,
            most,
            lines: self.lines.clone(),
            verdict,
            parting: found.as_ref().map(|found| found.at),
            origin: self.origin,
            at,
            reached: self.reached.max(self.origin),
            until: self.until,
            playing: self.playing,
            speed,
            head: x(at),
            mark: found.map(|found| x(found.at)).filter(|x| (0.0..=width).contains(x)),
        };
        self.drawn = Some(drawn);
        view
    }

    fn draw(&self, key: (SimTime, View, u64), width: f64) -> Drawn {
        let none = Bookmarks::default();
        let of = |side: &Side| {
            let faults = stretches(&side.session);
            Shared::new(tracks(&side.log, &faults, &side.sites, &self.view, width, None, &none))
        };
        let [a, b] = &self.sides;
        let curves = [a.curve(&self.view, width), b.curve(&self.view, width)];
        Drawn { key, tracks: [of(a), of(b)], curves }
    }

    fn figures(&self) -> Vec<Figure> {
        let at = self.at;
        let both = |name: &'static str, value: &dyn Fn(&Side) -> String| Figure {
            name,
            values: [value(&self.sides[0]), value(&self.sides[1])],
        };
        let sampled = |side: &Side, value: &dyn Fn(&Sample) -> String| side.sample(at).map_or_else(String::new, value);
        let since = |at: SimTime| clock(at.0 as i64 - self.origin.0 as i64);
        vec![
            both("Pods Ready", &|side| sampled(side, &|sample| format!("{} of {}", sample.ready, sample.total))),
            both("All Ready after", &|side| match side.settled() {
                Some(settled) => since(settled),
                None if self.is_done() => format!("not within {}", since(self.until)),
                None => "not yet".to_owned(),
            }),
            both("Messages", &|side| super::driver::thousands(side.log.sent_by(at) as u64)),
            both("etcd revision", &|side| sampled(side, &|sample| sample.revision.to_string())),
            both("Warnings", &|side| {
                let is_warning = |flag: &&super::flags::Flag| flag.kind == FlagKind::Warning && flag.at <= at;
                side.log.flags().filter(is_warning).count().to_string()
            }),
            both("Restarts", &|side| sampled(side, &|sample| sample.restarts.to_string())),
        ]
    }

    fn verdict(&self, found: Option<&Difference>) -> Vec<String> {
        let since = |at: SimTime| clock(at.0 as i64 - self.origin.0 as i64);
        let Some(found) = found else {
            let compared = super::driver::thousands(self.comparison.compared());
            let far = since(self.reached.max(self.origin));
            return vec![if self.is_done() {
                format!("No difference: all {compared} entries of the two traces are the same, for {far}.")
            } else {
                format!("No difference so far: {compared} entries are the same, up to {far}.")
            }];
        };
        let when = format!("{} after {}", since(found.at), self.after);
        let names = [self.sides[0].name.clone(), self.sides[1].name.clone()];
        match &found.entries {
            [Some(one), Some(other)] if one.text == other.text && one.from == other.from && one.at == other.at => {
                let mut told = format!("First difference {when}: {} in both", sentence(one));
                match &self.quoted {
                    Some([a, b]) => told.push_str(&format!(", with `{a}` in A and `{b}` in B.")),
                    None => told.push_str(", but it does not carry the same."),
                }
                vec![told]
            }
            entries => {
                let mut out = vec![format!("First difference {when}.")];
                for (letter, (entry, name)) in ["A", "B"].iter().zip(entries.iter().zip(&names)) {
                    out.push(match entry {
                        Some(entry) => format!("{letter}, {name}: {} at {}.", sentence(entry), since(entry.at)),
                        None => format!("{letter}, {name}: nothing more by then."),
                    });
                }
                out
            }
        }
    }

    /// The first lines that the messages do not have in common in which the runs differ.
    fn lines_that_differ(&mut self) -> Option<[String; 2]> {
        let [one, other] = &self.comparison.found()?.entries;
        let ids = (one.as_ref()?.id?, other.as_ref()?.id?);
        let [a, b] = &mut self.sides;
        first_lines(&body(&a.session.message(ids.0)?.body), &body(&b.session.message(ids.1)?.body))
    }
}

fn side_view(
    side: &mut Side,
    tracks: Shared<Tracks>,
    curve: Vec<(f64, usize)>,
    at: SimTime,
    (origin, first): (SimTime, Option<EventId>),
) -> SideView {
    let (told, recent) = (side.told(at), side.recent(at, origin, first));
    let pods = side.sample(at).and_then(|sample| sample.pods.clone()).unwrap_or_default();
    let pods = pods.iter().map(|pod| (pod.name.clone(), pod.phase, pod.status.clone())).collect();
    SideView { name: side.name.clone(), tracks, curve, told, recent, pods }
}

#[cfg(test)]
#[path = "pair_tests.rs"]
mod tests;
