use serde_json::json;

use super::World;
use super::harness::{CONFIG_MAPS, DEPLOYMENTS, PODS, config_map, deployment, pod, said, value};

#[track_caller]
fn check(what: &str, response: &crate::api::Response, expected: &str) {
    assert_eq!(said(response), expected, "{what}");
}

#[test]
fn an_object_is_created_read_changed_and_deleted() {
    let mut world = World::new();
    let created = world.post(CONFIG_MAPS, config_map("a", "one"));
    assert_eq!(created.code, 201);
    let created = value(&created);
    assert_eq!(created["metadata"]["namespace"], "default");
    assert!(created["metadata"]["uid"].is_string() && created["metadata"]["creationTimestamp"].is_string());
    let path = format!("{CONFIG_MAPS}/a");
    assert_eq!(value(&world.get(&path)), created);

    let mut changed = created.clone();
    changed["data"]["text"] = json!("two");
    let updated = value(&world.put(&path, changed.clone()));
    assert_eq!(updated["data"]["text"], "two");
    assert_ne!(updated["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
    assert_eq!(updated["metadata"]["uid"], created["metadata"]["uid"]);

    check(
        "an old resource version",
        &world.put(&path, changed),
        "409 Conflict: Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again",
    );
    let same = value(&world.put(&path, updated.clone()));
    assert_eq!(same, updated, "what changes nothing is not written");

    let gone = world.delete(&path, json!({}));
    assert_eq!(gone.code, 200);
    assert_eq!(value(&gone)["status"], "Success");
    assert_eq!(value(&gone)["details"]["uid"], created["metadata"]["uid"]);
    check("a get", &world.get(&path), "404 NotFound: configmaps \"a\" not found");
    check("a delete", &world.delete(&path, json!({})), "404 NotFound: configmaps \"a\" not found");
    check("an update", &world.put(&path, config_map("a", "x")), "404 NotFound: configmaps \"a\" not found");
}

#[test]
fn failures_have_upstreams_words() {
    let mut world = World::new();
    world.post(CONFIG_MAPS, config_map("a", "one"));
    check(
        "twice",
        &world.post(CONFIG_MAPS, config_map("a", "one")),
        "409 AlreadyExists: configmaps \"a\" already exists",
    );
    check(
        "no namespace",
        &world.post("/api/v1/namespaces/nope/configmaps", config_map("a", "one")),
        "404 NotFound: namespaces \"nope\" not found",
    );
    let mut elsewhere = config_map("b", "one");
    elsewhere["metadata"]["namespace"] = json!("kube-system");
    check(
        "two namespaces",
        &world.post(CONFIG_MAPS, elsewhere),
        "400 BadRequest: the namespace of the provided object does not match the namespace sent on the request",
    );
    check(
        "two names",
        &world.put(&format!("{CONFIG_MAPS}/a"), config_map("b", "one")),
        "400 BadRequest: the name of the object (b) does not match the name on the URL (a)",
    );
    check("a path", &world.get("/api/v1/nope"), "404 NotFound: the server could not find the requested resource");
    check(
        "a method",
        &world.post(&format!("{CONFIG_MAPS}/a"), json!({})),
        "405 MethodNotAllowed: the server does not allow this method on the requested resource",
    );
    check(
        "a namespace that stays",
        &world.delete("/api/v1/namespaces/default", json!({})),
        "403 Forbidden: namespaces \"default\" is forbidden: this namespace may not be deleted",
    );
    let mut pod = pod("web");
    pod["spec"]["serviceAccountName"] = json!("robot");
    check(
        "a service account",
        &world.post(PODS, pod.clone()),
        "403 Forbidden: pods \"web\" is forbidden: error looking up service account default/robot: serviceaccount \"robot\" not found",
    );
    pod["spec"]["serviceAccountName"] = json!("default");
    pod["spec"]["priorityClassName"] = json!("high");
    check(
        "a priority",
        &world.post(PODS, pod),
        "403 Forbidden: pods \"web\" is forbidden: no PriorityClass with name high was found",
    );
    check(
        "a precondition",
        &world.delete(&format!("{CONFIG_MAPS}/a"), json!({"preconditions": {"resourceVersion": "1"}})),
        "409 Conflict: Operation cannot be fulfilled on configmaps \"a\": the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (12). The object might have been modified",
    );
}

#[test]
fn names_are_generated() {
    let mut world = World::new();
    let mut pod = pod("");
    pod["metadata"] = json!({"generateName": "web-"});
    let name = value(&world.post(PODS, pod))["metadata"]["name"].clone();
    let name = name.as_str().expect("a name is a string");
    assert!(name.starts_with("web-") && name.len() == "web-".len() + 5, "{name}");
}

#[test]
fn a_pod_is_admitted() {
    let mut world = World::new();
    let pod = value(&world.post(PODS, pod("web")));
    let spec = &pod["spec"];
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!(spec["priority"], 0);
    assert_eq!(spec["preemptionPolicy"], "PreemptLowerPriority");
    let mount = &spec["containers"][0]["volumeMounts"][0];
    assert_eq!(mount["mountPath"], "/var/run/secrets/kubernetes.io/serviceaccount");
    assert_eq!(mount["name"], spec["volumes"][0]["name"]);
    assert_eq!(spec["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"], 3607);
    let tolerations: Vec<_> = spec["tolerations"].as_array().expect("tolerations").iter().collect();
    assert_eq!(tolerations.len(), 2);
    assert_eq!(tolerations[0]["key"], "node.kubernetes.io/not-ready");
    assert_eq!(tolerations[1]["tolerationSeconds"], 300);
}

#[test]
fn a_pod_waits_for_the_default_account_of_its_namespace() {
    let mut world = World::new();
    world.post("/api/v1/namespaces", json!({"metadata": {"name": "new"}}));
    let pods = "/api/v1/namespaces/new/pods";
    let call = world
        .send(super::harness::request(crate::api::Method::Post, pods).body(crate::api::Body::Json(pod("web").into())));
    world.run(300);
    assert!(world.answer(call).is_none(), "it is looked for again");
    world.post("/api/v1/namespaces/new/serviceaccounts", json!({"metadata": {"name": "default"}}));
    world.run(300);
    assert_eq!(world.answer(call).map(|answer| answer.code), Some(201));
}

#[test]
fn patches_of_every_format() {
    let mut world = World::new();
    world.post(DEPLOYMENTS, deployment("web"));
    let path = format!("{DEPLOYMENTS}/web");
    let merged = value(&world.merge(&path, json!({"metadata": {"labels": {"a": "b"}}})));
    assert_eq!(merged["metadata"]["labels"]["a"], "b");
    let strategic = value(&world.patch(
        &path,
        crate::api::http::content_type::STRATEGIC_MERGE_PATCH,
        json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "nginx:1.27"}]}}}}),
    ));
    assert_eq!(strategic["spec"]["template"]["spec"]["containers"][0]["image"], "nginx:1.27");
    let json = value(&world.patch(
        &path,
        crate::api::http::content_type::JSON_PATCH,
        json!([{"op": "replace", "path": "/spec/replicas", "value": 5}]),
    ));
    assert_eq!(json["spec"]["replicas"], 5);
    check(
        "a patch of an old version",
        &world.merge(&path, json!({"metadata": {"resourceVersion": "3", "labels": {"a": "c"}}})),
        "409 Conflict: Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply your changes to the latest version and try again",
    );
}

