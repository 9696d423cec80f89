//! The objects as a graph: who owns, selects, mounts, binds and runs whom, with what is wanted of each and
//! what is there. Read off what etcd holds; nothing of it is kept but what need not be read again.

mod fold;
mod meter;
mod references;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::api::{KINDS, Kind, Object};
use crate::sim::Order;
use crate::sim::persistent::OrdMap;

use super::world::World;
use fold::{fold, sort_cells};
pub(super) use meter::meter;
use references::{Need, Reference, Target, references};

pub use fold::OPENED_STEP;
pub use meter::{Meter, Tone};
pub use references::Nature;

/// What of the graph is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphLook {
    /// Whether what the cluster keeps for itself is shown.
    pub system: bool,
    /// Namespaces that are not; an empty one stands for what belongs to the whole cluster.
    pub hidden: Vec<Arc<str>>,
    /// Groups that are open, and how many of each are shown.
    pub open: OrdMap<Arc<str>, usize>,
}

/// What a cell stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Face {
    Object {
        kind: Kind,
        uid: Arc<str>,
    },
    /// Something refers to it, and it is not there. Its kind, where the cluster knows it.
    Missing {
        optional: bool,
        kind: Option<Kind>,
    },
    /// Many siblings.
    Group {
        count: usize,
        open: bool,
    },
    /// The rest of a group that is open in part.
    More {
        count: usize,
        group: Arc<str>,
    },
}

/// A cell of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The same from one graph to the next.
    pub id: Arc<str>,
    pub kind: Arc<str>,
    /// Empty for what belongs to the whole cluster, `*` for what is of several.
    pub namespace: Arc<str>,
    /// The object's; for a group what its members belong to, or empty.
    pub name: Arc<str>,
    pub face: Face,
    pub meter: Meter,
    /// The revisions of the first write and of the last.
    pub created: u64,
    pub revision: u64,
    /// From what drives on the left to what is used on the right.
    pub column: usize,
}

/// An edge between two cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub from: usize,
    pub to: usize,
    pub natures: Vec<Nature>,
}

/// The graph at one moment. Cells stand by namespace, each in the order they came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphView {
    pub cells: Vec<Cell>,
    pub links: Vec<Link>,
    /// Objects that are in it, and that are not because they are the cluster's own.
    pub objects: usize,
    pub hidden: usize,
    /// etcd's revision.
    pub revision: u64,
}

/// An object, read.
#[derive(Debug)]
struct Item {
    object: Arc<Object>,
    key: Arc<str>,
    created: u64,
    revision: u64,
    references: Vec<Reference>,
    meter: Meter,
}

/// A thing of the graph before it is folded.
struct Thing<'a> {
    kind: &'a str,
    registered: Option<Kind>,
    namespace: &'a str,
    name: &'a str,
    uid: &'a str,
    /// Whether it is missing, and then whether that is allowed.
    missing: Option<bool>,
    meter: Meter,
    created: u64,
    revision: u64,
    column: usize,
}

/// Reads graphs, and keeps what did not change.
#[derive(Clone, Debug, Default)]
pub struct GraphReader {
    revision: u64,
    look: Option<GraphLook>,
    items: OrdMap<Arc<str>, Arc<Item>>,
}

/// The columns, from left to right. A kind that is not here stands left of everything.
const COLUMNS: &[&[&str]] = &[
    &["CronJob", "Event", "HorizontalPodAutoscaler", "Ingress"],
    &[
        "DaemonSet",
        "Deployment",
        "Endpoints",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ReplicationController",
        "Service",
        "StatefulSet",
    ],
    &["ControllerRevision", "EndpointSlice", "ReplicaSet"],
    &["Pod", "VolumeAttachment"],
    &["ConfigMap", "Node", "PersistentVolumeClaim", "Secret", "ServiceAccount"],
    &["PersistentVolume"],
    &["StorageClass"],
];

/// Kinds of the whole cluster, so far as they are referred to: one may be missing that is not registered.
const CLUSTER_KINDS: &[&str] = &["Node", "PersistentVolume", "StorageClass", "VolumeAttachment"];

fn column(kind: &str) -> usize {
    COLUMNS.iter().position(|kinds| kinds.contains(&kind)).unwrap_or(0)
}

/// Whether a namespace is the cluster's own.
pub fn is_system_namespace(namespace: &str) -> bool {
    matches!(namespace, "kube-node-lease" | "kube-public" | "kube-system")
}

/// The label of Endpoints that the controller keeps.
const ENDPOINTS_MANAGED: &str = "endpoints.kubernetes.io/managed-by";

