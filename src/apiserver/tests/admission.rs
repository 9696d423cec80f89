//! Limit ranges, quotas and priority classes, against new objects.

use serde_json::{Value, json};

use super::World;
use super::harness::{PODS, pod, said, value};

const LIMITS: &str = "/api/v1/namespaces/default/limitranges";
const QUOTAS: &str = "/api/v1/namespaces/default/resourcequotas";
const CLASSES: &str = "/apis/scheduling.k8s.io/v1/priorityclasses";

fn with_resources(name: &str, resources: Value) -> Value {
    let mut pod = pod(name);
    pod["spec"]["containers"][0]["resources"] = resources;
    pod
}

fn container(pod: &Value) -> String {
    pod["spec"]["containers"][0]["name"].as_str().expect("a name").to_owned()
}

#[test]
fn a_limit_range_fills_in_and_bounds() {
    let mut world = World::new();
    let item = json!({"type": "Container", "max": {"cpu": "800m"}, "min": {"cpu": "200m"}});
    assert_eq!(world.post(LIMITS, json!({"metadata": {"name": "l"}, "spec": {"limits": [item]}})).code, 201);
    let made = value(&world.post(PODS, pod("a")));
    let resources = &made["spec"]["containers"][0]["resources"];
    assert_eq!(resources, &json!({"limits": {"cpu": "800m"}, "requests": {"cpu": "800m"}}));
    let name = container(&made);
    assert_eq!(
        made["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        format!("LimitRanger plugin set: cpu request for container {name}; cpu limit for container {name}")
    );
    for (resources, expected) in [
        (json!({"limits": {"cpu": "1"}}), "maximum cpu usage per Container is 800m, but limit is 1"),
        (json!({"requests": {"cpu": "100m"}}), "minimum cpu usage per Container is 200m, but request is 100m"),
    ] {
        let answer = world.post(PODS, with_resources("p", resources));
        assert_eq!(said(&answer), format!("403 Forbidden: pods \"p\" is forbidden: {expected}"));
    }
}

#[test]
fn what_several_containers_lack_is_said_once() {
    let mut world = World::new();
    let item = json!({"type": "Container", "max": {"cpu": "1"}, "min": {"memory": "1Gi"}});
    assert_eq!(world.post(LIMITS, json!({"metadata": {"name": "l"}, "spec": {"limits": [item]}})).code, 201);
    let resources = json!({"limits": {"cpu": "2", "memory": "1Mi"}});
    let mut two = with_resources("p", resources);
    let first = two["spec"]["containers"][0].clone();
    two["spec"]["containers"].as_array_mut().expect("containers").push(first);
    two["spec"]["containers"][1]["name"] = json!("second");
    assert_eq!(
        said(&world.post(PODS, two)),
        "403 Forbidden: pods \"p\" is forbidden: [minimum memory usage per Container is 1Gi, but request is 1Mi, maximum cpu usage per Container is 1, but limit is 2]"
    );
}

#[test]
fn a_claim_is_held_to_its_bounds_when_it_changes_too() {
    let mut world = World::new();
    let claims = "/api/v1/namespaces/default/persistentvolumeclaims";
    let claim = json!({"metadata": {"name": "c"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}}});
    assert_eq!(world.post(claims, claim).code, 201);
    let item = json!({"type": "PersistentVolumeClaim", "max": {"storage": "2Gi"}});
    assert_eq!(world.post(LIMITS, json!({"metadata": {"name": "l"}, "spec": {"limits": [item]}})).code, 201);
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    assert_eq!(
        said(&world.merge(&format!("{claims}/c"), label)),
        "403 Forbidden: persistentvolumeclaims \"c\" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 5Gi"
    );
    assert_eq!(world.merge(&format!("{claims}/c/status"), json!({"status": {"phase": "Pending"}})).code, 200);
}

#[test]
fn a_ratio_is_bounded() {
    let mut world = World::new();
    let item = json!({"type": "Pod", "maxLimitRequestRatio": {"memory": "2"}});
    world.post(LIMITS, json!({"metadata": {"name": "l"}, "spec": {"limits": [item]}}));
    let resources = json!({"limits": {"memory": "300Mi"}, "requests": {"memory": "100Mi"}});
    assert_eq!(
        said(&world.post(PODS, with_resources("p", resources))),
        "403 Forbidden: pods \"p\" is forbidden: memory max limit to request ratio per Pod is 2, but provided ratio is 3.000000"
    );
}

/// A quota whose controller has counted what is used.
fn quota(world: &mut World, name: &str, spec: Value, used: Value) {
    let hard = spec["hard"].clone();
    assert_eq!(world.post(QUOTAS, json!({"metadata": {"name": name}, "spec": spec})).code, 201);
    let status = json!({"status": {"hard": hard, "used": used}});
    assert_eq!(world.merge(&format!("{QUOTAS}/{name}/status"), status).code, 200);
}

fn used(world: &mut World, name: &str) -> Value {
    value(&world.get(&format!("{QUOTAS}/{name}")))["status"]["used"].clone()
}

