//! Runs: acting in the past parts a run from the one that was known. The other is kept, under its number,
//! and can be gone back to. And the engine's way along what is marked: events and bookmarks.

use std::time::Duration;

use crate::cluster::{Command, parting};
use crate::sim::{EventId, Logged, SimTime};

use super::aftermath::Aftermath;
use super::bookmarks::Bookmarks;
use super::caption;
use super::engine::Engine;
use super::flags::{Flag, FlagKind};
use super::log::Log;
use super::screen::Caption;

/// Runs kept beside the present one. Each holds its log of acts and what the timeline knows of it.
pub const RUNS_MAX: usize = 6;
/// How far the next event is looked for, and how much is run between two looks.
const AHEAD_MAX: Duration = Duration::from_secs(60);
const AHEAD_SLICE: Duration = Duration::from_millis(100);

/// A run that was left.
#[derive(Clone, Debug)]
pub struct Run {
    pub number: u32,
    pub inputs: Vec<Logged<Command>>,
    pub log: Log,
    pub bookmarks: Bookmarks,
    invocations: Vec<u64>,
    lines: Vec<(u64, EventId)>,
    aftermath: Aftermath,
}

impl Run {
    /// It in words, beside the present run's `inputs`; `say` puts a moment in words.
    pub fn told(&self, inputs: &[Logged<Command>], say: &dyn Fn(SimTime) -> String) -> String {
        let Some(parts) = parting(&self.inputs, inputs) else { return "the same as this one.".to_owned() };
        let next = self.inputs.iter().find(|logged| logged.at >= parts && !inputs.contains(logged));
        let when = say(SimTime(parts.0.saturating_sub(1)));
        match next {
            Some(next) => format!("it parts {when}, with {}.", next.input.text()),
            None => format!("it parts {when}, and goes on without another act."),
        }
    }
}

/// The number of the present run, and the others.
#[derive(Clone, Debug)]
pub struct Runs {
    pub present: u32,
    /// Oldest first.
    pub kept: Vec<Run>,
    last: u32,
}

impl Default for Runs {
    fn default() -> Self {
        Runs { present: 1, kept: Vec::new(), last: 1 }
    }
}

impl Runs {
    fn keep(&mut self, run: Run) {
        self.kept.push(run);
        if self.kept.len() > RUNS_MAX {
            self.kept.remove(0);
        }
    }
}

impl Engine {
    fn present_run(&self) -> Run {
        Run {
            number: self.runs.present,
            inputs: self.session.inputs().to_vec(),
            log: self.log.clone(),
            bookmarks: self.bookmarks.clone(),
            invocations: self.invocations.clone(),
            lines: self.inputs.clone(),
            aftermath: self.aftermath.clone(),
        }
    }

    /// Somebody is about to act. If that is in the past, the run that is known becomes one of those that
    /// are kept, and a new one begins. Gives what is to be said of it.
    pub fn part(&mut self) -> Option<Caption> {
        let now = self.now();
        if now >= self.log.horizon {
            return None;
        }
        let left = self.runs.present;
        self.runs.keep(self.present_run());
        self.runs.last += 1;
        self.runs.present = self.runs.last;
        self.bookmarks.fork(now);
        let told = format!(" begins here: you acted in the past of Run {left}, which is kept. ");
        Some(Caption(vec![(true, format!("Run {}", self.runs.present)), (false, told)]))
    }

    /// Goes back to a run that was left, to where it parts from the present one, which is kept in turn.
    pub fn go_to_run(&mut self, number: u32) {
        let Some(index) = self.runs.kept.iter().position(|run| run.number == number) else { return };
        let Some(before) = parting(self.session.inputs(), &self.runs.kept[index].inputs) else { return };
        let present = self.present_run();
        let run = self.runs.kept.remove(index);
        self.runs.keep(present);
        self.runs.present = number;
        self.session.adopt(run.inputs, before);
        self.log = run.log;
        self.bookmarks = run.bookmarks;
        self.invocations = run.invocations;
        self.inputs = run.lines;
        self.aftermath = run.aftermath;
        self.follow = None;
        self.playing = false;
        self.rewound(self.now());
        self.say(Caption(vec![(true, format!("Run {number}")), (false, " goes on from here as it did.".to_owned())]));
    }

    /// Marks this moment. False where there are too many marks.
    pub fn set_bookmark(&mut self, at: SimTime, name: &str) -> bool {
        let set = self.bookmarks.set(at, name);
        let told = if set { "This moment is bookmarked." } else { "There are as many bookmarks as a run may have." };
        self.say(Caption::plain(told));
        self.log.version += 1;
        set
    }

    /// Takes a bookmark away.
    pub fn remove_bookmark(&mut self, at: SimTime) {
        self.bookmarks.remove(at);
        self.log.version += 1;
    }

    /// What is marked at exactly this moment.
    pub fn told_at(&self, at: SimTime) -> Option<String> {
        let flag = self.log.flags().find(|flag| flag.at == at).map(Flag::told);
        flag.or_else(|| self.bookmarks.all().iter().find(|mark| mark.at == at).map(|mark| mark.told()))
    }

