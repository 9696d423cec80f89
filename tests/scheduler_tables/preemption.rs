//! Whom a pod would have to drive out, and whether it may.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use kubarium::api::Kind;
use kubarium::scheduler::plugins::default_preemption::{Candidate, DefaultPreemption, DryRun, eligible, pick_one};
use kubarium::scheduler::plugins::{PLUGINS, PluginArgs};
use kubarium::scheduler::{
    Cache, Code, CycleState, NodeInfo, NodeToStatus, Plugin, PodInfo, Point, PostFilterContext, PostFilterResult,
    Profile, Rejection, Verdict,
};

use super::case::{Case, object, strings};
use super::known;

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
fn prepared(case: &Case) -> (Profile, CycleState) {
    let named = &case.json["filterPlugin"];
    let names = match named.as_str() {
        Some(names) => names.split(',').map(|name| name.trim().to_owned()).collect(),
        None => strings(named),
    };
    assert!(!names.is_empty(), "a case of preemption names the filters");
    let find = |name: &String| {
        let entry = PLUGINS.iter().find(|entry| entry.name == name);
        entry.unwrap_or_else(|| panic!("the registry has no filter {name}"))
    };
    let mut plugins: Vec<Arc<dyn Plugin>> = names.iter().map(|name| (find(name).new)(&PluginArgs::default())).collect();
    if case.name().starts_with("get Unschedulable in the preemption phase") {
        plugins.push(Arc::new(Never));
    }
    let profile = Profile::of(plugins);
    let mut state = CycleState::default();
    profile.pre_filter(&mut state, &case.pod, &case.cache).expect("no case fails before the filters");
    (profile, state)
}

/// The code of that name.
fn code(value: &Value) -> Code {
    match value.as_str() {
        Some("Unschedulable") => Code::Unschedulable,
        Some("UnschedulableAndUnresolvable") => Code::UnschedulableAndUnresolvable,
        Some("Error") => Code::Error,
        _ => panic!("{value} is no code of a node"),
    }
}

fn dry_run(case: &Case) -> Vec<Candidate> {
    let (profile, state) = prepared(case);
    let pdbs: Vec<_> = case.cache.budgets().cloned().collect();
    let run = DryRun { profile: &profile, state: &state, pod: &case.pod, cache: &case.cache, pdbs: &pdbs };
    let nodes: Vec<&NodeInfo> = case.cache.nodes().collect();
    run.candidates(&nodes, 0, nodes.len()).0
}

fn post_filter(case: &Case, statuses: &NodeToStatus) -> PostFilterResult {
    let (profile, state) = prepared(case);
    DefaultPreemption { args: case.args.default_preemption }.post_filter(&PostFilterContext {
        profile: &profile,
        state: &state,
        pod: &case.pod,
        cache: &case.cache,
        statuses,
        random: 0,
    })
}

fn names(pods: &[Arc<PodInfo>]) -> Vec<String> {
    let mut names: Vec<String> = pods.iter().map(|pod| pod.key.name.to_string()).collect();
    names.sort();
    names
}

fn sorted(value: &Value) -> Vec<String> {
    let mut names = strings(value);
    names.sort();
    names
}

/// Checks what the case's extension point has to do with it.
pub fn check(case: &Case, expected: &Value) {
    match case.json["extensionPoint"].as_str() {
        Some("DryRunPreemption") => check_candidates(case, expected),
        Some("SelectCandidate") => check_pick(case, expected),
        Some("PodEligibleToPreemptOthers") => check_eligible(case, expected),
        Some("PostFilter") => check_post_filter(case, expected),
        Some("Preempt") => check_preempt(case, expected),
        other => panic!("nothing is preempted at {other:?}"),
    }
}

/// Dry runs find the candidates.
fn check_candidates(case: &Case, expected: &Value) {
    known::fields(expected, &["candidates"]);
    let found = dry_run(case);
    let found: BTreeMap<String, Value> =
        found.iter().map(|one| (one.node.to_string(), json!([names(&one.victims), one.pdb_violations]))).collect();
    let expected = expected["candidates"].as_array().expect("candidates").iter().map(|one| {
        known::fields(one, &["node", "pdbViolations", "victims"]);
        let name = one["node"].as_str().expect("a candidate is a node").to_owned();
        (name, json!([sorted(&one["victims"]), one["pdbViolations"].as_i64().unwrap_or(0)]))
    });
    assert_eq!(found, expected.collect::<BTreeMap<String, Value>>(), "{}", case.name());
}

