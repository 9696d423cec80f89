//! What is wrong with the editor's text while it is written, without touching the running cluster.

use std::rc::Rc;

use serde_json::{Value, json};

use crate::api::decode::json_writer::Json;
use crate::kubectl::check;

use super::editor_marks;
use super::screen::Marks;

/// Longer texts are only checked by applying them.
const BYTES_MAX: usize = 256 * 1024;

/// The marks of a text: what `kubectl apply -f -` would refuse, at its line.
pub fn marks(text: &Rc<str>) -> Marks {
    let mut marks = Marks { text: text.clone(), ..Marks::default() };
    if text.len() > BYTES_MAX {
        return marks;
    }
    let checked = check(text);
    let told = checked.diagnostics.iter().map(|one| (one.line, &*one.message));
    marks.errors = editor_marks::errors(text, told, &checked.stderr);
    marks
}

/// Marks as the editor's module reads them.
pub fn to_json(marks: &Marks) -> String {
    let notes: Vec<Value> = marks.notes.iter().map(|(line, bad, word)| json!([line, bad, word])).collect();
    let errors: Vec<Value> =
        marks.errors.iter().map(|(place, message)| json!([place.line, place.from, place.to, message])).collect();
    json!({ "notes": notes, "errors": errors }).json()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marked text of each error's line, and its message.
    fn found(text: &str) -> Vec<(usize, String, String)> {
        let marks = marks(&Rc::from(text));
        let marked = |place: &super::super::locate::Place| -> String {
            let line = text.lines().nth(place.line).unwrap_or_default();
            line.chars().skip(place.from).take(place.to - place.from).collect()
        };
        marks.errors.iter().map(|(place, words)| (place.line + 1, marked(place), words.clone())).collect()
    }

    #[track_caller]
    fn check(text: &str, line: usize, marked: &str, words: &str) {
        let found = found(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].0, found[0].1.as_str()), (line, marked), "{found:?}");
        assert!(found[0].2.contains(words), "{found:?}");
    }

    const POD: &str =
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: c\n    image: nginx\n";

    #[test]
    fn errors_stand_where_they_were_written() {
        assert_eq!(found(POD), []);
        check(
            &POD.replace("image:", "imag:"),
            8,
            "nginx",
            "strict decoding error: unknown field \"spec.containers[0].imag\"",
        );
        check(&POD.replace("kind: Pod", "kind: Pot"), 2, "kind: Pot", "no matches for kind \"Pot\" in version \"v1\"");
        check(
            &POD.replace("name: p", "name: P"),
            4,
            "P",
            "The Pod \"P\" is invalid: metadata.name: Invalid value: \"P\"",
        );
        check(
            &POD.replace("  name: p", "   name: p\n  x"),
            4,
            "name: p",
            "error converting YAML to JSON: yaml: line 4: ",
        );
        check(
            &POD.replace("nginx", "7"),
            8,
            "7",
            "json: cannot unmarshal number into Go struct field Container.spec.containers.image of type string",
        );
    }

    #[test]
    fn the_second_document_is_blamed_for_its_own() {
        let text = format!(
            "{POD}---\napiVersion: v1\nkind: Service\nmetadata:\n  name: s\nspec:\n  ports:\n  - port: 80800\n"
        );
        let found = found(&text);
        assert_eq!((found[0].0, found[0].1.as_str()), (16, "80800"), "{found:?}");
        assert!(found[0].2.starts_with("* spec.ports[0].port: Invalid value: 80800"), "{found:?}");
        // The target port that is not given is the port.
        assert!(found[1].2.starts_with("* spec.ports[0].targetPort: Invalid value: 80800"), "{found:?}");
        assert!(found.len() == 2 && found.iter().all(|error| error.0 == 16), "{found:?}");
    }

    #[test]
    fn a_long_text_waits_until_it_is_applied() {
        let text = format!("{}kind: [\n", "# a\n".repeat(BYTES_MAX / 4));
        assert_eq!(found(&text), []);
    }

    #[test]
    fn the_module_reads_lines_stretches_and_words() {
        let marks = marks(&Rc::from("kind: Pod\n"));
        let json: Value = serde_json::from_str(&to_json(&marks)).expect("it is JSON");
        assert_eq!(json["errors"][0][0], 0);
        assert!(json["errors"][0][3].as_str().is_some_and(|words| words.contains("apiVersion not set")));
    }
}
