use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::api::etcd::{Compare, EtcdError, EtcdMessage, EtcdRequest, EtcdResponse, Op, RangeRequest};
use crate::api::{Kind, Message, Object, roles};
use crate::sim::{Ctx, Envelope, Kernel, KernelConfig, Process, ProcessId, Random, SimTime};

use super::{Etcd, Store, prefix_end};
use crate::api::stored::{NEWEST_MAX, PAST_MAX};

fn object(name: &str) -> Arc<Object> {
    let value = serde_json::json!({"metadata": {"name": name}});
    Arc::new(Object::from_value(Kind::ConfigMap, &value, &mut |_| {}).expect("a ConfigMap with a name is one"))
}

fn put(key: &str, value: &str) -> Op {
    Op::Put { key: Arc::from(key), value: object(value), lease: 0 }
}

fn delete(key: &str) -> Op {
    Op::DeleteRange { key: Arc::from(key), range_end: None }
}

fn all(revision: u64) -> RangeRequest {
    RangeRequest { key: Arc::from("/"), range_end: Some(Arc::from("0")), revision, limit: 0, count_only: false }
}

/// `key=value@mod/version` of everything at a revision.
fn show(store: &Store, revision: u64) -> String {
    match store.range(&all(revision)) {
        Err(error) => format!("{error:?}"),
        Ok(ranged) => {
            let keys = ranged.kvs.iter();
            let keys =
                keys.map(|kv| format!("{}={}@{}/{}", kv.key, kv.value.object().name(), kv.mod_revision, kv.version));
            keys.collect::<Vec<_>>().join(" ")
        }
    }
}

#[track_caller]
fn check(store: &Store, revision: u64, expected: &str) {
    assert_eq!(show(store, revision), expected, "at revision {revision}");
}

fn sample() -> Store {
    let mut store = Store::new();
    store.apply(&[put("/a", "one")]).expect("a put cannot fail");
    store.apply(&[put("/b", "two"), put("/a", "three")]).expect("a put cannot fail");
    store.apply(&[delete("/a")]).expect("a delete cannot fail");
    store.apply(&[put("/a", "four")]).expect("a put cannot fail");
    store
}

#[test]
fn every_revision_can_be_read() {
    let mut store = sample();
    assert_eq!(store.revision(), 5);
    check(&store, 1, "");
    check(&store, 2, "/a=one@2/1");
    check(&store, 3, "/a=three@3/2 /b=two@3/1");
    check(&store, 4, "/b=two@3/1");
    check(&store, 5, "/a=four@5/1 /b=two@3/1");
    check(&store, 0, "/a=four@5/1 /b=two@3/1");
    check(&store, 6, "FutureRevision");
    store.compact(3).expect("revision 3 can be compacted");
    check(&store, 2, "Compacted { compact_revision: 3 }");
    check(&store, 3, "/a=three@3/2 /b=two@3/1");
    check(&store, 4, "/b=two@3/1");
    assert_eq!(store.compact(3), Err(EtcdError::Compacted { compact_revision: 3 }));
    assert_eq!(store.compact(9), Err(EtcdError::FutureRevision));
    assert_eq!(store.history("/a").map(|event| event.kv.mod_revision).collect::<Vec<_>>(), [3, 4, 5]);
}

#[test]
fn comparisons_guard_a_transaction() {
    let store = sample();
    let mod_revision = |key: &str, revision| Compare::ModRevision { key: Arc::from(key), revision };
    for (key, revision, holds) in
        [("/a", 5, true), ("/a", 3, false), ("/b", 3, true), ("/c", 0, true), ("/a", 0, false)]
    {
        assert_eq!(store.compares(&[mod_revision(key, revision)]), holds, "{key} at {revision}");
    }
    assert!(!store.compares(&[mod_revision("/a", 5), mod_revision("/b", 4)]), "all of them must hold");
}

#[test]
fn a_limit_cuts_but_counts() {
    let store = sample();
    let ranged = store.range(&RangeRequest { limit: 1, ..all(0) }).expect("the newest revision is there");
    assert_eq!((ranged.kvs.len(), ranged.count, ranged.more), (1, 2, true));
    let counted = store.range(&RangeRequest { count_only: true, ..all(3) }).expect("revision 3 is there");
    assert_eq!((counted.kvs.len(), counted.count, counted.more), (0, 2, false));
    assert_eq!(prefix_end("/registry/"), "/registry0");
}

