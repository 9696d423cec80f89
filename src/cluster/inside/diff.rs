//! The difference between two texts, line by line.

/// Lines that are compared with each other once what is the same at both ends is set aside; longer
/// stretches are told as replaced.
const COMPARED_MAX: usize = 400;

/// Lines around a change that are shown with it.
const CONTEXT: usize = 3;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Both,
    /// Only in the older text.
    Removed,
    /// Only in the newer text.
    Added,
    /// Stands for lines that are in both and far from any change: how many they are.
    Same,
}

/// One line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    pub side: Side,
    pub text: String,
}

/// The lines of both texts in order: a longest common subsequence stands on both sides.
pub fn diff(old: &str, new: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let mut out = Vec::with_capacity(old.len() + new.len());
    let mut tell = |side, lines: &[&str]| {
        out.extend(lines.iter().map(|line| DiffLine { side, text: (*line).to_owned() }));
    };
    tell(Side::Both, &old[..head]);
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    if a.len() > COMPARED_MAX || b.len() > COMPARED_MAX {
        tell(Side::Removed, a);
        tell(Side::Added, b);
    } else {
        let table = common(a, b);
        let width = b.len() + 1;
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            if i < a.len() && j < b.len() && a[i] == b[j] {
                tell(Side::Both, &a[i..=i]);
                (i, j) = (i + 1, j + 1);
            } else if j == b.len() || (i < a.len() && table[(i + 1) * width + j] >= table[i * width + j + 1]) {
                tell(Side::Removed, &a[i..=i]);
                i += 1;
            } else {
                tell(Side::Added, &b[j..=j]);
                j += 1;
            }
        }
    }
    tell(Side::Both, &old[old.len() - tail..]);
    out
}

/// A difference with what is far from any change left out and counted.
pub fn fold(lines: Vec<DiffLine>) -> Vec<DiffLine> {
    let changed: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].side != Side::Both).collect();
    let near = |at: usize| {
        let next = changed.partition_point(|changed| *changed < at);
        let after = changed.get(next).is_some_and(|changed| changed - at <= CONTEXT);
        after || next.checked_sub(1).is_some_and(|before| at - changed[before] <= CONTEXT)
    };
    let mut out: Vec<DiffLine> = Vec::new();
    let mut skipped = 0;
    for (at, line) in lines.into_iter().enumerate() {
        if near(at) {
            tell_skipped(&mut skipped, &mut out);
            out.push(line);
        } else {
            skipped += 1;
        }
    }
    tell_skipped(&mut skipped, &mut out);
    out
}

fn tell_skipped(skipped: &mut usize, out: &mut Vec<DiffLine>) {
    match std::mem::take(skipped) {
        0 => {}
        1 => out.push(DiffLine { side: Side::Same, text: "… 1 line the same".to_owned() }),
        count => out.push(DiffLine { side: Side::Same, text: format!("… {count} lines the same") }),
    }
}

/// The length of the longest common subsequence of `a[i..]` and `b[j..]`, at `i * (b.len() + 1) + j`.
fn common(a: &[&str], b: &[&str]) -> Vec<u16> {
    let width = b.len() + 1;
    let mut table = vec![0_u16; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            table[i * width + j] = if a[i] == b[j] {
                table[(i + 1) * width + j + 1] + 1
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, expected: &str) {
        let lines: Vec<String> = diff(old, new)
            .iter()
            .map(|line| {
                let sign = match line.side {
                    Side::Both => ' ',
                    Side::Removed => '-',
                    Side::Added => '+',
                    Side::Same => '=',
                };
                format!("{sign}{}", line.text)
            })
            .collect();
        assert_eq!(lines.join("|"), expected);
    }

    #[test]
    fn what_is_the_same_stands_on_both_sides() {
        check("a\nb\nc", "a\nb\nc", " a| b| c");
        check("a\nb\nc", "a\nx\nc", " a|-b|+x| c");
        check("a\nb\nc\nd", "a\nc\nd\ne", " a|-b| c| d|+e");
        check("", "a", "+a");
        check("a", "", "-a");
        check("a\na", "a\na\na", " a| a|+a");
        check("x\na\ny\nb", "a\nz\nb\nw", "-x| a|-y|+z| b|+w");
    }

    #[test]
    fn what_is_far_from_a_change_is_counted() {
        let text: String = (0..20).map(|line| format!("{line}\n")).collect();
        let folded: Vec<String> =
            fold(diff(&text, &text.replace("10\n", "x\n"))).into_iter().map(|line| line.text).collect();
        assert_eq!(folded.join(" "), "… 7 lines the same 7 8 9 10 x 11 12 13 … 6 lines the same");
        assert_eq!(fold(diff("a", "a"))[0].text, "… 1 line the same");
    }

    #[test]
    fn what_is_too_long_is_told_as_replaced() {
        let text = |prefix: &str| (0..600).map(|line| format!("{prefix}{line}")).collect::<Vec<_>>().join("\n");
        let lines = diff(&text("a"), &text("b"));
        assert_eq!(lines.len(), 1_200);
        assert!(lines[..600].iter().all(|line| line.side == Side::Removed));
    }
}
