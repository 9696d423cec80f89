//! Reads what plugins are configured with: `pluginConfig` of a profile.
//!
//! Mirrors pkg/scheduler/apis/config/validation/validation_pluginargs.go and `v1` defaults.

use serde_json::{Value, json};

use crate::api::validation::{BadValue, Path, meta};
use crate::api::{FieldError, Kind, Object};
use k8s_openapi::api::core::v1::{Pod, PodSpec};

use super::configuration::{Findings, field, items, known, number, text};
use super::plugins::node_resources_fit::{ResourceSpec, ScoringStrategy, UtilizationShapePoint};
use super::plugins::{PLUGINS, PluginArgs};

/// Reads the arguments of every plugin that is named.
///
/// # Errors
/// A value of another type than it must have.
pub(super) fn read(
    configs: &[Value],
    profile: &Path,
    args: &mut PluginArgs,
    found: &mut Findings,
) -> Result<(), String> {
    let mut seen: Vec<&str> = Vec::new();
    for (index, config) in configs.iter().enumerate() {
        let path = profile.child("pluginConfig").index(index);
        known(config, &path, &["args", "name"], found)?;
        let name = text(config, &path, "name")?;
        if seen.contains(&name) {
            found.errors.push(FieldError::duplicate(&path, name));
        }
        seen.push(name);
        let Some(given) = field(config, "args").filter(|_| PLUGINS.iter().any(|entry| entry.name == name)) else {
            continue;
        };
        let kind = text(given, &path, "kind")?;
        if !kind.is_empty() && kind != format!("{name}Args") {
            return Err(format!(
                "decoding .{path}: args for plugin {name} were not of type {name}Args.kubescheduler.config.k8s.io, got {kind}.kubescheduler.config.k8s.io"
            ));
        }
        let mut own = Findings::default();
        read_one(name, given, &path.child("args"), args, &mut own)?;
        // The fields are named from the arguments on, and what they belong to stands before them.
        let prefix = format!("{}.", path.child("args"));
        let unknown = own.unknown.iter().map(|text| text.replace(&prefix, ""));
        let about = |text| {
            format!(
                "decoding .{path}: strict decoding error: decoding args for plugin {name}: strict decoding error: {text}"
            )
        };
        found.unknown.extend(unknown.map(about));
        found.errors.append(&mut own.errors);
    }
    Ok(())
}

impl PluginArgs {
    /// The arguments of one plugin, the others' as they are by default.
    ///
    /// # Errors
    /// All findings: fields that nobody knows, values of another type, values that validation refuses.
    #[doc(hidden)]
    pub fn of_one(name: &str, value: &Value) -> Result<PluginArgs, Vec<String>> {
        let (mut args, mut found) = (PluginArgs::default(), Findings::default());
        read_one(name, value, &Path::new("args"), &mut args, &mut found).map_err(|error| vec![error])?;
        let errors = found.errors.iter().map(|error| format!("{}: {}", error.field, error.message));
        let findings: Vec<String> = found.unknown.iter().cloned().chain(errors).collect();
        if findings.is_empty() { Ok(args) } else { Err(findings) }
    }
}

