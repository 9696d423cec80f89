//! What became of the editor's documents, from what kubectl printed.

use std::rc::Rc;

use crate::cluster::InvocationView;
use crate::sim::Order;

use super::locate::{Place, locate};
use super::screen::Marks;

/// The marks that an invocation of `kubectl apply -f -` leaves on the text it was given.
pub fn marks(text: &Rc<str>, view: &InvocationView) -> Marks {
    let mut marks = Marks { text: text.clone(), ..Marks::default() };
    let documents = documents(text);
    for line in view.stdout.lines() {
        if let Some((at, what)) = result(line, &documents) {
            marks.notes.push((at, false, what));
        }
    }
    let told = view.diagnostics.iter().map(|(_, line, message)| ((*line > 0).then_some(*line), message.as_str()));
    marks.errors = errors(text, told, &view.stderr);
    if marks.errors.is_empty() && view.code.is_some_and(|code| code != 0) && !view.stderr.trim().is_empty() {
        marks.errors = errors(text, [(None, view.stderr.trim())], &view.stderr);
    }
    for (place, message) in &marks.errors {
        if let Some(document) = documents.iter().rev().find(|document| document.start <= place.line) {
            // One finding stands behind the object's name, several stand on lines of their own.
            let word =
                if message.contains("is invalid") || message.starts_with("* ") { "refused 422" } else { "refused" };
            marks.notes.push((document.kind_line, true, word.to_owned()));
        }
    }
    if view.code.is_none() {
        for document in &documents {
            if !marks.notes.iter().any(|(line, _, _)| *line == document.kind_line) {
                marks.notes.push((document.kind_line, false, "sending".to_owned()));
            }
        }
    }
    marks
}

/// What was said of a text, each with the line (from 1) of its document or field where that is known: at the
/// places that are meant, as the whole lines of `stderr`, by line.
pub fn errors<'a>(
    text: &str,
    told: impl IntoIterator<Item = (Option<u32>, &'a str)>,
    stderr: &str,
) -> Vec<(Place, String)> {
    let mut errors: Vec<(Place, String)> = told
        .into_iter()
        .map(|(line, message)| {
            let message = in_full(message.trim(), stderr);
            (locate(text, &message, line.map(|line| line as usize - 1)), message)
        })
        .collect();
    errors.order_by_key(|(place, _)| place.line);
    errors
}

/// The whole line that kubectl printed, where the message is a part of one.
fn in_full(message: &str, stderr: &str) -> String {
    let line = stderr.lines().find(|line| line.contains(message));
    line.map_or(message, str::trim).to_owned()
}

/// A document of the text.
#[derive(Debug, PartialEq, Eq)]
struct Document {
    start: usize,
    kind_line: usize,
    kind: String,
    name: String,
}

fn documents(text: &str) -> Vec<Document> {
    let mut out = Vec::new();
    let mut current: Option<Document> = None;
    let mut in_metadata = false;
    for (index, line) in text.lines().enumerate() {
        if line == "---" {
            out.extend(current.take());
            in_metadata = false;
            continue;
        }
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let document = current.get_or_insert(Document {
            start: index,
            kind_line: index,
            kind: String::new(),
            name: String::new(),
        });
        if let Some(kind) = line.strip_prefix("kind:") {
            document.kind = kind.trim().to_lowercase();
            document.kind_line = index;
        }
        if !line.starts_with(' ') {
            in_metadata = line.starts_with("metadata:");
        }
        let name = line.split("name:").nth(1).filter(|_| in_metadata && document.name.is_empty());
        if let Some(name) = name {
            document.name =
                name.trim().trim_matches(['"', '\'']).split([',', ' ', '}']).next().unwrap_or_default().to_owned();
        }
    }
    out.extend(current);
    out
}

/// `deployment.apps/web created`: the line of its document's kind, and the word.
fn result(line: &str, documents: &[Document]) -> Option<(usize, String)> {
    let (object, word) = line.trim().split_once(' ')?;
    let (kind, name) = object.split_once('/')?;
    let kind = kind.split('.').next()?;
    let document = documents.iter().find(|document| document.kind == kind && document.name == name)?;
    Some((document.kind_line, word.to_owned()))
}

/// How many objects the text holds.
pub fn count(text: &str) -> usize {
    documents(text).len()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const TEXT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n---\napiVersion: v1\nkind: Service\n\
                        metadata: { name: web }\nspec:\n  ports:\n  - port: 80800\n";

    fn view(stdout: &str, diagnostics: Vec<(u32, u32, String)>, code: Option<i32>) -> InvocationView {
        InvocationView {
            line: Arc::from("kubectl apply -f -"),
            stdout: stdout.to_owned(),
            stderr: String::new(),
            output: Vec::new(),
            code,
            diagnostics,
        }
    }

    #[test]
    fn results_stand_at_the_kind_and_errors_at_their_line() {
        let text: Rc<str> = Rc::from(TEXT);
        let message = "The Service \"web\" is invalid: spec.ports[0].port: Invalid value: 80800: must be between 1 and 65535, inclusive";
        let found = marks(&text, &view("deployment.apps/web created\n", vec![(1, 6, message.to_owned())], Some(1)));
        assert_eq!(found.notes, vec![(1, false, "created".to_owned()), (6, true, "refused 422".to_owned())]);
        assert_eq!(found.errors[0].0.line, 10);
        assert_eq!(count(TEXT), 2);
    }

    #[test]
    fn what_is_not_answered_is_being_sent() {
        let text: Rc<str> = Rc::from(TEXT);
        let found = marks(&text, &view("", Vec::new(), None));
        assert_eq!(found.notes.len(), 2);
        assert!(found.errors.is_empty());
    }
}
