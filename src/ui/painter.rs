//! The painter: packets, their tails and labels, on the one canvas.

use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, Document, HtmlCanvasElement, HtmlElement, Path2d, Window};

use crate::cluster::FlightKind;
use crate::scene::{Emphasis, Layout, Packet, PlacedLabel, TextSize, place_labels};
use crate::sim::EventId;

/// How long a wire keeps the colour of what went by unseen.
pub const FLASH_MS: f64 = 120.0;
/// At most this often a wire flashes: every so many milliseconds.
const FLASH_PAUSE_MS: f64 = 333.0;

const KINDS: [(FlightKind, &str); 6] = [
    (FlightKind::Request, "--req"),
    (FlightKind::Response, "--res"),
    (FlightKind::ErrorResponse, "--fail"),
    (FlightKind::Watch, "--watch"),
    (FlightKind::Grpc, "--grpc"),
    (FlightKind::Log, "--log"),
];

/// The colours of the theme in force, as the browser resolves them.
#[derive(Clone, Debug, Default)]
struct Colours {
    kinds: [String; 6],
    ink: String,
    ink_2: String,
    paper: String,
    panel: String,
    raised: String,
    accent: String,
}

/// A wire that shows what passed too quickly.
#[derive(Clone, Copy, Debug)]
struct Glow {
    wire: usize,
    along: bool,
    kind: FlightKind,
    since_ms: f64,
}

/// The painter of one canvas.
#[derive(Debug)]
pub struct Painter {
    canvas: HtmlCanvasElement,
    context: CanvasRenderingContext2d,
    colours: Colours,
    fonts: (String, String),
    text: TextSize,
    glows: Vec<Glow>,
    /// Pixels of the canvas per unit of the stage.
    scale: f64,
    /// Whether the last picture had anything on it.
    blank: bool,
}

/// The order in which kinds are painted: what matters most comes last, on top.
const PAINTED: [FlightKind; 6] = [
    FlightKind::Log,
    FlightKind::Grpc,
    FlightKind::Watch,
    FlightKind::Response,
    FlightKind::Request,
    FlightKind::ErrorResponse,
];

type Line = &'static [(f64, f64)];

// The bodies, drawn pointing +x with the origin at their centre.
const REQUEST: Line = &[(-8.0, -4.5), (2.5, -4.5), (8.0, 0.0), (2.5, 4.5), (-8.0, 4.5)];
const RESPONSE: Line = &[(-7.5, -4.0), (2.0, -4.0), (7.0, 0.0), (2.0, 4.0), (-7.5, 4.0)];
const ERROR: Line = &[(-7.5, -4.5), (2.0, -4.5), (7.5, 0.0), (2.0, 4.5), (-7.5, 4.5)];
const CROSS: &[Line] = &[&[(-4.5, -2.0), (-0.5, 2.0)], &[(-0.5, -2.0), (-4.5, 2.0)]];
const DIAMOND: Line = &[(-7.0, 0.0), (0.0, -5.5), (7.0, 0.0), (0.0, 5.5)];
const SQUARE: Line = &[(-5.0, -4.5), (4.0, -4.5), (4.0, 4.5), (-5.0, 4.5)];
const CHEVRON: &[Line] = &[&[(6.0, -4.0), (9.0, 0.0), (6.0, 4.0)]];
/// The slices behind a packet that stands for many.
const SLICES: &[Line] = &[&[(-11.0, -4.5), (-11.0, 4.5)], &[(-8.5, -4.5), (-8.5, 4.5)]];

/// A packet's tail.
struct Tail {
    lines: &'static [Line],
    width: f64,
    alpha: f64,
}

const fn tail(kind: FlightKind) -> Tail {
    const LINE: &[Line] = &[&[(-26.0, 0.0), (-11.0, 0.0)]];
    const DASHES: &[Line] =
        &[&[(-25.0, 0.0), (-22.0, 0.0)], &[(-19.5, 0.0), (-16.5, 0.0)], &[(-14.0, 0.0), (-11.0, 0.0)]];
    const DOUBLE: &[Line] = &[&[(-22.0, -1.8), (-8.0, -1.8)], &[(-22.0, 1.8), (-8.0, 1.8)]];
    let (lines, width, alpha) = match kind {
        FlightKind::Request => (LINE, 2.0, 0.45),
        FlightKind::Response | FlightKind::ErrorResponse => (LINE, 1.5, 0.5),
        FlightKind::Watch => (DASHES, 2.0, 0.7),
        FlightKind::Grpc => (DOUBLE, 1.1, 0.6),
        FlightKind::Log => (&[] as &[Line], 1.0, 1.0),
    };
    Tail { lines, width, alpha }
}

