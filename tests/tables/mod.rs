//! The tables of what upstream decides, as JSON: `{groups: [{id, …}], cases: [{group, name, in, expect}]}`.
//!
//! They lie in the folder that `KUBARIUM_CORPUS` names, by default `shared/corpus` beside the checkout.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Fails for a row of a file and group that gives or expects what no reader looks at.
pub type Known = fn(file: &str, group: &str, given: &Value, expected: &Value);

/// A table and what became of its cases.
pub struct Table {
    pub root: Value,
    pub known: Option<Known>,
    file: String,
    ran: RefCell<Vec<usize>>,
    missed: RefCell<Vec<String>>,
}

/// Whether the corpus is one that somebody named. It need not have every file.
pub fn is_named() -> bool {
    std::env::var_os("KUBARIUM_CORPUS").is_some()
}

/// The folder of the corpus.
pub fn corpus() -> PathBuf {
    if let Some(named) = std::env::var_os("KUBARIUM_CORPUS") {
        return PathBuf::from(named);
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [home.join("../shared/corpus"), home.join("../../shared/corpus")];
    let found = places.into_iter().find(|place| place.is_dir());
    found.expect("the corpus lies in ../shared or ../../shared, or where KUBARIUM_CORPUS says")
}

/// Runs every table of a folder, all of them even where some miss, and gives how many there are.
#[allow(dead_code, reason = "the controllers' tables are read by topic")]
pub fn each_file(folder: &Path, run: impl Fn(Table)) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "json")).collect();
    files.sort();
    let ran = |path: &PathBuf| catch_unwind(AssertUnwindSafe(|| run(Table::of(path)))).map_err(|panic| why(&*panic));
    let missed: Vec<String> = files.iter().filter_map(|path| ran(path).err()).collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    files.len()
}

/// The text of an assertion that failed.
pub fn why(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

impl Table {
    /// Reads `<room>/<file>.json` of the corpus, and behind its cases those of `more`, where the file may be too. A
    /// corpus that somebody named need not have it.
    #[allow(dead_code, reason = "the scheduler's tables are all read, whatever they are called")]
    pub fn read(room: &str, file: &str, more: &Path) -> Self {
        let (path, own) = (corpus().join(room).join(format!("{file}.json")), more.join(format!("{file}.json")));
        let mut table = if is_named() && !path.exists() { Table::of(&own) } else { Table::of(&path) };
        if own.exists() && path.exists() {
            let more = Table::of(&own).cases().to_vec();
            table.root["cases"].as_array_mut().expect("a table has cases").extend(more);
        }
        table
    }

    /// Reads a file.
    pub fn of(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let root = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        Table { root, known: None, file, ran: RefCell::default(), missed: RefCell::default() }
    }

    /// All cases.
    pub fn cases(&self) -> &[Value] {
        self.root["cases"].as_array().expect("a table has cases")
    }

    /// Runs every case of these groups, with its group, name, `in` and `expect`.
    #[allow(dead_code, reason = "the scheduler's tables have no groups")]
    pub fn run(&self, groups: &[&str], check: impl Fn(&str, &str, &Value, &Value)) {
        for (index, case) in self.cases().iter().enumerate() {
            let group = case["group"].as_str().unwrap_or_default();
            if groups.contains(&group) {
                let name = case["name"].as_str().unwrap_or_default();
                self.run_one(index, || {
                    if let Some(known) = self.known {
                        known(&self.file, group, &case["in"], &case["expect"]);
                    }
                    check(group, name, &case["in"], &case["expect"]);
                });
            }
        }
    }

    /// Runs the case at a place. A check that panics is a miss.
    pub fn run_one(&self, index: usize, check: impl Fn()) {
        self.ran.borrow_mut().push(index);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(check)) {
            let case = &self.cases()[index];
            let text = format!("{} {}: {}", case["group"].as_str().unwrap_or(""), case["name"], why(&*panic));
            self.missed.borrow_mut().push(text);
        }
    }

    /// Prints `N of M` and every miss, and fails if there is one. A case that nobody ran is one.
    pub fn done(self) {
        let (ran, mut missed) = (self.ran.borrow(), self.missed.borrow().clone());
        let left = self.cases().iter().enumerate().filter(|(index, _)| !ran.contains(index));
        missed.extend(left.map(|(_, case)| format!("{} {}: no check knows this group", case["group"], case["name"])));
        let total = self.cases().len();
        let passed = total.saturating_sub(missed.len());
        println!("{}: {passed} of {total}", self.file);
        for miss in &missed {
            println!("  missed {miss}");
        }
        assert!(missed.is_empty(), "{}: {passed} of {total}; missed:\n{}", self.file, missed.join("\n"));
    }
}
