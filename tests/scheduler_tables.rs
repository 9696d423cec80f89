//! Upstream's plugin tables, run through the plugins. Prints `N of M` for every file.

#[path = "scheduler_tables/preemption.rs"]
mod preemption;
#[path = "tables/mod.rs"]
mod tables;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use serde_json::Value;

use kubarium::api::{Kind, Object};
use kubarium::scheduler::plugins::node_affinity::NodeAffinityArgs;
use kubarium::scheduler::plugins::node_resources_fit::{Fit, ResourceSpec, ScoringStrategy, UtilizationShapePoint};
use kubarium::scheduler::plugins::{PLUGINS, PluginArgs};
use kubarium::scheduler::{Cache, Code, CycleState, NodeInfo, Plugin, PodInfo, PreFilter, Rejection};

fn object(kind: Kind, value: &Value) -> Arc<Object> {
    let object = Object::from_value(kind, value, &mut |_| {});
    Arc::new(object.unwrap_or_else(|error| panic!("{value}: {error}")))
}

fn objects(kind: Kind, value: &Value) -> Vec<Arc<Object>> {
    value.as_array().into_iter().flatten().map(|value| object(kind, value)).collect()
}

/// A case as the plugins see it.
struct Table {
    name: String,
    pod: PodInfo,
    cache: Cache,
    case: Value,
    expect: Value,
    plugin: Arc<dyn Plugin>,
}

