use serde_json::json;

use super::World;
use super::harness::{DEPLOYMENTS, PODS, deployment, names, pod, said, value};

#[test]
fn a_binding_gives_a_pod_its_node_once() {
    let mut world = World::new();
    world.post(PODS, pod("web"));
    let bind = |world: &mut World, node: &str| {
        let target = json!({"kind": "Node", "name": node});
        world.post(&format!("{PODS}/web/binding"), json!({"metadata": {"name": "web"}, "target": target}))
    };
    let bound = bind(&mut world, "node-a");
    assert_eq!((bound.code, &value(&bound)["status"]), (201, &json!("Success")));
    let seen = value(&world.get(&format!("{PODS}/web")));
    assert_eq!(seen["spec"]["nodeName"], "node-a");
    assert_eq!(seen["status"]["conditions"][0]["type"], "PodScheduled");
    assert_eq!(seen["status"]["conditions"][0]["status"], "True");
    assert_eq!(
        said(&bind(&mut world, "node-b")),
        "409 Conflict: Operation cannot be fulfilled on pods/binding \"web\": pod web is already assigned to node \"node-a\""
    );
    let mut nobody = json!({"metadata": {"name": "nobody"}, "target": {"name": "node-a"}});
    nobody["target"]["kind"] = json!("Node");
    assert_eq!(said(&world.post(&format!("{PODS}/nobody/binding"), nobody)), "404 NotFound: pods \"nobody\" not found");
}

#[test]
fn the_pods_of_a_node_are_listed_by_its_name() {
    let mut world = World::new();
    for name in ["web", "idle", "other"] {
        world.post(PODS, pod(name));
    }
    let on = |world: &mut World, selector: &str| names(&world.get(&format!("{PODS}?fieldSelector={selector}")));
    assert_eq!(on(&mut world, "spec.nodeName="), ["idle", "other", "web"]);
    for (name, node) in [("web", "node-a"), ("other", "node-b")] {
        let target = json!({"kind": "Node", "name": node});
        world.post(&format!("{PODS}/{name}/binding"), json!({"metadata": {"name": name}, "target": target}));
    }
    assert_eq!(on(&mut world, "spec.nodeName=node-a"), ["web"]);
    assert_eq!(on(&mut world, "spec.nodeName="), ["idle"]);
    assert_eq!(on(&mut world, "spec.nodeName=node-b,metadata.name!=other"), Vec::<String>::new());
    let elsewhere = world.get("/api/v1/namespaces/kube-system/pods?fieldSelector=spec.nodeName=node-a");
    assert_eq!(names(&elsewhere), Vec::<String>::new());
    world.delete(&format!("{PODS}/web"), json!({"gracePeriodSeconds": 0}));
    assert_eq!(on(&mut world, "spec.nodeName=node-a"), Vec::<String>::new());
}

#[test]
fn a_deployment_is_scaled() {
    let mut world = World::new();
    world.post(DEPLOYMENTS, deployment("web"));
    let path = format!("{DEPLOYMENTS}/web/scale");
    let mut scale = value(&world.get(&path));
    assert_eq!(scale["kind"], "Scale");
    assert_eq!(scale["spec"]["replicas"], 3);
    assert_eq!(scale["status"]["selector"], "app=web");
    scale["spec"]["replicas"] = json!(7);
    assert_eq!(value(&world.put(&path, scale.clone()))["spec"]["replicas"], 7);
    assert_eq!(world.put(&path, scale).code, 409, "the version is an old one");
    assert_eq!(value(&world.merge(&path, json!({"spec": {"replicas": 2}})))["spec"]["replicas"], 2);
    assert_eq!(value(&world.get(&format!("{DEPLOYMENTS}/web")))["spec"]["replicas"], 2);
    assert_eq!(
        said(&world.merge(&path, json!({"spec": {"replicas": -1}}))),
        "422 Invalid: Scale.autoscaling \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"
    );
}

#[test]
fn a_token_is_answered_and_not_stored() {
    let mut world = World::new();
    let before = world.server().cache().revision();
    let path = "/api/v1/namespaces/default/serviceaccounts/default/token";
    let token = world.post(path, json!({"spec": {"expirationSeconds": 600, "audiences": ["api"]}}));
    assert_eq!(token.code, 201);
    let token = value(&token);
    assert_eq!(token["kind"], "TokenRequest");
    assert!(token["status"]["token"].as_str().is_some_and(|token| token.split('.').count() == 3));
    assert_eq!(world.server().cache().revision(), before);
}

#[test]
fn an_eviction_deletes() {
    let mut world = World::new();
    world.post(PODS, pod("web"));
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "web"}});
    assert_eq!(world.post(&format!("{PODS}/web/eviction"), eviction).code, 201);
    assert_eq!(world.get(&format!("{PODS}/web")).code, 404);
}

#[test]
fn logs_are_asked_for_by_container() {
    let mut world = World::new();
    let mut two = pod("web");
    two["spec"]["containers"] = json!([{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]);
    world.post(PODS, two);
    for (query, expected) in [
        ("", "400 BadRequest: a container name must be specified for pod web, choose one of: [a b]"),
        ("?container=c", "400 BadRequest: container c is not valid for pod web"),
        ("?container=a", "200"),
    ] {
        assert_eq!(said(&world.get(&format!("{PODS}/web/log{query}"))), expected, "{query}");
    }
    assert_eq!(said(&world.get(&format!("{PODS}/no/log"))), "404 NotFound: pods \"no\" not found");
}

#[test]
fn services_get_addresses_and_ports() {
    let mut world = World::new();
    let services = "/api/v1/namespaces/default/services";
    let service = |name: &str| json!({"metadata": {"name": name}, "spec": {"type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]}});
    let first = value(&world.post(services, service("a")));
    let ip = first["spec"]["clusterIP"].as_str().expect("an address").to_owned();
    assert!(ip.starts_with("10."), "{ip}");
    assert_eq!(first["spec"]["clusterIPs"], json!([ip]));
    let mut same = service("b");
    same["spec"]["clusterIP"] = json!(ip);
    assert_eq!(
        said(&world.post(services, same)),
        format!(
            "422 Invalid: Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"{ip}\"]: failed to allocate IP {ip}: provided IP is already allocated"
        )
    );
    let exposed = value(&world.merge(&format!("{services}/a"), json!({"spec": {"type": "NodePort"}})));
    let port = exposed["spec"]["ports"][0]["nodePort"].as_i64().expect("a port");
    assert!((30_000..32_768).contains(&port), "{port}");
    assert_eq!(exposed["spec"]["clusterIP"], json!(ip));
    let hidden = value(&world.merge(&format!("{services}/a"), json!({"spec": {"type": "ClusterIP"}})));
    assert!(hidden["spec"]["ports"][0].get("nodePort").is_none(), "{hidden}");
    let kubernetes = value(&world.get(&format!("{services}/kubernetes")));
    assert_eq!(kubernetes["spec"]["clusterIP"], "10.96.0.1");
}
