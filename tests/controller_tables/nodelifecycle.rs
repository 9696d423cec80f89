//! Nodes: which taints their conditions give them, who has to go and when, and what is said.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Node, NodeCondition, Pod, PodCondition, PodSpec, Taint};
use serde_json::Value;

use kubarium::api::{Body, Kind, Typed};
use kubarium::apiserver::admission::default_toleration_seconds;
use kubarium::cluster::{Command, Config, Session};
use kubarium::controllers::nodelifecycle::{
    MONITOR_GRACE, MONITOR_PERIOD, NO_EXECUTE, NodeLifecycleController, STARTUP_GRACE, STATUS, condition, part, taints,
    zones,
};
use kubarium::controllers::{Controller, Enqueue, Plan, Step, fake};

use super::tainteviction;
use super::{read, tables::Table, texts::fits};

/// A node with the conditions of a case.
fn node(conditions: &Value) -> Node {
    let mut node = Node::default();
    node.metadata.name = Some("node-a".to_owned());
    node.metadata.uid = Some("n".to_owned());
    let list = conditions.as_object().into_iter().flatten().map(|(type_, status)| NodeCondition {
        type_: type_.clone(),
        status: status.as_str().expect("a status").to_owned(),
        ..NodeCondition::default()
    });
    node.status.get_or_insert_default().conditions = Some(list.collect());
    node
}

fn keys(taints: &[Taint], effect: &str) -> Vec<Value> {
    let mut keys: Vec<&str> =
        taints.iter().filter(|taint| taint.effect == effect).map(|taint| taint.key.as_str()).collect();
    keys.sort_unstable();
    keys.into_iter().map(Value::from).collect()
}

fn sorted(expect: &Value) -> Vec<Value> {
    let mut keys: Vec<&str> = expect.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    keys.sort_unstable();
    keys.into_iter().map(Value::from).collect()
}

/// The node after both passes.
fn tainted(mut node: Node) -> Node {
    let taints = taints::no_schedule(&node);
    node.spec.get_or_insert_default().taints = Some(taints);
    let taints = taints::no_execute(&node, false);
    node.spec.get_or_insert_default().taints = Some(taints);
    node
}

fn conditions_become_taints(table: &Table) {
    table.run(&["a", "b"], |_, name, case, expect| {
        let mut subject = node(&case["conditions"]);
        if let Some(unschedulable) = case["unschedulable"].as_bool() {
            subject.spec.get_or_insert_default().unschedulable = Some(unschedulable);
        }
        if let Some(before) = case.get("before") {
            subject.spec = tainted(node(before)).spec;
        }
        let after = tainted(subject).spec.and_then(|spec| spec.taints).unwrap_or_default();
        let after = after.as_slice();
        assert_eq!(keys(after, "NoSchedule"), sorted(&expect["noScheduleTaints"]), "{name}");
        if expect.get("noExecuteTaints").is_some() {
            assert_eq!(keys(after, "NoExecute"), sorted(&expect["noExecuteTaints"]), "{name}");
        }
    });
}

/// Everything the controller says and writes when a ready node with a ready pod falls silent.
fn silence() -> Plan {
    let mut controller = NodeLifecycleController::default();
    let mut observed = fake::observed();
    let conditions = serde_json::json!({
        "Ready": "True", "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False",
    });
    observed.stores.insert(node(&conditions).into_object());
    // Another that stays: its zone is not disrupted as a whole.
    let mut other = node(&conditions);
    other.metadata.name = Some("node-b".to_owned());
    observed.stores.insert(other.into_object());
    let mut pod = Pod::default();
    pod.metadata.name = Some("web".to_owned());
    pod.metadata.namespace = Some("default".to_owned());
    pod.spec.get_or_insert_default().node_name = Some("node-a".to_owned());
    let ready = PodCondition { type_: "Ready".to_owned(), status: "True".to_owned(), ..PodCondition::default() };
    pod.status.get_or_insert_default().conditions = Some(vec![ready]);
    observed.stores.insert(pod.into_object());
    assert_eq!(controller.on_tick(&observed).len(), 2, "both are registered");
    observed.now += MONITOR_GRACE;
    assert!(controller.on_tick(&observed).is_empty(), "the grace has not passed yet");
    observed.now += MONITOR_PERIOD;
    let wishes = controller.on_tick(&observed);
    assert!(wishes.contains(&Enqueue::now(part("node-a", STATUS))), "{wishes:?}");
    let turn = fake::turn(&observed, part("node-a", STATUS));
    controller.reconcile(&turn)
}

/// The reasons of the events about nodes of a cluster in which one falls silent, is cordoned and goes.
fn node_events() -> BTreeSet<String> {
    let mut session = Session::ready(Config::default());
    let limit = Duration::from_secs(10);
    session.kubectl("kubectl cordon node-a", "", limit);
    session.run_until(session.now() + Duration::from_secs(30));
    session.kubectl("kubectl uncordon node-a", "", limit);
    session.run_until(session.now() + Duration::from_secs(30));
    session.apply(Command::PowerOff { node: "node-b".to_owned() });
    session.run_until(session.now() + Duration::from_secs(90));
    session.kubectl("kubectl delete node node-b", "", limit);
    session.run_until(session.now() + Duration::from_secs(30));
    let events = session.objects(Kind::Event);
    let about_nodes = events.iter().filter_map(|event| event.get::<Event>());
    let about_nodes = about_nodes.filter(|event| event.involved_object.kind.as_deref() == Some("Node"));
    about_nodes.filter_map(|event| event.reason.clone()).collect()
}

