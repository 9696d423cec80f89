//! The file system a container sees: its own layer, and the volumes mounted into it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::sim::persistent::OrdMap;
use crate::sim::{Order, shared};

use crate::api::cri::{Mount, Texts};
use crate::api::disk::{Content, Entry as Node};

/// How many trees with places of mounts are remembered.
const MOUNTED_MAX: usize = 16;

thread_local! {
    /// An image's root, places of mounts, and the root with these.
    static MOUNTED: RefCell<VecDeque<(Tree, Vec<Arc<str>>, Tree)>> = const { RefCell::new(VecDeque::new()) };
}

/// Directories and files by path, without a leading slash; the root is implied.
#[derive(Clone, Debug, Default)]
pub struct Tree(Content);

/// Why a file operation failed; `as_str` is what `strerror` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileError {
    NotFound,
    Exists,
    IsDirectory,
    NotDirectory,
    NotEmpty,
    ReadOnly,
}

impl FileError {
    /// The text of the error number.
    pub fn as_str(self) -> &'static str {
        match self {
            FileError::NotFound => "No such file or directory",
            FileError::Exists => "File exists",
            FileError::IsDirectory => "Is a directory",
            FileError::NotDirectory => "Not a directory",
            FileError::NotEmpty => "Directory not empty",
            FileError::ReadOnly => "Read-only file system",
        }
    }
}

impl Tree {
    /// An empty root with the directories every Linux image has.
    pub fn linux() -> Self {
        let mut tree = Tree::default();
        for directory in
            ["bin", "dev", "etc", "home", "lib", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp", "usr", "var"]
        {
            tree.0.insert(Arc::from(directory), Node::Directory);
        }
        for directory in ["usr/bin", "usr/local", "usr/share", "var/cache", "var/lib", "var/log", "var/run", "var/tmp"]
        {
            tree.0.insert(Arc::from(directory), Node::Directory);
        }
        tree.put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
        tree
    }

    /// Just these files.
    pub fn of(files: &Texts) -> Self {
        let mut tree = Tree::default();
        for (path, content) in files.iter() {
            tree.put(path, content.clone());
        }
        tree
    }

    /// What is on a disk.
    pub fn on_disk(content: Content) -> Self {
        Tree(content)
    }

    /// Everything in it.
    pub fn content(&self) -> &Content {
        &self.0
    }

    /// Puts a file in place, with the directories that lead to it.
    pub fn put(&mut self, path: &str, content: impl Into<Arc<str>>) {
        let path = path.trim_matches('/');
        self.make_parents(path);
        self.0.insert(shared(path), Node::File(content.into()));
    }

    /// The tree with the places of mounts in it. Containers of one image mostly mount at the same places, and share it.
    fn with_directories(self, points: &[MountPoint]) -> Tree {
        MOUNTED.with_borrow_mut(|known| {
            let same = |(root, paths, _): &(Tree, Vec<Arc<str>>, Tree)| {
                root.0.is_same(&self.0) && points.iter().map(|point| &point.path).eq(paths)
            };
            if let Some((.., tree)) = known.iter().find(|entry| same(entry)) {
                return tree.clone();
            }
            let mut tree = self.clone();
            for point in points {
                tree.make_parents(&point.path);
                tree.0.insert(point.path.clone(), Node::Directory);
            }
            known.truncate(MOUNTED_MAX - 1);
            known.push_front((self, points.iter().map(|point| point.path.clone()).collect(), tree.clone()));
            tree
        })
    }

    fn make_parents(&mut self, path: &str) {
        for (index, _) in path.match_indices('/') {
            self.0.entry(shared(&path[..index])).or_insert(Node::Directory);
        }
    }

    /// The bytes of all files.
    pub fn bytes(&self) -> u64 {
        let size = |node: &Node| match node {
            Node::Directory => 0,
            Node::File(content) => content.len() as u64,
        };
        self.0.values().map(size).sum()
    }

    fn node(&self, path: &str) -> Option<Node> {
        if let Some(node) = self.0.get(path) {
            return Some(node.clone());
        }
        path.is_empty().then_some(Node::Directory)
    }

    fn children(&self, path: &str) -> Vec<String> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        self.0
            .range(Arc::<str>::from(prefix.as_str())..)
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(&prefix))
            .map(|key| &key[prefix.len()..])
            .filter(|rest| !rest.is_empty() && !rest.contains('/'))
            .map(str::to_owned)
            .collect()
    }

    fn remove_all(&mut self, path: &str) {
        let prefix = format!("{path}/");
        let inside: Vec<Arc<str>> = self
            .0
            .range(Arc::<str>::from(prefix.as_str())..)
            .map(|(key, _)| key.clone())
            .take_while(|key| key.starts_with(&prefix))
            .collect();
        for key in inside {
            self.0.remove(&key);
        }
        self.0.remove(path);
    }
}

