//! What a plugin says of every node.

use std::collections::BTreeMap;

use serde_json::Value;

use kubarium::scheduler::plugins::node_resources_fit::Fit;
use kubarium::scheduler::{Code, CycleState, NodeInfo, PreFilter, Rejection};

use super::case::{Case, strings};
use super::known;

/// Says the reasons of a table as they are said now. 1.35 says no more which taint it is; the fakes of upstream's tests
/// say of a claim that is not there that it is none of the `persistentvolumeclaims`, the lister does not.
fn reason_now(reason: String) -> String {
    if reason.starts_with("node(s) had untolerated taint {") {
        "node(s) had untolerated taint(s)".to_owned()
    } else {
        reason.replace("persistentvolumeclaims \"", "persistentvolumeclaim \"")
    }
}

/// The code that goes with a rejection since, where a table of an older version has another.
fn code_now(case: &Case, node: &str, rejection: &Rejection) -> Option<Code> {
    let message = rejection.message();
    match case.plugin.name() {
        // The fit filter tells apart what no removal of pods helps since 1.32.
        "NodeResourcesFit" if case.minor < 32 && is_hopeless(case, node) => Some(Code::UnschedulableAndUnresolvable),
        // A pod that alone may have a claim can be driven out since 1.27.
        "VolumeRestrictions" if case.minor < 27 && message.contains("ReadWriteOncePod") => Some(Code::Unschedulable),
        // A claim that is not there is no error since 1.31.
        "NodeVolumeLimits" if case.minor < 31 && message.starts_with("looking up PVC") => {
            Some(Code::UnschedulableAndUnresolvable)
        }
        _ => None,
    }
}

/// The verdict of each node, as a cycle would ask for it.
fn verdicts(case: &Case) -> BTreeMap<String, Result<(), Rejection>> {
    let mut state = CycleState::default();
    let left = case.plugin.pre_filter(&mut state, &case.pod, &case.cache);
    let verdict = |node: &NodeInfo| match &left {
        Err(rejection) => Err(rejection.clone()),
        Ok(PreFilter::Skip) => Ok(()),
        Ok(PreFilter::Nodes(names)) if !names.contains(&node.name) => {
            Err(Rejection { plugin: case.plugin.name(), code: Code::UnschedulableAndUnresolvable, reasons: vec![] })
        }
        Ok(_) => case.plugin.filter(&state, &case.pod, node),
    };
    case.cache.nodes().map(|node| (node.name.to_string(), verdict(node))).collect()
}

/// What of the amounts that the fit filter names is more than the whole node has.
fn is_hopeless(case: &Case, node: &str) -> bool {
    let fit = Fit { args: case.args.node_resources_fit.clone() };
    let lacking = case.cache.node(node).map(|node| fit.insufficient(&case.pod, node)).unwrap_or_default();
    lacking.iter().any(|one| one.resource != "pods" && one.requested > one.capacity)
}

/// Checks the verdicts.
pub fn check(case: &Case, expected: &Value) {
    let found = verdicts(case);
    for (node, expected) in expected.as_object().expect("a filter table") {
        known::fields(expected, &["code", "insufficient", "ok", "reasons"]);
        let verdict = found.get(node).unwrap_or_else(|| panic!("there is no node {node}"));
        assert_eq!(verdict.is_ok(), expected["ok"] == true, "{}: {node}: {verdict:?}", case.name());
        let Err(rejection) = verdict else { continue };
        let code = expected["code"].as_str().expect("a no has a code");
        let code = code_now(case, node, rejection).map_or(code, |code| code.as_str());
        assert_eq!(rejection.code.as_str(), code, "{}: {node}", case.name());
        let reasons = strings(&expected["reasons"]).into_iter().map(reason_now).collect::<Vec<_>>();
        if reasons.iter().any(|reason| reason.starts_with("Invalid value")) {
            // The table gives the part that matters of a longer sentence.
            assert!(rejection.message().contains(&reasons[0]), "{}: {rejection:?}", case.name());
        } else if !rejection.reasons.is_empty() {
            // A node that PreFilter already left out has no words of its own.
            assert_eq!(rejection.reasons, reasons, "{}: {node}", case.name());
        }
        if !expected["insufficient"].is_null() {
            check_insufficient(case, node, &expected["insufficient"]);
        }
    }
}

/// The amounts that the fit filter says are missing.
fn check_insufficient(case: &Case, node: &str, expected: &Value) {
    let fit = Fit { args: case.args.node_resources_fit.clone() };
    let found = fit.insufficient(&case.pod, case.cache.node(node).expect("the node is there"));
    let found = found.into_iter().map(|one| (one.resource, [one.requested, one.used, one.capacity]));
    let found: BTreeMap<String, [i64; 3]> = found.collect();
    let amounts = |one: &Value| {
        known::fields(one, &["capacity", "reason", "requested", "resource", "unresolvable", "used"]);
        let of = |name: &str| one[name].as_i64().unwrap_or_default();
        let resource = one["resource"].as_str().expect("a resource").to_owned();
        (resource, [of("requested"), of("used"), of("capacity")])
    };
    let expected = expected.as_array().expect("a list of amounts").iter().map(amounts);
    assert_eq!(found, expected.collect(), "{}: {node}", case.name());
}
