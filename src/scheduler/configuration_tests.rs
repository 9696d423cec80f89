//! The reader of KubeSchedulerConfigurations.
use super::*;

use serde_json::json;

use crate::api::decode;
use crate::scheduler::framework::Point;

fn yaml(text: &str) -> Value {
    let text = format!("apiVersion: {VERSION}\nkind: {KIND}\n{text}");
    decode::parse(text.as_bytes(), "application/yaml").expect("it is YAML")
}

#[track_caller]
fn check(text: &str, why: &str) {
    let error = SchedulerConfig::read(&yaml(text)).map(drop).expect_err("it is refused");
    assert_eq!(error, why);
}

fn names(config: &SchedulerConfig, profile: &str, point: Point) -> Vec<String> {
    let profiles = Profiles::build(&config.profiles).expect("it was checked");
    let profile = profiles.get(profile).expect("it is there");
    profile.at(point).iter().map(|enabled| format!("{} {}", enabled.plugin.name(), enabled.weight)).collect()
}

#[test]
fn nothing_is_upstreams_default() {
    let config = SchedulerConfig::read(&Value::Null).expect("it is good");
    assert_eq!(
        names(&config, "default-scheduler", Point::Score),
        [
            "TaintToleration 3",
            "NodeAffinity 2",
            "NodeResourcesFit 1",
            "PodTopologySpread 2",
            "InterPodAffinity 2",
            "NodeResourcesBalancedAllocation 1",
            "ImageLocality 1"
        ]
    );
    assert!(SchedulerConfig::read(&yaml("")).is_ok(), "a file that only says what it is");
}

#[test]
fn profiles_have_their_own_plugins_weights_and_arguments() {
    let config = SchedulerConfig::read(&yaml(
        "
percentageOfNodesToScore: 40
podInitialBackoffSeconds: 2
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  percentageOfNodesToScore: 100
  plugins:
    multiPoint:
      enabled: [{name: ImageLocality, weight: 7}]
      disabled: [{name: NodeAffinity}]
    score:
      disabled: [{name: PodTopologySpread}]
      enabled: [{name: NodeResourcesFit, weight: 5}]
    preEnqueue:
      disabled: [{name: '*'}]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 2}]}
",
    ));
    let config = config.expect("it is good");
    assert_eq!((config.percentage_of_nodes_to_score, config.pod_initial_backoff), (40, Duration::from_secs(2)));
    assert_eq!(config.profiles[1].percentage_of_nodes_to_score, Some(100));
    assert_eq!(
        names(&config, "packing", Point::Score),
        [
            "NodeResourcesFit 5",
            "TaintToleration 3",
            "InterPodAffinity 2",
            "NodeResourcesBalancedAllocation 1",
            "ImageLocality 7"
        ]
    );
    assert!(names(&config, "packing", Point::Filter).iter().all(|name| !name.starts_with("NodeAffinity")));
    assert!(names(&config, "packing", Point::PreEnqueue).is_empty());
    assert_eq!(names(&config, "default-scheduler", Point::PreEnqueue), ["SchedulingGates 1"]);
    let fit = &config.profiles[1].args.node_resources_fit;
    assert_eq!((fit.resources[0].name.as_str(), fit.resources[0].weight), ("cpu", 2));
}