/// The volumes of a node, by the name the kubelet gave them: they outlive containers.
pub type Volumes = OrdMap<Arc<str>, Tree>;

#[derive(Clone, Debug)]
struct MountPoint {
    /// Without slashes at the ends.
    path: Arc<str>,
    volume: Arc<str>,
    read_only: bool,
}

/// One container's layer and its mounts.
#[derive(Clone, Debug, Default)]
pub struct FileSystem {
    root: Tree,
    mounts: Arc<Vec<MountPoint>>,
}

impl FileSystem {
    /// A file system of an image with volumes mounted, longest path first. Content that comes with a
    /// mount is put into its volume.
    pub fn new(root: Tree, mounts: &[Mount], volumes: &mut Volumes) -> Self {
        let mut points = Vec::with_capacity(mounts.len());
        for mount in mounts {
            let volume: Arc<str> = Arc::from(mount.host_path.as_str());
            let tree = volumes.entry(volume.clone()).or_default();
            for (name, content) in mount.files.iter() {
                if name.is_empty() && content.is_empty() && tree.0.get("").is_some() {
                    // A device keeps what was written to it.
                } else if name.is_empty() {
                    tree.0.insert(shared(""), Node::File(content.clone()));
                } else {
                    tree.put(name, content.clone());
                }
            }
            let path = shared(mount.container_path.trim_matches('/'));
            points.push(MountPoint { path, volume, read_only: mount.read_only });
        }
        points.order_by(|a, b| b.path.len().cmp(&a.path.len()).then_with(|| a.path.cmp(&b.path)));
        FileSystem { root: root.with_directories(&points), mounts: Arc::new(points) }
    }

    /// The bytes of all files that are not a volume's.
    pub fn bytes(&self) -> u64 {
        self.root.bytes()
    }
}

/// A file system in use: together with the node's volumes.
pub struct Files<'a> {
    pub fs: &'a mut FileSystem,
    pub volumes: &'a mut Volumes,
}

