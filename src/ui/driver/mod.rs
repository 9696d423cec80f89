//! The driver: the only place with a wall clock. Once a frame it lets the engine run for at most a few
//! milliseconds, has the packets painted, and tells the components what changed.

mod acts;
mod fit;
mod frame;
mod graph;
mod pair;
mod texts;
mod zoom;

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Document, MediaQueryList, ResizeObserver, Window};
use yew::Callback;

use crate::api::KINDS;
use crate::cluster::{Applied, Command, SessionFile};
use crate::scene::Point;
use crate::sim::{EventId, Order, SimTime};

use super::details;
use super::engine::Engine;
use super::faults::FaultsView;
use super::painter::Painter;
use super::screen::{Lists, Playback, Screen, Selection, Shared};
use super::tracks::{View, tracks};
use super::{keep, picture, stopped};

pub use texts::{first_words, thousands};

/// A handle on the driver.
#[derive(Clone)]
pub struct Driver(Rc<RefCell<Inner>>);

impl PartialEq for Driver {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

struct Inner {
    engine: Engine,
    window: Window,
    /// Whether the reader wants no motion: it may change while the page is open.
    motion: Option<MediaQueryList>,
    document: Document,
    painter: Option<Painter>,
    listener: Callback<Screen>,
    screen: Screen,
    view: View,
    /// The editor's text as it was last applied, and the invocation that did.
    applied: Option<(Rc<str>, u64)>,
    /// Where the pointer is on the stage.
    pointer: Option<Point>,
    hovered: Option<EventId>,
    lists_wanted: bool,
    scale: f64,
    pair_width: f64,
    /// How much larger than the room the reader made the stage.
    zoom: f64,
    /// Whether the pointer that is down drags the stage.
    dragged: bool,
    /// When packets moved last: with reduced motion they stand still in between.
    last_moved_ms: f64,
    tracks_width: f64,
    last_frame_ms: Option<f64>,
    last_slow_ms: f64,
    last_things_ms: f64,
    /// When the last frame that brought the world to the screen began, and what the browser took for it, on average.
    last_shown_ms: f64,
    showing_ms: f64,
    /// Scripts that are running the world as fast as it goes.
    hurrying: usize,
    /// When the frame began that shows how far they came, until they go on; and how long the last one kept them.
    hurried_at: Option<f64>,
    hurried_ms: f64,
    last_pair_ms: f64,
    lagging_ms: f64,
    /// How many times slower than chosen it plays, on average.
    slowdown: f64,
    frame_ms: f64,
    frame_ms_max: f64,
    tracked: (u64, Option<Selection>, View),
    texts: Vec<(&'static str, String)>,
    /// Keeps the closure of the frame alive.
    on_frame: Option<Closure<dyn FnMut(f64)>>,
    frame_asked: bool,
    dirty: bool,
    observer: Option<(ResizeObserver, Closure<dyn FnMut()>)>,
    /// Whether the page lies outside of what its reader sees: an embed further down.
    off_screen: bool,
    /// Whether this is the stage in a frame.
    embedded: bool,
}

impl Driver {
    /// A driver of `engine`. `listener` hears of every change of the screen.
    pub fn new(engine: Engine, listener: Callback<Screen>) -> Option<Driver> {
        let window = web_sys::window()?;
        let document = window.document()?;
        let mut engine = engine;
        let motion = window.match_media("(prefers-reduced-motion: reduce)").ok().flatten();
        engine.reduced_motion = motion.as_ref().is_some_and(MediaQueryList::matches);
        engine.playing &= !engine.reduced_motion;
        engine.look(0.0);
        let mut view = View::new(engine.origin());
        view.zoom_by(engine.zoom);
        let screen = first_screen(&mut engine, &view);
        let inner = Inner {
            tracked: (0, None, view),
            engine,
            window,
            motion,
            document,
            painter: None,
            listener,
            screen,
            view,
            applied: None,
            pointer: None,
            hovered: None,
            lists_wanted: false,
            scale: 1.0,
            pair_width: 560.0,
            zoom: 1.0,
            dragged: false,
            last_moved_ms: 0.0,
            tracks_width: 988.0,
            last_frame_ms: None,
            last_slow_ms: 0.0,
            last_things_ms: 0.0,
            last_shown_ms: 0.0,
            showing_ms: 0.0,
            hurrying: 0,
            hurried_at: None,
            hurried_ms: 0.0,
            last_pair_ms: 0.0,
            lagging_ms: 0.0,
            slowdown: 1.0,
            frame_ms: 0.0,
            frame_ms_max: 0.0,
            texts: Vec::new(),
            on_frame: None,
            frame_asked: false,
            dirty: true,
            observer: None,
            off_screen: false,
            embedded: false,
        };
        let driver = Driver(Rc::new(RefCell::new(inner)));
        let again = driver.clone();
        let on_frame = Closure::new(move |now_ms: f64| again.frame(now_ms));
        driver.0.borrow_mut().on_frame = Some(on_frame);
        driver.ask();
        Some(driver)
    }

