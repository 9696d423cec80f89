//! What the query string asks for. Parameters that are not listed here are ignored, and values that
//! cannot be read leave the default:
//!
//! | parameter | value |
//! |---|---|
//! | `seed` | a number below 2^64: the seed of a new cluster |
//! | `nodes` | 1 to 1000: the nodes of a new cluster |
//! | `controlPlanes` | 1 to 3: the schedulers and controller managers of a new cluster, of which one each leads |
//! | `paused` | present, or not `0` or `false`: nothing plays until the reader says so |
//! | `theme` | `light` or `dark` (read by `static/boot.js`, before the first paint) |
//! | `speed` | `auto`, or simulated time per wall time, 0.0001 to 1000 |
//! | `embed` | present, or not `0` or `false`: the stage with caption and transport only |
//! | `autoplay` | with `embed`: `visible` starts when it scrolls into view; anything else waits for Play |
//! | `start` | with `embed`: `here` begins where the link was made, else it begins with the first act |
//! | `hide` | with `embed`: a list of `caption`, `transport`, `timeline` (the scrubber), `legend` and `open` |
//! | `title` | with `embed`: the poster's title, at most 80 characters |

use crate::api::decode::float;
use crate::cluster::{CONTROL_PLANES_MAX, Config, NODES_MAX};

use super::pace::Speed;

/// The title is cut after so many characters.
const TITLE_CHARS_MAX: usize = 80;
/// The speeds there are.
const FACTORS: (f64, f64) = (0.0001, 1_000.0);

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    pub config: Config,
    /// Whether seed or nodes were given: a session of another cluster is then not taken up again.
    pub names_cluster: bool,
    pub paused: bool,
    pub speed: Option<Speed>,
    /// `None` for the whole page.
    pub embed: Option<Embed>,
}

/// How the embedded stage was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embed {
    /// Whether it starts when it scrolls into view.
    pub autoplay: bool,
    /// Whether it begins where the link was made.
    pub here: bool,
    pub hide: Hide,
    pub title: String,
}

/// What the embedded stage leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hide {
    pub caption: bool,
    pub transport: bool,
    pub timeline: bool,
    pub legend: bool,
    pub open: bool,
}

/// Reads a query string (with or without its `?`).
pub fn asked(query: &str) -> Asked {
    let mut asked = Asked::default();
    let mut embed = Embed::default();
    let mut embedded = false;
    for pair in query.trim_start_matches('?').split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        let value = value.as_str();
        let on = !matches!(value, "0" | "false");
        match name {
            "seed" => {
                asked.config.seed = value.parse().unwrap_or(asked.config.seed);
                asked.names_cluster = true;
            }
            "nodes" => {
                asked.config.nodes = value.parse().unwrap_or(asked.config.nodes).clamp(1, NODES_MAX);
                asked.names_cluster = true;
            }
            "controlPlanes" => {
                let count = value.parse().unwrap_or(asked.config.control_planes);
                asked.config.control_planes = count.clamp(1, CONTROL_PLANES_MAX);
                asked.names_cluster = true;
            }
            "paused" => asked.paused = on,
            "speed" => asked.speed = speed(value),
            "embed" => embedded = on,
            "autoplay" => embed.autoplay = value == "visible",
            "start" => embed.here = value == "here",
            "hide" => embed.hide = hide(value),
            "title" => embed.title = value.chars().filter(|c| !c.is_control()).take(TITLE_CHARS_MAX).collect(),
            _ => {}
        }
    }
    asked.embed = embedded.then_some(embed);
    asked
}

fn speed(value: &str) -> Option<Speed> {
    if value.eq_ignore_ascii_case("auto") {
        return Some(Speed::Auto);
    }
    let factor = float::parse(value).filter(|factor| factor.is_finite() && *factor > 0.0)?;
    Some(Speed::Times(factor.clamp(FACTORS.0, FACTORS.1)))
}

fn hide(value: &str) -> Hide {
    let names = |name: &str| value.split(',').any(|part| part.trim() == name);
    Hide {
        caption: names("caption"),
        transport: names("transport"),
        timeline: names("timeline"),
        legend: names("legend"),
        open: names("open"),
    }
}

/// A value without its percent signs and pluses. What is no UTF-8 then becomes a question mark.
fn decoded(value: &str) -> String {
    if !value.contains(['%', '+']) {
        return value.to_owned();
    }
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match (byte, pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(decoded)) => {
                out.push(decoded);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_read_and_bounded() {
        let found = asked("?seed=42&nodes=5&paused&theme=dark");
        assert_eq!((found.config.seed, found.config.nodes, found.paused), (42, 5, true));
        assert!(found.names_cluster && found.embed.is_none());
        assert_eq!(asked("?nodes=0").config.nodes, 1);
        assert_eq!(asked("?nodes=99999999&seed=x").config.nodes, NODES_MAX);
        assert_eq!(asked(""), Asked::default());
        assert_eq!(asked("?unknown=1&&=&x"), Asked::default());
    }

    #[test]
    fn speeds_are_bounded() {
        assert_eq!(asked("?speed=auto").speed, Some(Speed::Auto));
        assert_eq!(asked("?speed=0.1").speed, Some(Speed::Times(0.1)));
        assert_eq!(asked("?speed=1e9").speed, Some(Speed::Times(1_000.0)));
        for bad in ["", "-1", "0", "NaN", "inf", "fast"] {
            assert_eq!(asked(&format!("?speed={bad}")).speed, None, "{bad}");
        }
    }

    #[test]
    fn an_embed_says_what_it_leaves_out() {
        let found =
            asked("?embed&autoplay=visible&start=here&hide=caption,%20timeline,nothing&title=A%20rolling+update%21");
        let embed = found.embed.expect("it is one");
        assert!(embed.autoplay && embed.here);
        assert_eq!(embed.hide, Hide { caption: true, timeline: true, ..Hide::default() });
        assert_eq!(embed.title, "A rolling update!");
        assert_eq!(asked("?embed=0&autoplay=visible").embed, None);
        let long = asked(&format!("?embed&title={}%E2%80", "x".repeat(500))).embed.expect("it is one");
        assert_eq!(long.title.len(), TITLE_CHARS_MAX);
        assert_eq!(decoded("100%"), "100%");
    }
}
