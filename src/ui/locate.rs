//! From kubectl's words to the line of the editor that caused them.

use crate::api::decode::float;

/// Where an error belongs: the line (from 0) and the stretch of it that is marked, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub from: usize,
    pub to: usize,
}

/// The place in `text` that `message` is about. `near` is the line (from 0) of the document or object
/// that it was said of, where that is known.
pub fn locate(text: &str, message: &str, near: Option<usize>) -> Place {
    let lines: Vec<&str> = text.lines().collect();
    let start = near.or_else(|| named_document(&lines, message)).unwrap_or(0).min(lines.len().saturating_sub(1));
    let start = document_start(&lines, start);
    if let Some(line) = yaml_line(message) {
        // yaml counts from the start of the document it was given.
        let at = (start + line.saturating_sub(1)).min(lines.len().saturating_sub(1));
        return whole(&lines, at);
    }
    if let Some(place) = mistyped(&lines, start, message) {
        return place;
    }
    match field_path(message).and_then(|path| follow(&lines, start, &path)) {
        Some(place) => place,
        None => whole(&lines, kind_line(&lines, start)),
    }
}

fn document_start(lines: &[&str], line: usize) -> usize {
    (0..=line)
        .rev()
        .find(|index| lines.get(*index).is_some_and(|text| is_separator(text)))
        .map_or(0, |index| if index == line && index + 1 < lines.len() { index + 1 } else { (index + 1).min(line) })
}

fn is_separator(line: &str) -> bool {
    line == "---" || line.starts_with("--- ")
}

fn document_end(lines: &[&str], start: usize) -> usize {
    (start..lines.len()).find(|index| is_separator(lines[*index])).unwrap_or(lines.len())
}

fn kind_line(lines: &[&str], start: usize) -> usize {
    (start..document_end(lines, start)).find(|index| lines[*index].starts_with("kind:")).unwrap_or(start)
}

/// `yaml: line 5: …`
fn yaml_line(message: &str) -> Option<usize> {
    let rest = &message[message.find("line ")? + 5..];
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (message.contains("yaml:") || message.contains("YAML")).then(|| digits.parse().ok())?
}

/// `The Service "web" is invalid`, `deployments.apps "web" …`: the document of that kind and name.
fn named_document(lines: &[&str], message: &str) -> Option<usize> {
    let name = message.split('"').nth(1)?;
    let before = message.split('"').next()?.trim_end().rsplit(' ').next()?;
    let kind = before.split('.').next()?.trim_end_matches('s').to_lowercase();
    let mut start = 0;
    while start < lines.len() {
        let end = document_end(lines, start);
        let of_kind = lines[start..end]
            .iter()
            .any(|line| line.strip_prefix("kind:").is_some_and(|rest| rest.trim().to_lowercase() == kind));
        let named = lines[start..end].iter().any(|line| {
            let trimmed = line.trim();
            trimmed == format!("name: {name}")
                || trimmed.contains(&format!("{{ name: {name} "))
                || trimmed.contains(&format!("{{name: {name}}}"))
        });
        if of_kind && named {
            return Some(start);
        }
        start = end + 1;
    }
    None
}

/// The first field path of a message: `spec.ports[0].port`, `unknown field "spec.replica"`.
fn field_path(message: &str) -> Option<Vec<String>> {
    let quoted = message.find("field \"").map(|at| &message[at + 7..]).and_then(|rest| rest.split('"').next());
    let plain = || {
        message
            .split([' ', ':', '\n', ',', '"', '(', ')'])
            .find(|word| word.starts_with("spec.") || word.starts_with("metadata.") || word.starts_with("data"))
    };
    let path = quoted.or_else(plain)?.trim_matches('.');
    let mut parts = Vec::new();
    for part in path.split('.') {
        let mut rest = part;
        if let Some(open) = rest.find('[') {
            parts.push(rest[..open].to_owned());
            rest = &rest[open..];
            while let Some(close) = rest.find(']') {
                parts.push(rest[1..close].to_owned());
                rest = &rest[close + 1..];
            }
        } else {
            parts.push(rest.to_owned());
        }
    }
    parts.retain(|part| !part.is_empty());
    (!parts.is_empty()).then_some(parts)
}

