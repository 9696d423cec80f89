use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusDetails;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::{Value, json};

use super::{
    PatchError, create_merge_patch, json_patch, merge_patch, strategic_merge, three_way_merge, three_way_strategic,
    two_way_strategic,
};
use crate::api::decode::parse;
use crate::api::object::Kind;

fn yaml(text: &str) -> Value {
    match parse(text.as_bytes(), "application/yaml") {
        Ok(Value::Null) => json!({}),
        Ok(value) => value,
        Err(error) => panic!("{error}:\n{text}"),
    }
}

#[track_caller]
fn check_apply(what: &str, kind: Kind, current: &str, patch: &str, expected: &str) {
    let merged =
        strategic_merge(kind, &yaml(current), &yaml(patch)).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    assert_eq!(merged, yaml(expected), "{what}");
}

#[test]
fn strategic_merge_patches_apply() {
    // The cases of strategicpatch's customStrategicMergePatchTestCaseData and of the Kubernetes documentation, on
    // our kinds.
    let pod = Kind::Pod;
    check_apply(
        "add a field",
        pod,
        "{spec: {nodeName: a}}",
        "{spec: {hostname: b}}",
        "{spec: {nodeName: a, hostname: b}}",
    );
    check_apply(
        "null deletes",
        pod,
        "{metadata: {labels: {a: b, c: d}}}",
        "{metadata: {labels: {a: null}}}",
        "{metadata: {labels: {c: d}}}",
    );
    check_apply(
        "null for nothing is dropped",
        pod,
        "{metadata: {name: p}}",
        "{metadata: {labels: {a: null, b: c}}}",
        "{metadata: {name: p, labels: {b: c}}}",
    );
    check_apply(
        "a map may be replaced",
        pod,
        "{metadata: {labels: {a: b}}}",
        "{metadata: {labels: {$patch: replace, c: d}}}",
        "{metadata: {labels: {c: d}}}",
    );
    check_apply(
        "a map may be deleted",
        pod,
        "{metadata: {labels: {a: b}}}",
        "{metadata: {labels: {$patch: delete}}}",
        "{metadata: {labels: {}}}",
    );
    check_apply(
        "elements merge by name",
        pod,
        "{spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}",
        "{spec: {containers: [{name: b, image: z}]}}",
        "{spec: {containers: [{name: a, image: x}, {name: b, image: z}]}}",
    );
    check_apply(
        "new elements come first",
        pod,
        "{spec: {containers: [{name: a}]}}",
        "{spec: {containers: [{name: c}]}}",
        "{spec: {containers: [{name: c}, {name: a}]}}",
    );
    check_apply(
        "an element may be deleted",
        pod,
        "{spec: {containers: [{name: a}, {name: b}]}}",
        "{spec: {containers: [{name: a, $patch: delete}]}}",
        "{spec: {containers: [{name: b}]}}",
    );
    check_apply(
        "a list may be replaced",
        pod,
        "{spec: {containers: [{name: a}, {name: b}]}}",
        "{spec: {containers: [{name: c}, {$patch: replace}]}}",
        "{spec: {containers: [{name: c}]}}",
    );
    check_apply(
        "lists inside elements merge",
        pod,
        "{spec: {containers: [{name: a, env: [{name: X, value: '1'}], ports: [{containerPort: 80}], args: [x]}]}}",
        "{spec: {containers: [{name: a, env: [{name: Y, value: '2'}], ports: [{containerPort: 80, name: http}], args: [y]}]}}",
        "{spec: {containers: [{name: a, env: [{name: Y, value: '2'}, {name: X, value: '1'}], ports: [{containerPort: 80, name: http}], args: [y]}]}}",
    );
    check_apply(
        "untagged lists are replaced",
        pod,
        "{spec: {tolerations: [{key: a}]}}",
        "{spec: {tolerations: [{key: b}]}}",
        "{spec: {tolerations: [{key: b}]}}",
    );
    check_apply(
        "scalars merge as a set",
        pod,
        "{metadata: {finalizers: [a, b]}}",
        "{metadata: {finalizers: [b, c]}}",
        "{metadata: {finalizers: [a, b, c]}}",
    );
    check_apply(
        "scalars may be deleted",
        pod,
        "{metadata: {finalizers: [a, b, c]}}",
        "{metadata: {$deleteFromPrimitiveList/finalizers: [b]}}",
        "{metadata: {finalizers: [a, c]}}",
    );
    check_apply(
        "an order may be set",
        pod,
        "{spec: {containers: [{name: a}, {name: b}, {name: s}]}}",
        "{spec: {$setElementOrder/containers: [{name: b}, {name: a}], containers: [{name: a, image: x}]}}",
        "{spec: {containers: [{name: b}, {name: a, image: x}, {name: s}]}}",
    );
    check_apply(
        "an order alone reorders",
        pod,
        "{metadata: {finalizers: [a, b]}}",
        "{metadata: {$setElementOrder/finalizers: [b, a]}}",
        "{metadata: {finalizers: [b, a]}}",
    );
    check_apply(
        "conditions merge by type",
        Kind::Node,
        "{status: {conditions: [{type: Ready, status: 'True'}, {type: DiskPressure, status: 'False'}]}}",
        "{status: {conditions: [{type: Ready, status: Unknown}]}}",
        "{status: {conditions: [{type: Ready, status: Unknown}, {type: DiskPressure, status: 'False'}]}}",
    );
    check_apply(
        "taints are replaced",
        Kind::Node,
        "{spec: {taints: [{key: a}]}}",
        "{spec: {taints: [{key: b}]}}",
        "{spec: {taints: [{key: b}]}}",
    );
    check_apply(
        "service ports merge by port",
        Kind::Service,
        "{spec: {ports: [{port: 80, targetPort: 1}]}}",
        "{spec: {ports: [{port: 80, targetPort: 2}]}}",
        "{spec: {ports: [{port: 80, targetPort: 2}]}}",
    );
    check_apply(
        "retainKeys clears the rest",
        Kind::Deployment,
        "{spec: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1}}}}",
        "{spec: {strategy: {$retainKeys: [type], type: Recreate}}}",
        "{spec: {strategy: {type: Recreate}}}",
    );
    check_apply(
        "a volume changes its source",
        pod,
        "{spec: {volumes: [{name: v, hostPath: {path: /x}}]}}",
        "{spec: {volumes: [{name: v, $retainKeys: [name, emptyDir], emptyDir: {}}]}}",
        "{spec: {volumes: [{name: v, emptyDir: {}}]}}",
    );
}