fn read_one(name: &str, value: &Value, path: &Path, args: &mut PluginArgs, found: &mut Findings) -> Result<(), String> {
    let mut fields = |names: &[&str]| known(value, path, &[&["apiVersion", "kind"], names].concat(), found);
    match name {
        "DefaultPreemption" => {
            fields(&["minCandidateNodesAbsolute", "minCandidateNodesPercentage"])?;
            default_preemption(value, path, args, found)
        }
        "InterPodAffinity" => {
            fields(&["hardPodAffinityWeight", "ignorePreferredTermsOfExistingPods"])?;
            let own = &mut args.inter_pod_affinity;
            let weight = number(value, path, "hardPodAffinityWeight", "int32")?.unwrap_or(1);
            if !(0..=100).contains(&weight) {
                let path = path.child("hardPodAffinityWeight");
                found.errors.push(FieldError::invalid(&path, weight, "not in valid range [0, 100]"));
            }
            own.hard_pod_affinity_weight = i32::try_from(weight).unwrap_or(0);
            own.ignore_preferred_terms_of_existing_pods = value["ignorePreferredTermsOfExistingPods"] == true;
            Ok(())
        }
        "NodeAffinity" => {
            fields(&["addedAffinity"])?;
            if let Some(affinity) = field(value, "addedAffinity") {
                let spec = pod_spec(json!({ "affinity": { "nodeAffinity": affinity } }))?;
                args.node_affinity.added_affinity = spec.affinity.and_then(|affinity| affinity.node_affinity);
            }
            Ok(())
        }
        "NodeResourcesBalancedAllocation" => {
            fields(&["resources"])?;
            let resources = resources(value, path)?;
            for (index, resource) in resources.iter().enumerate() {
                let path = path.child("resources").index(index);
                if resources[..index].iter().any(|other| other.name == resource.name) {
                    found.errors.push(FieldError::duplicate(&path.child("name"), &resource.name));
                }
                if resource.weight != 1 {
                    found.errors.push(FieldError::invalid(&path.child("weight"), resource.weight, "must be 1"));
                }
            }
            if !resources.is_empty() {
                args.node_resources_balanced_allocation.resources = resources;
            }
            Ok(())
        }
        "NodeResourcesFit" => {
            fields(&["ignoredResourceGroups", "ignoredResources", "scoringStrategy"])?;
            node_resources_fit(value, path, args, found)
        }
        "PodTopologySpread" => {
            fields(&["defaultConstraints", "defaultingType"])?;
            pod_topology_spread(value, path, args, found)
        }
        "VolumeBinding" => {
            fields(&["bindTimeoutSeconds", "shape"])?;
            let timeout = number(value, path, "bindTimeoutSeconds", "int64")?.unwrap_or(600);
            if timeout < 0 {
                let detail = "invalid BindTimeoutSeconds, should not be a negative value";
                found.errors.push(FieldError::invalid(&path.child("bindTimeoutSeconds"), timeout, detail));
            }
            args.volume_binding.bind_timeout_seconds = u64::try_from(timeout).unwrap_or(0);
            if field(value, "shape").is_some() {
                let path = path.child("shape");
                let points = points(value, &path)?;
                // With the names of Go's fields, in their order.
                let shown: Vec<String> = points
                    .iter()
                    .map(|point| format!("{{\"Utilization\":{},\"Score\":{}}}", point.utilization, point.score))
                    .collect();
                let detail = "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring";
                found.errors.push(FieldError::invalid(&path, BadValue::raw(format!("[{}]", shown.join(","))), detail));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A part of a pod's spec, read as the API server reads it.
fn pod_spec(spec: Value) -> Result<PodSpec, String> {
    let pod =
        Object::from_value(Kind::Pod, &json!({ "spec": spec }), &mut |_| {}).map_err(|error| error.to_string())?;
    Ok(pod.expect::<Pod>().spec.clone().unwrap_or_default())
}

fn default_preemption(value: &Value, path: &Path, args: &mut PluginArgs, found: &mut Findings) -> Result<(), String> {
    let (share, least) = ("minCandidateNodesPercentage", "minCandidateNodesAbsolute");
    let percentage = number(value, path, share, "int32")?.unwrap_or(10);
    let absolute = number(value, path, least, "int32")?.unwrap_or(100);
    let (share_path, least_path) = (path.child(share), path.child(least));
    let errors = &mut found.errors;
    if !(0..=100).contains(&percentage) {
        errors.push(FieldError::invalid(&share_path, percentage, "not in valid range [0, 100]"));
    }
    if absolute < 0 {
        errors.push(FieldError::invalid(&least_path, absolute, "not in valid range [0, inf)"));
    }
    if percentage == 0 && absolute == 0 {
        let detail = |other: &str| format!("cannot be zero at the same time as {other}");
        errors.push(FieldError::invalid(&share_path, percentage, &detail(least)));
        errors.push(FieldError::invalid(&least_path, absolute, &detail(share)));
    }
    let own = &mut args.default_preemption;
    own.min_candidate_nodes_percentage = usize::try_from(percentage).unwrap_or(0);
    own.min_candidate_nodes_absolute = usize::try_from(absolute).unwrap_or(0);
    Ok(())
}

fn resources(value: &Value, path: &Path) -> Result<Vec<ResourceSpec>, String> {
    let list = path.child("resources");
    let read = |(index, resource): (usize, &Value)| {
        let path = list.index(index);
        let weight = number(resource, &path, "weight", "int64")?.unwrap_or(0);
        // An absent weight is 1.
        let weight = if weight == 0 { 1 } else { weight };
        Ok(ResourceSpec { name: text(resource, &path, "name")?.to_owned(), weight })
    };
    items(value, path, "resources", "ResourceSpec")?.iter().enumerate().map(read).collect()
}

fn strings(value: &Value, path: &Path, name: &str) -> Result<Vec<String>, String> {
    let list = items(value, path, name, "string")?;
    Ok(list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}

fn node_resources_fit(value: &Value, path: &Path, args: &mut PluginArgs, found: &mut Findings) -> Result<(), String> {
    let own = &mut args.node_resources_fit;
    own.ignored_resources = strings(value, path, "ignoredResources")?;
    own.ignored_resource_groups = strings(value, path, "ignoredResourceGroups")?;
    for (index, name) in own.ignored_resources.iter().enumerate() {
        meta::label_key(name, &path.child("ignoredResources").index(index), &mut found.errors);
    }
    for (index, name) in own.ignored_resource_groups.iter().enumerate() {
        let path = path.child("ignoredResourceGroups").index(index);
        if name.contains('/') {
            found.errors.push(FieldError::invalid(&path, name, "resource group name can't contain '/'"));
        }
        meta::label_key(name, &path, &mut found.errors);
    }
    let Some(strategy) = field(value, "scoringStrategy") else { return Ok(()) };
    let path = path.child("scoringStrategy");
    known(strategy, &path, &["requestedToCapacityRatio", "resources", "type"], found)?;
    let resources = resources(strategy, &path)?;
    for (index, resource) in resources.iter().enumerate() {
        if !(1..=100).contains(&resource.weight) {
            let path = path.child("resources").index(index).child("weight");
            let detail = format!("resource weight of {} not in valid range (0, 100]", resource.name);
            found.errors.push(FieldError::invalid(&path, resource.weight, &detail));
        }
    }
    if !resources.is_empty() {
        own.resources = resources;
    }
    let ratio = field(strategy, "requestedToCapacityRatio");
    let ratio_path = path.child("requestedToCapacityRatio");
    let type_ = text(strategy, &path, "type")?;
    match (ratio, type_ == "RequestedToCapacityRatio") {
        (None, true) => {
            let detail = "must be specified when type is RequestedToCapacityRatio";
            found.errors.push(FieldError::required(&ratio_path, detail));
        }
        (Some(_), false) => {
            let detail = "must be nil when type is not RequestedToCapacityRatio";
            found.errors.push(FieldError::forbidden(&ratio_path, detail));
        }
        _ => {}
    }
    own.strategy = match (type_, ratio) {
        ("" | "LeastAllocated", _) | ("RequestedToCapacityRatio", None) => ScoringStrategy::LeastAllocated,
        ("MostAllocated", _) => ScoringStrategy::MostAllocated,
        ("RequestedToCapacityRatio", Some(ratio)) => {
            ScoringStrategy::RequestedToCapacityRatio(shape(ratio, &ratio_path, found)?)
        }
        (other, _) => {
            let supported = ["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"];
            found.errors.push(FieldError::not_supported(&path.child("type"), other, &supported));
            ScoringStrategy::LeastAllocated
        }
    };
    Ok(())
}

/// The points of the field `shape`, whose path is given.
fn points(value: &Value, path: &Path) -> Result<Vec<UtilizationShapePoint>, String> {
    let read = |(index, point): (usize, &Value)| {
        let path = path.index(index);
        let of = |name: &str| number(point, &path, name, "int32").map(|number| number.unwrap_or(0));
        Ok(UtilizationShapePoint { utilization: of("utilization")?, score: of("score")? })
    };
    items(value, path, "shape", "UtilizationShapePoint")?.iter().enumerate().map(read).collect()
}

/// `validateFunctionShape`.
fn shape(value: &Value, path: &Path, found: &mut Findings) -> Result<Vec<UtilizationShapePoint>, String> {
    let path = path.child("shape");
    let points = points(value, &path)?;
    let errors = &mut found.errors;
    if points.is_empty() {
        errors.push(FieldError::required(&path, "at least one point must be specified"));
    }
    if let Some(index) = (1..points.len()).find(|index| points[index - 1].utilization >= points[*index].utilization) {
        let detail = "values must be sorted in increasing order";
        errors.push(FieldError::invalid(&path.index(index).child("utilization"), points[index].utilization, detail));
    }
    for (index, point) in points.iter().enumerate() {
        for (name, given, most) in [("utilization", point.utilization, 100), ("score", point.score, 10)] {
            if !(0..=most).contains(&given) {
                let detail = format!("not in valid range [0, {most}]");
                errors.push(FieldError::invalid(&path.index(index).child(name), given, &detail));
            }
        }
    }
    Ok(points)
}

fn pod_topology_spread(value: &Value, path: &Path, args: &mut PluginArgs, found: &mut Findings) -> Result<(), String> {
    let own = &mut args.pod_topology_spread;
    let given = items(value, path, "defaultConstraints", "TopologySpreadConstraint")?;
    let constraints = pod_spec(json!({ "topologySpreadConstraints": given }))?.topology_spread_constraints;
    let constraints = constraints.unwrap_or_default();
    let errors = &mut found.errors;
    let type_path = path.child("defaultingType");
    let defaulting = text(value, path, "defaultingType")?;
    own.system_defaulting = matches!(defaulting, "" | "System");
    if !matches!(defaulting, "" | "System" | "List") {
        errors.push(FieldError::not_supported(&type_path, defaulting, &["System", "List"]));
    } else if own.system_defaulting && !constraints.is_empty() {
        errors.push(FieldError::invalid(&type_path, "System", "when .defaultConstraints are not empty"));
    }
    let list = path.child("defaultConstraints");
    for (index, constraint) in constraints.iter().enumerate() {
        let path = list.index(index);
        if constraint.max_skew <= 0 {
            let path = path.child("maxSkew");
            errors.push(FieldError::invalid(&path, constraint.max_skew, "not in valid range (0, inf)"));
        }
        match constraint.topology_key.as_str() {
            "" => errors.push(FieldError::required(&path.child("topologyKey"), "can not be empty")),
            key => meta::label_key(key, &path.child("topologyKey"), errors),
        }
        match constraint.when_unsatisfiable.as_str() {
            "" => errors.push(FieldError::required(&path.child("whenUnsatisfiable"), "can not be empty")),
            "DoNotSchedule" | "ScheduleAnyway" => {}
            other => {
                let path = path.child("whenUnsatisfiable");
                errors.push(FieldError::not_supported(&path, other, &["DoNotSchedule", "ScheduleAnyway"]));
            }
        }
        if constraint.label_selector.is_some() {
            let detail = "constraint must not define a selector, as they deduced for each pod";
            errors.push(FieldError::forbidden(&path.child("labelSelector"), detail));
        }
        let same = |other: &k8s_openapi::api::core::v1::TopologySpreadConstraint| {
            other.topology_key == constraint.topology_key && other.when_unsatisfiable == constraint.when_unsatisfiable
        };
        if constraints[..index].iter().any(same) {
            let what = format!("{{{}, {}}}", constraint.topology_key, constraint.when_unsatisfiable);
            errors.push(FieldError::duplicate(&path, what));
        }
    }
    own.default_constraints = constraints;
    Ok(())
}
