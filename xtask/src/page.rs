//! The page: building it, and what it weighs.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::tools::Tools;
use crate::{Result, output, root, run, step};

/// What DESIGN §6 allows the application, brotli. It is not met: most of what is above it is Kubernetes
/// itself (validation, printing, the API server's registry, kubectl) and k8s-openapi's types.
pub const BUDGET_KIB: u64 = 700;

/// What the application may weigh until it is within its budget: CI holds this line.
const CEILING_KIB: u64 = 1_455;

/// What is fetched only once somebody writes: the editor and the schema it completes from.
const EDITOR: [&str; 2] = ["editor.js", "schema.json"];

/// What the editor's parts may weigh, brotli.
const EDITOR_CEILING_KIB: u64 = 165;

/// Brotli sizes in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weight {
    pub application_kib: f64,
    pub editor_kib: f64,
}

/// How the page is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// For readers: as small as it gets.
    Optimized,
    /// For whoever works on it: built again in seconds.
    Quick,
}

/// Builds the page into `dist/`.
pub fn build(how: Build) -> Result {
    let tools = Tools::ensure()?;
    step("building the page");
    let mut trunk = tools.command("trunk");
    // Trunk takes NO_COLOR only as true or false.
    trunk.env_remove("NO_COLOR").arg("build");
    match how {
        Build::Optimized => trunk.args(["--release", "--cargo-profile", "wasm-release"]),
        Build::Quick => trunk.args(["--cargo-profile", "wasm-quick"]),
    };
    run(&mut trunk)
}

/// What the Wasm is made of, by section.
const SECTIONS: [&str; 14] = [
    "custom",
    "types",
    "imports",
    "functions",
    "tables",
    "memory",
    "globals",
    "exports",
    "start",
    "elements",
    "code",
    "data",
    "data count",
    "tags",
];

/// Prints what every file of `dist/` weighs and every part of the Wasm, and fails above the ceiling.
pub fn report_size() -> Result {
    let folder = root().join("dist");
    let Weight { application_kib, editor_kib } = weigh(&folder)?;
    wasm_parts(&folder)?;
    println!("application: {application_kib:.1} KiB brotli; the budget is {BUDGET_KIB}, the ceiling {CEILING_KIB}");
    println!("editor, fetched when it is used: {editor_kib:.1} KiB brotli; the ceiling is {EDITOR_CEILING_KIB}");
    if application_kib > CEILING_KIB as f64 || editor_kib > EDITOR_CEILING_KIB as f64 {
        return Err("the page is larger than its ceiling".to_owned());
    }
    Ok(())
}

/// Prints what the larger sections of the Wasm weigh, each compressed by itself.
fn wasm_parts(folder: &Path) -> Result {
    let mut files = Vec::new();
    collect(folder, &mut files).map_err(|error| format!("{}: {error}", folder.display()))?;
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "wasm")) {
        let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut rest = bytes.get(8..).unwrap_or_default();
        while let Some((id, after)) = rest.split_first() {
            let (length, content) = leb128(after).ok_or("a section of the Wasm has no length")?;
            let section = content.get(..length).ok_or("a section of the Wasm is cut off")?;
            rest = &content[length..];
            let part = std::env::temp_dir().join(format!("kubarium-wasm-section-{}", std::process::id()));
            fs::write(&part, section).map_err(|error| format!("{}: {error}", part.display()))?;
            let kib = brotli_bytes(&part)? as f64 / 1024.0;
            fs::remove_file(&part).map_err(|error| format!("{}: {error}", part.display()))?;
            if kib >= 1.0 {
                println!("{kib:>9.1} KiB    of it {}", SECTIONS.get(usize::from(*id)).unwrap_or(&"unknown"));
            }
        }
    }
    Ok(())
}

/// An unsigned number as Wasm writes it, and what follows.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let value = bytes[..=end].iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    Some((value, &bytes[end + 1..]))
}

/// The brotli size of everything in a folder, each file printed.
pub fn weigh(folder: &Path) -> Result<Weight> {
    let mut files = Vec::new();
    collect(folder, &mut files).map_err(|error| format!("{}: {error}", folder.display()))?;
    files.sort();
    let mut weight = Weight::default();
    for file in &files {
        let kib = brotli_bytes(file)? as f64 / 1024.0;
        let name = file.strip_prefix(folder).unwrap_or(file);
        println!("{kib:>9.1} KiB  {}", name.display());
        if EDITOR.iter().any(|part| name == Path::new(part)) {
            weight.editor_kib += kib;
        } else {
            weight.application_kib += kib;
        }
    }
    Ok(weight)
}

/// What a file weighs compressed with brotli.
fn brotli_bytes(file: &Path) -> Result<u64> {
    let script = "const z=require('zlib'),fs=require('fs');\
        const b=fs.readFileSync(process.argv[1]);\
        console.log(z.brotliCompressSync(b,{params:{[z.constants.BROTLI_PARAM_LGWIN]:24}}).length)";
    let text = output(Command::new("node").args(["-e", script]).arg(file)).ok_or("node is not there")?;
    text.parse().map_err(|_| format!("node said {text}"))
}

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
