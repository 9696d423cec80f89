//! The timeline's content: the log through a window of time.

use crate::cluster::CauseLink;
use crate::scene::{Sites, Tone, Window, bars, ticks};
use crate::sim::{Order, SimTime};

use super::bookmarks::Bookmarks;
use super::faults::Stretch;
use super::flags::Flag;
use super::log::{Log, lane, lane_names};
use super::screen::{Lane, MessageDetail, Tracks};
use super::shown::ZOOM;

/// The shortest window there is, in microseconds.
const WINDOW_MICROS_MIN: u64 = 40_000;
/// The share of the window that lies behind the playhead when it is chosen anew.
const LEAD: f64 = 0.88;
/// Flags closer than this cover each other.
const FLAG_UNITS: f64 = 4.0;
/// A wait longer than this share of the window is drawn dotted.
const DOTTED_SHARE: f64 = 0.02;

/// Which stretch of time is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    window: Window,
    /// What the reader zoomed by: 1 shows the whole act.
    zoom: f64,
    origin: SimTime,
}

impl View {
    /// A view that begins at `origin`.
    pub fn new(origin: SimTime) -> View {
        View { window: Window { from: origin, to: SimTime(origin.0 + WINDOW_MICROS_MIN) }, zoom: 1.0, origin }
    }

    /// Follows the playhead: the window grows with the act and begins anew with the next.
    pub fn follow(&mut self, origin: SimTime, now: SimTime, horizon: SimTime) {
        if origin != self.origin {
            *self = View::new(origin);
        }
        let act = horizon.0.max(now.0).saturating_sub(origin.0).max(1) as f64 / LEAD;
        let mut length = self.window.length() as f64;
        let whole = act.max(WINDOW_MICROS_MIN as f64);
        if self.zoom == 1.0 {
            // Grows by halves, so that it is not drawn anew in every frame.
            // A window is whole microseconds: that it lacks less than one is no reason to grow.
            while length + 1.0 < act {
                length = (length * 1.5).max(act);
            }
            self.window = Window { from: origin, to: SimTime(origin.0 + length as u64) };
            return;
        }
        length = (whole / self.zoom).max(2_000.0);
        let inside = now >= self.window.from && now.0 as f64 <= self.window.from.0 as f64 + length * 0.98;
        if !inside || (self.window.length() as f64 - length).abs() > length * 0.5 {
            let from = (now.0 as f64 - length * 0.5).max(origin.0 as f64);
            self.window = Window { from: SimTime(from as u64), to: SimTime((from + length) as u64) };
        }
    }

    /// What it is zoomed by.
    pub fn zoom(&self) -> f64 {
        self.zoom
    }

    /// Zooms in or out, around the playhead.
    pub fn zoom_by(&mut self, factor: f64) {
        self.zoom = (self.zoom * factor).clamp(ZOOM.0, ZOOM.1);
        self.window.to = self.window.from;
    }

    /// The window.
    pub fn window(&self) -> Window {
        self.window
    }
}

/// The tracks through `view`, `width` units wide.
pub fn tracks(
    log: &Log,
    faults: &[Stretch],
    sites: &Sites,
    view: &View,
    width: f64,
    detail: Option<&MessageDetail>,
    bookmarks: &Bookmarks,
) -> Tracks {
    let window = view.window();
    let lanes = lane_names(sites)
        .into_iter()
        .enumerate()
        .map(|(index, name)| {
            let mut marks = log.marks(index, window.from, window.to);
            // Work that is promised beyond what is known is not drawn yet.
            marks.retain(|mark| mark.from <= log.horizon);
            marks.iter_mut().for_each(|mark| mark.to = mark.to.min(log.horizon));
            Lane { name, bars: bars(&marks, window, width) }
        })
        .collect();
    let within = |at: SimTime| at >= window.from && at <= window.to;
    let marks = bookmarks.all().iter().filter(|mark| within(mark.at));
    let fault = |stretch: &Stretch| {
        let to = stretch.to.unwrap_or(log.horizon);
        let (x, end) = (window.x(stretch.from, width).max(0.0), window.x(to, width).min(width));
        (end >= x).then(|| (x, (end - x).max(2.0), stretch.text.clone()))
    };
    let mut tracks = Tracks {
        window,
        width,
        ticks: ticks(window, view.origin, width),
        lanes,
        flags: flags(log, window, width),
        bookmarks: marks.map(|mark| (window.x(mark.at, width), mark.clone())).collect(),
        faults: faults.iter().filter_map(fault).collect(),
        thread: Vec::new(),
    };
    if let Some(detail) = detail {
        thread(&mut tracks, detail, sites, log);
    }
    tracks
}

