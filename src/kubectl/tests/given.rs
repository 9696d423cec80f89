//! The objects that the corpus names by kind and name only. What is in them follows from the texts.

use serde_json::{Value, json};

/// The object that the corpus calls `Deployment/web` and so on, in a case of `group`.
pub fn object(name: &str, group: &str, note: &str) -> Value {
    let (kind, name) = name.split_once('/').expect("Kind/name");
    let mut object = match kind {
        "Pod" => pod(name),
        "Node" => json!({"apiVersion": "v1", "spec": {}}),
        "Namespace" => json!({"apiVersion": "v1", "status": {"phase": "Active"}}),
        "Service" | "ServiceAccount" => json!({"apiVersion": "v1"}),
        "CronJob" => json!({"apiVersion": "batch/v1"}),
        _ => workload(name, group),
    };
    object["kind"] = json!(kind);
    object["metadata"]["name"] = json!(name);
    object["metadata"]["creationTimestamp"] = json!("2024-01-01T00:00:00Z");
    if kind == "Deployment" {
        object["metadata"]["annotations"] = json!({"deployment.kubernetes.io/revision": "2"});
    }
    object["metadata"]["uid"] = json!(format!("uid-{kind}-{name}"));
    if !matches!(kind, "Node" | "Namespace") {
        object["metadata"]["namespace"] = json!("default");
    }
    if kind == "Node" && name == "n2" {
        object["spec"]["unschedulable"] = json!(true);
    }
    if kind == "Node" && name == "n1" && group == "taint" {
        object["spec"]["taints"] = json!([{"key": "a", "value": "b", "effect": "NoSchedule"}]);
    }
    if let Ok(note) = serde_json::from_str::<Value>(note) {
        object["metadata"]["generation"] = note["generation"].clone();
        object["spec"]["replicas"] = note["spec.replicas"].clone();
        object["status"] = note["status"].clone();
    }
    object
}

fn pod(name: &str) -> Value {
    let mut pod = json!({
        "apiVersion": "v1",
        "metadata": {"labels": {"app": "web"}, "annotations": {"kept": "old"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "nginx:1.27"}]},
        "status": {"phase": "Running"},
    });
    let owner = match name {
        "web-1-x" | "web-1-y" => Some("ReplicaSet"),
        "agent-x" => Some("DaemonSet"),
        _ => None,
    };
    if let Some(kind) = owner {
        pod["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": kind, "name": "web-1", "uid": "u", "controller": true}]);
    }
    if name == "kube-x" {
        pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    }
    pod
}

fn workload(name: &str, group: &str) -> Value {
    let image = match name {
        "web-aaa" => "nginx:1.26",
        "web-bbb" => "nginx:1.27",
        _ if group == "rollout" => "nginx:1.28",
        _ => "nginx:1.27",
    };
    let mut object = json!({
        "apiVersion": "apps/v1",
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "nginx", "image": image}]},
            },
        },
    });
    if let Some(hash) = name.strip_prefix("web-").filter(|hash| hash.len() == 3) {
        object["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = json!(hash);
        object["metadata"]["labels"]["pod-template-hash"] = json!(hash);
        object["metadata"]["annotations"]["deployment.kubernetes.io/revision"] =
            json!(if hash == "aaa" { "1" } else { "2" });
        if hash == "bbb" {
            object["metadata"]["annotations"]["kubernetes.io/change-cause"] =
                json!("kubectl set image deploy/web nginx=nginx:1.27");
        }
        object["metadata"]["ownerReferences"] = json!([
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-Deployment-web", "controller": true},
        ]);
    }
    object
}
