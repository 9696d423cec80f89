//! The house rules that a compiler does not check: layers, registries, banned names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// The rooms by layer. A room imports from lower layers only.
const LAYERS: &[&[&str]] = &[
    &["sim"],
    &["api"],
    &["client", "cri", "etcd"],
    &["apiserver", "controllers", "kubectl", "kubelet", "scheduler"],
    &["cluster"],
    &["scene"],
    &["ui"],
];

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder is there").flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Collects the rooms that a file names, by `use` or by path.
struct Rooms<'a> {
    /// Rooms named after `crate::`.
    named: &'a mut Vec<String>,
}

impl Rooms<'_> {
    fn tree(&mut self, tree: &syn::UseTree, after_crate: bool) {
        match tree {
            syn::UseTree::Path(path) if path.ident == "crate" => self.tree(&path.tree, true),
            syn::UseTree::Path(path) if after_crate => self.named.push(path.ident.to_string()),
            syn::UseTree::Name(name) if after_crate => self.named.push(name.ident.to_string()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, after_crate)),
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Rooms<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, false);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|segment| segment.ident == "crate")
            && let Some(room) = segments.next()
        {
            self.named.push(room.ident.to_string());
        }
        syn::visit::visit_path(self, path);
    }
}

/// The breaches of a room's file, as sentences.
fn breaches(room: &str, text: &str) -> Vec<String> {
    let own = layer(room).unwrap_or_else(|| panic!("{room} stands in no layer"));
    let file = syn::parse_file(text).expect("it compiles, so it parses");
    let mut named = Vec::new();
    Rooms { named: &mut named }.visit_file(&file);
    named.sort();
    named.dedup();
    named
        .iter()
        .filter(|other| *other != room)
        .filter_map(|other| {
            let layer = layer(other)?;
            (layer >= own).then(|| format!("{room} (layer {own}) names {other} (layer {layer})"))
        })
        .collect()
}

#[test]
fn rooms_import_from_lower_layers_only() {
    let mut found = Vec::new();
    let mut read = BTreeMap::new();
    for rooms in LAYERS {
        for room in *rooms {
            let mut files = Vec::new();
            rust_files(&source().join(room), &mut files);
            *read.entry(*room).or_insert(0) += files.len();
            for file in files {
                let text = fs::read_to_string(&file).expect("the file can be read");
                for breach in breaches(room, &text) {
                    found.push(format!("{}: {breach}", file.display()));
                }
            }
        }
    }
    assert!(read.values().all(|files| *files > 0), "every room has files: {read:?}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_folder_of_the_house_is_a_room() {
    for entry in fs::read_dir(source()).expect("src is there").flatten().filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(name == "bin" || layer(&name).is_some(), "src/{name} stands in no layer: enter it in LAYERS");
    }
}

#[test]
fn a_breach_would_be_found() {
    assert_eq!(breaches("sim", "use crate::api::Kind;").len(), 1);
    assert_eq!(breaches("kubelet", "fn f() { crate::scheduler::run() }").len(), 1, "same layer");
    assert_eq!(breaches("etcd", "use crate::{cri::X, sim::Y};").len(), 1, "inside a group");
    assert!(breaches("cluster", "use crate::{kubelet::X, sim::Y}; use std::fmt;").is_empty());
}

#[test]
fn no_file_is_a_lumber_room() {
    let mut files = Vec::new();
    rust_files(&source(), &mut files);
    for file in files {
        let stem = file.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        for banned in ["utils", "util", "helpers", "helper", "common", "misc", "manager2", "stuff"] {
            assert_ne!(stem, banned, "{}: name it after what it is", file.display());
        }
    }
}

/// Words that promise later work or switch a test off; split so that this file does not find itself.
const PROMISES: &[&str] =
    &[concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("#[ign", "ore"), concat!("FIX", "ME")];

#[test]
fn nothing_is_promised_and_nothing_is_skipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "xtask/src"] {
        rust_files(&root.join(folder), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).expect("the file can be read");
        for promise in PROMISES {
            assert!(!text.contains(promise), "{} says {promise}", file.display());
        }
    }
}

#[test]
fn no_package_registry_is_named() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "xtask/src"] {
        rust_files(&root.join(folder), &mut files);
    }
    files.extend(["package.json", "package-lock.json", "README.md", "ARCHITECTURE.md"].map(|name| root.join(name)));
    for file in files {
        let text = fs::read_to_string(&file).expect("the file can be read");
        for host in [concat!("registry.npm", "js.org"), concat!("static.crates", ".io"), concat!("index.crates", ".io")]
        {
            assert!(!text.contains(host), "{} names {host}", file.display());
        }
    }
}