/// What the number of this name is here, in its unit.
fn constant(name: &str) -> Option<f64> {
    use kubarium::kubelet::config;
    let rate = |interval: Option<Duration>| interval.map_or(0.0, |interval| 1.0 / interval.as_secs_f64());
    let silent = self::node(&serde_json::json!({ "Ready": "Unknown" }));
    let ready = self::node(&serde_json::json!({ "Ready": "True" }));
    let of_zone = |unready: usize, all: usize| {
        let mut zones = zones::Zones::default();
        let nodes = std::iter::repeat_n(&silent, unready).chain(std::iter::repeat_n(&ready, all - unready));
        zones.update(nodes);
        rate(zones.taint_interval(""))
    };
    let name = name.strip_suffix("Seconds").unwrap_or(name);
    Some(match name {
        "nodeMonitorGrace" | "nodeMonitorGracePeriod" => MONITOR_GRACE.as_secs_f64(),
        "nodeMonitorPeriod" => MONITOR_PERIOD.as_secs_f64(),
        "nodeStartupGrace" | "nodeStartupGracePeriod" => STARTUP_GRACE.as_secs_f64(),
        "nodeStatusUpdate" | "nodeStatusUpdateFrequency" => config::NODE_STATUS_UPDATE_FREQUENCY.as_secs_f64(),
        "nodeStatusReport" | "nodeStatusReportFrequency" => config::NODE_STATUS_REPORT_FREQUENCY.as_secs_f64(),
        "nodeLeaseDuration" | "leaseDuration" => f64::from(config::NODE_LEASE_DURATION_SECONDS),
        "nodeLeaseRenew" | "nodeLeaseRenewInterval" | "leaseRenewInterval" => {
            f64::from(config::NODE_LEASE_DURATION_SECONDS) / 4.0
        }
        "toleration" | "defaultToleration" => {
            let mut pod = Pod { spec: Some(PodSpec::default()), ..Pod::default() }.into_object();
            default_toleration_seconds::admit(&mut pod);
            let added = pod.expect::<Pod>().spec.as_ref().and_then(|spec| spec.tolerations.clone()).unwrap_or_default();
            added.first().and_then(|toleration| toleration.toleration_seconds).expect("they have a time") as f64
        }
        "nodeEvictionRate" | "evictionRatePerSecond" => of_zone(1, 10),
        "secondaryNodeEvictionRate" | "secondaryTaintRatePerSecond" => of_zone(60, 100),
        // From how much on a large zone is tainted at the slower rate, and up to which size a zone is not large.
        "unhealthyZoneThreshold" => {
            (1..100).find(|unready| of_zone(*unready, 100) < 0.1).expect("there is one") as f64 / 100.0
        }
        "largeClusterSizeThreshold" => {
            (4..100).take_while(|all| of_zone(all * 4 / 5, *all) == 0.0).last().expect("there is one") as f64
        }
        _ => return None,
    })
}

