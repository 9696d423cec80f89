//! Probes and hooks.

use serde_json::json;

use crate::api::Kind;

use super::{World, pod, script};

#[test]
fn a_liveness_probe_that_fails_restarts_its_container() {
    let mut world = World::new();
    let mut main = script("touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600");
    main["livenessProbe"] = json!({ "exec": { "command": ["cat", "/tmp/healthy"] }, "initialDelaySeconds": 5, "periodSeconds": 5, "failureThreshold": 3 });
    world.put(pod("live", main, json!({ "terminationGracePeriodSeconds": 1 })));
    world.run_ms(60_000);
    let events = world.events("live");
    let unhealthy = "Unhealthy Liveness probe failed: cat: can't open '/tmp/healthy': No such file or directory\n x3";
    assert!(events.contains(&unhealthy.to_owned()), "{events:?}");
    assert!(
        events.contains(&"Killing Container main failed liveness probe, will be restarted x1".to_owned()),
        "{events:?}"
    );
    assert_eq!(world.status("live")["containerStatuses"][0]["restartCount"], 1);
    assert_eq!(world.state("live"), "Running");
}

#[test]
fn a_readiness_probe_decides_over_ready() {
    let mut world = World::new();
    let mut main = script("sleep 10; touch /ready; sleep 20; rm /ready; sleep 600");
    main["readinessProbe"] =
        json!({ "exec": { "command": ["cat", "/ready"] }, "periodSeconds": 2, "failureThreshold": 2 });
    world.put(pod("ready", main, json!({})));
    let ready = |world: &World| world.status("ready")["containerStatuses"][0]["ready"].as_bool();
    world.run_ms(8_000);
    assert_eq!((world.state("ready").as_str(), ready(&world)), ("Running", Some(false)));
    let conditions = world.status("ready")["conditions"].clone();
    let condition =
        conditions.as_array().and_then(|list| list.iter().find(|c| c["type"] == "Ready").cloned()).unwrap_or_default();
    assert_eq!(condition["message"], "containers with unready status: [main]");
    world.run_ms(10_000);
    assert_eq!(ready(&world), Some(true));
    world.run_ms(25_000);
    assert_eq!(ready(&world), Some(false));
    assert_eq!(world.status("ready")["containerStatuses"][0]["restartCount"], 0);
}

#[test]
fn network_probes_say_what_they_met() {
    for (probe, message) in [
        (
            json!({ "httpGet": { "port": 80, "path": "/nothing" } }),
            "Readiness probe failed: HTTP probe failed with statuscode: 404",
        ),
        (
            json!({ "httpGet": { "port": 8080, "path": "/healthz" } }),
            "Readiness probe failed: Get \"http://10.244.1.2:8080/healthz\": dial tcp 10.244.1.2:8080: connect: connection refused",
        ),
        (
            json!({ "tcpSocket": { "port": 81 } }),
            "Readiness probe failed: dial tcp 10.244.1.2:81: connect: connection refused",
        ),
        (
            json!({ "exec": { "command": ["sleep", "5"] } }),
            "Readiness probe failed: command timed out: \"sleep 5\" timed out after 1s",
        ),
    ] {
        let mut world = World::new();
        world.put(pod("web", json!({ "image": "nginx", "readinessProbe": probe }), json!({})));
        world.run_ms(9_000);
        let events = world.events("web");
        assert!(events.iter().any(|event| event.starts_with(&format!("Unhealthy {message}"))), "{events:?}");
        assert_eq!(world.status("web")["containerStatuses"][0]["ready"], false);
    }
    for probe in [json!({ "httpGet": { "port": 80 } }), json!({ "tcpSocket": { "port": "http" } })] {
        let mut world = World::new();
        let main =
            json!({ "image": "nginx", "ports": [{ "name": "http", "containerPort": 80 }], "readinessProbe": probe });
        world.put(pod("web", main, json!({})));
        world.run_ms(9_000);
        assert_eq!(world.status("web")["containerStatuses"][0]["ready"], true);
    }
}

#[test]
fn a_startup_probe_holds_the_others_back() {
    let mut world = World::new();
    let mut main = script("sleep 12; touch /started; sleep 600");
    main["startupProbe"] =
        json!({ "exec": { "command": ["cat", "/started"] }, "periodSeconds": 2, "failureThreshold": 30 });
    main["livenessProbe"] =
        json!({ "exec": { "command": ["cat", "/started"] }, "periodSeconds": 1, "failureThreshold": 1 });
    world.put(pod("slow", main, json!({})));
    world.run_ms(8_000);
    let container = world.status("slow")["containerStatuses"][0].clone();
    assert_eq!((&container["started"], &container["ready"]), (&json!(false), &json!(false)));
    world.run_ms(12_000);
    let container = world.status("slow")["containerStatuses"][0].clone();
    assert_eq!(
        (&container["started"], &container["ready"], &container["restartCount"]),
        (&json!(true), &json!(true), &json!(0))
    );
}

#[test]
fn a_pre_stop_hook_comes_before_the_signal() {
    for (hook, least, most) in [
        (json!({ "sleep": { "seconds": 4 } }), 4_000, 5_500),
        (json!({ "exec": { "command": ["sh", "-c", "sleep 3"] } }), 3_000, 4_500),
    ] {
        let mut world = World::new();
        world.put(pod("web", json!({ "image": "nginx", "lifecycle": { "preStop": hook } }), json!({})));
        world.run_ms(8_000);
        let began = world.at();
        world.delete(Kind::Pod, "web");
        assert!(world.run_while(20_000, |api| !api.sent("DELETE /api/v1/namespaces/default/pods/web").is_empty()));
        let took = world.at().since(began).as_millis();
        assert!((least..most).contains(&took), "{hook}: {took} ms");
    }
}

#[test]
fn a_post_start_hook_that_fails_kills_its_container() {
    let mut world = World::new();
    let main =
        json!({ "image": "nginx", "lifecycle": { "postStart": { "exec": { "command": ["sh", "-c", "exit 1"] } } } });
    world.put(pod("web", main, json!({ "terminationGracePeriodSeconds": 1 })));
    world.run_ms(6_000);
    let events = world.events("web");
    assert!(events.iter().any(|event| event.starts_with("FailedPostStartHook PostStartHook failed")), "{events:?}");
    assert!(events.iter().any(|event| event.starts_with("Killing FailedPostStartHook")), "{events:?}");
}
