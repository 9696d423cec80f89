//! Inside etcd: keys as a tree, a key's value and history, watches, leases.

use std::sync::Arc;

use crate::api::etcd::{EtcdEvent, KeyValue};

use super::{DiffLine, Fact, Look, ROWS_MAX, Sheet, Within, diff, fold, span, until, yaml};

/// Versions of a key that are listed.
const VERSIONS_MAX: usize = 50;
/// The prefix that is open from the start.
const ROOT: &str = "/registry/";

/// A key in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub mod_revision: u64,
    pub version: u64,
    pub chosen: bool,
}

/// A line of the tree: a prefix, a key, or how many more there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    pub depth: usize,
    /// The whole prefix or key.
    pub path: Arc<str>,
    /// The part of it that this line adds.
    pub name: String,
    /// Keys under the prefix.
    pub keys: usize,
    /// Whether the prefix is open.
    pub open: bool,
    /// What is so for a key.
    pub leaf: Option<Leaf>,
    /// How many follow that are not shown; then the line is nothing else.
    pub more: usize,
}

/// A version of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    pub revision: u64,
    /// How often the key was written since it was created.
    pub version: u64,
    /// `created`, `changed`, `deleted`.
    pub what: &'static str,
}

/// A key with its value and history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInside {
    pub key: Arc<str>,
    pub facts: Vec<Fact>,
    /// The newest value as YAML; empty once deleted.
    pub value: String,
    /// Newest first, and how many compaction has left.
    pub versions: Vec<Version>,
    pub total: usize,
    /// The two revisions that are compared, older first.
    pub between: Option<(u64, u64)>,
    pub difference: Vec<DiffLine>,
}

/// etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdInside {
    pub facts: Vec<Fact>,
    pub tree: Vec<Branch>,
    pub key: Option<KeyInside>,
    pub watches: Sheet,
    pub leases: Sheet,
}

pub(super) fn inside(within: &Within<'_>, look: &Look) -> EtcdInside {
    let etcd = within.world.etcd();
    let store = etcd.store();
    let compacted = match store.compact_revision() {
        0 => "nothing yet".to_owned(),
        revision => format!("below revision {revision}"),
    };
    EtcdInside {
        facts: vec![
            ("revision", store.revision().to_string()),
            ("compacted", compacted),
            ("keys", store.len().to_string()),
            ("members", "1".to_owned()),
            ("database size", "not simulated: values are objects here, not bytes".to_owned()),
        ],
        tree: if look.find.is_empty() { tree(within, look) } else { found(within, look) },
        key: look.key.as_ref().and_then(|key| key_inside(within, key, look.between)),
        watches: watches(within),
        leases: leases(within),
    }
}

fn leaf(kv: &KeyValue, depth: usize, name: &str, look: &Look) -> Branch {
    let leaf = Leaf { mod_revision: kv.mod_revision, version: kv.version, chosen: look.key.as_ref() == Some(&kv.key) };
    Branch { depth, path: kv.key.clone(), name: name.to_owned(), keys: 1, open: false, leaf: Some(leaf), more: 0 }
}

fn rest(depth: usize, more: usize) -> Branch {
    Branch { depth, path: Arc::from(""), name: String::new(), keys: 0, open: false, leaf: None, more }
}

fn tree(within: &Within<'_>, look: &Look) -> Vec<Branch> {
    let keys: Vec<&KeyValue> = within.world.etcd().store().iter().collect();
    let mut out = Vec::new();
    grow(&keys, "", 0, look, &mut out);
    out
}

/// Enters what lies directly under `prefix`, and what is open of that in turn.
fn grow(keys: &[&KeyValue], prefix: &str, depth: usize, look: &Look, out: &mut Vec<Branch>) {
    let mut shown = 0;
    let mut at = 0;
    while at < keys.len() {
        let key = &*keys[at].key;
        let below = &key[prefix.len()..];
        // The first character may be the slash that begins every key.
        let slash = below.char_indices().skip(1).find(|(_, c)| *c == '/').map(|(at, _)| at + 1);
        let end = slash.unwrap_or(below.len());
        let path = &key[..prefix.len() + end];
        let count = match slash {
            Some(_) => keys[at..].iter().take_while(|kv| kv.key.starts_with(path)).count(),
            None => 1,
        };
        shown += 1;
        if shown <= ROWS_MAX {
            let name = &below[..end];
            if slash.is_none() {
                out.push(leaf(keys[at], depth, name, look));
            } else {
                let open = path == ROOT || look.open.iter().any(|open| open == path);
                out.push(Branch {
                    depth,
                    path: Arc::from(path),
                    name: name.to_owned(),
                    keys: count,
                    open,
                    leaf: None,
                    more: 0,
                });
                if open {
                    grow(&keys[at..at + count], path, depth + 1, look, out);
                }
            }
        }
        at += count;
    }
    if shown > ROWS_MAX {
        out.push(rest(depth, shown - ROWS_MAX));
    }
}