#[test]
fn a_naive_model_agrees() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    println!("reproduce: SEED={seed} cargo test --lib etcd::tests::a_naive_model_agrees");
    let mut random = Random::fork(seed, "etcd");
    let mut store = Store::new();
    // Every revision kept whole.
    let mut model: Vec<BTreeMap<String, String>> = vec![BTreeMap::new(), BTreeMap::new()];
    let mut compacted = 0;
    for step in 0..600 {
        let mut next = model.last().expect("the model begins with one revision").clone();
        let mut ops = Vec::new();
        let mut changed = false;
        let mut touched = Vec::new();
        for _ in 0..=random.below(3) {
            let key = format!("/k{}", random.below(12));
            if touched.contains(&key) {
                continue;
            }
            touched.push(key.clone());
            if random.below(3) == 0 {
                changed |= next.remove(&key).is_some();
                ops.push(delete(&key));
            } else {
                let value = format!("v{step}");
                next.insert(key.clone(), value.clone());
                changed = true;
                ops.push(put(&key, &value));
            }
        }
        store.apply(&ops).expect("puts and deletes cannot fail");
        if changed {
            model.push(next);
        }
        if random.below(40) == 0 {
            let to = compacted + random.below(store.revision() - compacted + 1);
            if store.compact(to).is_ok() {
                compacted = to;
            }
        }
        assert_eq!(store.revision() as usize, model.len() - 1, "step {step}");
        let revision = 1 + random.below(store.revision());
        let seen = store.range(&all(revision)).map(|ranged| {
            ranged
                .kvs
                .iter()
                .map(|kv| (kv.key.to_string(), kv.value.object().name().to_owned()))
                .collect::<BTreeMap<_, _>>()
        });
        if revision < compacted {
            assert_eq!(seen, Err(EtcdError::Compacted { compact_revision: compacted }), "step {step}");
        } else {
            assert_eq!(seen.as_ref(), Ok(&model[revision as usize]), "step {step}, revision {revision}");
        }
    }
}

/// Sends what it is told to, and writes down what it hears.
#[derive(Clone, Debug)]
struct Client {
    etcd: ProcessId,
    heard: Vec<String>,
}

impl Process<Message> for Client {
    fn start(&mut self, _: &mut Ctx<'_, Message>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        let Message::Etcd(message) = &envelope.payload else { return };
        if envelope.from == ProcessId::OUTSIDE {
            ctx.send(self.etcd, envelope.payload.clone());
            return;
        }
        self.heard.push(match message {
            EtcdMessage::Request { .. } => unreachable!("etcd sends no requests"),
            EtcdMessage::Response { revision, response, .. } => match &**response {
                EtcdResponse::Txn { succeeded, .. } => format!("txn {succeeded} @{revision}"),
                other => format!("{other:?} @{revision}"),
            },
            EtcdMessage::WatchEvents { revision, events, .. } => {
                let events = events.iter().map(|event| {
                    format!(
                        "{}{}={}",
                        if event.deleted { "-" } else { "+" },
                        event.kv.key,
                        event.kv.value.object().name()
                    )
                });
                format!("events {} @{revision}", events.collect::<Vec<_>>().join(" "))
            }
            EtcdMessage::WatchCanceled { compact_revision, .. } => format!("canceled {compact_revision}"),
        });
    }

    fn on_timer(&mut self, _: &mut Ctx<'_, Message>, _: u64) {}

    fn lose_memory(&mut self) {}

    fn clone_box(&self) -> Box<dyn Process<Message>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }
}

struct World {
    kernel: Kernel<Message>,
    etcd: ProcessId,
    client: ProcessId,
}

impl World {
    fn new() -> Self {
        let mut kernel = Kernel::new(KernelConfig {
            seed: 1,
            epoch_unix_micros: 0,
            trace_capacity: 100,
            connection_timeout: Duration::from_secs(45),
            link: roles::link,
        });
        let etcd = kernel.add("etcd", "etcd", Box::new(Etcd::new()));
        let client = kernel.add("kube-apiserver", "kube-apiserver", Box::new(Client { etcd, heard: Vec::new() }));
        World { kernel, etcd, client }
    }

    /// What the client hears for `seconds` after sending a request.
    fn ask(&mut self, request: EtcdRequest, seconds: u64) -> Vec<String> {
        let message = Message::Etcd(EtcdMessage::Request { call: 1, request: Arc::new(request) });
        self.kernel.input(self.client, "ask", message);
        self.listen(seconds)
    }

    fn listen(&mut self, seconds: u64) -> Vec<String> {
        self.kernel.run_until(self.kernel.now() + Duration::from_secs(seconds));
        let client = self.kernel.edge_mut::<Client>(self.client).expect("the client is a Client");
        std::mem::take(&mut client.heard)
    }

    fn write(&mut self, op: Op) -> Vec<String> {
        self.ask(EtcdRequest::Txn { compare: vec![], success: vec![op], failure: vec![] }, 1)
    }

    fn watch(&mut self, start_revision: u64) -> Vec<String> {
        let watch = EtcdRequest::Watch {
            watch_id: 1,
            key: Arc::from("/"),
            range_end: Some(Arc::from("0")),
            start_revision,
            prev_kv: true,
        };
        self.ask(watch, 1)
    }
}