/// `path` seen from `cwd`, absolute and without `.` and `..`.
pub fn absolute(cwd: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let from_cwd = if path.starts_with('/') { "" } else { cwd };
    for part in from_cwd.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

impl Files<'_> {
    /// The tree `path` (absolute) lies in, the path within it, and whether it may be written.
    fn locate(&mut self, path: &str) -> (&mut Tree, String, bool) {
        let path = path.trim_matches('/').to_owned();
        let mounts = self.fs.mounts.clone();
        for mount in mounts.iter() {
            let inside = if *path == *mount.path {
                Some("")
            } else {
                path.strip_prefix(&*mount.path).and_then(|rest| rest.strip_prefix('/'))
            };
            if let Some(inside) = inside {
                let tree = self.volumes.entry(mount.volume.clone()).or_default();
                return (tree, inside.to_owned(), !mount.read_only);
            }
        }
        (&mut self.fs.root, path, true)
    }

    fn node(&mut self, path: &str) -> Option<Node> {
        let (tree, inside, _) = self.locate(path);
        tree.node(&inside)
    }

    /// Whether something stands at `path`.
    pub fn exists(&mut self, path: &str) -> bool {
        self.node(path).is_some()
    }

    /// Whether `path` is a directory.
    pub fn is_directory(&mut self, path: &str) -> bool {
        self.node(path) == Some(Node::Directory)
    }

    /// The content of a file.
    ///
    /// # Errors
    /// `NotFound`, `IsDirectory`.
    pub fn read(&mut self, path: &str) -> Result<Arc<str>, FileError> {
        match self.node(path) {
            Some(Node::File(content)) => Ok(content),
            Some(Node::Directory) => Err(FileError::IsDirectory),
            None => Err(FileError::NotFound),
        }
    }

    /// Writes a file, or adds to its end.
    ///
    /// # Errors
    /// `NotFound` where its directory is missing, `IsDirectory`, `ReadOnly`.
    pub fn write(&mut self, path: &str, content: &str, append: bool) -> Result<(), FileError> {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        if !self.is_directory(&parent) {
            return Err(if self.exists(&parent) { FileError::NotDirectory } else { FileError::NotFound });
        }
        let (tree, inside, writable) = self.locate(path);
        if !writable {
            return Err(FileError::ReadOnly);
        }
        let content = match tree.node(&inside) {
            Some(Node::Directory) => return Err(FileError::IsDirectory),
            Some(Node::File(old)) if append => Arc::from(format!("{old}{content}")),
            _ => Arc::from(content),
        };
        tree.0.insert(Arc::from(inside), Node::File(content));
        Ok(())
    }

    /// Makes a directory; with `parents` also those that lead to it, and none fails for being there.
    ///
    /// # Errors
    /// `Exists`, `NotFound` where its parent is missing, `ReadOnly`.
    pub fn make_directory(&mut self, path: &str, parents: bool) -> Result<(), FileError> {
        if self.exists(path) {
            return if parents && self.is_directory(path) { Ok(()) } else { Err(FileError::Exists) };
        }
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        if !self.is_directory(&parent) {
            if !parents {
                return Err(FileError::NotFound);
            }
            self.make_directory(&parent, true)?;
        }
        let (tree, inside, writable) = self.locate(path);
        if !writable {
            return Err(FileError::ReadOnly);
        }
        tree.0.insert(Arc::from(inside), Node::Directory);
        Ok(())
    }

    /// Removes a file, or with `recursive` a directory and what is in it.
    ///
    /// # Errors
    /// `NotFound`, `IsDirectory`, `ReadOnly`.
    pub fn remove(&mut self, path: &str, recursive: bool) -> Result<(), FileError> {
        let Some(node) = self.node(path) else { return Err(FileError::NotFound) };
        if node == Node::Directory && !recursive {
            return Err(FileError::IsDirectory);
        }
        let (tree, inside, writable) = self.locate(path);
        if !writable {
            return Err(FileError::ReadOnly);
        }
        tree.remove_all(&inside);
        Ok(())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// `NotFound`, `NotDirectory`, `NotEmpty`, `ReadOnly`.
    pub fn remove_directory(&mut self, path: &str) -> Result<(), FileError> {
        match self.list(path) {
            Ok(names) if names.is_empty() => self.remove(path, true),
            Ok(_) => Err(FileError::NotEmpty),
            Err(error) => Err(error),
        }
    }

    /// The names in a directory, in order.
    ///
    /// # Errors
    /// `NotFound`, `NotDirectory`.
    pub fn list(&mut self, path: &str) -> Result<Vec<String>, FileError> {
        match self.node(path) {
            Some(Node::Directory) => {
                let (tree, inside, _) = self.locate(path);
                Ok(tree.children(&inside))
            }
            Some(Node::File(_)) => Err(FileError::NotDirectory),
            None => Err(FileError::NotFound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_absolute() {
        assert_eq!(absolute("/tmp", "a/../b"), "/tmp/b");
        assert_eq!(absolute("/tmp", "/a/./b/"), "/a/b");
        assert_eq!(absolute("/", ".."), "/");
    }

    #[test]
    fn a_mount_covers_its_path_and_keeps_its_content_between_containers() {
        let mut volumes = Volumes::new();
        let files = Texts::unit(Arc::from("key"), Arc::from("value"));
        let config = Mount {
            container_path: "/etc/config".into(),
            host_path: "uid/config".into(),
            read_only: true,
            files: files.clone(),
        };
        let scratch = Mount {
            container_path: "/cache".into(),
            host_path: "uid/cache".into(),
            read_only: false,
            files: Texts::new(),
        };
        let mounts = [config, scratch];
        let mut one = FileSystem::new(Tree::linux(), &mounts, &mut volumes);
        let mut files = Files { fs: &mut one, volumes: &mut volumes };
        assert_eq!(files.read("/etc/config/key").as_deref(), Ok("value"));
        assert_eq!(files.write("/etc/config/key", "x", false), Err(FileError::ReadOnly));
        assert_eq!(files.write("/cache/a", "1\n", false), Ok(()));
        assert_eq!(files.write("/cache/a", "2\n", true), Ok(()));
        assert_eq!(files.write("/nowhere/a", "2\n", true), Err(FileError::NotFound));
        let mut two = FileSystem::new(Tree::linux(), &mounts, &mut volumes);
        let mut files = Files { fs: &mut two, volumes: &mut volumes };
        assert_eq!(files.read("/cache/a").as_deref(), Ok("1\n2\n"));
        assert_eq!(files.list("/cache"), Ok(vec!["a".to_owned()]));
        assert!(files.list("/").unwrap_or_default().contains(&"cache".to_owned()));
    }
}
