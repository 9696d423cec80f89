//! What differs between two texts of an object, line by line: what a write changed.

use crate::api::Object;
use crate::sim::Order;

use super::details::yaml;

/// Lines above this are compared as a whole, not one by one.
const LINES_MAX: usize = 1_200;

/// What happened to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Same,
    Added,
    /// The field was there with another value.
    Changed,
    /// It is not there any more.
    Removed,
}

/// A line with what happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub change: Change,
    pub text: String,
}

/// An object's text with its changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    pub lines: Vec<Line>,
    /// What changed, in a sentence; empty where nothing is said.
    pub told: String,
}

impl Marked {
    /// A text nothing is said of.
    pub fn plain(text: &str) -> Marked {
        let lines = text.lines().map(|line| Line { change: Change::Same, text: line.to_owned() }).collect();
        Marked { lines, told: String::new() }
    }

    /// The text of an object with a sentence about all of it.
    pub fn told(object: &Object, told: &str) -> Marked {
        Marked { told: told.to_owned(), ..Marked::plain(&yaml(object)) }
    }

    /// An object beside what it replaced.
    pub fn between(before: &Object, after: &Object) -> Marked {
        let lines = compare(&yaml(before), &yaml(after));
        let told = tell(&lines);
        Marked { lines, told }
    }
}

/// The lines of `after` with what became of those of `before`:
/// the longest common subsequence of lines, between what both begin and end with.
pub fn compare(before: &str, after: &str) -> Vec<Line> {
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let (old_middle, new_middle) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut out: Vec<Line> = Vec::with_capacity(new.len() + 8);
    let mut push = |change: Change, text: &str| out.push(Line { change, text: text.to_owned() });
    new[..head].iter().for_each(|line| push(Change::Same, line));
    for (change, text) in middle(old_middle, new_middle) {
        push(change, text);
    }
    new[new.len() - tail..].iter().for_each(|line| push(Change::Same, line));
    pair(&mut out);
    out
}

fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Change, &'a str)> {
    if old.len() > LINES_MAX || new.len() > LINES_MAX {
        return new.iter().map(|line| (Change::Added, *line)).collect();
    }
    let width = new.len() + 1;
    // longest[i * width + j]: of old[i..] and new[j..].
    let mut longest = vec![0_u16; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            longest[i * width + j] = if old[i] == new[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            out.push((Change::Same, new[j]));
            i += 1;
            j += 1;
        } else if j == new.len() || i < old.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            out.push((Change::Removed, old[i]));
            i += 1;
        } else {
            out.push((Change::Added, new[j]));
            j += 1;
        }
    }
    out
}

/// Within a run of removed and added lines, the same field is one that changed.
fn pair(lines: &mut Vec<Line>) {
    let mut at = 0;
    while at < lines.len() {
        if lines[at].change == Change::Same {
            at += 1;
            continue;
        }
        let end = (at..lines.len()).find(|index| lines[*index].change == Change::Same).unwrap_or(lines.len());
        let mut taken = Vec::new();
        for index in at..end {
            if lines[index].change != Change::Added {
                continue;
            }
            let field = field_of(&lines[index].text);
            let old = (at..end).find(|old| {
                lines[*old].change == Change::Removed && !taken.contains(old) && field_of(&lines[*old].text) == field
            });
            if let Some(old) = old.filter(|_| !field.is_empty()) {
                taken.push(old);
                lines[index].change = Change::Changed;
            }
        }
        taken.order();
        for old in taken.iter().rev() {
            lines.remove(*old);
        }
        at = end - taken.len();
    }
}

/// The field of a line with its indentation; empty where it has none.
fn field_of(line: &str) -> &str {
    line.find(':').map_or("", |at| &line[..at])
}

/// The changes in a sentence. The revision changes with every write: it is not counted.
pub fn tell(lines: &[Line]) -> String {
    let counts = |change: Change| {
        lines
            .iter()
            .filter(|line| line.change == change && !line.text.trim_start().starts_with("resourceVersion:"))
            .count()
    };
    let parts: Vec<String> = [(Change::Changed, "changed"), (Change::Added, "added"), (Change::Removed, "removed")]
        .iter()
        .filter_map(|(change, word)| {
            let count = counts(*change);
            (count > 0).then(|| format!("{count} {word}"))
        })
        .collect();
    if parts.is_empty() {
        return "Nothing but the revision changed.".to_owned();
    }
    format!("Lines: {}.", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(before: &str, after: &str, expected: Expect) {
        let lines = compare(before, after);
        let mut out = String::new();
        for line in &lines {
            let mark = match line.change {
                Change::Same => ' ',
                Change::Added => '+',
                Change::Changed => '~',
                Change::Removed => '-',
            };
            out.push_str(&format!("{mark} {}\n", line.text));
        }
        out.push_str(&tell(&lines));
        expected.assert_eq(&out);
    }

    #[test]
    fn fields_are_changed_added_and_removed() {
        check(
            "metadata:\n  name: web\n  resourceVersion: \"7\"\nspec:\n  replicas: 3\n  paused: true\n",
            "metadata:\n  name: web\n  resourceVersion: \"9\"\nspec:\n  replicas: 6\nstatus:\n  replicas: 3\n",
            expect![[r#"
                  metadata:
                    name: web
                ~   resourceVersion: "9"
                  spec:
                +   replicas: 6
                + status:
                    replicas: 3
                -   paused: true
                Lines: 2 added, 1 removed."#]],
        );
    }

    #[test]
    fn a_write_of_the_same_changes_only_the_revision() {
        check(
            "a: 1\nresourceVersion: \"7\"\n",
            "a: 1\nresourceVersion: \"8\"\n",
            expect![[r#"
                  a: 1
                ~ resourceVersion: "8"
                Nothing but the revision changed."#]],
        );
    }
}
