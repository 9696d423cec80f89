//! The project's chores: `cargo xtask serve`, `test`, `build`, `bench`, `pictures`, `editor`, `schema`.

mod bench;
mod page;
mod pictures;
mod serve;
mod test;
mod tools;
mod writing;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use page::Build;

const USAGE: &str = "\
usage: cargo xtask <command>

  serve [--port N] [--quick] [--no-build]
                                  build the page and serve it on this machine
  test                            every test, those in Chromium included
  build                           the optimized page in dist/, with its size
  build --quick                   the page without optimization, while working on it
  bench                           measure, print the table, write BENCHMARKS.md
  pictures                        take the pictures in docs/ anew
  editor                          bundle static/src/ into static/editor.js, which is checked in
  schema                          write static/schema.json, which is checked in
  tools                           only install what the others need
";

/// What a chore gives: nothing, or a sentence about what went wrong.
type Result<T = ()> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", options @ ..] => serve::run(options),
        ["test"] => test::run(),
        ["build"] => page::build(Build::Optimized).and_then(|()| page::report_size()),
        ["build", "--quick"] => page::build(Build::Quick),
        ["bench"] => bench::run(),
        ["pictures"] => pictures::run(),
        ["editor"] => writing::editor(),
        ["schema"] => writing::schema(),
        ["tools"] => tools::Tools::ensure().map(|_| ()),
        [] | ["help" | "-h" | "--help"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [other, ..] => Err(format!("unknown command {other}\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's folder.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the repository").to_path_buf()
}

/// Says what is being done.
fn step(text: &str) {
    eprintln!("\x1b[1m==>\x1b[0m {text}");
}

/// Runs a command in the repository's folder, its output going through, and fails with its name.
fn run(command: &mut Command) -> Result {
    let shown = format!("{} {}", command.get_program().to_string_lossy(), {
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        words.join(" ")
    });
    let status = command.current_dir(root()).status().map_err(|error| format!("cannot run `{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed: {status}")) }
}

/// What a command prints, trimmed; `None` if it is not there or fails.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The cargo that runs this.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
