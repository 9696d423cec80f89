//! The root component: the frame of the page, and what its keys do.

use std::rc::Rc;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::KeyboardEvent;
use yew::prelude::*;

use crate::cluster::Command;
use crate::cluster::inside::{Look, Place};
use crate::sim::EventId;

use super::controls::icon;
use super::driver::Driver;
use super::editor::LeftPane;
use super::embed::EmbedPage;
use super::inspector::RightPane;
use super::notices::Notices;
use super::pair_view::PairDialog;
use super::query::{self, Embed};
use super::screen::{Screen, Selection};
use super::session_bar::SessionBar;
use super::shown::Panes;
use super::sight::Sight;
use super::stage::{OBJECTS, Stage, TABLE};
use super::terminal::Names;
use super::timeline::Timeline;
use super::{keep, keys, opening, script_api, stopped};

/// The right pane's tab with the story, there while something is followed.
pub const STORY: usize = 3;
/// Its tab with the faults.
pub const FAULTS: usize = 2;
/// Where the chosen theme is kept.
const THEME_KEY: &str = "kubarium.theme";

/// Starts the application.
pub fn start() {
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
    let Some(root) = document.get_element_by_id("app") else { return };
    root.set_inner_html("");
    yew::Renderer::<App>::with_root(root).render();
}

/// What components ask of the page.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    Do(Command),
    Pick(Option<Selection>),
    /// The inside of something; `None` goes back to the cluster.
    Open(Option<Place>),
    /// Something else of the inside that is open.
    Look(Look),
    /// `kubectl apply -f -` on a text.
    ApplyText(Rc<str>),
    /// Follows a selection; what is selected or was typed last; nothing any more.
    Follow(Selection),
    ToggleFollow,
    Leave,
    /// The next or previous step of the story, or a given one.
    Step(bool),
    GoToStep(usize),
    /// Opens or closes a branch of what a message led to.
    Branch(EventId),
    /// What a row of the terminal is about.
    Row(u64, String),
    /// A line of the terminal: picked, or followed.
    Line(u64, bool),
    /// The list of keys is opened or closed.
    Keys(bool),
}

/// What happened to the page.
pub enum Msg {
    Screen(Box<Screen>),
    Ask(Ask),
    View(usize),
    LeftTab(usize),
    RightTab(usize),
    FoldLeft(Option<usize>),
    Drawer(bool),
    Theme,
    Notice(String),
    CloseNotice(usize),
}

/// The page.
pub struct App {
    driver: Driver,
    screen: Screen,
    /// The stage in a frame of another page.
    embed: Option<Embed>,
    /// What the reader has not closed yet.
    notices: Vec<String>,
    /// The stage's view: diagram, tables, objects.
    view: usize,
    left_tab: usize,
    right_tab: usize,
    /// Whether the folded left pane is open, below 1200 px.
    left_open: bool,
    /// Whether the right drawer is open, below 900 px.
    right_open: bool,
    /// On the phone: which pane the sheet shows.
    sheet: &'static str,
    /// Whether the list of keys is open.
    keys_open: bool,
    /// The names of the cluster's objects, for completion.
    names: Names,
    _keys: Closure<dyn FnMut(KeyboardEvent)>,
    _visible: Closure<dyn FnMut()>,
    /// Tells whether an embed is in its reader's sight.
    _sight: Option<Sight>,
}

impl Component for App {
    type Message = Msg;
    type Properties = ();