fn resources(value: &Value) -> Vec<ResourceSpec> {
    let spec = |value: &Value| ResourceSpec {
        name: value["name"].as_str().unwrap_or_default().to_owned(),
        weight: value["weight"].as_i64().unwrap_or(1),
    };
    value.as_array().into_iter().flatten().map(spec).collect()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

fn arguments(plugin: &str, value: &Value) -> PluginArgs {
    let mut args = PluginArgs::default();
    if value.is_null() {
        return args;
    }
    match plugin {
        "NodeResourcesFit" => {
            let fit = &mut args.node_resources_fit;
            fit.ignored_resources = strings(&value["ignoredResources"]);
            fit.ignored_resource_groups = strings(&value["ignoredResourceGroups"]);
            let strategy = &value["scoringStrategy"];
            if strategy.is_object() {
                fit.resources = resources(&strategy["resources"]);
                fit.strategy = match strategy["type"].as_str() {
                    Some("LeastAllocated") => ScoringStrategy::LeastAllocated,
                    Some("MostAllocated") => ScoringStrategy::MostAllocated,
                    _ => {
                        let shape = strategy["requestedToCapacityRatio"]["shape"].as_array().into_iter().flatten();
                        let number = |point: &Value, name: &str| point[name].as_i64().unwrap_or_default();
                        let shape = shape.map(|point| UtilizationShapePoint {
                            utilization: number(point, "utilization"),
                            score: number(point, "score"),
                        });
                        ScoringStrategy::RequestedToCapacityRatio(shape.collect())
                    }
                };
            }
        }
        "NodeResourcesBalancedAllocation" => {
            args.node_resources_balanced_allocation.resources = resources(&value["resources"]);
        }
        "NodeAffinity" => {
            let added = serde_json::from_value(value["addedAffinity"].clone());
            args.node_affinity = NodeAffinityArgs { added_affinity: Some(added.expect("an affinity")) };
        }
        "InterPodAffinity" => {
            let weight = value["hardPodAffinityWeight"].as_i64().and_then(|weight| i32::try_from(weight).ok());
            args.inter_pod_affinity.hard_pod_affinity_weight = weight.expect("a weight");
        }
        "PodTopologySpread" => args.pod_topology_spread.system_defaulting = value["defaultingType"] == "System",
        other => panic!("no arguments are known for {other}"),
    }
    args
}

impl Table {
    /// A case. What is counted by topology is kept from the beginning, pod by pod, or only from the end, over all nodes.
    fn of(case: &Value, kept_from_the_beginning: bool) -> Table {
        let case = case.clone();
        let plugin = case["plugin"].as_str().expect("a case names its plugin").to_owned();
        let entry = PLUGINS.iter().find(|entry| entry.name == plugin).expect("the plugin is in the registry");
        let (pod, args) = (PodInfo::new(&object(Kind::Pod, &case["pod"])), arguments(&plugin, &case["pluginArgs"]));
        let keys = args.pod_topology_spread.topology_keys();
        let mut cache = Cache::default();
        if kept_from_the_beginning {
            cache.keep_topologies(&pod, &keys);
        }
        for node in objects(Kind::Node, &case["nodes"]) {
            cache.set_node(&node);
        }
        for pod in objects(Kind::Pod, &case["existingPods"]) {
            cache.add_pod(&Arc::new(PodInfo::new(&pod)));
        }
        for namespace in objects(Kind::Namespace, &case["namespaces"]) {
            let labels = namespace.meta().labels.clone().unwrap_or_default();
            cache.set_namespace(&namespace.key().name, Some(labels));
        }
        for service in objects(Kind::Service, &case["otherObjects"]) {
            let selector = service.expect::<Service>().spec.as_ref().and_then(|spec| spec.selector.clone());
            cache.set_service(service.key(), selector);
        }
        cache.keep_topologies(&pod, &keys);
        Table {
            name: case["name"].as_str().unwrap_or_default().to_owned(),
            pod,
            cache,
            expect: case["expect"].clone(),
            plugin: (entry.new)(&args),
            case,
        }
    }
}

/// The tables are of 1.32. Since 1.35 the reason no longer says which taint it is.
fn since_1_35(reason: String) -> String {
    if reason.starts_with("node(s) had untolerated taint {") {
        "node(s) had untolerated taint(s)".to_owned()
    } else {
        reason
    }
}

impl Table {
    /// What the plugin says of each node, as a cycle would ask it.
    fn filter(&self) -> BTreeMap<String, Result<(), Rejection>> {
        let mut state = CycleState::default();
        let left = self.plugin.pre_filter(&mut state, &self.pod, &self.cache);
        let verdict = |node: &NodeInfo| match &left {
            Err(rejection) => Err(rejection.clone()),
            Ok(PreFilter::Skip) => Ok(()),
            Ok(PreFilter::Nodes(names)) if !names.contains(&node.name) => {
                Err(Rejection { plugin: self.plugin.name(), code: Code::UnschedulableAndUnresolvable, reasons: vec![] })
            }
            Ok(_) => self.plugin.filter(&state, &self.pod, node),
        };
        self.cache.nodes().map(|node| (node.name.to_string(), verdict(node))).collect()
    }

    /// Every node's score after normalizing.
    fn score(&self) -> BTreeMap<String, i64> {
        let mut state = CycleState::default();
        let out = strings(&self.case["notCandidates"]);
        let nodes: Vec<&NodeInfo> = self.cache.nodes().filter(|node| !out.contains(&node.name.to_string())).collect();
        self.plugin.pre_score(&mut state, &self.pod, &self.cache, &nodes);
        let score = |node: &&NodeInfo| self.plugin.score(&state, &self.pod, node, &self.cache);
        let mut scores: Vec<i64> = nodes.iter().map(score).collect();
        self.plugin.normalize(&state, &nodes, &mut scores);
        nodes.iter().map(|node| node.name.to_string()).zip(scores).collect()
    }

    fn check_filter(&self, with_code: bool) {
        let found = self.filter();
        for (node, expected) in self.expect["filter"].as_object().expect("a filter table") {
            let verdict = &found[node];
            assert_eq!(verdict.is_ok(), expected["ok"] == true, "{}: {node}: {verdict:?}", self.name);
            let Err(rejection) = verdict else { continue };
            if with_code {
                assert_eq!(rejection.code.as_str(), expected["code"], "{}: {node}", self.name);
            }
            // A node that PreFilter already left out has no words of its own.
            let expected = strings(&expected["reasons"]).into_iter().map(since_1_35).collect::<Vec<_>>();
            if expected.iter().any(|reason| reason.starts_with("Invalid value")) {
                // The table gives the part that matters of a longer sentence.
                assert!(rejection.message().contains(&expected[0]), "{}: {rejection:?}", self.name);
            } else if !rejection.reasons.is_empty() {
                assert_eq!(rejection.reasons, expected, "{}: {node}", self.name);
            }
        }
    }

    fn check_score(&self) {
        let found = self.score();
        for (node, expected) in self.expect["score"].as_object().expect("a score table") {
            assert_eq!(Value::from(found[node]), *expected, "{}: {node} of {found:?}", self.name);
        }
    }
}

/// Runs every case of a table: with topologies counted over all nodes, and with those counted pod by pod.
fn check(file: &str, run: impl Fn(&Table)) {
    let table = tables::Table::read("scheduler", file);
    for (index, case) in table.cases().iter().enumerate() {
        table.run_one(index, || {
            run(&Table::of(case, false));
            run(&Table::of(case, true));
        });
    }
    table.done();
}

/// The amounts that the fit filter says are missing.
fn check_insufficient(table: &Table) {
    let fit = Fit { args: Default::default() };
    for node in table.cache.nodes() {
        let Some(expected) = table.expect["filter"][&*node.name]["insufficient"].as_array() else { continue };
        if expected.len() != strings(&table.expect["filter"][&*node.name]["reasons"]).len() {
            continue;
        }
        let of = |value: &Value, name: &str| value[name].as_i64().unwrap_or_default();
        let found = fit.insufficient(&table.pod, node);
        for (one, expected) in found.iter().zip(expected) {
            let amounts = ["requested", "used", "capacity"].map(|name| of(expected, name));
            if expected["resource"] == one.resource.as_str() {
                assert_eq!([one.requested, one.used, one.capacity], amounts, "{}", table.name);
            }
        }
    }
}

/// A test for every file.
macro_rules! files {
    ($($test:ident $file:literal $check:expr;)*) => {
        $(#[test]
        fn $test() {
            check($file, $check);
        })*
    };
}

files! {
    image_locality_score "imagelocality-score" Table::check_score;
    inter_pod_affinity_filter "interpodaffinity-filter" |table| table.check_filter(true);
    inter_pod_affinity_score "interpodaffinity-score" Table::check_score;
    node_affinity_filter "nodeaffinity-filter" |table| table.check_filter(true);
    node_affinity_score "nodeaffinity-score" Table::check_score;
    node_name_filter "nodename-filter" |table| table.check_filter(true);
    node_ports_filter "nodeports-filter" |table| table.check_filter(true);
    node_resources_balanced_allocation "noderesources-balanced-allocation" Table::check_score;
    node_resources_fit_filter "noderesources-fit-filter" |table| {
        table.check_filter(false);
        check_insufficient(table);
    };
    node_resources_fit_score "noderesources-fit-score" Table::check_score;
    node_resources_least_allocated "noderesources-least-allocated" Table::check_score;
    node_resources_most_allocated "noderesources-most-allocated" Table::check_score;
    node_unschedulable_filter "nodeunschedulable-filter" |table| table.check_filter(true);
    pod_topology_spread_filter "podtopologyspread-filter" |table| table.check_filter(true);
    pod_topology_spread_score "podtopologyspread-score" Table::check_score;
    taint_toleration_filter "tainttoleration-filter" |table| table.check_filter(true);
    taint_toleration_score "tainttoleration-score" Table::check_score;
}
