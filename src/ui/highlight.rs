//! Colours for YAML, line by line.

/// A stretch of a line and its class: `k` key, `v` value, `n` number, `p` punctuation, `c` comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    pub class: &'static str,
    pub text: &'a str,
}

/// The runs of one line; put together they are the line.
pub fn runs(line: &str) -> Vec<Run<'_>> {
    let mut out = Vec::new();
    let mut rest = line;
    if line.trim_end() == "---" {
        return vec![Run { class: "p", text: line }];
    }
    while !rest.is_empty() {
        let blank = rest.len() - rest.trim_start().len();
        if blank > 0 {
            push(&mut out, "", &rest[..blank]);
            rest = &rest[blank..];
            continue;
        }
        let first = rest.chars().next().expect("the rest is not empty");
        if first == '#' {
            push(&mut out, "c", rest);
            break;
        }
        if matches!(first, '{' | '}' | '[' | ']' | ',')
            || (first == '-' && (rest.len() == 1 || rest[1..].starts_with(' ')))
        {
            push(&mut out, "p", &rest[..1]);
            rest = &rest[1..];
            continue;
        }
        rest = token(&mut out, rest, line);
    }
    out
}

/// A key with its colon, or a value.
fn token<'a>(out: &mut Vec<Run<'a>>, rest: &'a str, line: &str) -> &'a str {
    let first = rest.chars().next().expect("the rest is not empty");
    if first == '"' || first == '\'' {
        let end = rest[1..].find(first).map_or(rest.len(), |at| at + 2);
        push(out, "v", &rest[..end]);
        return &rest[end..];
    }
    let flow = line.contains('{') || line.contains('[');
    let end = rest
        .char_indices()
        .find(|(at, c)| {
            (*c == ':' && rest[at + 1..].chars().next().is_none_or(|next| next == ' '))
                || (flow && matches!(c, ',' | '}' | ']'))
                || (*c == ' ' && rest[at + 1..].starts_with('#'))
        })
        .map_or(rest.len(), |(at, _)| at);
    let text = &rest[..end];
    if rest[end..].starts_with(':') {
        push(out, "k", text);
        push(out, "p", &rest[end..=end]);
        return &rest[end + 1..];
    }
    let number = text.trim_end().trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_number = !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '%')
        && text.len() - number.len() < 3;
    push(out, if is_number || matches!(text, "true" | "false" | "null") { "n" } else { "v" }, text);
    &rest[end..]
}

fn push<'a>(out: &mut Vec<Run<'a>>, class: &'static str, text: &'a str) {
    if !text.is_empty() {
        out.push(Run { class, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &[(&str, &str)]) {
        let found = runs(line);
        assert_eq!(found.iter().map(|run| run.text).collect::<String>(), line);
        let visible: Vec<(&str, &str)> =
            found.iter().filter(|run| !run.class.is_empty()).map(|run| (run.class, run.text)).collect();
        assert_eq!(visible, expected);
    }

    #[test]
    fn lines_are_coloured() {
        check("  replicas: 6", &[("k", "replicas"), ("p", ":"), ("n", "6")]);
        check("- name: web", &[("p", "-"), ("k", "name"), ("p", ":"), ("v", "web")]);
        check("image: nginx:1.27 # newest", &[("k", "image"), ("p", ":"), ("v", "nginx:1.27"), ("c", "# newest")]);
        check(
            "m: { app: web }",
            &[("k", "m"), ("p", ":"), ("p", "{"), ("k", "app"), ("p", ":"), ("v", "web "), ("p", "}")],
        );
        check("cpu: 250m", &[("k", "cpu"), ("p", ":"), ("n", "250m")]);
        check("---", &[("p", "---")]);
        check("text: 'ü: {'", &[("k", "text"), ("p", ":"), ("v", "'ü: {'")]);
    }
}
