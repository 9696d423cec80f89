//! Files that somebody brings to the editor: dropped, pasted, or chosen.

use crate::sim::Order;
use js_sys::Array;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, FileList};

/// What became of them.
pub enum Brought {
    /// One text, its documents one after another.
    Text(String),
    /// Too much: so many bytes.
    TooLarge(usize),
    /// A file that could not be read, by name.
    Unreadable(String),
}

/// Reads files, in the order of their names: several become several documents. They are taken at once: a
/// chooser's list is empty as soon as the chooser is cleared.
pub fn read(list: &FileList, bytes_max: usize) -> impl Future<Output = Brought> + use<> {
    let mut files: Vec<File> = Array::from(list).iter().filter_map(|file| file.dyn_into().ok()).collect();
    files.order_by_key(File::name);
    read_all(files, bytes_max)
}

async fn read_all(files: Vec<File>, bytes_max: usize) -> Brought {
    let bytes: f64 = files.iter().map(|file| file.size()).sum();
    if bytes > bytes_max as f64 {
        return Brought::TooLarge(bytes as usize);
    }
    let mut texts = Vec::new();
    for file in files {
        match JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string()) {
            // A NUL is in no YAML: this is something else.
            Some(text) if !text.contains('\0') => texts.push(text),
            _ => return Brought::Unreadable(file.name()),
        }
    }
    Brought::Text(join(&texts))
}

/// Texts as documents of one.
fn join(texts: &[String]) -> String {
    let mut all = String::new();
    for text in texts.iter().map(|text| text.trim_start_matches('\u{feff}')).filter(|text| !text.trim().is_empty()) {
        if !all.is_empty() {
            if !all.ends_with('\n') {
                all.push('\n');
            }
            if !text.starts_with("---") && !all.trim_end().ends_with("\n---") {
                all.push_str("---\n");
            }
        }
        all.push_str(text);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn several_files_are_several_documents() {
        let join = |texts: &[&str]| join(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(join(&["a: 1", "b: 2\n"]), "a: 1\n---\nb: 2\n");
        assert_eq!(join(&["a: 1\n---\n", "---\nb: 2\n", "\n", "\u{feff}c: 3"]), "a: 1\n---\n---\nb: 2\n---\nc: 3");
        assert_eq!(join(&["a: 1\n"]), "a: 1\n");
        assert_eq!(join(&[]), "");
    }
}