#[test]
fn pods_end_gracefully() {
    let mut world = World::new();
    let path = format!("{PODS}/web");
    world.post(PODS, pod("web"));
    let unscheduled = world.delete(&path, json!({}));
    assert_eq!(value(&unscheduled)["metadata"]["deletionGracePeriodSeconds"], 0);
    assert_eq!(world.get(&path).code, 404, "no node runs it: it goes at once");

    let mut bound = pod("web");
    bound["spec"]["nodeName"] = json!("node-a");
    bound["spec"]["terminationGracePeriodSeconds"] = json!(30);
    world.post(PODS, bound);
    let terminating = value(&world.delete(&path, json!({})));
    assert_eq!(terminating["metadata"]["deletionGracePeriodSeconds"], 30);
    let again = value(&world.delete(&path, json!({})));
    assert_eq!(again, terminating, "it is on its way already");
    let sooner = value(&world.delete(&path, json!({"gracePeriodSeconds": 10})));
    assert_eq!(sooner["metadata"]["deletionGracePeriodSeconds"], 10);
    assert!(sooner["metadata"]["deletionTimestamp"].as_str() < terminating["metadata"]["deletionTimestamp"].as_str());
    world.delete(&path, json!({"gracePeriodSeconds": 0}));
    assert_eq!(world.get(&path).code, 404);
}