/// Whether every object of a kind is the cluster's own.
fn is_system_kind(kind: &str) -> bool {
    matches!(
        kind,
        "APIService"
            | "CSIDriver"
            | "CSINode"
            | "Event"
            | "FlowSchema"
            | "Lease"
            | "Node"
            | "PriorityLevelConfiguration"
    )
}

/// Whether the cluster made an object of another kind for itself.
fn is_system(kind: &str, object: &Object) -> bool {
    is_system_namespace(object.namespace())
        || object.name().starts_with("system:")
        || match kind {
            "ConfigMap" => object.name() == "kube-root-ca.crt",
            // What the slices say already, for those who still read it.
            "Endpoints" if object.meta().labels.as_ref().is_some_and(|own| own.contains_key(ENDPOINTS_MANAGED)) => true,
            "EndpointSlice" | "Endpoints" | "Service" => {
                object.namespace() == "default" && object.name() == "kubernetes"
            }
            "PriorityClass" => object.name().starts_with("system-"),
            "ServiceAccount" => object.name() == "default",
            _ => false,
        }
}

impl GraphReader {
    /// The graph now; `None` where it is the one that was read last.
    pub fn read(&mut self, world: &World, look: &GraphLook) -> Option<GraphView> {
        let revision = world.etcd().store().revision();
        if self.revision == revision && self.look.as_ref() == Some(look) {
            return None;
        }
        self.revision = revision;
        self.look = Some(look.clone());
        let (items, hidden) = self.items(world, look);
        let mut view = Graph::new(world, &items, look).view(look);
        view.objects = items.len();
        view.hidden = hidden;
        view.revision = revision;
        Some(view)
    }

    /// The objects that are shown, by kind and key, and how many of the cluster's own are not.
    fn items(&mut self, world: &World, look: &GraphLook) -> (Vec<Arc<Item>>, usize) {
        let now = world.kernel().unix_micros();
        let earlier = std::mem::take(&mut self.items);
        let (mut items, mut hidden) = (Vec::with_capacity(earlier.len()), 0);
        // A namespace is a band, not a cell.
        let stored = KINDS.iter().filter(|info| info.stored_as == info.id && info.id != Kind::Namespace);
        for info in stored.filter(|info| !matches!(info.id, Kind::Binding)) {
            let prefix = format!("/registry/{}/", info.etcd_prefix);
            let stored = world.etcd().store().iter_prefix(&prefix).filter(|kv| kv.value.kind() == info.id);
            // None of these is read: an old Event would have to be unpacked for nothing.
            if !look.system && is_system_kind(info.kind) {
                hidden += stored.count();
                continue;
            }
            for kv in stored {
                // When a CronJob runs next changes without a write.
                let same = |item: &&Arc<Item>| item.revision == kv.mod_revision && info.id != Kind::CronJob;
                let known = earlier.get(&kv.key).filter(same);
                let object = known.map_or_else(|| kv.value.object(), |item| item.object.clone());
                if !look.system && is_system(info.kind, &object) {
                    hidden += 1;
                    continue;
                }
                if look.hidden.iter().any(|namespace| **namespace == *object.namespace()) {
                    continue;
                }
                let item = known.cloned().unwrap_or_else(|| {
                    Arc::new(Item {
                        key: kv.key.clone(),
                        created: kv.create_revision,
                        revision: kv.mod_revision,
                        references: references(&object),
                        meter: meter(&object, now),
                        object,
                    })
                });
                items.push(item);
            }
        }
        if !look.system {
            // The class that the cluster came with is shown where somebody has a claim of it.
            let is_default = |item: &Item| item.object.kind() == Kind::StorageClass && item.object.name() == "standard";
            let names = |reference: &Reference| match &reference.target {
                Target::Named { kind, name, .. } => &**kind == "StorageClass" && &**name == "standard",
                Target::Pods(_) => false,
            };
            if !items.iter().any(|item| item.references.iter().any(names)) {
                let before = items.len();
                items.retain(|item| !is_default(item));
                hidden += before - items.len();
            }
        }
        self.items = items.iter().map(|item| (item.key.clone(), item.clone())).collect();
        (items, hidden)
    }
}

/// The graph while it is put together.
struct Graph<'a> {
    things: Vec<Thing<'a>>,
    edges: Vec<(usize, usize, Nature)>,
}

