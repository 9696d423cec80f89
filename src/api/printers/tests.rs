use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use serde_json::{Value, json};

use super::{IncludeObject, rows_only, table};
use crate::api::KINDS;
use crate::api::kind::KindInfo;
use crate::api::object::{Kind, Object};

/// 2026-01-02T03:04:05Z.
const NOW: i64 = 1_767_323_045_000_000;

fn corpus() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["../shared/corpus", "../../shared/corpus"]
        .iter()
        .map(|path| root.join(path))
        .find(|path| path.exists())
        .expect("the corpus lies beside the repository, in ../shared or ../../shared")
}

fn read(file: &str) -> Value {
    let path = corpus().join("kubectl").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn info_of(object: &Value) -> Option<&'static KindInfo> {
    let api_version = object["apiVersion"].as_str()?;
    KINDS.iter().copied().find(|info| info.api_version() == api_version && object["kind"] == info.kind)
}

/// Microseconds of `10s`, `5m`, `2.1s`.
fn offset(text: &str) -> i64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "y" => 365 * 86_400,
        other => panic!("unknown unit {other} in {text}"),
    };
    let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
    let tenths: i64 = whole.parse::<i64>().expect("a number") * 10 + tenths.parse::<i64>().expect("a digit");
    tenths * seconds * 100_000
}

/// Puts dates in for `{{now-10s}}`; those of `metav1.MicroTime` fields must have all six digits.
fn fill_in_dates(value: &mut Value, micro: bool) {
    match value {
        Value::String(text) => {
            if let Some(inner) = text.strip_prefix("{{now").and_then(|rest| rest.strip_suffix("}}")) {
                let micros = match inner.strip_prefix('-') {
                    Some(before) => NOW - offset(before),
                    None => inner.strip_prefix('+').map_or(NOW, |after| NOW + offset(after)),
                };
                let date = jiff::Timestamp::from_microsecond(micros).expect("a date");
                *text = if micro { format!("{date:.6}") } else { date.to_string() };
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|element| fill_in_dates(element, micro)),
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| {
            fill_in_dates(value, matches!(key.as_str(), "eventTime" | "lastObservedTime"));
        }),
        _ => {}
    }
}

#[test]
fn rows_are_those_of_the_corpus() {
    let mut checked = 0;
    let mut failures = Vec::new();
    for file in ["config-rbac", "network", "nodes-events", "pods", "storage", "workloads"] {
        let mut cases = read(&format!("get-rows-{file}.json"));
        fill_in_dates(&mut cases, false);
        for case in cases["cases"].as_array().expect("cases") {
            let Some(info) = info_of(&case["object"]) else { continue };
            let object = Object::from_value(info.id, &case["object"], &mut |_| {})
                .unwrap_or_else(|error| panic!("{} {}: {error}", info.kind, case["name"]));
            let is_wide = case["wide"] == true;
            let cells: Vec<Value> = (info.row)(&object, NOW)
                .into_iter()
                .zip(info.columns)
                .filter(|(_, column)| is_wide || column.priority == 0)
                .map(|(cell, _)| cell)
                .collect();
            checked += 1;
            // The corpus writes the last cell of claims and volumes out, which is in the wide table only.
            let cells = if info.kind.starts_with("PersistentVolume") { (info.row)(&object, NOW) } else { cells };
            if Value::Array(cells.clone()) != case["cells"] {
                failures.push(format!("{} {}:\n  {}\n  {}", info.kind, case["name"], case["cells"], json!(cells)));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {checked}:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(checked, 81, "as many rows of our kinds as the corpus has");
}

#[test]
fn endpoints_of_whom_nobody_is_ready_are_not_none() {
    let cell = |kind: Kind, column: usize, value: &Value| {
        let mut object = Object::from_value(kind, value, &mut |_| {}).expect("an object");
        (kind.info().default)(&mut object);
        (kind.info().row)(&object, NOW)[column].clone()
    };
    let waiting = json!({"subsets": [{"notReadyAddresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}]});
    assert_eq!(cell(Kind::Endpoints, 1, &waiting), "");
    assert_eq!(cell(Kind::Endpoints, 1, &json!({"subsets": []})), "<none>");
    let slice = json!({"addressType": "IPv4", "endpoints": [], "ports": [{}]});
    assert_eq!(cell(Kind::EndpointSlice, 2, &slice), "<unset>");
}

#[test]
fn columns_are_those_of_the_corpus() {
    let columns = read("get-columns.json");
    let mut checked = 0;
    for info in KINDS {
        let Some(expected) = columns["kinds"].get(info.kind) else { continue };
        let names = |priority: i32| -> Vec<&str> {
            info.columns.iter().filter(|column| column.priority == priority).map(|column| column.name).collect()
        };
        assert_eq!(json!(names(0)), expected["columns"], "{}", info.kind);
        assert_eq!(json!(names(1)), expected["wideColumns"], "{}", info.kind);
        checked += 1;
    }
    assert_eq!(checked, 29, "all kinds but Binding");
}

#[test]
fn ages_are_those_of_the_corpus() {
    let ages = read("ages.json");
    let mut checked = 0;
    for case in ages["cases"]["since"].as_array().expect("cases") {
        let micros = case[0].as_str().map(|text| match text.strip_prefix('-') {
            Some(before) => NOW - offset(before),
            None => NOW + offset(text.trim_start_matches('+')),
        });
        assert_eq!(super::since_micros(micros, NOW), case[1], "{case}");
        checked += 1;
    }
    assert_eq!(checked, 10);
}

#[test]
fn every_row_has_a_cell_for_every_column() {
    for info in KINDS {
        let value = json!({ "apiVersion": info.api_version(), "kind": info.kind, "metadata": { "name": "x" } });
        let object = Object::from_value(info.id, &value, &mut |_| {}).expect("an object with nothing but a name");
        assert_eq!((info.row)(&object, NOW).len(), info.columns.len(), "{}", info.kind);
        assert!(info.columns.iter().all(|column| !column.description.is_empty()), "{}", info.kind);
    }
}

#[test]
fn a_table_holds_rows_and_what_of_the_object_is_wanted() {
    let value = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "web", "namespace": "default" },
        "spec": { "containers": [{ "name": "c" }] },
        "status": { "phase": "Succeeded" },
    });
    let pods = [Arc::new(Object::from_value(Kind::Pod, &value, &mut |_| {}).expect("a pod"))];
    let list_meta = ListMeta { resource_version: Some("7".to_owned()), ..ListMeta::default() };
    let with = |include: IncludeObject| table(Kind::Pod, &pods, &list_meta, NOW, include);
    let shown = with(IncludeObject::Metadata);
    assert_eq!(shown["metadata"], json!({ "resourceVersion": "7" }));
    assert_eq!(shown["columnDefinitions"][0]["format"], "name");
    assert_eq!(shown["rows"][0]["cells"][2], "Succeeded");
    assert_eq!(shown["rows"][0]["conditions"][0]["message"], "The pod has completed successfully.");
    assert_eq!(
        shown["rows"][0]["object"],
        json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": { "name": "web", "namespace": "default" },
        })
    );
    assert_eq!(with(IncludeObject::None)["rows"][0]["object"], Value::Null);
    assert_eq!(with(IncludeObject::Object)["rows"][0]["object"]["kind"], "Pod");
    assert_eq!(rows_only(&pods, &list_meta, NOW, IncludeObject::None)["columnDefinitions"], Value::Null);
}
