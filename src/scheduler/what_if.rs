//! What would have been decided otherwise: a decision made again from what it was made from.
//!
//! No counterpart upstream. A decision keeps the nodes as they were, the pod, the configuration and the state
//! of the draw; with other weights or another request the same cycle is run on them. Nothing else is touched.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::sim::{Order, Random};

use super::cache::Cache;
use super::config::SchedulerConfig;
use super::framework::{CycleState, Point};
use super::node_info::NodeInfo;
use super::plugins::node_resources_fit;
use super::pod_info::PodInfo;
use super::profile::Profiles;
use super::queue::QueuedPod;
use super::record::DecisionRecord;
use super::resource::{DEFAULT_MEMORY_REQUEST, DEFAULT_MILLI_CPU_REQUEST};
use super::schedule_one::{Limits, schedule_pod};

/// What a decision was made from. Cheap to keep: the nodes share what did not change since.
#[derive(Clone, Debug)]
pub struct Basis {
    pub(super) config: Arc<SchedulerConfig>,
    pub(super) profiles: Profiles,
    pub(super) cache: Cache,
    pub(super) queued: QueuedPod,
    pub(super) start: usize,
    pub(super) limits: Limits,
    pub(super) random: Random,
}

/// Two bases are the same if they are one: comparing what they hold would cost as much as deciding.
impl PartialEq for Basis {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// What is taken to have been otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Plugins with their weights; 0 leaves a plugin's score out.
    pub weights: Vec<(String, i64)>,
    /// Millicores.
    pub milli_cpu: Option<i64>,
    /// Bytes.
    pub memory: Option<i64>,
}

impl Change {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Change::default()
    }
}

impl Basis {
    /// The plugins that scored for the profile of the pod, with their weights.
    pub fn weights(&self) -> Vec<(&'static str, i64)> {
        let scorers = self.profiles.of(&self.queued.pod).at(Point::Score).iter();
        scorers.map(|enabled| (enabled.plugin.name(), enabled.weight)).collect()
    }

    /// What the pod asked for: millicores and bytes.
    pub fn requests(&self) -> (i64, i64) {
        let requests = &self.queued.pod.requests;
        (requests.milli_cpu, requests.memory)
    }

    /// The configuration with other weights for the pod's profile, as a KubeSchedulerConfiguration.
    pub fn configuration(&self, weights: &[(String, i64)]) -> Value {
        reweighted(&self.config.source, self.queued.pod.scheduler_name(), weights)
    }

    /// The decision under a change.
    ///
    /// # Errors
    /// The changed configuration is none.
    pub fn decide(&self, change: &Change) -> Result<DecisionRecord, String> {
        let profiles = match change.weights.is_empty() {
            true => self.profiles.clone(),
            false => Profiles::build(&SchedulerConfig::read(&self.configuration(&change.weights))?.profiles)?,
        };
        let mut queued = self.queued.clone();
        queued.pod = Arc::new(asking(&queued.pod, change));
        let profile = profiles.of(&queued.pod);
        let mut random = self.random.clone();
        let mut decision = schedule_pod(profile, &self.cache, &queued.pod, self.start, self.limits, &mut random);
        Ok(DecisionRecord::of(0, &queued, &mut decision, queued.timestamp, queued.timestamp))
    }

    /// On how many nodes the pod would fit by what it asks for of `cpu` or `memory`: amounts, largest first, up to
    /// each of which one more node takes it. Nodes that refuse it for another reason are not among them.
    pub fn room(&self, resource: &str) -> Vec<(i64, Arc<str>)> {
        let nothing = match resource {
            "cpu" => Change { milli_cpu: Some(0), ..Change::default() },
            _ => Change { memory: Some(0), ..Change::default() },
        };
        let pod = asking(&self.queued.pod, &nothing);
        let profile = self.profiles.of(&pod);
        let mut state = CycleState::default();
        let Ok(left) = profile.pre_filter(&mut state, &pod, &self.cache) else { return Vec::new() };
        let filters = profile.filters(&state);
        let may = |node: &&NodeInfo| {
            left.nodes.as_ref().is_none_or(|names| names.contains(&node.name))
                && profile.filter(&filters, &state, &pod, node, &self.cache).is_ok()
        };
        let free = |node: &NodeInfo| (node_resources_fit::free(node, resource), node.name.clone());
        let mut room: Vec<(i64, Arc<str>)> = self.cache.nodes().filter(may).map(free).collect();
        room.order_by_key(|(amount, name)| (-*amount, name.clone()));
        room
    }
}

