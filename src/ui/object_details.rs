//! What the inspector shows of objects, events and acts: the text with what a write changed, owners up and
//! down, who wrote it.

use crate::api::{KINDS, Kind, Object, ObjectKey};
use crate::cluster::muster::{Muster, Seat};
use crate::cluster::{Before, BodyView, CauseLink, FlightKind, MessageView};
use crate::sim::{EventId, Record};

use super::changes::Marked;
use super::details::{About, RECENT_MAX, event_row, events, link_of, recent};
use super::engine::Engine;
use super::screen::{ActDetail, Detail, EventDetail, MusterDetail, ObjectDetail, Selection};

/// Things owned that are listed.
const OWNED_MAX: usize = 60;

/// Any object but pods and nodes, which have pages of their own.
pub fn object(engine: &mut Engine, kind: Kind, key: &ObjectKey) -> Option<Detail> {
    let stored = engine.session.object(kind, key)?;
    let info = kind.info();
    let etcd_key = info.etcd_key(&key.namespace, &key.name);
    let revision = stored.resource_version();
    let written = writer(engine, &etcd_key, revision);
    let owners = owners(engine, &stored);
    let owned = owned(engine, stored.uid());
    let namespace = info.namespaced().then_some(&*key.namespace);
    let rows = events(engine, Some(&About { kind: info.kind, name: &key.name, namespace }));
    let ending = format!("/{}/{}", info.plural, key.name);
    let (own_key, namespace) = (etcd_key.clone(), key.namespace.to_string());
    let recent = recent(engine, RECENT_MAX, move |message| {
        message.etcd_key.as_deref() == Some(&own_key)
            || message.path.as_deref().is_some_and(|path| {
                let path = path.split('?').next().unwrap_or(path);
                (path.ends_with(&ending) || path.contains(&format!("{ending}/")))
                    && (namespace.is_empty() || path.contains(&format!("/namespaces/{namespace}/")))
            })
    });
    let selection = Selection::Object(kind, key.clone());
    let detail = ObjectDetail {
        kind: info.kind,
        name: key.name.to_string(),
        namespace: key.namespace.to_string(),
        revision,
        text: marked(engine, &stored),
        etcd_key,
        written,
        told: crate::cluster::storage::told(engine.session.world(), &stored),
        owners,
        owned,
        muster: members(engine, &stored),
        events: rows.0,
        recent,
        follows: engine.root_of(&selection).is_some(),
    };
    Some(Detail::Object(Box::new(detail)))
}

/// A workload's members in their order.
fn members(engine: &Engine, object: &Object) -> Option<Box<MusterDetail>> {
    let muster = Muster::of(engine.session.world(), object)?;
    let pick = |seat: &Seat| seat.taken.as_ref().and_then(|(kind, key)| engine.object_selection(*kind, key));
    let picks = muster.seats.iter().map(pick).collect();
    Some(Box::new(MusterDetail { muster, picks }))
}

/// One of the cluster's events.
pub fn event(engine: &mut Engine, key: &ObjectKey) -> Option<Detail> {
    let stored = engine.session.object(Kind::Event, key)?;
    let event: &k8s_openapi::api::core::v1::Event = stored.get()?;
    let about = &event.involved_object;
    let found = about.kind.as_deref().and_then(|kind| KINDS.iter().find(|info| info.kind == kind));
    let about = found.map(|info| {
        let namespace = if info.namespaced() { about.namespace.as_deref().unwrap_or_default() } else { "" };
        engine.any_object(info.stored_as, &ObjectKey::new(namespace, about.name.as_deref().unwrap_or_default()))
    });
    let reported = event.reporting_component.as_deref().filter(|name| !name.is_empty());
    let source = event.source.as_ref().and_then(|source| source.component.as_deref());
    let etcd_key = Kind::Event.info().etcd_key(&key.namespace, &key.name);
    let written = writer(engine, &etcd_key, stored.resource_version());
    let chain = written.as_ref().map(|link| engine.session.causes(link.id)).unwrap_or_default();
    let detail = EventDetail {
        row: event_row(event, key.clone()),
        about,
        source: source.or(reported).unwrap_or_default().to_owned(),
        text: marked(engine, &stored),
        etcd_key,
        written,
        chain,
    };
    Some(Detail::Event(Box::new(detail)))
}

