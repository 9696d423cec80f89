use std::sync::Arc;

use serde_json::json;

use crate::api::etcd::{EtcdMessage, EtcdRequest, Op};
use crate::api::{Kind, Message};
use crate::sim::Record;

use super::World;
use super::harness::{CONFIG_MAPS, config_map, names, value};

#[test]
fn every_stage_is_a_span_in_order() {
    let mut world = World::new();
    let from = world.kernel.trace().total();
    world.post(CONFIG_MAPS, config_map("a", "one"));
    let spans: Vec<&str> = world
        .kernel
        .trace()
        .since(from)
        .filter_map(|record| match record {
            Record::Span(span) if span.process == world.apiserver => Some(span.name),
            _ => None,
        })
        .collect();
    assert_eq!(
        spans,
        [
            "authentication",
            "audit",
            "priority and fairness",
            "authorization",
            "decoding and defaulting",
            "mutating admission",
            "validation",
            "validating admission",
            "registry",
            "watch cache",
            "etcd",
            "response",
        ]
    );
}

#[test]
fn a_cluster_begins_with_its_namespaces() {
    let mut world = World::new();
    assert_eq!(names(&world.get("/api/v1/namespaces")), ["default", "kube-node-lease", "kube-public", "kube-system"]);
}

#[test]
fn a_collection_is_deleted() {
    let mut world = World::new();
    for name in ["a", "b", "c"] {
        world.post(CONFIG_MAPS, config_map(name, "x"));
    }
    let gone = world.delete(&format!("{CONFIG_MAPS}?fieldSelector=metadata.name!=b"), json!({}));
    assert_eq!(names(&gone), ["a", "c"]);
    assert_eq!(names(&world.get(CONFIG_MAPS)), ["b"]);
}

#[test]
fn a_lease_may_be_created_by_an_update() {
    let mut world = World::new();
    let path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-a";
    let lease =
        json!({"metadata": {"name": "node-a"}, "spec": {"holderIdentity": "node-a", "leaseDurationSeconds": 40}});
    let created = world.put(path, lease.clone());
    assert_eq!(created.code, 201);
    assert_eq!(world.put(path, lease).code, 422, "without a version it is refused from then on");
    let mut renewed = value(&created);
    renewed["spec"]["renewTime"] = json!("2026-01-01T00:00:10.000000Z");
    assert_eq!(world.put(path, renewed).code, 200);
}

#[test]
fn discovery_names_everything() {
    let mut world = World::new();
    let core = value(&world.get("/api/v1"));
    let resources: Vec<&str> =
        core["resources"].as_array().expect("resources").iter().filter_map(|entry| entry["name"].as_str()).collect();
    for name in ["pods", "pods/log", "namespaces/finalize", "serviceaccounts/token", "bindings"] {
        assert!(resources.contains(&name), "{name}");
    }
    let groups = value(&world.get("/apis"));
    assert_eq!(groups["groups"][0]["name"], "apps");
    assert_eq!(value(&world.get("/version"))["gitVersion"], "v1.36.0");
    let mut aggregated = super::harness::request(crate::api::Method::Get, "/apis");
    aggregated.accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json".into();
    assert_eq!(value(&world.ask(aggregated))["kind"], "APIGroupDiscoveryList");
    let openapi = value(&world.get("/openapi/v3/apis/apps/v1"));
    let patch = &openapi["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Deployment");
    assert!(patch["parameters"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "fieldValidation")));
    assert_eq!(value(&world.get("/openapi/v2"))["swagger"], "2.0");
    assert_eq!(world.get("/livez?verbose").code, 200);
}

#[test]
fn etcd_is_given_no_version_and_shares_what_it_makes_of_it() {
    let mut world = World::new();
    world.post(CONFIG_MAPS, config_map("a", "one"));
    let etcd: &crate::etcd::Etcd = world.kernel.inspect(world.etcd).expect("etcd is an Etcd");
    let kv = etcd.store().get("/registry/configmaps/default/a").expect("it is stored");
    assert_eq!(kv.value.kind(), Kind::ConfigMap);
    let put = world.kernel.trace().records().iter().find_map(|record| {
        let Record::Sent(envelope) = record else { return None };
        let Message::Etcd(EtcdMessage::Request { request, .. }) = &envelope.payload else { return None };
        let EtcdRequest::Txn { success, .. } = &**request else { return None };
        match success.first() {
            Some(Op::Put { key, value, .. }) if *key == kv.key => Some(value.clone()),
            _ => None,
        }
    });
    assert_eq!(put.expect("it was put").meta().resource_version, None);
    let cached = world.server().cache().find(Kind::ConfigMap, "default", "a").expect("it is cached");
    assert_eq!(cached.resource_version(), kv.mod_revision);
    assert!(Arc::ptr_eq(&cached, &kv.value.object()), "the cache has a copy of its own");
}