/// The pod with other requests.
fn asking(pod: &PodInfo, change: &Change) -> PodInfo {
    let mut pod = pod.clone();
    if let Some(cpu) = change.milli_cpu {
        pod.requests.milli_cpu = cpu;
        pod.non_zero_cpu = if cpu == 0 { DEFAULT_MILLI_CPU_REQUEST } else { cpu };
    }
    if let Some(memory) = change.memory {
        pod.requests.memory = memory;
        pod.non_zero_memory = if memory == 0 { DEFAULT_MEMORY_REQUEST } else { memory };
    }
    pod
}

/// A list in a map, made where it is missing.
fn list<'a>(map: &'a mut Value, name: &str) -> &'a mut Vec<Value> {
    let place = entry(map, name);
    if !place.is_array() {
        *place = json!([]);
    }
    place.as_array_mut().expect("it is a list by now")
}

fn entry<'a>(map: &'a mut Value, name: &str) -> &'a mut Value {
    if !map.is_object() {
        *map = Value::Object(Map::new());
    }
    map.as_object_mut().expect("it is a map by now").entry(name).or_insert(Value::Null)
}

/// A configuration with other weights in one of its profiles.
fn reweighted(source: &Value, profile: &str, weights: &[(String, i64)]) -> Value {
    let mut config = source.clone();
    *entry(&mut config, "apiVersion") = json!("kubescheduler.config.k8s.io/v1");
    *entry(&mut config, "kind") = json!("KubeSchedulerConfiguration");
    let profiles = list(&mut config, "profiles");
    if profiles.is_empty() {
        profiles.push(json!({ "schedulerName": profile }));
    }
    let alone = profiles.len() == 1;
    let own = profiles.iter_mut().find(|own| alone || own["schedulerName"] == profile);
    let Some(own) = own else { return config };
    let plugins = entry(own, "plugins");
    for (name, weight) in weights {
        let named = |plugin: &Value| plugin["name"] == name.as_str();
        let score = entry(plugins, "score");
        list(score, "disabled").retain(|plugin| !named(plugin));
        if *weight == 0 {
            list(score, "enabled").retain(|plugin| !named(plugin));
            list(score, "disabled").push(json!({ "name": name }));
        } else if let Some(plugin) = list(score, "enabled").iter_mut().find(|plugin| named(plugin)) {
            *entry(plugin, "weight") = json!(weight);
        } else {
            let everywhere = list(entry(plugins, "multiPoint"), "enabled");
            everywhere.retain(|plugin| !named(plugin));
            everywhere.push(json!({ "name": name, "weight": weight }));
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Kind, Object};
    use crate::scheduler::{Outcome, ProfileConfig, SchedulingQueue};
    use crate::sim::{EventId, SimTime};

    fn node(name: &str, cpu: &str, taint: &str) -> Arc<Object> {
        let taints = if taint.is_empty() { json!([]) } else { json!([{ "key": taint, "effect": "PreferNoSchedule" }]) };
        let node = json!({
            "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name } }, "spec": { "taints": taints },
            "status": { "allocatable": { "cpu": cpu, "memory": "8Gi", "pods": "110" } },
        });
        Arc::new(Object::from_value(Kind::Node, &node, &mut |_| {}).expect("a good node"))
    }

    fn basis(cpu: &str) -> Basis {
        let mut cache = Cache::default();
        for node in [node("small", "1", ""), node("soft", "4", "spot"), node("large", "3", "")] {
            cache.set_node(&node);
        }
        cache.order();
        let containers = json!([{ "name": "c", "image": "i", "resources": { "requests": { "cpu": cpu } } }]);
        let pod = json!({ "metadata": { "name": "p", "namespace": "default" }, "spec": { "containers": containers } });
        let pod = Arc::new(Object::from_value(Kind::Pod, &pod, &mut |_| {}).expect("a good pod"));
        let config = SchedulerConfig::default();
        let profiles = Profiles::build(&[ProfileConfig::default()]).expect("the default");
        let mut queue = SchedulingQueue::new(&config);
        let rules = super::super::Rules { profiles: &profiles, cache: &cache };
        queue.add(rules, PodInfo::new(&pod), SimTime::ZERO, EventId::BOOT);
        let queued = queue.pop().expect("it was added");
        cache.keep_topologies(&queued.pod, profiles.of(&queued.pod).topology_keys());
        let limits = Limits { percentage_of_nodes_to_score: 0, record_nodes_max: 100 };
        let random = Random::fork(1, "test");
        Basis {
            config: Arc::new(config),
            profiles: profiles.clone(),
            cache: cache.clone(),
            queued,
            start: 0,
            limits,
            random,
        }
    }

    fn chosen(record: &DecisionRecord) -> String {
        match &record.outcome {
            Outcome::Node { node, .. } => node.to_string(),
            Outcome::Unschedulable { message, .. } | Outcome::Error { message } => message.to_string(),
        }
    }

    #[test]
    fn another_weight_makes_another_winner() {
        let basis = basis("500m");
        let as_it_was = basis.decide(&Change::default()).expect("the same again");
        assert_eq!(chosen(&as_it_was), "large", "the soft taint costs 300");
        let taints = |weight| Change { weights: vec![("TaintToleration".to_owned(), weight)], ..Change::default() };
        let without = basis.decide(&taints(0)).expect("a good weight");
        assert_eq!(chosen(&without), "soft", "the emptiest node");
        assert!(without.nodes[0].scores.iter().all(|score| score.plugin != "TaintToleration"));
        let more = basis.decide(&taints(9)).expect("a good weight");
        assert_eq!(chosen(&more), "large");
        let total = |record: &DecisionRecord| record.node("large").map(|node| node.total).unwrap_or_default();
        assert_eq!(total(&more) - total(&as_it_was), 600, "100 normalized, six times more");
        let order: Vec<&str> = more.nodes[0].scores.iter().map(|score| score.plugin).collect();
        let before: Vec<&str> = as_it_was.nodes[0].scores.iter().map(|score| score.plugin).collect();
        assert_eq!(order, before, "the plugins stay in their order");
        assert!(basis.decide(&taints(i64::MAX)).is_err(), "no such weight");
    }

    #[test]
    fn another_request_fits_elsewhere() {
        let basis = basis("5");
        let as_it_was = basis.decide(&Change::default()).expect("the same again");
        assert!(chosen(&as_it_was).starts_with("0/3 nodes are available: 3 Insufficient cpu."));
        let asking = |cpu| basis.decide(&Change { milli_cpu: Some(cpu), ..Change::default() }).expect("decided");
        assert_eq!(chosen(&asking(3_500)), "soft");
        assert_eq!(asking(900).feasible, 3);
        let room: Vec<(i64, String)> =
            basis.room("cpu").into_iter().map(|(amount, name)| (amount, name.to_string())).collect();
        let expected = [(4_000, "soft"), (3_000, "large"), (1_000, "small")];
        assert_eq!(room, expected.map(|(amount, name)| (amount, name.to_owned())));
        assert_eq!(basis.requests(), (5_000, 0));
    }

    #[test]
    fn the_configuration_is_written_back_as_one() {
        let source = json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
            "percentageOfNodesToScore": 50,
            "profiles": [{ "schedulerName": "a" }, { "schedulerName": "b", "plugins": { "score": {
                "enabled": [{ "name": "NodeAffinity", "weight": 4 }],
            } } }],
        });
        let weights = [("NodeAffinity".to_owned(), 7), ("ImageLocality".to_owned(), 0)];
        let written = reweighted(&source, "b", &weights);
        assert_eq!(written["percentageOfNodesToScore"], 50);
        assert_eq!(written["profiles"][0], json!({ "schedulerName": "a" }));
        let score = &written["profiles"][1]["plugins"]["score"];
        assert_eq!(score["enabled"], json!([{ "name": "NodeAffinity", "weight": 7 }]));
        assert_eq!(score["disabled"], json!([{ "name": "ImageLocality" }]));
        assert!(SchedulerConfig::read(&written).is_ok());
        let again = reweighted(&written, "b", &[("ImageLocality".to_owned(), 1)]);
        assert_eq!(again["profiles"][1]["plugins"]["score"]["disabled"], json!([]));
    }
}