    /// Goes to what is marked next or before: an act, a fault, a refusal, an event. Forward it runs on until
    /// there is something, within a minute.
    pub fn step_event(&mut self, forward: bool) -> bool {
        let from = self.now();
        let known = if forward { self.log.flag_after(from) } else { self.log.flag_before(from) }.cloned();
        let found = known.or_else(|| if forward { self.run_to_flag(from) } else { None });
        let Some(flag) = found.filter(|flag| flag.at >= self.ready_at) else {
            self.seek(from);
            let told = if forward {
                "No event, act or fault comes within a minute."
            } else {
                "Nothing is marked before this moment."
            };
            self.say(Caption::plain(told));
            return false;
        };
        self.seek(flag.at);
        self.say(match flag.kind {
            FlagKind::Act | FlagKind::Fault => caption::act(&flag.text),
            _ => Caption(vec![(true, flag.kind.name().to_owned()), (false, format!(": {}", flag.text))]),
        });
        true
    }

    /// Runs on to the next flag. What lies behind it stays unknown: acting there parts from nothing.
    fn run_to_flag(&mut self, from: SimTime) -> Option<Flag> {
        let (limit, known) = (from + AHEAD_MAX, self.log.clone());
        self.session.seek(known.horizon.max(from));
        let mut found = None;
        while found.is_none() && self.now() < limit {
            self.session.run_until(self.now() + AHEAD_SLICE);
            self.read_log();
            found = self.log.flag_after(from).cloned();
        }
        self.log = known;
        if let Some(flag) = &found {
            self.session.seek(flag.at);
            self.read_log();
        }
        self.collect();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Config;
    use crate::ui::query::Asked;

    fn engine() -> Engine {
        Engine::new(&Asked { config: Config { seed: 3, ..Config::default() }, paused: true, ..Asked::default() })
    }

    fn run(engine: &mut Engine, secs: u64) {
        let until = engine.now() + Duration::from_secs(secs);
        engine.session.run_until(until);
        engine.look(0.0);
    }

    fn line(text: &str) -> Command {
        Command::Kubectl { line: text.to_owned(), stdin: String::new() }
    }

    #[test]
    fn acting_in_the_past_keeps_the_run_that_was_known() {
        let mut engine = engine();
        engine.apply(line("kubectl create deployment web --image=nginx"));
        run(&mut engine, 10);
        assert_eq!((engine.runs.present, engine.runs.kept.len()), (1, 0), "nothing was in the past");
        let (end, hash) = (engine.now(), engine.session.trace_hash());
        engine.set_bookmark(end, "the end");
        let fork = SimTime(end.0 - 6_000_000);
        engine.seek(fork);
        engine.apply(line("kubectl scale deployment web --replicas=3"));
        assert!(engine.caption.text().starts_with("Run 2 begins here"), "{}", engine.caption.text());
        run(&mut engine, 6);
        assert_eq!((engine.runs.present, engine.runs.kept.len()), (2, 1));
        assert_eq!(engine.bookmarks.all(), [], "the end is that of another run");
        let second = engine.session.trace_hash();
        engine.go_to_run(1);
        assert_eq!((engine.runs.present, engine.now()), (1, SimTime(fork.0 - 1)));
        assert_eq!(engine.log.horizon, end, "its future is known");
        assert_eq!(engine.bookmarks.all().len(), 1);
        engine.seek(end);
        assert_eq!(engine.session.trace_hash(), hash);
        engine.go_to_run(2);
        let horizon = engine.log.horizon;
        engine.seek(horizon);
        assert_eq!(engine.session.trace_hash(), second);
        engine.look(0.0);
        assert_eq!(engine.terminal.len(), 2, "its lines are on the terminal");
        engine.go_to_run(9);
        assert_eq!(engine.runs.present, 2, "nobody knows a ninth");
    }

    #[test]
    fn the_number_of_kept_runs_is_bounded() {
        let mut engine = engine();
        run(&mut engine, 1);
        for _ in 0..RUNS_MAX + 3 {
            let back = SimTime(engine.now().0 - 100_000);
            engine.seek(back);
            engine.apply(line("kubectl get pods"));
            run(&mut engine, 1);
        }
        assert_eq!(engine.runs.kept.len(), RUNS_MAX);
        assert_eq!(engine.runs.present, RUNS_MAX as u32 + 4);
    }

    #[test]
    fn steps_go_from_event_to_event() {
        let mut engine = engine();
        engine.apply(line("kubectl create deployment web --image=nginx"));
        let begun = engine.now();
        let mut seen = Vec::new();
        for _ in 0..4 {
            assert!(engine.step_event(true), "{seen:?}");
            seen.push(engine.caption.text());
            assert_eq!(engine.now(), engine.log.horizon, "nothing behind it is known");
        }
        assert!(seen[0].starts_with("Event: ScalingReplicaSet deployment/web"), "{seen:?}");
        assert!(seen[1].starts_with("Event: SuccessfulCreate replicaset/web-"), "{seen:?}");
        let there = engine.now();
        assert!(engine.step_event(false) && engine.now() < there);
        while engine.step_event(false) {}
        assert_eq!(engine.now(), begun, "the act is the first of all");
        engine.look(0.0);
        let end = begun + Duration::from_secs(100);
        engine.session.run_until(end);
        engine.look(0.0);
        assert!(!engine.step_event(true), "a settled cluster records nothing");
        assert_eq!((engine.now(), engine.log.horizon), (end, end), "the minute that was looked at is not known");
    }
}
