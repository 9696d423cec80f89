//! History: checkpoints that thin out with age, and the log of inputs. Seeking is the nearest
//! checkpoint and a deterministic re-run from there; an input after seeking back forks the run.

use std::time::Duration;

use super::time::SimTime;

/// A checkpoint is kept after so many events at the latest: a second of a busy cluster takes as long to run again as
/// minutes of an idle one.
const EVENTS_BETWEEN: u64 = 8_000;
/// So many checkpoints can thin out.
const LEAST: usize = 4;

/// A world that can be run again.
pub trait Replay: Clone {
    /// What somebody outside can do to it.
    type Input: Clone;
    /// Virtual time.
    fn now(&self) -> SimTime;
    /// How many events were handled. Several may fall on one microsecond, so a time alone does not
    /// say where between them an input came.
    fn handled(&self) -> u64;
    /// Handles everything due up to `until`.
    fn run_until(&mut self, until: SimTime);
    /// Handles events due up to `until`, but no more than until `handled` of them are. True when time
    /// has come to `until`.
    fn run_bounded(&mut self, until: SimTime, handled: u64) -> bool;
    /// Handles events until `handled` of them are, then moves time to `at`.
    fn run_to(&mut self, handled: u64, at: SimTime);
    /// Lets an input act now.
    fn apply(&mut self, input: &Self::Input);
    /// How many checkpoints of a world of this size there is room for.
    fn checkpoints_max(&self) -> usize {
        usize::MAX
    }
}

/// An input and the exact place in the run where it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Logged<I> {
    pub at: SimTime,
    pub handled: u64,
    pub input: I,
}

#[derive(Clone, Debug)]
struct Checkpoint<W> {
    world: W,
    /// How many inputs of the log it already holds.
    inputs: usize,
}

/// The past of one run.
#[derive(Clone, Debug)]
pub struct History<W: Replay> {
    checkpoints: Vec<Checkpoint<W>>,
    inputs: Vec<Logged<W::Input>>,
    /// How many of the inputs the present world holds: fewer than all after seeking back.
    applied: usize,
    interval: Duration,
    limit: usize,
}

impl<W: Replay> History<W> {
    /// A history that begins with `world`, keeps a checkpoint every `interval` of virtual time, and
    /// at most `limit` of them.
    pub fn new(world: &W, interval: Duration, limit: usize) -> Self {
        assert!(limit >= LEAST, "a history of so few checkpoints cannot thin out");
        let first = Checkpoint { world: world.clone(), inputs: 0 };
        History { checkpoints: vec![first], inputs: Vec::new(), applied: 0, interval, limit }
    }

    /// Everything that was done from outside, in order.
    pub fn inputs(&self) -> &[Logged<W::Input>] {
        &self.inputs
    }

    /// Whether inputs of the log lie ahead of the world.
    pub fn has_ahead(&self) -> bool {
        self.applied < self.inputs.len()
    }

    /// The times of the checkpoints kept.
    pub fn checkpoints(&self) -> impl Iterator<Item = SimTime> {
        self.checkpoints.iter().map(|checkpoint| checkpoint.world.now())
    }

    /// Runs `world` on towards `until` for at most `events` events, applying the inputs of the log that
    /// lie ahead of it, and keeps a checkpoint when one is due. True when `until` was reached.
    pub fn advance(&mut self, world: &mut W, until: SimTime, events: u64) -> bool {
        let last = world.handled().saturating_add(events);
        while let Some(next) = self.inputs.get(self.applied).filter(|next| next.at <= until) {
            if !reach(world, next.at, next.handled, last) {
                self.observe(world);
                return false;
            }
            world.apply(&next.input);
            self.applied += 1;
        }
        let reached = world.run_bounded(until, last);
        self.observe(world);
        reached
    }

    /// Keeps a checkpoint of `world` when enough has happened since the last. Call it as the world runs.
    pub fn observe(&mut self, world: &W) {
        let (at, handled) =
            self.checkpoints.last().map_or((SimTime::ZERO, 0), |newest| (newest.world.now(), newest.world.handled()));
        if world.now() >= at + self.interval || world.handled() >= handled.saturating_add(EVENTS_BETWEEN) {
            self.checkpoints.push(Checkpoint { world: world.clone(), inputs: self.applied });
            let room = world.checkpoints_max().clamp(LEAST, self.limit);
            while self.checkpoints.len() > room {
                self.thin();
            }
        }
    }

