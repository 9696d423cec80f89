//! The causal tree around one event: what led to it, and everything it led to.

use std::collections::BTreeSet;

use crate::api::{Kind, Message, Method, ObjectKey};
use crate::sim::{EventId, Record};

use super::label::parts;
use super::session::Session;

/// The events of one causal tree, kept up with a growing trace.
///
/// An event belongs to it when it is an ancestor of the root, the root, or was caused by one that belongs
/// and is not older than the root. Numbers grow and a cause is older than what it caused, so that one
/// pass over the trace finds all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CausalTree {
    root: EventId,
    /// The object it is about: resource, namespace, name. Where a controller goes on from it to the next of
    /// its kind (a ReplicaSet's second pod is created when the first is there), the tree ends. What writes
    /// the object belongs to it whatever caused it: a kubelet may look at two pods in one go.
    about: Option<(&'static str, ObjectKey)>,
    ancestors: Vec<EventId>,
    members: BTreeSet<EventId>,
    /// The position in the trace up to which it was read.
    read: u64,
}

impl CausalTree {
    /// The tree around `root`, as far as the trace has it.
    pub fn new(session: &mut Session, root: EventId) -> CausalTree {
        CausalTree::around(session, root, None)
    }

    /// The tree around the request that created an object, without what only befell others of its kind.
    pub fn of_object(session: &mut Session, root: EventId, kind: Kind, key: &ObjectKey) -> CausalTree {
        CausalTree::around(session, root, Some((kind.info().plural, key.clone())))
    }

    fn around(session: &mut Session, root: EventId, about: Option<(&'static str, ObjectKey)>) -> CausalTree {
        let mut ancestors: Vec<EventId> = session.causes(root).iter().map(|link| link.id).collect();
        ancestors.retain(|id| *id != root);
        let mut tree = CausalTree { root, about, ancestors, members: BTreeSet::from([root]), read: 0 };
        tree.catch_up(session);
        tree
    }

    /// The event it was made around.
    pub fn root(&self) -> EventId {
        self.root
    }

    /// Reads what is new in the trace.
    pub fn catch_up(&mut self, session: &Session) {
        let trace = session.world().kernel().trace();
        if trace.total() < self.read {
            self.rewound();
        }
        for record in trace.since(self.read) {
            let (id, cause) = match record {
                Record::Sent(envelope) => (envelope.id, envelope.cause),
                Record::Span(span) => (span.id, span.cause),
                _ => continue,
            };
            let belongs = self.writes_own(record).unwrap_or_else(|| self.members.contains(&cause));
            if id > self.root && belongs {
                self.members.insert(id);
            }
        }
        self.read = trace.total();
    }

    /// Whether a request writes the object the tree is about, or another of its kind; `None` for all else.
    fn writes_own(&self, record: &Record<Message>) -> Option<bool> {
        let (Some((plural, key)), Record::Sent(envelope)) = (&self.about, record) else { return None };
        let Message::Request { request, .. } = &envelope.payload else { return None };
        let path = parts(&request.path);
        let writes = request.method != Method::Get && path.resource == *plural;
        writes.then(|| *path.name == *key.name && *path.namespace == *key.namespace)
    }

    /// The run was wound back or on: what comes again is the same, or another run's.
    pub fn rewound(&mut self) {
        self.members.retain(|id| *id == self.root);
        self.read = 0;
    }

    /// Whether an event belongs to it.
    pub fn contains(&self, id: EventId) -> bool {
        self.members.contains(&id) || self.ancestors.binary_search(&id).is_ok()
    }

    /// What belongs to it and is newer than `last`, oldest first.
    pub fn after(&self, last: EventId) -> Vec<EventId> {
        let ancestors = self.ancestors.iter().copied().filter(|id| *id > last);
        ancestors.chain(self.members.range(EventId(last.0 + 1)..).copied()).collect()
    }

    /// The root and everything it led to, oldest first.
    pub fn members(&self) -> impl Iterator<Item = EventId> {
        self.members.iter().copied()
    }
}
