//! The tools the page is built and tested with: found where they are, installed where they are not.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, cargo, output, root, run, step};

const TRUNK_VERSION: &str = "0.21.14";

/// The tools, ready for use.
pub struct Tools {
    /// Folders to put before `PATH`.
    folders: Vec<PathBuf>,
}

impl Tools {
    /// Makes sure that the wasm32 target, Trunk, the matching `wasm-bindgen` and `wasm-opt` are there.
    pub fn ensure() -> Result<Tools> {
        target()?;
        let bindgen = locked_version("wasm-bindgen")?;
        let mut folders = Vec::new();
        folders.extend(installed("trunk", "trunk", TRUNK_VERSION, true)?);
        folders.extend(installed("wasm-bindgen", "wasm-bindgen-cli", &bindgen, false)?);
        node_packages()?;
        folders.push(root().join("node_modules/.bin"));
        Ok(Tools { folders })
    }

    /// A command that finds the tools.
    pub fn command(&self, program: &str) -> Command {
        let mut paths = self.folders.clone();
        paths.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        let path = env::join_paths(paths).expect("folders came from PATH or have plain names");
        let program = self
            .folders
            .iter()
            .map(|folder| folder.join(program))
            .find(|candidate| candidate.is_file())
            .unwrap_or_else(|| PathBuf::from(program));
        let mut command = Command::new(program);
        command.env("PATH", path);
        command
    }
}

/// Adds the wasm32 target to the toolchain in use.
fn target() -> Result {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root()))
        .ok_or("rustc is not there: install Rust with rustup")?;
    if Path::new(&sysroot).join("lib/rustlib/wasm32-unknown-unknown/lib").is_dir() {
        return Ok(());
    }
    step("adding the wasm32-unknown-unknown target");
    run(Command::new("rustup").args(["target", "add", "wasm32-unknown-unknown"]))
        .map_err(|error| format!("{error}. The target is rustup's to add: is this toolchain rustup's?"))
}

/// The version of a package in Cargo.lock.
fn locked_version(package: &str) -> Result<String> {
    let path = root().join("Cargo.lock");
    let lock = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lines = lock.lines();
    lines
        .find(|line| *line == format!("name = \"{package}\""))
        .and_then(|_| lines.next())
        .and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .ok_or_else(|| format!("Cargo.lock names no {package}"))
}

/// Where tools are kept for this user, so that a second clone need not build them again.
fn cache() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("KUBARIUM_CACHE") {
        return Ok(PathBuf::from(folder));
    }
    if let Some(folder) = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder).join("kubarium"));
    }
    let home = env::var_os("HOME").or_else(|| env::var_os("USERPROFILE")).ok_or("HOME is not set")?;
    let caches = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    Ok(PathBuf::from(home).join(caches).join("kubarium"))
}

/// Finds `program` at `version` on PATH or in the cache, or builds it into the cache. Gives the folder
/// to put before PATH, where one is needed.
fn installed(program: &str, package: &str, version: &str, locked: bool) -> Result<Option<PathBuf>> {
    let is_right = |path: &Path| {
        output(Command::new(path).arg("--version"))
            .is_some_and(|text| text.split_whitespace().any(|word| word == version))
    };
    if is_right(Path::new(program)) {
        return Ok(None);
    }
    let folder = cache()?.join(format!("{package}-{version}"));
    let binaries = folder.join("bin");
    if !is_right(&binaries.join(program)) {
        step(&format!("building {package} {version} into {} (a few minutes, once per user)", folder.display()));
        let mut install = cargo();
        install.args(["install", package, "--version", version, "--root"]).arg(&folder);
        if locked {
            install.arg("--locked");
        }
        // Its own target folder goes with the system's temporary files, not into this repository's.
        install.env_remove("CARGO_TARGET_DIR");
        run(&mut install)?;
    }
    Ok(Some(binaries))
}

/// Installs the npm packages of package-lock.json: binaryen, and what drives the browser tests.
fn node_packages() -> Result {
    let lock = root().join("package-lock.json");
    let marker = root().join("node_modules/.installed");
    let wanted = std::fs::read(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    if std::fs::read(&marker).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    step("installing npm packages");
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]))
        .map_err(|error| format!("{error}. Node.js 20 or newer with npm is needed"))?;
    std::fs::write(&marker, wanted).map_err(|error| format!("{}: {error}", marker.display()))
}

/// The browser for the page's tests: `CHROMIUM`, or the first that is found. As root on a machine with
/// apt it is installed.
pub fn browser() -> Result<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM") {
        return Ok(PathBuf::from(path));
    }
    if let Some(found) = find_browser() {
        return Ok(found);
    }
    let is_root = output(Command::new("id").arg("-u")).as_deref() == Some("0");
    let has_apt = output(Command::new("apt-get").arg("--version")).is_some();
    if is_root && has_apt {
        step("installing Debian's chromium");
        run(Command::new("apt-get").arg("update").arg("-qq"))?;
        run(Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends", "chromium"]))?;
        if let Some(found) = find_browser() {
            return Ok(found);
        }
    }
    Err("the page's tests need Chromium or Chrome: install one (on Debian and Ubuntu `apt-get install chromium`, \
         on macOS Google Chrome), or name it in CHROMIUM=/path/to/chromium"
        .to_owned())
}

fn find_browser() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let fixed = [
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ];
    let on_path = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .collect::<Vec<_>>();
    on_path.into_iter().chain(fixed.map(PathBuf::from)).find(|candidate| candidate.is_file())
}