/// The keys that hold what is looked for.
fn found(within: &Within<'_>, look: &Look) -> Vec<Branch> {
    let keys = within.world.etcd().store().iter().filter(|kv| kv.key.contains(&*look.find));
    let mut total = 0;
    let mut out = Vec::new();
    for kv in keys {
        total += 1;
        if total <= ROWS_MAX {
            out.push(leaf(kv, 0, &kv.key, look));
        }
    }
    if total > ROWS_MAX {
        out.push(rest(0, total - ROWS_MAX));
    }
    out
}

fn key_inside(within: &Within<'_>, key: &Arc<str>, between: Option<(u64, u64)>) -> Option<KeyInside> {
    let store = within.world.etcd().store();
    let events: Vec<&EtcdEvent> = store.versions(key).collect();
    let now = store.get(key);
    if events.is_empty() && now.is_none() {
        return None;
    }
    let mut facts = vec![("key", key.to_string())];
    if let Some(kv) = now {
        facts.push(("create revision", kv.create_revision.to_string()));
        facts.push(("mod revision", kv.mod_revision.to_string()));
        facts.push(("version", kv.version.to_string()));
        let lease = if kv.lease == 0 { "none".to_owned() } else { format!("{:x}", kv.lease) };
        facts.push(("lease", lease));
    } else {
        facts.push(("deleted", "yes".to_owned()));
    }
    let versions: Vec<Version> = events.iter().take(VERSIONS_MAX).map(|event| version(event)).collect();
    let known = |revision: u64| events.iter().any(|event| event.kv.mod_revision == revision);
    let between = between.filter(|(older, newer)| known(*older) && known(*newer)).or_else(|| {
        let [newer, older, ..] = versions.as_slice() else { return None };
        Some((older.revision, newer.revision))
    });
    let text = |revision: u64| {
        let event = events.iter().find(|event| event.kv.mod_revision == revision);
        event.filter(|event| !event.deleted).map(|event| yaml(&event.kv.value.without_revision())).unwrap_or_default()
    };
    let difference = between.map(|(older, newer)| fold(diff(&text(older), &text(newer)))).unwrap_or_default();
    Some(KeyInside {
        key: key.clone(),
        facts,
        value: now.map(|kv| yaml(&kv.value.without_revision())).unwrap_or_default(),
        versions,
        total: events.len(),
        between,
        difference,
    })
}

fn version(event: &EtcdEvent) -> Version {
    let what = match (event.deleted, event.kv.version) {
        (true, _) => "deleted",
        (false, 1) => "created",
        (false, _) => "changed",
    };
    Version { revision: event.kv.mod_revision, version: event.kv.version, what }
}

fn watches(within: &Within<'_>) -> Sheet {
    let watches = within.world.etcd().watches();
    let columns = &["client", "watch", "keys", "previous values", "next revision"];
    let mut sheet = Sheet::new("Watches", columns);
    for (client, id, watch) in watches.iter().take(ROWS_MAX) {
        let range = match &watch.range_end {
            None => watch.key.to_string(),
            Some(end) => format!("{} to {end}", watch.key),
        };
        sheet.row(vec![
            within.world.kernel().name_of(client).to_string(),
            format!("{id:x}"),
            range,
            if watch.prev_kv { "with" } else { "without" }.to_owned(),
            format!("after {}", watch.next_revision.saturating_sub(1)),
        ]);
    }
    sheet.cut(watches.iter().count())
}

fn leases(within: &Within<'_>) -> Sheet {
    let leases = within.world.etcd().leases();
    let now = within.now();
    let columns = &["lease", "lives for", "time left", "keys", "holds"];
    let mut sheet = Sheet::new("Leases", columns).note(
        "The API server lets events go with an etcd lease. Lease objects, which nodes and leaders renew, are keys.",
    );
    for lease in leases.iter().take(ROWS_MAX) {
        let first: Vec<&str> = lease.keys.iter().take(3).map(|key| &**key).collect();
        let more = lease.keys.len().saturating_sub(first.len());
        let mut held = first.join(", ");
        if more > 0 {
            held.push_str(&format!(" and {more} more"));
        }
        sheet.row(vec![
            format!("{:x}", lease.id),
            span(std::time::Duration::from_secs(lease.ttl_seconds)),
            until(now, lease.expires),
            lease.keys.len().to_string(),
            held,
        ]);
    }
    sheet.cut(leases.iter().count())
}
