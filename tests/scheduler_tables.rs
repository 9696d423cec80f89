//! Upstream's plugin tables, run through the plugins. Prints `N of M` for every file.
//!
//! Every file of the corpus's folder is run, and every file of `scheduler_tables/more/`, whose tables are of later
//! versions and of plugins that the corpus leaves out. What a case asks is read off the case: its plugin, its extension
//! point and what it expects. A field that no check reads is a miss.

#[path = "scheduler_tables/case.rs"]
mod case;
#[path = "scheduler_tables/filter.rs"]
mod filter;
#[path = "scheduler_tables/known.rs"]
mod known;
#[path = "scheduler_tables/preemption.rs"]
mod preemption;
#[path = "scheduler_tables/score.rs"]
mod score;
#[path = "tables/mod.rs"]
mod tables;

use std::path::Path;

use serde_json::{Value, json};

use case::Case;

/// Checks everything that a case expects.
fn check(case: &Case) {
    known::check(case);
    for (what, expected) in case.json["expect"].as_object().expect("a case expects something") {
        match what.as_str() {
            "filter" => filter::check(case, expected),
            "score" => score::check(case, expected),
            "preemption" => preemption::check(case, expected),
            // What a version before the one that counts expected.
            older if known::is_older(older) => {}
            other => panic!("no check knows what {other} expects"),
        }
    }
}

/// Runs every case of a table: with topologies counted over all nodes, and with those counted pod by pod.
fn run(table: tables::Table) {
    let minor = case::minor(&table.root["kubernetesVersion"]);
    for (index, case) in table.cases().iter().enumerate() {
        table.run_one(index, || {
            check(&Case::of(case, minor, false));
            check(&Case::of(case, minor, true));
        });
    }
    table.done();
}

#[test]
fn the_corpus_is_as_upstream_decides() {
    let ran = tables::each_file(&tables::corpus().join("scheduler"), run);
    assert!(ran > 0 || tables::is_named(), "the corpus has tables of the scheduler");
}

#[test]
fn later_tables_are_as_upstream_decides() {
    let more = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scheduler_tables/more");
    assert!(tables::each_file(&more, run) > 10);
}

/// A case that passes, changed by `change`.
#[track_caller]
fn misses(change: impl FnOnce(&mut Value), because: &str) {
    let mut case = json!({
        "name": "n",
        "plugin": "NodeName",
        "extensionPoint": "Filter",
        "pod": { "metadata": { "name": "p" }, "spec": { "containers": [] } },
        "nodes": [{ "metadata": { "name": "node" } }],
        "existingPods": [],
        "expect": { "filter": { "node": { "ok": true } } },
    });
    check(&Case::of(&case, 32, false));
    change(&mut case);
    let panic = std::panic::catch_unwind(|| check(&Case::of(&case, 32, false))).expect_err("it has to miss");
    let why = tables::why(&*panic);
    assert!(why.contains(because), "{why}");
}

#[test]
fn what_nobody_reads_is_a_miss() {
    misses(|case| case["taint"] = json!(1), "taint");
    misses(|case| case["pod"]["spec"]["nodename"] = json!("a"), "nodename");
    misses(|case| case["expect"]["order"] = json!([]), "order");
    misses(|case| case["expect"]["filter"]["node"]["message"] = json!(""), "message");
    misses(|case| case["pluginArgs"] = json!({ "weight": 1 }), "weight");
    misses(|case| case["filterPlugin"] = json!("NodeName"), "filterPlugin");
    misses(|case| case["otherObjects"] = json!([{ "kind": "Lease" }]), "Lease");
    misses(|case| case["expect"]["filter"]["elsewhere"] = json!({ "ok": true }), "elsewhere");
    misses(|case| case["expect"]["filter"]["node"] = json!({ "ok": false, "code": "Error", "reasons": [] }), "Ok");
    misses(|case| case["expect"] = json!({}), "nothing");
    misses(|case| case["extensionPoint"] = json!("Reserve"), "Reserve");
}