/// A point of a packet's drawing, on the stage.
fn placed(packet: &Packet, (along, beside): (f64, f64)) -> (f64, f64) {
    let Packet { at, heading, .. } = packet;
    (at.x + heading.x * along - heading.y * beside, at.y + heading.y * along + heading.x * beside)
}

/// What is drawn.
pub struct Picture<'a> {
    pub layout: &'a Layout,
    pub packets: &'a [Packet],
    pub selected: Option<EventId>,
    pub hovered: Option<EventId>,
    pub chain: &'a [EventId],
    /// Whether tails are drawn.
    pub tails: bool,
    /// Wall time.
    pub now_ms: f64,
}

impl Painter {
    /// A painter for `canvas`; `None` where the browser has no 2D context.
    pub fn new(canvas: HtmlCanvasElement) -> Option<Painter> {
        let context = canvas.get_context("2d").ok()??.dyn_into::<CanvasRenderingContext2d>().ok()?;
        let mut painter = Painter {
            canvas,
            context,
            colours: Colours::default(),
            fonts: (String::new(), String::new()),
            text: TextSize { advance: 6.6, height: 14.0 },
            glows: Vec::new(),
            scale: 1.0,
            blank: false,
        };
        painter.read_theme();
        Some(painter)
    }

    /// Reads colours and type off the document: after the theme changed.
    pub fn read_theme(&mut self) {
        let Some(window) = web_sys::window() else { return };
        let Some(document) = window.document() else { return };
        let colour = |token: &str| resolve(&window, &document, token).unwrap_or_default();
        self.colours = Colours {
            kinds: KINDS.map(|(_, token)| colour(token)),
            ink: colour("--ink"),
            ink_2: colour("--ink-2"),
            paper: colour("--paper"),
            panel: colour("--panel"),
            raised: colour("--raised"),
            accent: colour("--accent"),
        };
        let family = window
            .get_computed_style(&self.canvas)
            .ok()
            .flatten()
            .and_then(|style| style.get_property_value("font-family").ok())
            .unwrap_or_else(|| "monospace".to_owned());
        self.fonts = (format!("500 11px {family}"), format!("400 11px {family}"));
        self.context.set_font(&self.fonts.0);
        if let Ok(metrics) = self.context.measure_text("0000000000") {
            self.text.advance = metrics.width() / 10.0;
        }
        self.blank = false;
    }

    /// Fits the canvas: its size in CSS pixels, and CSS pixels per unit of the stage.
    pub fn resize(&mut self, width: f64, height: f64, scale: f64, device_pixels: f64) {
        self.scale = scale * device_pixels;
        self.canvas.set_width((width * device_pixels).round() as u32);
        self.canvas.set_height((height * device_pixels).round() as u32);
        self.blank = false;
    }

    /// Lets wires show what passed too quickly to be animated.
    pub fn flash(&mut self, flashes: &[(usize, bool, FlightKind)], now_ms: f64) {
        for (wire, along, kind) in flashes {
            let recent = self
                .glows
                .iter()
                .any(|glow| glow.wire == *wire && glow.along == *along && now_ms - glow.since_ms < FLASH_PAUSE_MS);
            if !recent {
                self.glows.push(Glow { wire: *wire, along: *along, kind: *kind, since_ms: now_ms });
            }
        }
        self.glows.retain(|glow| now_ms - glow.since_ms < FLASH_PAUSE_MS);
    }

    /// Whether a wire still shows something.
    pub fn glowing(&self, now_ms: f64) -> bool {
        self.glows.iter().any(|glow| now_ms - glow.since_ms < FLASH_MS)
    }