    /// Drops half of the older half, never the first: one after another the checkpoint that leaves the fewest events
    /// between its neighbours, so that from wherever one seeks, about as much has to be run again.
    fn thin(&mut self) {
        let half = self.checkpoints.len() / 2;
        let mut kept: Vec<usize> = (0..=half).collect();
        for _ in 0..half / 2 {
            let handled = |index: usize| self.checkpoints[index].world.handled();
            let left = |at: &usize| handled(kept[at + 1]) - handled(kept[at - 1]);
            let Some(least) = (1..kept.len() - 1).min_by_key(left) else { break };
            kept.remove(least);
        }
        let mut index = 0;
        self.checkpoints.retain(|_| {
            index += 1;
            index > half || kept.binary_search(&(index - 1)).is_ok()
        });
    }

    /// Lets an input act on `world` and logs it. What came later in the log belongs to another run
    /// and is forgotten.
    pub fn apply(&mut self, world: &mut W, input: W::Input) {
        let (at, handled) = (world.now(), world.handled());
        self.inputs.truncate(self.applied);
        self.checkpoints.retain(|checkpoint| checkpoint.world.handled() <= handled && checkpoint.world.now() <= at);
        world.apply(&input);
        self.inputs.push(Logged { at, handled, input });
        self.applied = self.inputs.len();
    }

    /// Enters inputs that lie ahead of `world`, in order: a run that was written down. They act as time
    /// comes to them.
    pub fn plan(&mut self, world: &W, inputs: Vec<Logged<W::Input>>) {
        self.inputs.truncate(self.applied);
        let mut earliest = world.now();
        self.inputs.extend(inputs.into_iter().map(|mut logged| {
            logged.at = logged.at.max(earliest);
            earliest = logged.at;
            logged
        }));
    }

    /// The world as it was at `at`, or as it will be by the log.
    pub fn seek(&mut self, at: SimTime) -> W {
        let index = self.checkpoints.iter().rposition(|checkpoint| checkpoint.world.now() <= at).unwrap_or(0);
        let mut world = self.checkpoints[index].world.clone();
        self.applied = self.checkpoints[index].inputs;
        self.replay(&mut world, at);
        world
    }

    /// How many inputs of the log the world holds.
    pub fn applied(&self) -> usize {
        self.applied
    }

    /// The newest checkpoint in which nothing at or after `before` has happened, and how many inputs of
    /// the log it holds: where another run may begin.
    pub fn branch(&self, before: SimTime) -> (W, usize) {
        let index = self.checkpoints.iter().rposition(|checkpoint| checkpoint.world.now() < before).unwrap_or(0);
        (self.checkpoints[index].world.clone(), self.checkpoints[index].inputs)
    }

    /// Goes over to the run of another log, which is the same before `before`, and gives its world as it
    /// was just then. The rest of the log lies ahead.
    pub fn adopt(&mut self, inputs: Vec<Logged<W::Input>>, before: SimTime) -> W {
        let mut first = true;
        self.checkpoints.retain(|checkpoint| std::mem::take(&mut first) || checkpoint.world.now() < before);
        self.inputs = inputs;
        self.seek(SimTime(before.0.saturating_sub(1)))
    }

    fn replay(&mut self, world: &mut W, until: SimTime) {
        while let Some(next) = self.inputs.get(self.applied).filter(|next| next.at <= until) {
            reach(world, next.at, next.handled, u64::MAX);
            world.apply(&next.input);
            self.applied += 1;
        }
        world.run_until(until);
    }
}

/// Runs `world` to `at`, as far into that microsecond as `handled` events are, but no further than until
/// `last` are handled. True when it got there. A log that another version of the world wrote may count
/// otherwise: then everything before `at` is handled all the same, and nothing after it.
fn reach<W: Replay>(world: &mut W, at: SimTime, handled: u64, last: u64) -> bool {
    if !world.run_bounded(SimTime(at.0.saturating_sub(1)), last) {
        return false;
    }
    if world.run_bounded(at, handled.min(last)) {
        return true;
    }
    if world.handled() < handled {
        return false;
    }
    world.run_to(world.handled(), at);
    true
}
