use crate::api::{Body, Response};

use super::World;
use super::harness::{CONFIG_MAPS, PODS, config_map, names, pod, said};

fn filled(count: usize) -> World {
    let mut world = World::new();
    for at in 0..count {
        world.post(CONFIG_MAPS, config_map(&format!("map-{at}"), "x"));
    }
    world
}

fn meta(response: &Response) -> (Option<String>, Option<i64>, u64) {
    match &response.body {
        Body::List(list) => {
            (list.metadata.continue_.clone(), list.metadata.remaining_item_count, list.resource_version())
        }
        other => panic!("no list in {other:?}"),
    }
}

#[test]
fn selectors_choose() {
    let mut world = World::new();
    for (name, node) in [("a", "node-a"), ("b", "node-b"), ("c", "node-a")] {
        let mut pod = pod(name);
        pod["spec"]["nodeName"] = node.into();
        world.post(PODS, pod);
    }
    for (query, expected) in [
        ("", vec!["a", "b", "c"]),
        ("?labelSelector=app=b", vec!["b"]),
        ("?labelSelector=app in (a,c)", vec!["a", "c"]),
        ("?fieldSelector=metadata.name=c", vec!["c"]),
        ("?labelSelector=app!=b&fieldSelector=metadata.name!=a", vec!["c"]),
        ("?resourceVersion=0", vec!["a", "b", "c"]),
    ] {
        assert_eq!(names(&world.get(&format!("{PODS}{query}"))), expected, "{query}");
    }
    assert_eq!(names(&world.get("/api/v1/pods")), ["a", "b", "c"]);
    assert_eq!(names(&world.get("/api/v1/namespaces/kube-system/pods")), Vec::<String>::new());
}

#[test]
fn pages_are_of_one_revision() {
    let mut world = filled(5);
    let first = world.get(&format!("{CONFIG_MAPS}?limit=2"));
    assert_eq!(names(&first), ["map-0", "map-1"]);
    let (token, remaining, revision) = meta(&first);
    assert_eq!(remaining, Some(3));
    let token = token.expect("there is more");
    // What happens between the pages is not in them.
    world.delete(&format!("{CONFIG_MAPS}/map-3"), serde_json::json!({}));
    world.post(CONFIG_MAPS, config_map("map-2a", "x"));
    let second = world.get(&format!("{CONFIG_MAPS}?limit=2&continue={token}"));
    assert_eq!(names(&second), ["map-2", "map-3"]);
    let (token, remaining, again) = meta(&second);
    assert_eq!((remaining, again), (Some(1), revision));
    let third = world.get(&format!("{CONFIG_MAPS}?limit=2&continue={}", token.expect("there is more")));
    assert_eq!(names(&third), ["map-4"]);
    assert_eq!(meta(&third).0, None);
}

#[test]
fn old_pages_come_from_etcd_until_it_compacts() {
    let mut world = filled(3);
    let (token, _, _) = meta(&world.get(&format!("{CONFIG_MAPS}?limit=1")));
    let path = format!("{CONFIG_MAPS}?limit=2&continue={}", token.expect("there is more"));
    // More events than the cache keeps, and time for them to grow old.
    for at in 0..130 {
        world.merge(&format!("{CONFIG_MAPS}/map-0"), serde_json::json!({"data": {"text": at.to_string()}}));
    }
    world.run(100_000);
    world.merge(&format!("{CONFIG_MAPS}/map-0"), serde_json::json!({"data": {"text": "last"}}));
    assert_eq!(names(&world.get(&path)), ["map-1", "map-2"]);
    world.run(700_000);
    let expired = said(&world.get(&path));
    assert!(expired.starts_with("410 Expired: The provided continue parameter is too old"), "{expired}");
}

#[test]
fn a_future_version_is_waited_for_in_vain() {
    let mut world = filled(1);
    assert_eq!(
        said(&world.get(&format!("{CONFIG_MAPS}?resourceVersion=999"))),
        "504 Timeout: Timeout: Too large resource version: 999, current: 12"
    );
}

#[test]
fn options_are_checked() {
    let mut world = World::new();
    for (query, expected) in [
        ("labelSelector=a==", "200"),
        (
            "resourceVersionMatch=Exact",
            "422 Invalid: ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        ),
        (
            "resourceVersion=x",
            "422 Invalid: ListOptions.meta.k8s.io \"\" is invalid: resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid syntax",
        ),
        (
            "watch=1&sendInitialEvents=true",
            "422 Invalid: ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
        (
            "fieldSelector=spec.color=red",
            "400 BadRequest: \"spec.color\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
        ),
    ] {
        assert_eq!(said(&world.get(&format!("{CONFIG_MAPS}?{query}"))), expected, "{query}");
    }
}
