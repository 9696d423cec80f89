//! What the cache keeps by topology, pod by pod, against a count over everything.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::{Kind, Object};
use crate::sim::Random;

use super::cache::Cache;
use super::node_info::NodeInfo;
use super::pod_info::PodInfo;

const KEYS: [&str; 3] = ["kubernetes.io/hostname", "rack", "topology.kubernetes.io/zone"];
const APPS: [&str; 3] = ["a", "b", "c"];

fn object(kind: Kind, value: &Value) -> Arc<Object> {
    Arc::new(Object::from_value(kind, value, &mut |_| {}).expect("a good object"))
}

/// A node that is in a zone and a rack, or in one of them, or in none.
fn node(index: u64, random: &mut Random) -> Arc<Object> {
    let name = format!("node-{index}");
    let mut labels = json!({ "kubernetes.io/hostname": name });
    if random.below(4) > 0 {
        labels["topology.kubernetes.io/zone"] = json!(format!("zone-{}", random.below(3)));
    }
    if random.below(4) > 0 {
        labels["rack"] = json!(format!("rack-{}", random.below(9)));
    }
    object(Kind::Node, &json!({ "metadata": { "name": name, "labels": labels } }))
}

/// A pod on a node; the apps `b` and `c` have terms, by different keys.
fn pod(index: u64, on: u64, random: &mut Random) -> Arc<PodInfo> {
    let at = random.below(3) as usize;
    let near = json!([{ "topologyKey": KEYS[at], "labelSelector": { "matchLabels": { "app": "a" } } }]);
    let rules = json!({ "requiredDuringSchedulingIgnoredDuringExecution": near });
    let affinity = match at {
        0 => Value::Null,
        1 => json!({ "podAffinity": rules }),
        _ => json!({ "podAntiAffinity": rules }),
    };
    let metadata = json!({ "name": format!("pod-{index}"), "namespace": "default", "labels": { "app": APPS[at] } });
    let spec = json!({ "nodeName": format!("node-{on}"), "containers": [{ "name": "c" }], "affinity": affinity });
    Arc::new(PodInfo::new(&object(Kind::Pod, &json!({ "metadata": metadata, "spec": spec }))))
}

/// The pods in the topology of a node that `counts` says so of.
fn counted(cache: &Cache, key: &str, at: &NodeInfo, counts: impl Fn(&PodInfo) -> bool) -> usize {
    let near = cache.nodes().filter(|node| node.label(key) == at.label(key));
    near.flat_map(|node| node.pods.values()).filter(|pod| counts(pod)).count()
}

fn check(cache: &Cache) {
    let topologies = cache.topologies();
    for key in KEYS {
        let Some(place) = topologies.place(key) else { continue };
        let topology = topologies.at(place).expect("it has a place");
        let nodes: Vec<&NodeInfo> = cache.nodes().filter(|node| node.label(key).is_some()).collect();
        assert_eq!(topology.labelled, nodes.len(), "{key}");
        let values: BTreeSet<usize> = nodes.iter().filter_map(|node| node.domain(place)).collect();
        assert_eq!(topology.values().collect::<BTreeSet<usize>>(), values, "{key}");
        for node in cache.nodes() {
            assert_eq!(node.domain(place).is_some(), node.label(key).is_some(), "{key} of {}", node.name);
            let Some(number) = node.domain(place).and_then(|number| u32::try_from(number).ok()) else { continue };
            for app in APPS {
                let of_app = |labels: &super::cache::Labels| labels.get("app").is_some_and(|own| own == app);
                let sets = cache.all_label_sets(|_, labels| of_app(labels));
                let kept = sets.iter().filter_map(|set| topology.of_set(*set)?.get(&number)).sum::<u32>();
                let counted = counted(cache, key, node, |pod| of_app(pod.labels()));
                assert_eq!(kept as usize, counted, "{app} by {key} of {}", node.name);
            }
            for (id, group) in topologies.groups() {
                let kept = topology.of_group(id).and_then(|counts| counts.get(&number)).copied().unwrap_or(0);
                let counted = counted(cache, key, node, |pod| pod.has_affinity() && pod.same_terms(&group.pod));
                assert_eq!(kept as usize, counted, "group {id} by {key} of {}", node.name);
            }
        }
    }
}

#[test]
fn what_is_kept_pod_by_pod_is_what_a_count_over_all_pods_finds() {
    let mut random = Random::fork(7, "topology");
    let mut cache = Cache::default();
    for step in 0..1_500 {
        let (index, at) = (random.below(40), random.below(12));
        match random.below(10) {
            0 | 1 => cache.set_node(&node(at, &mut random)),
            2 => cache.remove_node(&format!("node-{at}")),
            3 | 4 => drop(cache.remove_pod(&pod(index, at, &mut random).key)),
            // Terms make their keys be kept while pods and nodes are there already.
            _ => cache.add_pod(&pod(index, at, &mut random)),
        }
        if step == 700 {
            let keys = KEYS.map(Arc::from);
            cache.keep_topologies(&pod(0, 0, &mut random), &keys);
        }
        if step % 5 == 0 {
            check(&cache);
        }
    }
}
