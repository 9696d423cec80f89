//! The kernel with toy processes: order, causes, faults, restarts, checkpoints, seeking.

use std::any::Any;
use std::time::Duration;

use crate::sim::persistent::Vector;

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Note(u64);

impl Payload for Note {
    fn fold(&self, hash: &mut TraceHash) {
        hash.number(self.0);
    }
}

/// Answers every note with the next number until `limit`, and writes down all it sees.
#[derive(Clone, Debug)]
struct Echo {
    limit: u64,
    seen: Vector<(SimTime, u64)>,
    ended: Vector<(SimTime, Disconnect)>,
    timers: Vector<(SimTime, u64)>,
    /// What survives a stop.
    disk: u64,
}

impl Echo {
    fn boxed(limit: u64) -> Box<Echo> {
        Box::new(Echo { limit, seen: Vector::new(), ended: Vector::new(), timers: Vector::new(), disk: 0 })
    }
}

impl Process<Note> for Echo {
    fn start(&mut self, ctx: &mut Ctx<'_, Note>) {
        self.disk += 1;
        ctx.set_timer(Duration::from_secs(5), 7);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Note>, envelope: &Envelope<Note>) {
        self.seen.push_back((ctx.now(), envelope.payload.0));
        let peer = ctx.resolve(if &*ctx.name_of(ctx.me()) == "a" { "b" } else { "a" }).expect("both are there");
        if envelope.payload.0 < self.limit {
            ctx.send(peer, Note(envelope.payload.0 + 1));
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Note>, token: u64) {
        self.timers.push_back((ctx.now(), token));
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_, Note>, _peer: ProcessId, why: Disconnect) {
        self.ended.push_back((ctx.now(), why));
    }

    fn lose_memory(&mut self) {
        self.seen = Vector::new();
    }

    fn clone_box(&self) -> Box<dyn Process<Note>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn link(from: &'static str, to: &'static str) -> Option<LinkProfile> {
    (from != to).then_some(LinkProfile { latency: Duration::from_millis(1), jitter: Duration::from_millis(1) })
}

fn kernel(seed: u64, limit: u64) -> (Kernel<Note>, ProcessId, ProcessId) {
    let mut kernel = Kernel::new(KernelConfig {
        seed,
        epoch_unix_micros: 0,
        trace_capacity: 64,
        connection_timeout: Duration::from_secs(45),
        link,
    });
    let a = kernel.add("a", "left", Echo::boxed(limit));
    let b = kernel.add("b", "right", Echo::boxed(limit));
    (kernel, a, b)
}

fn echo(kernel: &Kernel<Note>, process: ProcessId) -> &Echo {
    kernel.inspect(process).expect("it is an Echo")
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_another() {
    let run = |seed| {
        let (mut kernel, a, _) = kernel(seed, 50);
        kernel.input(a, "begin", Note(0));
        kernel.run_until(SimTime::from_secs(1));
        (kernel.trace_hash(), kernel.delivered())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0, "the seed decides the latencies");
    assert_eq!(run(1).1, 50, "each note but the input's own was delivered");
}

#[test]
fn a_chain_of_causes_leads_back_to_the_input() {
    let (mut kernel, a, _) = kernel(3, 10);
    let input = kernel.input(a, "begin", Note(0));
    kernel.run_until(SimTime::from_secs(1));
    let last = kernel.trace().records().iter().rev().find_map(|record| match record {
        Record::Sent(envelope) => Some(envelope.clone()),
        _ => None,
    });
    let mut cause = last.expect("notes were sent").cause;
    let mut hops = 0;
    while let Some(Record::Sent(envelope)) = kernel.trace().find(cause) {
        cause = envelope.cause;
        hops += 1;
    }
    assert_eq!((cause, hops), (input, 9));
    assert!(matches!(kernel.trace().find(input), Some(Record::Input { text, .. }) if &**text == "begin"));
}

#[test]
fn the_trace_is_a_ring_that_counts_what_it_dropped() {
    let (mut kernel, a, _) = kernel(3, 200);
    kernel.input(a, "begin", Note(0));
    kernel.run_until(SimTime::from_secs(2));
    assert_eq!(kernel.trace().records().len(), 64);
    assert_eq!(kernel.trace().dropped() + 64, kernel.trace().total());
    assert_eq!(kernel.trace().total(), 201, "one input and 200 notes");
    assert_eq!(kernel.trace().since(kernel.trace().total() - 3).count(), 3);
}

#[test]
fn a_partition_holds_and_a_lifted_one_delivers() {
    let (mut kernel, a, b) = kernel(1, 1);
    let cut = Fault::Partition(Pair::of(a, b));
    kernel.inject(cut.clone());
    kernel.input(a, "begin", Note(0));
    kernel.run_until(SimTime::from_secs(20));
    assert!(echo(&kernel, b).seen.is_empty());
    assert_eq!(kernel.in_flight().count(), 1, "it is held, not lost");
    kernel.lift(&cut);
    kernel.run_until(SimTime::from_secs(21));
    assert_eq!(echo(&kernel, b).seen.len(), 1);
    assert!(echo(&kernel, a).ended.is_empty(), "TCP recovered before its time-out");
}

#[test]
fn a_partition_that_lasts_times_both_ends_out() {
    let (mut kernel, a, b) = kernel(1, 1);
    kernel.inject(Fault::Partition(Pair::of(a, b)));
    kernel.input(a, "begin", Note(0));
    kernel.run_until(SimTime::from_secs(50));
    for process in [a, b] {
        let ended: Vec<Disconnect> = echo(&kernel, process).ended.iter().map(|(_, why)| *why).collect();
        assert_eq!(ended, [Disconnect::TimedOut]);
    }
    assert_eq!(kernel.in_flight().count(), 0, "what was held is lost");
}

#[test]
fn what_is_on_the_wire_when_a_partition_begins_is_held_too() {
    let (mut kernel, a, b) = kernel(1, 1);
    kernel.input(a, "begin", Note(0));
    kernel.run_until(SimTime(10));
    assert_eq!(kernel.in_flight().count(), 1);
    kernel.inject(Fault::Partition(Pair::of(a, b)));
    kernel.run_until(SimTime::from_secs(1));
    assert!(echo(&kernel, b).seen.is_empty());
}

#[test]
fn losses_cost_retransmissions_and_keep_the_order() {
    let (mut kernel, a, b) = kernel(5, 0);
    kernel.inject(Fault::Loss(Pair::of(a, b), 500_000));
    // b's limit is 0, so a's notes are not answered; a answers inputs below its limit only.
    let (mut clean, ..) = (kernel.clone(), ());
    clean.lift(&Fault::Loss(Pair::of(a, b), 500_000));
    for world in [&mut kernel, &mut clean] {
        world.edge_mut::<Echo>(a).expect("it is an Echo").limit = 100;
        for number in 0..20 {
            world.input(a, "note", Note(number));
        }
        world.run_until(SimTime::from_secs(60));
        let seen: Vec<u64> = echo(world, b).seen.iter().map(|(_, number)| *number).collect();
        assert_eq!(seen, (1..=20).collect::<Vec<_>>(), "nothing is lost, nothing overtakes");
    }
    let last = |world: &Kernel<Note>| echo(world, b).seen.back().expect("notes came").0;
    assert!(last(&kernel) > last(&clean) + Duration::from_millis(200), "a time-out was waited for");
}

#[test]
fn a_stopped_process_refuses_and_resets() {
    let (mut kernel, a, b) = kernel(1, 1);
    kernel.input(a, "begin", Note(0));
    kernel.run_until(SimTime::from_secs(1));
    kernel.stop(b);
    kernel.run_until(SimTime::from_secs(2));
    kernel.input(a, "again", Note(0));
    kernel.run_until(SimTime::from_secs(3));
    let ended: Vec<Disconnect> = echo(&kernel, a).ended.iter().map(|(_, why)| *why).collect();
    assert_eq!(ended, [Disconnect::Reset, Disconnect::Refused]);
    assert!(echo(&kernel, b).seen.is_empty(), "it lost its memory");
    assert_eq!(echo(&kernel, b).disk, 1);
}

#[test]
fn a_frozen_process_keeps_its_connections_and_goes_on_in_order() {
    let (mut kernel, a, b) = kernel(1, 0);
    kernel.edge_mut::<Echo>(a).expect("it is an Echo").limit = 100;
    kernel.run_until(SimTime(0));
    kernel.freeze(b);
    for number in 0..5 {
        kernel.input(a, "note", Note(number));
    }
    kernel.run_until(SimTime::from_secs(20));
    assert_eq!((echo(&kernel, b).seen.len(), echo(&kernel, b).timers.len(), kernel.unread(b)), (0, 0, 5));
    assert!(echo(&kernel, a).ended.is_empty(), "nobody is told anything");
    kernel.thaw(b);
    kernel.run_until(SimTime::from_secs(21));
    let seen: Vec<u64> = echo(&kernel, b).seen.iter().map(|(_, number)| *number).collect();
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    let timers: Vec<SimTime> = echo(&kernel, b).timers.iter().map(|(at, _)| *at).collect();
    assert_eq!(timers, [SimTime::from_secs(20)], "a timer that came due meanwhile fires late");
    kernel.run_until(SimTime::from_secs(100));
    assert!(echo(&kernel, a).ended.is_empty(), "it was thawed in time");
}

#[test]
fn a_peer_gives_a_frozen_process_up() {
    let (mut kernel, a, b) = kernel(1, 0);
    kernel.edge_mut::<Echo>(a).expect("it is an Echo").limit = 100;
    kernel.freeze(b);
    kernel.input(a, "note", Note(0));
    kernel.run_until(SimTime::from_secs(50));
    let why = |kernel: &Kernel<Note>, process| -> Vec<Disconnect> {
        echo(kernel, process).ended.iter().map(|(_, why)| *why).collect()
    };
    assert_eq!((why(&kernel, a), why(&kernel, b)), (vec![Disconnect::TimedOut], vec![]));
    kernel.input(a, "again", Note(8));
    kernel.run_until(SimTime::from_secs(51));
    kernel.thaw(b);
    kernel.run_until(SimTime::from_secs(52));
    assert_eq!(why(&kernel, b), [Disconnect::TimedOut]);
    let seen: Vec<u64> = echo(&kernel, b).seen.iter().map(|(_, number)| *number).collect();
    assert_eq!(seen, [9], "what was given up is lost");
}

#[test]
fn a_frozen_process_can_be_stopped() {
    let (mut kernel, a, b) = kernel(1, 0);
    kernel.edge_mut::<Echo>(a).expect("it is an Echo").limit = 100;
    kernel.freeze(b);
    kernel.input(a, "note", Note(0));
    kernel.run_until(SimTime::from_secs(1));
    kernel.stop(b);
    kernel.restart(b);
    kernel.run_until(SimTime::from_secs(2));
    let ended: Vec<Disconnect> = echo(&kernel, a).ended.iter().map(|(_, why)| *why).collect();
    assert_eq!(ended, [Disconnect::Reset]);
    assert!(echo(&kernel, b).seen.is_empty(), "it died with its buffers");
    assert_eq!(kernel.state(b), ProcessState::Running);
}

#[test]
fn a_timer_of_an_earlier_life_does_not_fire() {
    let (mut kernel, _, b) = kernel(1, 1);
    kernel.run_until(SimTime::from_secs(3));
    kernel.stop(b);
    kernel.run_until(SimTime::from_secs(4));
    kernel.restart(b);
    kernel.run_until(SimTime::from_secs(20));
    let timers: Vec<SimTime> = echo(&kernel, b).timers.iter().map(|(at, _)| *at).collect();
    assert_eq!(timers, [SimTime::from_secs(9)], "five seconds after the restart, and only then");
    assert_eq!(echo(&kernel, b).disk, 2);
}

#[test]
#[should_panic(expected = "no edge leads from left to left")]
fn a_send_along_no_edge_is_a_bug() {
    let (mut kernel, ..) = kernel(1, 1);
    // Registered in the same role as `a`, named so that it answers to `a`.
    let c = kernel.add("c", "left", Echo::boxed(1));
    kernel.input(c, "begin", Note(0));
    kernel.run_until(SimTime::from_secs(1));
}

#[test]
fn a_checkpoint_shares_nothing_that_changes() {
    let (mut kernel, a, b) = kernel(1, 30);
    kernel.input(a, "begin", Note(0));
    kernel.run_until(SimTime::from_millis(20));
    let checkpoint = kernel.clone();
    kernel.run_until(SimTime::from_secs(1));
    let mut again = checkpoint.clone();
    assert_ne!(checkpoint.trace_hash(), kernel.trace_hash());
    again.run_until(SimTime::from_secs(1));
    assert_eq!(again.trace_hash(), kernel.trace_hash());
    assert_eq!(echo(&again, b).seen, echo(&kernel, b).seen);
    assert!(echo(&checkpoint, b).seen.len() < echo(&kernel, b).seen.len());
}

#[derive(Clone, Debug)]
struct Toy {
    kernel: Kernel<Note>,
    a: ProcessId,
}

impl Replay for Toy {
    type Input = u64;

    fn now(&self) -> SimTime {
        self.kernel.now()
    }

    fn handled(&self) -> u64 {
        self.kernel.handled()
    }

    fn run_until(&mut self, until: SimTime) {
        self.kernel.run_until(until);
    }

    fn run_bounded(&mut self, until: SimTime, handled: u64) -> bool {
        self.kernel.run_bounded(until, handled)
    }

    fn run_to(&mut self, handled: u64, at: SimTime) {
        self.kernel.run_to(handled, at);
    }

    fn apply(&mut self, input: &u64) {
        self.kernel.input(self.a, "note", Note(*input));
    }
}

/// Runs a toy for ten seconds in small budgets, with inputs on the way, and gives the hash at each second.
fn toy_run() -> (History<Toy>, Toy, Vec<u64>) {
    let (kernel, a, _) = kernel(11, 400);
    let mut world = Toy { kernel, a };
    let mut history = History::new(&world, Duration::from_millis(300), 8);
    let mut hashes = Vec::new();
    for second in 1..=10 {
        // Stops in the middle of a second, and in the middle of one instant's events.
        history.advance(&mut world, SimTime::from_millis(second * 1_000 - 500), 3);
        history.apply(&mut world, second * 30);
        while !history.advance(&mut world, SimTime::from_secs(second), 17) {}
        hashes.push(world.kernel.trace_hash());
    }
    (history, world, hashes)
}

#[test]
fn seeking_anywhere_gives_the_run_as_it_was() {
    let (mut history, _, hashes) = toy_run();
    assert!(history.checkpoints().count() <= 8, "old checkpoints thin out");
    for second in [10, 1, 7, 3, 9, 2, 10] {
        let world = history.seek(SimTime::from_secs(second));
        assert_eq!(world.kernel.trace_hash(), hashes[second as usize - 1], "at {second} s");
    }
}

#[test]
fn an_input_after_seeking_back_forks_the_run() {
    let (mut history, _, hashes) = toy_run();
    let mut world = history.seek(SimTime::from_secs(4));
    // Without an input the log ahead is run again.
    history.advance(&mut world, SimTime::from_secs(6), u64::MAX);
    assert_eq!(world.kernel.trace_hash(), hashes[5]);
    let mut world = history.seek(SimTime::from_secs(4));
    history.apply(&mut world, 399);
    assert_eq!(history.inputs().len(), 5, "four of the first run, one of this");
    history.advance(&mut world, SimTime::from_secs(10), u64::MAX);
    assert_ne!(world.kernel.trace_hash(), hashes[9]);
    let again = history.seek(SimTime::from_secs(10));
    assert_eq!(again.kernel.trace_hash(), world.kernel.trace_hash());
}

/// A world in which nothing happens but events: ten a second, and a thousand from the 20th second to the 25th.
#[derive(Clone)]
struct Bursts(SimTime);

impl Replay for Bursts {
    type Input = ();

    fn now(&self) -> SimTime {
        self.0
    }

    fn handled(&self) -> u64 {
        let seconds = self.0.as_micros() / 1_000_000;
        seconds * 10 + seconds.clamp(20, 25) * 990
    }

    fn run_until(&mut self, until: SimTime) {
        self.0 = until;
    }

    fn run_bounded(&mut self, until: SimTime, _handled: u64) -> bool {
        self.0 = until;
        true
    }

    fn run_to(&mut self, _handled: u64, at: SimTime) {
        self.0 = at;
    }

    fn apply(&mut self, (): &()) {}

    fn checkpoints_max(&self) -> usize {
        if self.0 < SimTime::from_secs(350) { 24 } else { 12 }
    }
}

#[test]
fn a_world_that_grows_keeps_fewer_checkpoints() {
    let mut world = Bursts(SimTime::ZERO);
    let mut history = History::new(&world, Duration::from_secs(1), 24);
    let mut counts = Vec::new();
    for second in 1..=400 {
        history.advance(&mut world, SimTime::from_secs(second), u64::MAX);
        counts.push(history.checkpoints().count());
    }
    assert_eq!(counts.iter().max(), Some(&24));
    assert!(counts[399] <= 12, "{}", counts[399]);
    assert_eq!(history.seek(SimTime::from_secs(123)).now(), SimTime::from_secs(123));
}

#[test]
fn what_was_busy_keeps_its_checkpoints_longer() {
    let mut world = Bursts(SimTime::ZERO);
    let mut history = History::new(&world, Duration::from_secs(1), 24);
    for second in 1..=300 {
        history.advance(&mut world, SimTime::from_secs(second), u64::MAX);
    }
    let handled: Vec<u64> = history.checkpoints().map(|at| Bursts(at).handled()).collect();
    assert!(handled.len() <= 24, "{}", handled.len());
    let between = handled.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(between <= Some(2_000), "{between:?} events have to be run again: {handled:?}");
}