    fn create(ctx: &Context<Self>) -> Self {
        let window = web_sys::window().expect("a page has a window");
        let asked = query::asked(&window.location().search().unwrap_or_default());
        let begun = window.performance().map_or(0.0, |clock| clock.now());
        let late = |ms: f64| window.performance().is_some_and(|clock| clock.now() - begun > ms);
        let opened = opening::open(&asked, &window.location().hash().unwrap_or_default(), &late);
        let panes = opened.shown.panes;
        keep::note_panes(panes);
        stopped::remember(&opened.engine.session);
        let listener = ctx.link().callback(|screen: Screen| Msg::Screen(Box::new(screen)));
        let driver = Driver::new(opened.engine, listener).expect("a page has a document");
        let sight = asked.embed.as_ref().and_then(|embed| Sight::watch(&driver, embed.autoplay));
        driver.want_lists(panes.right_tab == 1 || usize::from(panes.view) == TABLE);
        driver.want_graph(usize::from(panes.view) == OBJECTS);
        keep::watch(&driver);
        script_api::install(&driver);
        let (keys, visible) = listen(&driver, ctx.link().callback(Msg::Ask));
        let screen = driver.screen();
        let known = driver.clone();
        let names = Names::from(move |(kind, namespace): (String, String)| known.names(&kind, &namespace));
        App {
            names,
            driver,
            screen,
            embed: asked.embed,
            notices: opened.notices,
            view: usize::from(panes.view),
            left_tab: usize::from(panes.left_tab),
            right_tab: usize::from(panes.right_tab),
            left_open: false,
            right_open: false,
            sheet: "left",
            keys_open: false,
            _keys: keys,
            _visible: visible,
            _sight: sight,
        }
    }