#[test]
fn a_watch_replays_then_follows() {
    let mut world = World::new();
    world.write(put("/a", "one"));
    world.write(delete("/a"));
    assert_eq!(
        world.watch(2),
        ["WatchCreated { watch_id: 1 } @3", "events +/a=one @2", "events -/a=one @3"],
        "history first"
    );
    assert_eq!(world.write(put("/b", "two")), ["events +/b=two @4", "txn true @4"], "watchers hear before the writer");
    world.ask(EtcdRequest::Compact { revision: 4 }, 1);
    assert_eq!(world.watch(3), ["WatchCreated { watch_id: 1 } @4", "canceled 4"]);
}

#[test]
fn the_disk_survives_a_restart_and_watches_do_not() {
    let mut world = World::new();
    world.write(put("/a", "one"));
    world.watch(0);
    world.kernel.stop(world.etcd);
    world.kernel.restart(world.etcd);
    assert_eq!(world.write(put("/b", "two")), ["txn true @3"]);
    let etcd: &Etcd = world.kernel.inspect(world.etcd).expect("etcd is an Etcd");
    assert_eq!(etcd.store().len(), 2);
    assert_eq!(etcd.watches().iter().count(), 0);
}

#[test]
fn a_lease_takes_its_keys_along_unless_kept_alive() {
    let mut world = World::new();
    world.ask(EtcdRequest::LeaseGrant { id: 9, ttl_seconds: 10 }, 1);
    let leased = Op::Put { key: Arc::from("/a"), value: object("one"), lease: 9 };
    world.write(leased.clone());
    world.watch(0);
    assert_eq!(world.ask(EtcdRequest::LeaseKeepAlive { id: 9 }, 8), ["LeaseKeptAlive { ttl_seconds: 10 } @2"]);
    assert_eq!(world.listen(10), ["events -/a=one @3"]);
    assert_eq!(world.write(leased), ["Failed(LeaseNotFound) @3"]);
    assert!(world.kernel.now() > SimTime::from_secs(20));
}

fn event(name: &str, about: &str) -> Op {
    let value =
        serde_json::json!({"metadata": {"name": name}, "involvedObject": {"name": about}, "message": "Killing"});
    let event = Object::from_value(Kind::Event, &value, &mut |_| {}).expect("an Event with a name is one");
    Op::Put { key: Arc::from(format!("/events/{name}")), value: Arc::new(event), lease: 0 }
}

#[test]
fn what_was_replaced_is_packed_in_time_for_all_who_share_it() {
    let mut store = Store::new();
    for value in ["one", "two"] {
        store.apply(&[put("/a", value)]).expect("a put cannot fail");
    }
    for (name, about) in [("web.1", "web"), ("by-hand", "web")] {
        store.apply(&[event(name, about)]).expect("a put cannot fail");
    }
    let earlier = store.clone();
    let packed = |store: &Store, revision, key| store.change(revision, key).map(|change| change.kv.value.is_packed());
    // The first of these replaces nothing.
    for _ in 0..PAST_MAX {
        assert_eq!(packed(&store, 2, "/a"), Some(false));
        store.apply(&[put("/b", "b")]).expect("a put cannot fail");
    }
    assert_eq!(packed(&store, 2, "/a"), Some(true), "what was replaced before {PAST_MAX} others");
    for _ in 0..2 {
        store.apply(&[put("/b", "b")]).expect("a put cannot fail");
    }
    assert_eq!(packed(&store, 3, "/a"), Some(false), "it is the newest");
    assert_eq!(packed(&store, 4, "/events/web.1"), Some(true), "an Event is seldom asked for, new as it is");
    assert_eq!(packed(&store, 5, "/events/by-hand"), Some(false), "its key does not say what it is about");
    assert_eq!(packed(&earlier, 2, "/a"), Some(true), "a checkpoint shares it");
    check(&store, 2, "/a=one@2/1");
    let old = store.change(2, "/a").expect("it is in the log").kv.value.object();
    assert_eq!((old.name(), old.resource_version()), ("one", 2));
}

#[test]
fn of_the_newest_what_nobody_asks_for_is_packed() {
    let mut store = Store::new();
    store.apply(&[put("/idle", "idle")]).expect("a put cannot fail");
    store.apply(&[put("/busy", "busy")]).expect("a put cannot fail");
    let is_packed = |store: &Store, key| store.get(key).expect("it is stored").value.is_packed();
    let busy = store.get("/busy").expect("it is stored").value.clone();
    for number in 0..NEWEST_MAX - 2 {
        store.apply(&[put(&format!("/other/{number}"), "other")]).expect("a put cannot fail");
    }
    assert!(!is_packed(&store, "/idle"));
    assert_eq!(busy.object().name(), "busy");
    store.apply(&[put("/more", "more")]).expect("a put cannot fail");
    assert!(is_packed(&store, "/idle"));
    store.apply(&[put("/and-more", "more")]).expect("a put cannot fail");
    assert!(!is_packed(&store, "/busy"), "it was asked for");
    assert!(is_packed(&store, "/other/0"));
    // Who asks has it whole again, as all do who share it.
    let idle = store.get("/idle").expect("it is stored").value.clone();
    assert_eq!((idle.object().name(), idle.object().resource_version()), ("idle", 2));
    assert!(!is_packed(&store, "/idle"));
}