#[test]
fn bad_strategic_patches_are_refused() {
    let current = yaml("{metadata: {name: p}, spec: {containers: [{name: a}], strategy: {}}}");
    let refused = |kind: Kind, patch: &str| {
        let status = strategic_merge(kind, &current, &yaml(patch)).expect_err(patch);
        (status.reason.code(), status.message)
    };
    assert_eq!(
        refused(Kind::Pod, "{spec: {containers: [{image: x}]}}"),
        (500, "map: map[image:x] does not contain declared merge key: name".to_owned())
    );
    assert_eq!(
        refused(Kind::Pod, "{spec: {$patch: melt}}"),
        (500, "unknown patch type melt in map: map[$patch:melt]".to_owned())
    );
    assert_eq!(
        refused(Kind::Deployment, "{spec: {strategy: {$retainKeys: [a], b: 1}}}"),
        (400, "invalid patch format of retainKeys".to_owned())
    );
    assert_eq!(
        refused(Kind::Pod, "{spec: {$setElementOrder/containers: [{name: b}], containers: [{name: c}]}}").0,
        400
    );
}

#[track_caller]
fn check_two_way(what: &str, kind: Kind, original: &str, modified: &str, expected: &str) {
    let patch = two_way_strategic(kind, &yaml(original), &yaml(modified)).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(patch, yaml(expected), "{what}");
}

