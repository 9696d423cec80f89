//! The engine under the page: the session, the pace, and what is read off it for the screen. It has no
//! clock and no document: the driver tells it how much wall time passed and when to stop.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::inside::{Look, Place};
use crate::cluster::{Applied, Command, ComponentView, Flight, FlightKind, GatewayEvent, Phase, Session, Snapshot};
use crate::scene::{self, Aggregates, Form, Layout, Packet, PodPlaces, Sites, packets};
use crate::sim::Order;
use crate::sim::persistent::OrdMap;
use crate::sim::{EventId, Record, SimTime};

use super::aftermath::Aftermath;
use super::bookmarks::Bookmarks;
use super::caption;
use super::filter::Filter;
use super::following::Follow;
use super::graphing::Graphing;
use super::log::{Log, Logged};
use super::pace::{Pace, Sight};
use super::pair::Pairing;
use super::query::Asked;
use super::runs::Runs;
use super::screen::{Caption, Entry, Selection, Shared, Things};
use super::shown::{Panes, Shown};

/// Events handled between two looks at the clock.
const SLICE_EVENTS: u64 = 32;
/// How far a step looks for the next message.
const STEP_LIMIT: Duration = Duration::from_secs(600);
/// Wall time a caption stands before another may follow while playing.
const CAPTION_MS: f64 = 1_100.0;
/// Entries the terminal keeps.
const ENTRIES_MAX: usize = 200;

/// A wire that carried something too quick to be animated: its number, direction, kind.
pub type Flash = (usize, bool, FlightKind);
/// An act from outside, and when.
type InputAt = crate::sim::Logged<Command>;

/// The engine.
#[derive(Debug)]
pub struct Engine {
    pub session: Session,
    pub pace: Pace,
    pub playing: bool,
    pub show_heartbeats: bool,
    pub filter: Filter,
    pub follow: Option<Follow>,
    /// What the cluster did about faults.
    pub aftermath: Aftermath,
    /// Branches of the selected message's tree that the reader turned over.
    pub toggled: Vec<EventId>,
    /// The request behind the revision that was asked for last.
    pub writer: (String, u64, Option<EventId>),
    /// Packets under way that the filter hides.
    pub hidden: usize,
    /// The lines that were typed: invocation, and the input's number in the trace.
    pub inputs: Vec<(u64, EventId)>,
    pub reduced_motion: bool,
    pub log: Log,
    pub bookmarks: Bookmarks,
    pub runs: Runs,
    /// Two runs beside each other, while they are looked at.
    pub pairing: Option<Box<Pairing>>,
    /// What the timeline is zoomed by: 1 shows the whole act.
    pub zoom: f64,
    pub things: Shared<Things>,
    pub packets: Vec<Packet>,
    /// Packets keep their places: with reduced motion they move only now and then.
    pub held: bool,
    pub flashes: Vec<Flash>,
    pub selection: Option<Selection>,
    /// The inside that is open, and what of it is looked at.
    pub inside: Option<(Place, Look)>,
    /// The objects' graph, while it is shown.
    pub graphing: Option<Graphing>,
    pub caption: Shared<Caption>,
    pub terminal: Shared<Vec<Entry>>,
    /// The session's first moment on the screen: the cluster is ready.
    pub ready_at: SimTime,
    /// What came back to clients outside and was not collected.
    pub gateway: OrdMap<u64, Vec<GatewayEvent>>,
    /// The run, in fractions of a microsecond.
    target_micros: f64,
    aggregates: Aggregates,
    form: Form,
    places: PodPlaces,
    flights: Vec<Flight>,
    pub(super) invocations: Vec<u64>,
    caption_age_ms: f64,
    pub(super) unsettled: bool,
    /// The number of the last line typed at the prompt, and it.
    line: (usize, Arc<str>),
    /// Where it pauses by itself, once.
    pub stop_at: Option<SimTime>,
}