    fn update(&mut self, _ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Screen(screen) => {
                let told = screen.follow.is_some();
                if told != self.screen.follow.is_some() {
                    self.show_story(told);
                } else if screen.selection.is_some()
                    && screen.selection != self.screen.selection
                    && self.right_tab < FAULTS
                {
                    self.show_inspector();
                }
                if let Some(notice) = screen.notice.filter(|_| screen.notice != self.screen.notice) {
                    self.tell(notice);
                }
                self.screen = *screen;
            }
            Msg::Ask(Ask::Do(command)) => {
                self.driver.apply(command);
                self.driver.play();
                return false;
            }
            Msg::Ask(Ask::ApplyText(text)) => {
                self.driver.apply_text(&text);
                return false;
            }
            Msg::Ask(Ask::Pick(selection)) => {
                if selection.is_some() {
                    self.show_inspector();
                }
                self.driver.select(selection);
            }
            Msg::Ask(Ask::Follow(selection)) => {
                self.driver.follow_thing(&selection);
                return false;
            }
            Msg::Ask(Ask::ToggleFollow) => {
                self.driver.toggle_follow();
                return false;
            }
            Msg::Ask(Ask::Leave) => {
                self.driver.leave();
                return false;
            }
            Msg::Ask(Ask::Step(forward)) => {
                self.driver.story_step(forward);
                return false;
            }
            Msg::Ask(Ask::GoToStep(index)) => {
                self.driver.go_to_step(index);
                return false;
            }
            Msg::Ask(Ask::Branch(id)) => {
                self.driver.toggle_branch(id);
                return false;
            }
            Msg::Ask(Ask::Row(invocation, row)) => {
                self.show_inspector();
                self.driver.pick_row(invocation, &row);
            }
            Msg::Ask(Ask::Line(invocation, follow)) => match self.driver.line_of(invocation) {
                Some(selection) if follow => {
                    self.driver.follow_thing(&selection);
                }
                selection => {
                    self.show_inspector();
                    self.driver.select(selection);
                }
            },
            Msg::Ask(Ask::Keys(open)) => self.keys_open = open,
            Msg::Ask(Ask::Open(place)) => {
                // A drawer would hide what was opened.
                self.right_open = false;
                self.driver.open(place);
            }
            Msg::Ask(Ask::Look(look)) => {
                self.driver.look(look);
                return false;
            }
            Msg::View(view) => {
                self.view = view;
                self.driver.want_graph(view == OBJECTS);
                self.want_lists();
            }
            Msg::LeftTab(tab) => {
                self.left_tab = tab;
                self.sheet = "left";
            }
            Msg::RightTab(tab) => {
                self.right_tab = tab;
                self.sheet = "right";
                self.want_lists();
            }
            Msg::FoldLeft(tab) => {
                let same = tab == Some(self.left_tab) && self.left_open;
                self.left_open = tab.is_some() && !same;
                self.left_tab = tab.unwrap_or(self.left_tab);
            }
            Msg::Drawer(open) => self.right_open = open,
            Msg::Theme => {
                toggle_theme();
                self.driver.read_theme();
                return false;
            }
            Msg::Notice(notice) => self.tell(&notice),
            Msg::CloseNotice(index) => {
                self.notices.remove(index);
            }
        }
        keep::note_panes(Panes {
            left_tab: self.left_tab as u8,
            right_tab: self.right_tab as u8,
            view: self.view as u8,
        });
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let link = ctx.link();
        let ask = link.callback(Msg::Ask);
        if let Some(embed) = &self.embed {
            return html! {
                <>
                <EmbedPage driver={self.driver.clone()} screen={self.screen.clone()} asked={embed.clone()}
                    notices={self.notices.clone()} on_ask={ask} />
                { self.keys(ctx) }
                </>
            };
        }
        html! {
            <div class="page" data-sheet={self.sheet}>
                { self.top(ctx) }
                <nav class="rail" aria-label="Panes">
                    { self.rail_button(ctx, 0, "#i-file", "YAML") }
                    { self.rail_button(ctx, 1, "#i-term", "kubectl") }
                </nav>
                <LeftPane open={self.left_open} tab={self.left_tab} sheet={self.sheet == "left"}
                    on_tab={link.callback(Msg::LeftTab)} on_other={link.callback(Msg::RightTab)}
                    on_close={link.callback(|()| Msg::FoldLeft(None))}
                    marks={self.screen.marks.clone()} terminal={self.screen.terminal.clone()} on_ask={ask.clone()} names={self.names.clone()} />
                <Stage driver={self.driver.clone()} screen={self.screen.clone()} view={self.view}
                    on_view={link.callback(Msg::View)} on_ask={ask.clone()} />
                <RightPane open={self.right_open} tab={self.right_tab}
                    on_tab={link.callback(Msg::RightTab)} on_other={link.callback(Msg::LeftTab)}
                    on_close={link.callback(|()| Msg::Drawer(false))}
                    detail={self.screen.detail.clone()} lists={self.screen.lists.clone()} follow={self.screen.follow.clone()} faults={self.screen.faults.clone()} on_ask={ask} />
                <Timeline driver={self.driver.clone()} playback={self.screen.playback.clone()}
                    tracks={self.screen.tracks.clone()} />
                if let Some(view) = &self.screen.pair {
                    <PairDialog driver={self.driver.clone()} view={view.clone()} />
                }
                <Notices notices={self.notices.clone()} on_close={link.callback(Msg::CloseNotice)} />
                { self.keys(ctx) }
            </div>
        }
    }
}

impl App {
    fn tell(&mut self, notice: &str) {
        if !self.notices.iter().any(|told| told == notice) {
            self.notices.push(notice.to_owned());
        }
    }

    /// The events' tab and the tables show lists.
    fn want_lists(&self) {
        self.driver.want_lists(self.right_tab == 1 || self.view == TABLE);
    }

    fn show_inspector(&mut self) {
        self.right_tab = 0;
        self.right_open = true;
        self.sheet = "right";
        self.want_lists();
    }

    /// Following began: the story is shown; or it ended.
    fn show_story(&mut self, told: bool) {
        self.right_tab = if told { STORY } else { 0 };
        self.right_open |= told;
        if told {
            self.sheet = "right";
        }
        self.want_lists();
    }

    fn keys(&self, ctx: &Context<Self>) -> Html {
        let close = ctx.link().callback(|()| Msg::Ask(Ask::Keys(false)));
        if self.keys_open { keys::list(close) } else { Html::default() }
    }