impl<'a> Graph<'a> {
    fn new(world: &World, items: &'a [Arc<Item>], look: &GraphLook) -> Self {
        let things = items.iter().map(|item| thing(item)).collect();
        let mut graph = Graph { things, edges: Vec::new() };
        let finder = Finder::new(world, items);
        let pods = Pods::new(items);
        let mut missing: OrdMap<(Arc<str>, Arc<str>, Arc<str>), Option<usize>> = OrdMap::new();
        for (index, item) in items.iter().enumerate() {
            let namespace = item.object.namespace();
            for reference in &item.references {
                match &reference.target {
                    Target::Pods(selector) => {
                        let chosen =
                            pods.of(namespace).iter().filter(|pod| selector.matches_object(&items[**pod].object));
                        graph.edges.extend(chosen.map(|pod| (index, *pod, reference.nature)));
                    }
                    Target::Named { kind, .. } if !look.system && &**kind == "Node" => {}
                    Target::Named { kind, name, uid } => {
                        let other = match finder.find(kind, namespace, name, uid.as_deref()) {
                            Found::Item(other) => Some(other),
                            Found::Hidden => None,
                            Found::Nowhere if reference.need == Need::Never => None,
                            Found::Nowhere => {
                                let known = (kind.clone(), Arc::from(namespace), name.clone());
                                *missing.entry(known).or_insert_with(|| {
                                    graph.things.push(absent(item, kind, name, reference.need));
                                    Some(graph.things.len() - 1)
                                })
                            }
                        };
                        graph.edges.extend(other.map(|other| match reference.backward {
                            true => (other, index, reference.nature),
                            false => (index, other, reference.nature),
                        }));
                    }
                }
            }
        }
        graph.slices_stand_for_services();
        graph.count_endpoints();
        graph
    }

    /// A pod that a Service's slice names is drawn behind the slice, and not selected by the Service as well.
    fn slices_stand_for_services(&mut self) {
        let of = |nature: Nature| {
            let mut pairs: Vec<(usize, usize)> =
                self.edges.iter().filter(|edge| edge.2 == nature).map(|edge| (edge.0, edge.1)).collect();
            pairs.order();
            pairs
        };
        let (slices, endpoints) = (of(Nature::Slices), of(Nature::Endpoint));
        if slices.is_empty() {
            return;
        }
        self.edges.retain(|(service, pod, nature)| {
            let from = slices.partition_point(|pair| pair.0 < *service);
            let own = slices[from..].iter().take_while(|pair| pair.0 == *service);
            *nature != Nature::Selects
                || !own.into_iter().any(|(_, slice)| endpoints.binary_search(&(*slice, *pod)).is_ok())
        });
        // The controller's slices name their Service as owner too: one word is enough.
        self.edges.retain(|(from, to, nature)| *nature != Nature::Owns || slices.binary_search(&(*from, *to)).is_err());
    }

    /// How many pods are behind each Service, and how many of them are ready.
    fn count_endpoints(&mut self) {
        let mut counts: OrdMap<usize, (u64, u64)> = OrdMap::new();
        for (from, to, nature) in &self.edges {
            let behind = &self.things[*to].meter;
            let (ready, all) = match nature {
                Nature::Selects => (u64::from(behind.tone == Tone::Good), 1),
                Nature::Slices => (behind.done, behind.of),
                _ => continue,
            };
            let count = counts.entry(*from).or_default();
            *count = (count.0 + ready, count.1 + all);
        }
        for (index, thing) in self.things.iter_mut().enumerate().filter(|(_, thing)| thing.kind == "Service") {
            thing.meter = match counts.get(&index).copied() {
                Some((ready, all)) if all > 0 => {
                    let tone = if ready == all { Tone::Good } else { Tone::Moving };
                    Meter { text: format!("{ready} of {all} endpoints"), done: ready, of: all, tone, phase: None }
                }
                _ => Meter { text: "no endpoints".to_owned(), tone: Tone::Idle, ..Meter::default() },
            };
        }
    }

    /// What each thing is drawn behind: its owner, or else the first that refers to it.
    fn parents(&self) -> Vec<Option<usize>> {
        let mut parents: Vec<Option<(bool, usize, u64, usize)>> = vec![None; self.things.len()];
        for (from, to, nature) in self.edges.iter().filter(|edge| edge.2 != Nature::About) {
            let (before, after) = (&self.things[*from], &self.things[*to]);
            if *nature != Nature::Owns && before.column >= after.column {
                continue;
            }
            // A pod is its owner's; a Service, a budget and the like only look at it.
            if *nature != Nature::Owns && after.kind == "Pod" {
                continue;
            }
            let rank = (*nature != Nature::Owns, before.column, before.created, *from);
            if parents[*to].is_none_or(|known| rank < known) {
                parents[*to] = Some(rank);
            }
        }
        parents.into_iter().map(|parent| parent.map(|rank| rank.3)).collect()
    }

