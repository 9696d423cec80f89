//! The pictures that are kept in docs/: the page in its sizes and both themes.

use std::fs;
use std::process::Command;

use crate::{Result, page, root, step, tools};

/// What docs/ may hold of them.
const TOTAL_KIB_MAX: u64 = 2_560;

/// Builds the page, takes every picture, and fails where they have grown too large.
pub fn run() -> Result {
    page::build(page::Build::Quick)?;
    let browser = tools::browser()?;
    step("taking the pictures");
    crate::run(Command::new("node").arg("tests/page/pictures.mjs").env("CHROMIUM", browser))?;
    let folder = root().join("docs");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let pictures =
        entries.flatten().filter(|entry| entry.path().extension().is_some_and(|extension| extension == "png"));
    let bytes: u64 = pictures.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum();
    println!("docs: {} KiB of pictures", bytes / 1024);
    if bytes / 1024 > TOTAL_KIB_MAX { Err(format!("the pictures are larger than {TOTAL_KIB_MAX} KiB")) } else { Ok(()) }
}
