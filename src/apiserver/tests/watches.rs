use serde_json::json;

use super::World;
use super::harness::{CONFIG_MAPS, PODS, config_map, pod, value};

fn version(world: &World) -> u64 {
    world.server().cache().revision()
}

#[test]
fn a_watch_resumes_where_it_ended() {
    let mut world = World::new();
    world.post(CONFIG_MAPS, config_map("a", "one"));
    let from = version(&world);
    world.merge(&format!("{CONFIG_MAPS}/a"), json!({"data": {"text": "two"}}));
    world.delete(&format!("{CONFIG_MAPS}/a"), json!({}));
    let watch = world.watch(&format!("{CONFIG_MAPS}?resourceVersion={from}"));
    assert_eq!(world.heard(watch), [format!("MODIFIED a@{}", from + 1), format!("DELETED a@{}", from + 2)]);
    world.post(CONFIG_MAPS, config_map("b", "one"));
    assert_eq!(world.heard(watch), [format!("ADDED b@{}", from + 3)]);
    world.post("/api/v1/namespaces/kube-system/configmaps", config_map("c", "one"));
    assert_eq!(world.heard(watch), Vec::<String>::new(), "another namespace");
}

#[test]
fn a_watch_without_a_version_begins_with_what_is_there() {
    let mut world = World::new();
    world.post(CONFIG_MAPS, config_map("a", "one"));
    for query in ["", "?resourceVersion=0"] {
        let watch = world.watch(&format!("{CONFIG_MAPS}{query}"));
        assert_eq!(world.heard(watch), ["ADDED a@12"], "{query}");
    }
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let watch = world.watch(&format!("{CONFIG_MAPS}?{query}"));
    assert_eq!(world.heard(watch), ["ADDED a@12", "BOOKMARK @12"]);
}

#[test]
fn bookmarks_come_every_minute_and_streams_end() {
    let mut world = World::new();
    let watch = world.watch(&format!("{CONFIG_MAPS}?resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=150"));
    let plain = world.watch(&format!("{CONFIG_MAPS}?resourceVersion=0&timeoutSeconds=150"));
    world.post(PODS, pod("web"));
    world.run(62_000);
    let now = version(&world);
    assert_eq!(world.heard(watch), [format!("BOOKMARK @{now}")]);
    assert!(!world.ended(watch));
    world.run(100_000);
    assert_eq!(world.heard(watch).len(), 2, "one in time and one before the end");
    assert!(world.ended(watch) && world.ended(plain));
    assert_eq!(world.heard(plain), Vec::<String>::new());
}

#[test]
fn objects_enter_and_leave_a_selector() {
    let mut world = World::new();
    world.post(PODS, pod("web"));
    let red = world.watch(&format!("{PODS}?resourceVersion=0&labelSelector=color=red"));
    let node = world.watch("/api/v1/pods?resourceVersion=0&fieldSelector=spec.nodeName=node-a");
    let path = format!("{PODS}/web");
    let paint = |world: &mut World, color| {
        value(&world.merge(&path, json!({"metadata": {"labels": {"color": color}}})));
        version(world)
    };
    assert_eq!(world.heard(red), Vec::<String>::new());
    let in_ = paint(&mut world, "red");
    let out = paint(&mut world, "blue");
    assert_eq!(world.heard(red), [format!("ADDED web@{in_}"), format!("DELETED web@{out}")]);
    assert_eq!(world.heard(node), Vec::<String>::new());
    world.post(&format!("{path}/binding"), json!({"target": {"kind": "Node", "name": "node-a"}}));
    let bound = version(&world);
    assert_eq!(world.heard(node), [format!("ADDED web@{bound}")]);
    world.delete(&path, json!({"gracePeriodSeconds": 0}));
    let gone = version(&world);
    assert_eq!(world.heard(node), [format!("MODIFIED web@{}", gone - 1), format!("DELETED web@{gone}")]);
}

#[test]
fn what_is_too_old_cannot_be_resumed() {
    let mut world = World::new();
    world.post(CONFIG_MAPS, config_map("a", "one"));
    let from = version(&world);
    for at in 0..150 {
        world.merge(&format!("{CONFIG_MAPS}/a"), json!({"data": {"text": at.to_string()}}));
    }
    world.run(100_000);
    world.merge(&format!("{CONFIG_MAPS}/a"), json!({"data": {"text": "last"}}));
    let watch = world.watch(&format!("{CONFIG_MAPS}?resourceVersion={from}"));
    let heard = world.heard(watch);
    assert_eq!(heard.len(), 1);
    assert!(heard[0].starts_with(&format!("ERROR Expired: too old resource version: {from} (")), "{heard:?}");
    assert!(world.ended(watch));
}

#[test]
fn a_canceled_watch_is_told_no_more() {
    let mut world = World::new();
    let watch = world.watch(&format!("{CONFIG_MAPS}?resourceVersion=0"));
    world.kernel.input(world.client, "cancel", crate::api::Message::Cancel { call: watch });
    world.run(50);
    world.post(CONFIG_MAPS, config_map("a", "one"));
    assert_eq!(world.heard(watch), Vec::<String>::new());
    assert_eq!(world.server().watchers().iter().count(), 0);
}

#[test]
fn events_are_served_in_both_groups() {
    let mut world = World::new();
    let core = world.watch("/api/v1/namespaces/default/events?resourceVersion=0");
    let path = "/apis/events.k8s.io/v1/namespaces/default/events";
    let grouped = world.watch(&format!("{path}?resourceVersion=0"));
    let event = json!({
        "metadata": {"name": "web.1"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reason": "Scheduled",
        "note": "it fits",
        "action": "Binding",
        "type": "Normal",
        "reportingController": "default-scheduler",
        "reportingInstance": "default-scheduler-1",
        "regarding": {"kind": "Pod", "namespace": "default", "name": "web"},
    });
    let created = value(&world.post(path, event));
    assert_eq!((&created["note"], &created["kind"]), (&json!("it fits"), &json!("Event")));
    assert_eq!(world.heard(core).len(), 1);
    assert_eq!(world.heard(grouped).len(), 1);
    let seen = value(&world.get("/api/v1/namespaces/default/events/web.1"));
    assert_eq!(seen["message"], "it fits");
    assert_eq!(seen["involvedObject"]["name"], "web");
    world.run(3_700_000);
    assert_eq!(world.get("/api/v1/namespaces/default/events/web.1").code, 404, "it goes after an hour");
}
