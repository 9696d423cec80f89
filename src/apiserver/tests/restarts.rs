use crate::api::Method;
use crate::sim::{Fault, Pair};

use super::World;
use super::harness::{CONFIG_MAPS, config_map, names, request, said};

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
