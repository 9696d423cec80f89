//! The graph's bands, edges and cells as SVG.

use yew::prelude::*;

use crate::cluster::graph::{Cell, Face, Link, Nature, Tone};
use crate::scene::{GraphBand, Rect, Route};

use super::super::driver::thousands;
use super::super::graphing::GraphScreen;
use super::super::screen::glyph;
use super::boxes::{crop, frame, label};

/// Characters of a name that have room in a cell.
const NAME_CHARS: usize = 17;
/// Characters of a meter, and the room that one character takes in a wide font.
const METER_CHARS: usize = 26;
const METER_PITCH: f64 = 6.0;
/// Relations that a cell's accessible name lists.
const RELATIONS_MAX: usize = 8;

/// Every namespace's frame and heading.
pub fn bands(graph: &GraphScreen) -> Html {
    let one = |band: &GraphBand| {
        let name = match &*band.namespace {
            "" => "CLUSTER".to_owned(),
            "*" => "ALL NAMESPACES".to_owned(),
            name => format!("NAMESPACE {}", visible(name)),
        };
        html! {
            <g key={band.namespace.to_string()} aria-hidden="true">
                { frame("band", band.rect, "4") }
                { label("capsl", band.rect.x + 12.0, band.rect.y + 20.0, name) }
            </g>
        }
    };
    html! { <>{ for graph.layout.bands.iter().map(one) }</> }
}

/// Every edge with its word.
pub fn edges(graph: &GraphScreen, picked: Option<usize>) -> Html {
    let lit = |link: &Link| picked.is_some_and(|at| link.from == at || link.to == at);
    let one = |(link, route): (&Link, &Route)| {
        let broken = matches!(graph.view.cells[link.to].face, Face::Missing { optional: false, .. })
            || matches!(graph.view.cells[link.from].face, Face::Missing { .. });
        let class = classes!("edge", dash(link.natures[0]), broken.then_some("broken"), lit(link).then_some("lit"));
        let (x, y) = (route.end.x, route.end.y);
        html! {
            <g key={format!("{} {}", graph.view.cells[link.from].id, graph.view.cells[link.to].id)} {class}>
                <path d={route.path.clone()} />
                <path class="tip" d={format!("M{},{}L{x},{y}L{},{}Z", x - 6.0, y - 3.0, x - 6.0, y + 3.0)} />
            </g>
        }
    };
    let word = |(link, route): (&Link, &Route)| {
        let at = route.label?;
        let more = link.natures.len() - 1;
        let rest = if more > 0 { format!(" +{more}") } else { String::new() };
        let class = if lit(link) { "edgeword lit" } else { "edgeword" };
        Some(label(class, at.x, at.y, format!("{}{rest}", link.natures[0].word())))
    };
    let all = || graph.view.links.iter().zip(&graph.layout.routes);
    // What is picked is drawn over the others.
    let (above, below): (Vec<_>, Vec<_>) = all().partition(|(link, _)| lit(link));
    html! {
        <g aria-hidden="true">
            { for below.into_iter().chain(above).map(one) }
            { for all().filter_map(word) }
        </g>
    }
}

/// How the line of an edge is drawn.
fn dash(nature: Nature) -> &'static str {
    match nature {
        Nature::Owns => "owns",
        Nature::Selects | Nature::Slices | Nature::Endpoint | Nature::Routes | Nature::Guards | Nature::Scales => {
            "picks"
        }
        _ => "uses",
    }
}

/// Every cell.
pub fn cells(graph: &GraphScreen, picked: Option<usize>, stop: usize) -> Html {
    let names: Vec<String> = graph.view.cells.iter().map(title).collect();
    let mut relations: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    for link in &graph.view.links {
        for nature in &link.natures {
            relations[link.from].push(format!("{} {}", nature.word(), names[link.to]));
            relations[link.to].push(format!("{} {}", nature.passive(), names[link.from]));
        }
    }
    let one = |at: usize| {
        let spoken = spoken(&graph.view.cells[at], &names[at], &relations[at]);
        cell(graph, at, spoken, picked == Some(at), stop == at)
    };
    html! { <>{ for (0..names.len()).map(one) }</> }
}