impl Engine {
    /// A cluster that has come up, as asked for.
    pub fn new(asked: &Asked) -> Engine {
        let mut session = Session::ready(asked.config.clone());
        let snapshot = session.snapshot();
        let layout = Layout::new(Form::Wide, asked.config.nodes as usize, false);
        let things = Things {
            sites: Rc::new(Sites::new(&snapshot.components)),
            layout: Rc::new(layout),
            components: snapshot.components.clone(),
            nodes: snapshot.nodes.clone(),
            pods: snapshot.pods.clone(),
            places: PodPlaces::default(),
            revision: snapshot.revision,
            client: false,
            line: Arc::from(""),
            standing: Arc::default(),
            broken: Arc::default(),
        };
        let nodes = things.nodes.len();
        let log = Log::new(&session);
        let ready_at = session.now();
        Engine {
            target_micros: ready_at.0 as f64,
            session,
            pace: Pace::default(),
            playing: !asked.paused,
            show_heartbeats: false,
            filter: Filter::default(),
            follow: None,
            aftermath: Aftermath::default(),
            toggled: Vec::new(),
            writer: (String::new(), 0, None),
            hidden: 0,
            inputs: Vec::new(),
            reduced_motion: false,
            log,
            bookmarks: Bookmarks::default(),
            runs: Runs::default(),
            pairing: None,
            zoom: 1.0,
            things: Shared::new(things),
            packets: Vec::new(),
            held: false,
            flashes: Vec::new(),
            selection: None,
            inside: None,
            graphing: None,
            caption: Shared::new(Caption::plain(format!(
                "The cluster is ready: {nodes} {} and nothing to run.",
                if nodes == 1 { "node" } else { "nodes" }
            ))),
            terminal: Shared::default(),
            ready_at,
            gateway: OrdMap::new(),
            aggregates: Aggregates::default(),
            form: Form::Wide,
            places: PodPlaces::default(),
            flights: Vec::new(),
            invocations: Vec::new(),
            caption_age_ms: f64::MAX,
            unsettled: false,
            line: (0, Arc::from("")),
            stop_at: None,
        }
    }

    /// The session was run on before anything was shown, and is known up to `horizon`: its inputs are the
    /// past, or lie ahead.
    pub fn resumed(&mut self, horizon: SimTime) {
        self.log.read(&mut self.session, &self.things.sites);
        self.log.horizon = self.log.horizon.max(horizon);
        self.target_micros = self.session.now().0 as f64;
        // What came back to clients outside came back to another page.
        self.session.drain_gateway();
        let lines = self.session.inputs().iter().filter(|logged| matches!(logged.input, Command::Kubectl { .. }));
        let count = lines.count() as u64;
        self.invocations = (count.saturating_sub(ENTRIES_MAX as u64) + 1..=count).collect();
        self.playing = false;
        if let Some(file_end) = self.log.last_input(self.now()) {
            self.caption = Shared::new(caption::act(&file_end.text));
        }
    }

    /// Shows what a view says.
    pub fn show(&mut self, shown: &Shown) {
        self.selection.clone_from(&shown.selection);
        self.pace.speed = shown.speed;
        self.show_heartbeats = shown.heartbeats;
        self.filter.clone_from(&shown.filter);
        self.zoom = shown.zoom;
        self.inside = shown.inside.clone().map(|place| (place, Look::default()));
        self.bookmarks.clone_from(&shown.bookmarks);
    }

    /// The view, with the panes that are open.
    pub fn shown(&self, panes: Panes) -> Shown {
        Shown {
            selection: self.selection.clone(),
            speed: self.pace.speed,
            heartbeats: self.show_heartbeats,
            panes,
            filter: self.filter.clone(),
            zoom: self.zoom,
            inside: self.inside.as_ref().map(|(place, _)| place.clone()),
            bookmarks: self.bookmarks.clone(),
        }
    }

    /// The last line typed at the prompt by now.
    fn last_line(&self) -> Option<(usize, Arc<str>)> {
        let now = self.now();
        let typed = |logged: &InputAt| logged.at <= now && matches!(logged.input, Command::Kubectl { .. });
        let index = self.session.inputs().iter().rposition(typed)?;
        if self.line.0 == index + 1 {
            return Some((index + 1, self.line.1.clone()));
        }
        Some((index + 1, Arc::from(self.session.inputs()[index].input.text())))
    }

    /// Now.
    pub fn now(&self) -> SimTime {
        self.session.now()
    }

