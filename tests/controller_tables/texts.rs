//! Texts of a table, in which `<…>` stands for anything.

/// Whether a text is one of a template's. A `<hash>` stands for itself: it is what hashes are replaced by.
pub fn fits(template: &str, text: &str) -> bool {
    let (mut pieces, mut rest) = (vec![String::new()], template);
    while let Some((before, after)) = rest.split_once('<') {
        let last = pieces.last_mut().expect("there is one");
        last.push_str(before);
        match after.split_once('>') {
            Some(("hash", after)) => {
                last.push_str("<hash>");
                rest = after;
            }
            Some((_, after)) => {
                pieces.push(String::new());
                rest = after;
            }
            None => {
                last.push('<');
                rest = after;
            }
        }
    }
    pieces.last_mut().expect("there is one").push_str(rest);
    let (first, others) = pieces.split_first().expect("there is one");
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    let Some((last, middle)) = others.split_last() else { return rest.is_empty() };
    for piece in middle {
        match rest.split_once(piece.as_str()) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last.as_str())
}

#[test]
fn a_template_fits_its_texts() {
    assert!(fits("Created job hello-<minutes>", "Created job hello-1"));
    assert!(fits("<quoted> : <error>", "\"x\" : expected"));
    assert!(fits("set \"web-<hash>\" <what> done", "set \"web-<hash>\" is done"));
    assert!(!fits("set \"web-<hash>\"", "set \"web-1\""));
    assert!(!fits("a <b> c", "a b d"));
    assert!(!fits("a", "ab"));
    assert!(fits("a < b", "a < b"));
}