/// What a cell is, in a few words.
fn title(cell: &Cell) -> String {
    let (kind, name) = (visible(&cell.kind), visible(&cell.name));
    match &cell.face {
        Face::Object { .. } | Face::Missing { .. } => format!("{kind} {name}"),
        Face::Group { count, .. } | Face::More { count, .. } => {
            let more = if matches!(cell.face, Face::More { .. }) { "more " } else { "" };
            let of = if name.is_empty() { String::new() } else { format!(" of {name}") };
            format!("{} {more}{}{of}", thousands(*count as u64), plural(&kind))
        }
    }
}

fn spoken(cell: &Cell, name: &str, relations: &[String]) -> String {
    let mut spoken = name.to_owned();
    if !cell.meter.text.is_empty() {
        spoken.push_str(&format!(", {}", cell.meter.text));
    }
    for relation in relations.iter().take(RELATIONS_MAX) {
        spoken.push_str(&format!("; {relation}"));
    }
    if relations.len() > RELATIONS_MAX {
        spoken.push_str(&format!("; and {} more", relations.len() - RELATIONS_MAX));
    }
    spoken
}

/// `ConfigMaps`, `Ingresses`, `NetworkPolicies`.
fn plural(kind: &str) -> String {
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}

fn cell(graph: &GraphScreen, at: usize, spoken: String, picked: bool, stop: bool) -> Html {
    let (cell, area) = (&graph.view.cells[at], graph.layout.cells[at]);
    let (missing, many) = match &cell.face {
        Face::Missing { optional, .. } => (Some(*optional), false),
        Face::Group { .. } | Face::More { .. } => (None, true),
        Face::Object { .. } => (None, false),
    };
    let open = match &cell.face {
        Face::Group { open, .. } => Some(*open),
        Face::More { .. } => Some(false),
        _ => None,
    };
    let (first, second) = match &cell.face {
        Face::Object { .. } | Face::Missing { .. } => (visible(&cell.kind), visible(&cell.name)),
        Face::Group { .. } if cell.name.is_empty() => (String::new(), title(cell)),
        _ => {
            let whole = title(cell);
            let (count, of) = whole.split_once(" of ").unwrap_or((&whole, ""));
            // The name alone has room, without its kind.
            let of = of.split_once(' ').map_or(String::new(), |(_, name)| format!("of {name}"));
            (of, count.to_owned())
        }
    };
    let frame_class = match missing {
        Some(false) => "cell gone",
        Some(true) => "cell gone may",
        None => "cell",
    };
    // A node of its own for each revision: what is new begins its fading.
    let changed = (cell.revision > graph.since).then(|| {
        let class = if cell.revision == graph.newest { "pulse last" } else { "pulse" };
        html! { <g key={cell.revision.to_string()}>{ frame(class, area, "2.5") }</g> }
    });
    html! {
        <g key={cell.id.to_string()} class={classes!("group", picked.then_some("sel"))}>
            <g class="thing">
                <title>{ spoken.clone() }</title>
                if many { { frame("cell", Rect { x: area.x + 4.0, y: area.y + 4.0, ..area }, "2.5") } }
                { frame(frame_class, area, "2.5") }
                { changed }
                <g aria-hidden="true">
                    { label("small s", area.x + 10.0, area.y + 16.0, middle(&first, if many { NAME_CHARS } else { 21 })) }
                    if let Some(open) = open { { label("b e s2", area.right() - 9.0, area.y + 17.0, if open { "−" } else { "+" }) } }
                    { label(if many { "b" } else { "m" }, area.x + 10.0, area.y + 30.0, middle(&second, NAME_CHARS)) }
                    { meter(cell, area) }
                </g>
                <rect class="handle" x={area.x.to_string()} y={area.y.to_string()} width={area.w.to_string()} height={area.h.to_string()}
                    role="button" tabindex={if stop { "0" } else { "-1" }} aria-label={spoken} data-cell={at.to_string()}
                    aria-expanded={open.map(|open| open.to_string())} aria-pressed={open.is_none().then(|| picked.to_string())} />
                { frame("ring", area.grown(4.0), "4") }
            </g>
            if picked { { crop(area) } }
        </g>
    }
}