/// `cannot unmarshal number into Go struct field Container.spec.containers.image of type string`: the path
/// has no indices, so the first line with that field and a value of that type is meant.
fn mistyped(lines: &[&str], start: usize, message: &str) -> Option<Place> {
    let given = message.split("cannot unmarshal ").nth(1)?.split(' ').next()?;
    let field = message.split("Go struct field ").nth(1)?.split(' ').next()?.rsplit('.').next()?;
    let is_given = |line: &str| {
        let value = line.split_once(&format!("{field}:")).map_or("", |(_, value)| value.trim());
        match given {
            "number" => float::parse(value).is_some(),
            "bool" => matches!(value, "true" | "false"),
            "array" => value.is_empty() || value.starts_with('['),
            "object" => value.is_empty() || value.starts_with('{'),
            _ => !value.is_empty(),
        }
    };
    let wanted = format!("{field}:");
    let line = (start..document_end(lines, start))
        .find(|line| lines[*line][content(lines[*line])..].starts_with(&wanted) && is_given(lines[*line]))?;
    Some(value_of(lines, line, field))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The column of what a line says, past the dashes of a list.
fn content(line: &str) -> usize {
    let mut at = indent(line);
    while line[at..].starts_with("- ") {
        at += 2;
        at += line[at..].len() - line[at..].trim_start().len();
    }
    at
}

/// Walks down the path as far as the document has it. Where the last field is missing, its parent is meant.
fn follow(lines: &[&str], start: usize, path: &[String]) -> Option<Place> {
    let end = document_end(lines, start);
    let (mut from, mut to, mut found) = (start, end, None);
    for part in path {
        let next = match part.parse::<usize>() {
            Ok(index) => item(lines, from, to, index),
            Err(_) => key(lines, from, to, part),
        };
        let Some((line, inner_to)) = next else { break };
        found = Some((line, part.clone()));
        from = line;
        to = inner_to;
        if part.parse::<usize>().is_err() {
            // A flow mapping or an item's first field keeps the rest on the same line.
            from = if lines[line].contains('{') || line + 1 >= inner_to { line } else { line + 1 };
        }
    }
    let (line, part) = found?;
    Some(value_of(lines, line, &part))
}

/// The line of `name:` among the shallowest lines of the stretch, and where what is below it ends.
fn key(lines: &[&str], from: usize, to: usize, name: &str) -> Option<(usize, usize)> {
    let wanted = format!("{name}:");
    let flow = [format!("{{ {wanted}"), format!("{{{wanted}"), format!(", {wanted}")];
    let depth = (from..to).filter(|line| !lines[*line].trim().is_empty()).map(|line| content(lines[line])).min()?;
    let block = (from..to).find(|line| content(lines[*line]) == depth && lines[*line][depth..].starts_with(&wanted));
    let line = block.or_else(|| (from..to).find(|line| flow.iter().any(|text| lines[*line].contains(text))))?;
    let end = (line + 1..to)
        .find(|next| {
            let text = lines[*next];
            let below = content(text) > depth || (indent(text) == depth && text.trim_start().starts_with('-'));
            !text.trim().is_empty() && !below
        })
        .unwrap_or(to);
    Some((line, end))
}

/// The lines of the `index`-th item of a list.
fn item(lines: &[&str], from: usize, to: usize, index: usize) -> Option<(usize, usize)> {
    let dashes: Vec<usize> = (from..to).filter(|line| lines[*line].trim_start().starts_with('-')).collect();
    let depth = dashes.iter().map(|line| indent(lines[*line])).min()?;
    let mut own = dashes.into_iter().filter(|line| indent(lines[*line]) == depth).skip(index);
    let line = own.next()?;
    Some((line, own.next().unwrap_or(to)))
}

/// The value of `part` on its line, or the key where it has none there.
fn value_of(lines: &[&str], line: usize, part: &str) -> Place {
    let text = lines[line];
    let Some(at) = text.find(&format!("{part}:")) else { return whole(lines, line) };
    let rest = &text[at + part.len() + 1..];
    let value = rest.trim();
    let value = value.split([',', '}']).next().unwrap_or(value).trim();
    let (from, length) = if value.is_empty() {
        (at, part.len())
    } else {
        (at + part.len() + 1 + rest.find(value).unwrap_or(0), value.len())
    };
    Place { line, from: text[..from].chars().count(), to: text[..from + length].chars().count() }
}

fn whole(lines: &[&str], line: usize) -> Place {
    let text = lines.get(line).copied().unwrap_or_default();
    Place { line, from: indent(text), to: text.trim_end().chars().count().max(indent(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replica: 6
  template:
    spec:
      containers:
      - name: web
        image: nginx:1.27
      - name: side
        imag: x
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports:
  - port: 80800
    targetPort: 80
";

    #[track_caller]
    fn check(message: &str, line: usize, marked: &str) {
        let place = locate(TEXT, message, None);
        let text: String = TEXT
            .lines()
            .nth(place.line)
            .unwrap_or_default()
            .chars()
            .skip(place.from)
            .take(place.to - place.from)
            .collect();
        assert_eq!((place.line + 1, text.as_str()), (line, marked), "{message}");
    }

    #[test]
    fn errors_are_found_where_they_were_written() {
        check(
            "The Service \"web\" is invalid: spec.ports[0].port: Invalid value: 80800: must be between 1 and 65535, inclusive",
            21,
            "80800",
        );
        check("The Deployment \"web\" is invalid: spec.replica: unknown", 6, "6");
        check(
            "error: error parsing STDIN: error converting YAML to JSON: yaml: line 9: did not find",
            9,
            "containers:",
        );
        check("The Service \"web\" is invalid: spec.clusterIP: Invalid value", 18, "spec");
        check("something else", 2, "kind: Deployment");
    }

    #[test]
    fn strict_decoding_names_the_field() {
        let message = "Error from server (BadRequest): error when creating \"STDIN\": Deployment in version \"v1\" cannot be \
                       handled as a Deployment: strict decoding error: unknown field \"spec.template.spec.containers[1].imag\"";
        let place = locate(TEXT, message, Some(0));
        assert_eq!(place.line + 1, 13);
    }

    #[test]
    fn the_nearby_document_is_searched() {
        let place = locate(TEXT, "spec.selector: Required value", Some(15));
        assert_eq!(place.line + 1, 19);
    }

    #[test]
    fn nothing_is_not_a_crash() {
        assert_eq!(locate("", "yaml: line 3: x", None), Place { line: 0, from: 0, to: 0 });
    }
}