/// The best candidate is picked.
fn check_pick(case: &Case, expected: &Value) {
    known::fields(expected, &["nominatedNode", "nominatedNodeOneOf"]);
    let candidates = dry_run(case);
    let picked = pick_one(&candidates).expect("every case has a candidate");
    let mut allowed = strings(&expected["nominatedNodeOneOf"]);
    allowed.extend(expected["nominatedNode"].as_str().map(str::to_owned));
    assert!(allowed.contains(&picked.node.to_string()), "{}: {}", case.name(), picked.node);
}

/// The cache of a table before 1.26: since then a victim on its way out counts only when preemption sent it.
fn sent_by_preemption(case: &Case) -> Cache {
    let mut cache = Cache::default();
    case.cache.nodes().filter_map(NodeInfo::object).for_each(|node| cache.set_node(node));
    for pod in case.json["existingPods"].as_array().into_iter().flatten() {
        let mut pod = pod.clone();
        let condition = json!({ "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler" });
        if pod["status"]["conditions"].is_null() {
            pod["status"]["conditions"] = json!([condition]);
        }
        cache.add_pod(&Arc::new(PodInfo::new(&object(Kind::Pod, &pod))));
    }
    cache
}

/// Not every pod may preempt.
fn check_eligible(case: &Case, expected: &Value) {
    known::fields(expected, &["eligible"]);
    let cache = if case.minor < 26 { sent_by_preemption(case) } else { case.cache.clone() };
    let mut statuses = NodeToStatus::default();
    if !case.json["nominatedNodeStatus"].is_null() {
        let status = Rejection::new("", code(&case.json["nominatedNodeStatus"]), "");
        statuses.nodes.insert(Arc::from(case.pod.nominated_node()), status);
    }
    let found = eligible(&case.pod, &cache, &statuses).is_ok();
    assert_eq!(expected["eligible"], found, "{}", case.name());
}

/// PostFilter says what it did.
fn check_post_filter(case: &Case, expected: &Value) {
    known::fields(expected, &["nominatedNode", "reasons", "reasonsV1_32_medium", "statusCode", "victims"]);
    let given = &case.json["filteredNodesStatuses"];
    for node in given.as_object().expect("the filters' statuses").keys() {
        assert!(case.cache.node(node).is_some(), "there is no node {node}");
    }
    let mut statuses = NodeToStatus::default();
    for node in case.cache.nodes() {
        let status = &given[&*node.name];
        let code = if status.is_null() { Code::Unschedulable } else { code(status) };
        statuses.nodes.insert(node.name.clone(), Rejection::new("", code, ""));
    }
    let result = post_filter(case, &statuses);
    let nominated = expected["nominatedNode"].as_str().filter(|node| !node.is_empty());
    let found = result.nominated_node.as_deref().filter(|node| !node.is_empty());
    assert_eq!(found, nominated, "{}", case.name());
    assert_eq!(result.message.is_empty(), expected["statusCode"] == "Success", "{}: {result:?}", case.name());
    if expected["nominatedNode"].is_string() {
        // An earlier nomination is taken back, not left.
        assert!(result.nominated_node.is_some(), "{}", case.name());
    }
    let reasons = [&expected["reasons"], &expected["reasonsV1_32_medium"]].into_iter().find(|said| !said.is_null());
    if let Some(reasons) = reasons {
        assert_eq!(result.message, strings(reasons).join(", "), "{}", case.name());
    }
    if !expected["victims"].is_null() {
        assert_eq!(names(&result.victims), sorted(&expected["victims"]), "{}", case.name());
    }
}

/// Preempting nominates a node and names the victims.
fn check_preempt(case: &Case, expected: &Value) {
    known::fields(expected, &["nominatedNode", "victims"]);
    let (profile, state) = prepared(case);
    let filters = profile.filters(&state);
    let given = &case.json["filteredNodesStatuses"];
    let mut statuses = NodeToStatus::default();
    for node in case.cache.nodes() {
        let said = match &given[&*node.name] {
            Value::Null => profile.filter(&filters, &state, &case.pod, node, &case.cache).err(),
            status => Some(Rejection::new("", code(status), "")),
        };
        if let Some(rejection) = said {
            statuses.nodes.insert(node.name.clone(), rejection);
        }
    }
    let result = post_filter(case, &statuses);
    let nominated = result.nominated_node.as_deref().filter(|node| !node.is_empty());
    assert_eq!(nominated, expected["nominatedNode"].as_str().filter(|node| !node.is_empty()), "{}", case.name());
    assert_eq!(names(&result.victims), sorted(&expected["victims"]), "{}", case.name());
}