#[test]
fn finalizers_keep_an_object() {
    let mut world = World::new();
    let path = format!("{CONFIG_MAPS}/a");
    let mut object = config_map("a", "one");
    object["metadata"]["finalizers"] = json!(["example.com/hold"]);
    world.post(CONFIG_MAPS, object);
    let held = value(&world.delete(&path, json!({})));
    assert!(held["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(held["metadata"]["deletionGracePeriodSeconds"], 0);
    check(
        "one more",
        &world.merge(&path, json!({"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}})),
        "422 Invalid: ConfigMap \"a\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{\"example.com/more\"}",
    );
    assert_eq!(world.merge(&path, json!({"metadata": {"finalizers": null}})).code, 200);
    assert_eq!(world.get(&path).code, 404);
}

#[test]
fn propagation_is_a_finalizer() {
    let mut world = World::new();
    for (policy, finalizer, code) in [("Foreground", "foregroundDeletion", 202), ("Orphan", "orphan", 200)] {
        world.post(DEPLOYMENTS, deployment("web"));
        let path = format!("{DEPLOYMENTS}/web");
        let answer = world.delete(&path, json!({"propagationPolicy": policy}));
        assert_eq!(answer.code, code, "{policy}");
        assert_eq!(value(&answer)["metadata"]["finalizers"], json!([finalizer]), "{policy}");
        world.merge(&path, json!({"metadata": {"finalizers": null}}));
        assert_eq!(world.get(&path).code, 404, "{policy}");
    }
}

#[test]
fn a_namespace_goes_in_phases() {
    let mut world = World::new();
    world.post("/api/v1/namespaces", json!({"metadata": {"name": "shop"}, "spec": {"finalizers": ["kubernetes"]}}));
    let terminating = value(&world.delete("/api/v1/namespaces/shop", json!({})));
    assert_eq!(terminating["status"]["phase"], "Terminating");
    check(
        "new content",
        &world.post("/api/v1/namespaces/shop/configmaps", config_map("a", "one")),
        "403 Forbidden: configmaps \"a\" is forbidden: unable to create new content in namespace shop because it is being terminated",
    );
    let mut finalized = terminating;
    finalized["spec"]["finalizers"] = json!([]);
    assert_eq!(world.put("/api/v1/namespaces/shop/finalize", finalized).code, 200);
    assert_eq!(world.get("/api/v1/namespaces/shop").code, 404);
}

#[test]
fn a_dry_run_stores_nothing() {
    let mut world = World::new();
    assert_eq!(world.post(&format!("{CONFIG_MAPS}?dryRun=All"), config_map("a", "one")).code, 201);
    assert_eq!(world.get(&format!("{CONFIG_MAPS}/a")).code, 404);
    world.post(CONFIG_MAPS, config_map("a", "one"));
    let path = format!("{CONFIG_MAPS}/a");
    let tried = value(&world.merge(&format!("{path}?dryRun=All"), json!({"data": {"text": "two"}})));
    assert_eq!(tried["data"]["text"], "two");
    assert_eq!(world.delete(&path, json!({"dryRun": ["All"]})).code, 200);
    assert_eq!(value(&world.get(&path))["data"]["text"], "one");
}

#[test]
fn fields_are_validated() {
    let mut world = World::new();
    let mut odd = config_map("a", "one");
    odd["dat"] = json!({});
    let warned = world.post(&format!("{CONFIG_MAPS}?dryRun=All"), odd.clone());
    assert_eq!((warned.code, warned.warnings.len()), (201, 1), "{warned:?}");
    assert_eq!(&*warned.warnings[0], "unknown field \"dat\"");
    check(
        "strict",
        &world.post(&format!("{CONFIG_MAPS}?fieldValidation=Strict"), odd),
        "400 BadRequest: ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: unknown field \"dat\"",
    );
}

#[test]
fn racing_patches_are_both_kept() {
    let mut world = World::new();
    world.post(CONFIG_MAPS, config_map("a", "one"));
    let path = format!("{CONFIG_MAPS}/a");
    let calls: Vec<_> = (0..5)
        .map(|at| {
            let patch = json!({"data": {format!("key-{at}"): "x"}});
            let mut request =
                super::harness::request(crate::api::Method::Patch, &path).body(crate::api::Body::Json(patch.into()));
            request.content_type = crate::api::http::content_type::MERGE_PATCH;
            world.send(request)
        })
        .collect();
    world.run(500);
    for call in calls {
        assert_eq!(world.answer(call).map(|answer| answer.code), Some(200));
    }
    assert_eq!(value(&world.get(&path))["data"].as_object().map(serde_json::Map::len), Some(6));
}

#[test]
fn a_pod_may_be_replaced_without_what_admission_adds() {
    let mut world = World::new();
    let created = value(&world.post(PODS, pod("web")));
    let mut bare = created.clone();
    for field in ["priority", "preemptionPolicy", "tolerations"] {
        assert!(bare["spec"].as_object_mut().and_then(|spec| spec.remove(field)).is_some(), "{field}");
    }
    bare["metadata"].as_object_mut().map(|meta| meta.remove("resourceVersion"));
    bare["spec"]["containers"][0]["image"] = json!("nginx:1.28");
    let replaced = world.put(&format!("{PODS}/web"), bare);
    assert_eq!(replaced.code, 200, "{}", said(&replaced));
    let replaced = value(&replaced);
    for field in ["priority", "preemptionPolicy", "tolerations"] {
        assert_eq!(replaced["spec"][field], created["spec"][field], "{field}");
    }
}

#[test]
fn wrong_options_are_said_of_the_verbs_own() {
    let mut world = World::new();
    world.post(CONFIG_MAPS, config_map("a", "one"));
    let path = format!("{CONFIG_MAPS}/a?dryRun=Foo");
    for (kind, response) in [
        ("CreateOptions", world.post(&format!("{CONFIG_MAPS}?dryRun=Foo"), config_map("b", "one"))),
        ("UpdateOptions", world.put(&path, config_map("a", "two"))),
        ("PatchOptions", world.merge(&path, json!({"data": {"text": "two"}}))),
        ("DeleteOptions", world.delete(&path, json!({}))),
    ] {
        let wrong = "dryRun: Unsupported value: [\"Foo\"]: supported values: \"All\"";
        check(kind, &response, &format!("422 Invalid: {kind}.meta.k8s.io \"\" is invalid: {wrong}"));
        let details = response.status().and_then(|status| status.details.clone()).expect("details");
        assert_eq!((details.group.as_deref(), details.kind.as_deref()), (Some("meta.k8s.io"), Some(kind)));
        assert_eq!(details.causes.expect("a cause")[0].field.as_deref(), Some("dryRun"));
    }
}

#[test]
fn an_empty_list_makes_no_revision() {
    let mut world = World::new();
    let mut web = deployment("web");
    web["spec"]["template"]["spec"]["containers"][0]["env"] = json!([]);
    web["metadata"]["labels"] = json!({});
    let created = value(&world.post(DEPLOYMENTS, web.clone()));
    assert!(created["metadata"].get("labels").is_none(), "{created}");
    web["spec"]["template"]["spec"]["containers"][0].as_object_mut().map(|container| container.remove("env"));
    let replaced = value(&world.put(&format!("{DEPLOYMENTS}/web"), web));
    assert_eq!(replaced["metadata"]["generation"], 1);
    assert_eq!(replaced["metadata"]["resourceVersion"], created["metadata"]["resourceVersion"]);
    let path = format!("{DEPLOYMENTS}/web");
    world.merge(&path, json!({"metadata": {"labels": {"a": "b"}}}));
    let bare = value(&world.merge(&path, json!({"metadata": {"labels": {"a": null}}})));
    assert!(bare["metadata"].get("labels").is_none(), "{bare}");
}