    /// The screen as it was last told.
    pub fn screen(&self) -> Screen {
        self.0.borrow().screen.clone()
    }

    /// Asks the browser for a frame, once.
    fn ask(&self) {
        let mut inner = self.0.borrow_mut();
        inner.dirty = true;
        inner.ask();
    }

    fn frame(&self, now_ms: f64) {
        let told = {
            let mut inner = self.0.borrow_mut();
            inner.frame_asked = false;
            let told = inner.frame(now_ms);
            // After the components have drawn what changed, one more frame writes into their elements.
            if told.is_some() || inner.restless(now_ms) {
                inner.ask();
            } else {
                inner.last_frame_ms = None;
            }
            told.map(|screen| (inner.listener.clone(), screen))
        };
        if let Some((listener, screen)) = told {
            listener.emit(screen);
        }
    }

    /// Simulated time.
    pub fn now(&self) -> SimTime {
        self.0.borrow().engine.now()
    }

    /// Runs `act` on the engine, and has a frame show what came of it.
    pub fn with<T>(&self, act: impl FnOnce(&mut Engine) -> T) -> T {
        let out = act(&mut self.0.borrow_mut().engine);
        self.ask();
        out
    }

    /// A script begins to run the world as fast as it goes, or ends: meanwhile the screen follows now and then.
    pub fn hurry(&self, begins: bool) {
        let mut inner = self.0.borrow_mut();
        inner.hurrying = if begins { inner.hurrying + 1 } else { inner.hurrying.saturating_sub(1) };
        drop(inner);
        self.ask();
    }

    /// A script that runs the world goes on: what a frame took in between, here and in the browser, is over.
    pub fn hurry_on(&self) {
        let mut inner = self.0.borrow_mut();
        if let Some(begun) = inner.hurried_at.take() {
            inner.hurried_ms = inner.wall_ms() - begun;
        }
    }

    /// Lets somebody act.
    pub fn apply(&self, command: Command) -> Applied {
        self.with(|engine| {
            let applied = engine.apply(command);
            stopped::remember(&engine.session);
            applied
        })
    }

    /// `kubectl apply -f -` on the editor's text.
    pub fn apply_text(&self, text: &str) {
        let line = "kubectl apply -f -".to_owned();
        let applied = self.apply(Command::Kubectl { line, stdin: text.to_owned() });
        if let Some(invocation) = applied.invocation {
            self.0.borrow_mut().applied = Some((Rc::from(text), invocation));
        }
        self.play();
    }

    /// Runs `look` on the engine, which it does not change.
    pub fn with_quietly<T>(&self, look: impl FnOnce(&Engine) -> T) -> T {
        look(&self.0.borrow().engine)
    }

    /// The session as it stands, with its view.
    pub fn session_file(&self) -> SessionFile {
        self.with_quietly(keep::file)
    }

    /// Keeps the session. After a panic the engine may be borrowed for ever: then what is kept stays.
    pub fn save(&self) {
        if let Ok(inner) = self.0.try_borrow() {
            keep::save(&inner.engine);
        }
    }