    fn top(&self, ctx: &Context<Self>) -> Html {
        let link = ctx.link();
        let things = &self.screen.things;
        let plural = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let summary = format!("{}, {}", plural(things.nodes.len(), "node"), plural(things.pods.len(), "pod"));
        let heartbeats = self.screen.playback.heartbeats;
        let driver = self.driver.clone();
        let on_heartbeats = Callback::from(move |_: MouseEvent| driver.set_heartbeats(!heartbeats));
        let open = self.right_open;
        html! {
            <header class="top">
                <div class="brand"><svg aria-hidden="true"><use href="#mark" /></svg><h1>{ "Kubarium" }</h1></div>
                <span class="dim sum">{ summary }</span>
                <span class="sp"></span>
                <button class="btn quiet" aria-pressed={heartbeats.to_string()} onclick={on_heartbeats}
                    title="Leases and node status, renewed every few seconds">
                    { icon("#i-pulse") }<span>{ "Heartbeats" }</span>
                </button>
                <SessionBar driver={self.driver.clone()} on_notice={link.callback(Msg::Notice)}
                    on_keys={link.callback(|()| Msg::Ask(Ask::Keys(true)))} />
                <button class="iconbtn" aria-label="Switch theme" title="Switch theme"
                    onclick={link.callback(|_| Msg::Theme)}>{ icon("#i-theme") }</button>
                <button class="iconbtn drawer-open" aria-label="Inspector" aria-expanded={open.to_string()}
                    onclick={link.callback(move |_| Msg::Drawer(!open))}>{ icon("#i-look") }</button>
            </header>
        }
    }

    fn rail_button(&self, ctx: &Context<Self>, tab: usize, symbol: &'static str, name: &'static str) -> Html {
        let open = self.left_open && self.left_tab == tab;
        html! {
            <button class="iconbtn" aria-label={name} title={name} aria-expanded={open.to_string()}
                onclick={ctx.link().callback(move |_| Msg::FoldLeft(Some(tab)))}>{ icon(symbol) }</button>
        }
    }
}

/// Turns light into dark and back, and keeps the choice.
fn toggle_theme() {
    let Some(window) = web_sys::window() else { return };
    let Some(root) = window.document().and_then(|document| document.document_element()) else { return };
    let dark = match root.get_attribute("data-theme").as_deref() {
        Some("dark") => true,
        Some("light") => false,
        _ => window.match_media("(prefers-color-scheme: dark)").ok().flatten().is_some_and(|query| query.matches()),
    };
    let theme = if dark { "light" } else { "dark" };
    // Without storage the choice lasts as long as the page.
    let _ = root.set_attribute("data-theme", theme);
    if let Ok(Some(storage)) = window.local_storage() {
        let _ = storage.set_item(THEME_KEY, theme);
    }
}

/// What listens as long as the page lives: keys, and the page's visibility.
type Listeners = (Closure<dyn FnMut(KeyboardEvent)>, Closure<dyn FnMut()>);

/// The keys of the page, and its visibility.
fn listen(driver: &Driver, on_ask: Callback<Ask>) -> Listeners {
    let pressed = driver.clone();
    let keys: Closure<dyn FnMut(KeyboardEvent)> =
        Closure::new(move |event: KeyboardEvent| keys::pressed(&pressed, &on_ask, &event));
    let shown = driver.clone();
    let visible: Closure<dyn FnMut()> = Closure::new(move || shown.visibility_changed());
    if let Some(document) = web_sys::window().and_then(|window| window.document()) {
        // A listener that cannot be added leaves the buttons, which do the same.
        let _ = document.add_event_listener_with_callback("keydown", keys.as_ref().unchecked_ref());
        let _ = document.add_event_listener_with_callback("visibilitychange", visible.as_ref().unchecked_ref());
    }
    (keys, visible)
}
