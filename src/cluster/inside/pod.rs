//! Inside a pod: its containers in order with what became of them, probes, conditions, environment, mounts.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use serde_json::Value;

use crate::api::Object;
use crate::api::decode::json_writer::Json;
use crate::api::volumes::claim_name;
use crate::cri::Runtime;

use super::kubelet::{of_node, probes, workers};
use super::{Plain, ROWS_MAX, Sheet, Within, clock, named};

/// Versions of the pod that its state history is read off.
const VERSIONS_MAX: usize = 100;
/// Lines of its log that are shown.
const LINES_MAX: usize = 20;

pub(super) fn inside(within: &Within<'_>, uid: &str) -> Option<Plain> {
    let mut pods = within.world.etcd().store().iter_prefix("/registry/pods/");
    let (key, object) = pods.find_map(|kv| {
        let object = kv.value.object();
        (object.uid() == uid).then_some((&kv.key, object))
    })?;
    let value = object.to_value();
    let (spec, status) = (&value["spec"], &value["status"]);
    let mut sheets = vec![containers(spec, status), history(within, key), conditions(status)];
    let node = text(&spec["nodeName"]);
    if let Some(kubelet) = of_node(within, &node) {
        if let Some(report) = kubelet.worker_report(uid) {
            let mut sheet = workers(within, &[report]);
            sheet.title = format!("Worker of kubelet/{node}");
            sheets.push(sheet);
        }
        sheets.push(probes(within, &kubelet.probe_reports(Some(uid), ROWS_MAX)));
    }
    sheets.extend([log(within, uid, &node), environment(spec), mounts(spec), volumes(within, &object, spec)]);
    Some(Plain {
        facts: vec![
            ("pod", named(object.namespace(), object.name())),
            ("phase", text(&status["phase"])),
            ("node", if node.is_empty() { "none yet".to_owned() } else { node }),
            ("ip", text(&status["podIP"])),
            ("restart policy", text(&spec["restartPolicy"])),
            ("QoS class", text(&status["qosClass"])),
            ("owner", owner(&object)),
        ],
        sheets: sheets.into_iter().filter(|sheet| sheet.total > 0).collect(),
    })
}