fn constants_and_texts(table: &Table) {
    let plan = silence();
    let node = match &fake::writes(&plan)[0].request.body {
        Body::Object(object) => object.expect::<Node>().clone(),
        body => panic!("a node is written, not {body:?}"),
    };
    let condition_of = |type_: &str| condition(&node, type_).expect("it has the condition");
    let (pod_conditions, mut events) = tainteviction::said();
    events.extend(plan.steps.iter().filter_map(|step| match step {
        Step::Event(event) => Some((event.kind.as_str().to_owned(), event.reason.to_owned(), event.message.clone())),
        _ => None,
    }));
    table.run(&["g"], |_, name, _, expect| {
        for (key, wanted) in expect.as_object().expect("what is expected") {
            match key.as_str() {
                "Ready" => {
                    let ready = condition_of("Ready");
                    assert_eq!(wanted["status"], ready.status.as_str(), "{name}");
                    assert_eq!(wanted["reason"], ready.reason.as_deref().unwrap_or_default(), "{name}");
                    assert_eq!(wanted["message"], ready.message.as_deref().unwrap_or_default(), "{name}");
                }
                "alsoUnknown" => {
                    for type_ in wanted.as_array().into_iter().flatten().filter_map(Value::as_str) {
                        assert_eq!(condition_of(type_).status, "Unknown", "{name}: {type_}");
                    }
                }
                "podCondition" => {
                    let found = pod_conditions.iter().any(|condition| {
                        wanted.as_object().into_iter().flatten().all(|(field, value)| condition[field] == *value)
                    });
                    assert!(found, "{name}: {wanted} is not among {pod_conditions:?}");
                }
                "event" => {
                    let text = |key: &str| wanted[key].as_str().unwrap_or_default();
                    let said = |event: &(String, String, String)| {
                        event.0 == text("type") && event.1 == text("reason") && fits(text("message"), &event.2)
                    };
                    assert!(events.iter().any(said), "{name}: {wanted} is not among {events:?}");
                }
                "fullDisruption" => {
                    assert_eq!(zones::state(0, 3) == zones::ZoneState::FullDisruption, *wanted == true, "{name}");
                }
                // Where nothing is said of a disruption it is the rate of a zone that is well.
                "taintRatePerSecond" if expect["fullDisruption"].is_null() => {
                    assert_eq!(wanted.as_f64(), constant("nodeEvictionRate"), "{name}");
                }
                "taintRatePerSecond" => {
                    let silent = self::node(&serde_json::json!({ "Ready": "Unknown" }));
                    let mut zones = zones::Zones::default();
                    zones.update([&silent, &silent].into_iter());
                    let rate = zones.taint_interval("").map_or(0.0, |interval| 1.0 / interval.as_secs_f64());
                    assert_eq!(wanted.as_f64(), Some(rate), "{name}");
                }
                "reasons" => {
                    let said = node_events();
                    for reason in wanted.as_array().into_iter().flatten().filter_map(Value::as_str) {
                        assert!(said.contains(reason), "{name}: {reason} is not among {said:?}");
                    }
                }
                "note" => {}
                number => {
                    let ours = constant(number).unwrap_or_else(|| panic!("{name}: nothing is known of {number}"));
                    assert_eq!(wanted.as_f64(), Some(ours), "{name}: {number}");
                }
            }
        }
    });
}

fn default_tolerations(table: &Table) {
    table.run(&["f"], |_, name, case, expect| {
        let mut pod = Pod::default();
        pod.spec.get_or_insert_default().tolerations = Some(tainteviction::list(&case["tolerations"]));
        let mut pod = pod.into_object();
        default_toleration_seconds::admit(&mut pod);
        let got = pod.expect::<Pod>().spec.as_ref().and_then(|spec| spec.tolerations.clone());
        assert_eq!(serde_json::to_value(got).expect("tolerations are JSON"), expect["tolerations"], "{name}");
    });
}

#[test]
fn node_lifecycle() {
    let table = read("node-lifecycle");
    conditions_become_taints(&table);
    tainteviction::toleration_times(&table);
    tainteviction::sequences(&table);
    default_tolerations(&table);
    constants_and_texts(&table);
    table.done();
}

#[test]
fn a_node_that_falls_silent_is_written_down_with_its_pods() {
    let plan = silence();
    let paths = ["PUT /api/v1/nodes/node-a/status", "PUT /api/v1/namespaces/default/pods/web/status"];
    assert_eq!(fake::lines(&plan), paths);
    assert_eq!(plan.enqueue[0].key, part("node-a", NO_EXECUTE));
    assert_eq!(plan.steps.len(), 4, "two writes, and an event for each");
    let Body::Object(pod) = &fake::writes(&plan)[1].request.body else { panic!("the pod is written") };
    let ready = &pod.to_value()["status"]["conditions"][0];
    assert_eq!(ready["status"], "False");
    assert!(ready["lastTransitionTime"].is_string(), "it changed now: {ready}");
}

#[test]
fn a_cluster_that_is_cut_off_evicts_nothing() {
    let silent = node(&serde_json::json!({ "Ready": "Unknown" }));
    let mut zones = zones::Zones::default();
    zones.update([&silent, &silent].into_iter());
    assert!(zones.all_disrupted());
    assert_eq!(zones.taint_interval(""), None);
    let tainted = tainted(silent.clone());
    assert!(keys(&taints::no_execute(&tainted, true), "NoExecute").is_empty());
    let ready = node(&serde_json::json!({ "Ready": "True" }));
    zones.update([&silent, &ready].into_iter());
    assert_eq!(zones.taint_interval(""), Some(Duration::from_secs(10)));
    zones.update([&silent, &silent, &silent, &ready].into_iter());
    assert_eq!(zones.taint_interval(""), None, "a small zone, mostly down");
}

#[test]
fn nodes_of_a_zone_are_tainted_one_after_another() {
    let mut controller = NodeLifecycleController::default();
    let mut observed = fake::observed();
    for name in ["node-a", "node-b", "node-c"] {
        let status = if name == "node-c" { "True" } else { "Unknown" };
        let mut node = node(&serde_json::json!({ "Ready": status }));
        node.metadata.name = Some(name.to_owned());
        observed.stores.insert(node.into_object());
    }
    controller.on_tick(&observed);
    let plan = controller.reconcile(&fake::turn(&observed, part("node-a", NO_EXECUTE)));
    assert_eq!(fake::lines(&plan), ["PATCH /api/v1/nodes/node-a"]);
    let plan = controller.reconcile(&fake::turn(&observed, part("node-b", NO_EXECUTE)));
    assert_eq!(plan.requeue_after, Some(Duration::from_secs(10)));
}
