//! Every test: native, then the page in a browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, cargo, output, page, root, step, tools};

/// Runs everything; the first failure ends it.
pub fn run() -> Result {
    step("native tests");
    native()?;
    step("the page");
    page::build(page::Build::Optimized)?;
    page::report_size()?;
    step("the page's tests in a browser");
    browser()
}

fn native() -> Result {
    let mut tests = cargo();
    if output(cargo().args(["nextest", "--version"])).is_some() {
        tests.args(["nextest", "run", "--workspace", "--all-features", "--no-fail-fast"]);
    } else {
        tests.args(["test", "--workspace", "--all-features", "--no-fail-fast"]);
    }
    crate::run(&mut tests)
}

fn browser() -> Result {
    let browser = tools::browser()?;
    let mut files: Vec<_> = std::fs::read_dir(root().join("tests/page"))
        .map_err(|error| format!("tests/page: {error}"))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err("tests/page holds no test".to_owned());
    }
    // The page lives by the wall clock, and these machines are shared: a file that fails has one more try, alone
    // and told. A fault in the page fails both.
    let fails = |files: Vec<PathBuf>| -> Vec<PathBuf> {
        files.into_iter().filter(|file| crate::run(&mut page_tests(file, &browser)).is_err()).collect()
    };
    let first = fails(files);
    let names = |files: &[PathBuf]| files.iter().map(|file| name(file)).collect::<Vec<_>>().join(", ");
    if !first.is_empty() {
        step(&format!("once more: {}", names(&first)));
    }
    let second = fails(first.clone());
    for file in first.iter().filter(|file| !second.contains(file)) {
        step(&format!("flaky: {} failed once and then passed", name(file)));
    }
    if second.is_empty() { Ok(()) } else { Err(format!("page tests failed twice: {}", names(&second))) }
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn page_tests(file: &Path, browser: &Path) -> Command {
    let mut tests = Command::new("node");
    tests.args(["--test", "--test-concurrency=1"]).arg(file).env("CHROMIUM", browser);
    tests
}
