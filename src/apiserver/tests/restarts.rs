use serde_json::json;

use crate::api::Method;
use crate::sim::{Fault, Pair};

use super::World;
use super::harness::{CONFIG_MAPS, config_map, names, request, said, value};

#[test]
fn the_api_server_comes_back_with_everything() {
    let mut world = World::new();
    world.post(CONFIG_MAPS, config_map("a", "one"));
    let before = world.server().cache().revision();
    world.kernel.stop(world.apiserver);
    assert!(!world.server().is_ready());
    world.kernel.restart(world.apiserver);
    // Asked before it is ready: it answers when it is.
    assert_eq!(names(&world.get(CONFIG_MAPS)), ["a"]);
    assert_eq!(world.server().cache().revision(), before);
    assert_eq!(
        {
            let watch = world.watch(&format!("{CONFIG_MAPS}?resourceVersion={}", before - 1));
            world.heard(watch)
        },
        [format!("ERROR Expired: too old resource version: {} ({before})", before - 1)],
        "what it knew of events is gone"
    );
}

#[test]
fn without_etcd_requests_fail_and_watches_go_on_after() {
    let mut world = World::new();
    let watch = world.watch(&format!("{CONFIG_MAPS}?resourceVersion=0"));
    world.kernel.stop(world.etcd);
    world.run(100);
    let create = || request(Method::Post, CONFIG_MAPS).body(crate::api::Body::Json(config_map("a", "one").into()));
    assert_eq!(said(&world.ask(create())), "500 InternalError: etcdserver: request timed out");
    assert_eq!(said(&world.get(CONFIG_MAPS)), "500 InternalError: etcdserver: request timed out");
    assert_eq!(said(&world.get(&format!("{CONFIG_MAPS}?resourceVersion=0"))), "200", "the cache is there");
    world.run(5_000);
    world.kernel.restart(world.etcd);
    world.run(2_000);
    assert_eq!(world.ask(create()).code, 201);
    assert_eq!(world.heard(watch).len(), 1);
    assert_eq!(names(&world.get(CONFIG_MAPS)), ["a"]);
}

#[test]
fn a_long_partition_ends_in_a_resumed_watch() {
    let mut world = World::new();
    let fault = Fault::Partition(Pair::of(world.etcd, world.apiserver));
    world.kernel.inject(fault.clone());
    let call = world.send(request(Method::Get, &format!("{CONFIG_MAPS}/a")));
    world.run(60_000);
    assert_eq!(
        world.answer(call).map(|answer| said(&answer)),
        Some("500 InternalError: etcdserver: request timed out".to_owned())
    );
    world.kernel.lift(&fault);
    world.run(60_000);
    assert_eq!(world.post(CONFIG_MAPS, config_map("a", "one")).code, 201);
    assert_eq!(names(&world.get(CONFIG_MAPS)), ["a"]);
    let etcd: &crate::etcd::Etcd = world.kernel.inspect(world.etcd).expect("etcd is an Etcd");
    assert_eq!(etcd.watches().iter().count(), 1);
}

#[test]
fn the_server_puts_its_own_endpoints_right_again() {
    let mut world = World::new();
    let (endpoints, slice) = (
        "/api/v1/namespaces/default/endpoints/kubernetes",
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes",
    );
    let (before, slice_before) = (value(&world.get(endpoints)), value(&world.get(slice)));
    let elsewhere = json!({ "subsets": [{ "addresses": [{ "ip": "10.9.8.7" }], "ports": [{ "port": 1 }] }] });
    assert_eq!(world.merge(endpoints, elsewhere).code, 200);
    let nobody = json!({ "endpoints": [], "ports": [{ "name": "https", "port": 7 }] });
    assert_eq!(world.merge(slice, nobody).code, 200);
    world.run(11_000);
    // Ports of endpoints that are otherwise in shape are left as they are, and the slice follows them.
    let after = value(&world.get(endpoints));
    assert_eq!(after["subsets"][0]["addresses"], before["subsets"][0]["addresses"]);
    assert_eq!(after["subsets"][0]["ports"][0]["port"], 1);
    let slice_after = value(&world.get(slice));
    assert_eq!(slice_after["endpoints"], slice_before["endpoints"]);
    assert_eq!(slice_after["ports"][0]["port"], 1);
    assert_eq!(world.merge(endpoints, json!({ "subsets": [] })).code, 200);
    world.run(11_000);
    assert_eq!(value(&world.get(endpoints))["subsets"], before["subsets"]);
    assert_eq!(value(&world.get(slice))["ports"], slice_before["ports"]);
    let settled = world.server().cache().revision();
    world.run(30_000);
    assert_eq!(world.server().cache().revision(), settled, "what is right is not written again");
}