/// The flags in the window. Of those of one kind in one lane that would cover each other the first is drawn.
fn flags(log: &Log, window: Window, width: f64) -> Vec<(f64, Flag)> {
    let mut found: Vec<&Flag> = log.flags().filter(|flag| flag.at >= window.from && flag.at <= window.to).collect();
    found.order_by_key(|flag| (flag.kind, flag.lane, flag.at));
    let mut out: Vec<(f64, Flag)> = Vec::new();
    for flag in found {
        let x = window.x(flag.at, width);
        let covered = out
            .last()
            .is_some_and(|(last, known)| (known.kind, known.lane) == (flag.kind, flag.lane) && x - last < FLAG_UNITS);
        if !covered {
            out.push((x, flag.clone()));
        }
    }
    out
}

/// Joins the selected chain: from lane to lane as it was sent, along a lane while it was worked on.
fn thread(tracks: &mut Tracks, detail: &MessageDetail, sites: &Sites, log: &Log) {
    let window = tracks.window;
    let width = tracks.width;
    let mut before: Option<(SimTime, usize)> = None;
    for link in &detail.chain {
        let Some((from, to, arrives)) = hop(link, sites, log) else { continue };
        if let Some((since, lane)) = before.filter(|(since, lane)| *lane == from && *since <= link.at) {
            let (x, end) = (window.x(since, width), window.x(link.at, width));
            let dotted = end - x > width * DOTTED_SHARE;
            tracks.thread.push(((x, lane), (end, lane), dotted));
            if !dotted && let Some(lane) = tracks.lanes.get_mut(lane) {
                lane.bars.push(crate::scene::Bar { x, w: (end - x).max(2.0), tone: Tone::Chain, count: 1 });
            }
        }
        let piece = ((window.x(link.at, width), from), (window.x(arrives, width), to), false);
        tracks.thread.push(piece);
        before = Some((arrives, to));
    }
    tracks.thread.retain(|((x, _), (end, _), _)| *end >= 0.0 && *x <= width);
}

fn hop(link: &CauseLink, sites: &Sites, log: &Log) -> Option<(usize, usize, SimTime)> {
    let messages = log.messages();
    let index = messages.binary_search_by_key(&link.id, |message| message.id).ok()?;
    let message = messages[index];
    Some((lane(sites.of(message.from)?, sites), lane(sites.of(message.to)?, sites), message.arrives))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_with_the_act_and_begins_anew_with_the_next() {
        let mut view = View::new(SimTime(1_000));
        view.follow(SimTime(1_000), SimTime(500_000), SimTime(500_000));
        let window = view.window();
        assert_eq!(window.from, SimTime(1_000));
        let share = window.x(SimTime(500_000), 1.0);
        assert!((0.5..=LEAD + 0.01).contains(&share), "{share}");
        view.follow(SimTime(1_000), SimTime(500_100), SimTime(500_100));
        assert!(view.window().length() as f64 / window.length() as f64 <= 1.5);
        view.follow(SimTime(900_000), SimTime(900_000), SimTime(900_000));
        assert_eq!(view.window().length(), WINDOW_MICROS_MIN);
    }

    #[test]
    fn zoomed_in_the_playhead_stays_in_sight() {
        let mut view = View::new(SimTime(0));
        view.follow(SimTime(0), SimTime(1_000_000), SimTime(1_000_000));
        view.zoom_by(8.0);
        for now in [1_000_000, 1_050_000, 300_000, 0] {
            view.follow(SimTime(0), SimTime(now), SimTime(1_050_000));
            let window = view.window();
            assert!(window.from.0 <= now && now <= window.to.0, "{now} in {window:?}");
            assert!(window.length() < 200_000);
        }
    }
}
