//! Which fields a case may have: what nobody reads says something that is not checked.

use serde_json::Value;

use super::case::Case;

const OF_A_CASE: &[&str] = &[
    "existingPods",
    "expect",
    "extensionPoint",
    "name",
    "namespaces",
    "nodes",
    "note",
    "otherObjects",
    "plugin",
    "pluginArgs",
    "pod",
    "podDisruptionBudgets",
    "source",
];

/// Those that only some extension points read.
const OF_A_POINT: &[(&str, &[&str])] = &[
    ("filterPlugin", &["DryRunPreemption", "PostFilter", "Preempt", "SelectCandidate"]),
    ("filteredNodesStatuses", &["PostFilter", "Preempt"]),
    ("nominatedNodeStatus", &["PodEligibleToPreemptOthers"]),
    ("notCandidates", &["NormalizeScore", "PreScore", "Score"]),
];

/// Whether a field gives what an older version said: `reasonsV1_23`.
pub fn is_older(field: &str) -> bool {
    ["V1_22", "V1_23"].iter().any(|version| field.ends_with(version))
}

/// Fails for a field that no check reads.
pub fn fields(of: &Value, known: &[&str]) {
    for (field, value) in of.as_object().unwrap_or_else(|| panic!("{of} has no fields")) {
        let read = known.contains(&field.as_str()) || is_older(field) || value.is_null();
        assert!(read, "no check reads the field {field}");
    }
}

/// Fails where a case says something that is not checked.
pub fn check(case: &Case) {
    let point = case.json["extensionPoint"].as_str().expect("a case names its extension point");
    let here = OF_A_POINT.iter().filter(|(_, points)| points.contains(&point)).map(|(field, _)| *field);
    let known: Vec<&str> = OF_A_CASE.iter().copied().chain(here).collect();
    fields(&case.json, &known);
    let expect = case.json["expect"].as_object().expect("a case expects something");
    assert!(expect.keys().any(|key| !is_older(key)), "a case that expects nothing");
    let wanted = match point {
        "Filter" | "PreFilter" => "filter",
        "NormalizeScore" | "PreScore" | "Score" => "score",
        "DryRunPreemption" | "PodEligibleToPreemptOthers" | "PostFilter" | "Preempt" | "SelectCandidate" => {
            "preemption"
        }
        other => panic!("no check knows the extension point {other}"),
    };
    assert!(expect.contains_key(wanted), "a case of {point} expects {wanted}");
}