    /// Paints.
    pub fn paint(&mut self, picture: &Picture<'_>) {
        let empty = picture.packets.is_empty() && !self.glowing(picture.now_ms);
        if empty && self.blank {
            return;
        }
        self.blank = empty;
        let context = &self.context;
        // The transform of a 2D context is always invertible here: the scale is positive.
        let _ = context.set_transform(1.0, 0.0, 0.0, 1.0, 0.0, 0.0);
        context.clear_rect(0.0, 0.0, f64::from(self.canvas.width()), f64::from(self.canvas.height()));
        let _ = context.set_transform(self.scale, 0.0, 0.0, self.scale, 0.0, 0.0);
        self.paint_glows(picture);
        self.paint_packets(picture.packets.iter(), picture.tails);
        let on_top = |packet: &&Packet| [picture.selected, picture.hovered].contains(&Some(packet.id));
        self.paint_packets(picture.packets.iter().filter(on_top), picture.tails);
        let emphasis = Emphasis { selected: picture.selected, hovered: picture.hovered, chain: picture.chain };
        let labels = place_labels(picture.layout, picture.packets, emphasis, self.text);
        self.paint_labels(&labels);
        for packet in picture.packets.iter().filter(|packet| picture.selected == Some(packet.id)) {
            self.paint_crop(packet, labels.iter().find(|label| picture.packets[label.packet].id == packet.id));
        }
    }

    fn colour(&self, kind: FlightKind) -> &str {
        let index = KINDS.iter().position(|(known, _)| *known == kind).unwrap_or(0);
        &self.colours.kinds[index]
    }

    fn paint_glows(&self, picture: &Picture<'_>) {
        let context = &self.context;
        for glow in &self.glows {
            if picture.now_ms - glow.since_ms >= FLASH_MS {
                continue;
            }
            let Some(wire) = picture.layout.wires.get(glow.wire) else { continue };
            let by = crate::scene::RULE_OFFSET * if glow.along { 1.0 } else { -1.0 };
            if let Ok(path) = Path2d::new_with_path_string(&wire.path.beside(by).svg()) {
                context.set_stroke_style_str(self.colour(glow.kind));
                context.set_line_width(1.75);
                context.stroke_with_path(&path);
            }
        }
    }

