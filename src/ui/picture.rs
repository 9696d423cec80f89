//! The packets as SVG: what the painter paints on the canvas, for a picture that is kept.

use crate::cluster::FlightKind;
use crate::scene::{Emphasis, Layout, Packet, PlacedLabel, TextSize, place_labels};
use crate::sim::EventId;

use super::controls::packet_symbol;

/// The size of the labels' type where nothing measured it.
const TEXT: TextSize = TextSize { advance: 6.6, height: 14.0 };

/// The packets and their labels. Colours are tokens, and `$mono` stands for the family of the labels:
/// whoever saves the picture knows both.
pub fn packets_svg(layout: &Layout, packets: &[Packet], selected: Option<EventId>) -> String {
    let mut out = String::new();
    for packet in packets {
        out.push_str(&body(packet));
    }
    let emphasis = Emphasis { selected, hovered: None, chain: &[] };
    for label in place_labels(layout, packets, emphasis, TEXT) {
        out.push_str(&text(&label));
    }
    out
}

fn body(packet: &Packet) -> String {
    let (symbol, _) = packet_symbol(packet.kind);
    let (x, y) = (packet.heading.x, packet.heading.y);
    let slices = if packet.count > 1 {
        "<path d=\"M-11,-4.5V4.5M-8.5,-4.5V4.5\" stroke=\"currentColor\" stroke-width=\"1.25\"/>"
    } else {
        ""
    };
    format!(
        "<g transform=\"matrix({x:.3},{y:.3},{:.3},{x:.3},{:.2},{:.2})\" color=\"var({})\">{slices}<use href=\"{symbol}\"/></g>",
        -y,
        packet.at.x,
        packet.at.y,
        colour(packet.kind),
    )
}

const fn colour(kind: FlightKind) -> &'static str {
    match kind {
        FlightKind::Request => "--req",
        FlightKind::Response => "--res",
        FlightKind::ErrorResponse => "--fail",
        FlightKind::Watch => "--watch",
        FlightKind::Grpc => "--grpc",
        FlightKind::Log => "--log",
    }
}

fn text(label: &PlacedLabel) -> String {
    let halo = if label.on_panel { "--panel" } else { "--paper" };
    format!(
        "<text x=\"{:.2}\" y=\"{:.2}\" font-family=\"$mono\" font-size=\"11\" font-weight=\"500\" fill=\"var(--ink)\" stroke=\"var({halo})\" \
         stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\">{}<tspan fill=\"var(--ink-2)\" font-weight=\"400\" dx=\"6.6\">{}</tspan></text>",
        label.rect.x,
        label.rect.y + 10.8,
        escaped(&label.first),
        escaped(&label.second),
    )
}

/// A text between tags: names come from whoever made the objects.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '$' => out.push_str("&#36;"),
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Label;
    use crate::scene::{Form, point};
    use crate::sim::SimTime;
    use std::sync::Arc;

    #[test]
    fn a_packet_is_a_symbol_in_its_place_and_hostile_names_stay_text() {
        let label = Label { first: Arc::from("POST"), second: Arc::from("<script>$mono&\u{7}") };
        let packet = Packet {
            id: EventId(1),
            kind: FlightKind::Request,
            at: point(300.0, 140.0),
            heading: point(0.0, -1.0),
            wire: 2,
            along: true,
            sent: SimTime(0),
            label,
            count: 1,
        };
        let svg = packets_svg(&Layout::new(Form::Wide, 3, false), &[packet], Some(EventId(1)));
        assert!(svg.starts_with("<g transform=\"matrix(0.000,-1.000,1.000,0.000,300.00,140.00)\" color=\"var(--req)\"><use href=\"#pk-req\"/></g>"), "{svg}");
        assert!(svg.contains("POST<tspan") && svg.contains("&lt;script&gt;&#36;mono&amp;\u{fffd}"), "{svg}");
    }
}
