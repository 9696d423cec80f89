//! YAML in the inspector.

use yew::prelude::*;

use super::super::changes::{Change, Marked};

/// Lines that are drawn of one body.
const LINES_MAX: usize = 600;

/// A text as YAML with quiet keys.
pub fn yaml(text: &str) -> Html {
    let total = text.lines().count();
    let lines = text.lines().take(LINES_MAX).map(|line| {
        let (key, rest) = key_of(line);
        html! { <><span class="k">{ key.to_owned() }</span>{ rest.to_owned() }{ "\n" }</> }
    });
    html! {
        <pre class="yaml" tabindex="0" aria-label="YAML">
            { for lines }
            if total > LINES_MAX { { format!("# {} more lines", total - LINES_MAX) } }
        </pre>
    }
}

/// An object's text with what changed marked: a sign in the gutter, said as well.
pub fn marked(text: &Marked) -> Html {
    let total = text.lines.len();
    let lines = text.lines.iter().take(LINES_MAX).map(|line| {
        let (key, rest) = key_of(&line.text);
        let (class, sign, word) = match line.change {
            Change::Same => return html! { <><i class="gut">{ " " }</i><span class="k">{ key.to_owned() }</span>{ rest.to_owned() }{ "\n" }</> },
            Change::Added => ("ln add", "+", "added: "),
            Change::Changed => ("ln chg", "~", "changed: "),
            Change::Removed => ("ln rem", "-", "removed: "),
        };
        html! {
            <span {class}><i class="gut" aria-hidden="true">{ sign }</i><span class="sr">{ word }</span><span class="k">{ key.to_owned() }</span>{ rest.to_owned() }{ "\n" }</span>
        }
    });
    html! {
        <>
        if !text.told.is_empty() { <p class="told">{ text.told.clone() }</p> }
        <pre class="yaml marked" tabindex="0" aria-label="YAML">
            { for lines }
            if total > LINES_MAX { { format!("# {} more lines", total - LINES_MAX) } }
        </pre>
        </>
    }
}

/// The key of a line with its indentation and colon, and the rest.
fn key_of(line: &str) -> (&str, &str) {
    let end = line.find(": ").map(|at| at + 1).or_else(|| line.ends_with(':').then_some(line.len()));
    match end {
        Some(end) if !line[..end].contains(['"', '\'']) => line.split_at(end),
        _ => ("", line),
    }
}

/// A plain text.
pub fn plain(text: &str) -> Html {
    html! { <pre class="yaml wrap" tabindex="0" aria-label="Text">{ text.to_owned() }</pre> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_values() {
        assert_eq!(key_of("  name: web"), ("  name:", " web"));
        assert_eq!(key_of("spec:"), ("spec:", ""));
        assert_eq!(key_of("- \"a: b\""), ("", "- \"a: b\""));
    }
}
