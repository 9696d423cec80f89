//! Upstream's tables of preemption.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::{Value, json};

use kubarium::scheduler::plugins::default_preemption::{Candidate, DefaultPreemption, DryRun, eligible, pick_one};
use kubarium::scheduler::plugins::{PLUGINS, PluginArgs};
use kubarium::scheduler::{
    Cache, Code, CycleState, NodeInfo, NodeToStatus, Plugin, PodInfo, Point, PostFilterContext, PostFilterResult,
    Profile, Rejection, Verdict,
};

use super::{Kind, Table, check, strings};

/// Upstream's `FakeFilterPlugin` that never lets a pod through.
#[derive(Debug)]
struct Never;

impl Plugin for Never {
    fn name(&self) -> &'static str {
        "Never"
    }

    fn points(&self) -> &'static [Point] {
        &[Point::Filter]
    }

    fn filter(&self, _state: &CycleState, _pod: &PodInfo, _node: &NodeInfo) -> Verdict {
        Err(Rejection::new("Never", Code::Unschedulable, "injecting failure"))
    }
}

/// The filters that a case names, with what they prepared for its pod.
fn prepared(table: &Table) -> (Profile, CycleState) {
    let names = table.case["filterPlugin"].as_str().unwrap_or_default();
    let find = |name: &str| PLUGINS.iter().find(|entry| entry.name == name).expect("the filter is in the registry");
    let mut plugins: Vec<Arc<dyn Plugin>> =
        names.split(',').map(|name| (find(name).new)(&PluginArgs::default())).collect();
    if table.name.starts_with("get Unschedulable in the preemption phase") {
        plugins.push(Arc::new(Never));
    }
    let profile = Profile::of(plugins);
    let mut state = CycleState::default();
    profile.pre_filter(&mut state, &table.pod, &table.cache).expect("no case fails before the filters");
    (profile, state)
}

/// The table has Go's `metav1.Time{Time: …}` where JSON has the time itself.
fn budget(value: &Value) -> PodDisruptionBudget {
    let mut value = value.clone();
    for (_, time) in value["status"]["disruptedPods"].as_object_mut().into_iter().flatten() {
        *time = time["time"].clone();
    }
    serde_json::from_value(value).expect("a budget")
}

fn dry_run(table: &Table) -> Vec<Candidate> {
    let (profile, state) = prepared(table);
    let pdbs: Vec<_> = table.case["podDisruptionBudgets"].as_array().into_iter().flatten().map(budget).collect();
    let run = DryRun { profile: &profile, state: &state, pod: &table.pod, cache: &table.cache, pdbs: &pdbs };
    let nodes: Vec<&NodeInfo> = table.cache.nodes().collect();
    run.candidates(&nodes, 0, nodes.len()).0
}

fn plugin() -> DefaultPreemption {
    DefaultPreemption { args: Default::default() }
}

fn post_filter(table: &Table, statuses: &NodeToStatus) -> PostFilterResult {
    let (profile, state) = prepared(table);
    plugin().post_filter(&PostFilterContext {
        profile: &profile,
        state: &state,
        pod: &table.pod,
        cache: &table.cache,
        statuses,
        random: 0,
    })
}

fn names(pods: &[Arc<PodInfo>]) -> Vec<String> {
    let mut names: Vec<String> = pods.iter().map(|pod| pod.key.name.to_string()).collect();
    names.sort();
    names
}

#[test]
fn dry_runs_find_the_candidates() {
    check("defaultpreemption-dryrun", |table| {
        let found = dry_run(table);
        let found: BTreeMap<String, Value> =
            found.iter().map(|one| (one.node.to_string(), json!([names(&one.victims), one.pdb_violations]))).collect();
        let expected = table.expect["preemption"]["candidates"].as_array().expect("candidates");
        let expected: BTreeMap<String, Value> = expected
            .iter()
            .map(|one| {
                let name = one["node"].as_str().unwrap_or_default().to_owned();
                (name, json!([one["victims"], one["pdbViolations"]]))
            })
            .collect();
        assert_eq!(found, expected, "{}", table.name);
    });
}

#[test]
fn the_best_candidate_is_picked() {
    check("defaultpreemption-candidate", |table| {
        let candidates = dry_run(table);
        let picked = pick_one(&candidates).expect("every case has a candidate");
        let allowed = strings(&table.expect["preemption"]["nominatedNodeOneOf"]);
        assert!(allowed.contains(&picked.node.to_string()), "{}: {}", table.name, picked.node);
    });
}

#[test]
fn not_every_pod_may_preempt() {
    check("defaultpreemption-eligible", |table| {
        // Since v1.26 a victim on its way out counts only when preemption sent it.
        let mut cache = Cache::default();
        table.cache.nodes().filter_map(NodeInfo::object).for_each(|node| cache.set_node(node));
        for pod in table.case["existingPods"].as_array().into_iter().flatten() {
            let mut pod = pod.clone();
            let condition = json!({
                "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler",
            });
            pod["status"] = json!({ "conditions": [condition] });
            cache.add_pod(&Arc::new(PodInfo::new(&super::object(Kind::Pod, &pod))));
        }
        let mut statuses = NodeToStatus::default();
        if table.case["nominatedNodeStatus"] == "UnschedulableAndUnresolvable" {
            let status = Rejection::new("", Code::UnschedulableAndUnresolvable, "");
            statuses.nodes.insert(Arc::from(table.pod.nominated_node()), status);
        }
        let found = eligible(&table.pod, &cache, &statuses).is_ok();
        assert_eq!(table.expect["preemption"]["eligible"], found, "{}", table.name);
    });
}

#[test]
fn post_filter_says_what_it_did() {
    check("defaultpreemption-postfilter", |table| {
        let mut statuses = NodeToStatus::default();
        for node in table.cache.nodes() {
            let code = match table.case["filteredNodesStatuses"][&*node.name].as_str() {
                Some("UnschedulableAndUnresolvable") => Code::UnschedulableAndUnresolvable,
                _ => Code::Unschedulable,
            };
            statuses.nodes.insert(node.name.clone(), Rejection::new("", code, ""));
        }
        let result = post_filter(table, &statuses);
        let expected = &table.expect["preemption"];
        assert_eq!(result.nominated_node.as_deref(), expected["nominatedNode"].as_str(), "{}", table.name);
        let message = strings(&expected["reasonsV1_32_medium"]).join(", ");
        assert_eq!(result.message, message, "{}", table.name);
    });
}

#[test]
fn preempting_nominates_a_node_and_names_the_victims() {
    check("defaultpreemption-preempt", |table| {
        let (profile, state) = prepared(table);
        let filters = profile.filters(&state);
        let mut statuses = NodeToStatus::default();
        for node in table.cache.nodes() {
            if let Err(rejection) = profile.filter(&filters, &state, &table.pod, node, &table.cache) {
                statuses.nodes.insert(node.name.clone(), rejection);
            }
        }
        let result = post_filter(table, &statuses);
        let expected = &table.expect["preemption"];
        let nominated = result.nominated_node.as_deref().filter(|node| !node.is_empty());
        assert_eq!(nominated, expected["nominatedNode"].as_str(), "{}", table.name);
        assert_eq!(names(&result.victims), strings(&expected["victims"]), "{}", table.name);
    });
}