/// The shape, the words, and the bar along the lower edge.
fn meter(cell: &Cell, area: Rect) -> Html {
    let meter = &cell.meter;
    let (symbol, colour) = match (meter.phase, meter.tone) {
        (Some(phase), _) => glyph(phase),
        (None, Tone::Idle) => ("", "p-unk"),
        (None, Tone::Good) => ("#ph-run", "p-run"),
        (None, Tone::Ended) => ("#ph-ok", "p-ok"),
        (None, Tone::Moving) => ("#ph-create", "p-pend"),
        (None, Tone::Bad) => ("#ph-fail", "p-fail"),
    };
    let class = match colour {
        "p-run" => "pt p-run",
        "p-pend" => "pt p-pend",
        "p-ok" => "pt p-ok",
        "p-fail" => "pt p-fail",
        _ => "pt p-term",
    };
    let y = area.y + 43.0;
    let left = if symbol.is_empty() { area.x + 10.0 } else { area.x + 23.0 };
    let share = if meter.of == 0 { 0.0 } else { (meter.done as f64 / meter.of as f64).min(1.0) };
    // The counts come first: what follows them gives way, and stays in the cell's name.
    let whole = &meter.text;
    let counts = whole.rsplit_once(", ").filter(|_| whole.chars().count() > METER_CHARS).map_or(&**whole, |cut| cut.0);
    let text = middle(counts, METER_CHARS);
    let room = area.right() - 8.0 - left;
    // What might not fit is drawn as narrow as the cell is.
    let length = (text.chars().count() as f64 * METER_PITCH > room).then(|| room.to_string());
    html! {
        <>
        if !symbol.is_empty() {
            <use href={symbol} class={colour} transform={format!("translate({},{}) scale(.75)", area.x + 15.0, y - 3.5)} />
        }
        <text {class} x={left.to_string()} y={y.to_string()} textLength={length} lengthAdjust="spacingAndGlyphs">{ text }</text>
        if meter.of > 0 {
            <path class="gtrack" d={format!("M{},{}H{}", area.x + 1.5, area.bottom() - 2.0, area.right() - 1.5)} />
            <path class={classes!("gfill", colour)}
                d={format!("M{},{}h{:.1}", area.x + 1.5, area.bottom() - 2.0, (area.w - 3.0) * share)} />
        }
        </>
    }
}

/// At most so many characters, shortened in the middle.
fn middle(text: &str, chars: usize) -> String {
    let all: Vec<char> = text.chars().collect();
    if all.len() <= chars {
        return text.to_owned();
    }
    let tail = chars * 2 / 5;
    let head: String = all[..chars - tail - 1].iter().collect();
    let end: String = all[all.len() - tail..].iter().collect();
    format!("{head}…{end}")
}

/// A name with what has no shape of its own written out: control characters, and those that turn the order of
/// the text around them.
fn visible(text: &str) -> String {
    let strange = |char: char| {
        char.is_control()
            || matches!(char, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if strange(char) {
            out.push_str(&format!("\\u{:04x}", char as u32));
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_in_the_middle_and_strange_characters_written_out() {
        assert_eq!(middle("web-7d4b9c6f5d-m6vqz", 20), "web-7d4b9c6f5d-m6vqz");
        assert_eq!(middle("web-7d4b9c6f5d-m6vqzX", 20), "web-7d4b9c6…d-m6vqzX");
        assert_eq!(middle(&"x".repeat(253), 20).chars().count(), 20);
        assert_eq!(visible("a\u{202e}b\u{7}\n<b>"), "a\\u202eb\\u0007\\u000a<b>");
        assert_eq!(visible("שלום"), "שלום");
    }

    #[test]
    fn kinds_have_a_plural() {
        assert_eq!(["Pod", "Ingress", "NetworkPolicy"].map(plural), ["Pods", "Ingresses", "NetworkPolicies"]);
    }
}
