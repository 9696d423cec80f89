//! Measures natively and in headless Chromium, prints the table, writes BENCHMARKS.md.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::{Result, cargo, output, page, root, step, tools};

/// One line of the table: what, target, measured.
struct Row {
    what: String,
    target: String,
    measured: String,
}

/// Runs the measurements.
pub fn run() -> Result {
    step("measuring natively");
    crate::run(cargo().args(["build", "--release", "--example", "bench"]))?;
    let native = rows(cargo().args(["run", "--quiet", "--release", "--example", "bench"]).current_dir(root()))?;
    step("measuring in the browser");
    page::build(page::Build::Optimized)?;
    let weight = page::weigh(&root().join("dist"))?;
    let browser = tools::browser()?;
    let mut browser_rows = rows(
        Command::new("node")
            .arg("tests/page/bench.mjs")
            .env("CHROMIUM", browser)
            .env("KERNEL_WASM", kernel_wasm()?)
            .current_dir(root()),
    )?;
    for (what, kib, target) in [
        ("application: Wasm, scripts, styles; brotli", weight.application_kib, format!("≤ {} KiB", page::BUDGET_KIB)),
        ("editor and its schema, fetched when used; brotli", weight.editor_kib, String::new()),
    ] {
        browser_rows.push(Row { what: what.to_owned(), target, measured: format!("{kib:.0} KiB") });
    }
    let text = render(&native, &browser_rows);
    print!("{text}");
    fs::write(root().join("BENCHMARKS.md"), text).map_err(|error| format!("BENCHMARKS.md: {error}"))
}

/// The bare kernel as Wasm, built for speed as the native one is.
fn kernel_wasm() -> Result<PathBuf> {
    let target = "wasm32-unknown-unknown";
    crate::run(cargo().args(["build", "--release", "--target", target, "--package", "kernel-bench"]))?;
    let target_folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target_folder.join(target).join("release/kernel_bench.wasm"))
}

/// Reads rows of `what<TAB>target<TAB>measured`.
fn rows(command: &mut Command) -> Result<Vec<Row>> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let text =
        output(command).ok_or_else(|| format!("the measurement by {shown} failed: run it by hand to see why"))?;
    text.lines()
        .map(|line| match line.split('\t').collect::<Vec<_>>().as_slice() {
            [what, target, measured] => {
                Ok(Row { what: (*what).to_owned(), target: (*target).to_owned(), measured: (*measured).to_owned() })
            }
            _ => Err(format!("a measurement printed a line that is no row: {line}")),
        })
        .collect()
}

fn render(native: &[Row], page: &[Row]) -> String {
    let machine = output(Command::new("uname").args(["-sm"])).unwrap_or_default();
    let rustc = output(Command::new("rustc").arg("--version")).unwrap_or_default();
    let mut text = format!(
        "# Benchmarks\n\nWritten by `cargo xtask bench` on {machine}, {rustc}. Machines differ and are shared: read ratios, \
         and compare only within one run.\n"
    );
    for (title, rows) in [("Native", native), ("Headless Chromium", page)] {
        text.push_str(&format!("\n## {title}\n\n| what | target | measured |\n|---|---|---|\n"));
        for row in rows {
            text.push_str(&format!("| {} | {} | {} |\n", row.what, row.target, row.measured));
        }
    }
    text
}