#[test]
fn two_way_patches_are_upstreams() {
    let pod = Kind::Pod;
    check_two_way("nothing", pod, "{spec: {containers: [{name: a}]}}", "{spec: {containers: [{name: a}]}}", "{}");
    check_two_way(
        "a label goes, one comes",
        pod,
        "{metadata: {labels: {a: b}}}",
        "{metadata: {labels: {c: d}}}",
        "{metadata: {labels: {a: null, c: d}}}",
    );
    check_two_way(
        "an image changes",
        pod,
        "{spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}",
        "{spec: {containers: [{name: a, image: x}, {name: b, image: z}]}}",
        "{spec: {$setElementOrder/containers: [{name: a}, {name: b}], containers: [{name: b, image: z}]}}",
    );
    check_two_way(
        "elements come and go",
        pod,
        "{spec: {containers: [{name: a}, {name: b}]}}",
        "{spec: {containers: [{name: c}, {name: b}]}}",
        "{spec: {$setElementOrder/containers: [{name: c}, {name: b}], containers: [{name: c}, {name: a, $patch: delete}]}}",
    );
    check_two_way(
        "only the order",
        pod,
        "{spec: {containers: [{name: a}, {name: b}]}}",
        "{spec: {containers: [{name: b}, {name: a}]}}",
        "{spec: {$setElementOrder/containers: [{name: b}, {name: a}]}}",
    );
    check_two_way(
        "a finalizer goes",
        pod,
        "{metadata: {finalizers: [a, b]}}",
        "{metadata: {finalizers: [b]}}",
        "{metadata: {$deleteFromPrimitiveList/finalizers: [a], $setElementOrder/finalizers: [b]}}",
    );
    check_two_way(
        "a status condition",
        pod,
        "{status: {conditions: [{type: Ready, status: 'False'}]}}",
        "{status: {conditions: [{type: Ready, status: 'True'}]}}",
        "{status: {$setElementOrder/conditions: [{type: Ready}], conditions: [{type: Ready, status: 'True'}]}}",
    );
    check_two_way(
        "a strategy lists what stays",
        Kind::Deployment,
        "{spec: {strategy: {type: RollingUpdate, rollingUpdate: {}}}}",
        "{spec: {strategy: {type: Recreate}}}",
        "{spec: {strategy: {$retainKeys: [type], type: Recreate, rollingUpdate: null}}}",
    );
    assert_eq!(
        two_way_strategic(
            pod,
            &yaml("{spec: {containers: [{image: a}]}}"),
            &yaml("{spec: {containers: [{image: b}]}}")
        ),
        Err(PatchError::Other("map: map[image:a] does not contain declared merge key: name".to_owned()))
    );
}

#[track_caller]
fn check_three_way(what: &str, [original, modified, current]: [&str; 3], patch: &str, result: &str) {
    let kind = Kind::Deployment;
    let (original, modified, current) = (yaml(original), yaml(modified), yaml(current));
    let made = three_way_strategic(kind, &original, &modified, &current).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(made, yaml(patch), "{what}: the patch");
    let merged = strategic_merge(kind, &current, &made).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    assert_eq!(merged, yaml(result), "{what}: the result");
}

#[test]
fn three_way_patches_are_what_apply_sends() {
    check_three_way(
        "what the server filled in stays",
        [
            "{spec: {template: {spec: {containers: [{name: a, image: x}]}}}}",
            "{spec: {template: {spec: {containers: [{name: a, image: y}]}}}}",
            "{spec: {replicas: 1, template: {spec: {containers: [{name: a, image: x, imagePullPolicy: Always}], dnsPolicy: ClusterFirst}}}}",
        ],
        "{spec: {template: {spec: {$setElementOrder/containers: [{name: a}], containers: [{name: a, image: y}]}}}}",
        "{spec: {replicas: 1, template: {spec: {containers: [{name: a, image: y, imagePullPolicy: Always}], dnsPolicy: ClusterFirst}}}}",
    );
    check_three_way(
        "what the file no longer has goes",
        [
            "{metadata: {labels: {a: b, c: d}}, spec: {replicas: 3}}",
            "{metadata: {labels: {a: b}}}",
            "{metadata: {labels: {a: b, c: d, s: t}}, spec: {replicas: 5}}",
        ],
        "{metadata: {labels: {c: null}}, spec: null}",
        "{metadata: {labels: {a: b, s: t}}}",
    );
    check_three_way(
        "a container the file no longer has goes",
        [
            "{spec: {template: {spec: {containers: [{name: a}, {name: b}]}}}}",
            "{spec: {template: {spec: {containers: [{name: b}]}}}}",
            "{spec: {template: {spec: {containers: [{name: a}, {name: b}, {name: injected}]}}}}",
        ],
        "{spec: {template: {spec: {$setElementOrder/containers: [{name: b}], containers: [{name: a, $patch: delete}]}}}}",
        "{spec: {template: {spec: {containers: [{name: b}, {name: injected}]}}}}",
    );
    check_three_way(
        "nothing changed",
        [
            "{spec: {template: {spec: {containers: [{name: a, image: x}]}}}}",
            "{spec: {template: {spec: {containers: [{name: a, image: x}]}}}}",
            "{spec: {replicas: 1, template: {spec: {containers: [{name: a, image: x, imagePullPolicy: Always}]}}}}",
        ],
        "{}",
        "{spec: {replicas: 1, template: {spec: {containers: [{name: a, image: x, imagePullPolicy: Always}]}}}}",
    );
    check_three_way(
        "a changed strategy drops what the server filled in",
        [
            "{spec: {replicas: 1}}",
            "{spec: {replicas: 1, strategy: {type: Recreate}}}",
            "{spec: {replicas: 1, strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 25%}}}}",
        ],
        "{spec: {strategy: {$retainKeys: [type], type: Recreate}}}",
        "{spec: {replicas: 1, strategy: {type: Recreate}}}",
    );
}