    /// What the pace sees of the flights.
    fn sight(&self, held: bool) -> Sight {
        let now = self.session.now();
        let mut lengths: Vec<u64> = self
            .flights
            .iter()
            .filter(|flight| flight.sent <= now && flight.arrives > now)
            .map(|flight| flight.arrives.0 - flight.sent.0)
            .collect();
        lengths.order();
        Sight {
            median_micros: lengths.get(lengths.len() / 2).map(|length| *length as f64),
            longest_micros: lengths.last().map_or(0.0, |length| *length as f64),
            unsettled: self.unsettled,
            held,
        }
    }

    /// Runs what `wall_ms` of wall time are worth, and stops when `out_of_time` says so. True when it
    /// got as far as the pace asked.
    pub fn advance(&mut self, wall_ms: f64, held: bool, out_of_time: &dyn Fn() -> bool) -> bool {
        self.caption_age_ms += wall_ms;
        let before = self.session.now();
        let sight = self.sight(held);
        let step = self.pace.advance(wall_ms, sight);
        self.target_micros = self.target_micros.max(before.0 as f64) + step.micros;
        let until = SimTime(self.target_micros as u64).min(self.stop_at.unwrap_or(SimTime(u64::MAX)));
        let arrived = if step.watch { self.run_watching(until, out_of_time) } else { self.run(until, out_of_time) };
        if !arrived || self.session.now() < until {
            self.target_micros = self.session.now().0 as f64;
        }
        if self.stop_at.is_some_and(|end| self.session.now() >= end) {
            self.stop_at = None;
            self.playing = false;
        }
        if sight.median_micros.is_none() {
            let passed = self.session.now().since(before).as_micros() as f64;
            if let Some(quiet) = self.pace.passed_quietly(passed) {
                let whole = self.follow.is_none() && !self.filter.is_active();
                self.caption = Shared::new(caption::quiet(quiet, whole));
                self.caption_age_ms = 0.0;
            }
        }
        arrived
    }

    fn run(&mut self, until: SimTime, out_of_time: &dyn Fn() -> bool) -> bool {
        loop {
            if self.session.run_budget(until, SLICE_EVENTS) {
                return true;
            }
            if out_of_time() {
                return false;
            }
        }
    }

    /// Runs event by event until something comes into view.
    fn run_watching(&mut self, until: SimTime, out_of_time: &dyn Fn() -> bool) -> bool {
        let mut looked = self.session.world().kernel().trace().total();
        let mut handled = 0_u64;
        while let Some(due) = self.session.world().kernel().next_due().filter(|due| *due <= until) {
            self.session.run_budget(due, 1);
            let trace = self.session.world().kernel().trace();
            let new: Vec<Logged> = trace
                .since(looked)
                .filter_map(|record| match record {
                    Record::Sent(envelope) => Some(Logged::of(envelope)),
                    _ => None,
                })
                .collect();
            looked = trace.total();
            if self.follow.is_some() {
                self.keep_up();
            }
            if !self.show_heartbeats
                && new.iter().any(|message| !self.session.is_heartbeat(message.id) && self.shows(message))
            {
                return true;
            }
            handled += 1;
            if handled.is_multiple_of(SLICE_EVENTS) && out_of_time() {
                return false;
            }
        }
        self.run(until, out_of_time)
    }

    /// Lets somebody act, now.
    pub fn apply(&mut self, command: Command) -> Applied {
        let parted = self.part();
        self.log.fork(&self.session);
        self.follow_fork();
        self.aftermath.fork(&self.session, self.log.last());
        let mut caption = parted.unwrap_or_default();
        caption.0.extend(caption::act(&command.text()).0);
        self.caption = Shared::new(caption);
        self.caption_age_ms = 0.0;
        // The place of a line in the log may be that of another run's.
        self.line.0 = 0;
        let applied = self.session.apply(command);
        if let Some(invocation) = applied.invocation {
            self.invocations.retain(|id| *id != invocation);
            self.invocations.push(invocation);
            self.inputs.retain(|(id, _)| *id != invocation);
            self.inputs.push((invocation, applied.id));
            if self.invocations.len() > ENTRIES_MAX {
                self.invocations.remove(0);
                self.inputs.remove(0);
            }
        }
        self.pace.wake();
        self.unsettled = true;
        applied
    }