    /// The packets in view as SVG, and the caption.
    pub fn picture(&self) -> (String, String) {
        self.with_quietly(|engine| {
            let selected = match &engine.selection {
                Some(Selection::Message(id)) => Some(*id),
                _ => None,
            };
            (picture::packets_svg(&engine.things.layout, &engine.packets, selected), engine.caption.text())
        })
    }

    /// The stage is one in a frame: it has a form of its own.
    pub fn embed(&self) {
        self.0.borrow_mut().embedded = true;
    }

    /// Whether the reader wants no motion.
    pub fn is_motion_reduced(&self) -> bool {
        self.0.borrow().engine.reduced_motion
    }

    /// The page went out of its reader's sight, or came back.
    pub fn set_off_screen(&self, off_screen: bool) {
        let mut inner = self.0.borrow_mut();
        if inner.off_screen == off_screen {
            return;
        }
        inner.off_screen = off_screen;
        inner.last_frame_ms = None;
        drop(inner);
        self.ask();
    }

    /// The names of the cluster's objects of a kind in a namespace; an empty one means all.
    pub fn names(&self, kind: &str, namespace: &str) -> Vec<String> {
        let inner = self.0.borrow();
        let Some(info) = KINDS.iter().find(|info| info.kind == kind) else { return Vec::new() };
        let mut names: Vec<String> = Vec::new();
        inner.engine.session.world().each_stored(info.id, &mut |kv| {
            let object = kv.value.object();
            if namespace.is_empty() || object.namespace() == namespace {
                names.push(object.name().to_owned());
            }
        });
        names.order();
        names.dedup();
        names
    }

    /// Scripting time of the last frame and of the longest, in milliseconds.
    pub fn frame_times(&self) -> (f64, f64) {
        let inner = self.0.borrow();
        (inner.frame_ms, inner.frame_ms_max)
    }

    /// The document was hidden or shown.
    pub fn visibility_changed(&self) {
        self.0.borrow_mut().last_frame_ms = None;
        self.save();
        self.ask();
    }

    /// A moment of wall time, for whoever has to yield.
    pub fn wall_ms(&self) -> f64 {
        self.0.borrow().wall_ms()
    }
}

fn first_screen(engine: &mut Engine, view: &View) -> Screen {
    Screen {
        playback: playback(engine, None),
        things: engine.things.clone(),
        caption: engine.caption.clone(),
        tracks: Shared::new(tracks(&engine.log, &[], &engine.things.sites, view, 988.0, None, &engine.bookmarks)),
        selection: None,
        detail: Shared::new(details::detail(engine)),
        lists: Shared::new(Lists::default()),
        terminal: engine.terminal.clone(),
        marks: Shared::default(),
        notice: None,
        filter: Shared::new(engine.filter_view()),
        follow: None,
        faults: Shared::new(engine.faults_view(&FaultsView::default()).unwrap_or_default()),
        inside: None,
        graph: None,
        pair: None,
    }
}

fn playback(engine: &Engine, slowed: Option<u32>) -> Playback {
    Playback {
        playing: engine.playing,
        speed: engine.pace.speed,
        heartbeats: engine.show_heartbeats,
        slowed,
        run: engine.runs.present,
        kept: engine.runs.kept.len(),
    }
}

impl Inner {
    fn wall_ms(&self) -> f64 {
        self.window.performance().map_or(0.0, |performance| performance.now())
    }

    fn ask(&mut self) {
        if self.frame_asked || self.off_screen {
            return;
        }
        if let Some(on_frame) = &self.on_frame {
            let asked = self.window.request_animation_frame(on_frame.as_ref().unchecked_ref());
            self.frame_asked = asked.is_ok();
        }
    }

    /// Whether another frame is needed.
    fn restless(&self, now_ms: f64) -> bool {
        !self.document.hidden()
            && !self.off_screen
            && (self.engine.playing
                || self.hurrying > 0
                || self.engine.pairing.as_ref().is_some_and(|pairing| pairing.is_restless())
                || self.painter.as_ref().is_some_and(|painter| painter.glowing(now_ms)))
    }
}