/// A random pod with what merges in different ways.
fn random_pod(rng: &mut impl Rng) -> Value {
    let mut pod = json!({"metadata": {"name": "p"}, "spec": {}});
    let mut pick = |names: &[&str]| -> Vec<String> {
        let mut picked: Vec<String> =
            names.iter().filter(|_| rng.random_bool(0.6)).map(|name| (*name).to_owned()).collect();
        for index in (1..picked.len()).rev() {
            picked.swap(index, rng.random_range(0..=index));
        }
        picked
    };
    pod["metadata"]["finalizers"] = json!(pick(&["a", "b", "c", "d"]));
    pod["metadata"]["labels"] = pick(&["x", "y", "z"]).into_iter().map(|key| (key.clone(), json!(key))).collect();
    let names = pick(&["a", "b", "c", "d", "e"]);
    let mut containers = Vec::new();
    for name in names {
        let env: Vec<Value> = pick(&["E", "F", "G"])
            .into_iter()
            .map(|name| json!({"name": name, "value": pick(&["1", "2"]).concat()}))
            .collect();
        containers.push(
            json!({"name": name, "image": pick(&["x", "y", "z"]).concat(), "env": env, "args": pick(&["1", "2", "3"])}),
        );
    }
    pod["spec"]["containers"] = Value::Array(containers);
    pod["spec"]["tolerations"] = pick(&["k", "l"]).into_iter().map(|key| json!({"key": key})).collect();
    let volumes: Vec<Value> = pick(&["v", "w"])
        .into_iter()
        .map(|name| json!({"name": name, pick(&["s", "t"]).concat() + "Source": {}}))
        .collect();
    pod["spec"]["volumes"] = Value::Array(volumes);
    pod
}

#[test]
fn a_computed_patch_leads_where_it_should() {
    for seed in 0..500 {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        let (original, modified) = (random_pod(&mut rng), random_pod(&mut rng));
        let patch = two_way_strategic(Kind::Pod, &original, &modified).expect("a patch");
        let merged = strategic_merge(Kind::Pod, &original, &patch).expect("it applies");
        assert_eq!(merged, modified, "seed {seed}: {original} + {patch}");
        // What apply does to an object that someone else wrote into, and that it then has nothing more to do.
        let mut current = original.clone();
        current["spec"]["schedulerName"] = json!("default-scheduler");
        current["metadata"]["labels"]["server"] = json!("own");
        let patch = three_way_strategic(Kind::Pod, &original, &modified, &current).expect("a patch");
        let merged = strategic_merge(Kind::Pod, &current, &patch).expect("it applies");
        assert_eq!(merged["spec"]["containers"], modified["spec"]["containers"], "seed {seed}");
        assert_eq!(merged["spec"]["schedulerName"], "default-scheduler", "seed {seed}");
        assert_eq!(merged["metadata"]["labels"]["server"], "own", "seed {seed}");
        let again = three_way_strategic(Kind::Pod, &modified, &modified, &merged).expect("a patch");
        assert_eq!(again, json!({}), "seed {seed}");
    }
}