#[test]
fn what_is_wrong_is_said_in_upstreams_words() {
    let missing = SchedulerConfig::read(&json!({"kind": KIND})).expect_err("no version");
    assert_eq!(missing, r#"Object 'apiVersion' is missing in '{"kind":"KubeSchedulerConfiguration"}'"#);
    let old = json!({"kind": KIND, "apiVersion": "kubescheduler.config.k8s.io/v1beta3"});
    assert_eq!(
        SchedulerConfig::read(&old).expect_err("an old version"),
        r#"no kind "KubeSchedulerConfiguration" is registered for version "kubescheduler.config.k8s.io/v1beta3""#
    );
    check("profils: []", r#"strict decoding error: unknown field "profils""#);
    check(
        "profiles: [{schedulerName: a, plugins: {scores: {}}}]",
        r#"strict decoding error: unknown field "profiles[0].plugins.scores""#,
    );
    check(
        "percentageOfNodesToScore: many",
        "json: cannot unmarshal string into Go struct field KubeSchedulerConfiguration.percentageOfNodesToScore of type int32",
    );
    check("percentageOfNodesToScore: 101", "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]");
    check("podInitialBackoffSeconds: 0", "podInitialBackoffSeconds: Invalid value: 0: must be greater than 0");
    check(
        "{parallelism: 0, podMaxBackoffSeconds: 0}".trim_matches(['{', '}']).replace(", ", "\n").as_str(),
        "[parallelism: Invalid value: 0: should be an integer value greater than zero, podMaxBackoffSeconds: Invalid value: 0: must be greater than or equal to PodInitialBackoffSeconds]",
    );
    check(
        "profiles: [{schedulerName: a}, {schedulerName: a}]",
        r#"profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName""#,
    );
    check("profiles: [{schedulerName: a}, {}]", "profiles[1].schedulerName: Required value");
    check(
        "profiles: [{plugins: {score: {enabled: [{name: Nothing}]}}}]",
        r#"initializing profiles: creating profile for scheduler name default-scheduler: ScorePlugin "Nothing" does not exist"#,
    );
    check(
        "profiles: [{plugins: {score: {enabled: [{name: NodeName}]}}}]",
        r#"initializing profiles: creating profile for scheduler name default-scheduler: plugin "NodeName" does not extend ScorePlugin plugin"#,
    );
    check(
        "profiles: [{plugins: {queueSort: {disabled: [{name: '*'}]}}}]",
        r#"initializing profiles: creating profile for scheduler name default-scheduler: no queue sort plugin is enabled for profile with scheduler name "default-scheduler""#,
    );
    check(
        "profiles: [{plugins: {bind: {disabled: [{name: DefaultBinder}]}}}]",
        r#"initializing profiles: creating profile for scheduler name default-scheduler: at least one bind plugin is needed for profile with scheduler name "default-scheduler""#,
    );
}

#[track_caller]
fn check_args(plugin: &str, args: &str, why: &str) {
    check(&format!("profiles: [{{pluginConfig: [{{name: {plugin}, args: {args}}}]}}]"), why);
}

#[test]
fn arguments_are_checked() {
    let args = "profiles[0].pluginConfig[0].args";
    check_args(
        "InterPodAffinity",
        "{hardPodAffinityWeight: 101}",
        &format!("{args}.hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]"),
    );
    check_args(
        "InterPodAffinity",
        "{hard: 1}",
        r#"strict decoding error: decoding .profiles[0].pluginConfig[0]: strict decoding error: decoding args for plugin InterPodAffinity: strict decoding error: unknown field "hard""#,
    );
    check_args(
        "DefaultPreemption",
        "{minCandidateNodesPercentage: 200}",
        &format!("{args}.minCandidateNodesPercentage: Invalid value: 200: not in valid range [0, 100]"),
    );
    check_args(
        "NodeResourcesFit",
        "{scoringStrategy: {type: Most}}",
        &format!(
            "{args}.scoringStrategy.type: Unsupported value: \"Most\": supported values: \"LeastAllocated\", \"MostAllocated\", \"RequestedToCapacityRatio\""
        ),
    );
    check_args(
        "NodeResourcesFit",
        "{scoringStrategy: {resources: [{name: cpu, weight: 101}]}}",
        &format!(
            "{args}.scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of cpu not in valid range (0, 100]"
        ),
    );
    check_args(
        "NodeResourcesFit",
        "{ignoredResourceGroups: [a/b/c]}",
        &format!(
            "[{args}.ignoredResourceGroups[0]: Invalid value: \"a/b/c\": resource group name can't contain '/', {args}.ignoredResourceGroups[0]: Invalid value: \"a/b/c\": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')]"
        ),
    );
    check_args(
        "NodeResourcesFit",
        "{scoringStrategy: {type: RequestedToCapacityRatio}}",
        &format!(
            "{args}.scoringStrategy.requestedToCapacityRatio: Required value: must be specified when type is RequestedToCapacityRatio"
        ),
    );
    check_args(
        "NodeResourcesFit",
        "{scoringStrategy: {type: MostAllocated, requestedToCapacityRatio: {}}}",
        &format!(
            "{args}.scoringStrategy.requestedToCapacityRatio: Forbidden: must be nil when type is not RequestedToCapacityRatio"
        ),
    );
    let shape = "[{utilization: 50, score: 1}, {utilization: 50, score: 2}]";
    check_args(
        "NodeResourcesFit",
        &format!(
            "{{scoringStrategy: {{type: RequestedToCapacityRatio, requestedToCapacityRatio: {{shape: {shape}}}}}}}"
        ),
        &format!(
            "{args}.scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid value: 50: values must be sorted in increasing order"
        ),
    );
    check_args(
        "VolumeBinding",
        "{shape: [{utilization: 0, score: 10}]}",
        &format!(
            "{args}.shape: Invalid value: [{{\"Utilization\":0,\"Score\":10}}]: unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring"
        ),
    );
    check_args(
        "NodeResourcesBalancedAllocation",
        "{resources: [{name: cpu, weight: 2}]}",
        &format!("{args}.resources[0].weight: Invalid value: 2: must be 1"),
    );
    check_args(
        "PodTopologySpread",
        "{defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}",
        &format!("{args}.defaultingType: Invalid value: \"System\": when .defaultConstraints are not empty"),
    );
    check_args(
        "PodTopologySpread",
        "{defaultingType: List, defaultConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}",
        &format!("{args}.defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf)"),
    );
}
