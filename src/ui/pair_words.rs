//! Two runs beside each other, in words: what a message carries, what an entry says, which lines were changed.

use yew::{Html, html};

use crate::cluster::{BodyView, Entry};

use super::changes::{Change, Line, tell};
use super::details::{value_yaml, yaml};

/// More of a line is not quoted.
pub const LINE_CHARS_MAX: usize = 80;
/// Changed lines that are shown.
const LINES_MAX: usize = 60;

/// The first lines that two texts do not have in common. kubectl's copy of all that was applied is one long
/// line: it is named only where nothing else differs, and then cut.
pub fn first_lines(one: &str, other: &str) -> Option<[String; 2]> {
    let length = one.lines().count().max(other.lines().count());
    let padded = |text: &str| {
        text.lines()
            .map(str::trim)
            .chain(std::iter::repeat("no such line"))
            .take(length)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut pairs: Vec<[String; 2]> = Vec::new();
    for (left, right) in padded(one).into_iter().zip(padded(other)) {
        if left != right {
            pairs.push([left, right]);
        }
    }
    let short = pairs.iter().position(|pair| pair.iter().all(|line| line.chars().count() <= LINE_CHARS_MAX));
    let mut pair = if pairs.is_empty() { return None } else { pairs.swap_remove(short.unwrap_or(0)) };
    for line in &mut pair {
        if let Some((end, _)) = line.char_indices().nth(LINE_CHARS_MAX) {
            line.truncate(end);
            line.push('…');
        }
    }
    Some(pair)
}

/// What a message carries, as YAML or as it is.
pub fn body(body: &BodyView) -> String {
    match body {
        BodyView::Empty => String::new(),
        BodyView::Object(object) => yaml(object),
        BodyView::List { names, .. } => names.join("\n"),
        BodyView::Json(value) => value_yaml(value),
        BodyView::Text(text) => match serde_json::from_slice(text.as_bytes()) {
            Ok(value) => value_yaml(&value),
            Err(_) => text.clone(),
        },
    }
}

/// An entry in words: `kubectl sends POST deployments to kube-apiserver`.
pub fn sentence(entry: &Entry) -> String {
    match (&*entry.from, &*entry.to) {
        ("", _) => entry.text.clone(),
        ("you", _) => format!("you act ({})", entry.text),
        (from, "") => format!("{from}: {}", entry.text),
        (from, to) => format!("{from} sends {} to {to}", entry.text),
    }
}

/// The lines that were changed, each with a sign for what happened to it.
pub fn changed_lines(lines: &[Line]) -> Html {
    let sign = |change: Change| match change {
        Change::Same => " ",
        Change::Added => "+",
        Change::Changed => "~",
        Change::Removed => "-",
    };
    let changed = lines.iter().filter(|line| line.change != Change::Same);
    let shown: Vec<String> =
        changed.take(LINES_MAX).map(|line| format!("{} {}\n", sign(line.change), line.text)).collect();
    if shown.is_empty() {
        Html::default()
    } else {
        html! { <pre tabindex="0" aria-label="Changed lines">{ shown.concat() }</pre> }
    }
}

/// What is to be said of the lines that were changed.
pub fn told(lines: &[Line]) -> String {
    if lines.iter().all(|line| line.change == Change::Same) {
        return "No line differs from what was applied.".to_owned();
    }
    tell(lines)
}