#[test]
fn json_patches_apply_or_say_why() {
    let current = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 1}});
    let apply = |patch: Value| json_patch(Kind::Deployment, &current, &patch);
    let patched = apply(json!([
        {"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": 3},
        {"op": "add", "path": "/metadata/labels/x~1y", "value": "z"},
        {"op": "remove", "path": "/metadata/labels/a"},
    ]));
    assert_eq!(patched, Ok(json!({"metadata": {"labels": {"x/y": "z"}}, "spec": {"replicas": 3}})));
    for patch in [
        json!([{"op": "test", "path": "/spec/replicas", "value": 2}]),
        json!([{"op": "remove", "path": "/metadata/labels/x"}]),
        json!([{"op": "replace", "path": "/spec/foo", "value": 2}]),
        json!([{"op": "add", "path": "/status/x/y", "value": 2}]),
        json!([{"op": "bogus", "path": "/spec/replicas", "value": 2}]),
        json!([{"path": "/spec/replicas"}]),
        json!([{"op": "add", "value": 2}]),
        json!([null]),
    ] {
        let status = apply(patch.clone()).expect_err("it does not apply");
        assert_eq!(status.reason.code(), 422);
        assert_eq!(status.message, "the server rejected our request due to an error in our request");
        assert_eq!(status.details, Some(StatusDetails::default()), "{patch}");
    }
    let lists = json!({"a": [1, 2], "b": {"c": 3}});
    for (patch, patched) in [
        (json!({"op": "add", "path": "/a/1", "value": 9}), json!({"a": [1, 9, 2], "b": {"c": 3}})),
        (json!({"op": "add", "path": "/a/-", "value": 9}), json!({"a": [1, 2, 9], "b": {"c": 3}})),
        (json!({"op": "add", "path": "/a/3", "value": 9}), Value::Null),
        (json!({"op": "add", "path": "/a/01", "value": 9}), Value::Null),
        (json!({"op": "add", "path": "", "value": 9}), json!(9)),
        (json!({"op": "remove", "path": "/a/0"}), json!({"a": [2], "b": {"c": 3}})),
        (json!({"op": "move", "from": "/b/c", "path": "/a/0"}), json!({"a": [3, 1, 2], "b": {}})),
        (json!({"op": "move", "from": "/b", "path": "/b/c"}), Value::Null),
        (json!({"op": "copy", "from": "/a/1", "path": "/b/c"}), json!({"a": [1, 2], "b": {"c": 2}})),
        (json!({"op": "copy", "from": "/x", "path": "/b/c"}), Value::Null),
        (json!({"op": "test", "path": "/b", "value": {"c": 3}}), lists.clone()),
    ] {
        let found = json_patch(Kind::Deployment, &lists, &json!([patch])).unwrap_or(Value::Null);
        assert_eq!(found, patched, "{patch}");
    }
    for malformed in [json!([{"op": "add", "path": "/a"}]), json!([{"op": "jump", "path": "/a"}])] {
        assert_eq!(apply(malformed).expect_err("malformed").reason.code(), 422);
    }
    let number = apply(json!([1])).expect_err("no operation");
    assert_eq!(
        number.message,
        "error decoding patch: json: cannot unmarshal number into Go value of type jsonpatch.Operation"
    );
    assert_eq!(apply(json!({})).expect_err("no list").reason.code(), 400);
    assert_eq!(
        apply(json!(vec![json!({"op": "test", "path": "", "value": 1}); 10_001])).expect_err("long").reason.code(),
        413
    );
}

#[test]
fn json_merge_patches_apply_and_are_made() {
    let current = json!({"a": {"b": 1, "c": [1]}, "d": 2});
    assert_eq!(
        merge_patch(Kind::Pod, &current, &json!({"a": {"b": null, "c": [2]}, "e": {"f": 3}})),
        Ok(json!({"a": {"c": [2]}, "d": 2, "e": {"f": 3}}))
    );
    assert!(merge_patch(Kind::Pod, &current, &json!([])).is_err());
    assert_eq!(
        create_merge_patch(&current, &json!({"a": {"b": 1, "c": [1, 2]}})),
        json!({"a": {"c": [1, 2]}, "d": null})
    );
    // jsonmergepatch_test.go: additions, changes, deletions and what the server added.
    for (original, modified, current, patch) in [
        (json!({"k": 1}), json!({"k": 1}), json!({"k": 1, "s": 2}), json!({})),
        (
            json!({"k": 1, "old": {"x": 1}}),
            json!({"k": 2, "new": {}}),
            json!({"k": 1, "old": {"x": 1}, "s": 2}),
            json!({"k": 2, "new": {}, "old": null}),
        ),
        (
            json!({"m": {"a": 1, "b": 2}}),
            json!({"m": {"a": 1}}),
            json!({"m": {"a": 3, "b": 2}}),
            json!({"m": {"a": 1, "b": null}}),
        ),
    ] {
        assert_eq!(three_way_merge(&original, &modified, &current), Ok(patch), "{original} {modified} {current}");
    }
}