#[test]
fn a_quota_is_charged_until_it_is_full() {
    let mut world = World::new();
    let spec = json!({"hard": {"requests.cpu": "1", "pods": "5"}});
    quota(&mut world, "compute", spec, json!({"requests.cpu": "500m", "pods": "1"}));
    let cpu = |amount: &str| json!({"requests": {"cpu": amount}});
    assert_eq!(
        said(&world.post(PODS, with_resources("p", cpu("2")))),
        "403 Forbidden: pods \"p\" is forbidden: exceeded quota: compute, requested: requests.cpu=2, used: requests.cpu=500m, limited: requests.cpu=1"
    );
    let name = container(&pod("p"));
    assert_eq!(
        said(&world.post(PODS, pod("p"))),
        format!("403 Forbidden: pods \"p\" is forbidden: failed quota: compute: must specify requests.cpu for: {name}")
    );
    assert_eq!(world.post(&format!("{PODS}?dryRun=All"), with_resources("p", cpu("500m"))).code, 201);
    assert_eq!(used(&mut world, "compute"), json!({"requests.cpu": "500m", "pods": "1"}));
    assert_eq!(world.post(PODS, with_resources("p", cpu("500m"))).code, 201);
    assert_eq!(used(&mut world, "compute"), json!({"requests.cpu": "1", "pods": "2"}));
    assert_eq!(world.post(PODS, with_resources("q", cpu("1m"))).code, 403);
}

#[test]
fn a_quota_that_nobody_has_counted_lets_nothing_in() {
    let mut world = World::new();
    world.post(QUOTAS, json!({"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}}}));
    world.merge(&format!("{QUOTAS}/q/status"), json!({"status": {"hard": {"pods": "1"}}}));
    assert_eq!(
        said(&world.post(PODS, pod("p"))),
        "403 Forbidden: pods \"p\" is forbidden: status unknown for quota: q, resources: pods"
    );
}

#[test]
fn scopes_choose_what_a_quota_counts() {
    let mut world = World::new();
    let scoped = |scope: &str| json!({"hard": {"pods": "0"}, "scopes": [scope]});
    quota(&mut world, "bound", scoped("Terminating"), json!({"pods": "0"}));
    let selector = json!({"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["system-node-critical"]}]});
    let spec = json!({"hard": {"pods": "0"}, "scopeSelector": selector});
    quota(&mut world, "critical", spec, json!({"pods": "0"}));
    assert_eq!(world.post(PODS, pod("a")).code, 201, "no quota counts it");
    let mut ending = pod("b");
    ending["spec"]["activeDeadlineSeconds"] = json!(5);
    assert!(
        said(&world.post(PODS, ending))
            .contains("exceeded quota: bound, requested: pods=1, used: pods=0, limited: pods=0")
    );
    let mut critical = pod("c");
    critical["spec"]["priorityClassName"] = json!("system-node-critical");
    assert!(said(&world.post(PODS, critical)).contains("exceeded quota: critical"));
}

#[test]
fn services_and_counts_are_charged_for_changes_too() {
    let mut world = World::new();
    let spec = json!({"hard": {"services.nodeports": "1", "count/configmaps": "0"}});
    quota(&mut world, "q", spec, json!({"services.nodeports": "0", "count/configmaps": "0"}));
    let services = "/api/v1/namespaces/default/services";
    let service = |ports: &[i32]| {
        let ports: Vec<Value> = ports.iter().map(|port| json!({"name": format!("p{port}"), "port": port})).collect();
        json!({"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", "ports": ports}})
    };
    assert_eq!(world.post(services, service(&[80])).code, 201);
    assert_eq!(world.merge(&format!("{services}/s"), json!({"spec": {"type": "NodePort"}})).code, 200);
    assert_eq!(used(&mut world, "q")["services.nodeports"], "1");
    let two = json!({"spec": {"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]}});
    assert_eq!(
        said(&world.merge(&format!("{services}/s"), two)),
        "403 Forbidden: services \"s\" is forbidden: exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1"
    );
    assert_eq!(
        said(&world.post("/api/v1/namespaces/default/configmaps", json!({"metadata": {"name": "c"}}))),
        "403 Forbidden: configmaps \"c\" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=0, limited: count/configmaps=0"
    );
}

#[test]
fn a_class_gives_priority_and_there_is_one_default() {
    let mut world = World::new();
    let class = |name: &str, value: i32, default: bool| json!({"metadata": {"name": name}, "value": value, "globalDefault": default, "preemptionPolicy": "Never"});
    assert_eq!(world.post(CLASSES, class("high", 1000, true)).code, 201);
    assert_eq!(
        said(&world.post(CLASSES, class("higher", 2000, true))),
        "403 Forbidden: priorityclasses.scheduling.k8s.io \"higher\" is forbidden: PriorityClass high is already marked as default. Only one default can exist"
    );
    let made = value(&world.post(PODS, pod("a")));
    let spec = &made["spec"];
    assert_eq!(
        (&spec["priority"], &spec["priorityClassName"], &spec["preemptionPolicy"]),
        (&json!(1000), &json!("high"), &json!("Never"))
    );
    let mut odd = pod("b");
    odd["spec"]["priorityClassName"] = json!("low");
    assert_eq!(
        said(&world.post(PODS, odd)),
        "403 Forbidden: pods \"b\" is forbidden: no PriorityClass with name low was found"
    );
    let mut odd = pod("b");
    odd["spec"]["preemptionPolicy"] = json!("PreemptLowerPriority");
    assert_eq!(
        said(&world.post(PODS, odd)),
        "403 Forbidden: pods \"b\" is forbidden: the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name"
    );
}