    fn view(&self, look: &GraphLook) -> GraphView {
        let parents = self.parents();
        let mut folded = fold(&self.things, &parents, look);
        let place = sort_cells(&mut folded.cells, &is_system_namespace);
        let cell = |thing: usize| place[folded.cell_of[thing]];
        let mut pairs: Vec<(usize, usize, Nature)> =
            self.edges.iter().map(|(from, to, nature)| (cell(*from), cell(*to), *nature)).collect();
        for (head, parent) in &folded.heads {
            pairs.push((cell(*parent), place[*head], Nature::Owns));
        }
        pairs.retain(|(from, to, _)| from != to);
        pairs.order();
        pairs.dedup();
        let mut links: Vec<Link> = Vec::new();
        for (from, to, nature) in pairs {
            match links.last_mut() {
                Some(last) if last.from == from && last.to == to => last.natures.push(nature),
                _ => links.push(Link { from, to, natures: vec![nature] }),
            }
        }
        GraphView { cells: folded.cells, links, ..GraphView::default() }
    }
}

fn thing(item: &Item) -> Thing<'_> {
    let (object, info) = (&item.object, item.object.info());
    Thing {
        kind: info.kind,
        registered: Some(info.id),
        namespace: object.namespace(),
        name: object.name(),
        uid: object.uid(),
        missing: None,
        meter: item.meter.clone(),
        created: item.created,
        revision: item.revision,
        column: column(info.kind),
    }
}

/// What `item` refers to, and is not there.
fn absent<'a>(item: &'a Item, kind: &'a str, name: &'a str, need: Need) -> Thing<'a> {
    let optional = need == Need::May;
    let (text, tone) = if optional { ("not found, optional", Tone::Idle) } else { ("not found", Tone::Bad) };
    Thing {
        kind,
        registered: KINDS.iter().find(|info| info.kind == kind && info.stored_as == info.id).map(|info| info.id),
        namespace: if CLUSTER_KINDS.contains(&kind) { "" } else { item.object.namespace() },
        name,
        uid: "",
        missing: Some(optional),
        meter: Meter { text: text.to_owned(), tone, ..Meter::default() },
        created: item.created,
        revision: 0,
        column: column(kind),
    }
}

enum Found {
    Item(usize),
    /// It is there, and not shown.
    Hidden,
    Nowhere,
}

/// Finds the items of a kind: they stand by kind and key.
struct Finder<'a> {
    world: &'a World,
    items: &'a [Arc<Item>],
    /// The first and the one after the last of a kind.
    ranges: Vec<(&'static str, usize, usize)>,
}

impl<'a> Finder<'a> {
    fn new(world: &'a World, items: &'a [Arc<Item>]) -> Self {
        let mut ranges: Vec<(&'static str, usize, usize)> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let kind = item.object.info().kind;
            match ranges.last_mut() {
                Some(last) if last.0 == kind => last.2 = index + 1,
                _ => ranges.push((kind, index, index + 1)),
            }
        }
        Finder { world, items, ranges }
    }

    fn find(&self, kind: &str, namespace: &str, name: &str, uid: Option<&str>) -> Found {
        let Some(info) = KINDS.iter().find(|info| info.kind == kind && info.stored_as == info.id) else {
            return Found::Nowhere;
        };
        let key = info.etcd_key(namespace, name);
        let same = |object: &Object| uid.is_none_or(|uid| object.uid() == uid);
        if let Some((_, from, to)) = self.ranges.iter().find(|range| range.0 == kind)
            && let Ok(at) = self.items[*from..*to].binary_search_by(|item| (*item.key).cmp(&key))
        {
            return if same(&self.items[from + at].object) { Found::Item(from + at) } else { Found::Nowhere };
        }
        match self.world.etcd().store().get(&key) {
            Some(kv) if same(&kv.value.object()) => Found::Hidden,
            _ => Found::Nowhere,
        }
    }
}

/// The pods by namespace: they stand by namespace and name already.
struct Pods {
    by_namespace: Vec<(Arc<str>, Vec<usize>)>,
}

impl Pods {
    fn new(items: &[Arc<Item>]) -> Self {
        let mut by_namespace: Vec<(Arc<str>, Vec<usize>)> = Vec::new();
        for (index, item) in items.iter().enumerate().filter(|(_, item)| item.object.kind() == Kind::Pod) {
            match by_namespace.last_mut() {
                Some((namespace, pods)) if **namespace == *item.object.namespace() => pods.push(index),
                _ => by_namespace.push((Arc::from(item.object.namespace()), vec![index])),
            }
        }
        Pods { by_namespace }
    }

    fn of(&self, namespace: &str) -> &[usize] {
        let found = self.by_namespace.iter().find(|(known, _)| **known == *namespace);
        found.map(|(_, pods)| pods.as_slice()).unwrap_or_default()
    }
}
