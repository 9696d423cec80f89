//! DaemonSets: which nodes get a pod, what daemon pods tolerate, how far an update goes at once.

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, NodeSpec, PodSpec, Taint, Toleration};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use kubarium::api::{Kind, Object};
use kubarium::controllers::daemonset::{nodes, update};

use super::read;

fn daemon_set(template: &Value) -> DaemonSet {
    let spec = json!({ "selector": { "matchLabels": { "a": "b" } }, "template": { "spec": template } });
    match Object::from_value(Kind::DaemonSet, &json!({ "spec": spec }), &mut |_| {}) {
        Ok(Object::DaemonSet(set)) => *set,
        other => panic!("{template}: {other:?}"),
    }
}

fn check_fit(set: &DaemonSet, node: &Node, expect: &Value, name: &str) {
    let fit = nodes::fit(set, node);
    assert_eq!(fit.should_run, expect["shouldRun"] == true, "{name}: should run");
    assert_eq!(fit.should_continue, expect["shouldContinueRunning"] == true, "{name}: should continue");
}

fn node(name: &str, labels: &Value, taints: &Value, unschedulable: &Value) -> Node {
    let mut node = Node::default();
    node.metadata.name = Some(name.to_owned());
    node.metadata.labels = serde_json::from_value(labels.clone()).expect("labels");
    let taints: Option<Vec<Taint>> = serde_json::from_value(taints.clone()).expect("taints");
    node.spec = Some(NodeSpec { taints, unschedulable: unschedulable.as_bool(), ..NodeSpec::default() });
    node
}

fn amount(value: &Value) -> Option<IntOrString> {
    serde_json::from_value(value.clone()).expect("a number or a percentage")
}

#[test]
fn daemonset() {
    let table = read("daemonset");
    table.run(&["a"], |_, name, case, expect| {
        let own = &case["node"];
        let subject =
            node(own["name"].as_str().expect("a name"), &own["labels"], &own["taints"], &own["unschedulable"]);
        let mut template = case["podTemplateSpec"].clone();
        if template.get("containers").is_none() {
            template["containers"] = json!([]);
        }
        check_fit(&daemon_set(&template), &subject, expect, name);
    });
    table.run(&["b"], |_, name, case, expect| {
        let mut template = json!({ "containers": [], "tolerations": case["podTolerations"] });
        if case["hostNetwork"] == true {
            template["hostNetwork"] = json!(true);
        }
        let subject = node("test-node", &json!({}), &case["taints"], &Value::Null);
        check_fit(&daemon_set(&template), &subject, expect, name);
    });
    table.run(&["c"], |_, name, case, expect| {
        let mut spec = PodSpec { host_network: case["hostNetwork"].as_bool(), ..PodSpec::default() };
        let own: Option<Vec<Toleration>> = serde_json::from_value(case["tolerations"].clone()).expect("tolerations");
        spec.tolerations = own;
        nodes::add_tolerations(&mut spec);
        let got = serde_json::to_value(spec.tolerations).expect("tolerations are JSON");
        assert_eq!(got, expect["tolerations"], "{name}");
    });
    table.run(&["d"], |_, name, case, expect| {
        let nodes = i32::try_from(case["nodes"].as_i64().expect("a number of nodes")).expect("not many");
        let (surge, unavailable) = (amount(&case["maxSurge"]), amount(&case["maxUnavailable"]));
        let got = update::limits(surge.as_ref(), unavailable.as_ref(), nodes).expect("limits");
        assert_eq!(json!({ "maxSurge": got.0, "maxUnavailable": got.1 }), *expect, "{name}");
    });
    table.done();
}
