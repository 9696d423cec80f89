//! EndpointSlices: what a slice says of a pod, which labels and families it has, and how endpoints are packed.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod, Service, ServicePort};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Map, Value, json};

use kubarium::api::{Kind, Object, Typed};
use kubarium::controllers::Stores;
use kubarium::controllers::endpoint::subsets;
use kubarium::controllers::endpointslice::MANAGED_BY;
use kubarium::controllers::endpointslice::endpoint;
use kubarium::controllers::endpointslice::reconcile::View;

use super::read;

fn object(kind: Kind, value: &Value) -> Object {
    Object::from_value(kind, value, &mut |_| {}).unwrap_or_else(|error| panic!("{value}: {error}"))
}

fn typed<T: Typed>(value: &Value) -> T {
    object(T::KIND, value).expect::<T>().clone()
}

/// A pod that runs, as a case has it.
fn pod(index: usize, case: &Value) -> Value {
    let text = |key: &str, default: &str| case[key].as_str().unwrap_or(default).to_owned();
    let ip = text("podIP", &format!("1.2.{}.{}", 3 + (4 + index) / 256, (4 + index) % 256));
    let all: Vec<Value> = case["podIPs"].as_array().into_iter().flatten().map(|ip| json!({ "ip": ip })).collect();
    let ips = if all.is_empty() && !ip.is_empty() { vec![json!({ "ip": ip })] } else { all };
    let ready = if case["podReady"] == false { "False" } else { "True" };
    let mut pod = json!({
        "metadata": { "namespace": "test", "name": format!("pod{index}"), "uid": format!("uid{index}") },
        "spec": { "nodeName": "node-1", "containers": [], "hostname": case["hostname"], "subdomain": case["subdomain"] },
        "status": {
            "phase": text("phase", "Running"), "podIP": ip, "podIPs": ips,
            "conditions": [{ "type": "Ready", "status": ready }],
        },
    });
    if case["podTerminating"] == true {
        pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    pod
}

fn service(case: &Value) -> Value {
    let mut spec = Map::new();
    for field in ["publishNotReadyAddresses", "clusterIP", "ipFamilies", "selector"] {
        if !case[field].is_null() {
            spec.insert(field.to_owned(), case[field].clone());
        }
    }
    json!({
        "metadata": { "namespace": "test", "name": case["service"].as_str().unwrap_or("foo"), "uid": "service-uid" },
        "spec": spec,
    })
}

fn node(labels: &Value) -> Value {
    json!({ "metadata": { "name": "node-1", "labels": labels } })
}

fn conditions(case: &Value, expect: &Value, name: &str) {
    let own: Pod = typed(&pod(1, case));
    let on: Node = typed(&node(&case["nodeLabels"]));
    let of: Service = typed(&service(case));
    let address_type = case["addressType"].as_str().unwrap_or("IPv4");
    let got = serde_json::to_value(endpoint::from_pod(&own, Some(&on), &of, address_type)).expect("it is JSON");
    for (field, wanted) in expect.as_object().expect("fields") {
        assert_eq!(got[field], *wanted, "{name}: {field}");
    }
}

/// Whether a pod is in a slice, and where it is in the Endpoints.
fn membership(case: &Value, expect: &Value, name: &str) {
    if !expect["conditions"].is_null() {
        return conditions(case, expect, name);
    }
    let object = Arc::new(object(Kind::Pod, &pod(1, case)));
    if let Some(wanted) = expect["inSlice"].as_bool() {
        assert_eq!(endpoint::belongs(object.expect(), true), wanted, "{name}");
        return;
    }
    let mut own = service(case);
    own["spec"] = json!({ "ports": [{ "port": 80, "targetPort": 80, "protocol": "TCP" }] });
    let of: Service = typed(&own);
    let subsets = subsets::of(&of, &[object]);
    let place = match subsets.as_slice() {
        [] => "absent",
        [subset] if subset.addresses.is_some() => "addresses",
        _ => "notReadyAddresses",
    };
    assert_eq!(place, expect["endpoints"].as_str().expect("a place"), "{name}");
}

fn with_containers(case: &Value) -> Pod {
    let mut own = pod(1, &json!({}));
    let named = |list: &Value| -> Vec<Value> {
        let all = list.as_array().into_iter().flatten().enumerate();
        all.map(|(index, container)| {
            let mut container = container.clone();
            container["name"] = json!(format!("c{index}"));
            container
        })
        .collect()
    };
    own["spec"]["containers"] = json!(named(&case["containers"]));
    own["spec"]["initContainers"] = json!(named(&case["initContainers"]));
    typed(&own)
}

fn ports(case: &Value, expect: &Value, name: &str) {
    let mut own = service(&json!({}));
    let mut list = case["servicePorts"].clone();
    for port in list.as_array_mut().expect("ports") {
        // Some rows leave out what every service has.
        if port["port"].is_null() {
            port["port"] = json!(1);
        }
    }
    own["spec"]["ports"] = list;
    let got = endpoint::ports(&typed(&own), &with_containers(case));
    assert_eq!(serde_json::to_value(got).expect("it is JSON"), expect["ports"], "{name}");
}

fn find_port(case: &Value, expect: &Value, name: &str) {
    let port: ServicePort =
        serde_json::from_value(json!({ "port": 1, "protocol": case["protocol"], "targetPort": case["targetPort"] }))
            .expect("a port");
    let got = endpoint::find_port(&with_containers(case), &port);
    assert_eq!(got.map(Value::from).unwrap_or_default(), expect["port"], "{name}");
}

fn labels(case: &Value, expect: &Value, name: &str) {
    let mut own = service(case);
    own["metadata"]["labels"] = case["serviceLabels"].clone();
    own["spec"]["clusterIP"] = json!(if case["headless"] == true { "None" } else { "10.0.0.10" });
    let on = serde_json::from_value(case["sliceLabels"].clone()).expect("labels");
    let (got, changed) = endpoint::labels(Some(&on), &typed(&own), MANAGED_BY);
    assert_eq!(json!(got), expect["sliceLabels"], "{name}");
    assert_eq!(changed, expect["changed"] == true, "{name}: changed");
}

/// Slices of these sizes, as the controller would have made them of the first pods.
fn existing(case: &Value, pods: &[Arc<Object>], of: &Object) -> Vec<Arc<Object>> {
    let typed_service = of.expect::<Service>();
    let (labels, _) = endpoint::labels(None, typed_service, MANAGED_BY);
    let sizes = case["existingSlices"].as_array().into_iter().flatten().filter_map(Value::as_u64);
    let (mut pods, node) = (pods.iter(), typed::<Node>(&node(&Value::Null)));
    let mut slices = Vec::new();
    for (index, size) in sizes.enumerate() {
        let mut endpoints: Vec<_> = pods
            .by_ref()
            .take(usize::try_from(size).expect("a size"))
            .map(|pod| endpoint::from_pod(pod.expect(), Some(&node), typed_service, "IPv4"))
            .collect();
        if case["allSlicesNeedUpdate"] == true {
            endpoints[0].node_name = Some("another".to_owned());
        }
        let mut ports = endpoint::ports(typed_service, &Pod::default());
        if case["portChanged"] == true {
            ports[0].port = Some(8080);
        }
        let mut slice = endpoint::empty_slice(of, labels.clone(), "IPv4", &ports, endpoints);
        slice.metadata.name = Some(format!("foo-{index:02}"));
        slices.push(Arc::new(slice.into_object()));
    }
    slices
}

fn packing(case: &Value, expect: &Value, name: &str) {
    let count = usize::try_from(case["endpoints"].as_u64().expect("a number of pods")).expect("not many");
    let pods: Vec<Arc<Object>> = (0..count).map(|index| Arc::new(object(Kind::Pod, &pod(index, &json!({}))))).collect();
    let mut own = service(&json!({ "ipFamilies": ["IPv4"], "clusterIP": "10.0.0.10" }));
    own["spec"]["ports"] = json!([{ "name": "http", "port": 80, "targetPort": 80, "protocol": "TCP" }]);
    let own = object(Kind::Service, &own);
    let slices = existing(case, &pods, &own);
    let mut stores = Stores::default();
    stores.insert(object(Kind::Node, &node(&Value::Null)));
    let view = View {
        service: &own,
        pods: &pods,
        slices: &slices,
        nodes: stores.of(Kind::Node),
        endpoints_max: case["maxEndpointsPerSlice"].as_u64().map_or(100, |max| usize::try_from(max).expect("a number")),
        managed_by: MANAGED_BY,
    };
    let decisions = view.decide();
    let mut left: Vec<EndpointSlice> = slices.iter().map(|slice| slice.expect::<EndpointSlice>().clone()).collect();
    let (mut created, mut updated, mut deleted) = (0, 0, 0);
    for decision in decisions {
        assert!(decision.errors.is_empty(), "{name}: {:?}", decision.errors);
        (created, updated) = (created + decision.create.len(), updated + decision.update.len());
        deleted += decision.delete.len();
        left.retain(|slice| decision.delete.iter().all(|gone| slice.metadata.name.as_deref() != Some(gone.name())));
        for slice in decision.update {
            let at = left.iter().position(|old| old.metadata.name == slice.metadata.name);
            left[at.expect("a slice that is there is updated")] = slice;
        }
        left.extend(decision.create);
    }
    let size = |slice: &EndpointSlice| slice.endpoints.as_ref().map_or(0, Vec::len);
    let mut sizes: Vec<usize> = left.iter().map(size).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let got = json!({ "sliceSizes": sizes, "creates": created, "updates": updated, "deletes": deleted });
    assert_eq!(got, *expect, "{name}");
    let identities = left.iter().flat_map(|slice| slice.endpoints.iter().flatten()).map(endpoint::identity);
    let mut identities: Vec<String> = identities.collect();
    identities.sort();
    identities.dedup();
    assert_eq!(identities.len(), count, "{name}: every pod once");
}

#[test]
fn endpointslice() {
    let table = read("endpointslice");
    table.run(&["a"], |_, name, case, expect| conditions(case, expect, name));
    table.run(&["b"], |_, name, case, expect| membership(case, expect, name));
    table.run(&["c"], |_, name, case, expect| ports(case, expect, name));
    table.run(&["d"], |_, name, case, expect| find_port(case, expect, name));
    table.run(&["e"], |_, name, case, expect| labels(case, expect, name));
    table.run(&["f"], |_, name, case, expect| {
        let got = endpoint::address_types(&typed(&service(case)));
        assert_eq!(json!(got), expect["addressTypes"], "{name}");
    });
    table.run(&["g"], |_, name, case, expect| packing(case, expect, name));
    table.done();
}