    /// Paints packets kind by kind, all of a kind in one path: a call for every packet is what a frame with
    /// a thousand of them cannot afford.
    fn paint_packets<'a>(&self, packets: impl Iterator<Item = &'a Packet> + Clone, tails: bool) {
        for kind in PAINTED {
            let own = packets.clone().filter(|packet| packet.kind == kind);
            if own.clone().next().is_some() {
                self.paint_kind(kind, own, tails);
            }
        }
    }

    fn paint_kind<'a>(&self, kind: FlightKind, own: impl Iterator<Item = &'a Packet> + Clone, tails: bool) {
        let context = &self.context;
        let colour = self.colour(kind);
        context.set_stroke_style_str(colour);
        context.set_fill_style_str(colour);
        let tail = tail(kind);
        if tails && !tail.lines.is_empty() {
            context.set_global_alpha(tail.alpha);
            self.stroke(own.clone().filter(|packet| packet.count == 1), tail.lines, tail.width);
            context.set_global_alpha(1.0);
        }
        self.stroke(own.clone().filter(|packet| packet.count > 1), SLICES, 1.25);
        match kind {
            FlightKind::Request => self.fill(own, REQUEST),
            FlightKind::Watch => self.fill(own, DIAMOND),
            FlightKind::Grpc => {
                self.fill(own.clone(), SQUARE);
                self.stroke(own, CHEVRON, 1.5);
            }
            FlightKind::Response => self.hollow(own, RESPONSE),
            FlightKind::ErrorResponse => {
                self.hollow(own.clone(), ERROR);
                self.stroke(own, CROSS, 1.4);
            }
            FlightKind::Log => self.fill_dots(own),
        }
    }

    /// Strokes `lines`, each through its points, at every packet.
    fn stroke<'a>(&self, packets: impl Iterator<Item = &'a Packet>, lines: &[&[(f64, f64)]], width: f64) {
        self.context.set_line_width(width);
        self.trace(packets, lines, false);
        self.context.stroke();
    }

    fn fill<'a>(&self, packets: impl Iterator<Item = &'a Packet>, shape: &[(f64, f64)]) {
        self.trace(packets, &[shape], false);
        self.context.fill();
    }

    fn hollow<'a>(&self, packets: impl Iterator<Item = &'a Packet>, shape: &[(f64, f64)]) {
        self.context.set_fill_style_str(&self.colours.raised);
        self.context.set_line_join("round");
        self.context.set_line_width(1.75);
        self.trace(packets, &[shape], true);
        self.context.fill();
        self.context.stroke();
    }

    fn fill_dots<'a>(&self, packets: impl Iterator<Item = &'a Packet>) {
        let context = &self.context;
        context.begin_path();
        for packet in packets {
            for (along, radius) in [(-8.0, 1.5), (-2.5, 2.1), (4.5, 2.9)] {
                let (x, y) = placed(packet, (along, 0.0));
                context.move_to(x + radius, y);
                // The radius is positive, so that the arc cannot be refused.
                let _ = context.arc(x, y, radius, 0.0, std::f64::consts::TAU);
            }
        }
        context.fill();
    }

    /// One path of `shapes` at every packet, turned as it heads.
    fn trace<'a>(&self, packets: impl Iterator<Item = &'a Packet>, shapes: &[&[(f64, f64)]], closed: bool) {
        let context = &self.context;
        context.begin_path();
        for packet in packets {
            for shape in shapes {
                // Round once more to the second corner: the browser's own closing costs more the longer a path is.
                let again = if closed { &shape[..2] } else { &[] };
                for (index, corner) in shape.iter().chain(again).enumerate() {
                    let (x, y) = placed(packet, *corner);
                    if index == 0 { context.move_to(x, y) } else { context.line_to(x, y) }
                }
            }
        }
    }

    /// The halos of all labels, then their words: no label's halo covers another's words.
    fn paint_labels(&self, labels: &[PlacedLabel]) {
        let context = &self.context;
        context.set_line_width(4.0);
        context.set_line_join("round");
        let runs = [(&self.fonts.0, &self.colours.ink), (&self.fonts.1, &self.colours.ink_2)];
        let run = |label: &PlacedLabel, second: bool, halo: bool| {
            let (text, x) = if second {
                (&label.second, label.rect.x + (label.first.chars().count() as f64 + 1.0) * self.text.advance)
            } else {
                (&label.first, label.rect.x)
            };
            if text.is_empty() {
                return;
            }
            let baseline = label.rect.y + 10.8;
            // Text that cannot be drawn is no reason to stop.
            let _ = if halo { context.stroke_text(text, x, baseline) } else { context.fill_text(text, x, baseline) };
        };
        for (second, (font, _)) in [false, true].into_iter().zip(runs) {
            context.set_font(font);
            for on_panel in [false, true] {
                context.set_stroke_style_str(if on_panel { &self.colours.panel } else { &self.colours.paper });
                labels.iter().filter(|label| label.on_panel == on_panel).for_each(|label| run(label, second, true));
            }
        }
        for (second, (font, colour)) in [false, true].into_iter().zip(runs) {
            context.set_font(font);
            context.set_fill_style_str(colour);
            labels.iter().for_each(|label| run(label, second, false));
        }
    }

    /// The accent crop marks around the selected packet and its label.
    fn paint_crop(&self, packet: &Packet, label: Option<&PlacedLabel>) {
        let mut left = packet.at.x - 11.0;
        let mut top = packet.at.y - 11.0;
        let mut right = packet.at.x + 11.0;
        let mut bottom = packet.at.y + 11.0;
        if let Some(label) = label {
            left = left.min(label.rect.x - 5.0);
            top = top.min(label.rect.y - 2.0);
            right = right.max(label.rect.right() + 5.0);
            bottom = bottom.max(label.rect.bottom() + 2.0);
        }
        let marks = crate::scene::rect(left, top, right - left, bottom - top).crop_marks(6.0);
        if let Ok(path) = Path2d::new_with_path_string(&marks) {
            self.context.set_stroke_style_str(&self.colours.accent);
            self.context.set_line_width(1.5);
            self.context.stroke_with_path(&path);
        }
    }
}

/// A token as the browser computes it: `light-dark()` and forced colours resolved.
fn resolve(window: &Window, document: &Document, token: &str) -> Option<String> {
    let probe = document.create_element("i").ok()?.dyn_into::<HtmlElement>().ok()?;
    // By the object model and not by an attribute: a content security policy may forbid those.
    probe.style().set_property("color", &format!("var({token})")).ok()?;
    let body = document.body()?;
    body.append_child(&probe).ok()?;
    let colour = window.get_computed_style(&probe).ok()??.get_property_value("color").ok();
    probe.remove();
    colour
}