fn owner(object: &Object) -> String {
    let owners = object.meta().owner_references.iter().flatten();
    let names: Vec<String> = owners.map(|owner| format!("{}/{}", owner.kind, owner.name)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// A value as it is written in a line: texts without quotes, nothing for null.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.json(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The containers in the order they run, each with what it is.
fn in_order(spec: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    let init = list(&spec["initContainers"]).iter().map(|container| {
        let sidecar = container["restartPolicy"] == "Always";
        (if sidecar { "sidecar" } else { "init" }, container)
    });
    init.chain(list(&spec["containers"]).iter().map(|container| ("app", container)))
}

fn containers(spec: &Value, status: &Value) -> Sheet {
    let columns = &["order", "name", "kind", "image", "state", "ready", "started", "restarts", "requests", "limits"];
    let mut sheet = Sheet::new("Containers", columns)
        .note("In the order they run: init containers one after another, then the rest at once.");
    for (at, (kind, container)) in in_order(spec).enumerate() {
        let statuses = if kind == "app" { "containerStatuses" } else { "initContainerStatuses" };
        let found = list(&status[statuses]).iter().find(|status| status["name"] == container["name"]);
        let of = |field: &str| found.map(|status| text(&status[field])).unwrap_or_default();
        let (state, bad) = found.map_or(("not reported yet".to_owned(), false), |status| state(&status["state"]));
        let row = sheet.row(vec![
            (at + 1).to_string(),
            text(&container["name"]),
            kind.to_owned(),
            text(&container["image"]),
            state,
            of("ready"),
            of("started"),
            of("restartCount"),
            amounts(&container["resources"]["requests"]),
            amounts(&container["resources"]["limits"]),
        ]);
        row.bad = bad;
    }
    sheet
}

/// `cpu 500m, memory 64Mi`.
fn amounts(value: &Value) -> String {
    let amounts = value.as_object().into_iter().flatten();
    amounts.map(|(name, amount)| format!("{name} {}", text(amount))).collect::<Vec<_>>().join(", ")
}

/// A container's state in words, and whether something is wrong with it.
fn state(state: &Value) -> (String, bool) {
    if let Some(running) = state.get("running") {
        return (format!("running since {}", text(&running["startedAt"])), false);
    }
    if let Some(ended) = state.get("terminated") {
        let code = ended["exitCode"].as_i64().unwrap_or(0);
        return (
            format!("terminated with {code}, {}, at {}", text(&ended["reason"]), text(&ended["finishedAt"])),
            code != 0,
        );
    }
    let waiting = &state["waiting"];
    let reason = text(&waiting["reason"]);
    let bad = reason.contains("BackOff") || reason.contains("Err");
    (format!("waiting: {} {}", reason, text(&waiting["message"])).trim_end().to_owned(), bad)
}

/// Every state that a container was reported in, as far as etcd's history reaches, newest first.
fn history(within: &Within<'_>, key: &str) -> Sheet {
    let columns = &["revision", "container", "state", "reason", "started", "finished", "exit code", "restarts"];
    let mut sheet = Sheet::new("State history", columns)
        .note("What the kubelet reported, read off the versions that etcd still has.");
    let versions: Vec<_> = within.world.etcd().store().versions(key).take(VERSIONS_MAX).collect();
    let mut last: Vec<(String, String)> = Vec::new();
    for event in versions.into_iter().rev().filter(|event| !event.deleted) {
        let object = event.kv.value.object();
        let Some(status) = object.get::<Pod>().and_then(|pod| pod.status.as_ref()) else { continue };
        let init = status.init_container_statuses.iter().flatten();
        for status in init.chain(status.container_statuses.iter().flatten()) {
            let (word, cells, bad) = moment(status);
            match last.iter_mut().find(|(name, _)| *name == status.name) {
                Some((_, before)) if *before == word => continue,
                Some((_, before)) => *before = word,
                None => last.push((status.name.clone(), word)),
            }
            let mut row = vec![event.kv.mod_revision.to_string(), status.name.clone()];
            row.extend(cells);
            sheet.row(row).bad = bad;
        }
    }
    sheet.rows.reverse();
    let total = sheet.total;
    sheet.cut(total)
}

/// A reported state: a word that changes when it does, its cells, whether something is wrong with it.
fn moment(status: &ContainerStatus) -> (String, Vec<String>, bool) {
    let restarts = status.restart_count.to_string();
    let time = |time: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| {
        time.as_ref().map(crate::api::time::rfc3339).unwrap_or_default()
    };
    let (state, reason, started, finished, code) = match &status.state {
        Some(ContainerState { running: Some(running), .. }) => {
            ("running", String::new(), time(&running.started_at), String::new(), None)
        }
        Some(ContainerState { terminated: Some(ended), .. }) => (
            "terminated",
            ended.reason.clone().unwrap_or_default(),
            time(&ended.started_at),
            time(&ended.finished_at),
            Some(ended.exit_code),
        ),
        Some(ContainerState { waiting: Some(waiting), .. }) => {
            ("waiting", waiting.reason.clone().unwrap_or_default(), String::new(), String::new(), None)
        }
        _ => ("waiting", String::new(), String::new(), String::new(), None),
    };
    let word = format!("{state} {reason} {restarts} {started}");
    let bad = code.is_some_and(|code| code != 0) || reason.contains("BackOff") || reason.contains("Err");
    let code = code.map(|code| code.to_string()).unwrap_or_default();
    (word, vec![state.to_owned(), reason, started, finished, code, restarts], bad)
}

fn conditions(status: &Value) -> Sheet {
    let mut sheet = Sheet::new("Conditions", &["condition", "status", "since", "reason", "message"]);
    for condition in list(&status["conditions"]) {
        let cell = |field: &str| text(&condition[field]);
        let row =
            sheet.row(vec![cell("type"), cell("status"), cell("lastTransitionTime"), cell("reason"), cell("message")]);
        row.bad = condition["status"] == "False";
    }
    sheet
}

/// What its containers wrote last, as their node's runtime has it.
fn log(within: &Within<'_>, uid: &str, node: &str) -> Sheet {
    let kernel = within.world.kernel();
    let process = kernel.resolve(&format!("containerd/{node}"));
    let found = process.and_then(|process| kernel.inspect::<Runtime>(process));
    let (lines, total) = found.map_or_else(Default::default, |runtime| runtime.last_lines(uid, LINES_MAX));
    let mut sheet = Sheet::new("Log", &["time", "container", "run", "line"])
        .note("The last lines that the runtime wrote down; kubectl logs asks the kubelet for them.");
    for (container, attempt, line) in lines {
        let run = (attempt + 1).to_string();
        sheet.row(vec![clock(line.unix_micros), container.to_string(), run, line.text.to_string()]);
    }
    sheet.cut(total)
}

fn environment(spec: &Value) -> Sheet {
    let mut sheet = Sheet::new("Environment", &["container", "variable", "value"]);
    for (_, container) in in_order(spec) {
        for from in list(&container["envFrom"]) {
            sheet.row(vec![text(&container["name"]), "all".to_owned(), source(from, "prefix")]);
        }
        for variable in list(&container["env"]) {
            let value = match &variable["valueFrom"] {
                Value::Null => text(&variable["value"]),
                from => source(from, ""),
            };
            sheet.row(vec![text(&container["name"]), text(&variable["name"]), value]);
        }
    }
    let total = sheet.total;
    sheet.cut(total)
}

/// What a source is, in words: `configMapKeyRef: key color, name web`; `beside` is not a part of it.
fn source(value: &Value, beside: &str) -> String {
    let Some((kind, what)) = value.as_object().and_then(|fields| fields.iter().find(|(name, _)| *name != beside))
    else {
        return String::new();
    };
    let parts = what.as_object().into_iter().flatten().map(|(name, value)| match value {
        Value::Array(items) => format!("{name} {}", items.len()),
        value => format!("{name} {}", text(value)),
    });
    format!("{kind}: {}", parts.collect::<Vec<_>>().join(", ")).trim_end_matches([':', ' ']).to_owned()
}

fn mounts(spec: &Value) -> Sheet {
    let mut sheet = Sheet::new("Mounts", &["container", "path", "volume", "access"]);
    for (_, container) in in_order(spec) {
        for mount in list(&container["volumeMounts"]) {
            let access = if mount["readOnly"] == true { "read only" } else { "read and write" };
            sheet.row(vec![
                text(&container["name"]),
                text(&mount["mountPath"]),
                text(&mount["name"]),
                access.to_owned(),
            ]);
        }
    }
    let total = sheet.total;
    sheet.cut(total)
}

fn volumes(within: &Within<'_>, object: &Object, spec: &Value) -> Sheet {
    let mut sheet = Sheet::new("Volumes", &["volume", "source", "stands for"]);
    let own = object.get::<Pod>().and_then(|pod| pod.spec.as_ref()).and_then(|spec| spec.volumes.as_deref());
    for (volume, own) in list(&spec["volumes"]).iter().zip(own.unwrap_or_default()) {
        let claim = object.get::<Pod>().and_then(|pod| claim_name(pod, own));
        let stands = claim.map(|claim| super::super::storage::stands_for(within.world, object.namespace(), &claim));
        sheet.row(vec![text(&volume["name"]), source(volume, "name"), stands.unwrap_or_default()]);
    }
    let total = sheet.total;
    sheet.cut(total)
}
