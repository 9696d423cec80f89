use serde_json::{Value, json};

use crate::api::Response;
use crate::api::http::content_type;

use super::World;
use super::harness::{DEPLOYMENTS, said, value};

fn apply(world: &mut World, manager: &str, options: &str, configuration: Value) -> std::sync::Arc<Response> {
    let path = format!("{DEPLOYMENTS}/web?fieldManager={manager}{options}");
    world.patch(&path, content_type::APPLY_PATCH, configuration)
}

fn configuration(replicas: i64, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"team": "a"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            },
        },
    })
}

#[test]
fn what_is_applied_is_created_then_merged() {
    let mut world = World::new();
    let created = apply(&mut world, "a", "", configuration(3, "nginx:1"));
    assert_eq!(created.code, 201);
    let managed = value(&created)["metadata"]["managedFields"].clone();
    assert_eq!(managed[0]["manager"], "a");
    assert_eq!(managed[0]["operation"], "Apply");
    let container = "k:{\"name\":\"main\"}";
    let fields = &managed[0]["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"][container];
    assert_eq!(*fields, json!({".": {}, "f:image": {}, "f:name": {}}));

    let same = apply(&mut world, "a", "", configuration(3, "nginx:1"));
    assert_eq!((same.code, value(&same)), (200, value(&created)), "what changes nothing is not written");

    let mut without = configuration(3, "nginx:2");
    without["metadata"]["labels"] = Value::Null;
    without["metadata"].as_object_mut().expect("metadata").remove("labels");
    let changed = value(&apply(&mut world, "a", "", without));
    assert_eq!(changed["spec"]["template"]["spec"]["containers"][0]["image"], "nginx:2");
    assert_eq!(changed["metadata"].get("labels"), None, "what is no longer applied goes");
}

#[test]
fn two_managers_disagree() {
    let mut world = World::new();
    apply(&mut world, "a", "", configuration(3, "nginx:1"));
    let mut other = configuration(5, "nginx:1");
    assert_eq!(
        said(&apply(&mut world, "b", "", other.clone())),
        "409 Conflict: Apply failed with 1 conflict: conflict with \"a\": .spec.replicas"
    );
    let forced = value(&apply(&mut world, "b", "&force=true", other.clone()));
    assert_eq!(forced["spec"]["replicas"], 5);
    other["spec"]["replicas"] = json!(3);
    other["spec"]["template"]["spec"]["containers"][0]["image"] = json!("nginx:9");
    assert_eq!(
        said(&apply(&mut world, "a", "", other)),
        "409 Conflict: Apply failed with 2 conflicts: conflicts with \"b\":\n- .spec.replicas\n- .spec.template.spec.containers[name=\"main\"].image"
    );
    assert_eq!(
        said(&world.patch(&format!("{DEPLOYMENTS}/web"), content_type::APPLY_PATCH, json!({}))),
        "422 Invalid: PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
    );
}
