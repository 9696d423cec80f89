//! Every test: native, then the page in a browser.

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
    crate::run(Command::new("node").args(["--test", "--test-concurrency=1"]).args(files).env("CHROMIUM", browser))
}