/// An act from outside: a line that was typed, a switch that was thrown.
pub fn act(engine: &mut Engine, id: EventId) -> Option<Detail> {
    let (text, at) = match engine.session.world().kernel().trace().find(id)? {
        Record::Input { at, text, .. } => (text.to_string(), *at),
        _ => return None,
    };
    let toggled = std::mem::take(&mut engine.toggled);
    let tree = engine.session.branches(id, &toggled);
    engine.toggled = toggled;
    Some(Detail::Act(Box::new(ActDetail { id, text, at, tree })))
}

/// A stored object's text, with what the write of its revision changed.
pub fn marked(engine: &Engine, object: &Object) -> Marked {
    let key = object.info().stored_as.info().etcd_key(object.namespace(), object.name());
    beside(object, engine.session.before_revision(&key, object.resource_version()))
}

fn beside(object: &Object, before: Before) -> Marked {
    match before {
        Before::Object(before) => Marked::between(&before, object),
        Before::Nothing => Marked::told(object, "All of it is new: this write created the object."),
        Before::Unknown => Marked::told(object, "etcd has compacted the revision before: what changed is not known."),
    }
}

/// What a message carries, with what it changes.
pub fn carried(engine: &Engine, view: &MessageView) -> Option<Marked> {
    let BodyView::Object(object) = &view.body else { return None };
    match engine.session.replaced_by(view)? {
        // A response's revision is the write's; a request only says what it wants.
        Before::Nothing if view.kind == FlightKind::Request => {
            Some(Marked::told(object, "All of it is new: this request creates the object."))
        }
        before => Some(beside(object, before)),
    }
}

/// The request that wrote a revision. Looked up once for each.
fn writer(engine: &mut Engine, key: &str, revision: u64) -> Option<CauseLink> {
    if engine.writer.0 != key || engine.writer.1 != revision {
        let found = engine.session.writer_of(key, revision);
        engine.writer = (key.to_owned(), revision, found);
    }
    let id = engine.writer.2?;
    link_of(engine, id)
}

/// The owners that are stored.
pub fn owners(engine: &Engine, object: &Object) -> Vec<(String, Selection)> {
    object
        .meta()
        .owner_references
        .iter()
        .flatten()
        .filter_map(|owner| {
            let info = KINDS.iter().find(|info| info.kind == owner.kind && info.stored_as == info.id)?;
            let namespace = if info.namespaced() { object.namespace() } else { "" };
            let selection = engine.object_selection(info.id, &ObjectKey::new(namespace, &owner.name))?;
            Some((format!("{} {}", owner.kind, owner.name), selection))
        })
        .collect()
}

/// What names an object as its owner.
fn owned(engine: &Engine, uid: &str) -> Vec<(String, Selection)> {
    let mut out = Vec::new();
    for info in KINDS.iter().filter(|info| info.stored_as == info.id && info.id != Kind::Event) {
        let mut own: Vec<ObjectKey> = Vec::new();
        engine.session.world().each_stored(info.id, &mut |kv| {
            let object = kv.value.object();
            if own.len() < OWNED_MAX && owns(&object, uid) {
                own.push(object.key());
            }
        });
        out.extend(own.iter().map(|key| (format!("{} {}", info.kind, key.name), engine.any_object(info.id, key))));
    }
    out
}

fn owns(object: &Object, uid: &str) -> bool {
    object.meta().owner_references.iter().flatten().any(|owner| owner.uid == uid)
}