    /// Goes to the next message that arrives. False when there is none for long.
    pub fn step(&mut self) -> bool {
        let Some(id) = self.session.step_message(STEP_LIMIT) else { return false };
        self.target_micros = self.session.now().0 as f64;
        self.tell(id);
        true
    }

    /// Goes back to where the message before arrived.
    pub fn step_back(&mut self) {
        let now = self.session.now();
        let to = self.log.previous_arrival(now).unwrap_or(self.ready_at).max(self.ready_at);
        self.seek(to);
        let told = self.log.until(to).find(|message| message.arrives <= to).map(|message| message.id);
        if let Some(id) = told {
            self.tell(id);
        }
    }

    /// Goes to `at`, within what is known.
    pub fn seek(&mut self, at: SimTime) {
        let at = at.clamp(self.ready_at, self.log.horizon.max(self.ready_at));
        self.session.seek(at);
        self.rewound(at);
        let told = self.log.until(at).take(12).map(|message| message.id).collect::<Vec<_>>();
        for id in told.into_iter().filter(|id| self.followed(*id)).collect::<Vec<_>>() {
            if self.tell(id) {
                break;
            }
        }
    }

    /// The session was taken to `at`, past what was in between.
    pub fn rewound(&mut self, at: SimTime) {
        self.target_micros = at.0 as f64;
        self.log.rewound(&self.session);
        self.graphing.iter_mut().for_each(Graphing::forget);
        self.follow_rewound();
        self.aftermath.rewound(&self.session);
        self.caption_age_ms = f64::MAX;
        self.line.0 = 0;
    }

    /// Narrates a message. False when it is not worth a sentence.
    fn tell(&mut self, id: EventId) -> bool {
        let sentence = self.session.message(id).as_ref().and_then(caption::sentence);
        if let Some(sentence) = &sentence {
            if *self.caption != *sentence {
                self.caption = Shared::new(sentence.clone());
            }
            self.caption_age_ms = 0.0;
        }
        sentence.is_some()
    }

    /// Reads the world: the log, the things, the packets, the terminal.
    pub fn look(&mut self, flash_below_micros: f64) {
        let mut new = self.read_log();
        self.keep_up();
        self.aftermath.read(&mut self.session);
        new.retain(|message| self.shows(message));
        self.narrate(&new);
        self.collect();
        let snapshot = self.session.snapshot();
        self.flights = self.in_view(&snapshot.flights);
        self.update_things(&snapshot);
        self.update_terminal();
        self.flashes = self.quick(&new, flash_below_micros);
        let place = if self.reduced_motion { scene::Place::Stops } else { scene::Place::Exact };
        let quick = |flight: &&Flight| ((flight.arrives.0 - flight.sent.0) as f64) >= flash_below_micros;
        let shown = self.flights.iter().filter(quick);
        let things = &self.things;
        if !self.held {
            self.packets = packets(&things.layout, &things.sites, shown, snapshot.now, place, &mut self.aggregates);
        }
    }

    /// Reads what is new in the trace into the log.
    pub fn read_log(&mut self) -> Vec<Logged> {
        self.log.read(&mut self.session, &self.things.sites)
    }

    /// Says a sentence.
    pub fn say(&mut self, caption: Caption) {
        self.caption = Shared::new(caption);
        self.caption_age_ms = 0.0;
    }

    /// Collects what came back to clients outside.
    pub fn collect(&mut self) {
        for (call, event) in self.session.drain_gateway() {
            self.gateway.entry(call).or_default().push(event);
        }
    }

    /// The wires that carried something too quick to be seen.
    fn quick(&self, new: &[Logged], below_micros: f64) -> Vec<Flash> {
        if below_micros <= 0.0 {
            return Vec::new();
        }
        let kind = |id: EventId| {
            let at = self.flights.binary_search_by(|flight| flight.id.cmp(&id)).ok()?;
            Some(self.flights[at].kind)
        };
        let (layout, sites) = (&self.things.layout, &self.things.sites);
        let mut flashes: Vec<Flash> = new
            .iter()
            .filter(|message| ((message.arrives.0 - message.sent.0) as f64) < below_micros)
            .filter_map(|message| {
                let (wire, along) = layout.wire(sites.of(message.from)?, sites.of(message.to)?)?;
                Some((layout.wires[wire].way, along, kind(message.id).unwrap_or(FlightKind::Request)))
            })
            .collect();
        flashes.order();
        flashes.dedup();
        flashes
    }

