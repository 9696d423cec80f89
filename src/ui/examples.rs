//! The examples: manifests in `examples/gallery/`, each with a comment on top that says what it is, what
//! there is to look for, and where it ends. `tests/gallery.rs` runs every one to its end.

/// An example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    pub text: &'static str,
}

/// The groups, in the order they are shown.
pub const GROUPS: [&str; 7] =
    ["First steps", "Rolling out", "Workloads", "When it breaks", "Scheduling", "Configuration", "Lifecycle"];

macro_rules! examples {
    ($($name:literal),* $(,)?) => {
        &[$(Example { text: include_str!(concat!("../../examples/gallery/", $name, ".yaml")) }),*]
    };
}

/// Every example; the first of them is what the editor starts with.
pub const EXAMPLES: &[Example] = examples![
    "deployment",
    "pod",
    "namespace",
    "rolling-update",
    "recreate",
    "stuck-rollout",
    "ordered",
    "everywhere",
    "indexed",
    "every-minute",
    "claim",
    "budget",
    "crash",
    "image",
    "mixed",
    "too-large",
    "one-per-node",
    "spread",
    "configuration",
    "four",
    "missing-config",
    "init",
    "liveness",
    "one-shot",
];

impl Example {
    /// What goes into the editor: the file without its comment.
    pub fn manifest(self) -> &'static str {
        let mut rest = self.text;
        while rest.starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
        rest
    }

    /// What its comment says under `name`.
    fn said(self, name: &str) -> &'static str {
        let comment = self.text.lines().take_while(|line| line.starts_with('#'));
        let mut lines = comment.filter_map(|line| line[1..].trim().split_once(": "));
        lines.find(|(said, _)| *said == name).map_or("", |(_, words)| words)
    }

    /// Its name.
    pub fn title(self) -> &'static str {
        self.said("Title")
    }

    /// What it teaches: one of `GROUPS`.
    pub fn group(self) -> &'static str {
        self.said("Group")
    }

    /// What there is to see.
    pub fn look(self) -> &'static str {
        self.said("Look")
    }

    /// The line that goes on from its first end, if it has one.
    pub fn then(self) -> Option<&'static str> {
        Some(self.said("Then")).filter(|line| !line.is_empty())
    }
}

/// The example that a text is.
pub fn which(text: &str) -> Option<Example> {
    EXAMPLES.iter().copied().find(|example| example.manifest() == text)
}

/// Whether somebody would miss the text: it is neither empty nor an example.
pub fn is_own(text: &str) -> bool {
    !text.trim().is_empty() && which(text).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_an_example_and_says_what_it_is() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gallery");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the gallery is there")
            .flatten()
            .map(|entry| std::fs::read_to_string(entry.path()).expect("it can be read"))
            .collect();
        files.sort();
        let mut shown: Vec<&str> = EXAMPLES.iter().map(|example| example.text).collect();
        shown.sort_unstable();
        assert_eq!(files, shown);
        for example in EXAMPLES {
            assert!(!example.title().is_empty() && !example.look().is_empty(), "{}", example.text);
            assert!(GROUPS.contains(&example.group()), "{}: {}", example.title(), example.group());
        }
        for group in GROUPS {
            assert!(EXAMPLES.iter().any(|example| example.group() == group), "{group} is empty");
        }
    }

    #[test]
    fn only_what_somebody_wrote_would_be_missed() {
        assert!(!is_own(" \n"));
        assert!(!is_own(EXAMPLES[1].manifest()));
        assert!(EXAMPLES[1].manifest().starts_with("apiVersion: v1\nkind: Pod\n"));
        assert!(is_own(&format!("{}# mine\n", EXAMPLES[1].manifest())));
    }
}