    /// Chooses the newest message worth a sentence.
    fn narrate(&mut self, new: &[Logged]) {
        if self.caption_age_ms < CAPTION_MS && self.playing {
            return;
        }
        // What is followed is told as its story tells it.
        let told = self.follow.as_ref().and_then(|follow| {
            follow.story.steps.iter().rev().find(|step| new.iter().any(|message| message.id == step.id))
        });
        if let Some(step) = told {
            let caption = step.caption.clone();
            return self.say(caption);
        }
        let newest: Vec<EventId> = new.iter().rev().take(8).map(|message| message.id).collect();
        for id in newest {
            if self.tell(id) {
                return;
            }
        }
    }

    fn update_things(&mut self, snapshot: &Snapshot) {
        self.line = self.last_line().unwrap_or_else(|| (0, Arc::from("")));
        let old = &self.things;
        let standing = self.session.world().standing();
        let same = Arc::ptr_eq(&old.nodes, &snapshot.nodes)
            && Arc::ptr_eq(&old.pods, &snapshot.pods)
            && (Arc::ptr_eq(&old.components, &snapshot.components) || old.components == snapshot.components)
            && old.revision == snapshot.revision
            && old.layout.form == self.form
            && old.client == self.log.client
            && old.line == self.line.1
            && old.standing == *standing;
        if same {
            return;
        }
        let same_names = old.components.iter().map(standing_as).eq(snapshot.components.iter().map(standing_as));
        let sites = match same_names {
            true => old.sites.clone(),
            false => Rc::new(Sites::new(&snapshot.components)),
        };
        let (nodes, driven) = (sites.nodes().len(), sites.are_driven());
        let layout = &old.layout;
        let fits = layout.form == self.form && layout.cards.len() == nodes && layout.driver.is_some() == driven;
        let layout = if fits { layout.clone() } else { Rc::new(Layout::new(self.form, nodes, driven)) };
        let broken = match old.standing == *standing {
            true => old.broken.clone(),
            false => Arc::new(self.session.world().broken_links()),
        };
        let mut bound: Vec<_> = snapshot.pods.iter().filter(|pod| !pod.node.is_empty()).collect();
        bound.order_by(|a, b| a.name.cmp(&b.name));
        self.places.update(bound.iter().map(|pod| (&pod.uid, &pod.node)));
        let things = Things {
            layout,
            sites,
            components: snapshot.components.clone(),
            nodes: snapshot.nodes.clone(),
            pods: snapshot.pods.clone(),
            places: self.places.clone(),
            revision: snapshot.revision,
            client: self.log.client,
            line: self.line.1.clone(),
            standing: standing.clone(),
            broken,
        };
        self.unsettled = is_unsettled(&things);
        self.things = Shared::new(things);
    }

    fn update_terminal(&mut self) {
        let entries: Vec<Entry> = self
            .invocations
            .iter()
            .filter_map(|id| Some(Entry { id: *id, view: self.session.invocation(*id)? }))
            .collect();
        self.unsettled = is_unsettled(&self.things)
            || self.session.has_inputs_ahead()
            || entries.iter().any(|entry| entry.view.code.is_none());
        if entries != *self.terminal {
            self.terminal = Shared::new(entries);
        }
    }

    /// The messages under way that are shown.
    pub fn flights(&self) -> &[Flight] {
        &self.flights
    }

    /// Lays the stage out for another form of screen.
    pub fn set_form(&mut self, form: Form) {
        self.form = form;
    }

    /// The last act from outside, or the moment the cluster was ready.
    pub fn origin(&self) -> SimTime {
        self.log.last_input(self.now()).map_or(self.ready_at, |flag| flag.at)
    }
}

/// What decides where a component stands.
fn standing_as(view: &ComponentView) -> (&Arc<str>, bool) {
    (&view.name, view.idle)
}

/// Whether something is still going to happen by itself.
fn is_unsettled(things: &Things) -> bool {
    things.components.iter().any(|component| !component.running || component.frozen)
        || things.nodes.iter().any(|node| !node.ready || !node.powered)
        || things.pods.iter().any(|pod| !matches!(pod.phase, Phase::Running | Phase::Succeeded | Phase::Failed))
}
