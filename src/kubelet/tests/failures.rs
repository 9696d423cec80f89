//! What goes wrong: images, crashes, missing references, the API server and the runtime going away.

use serde_json::{Value, json};

use crate::api::{Kind, Message};
use crate::sim::{Fault, Pair, SimTime};

use super::api::Api;
use super::{World, pod, script};

#[test]
fn an_image_that_does_not_exist_backs_off() {
    let mut world = World::new();
    world.put(pod("bad", json!({ "image": "nginx:doesnotexist" }), json!({})));
    let waits = |api: &Api, reason: &str| {
        let patches = api.sent("pods/bad/status");
        patches.iter().any(|(_, body)| body["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == reason)
    };
    assert!(world.run_while(3_000, |api| waits(api, "ErrImagePull")));
    assert!(world.run_while(3_000, |api| waits(api, "ImagePullBackOff")));
    world.run_ms(100);
    let why = "rpc error: code = NotFound desc = failed to pull and unpack image \"docker.io/library/nginx:doesnotexist\": failed to resolve reference \"docker.io/library/nginx:doesnotexist\": docker.io/library/nginx:doesnotexist: not found";
    let message = world.status("bad")["containerStatuses"][0]["state"]["waiting"]["message"].clone();
    assert_eq!(message, format!("Back-off pulling image \"nginx:doesnotexist\": ErrImagePull: {why}"));
    let events = world.events("bad");
    assert_eq!(
        events,
        [
            "Pulling Pulling image \"nginx:doesnotexist\" x1".to_owned(),
            format!("Failed Failed to pull image \"nginx:doesnotexist\": {why} x1"),
            "Failed Error: ErrImagePull x1".to_owned(),
            "BackOff Back-off pulling image \"nginx:doesnotexist\" x1".to_owned(),
            "Failed Error: ImagePullBackOff x1".to_owned(),
        ]
    );
    world.run_ms(120_000);
    let pulls = world.events("bad").iter().find(|event| event.starts_with("Pulling")).cloned().unwrap_or_default();
    assert!(pulls.ends_with("x4"), "after 10, 20 and 40 seconds: {pulls}");
    world.delete(Kind::Pod, "bad");
    world.run_ms(3_000);
    assert!(world.pod("bad").is_none());
}

#[test]
fn a_deletion_that_an_answer_brings_before_the_watch_is_acted_on() {
    let mut world = World::new();
    let mut main = script("test -f /kept/second && sleep 3600; touch /kept/second; sleep 4");
    main["volumeMounts"] = json!([{ "name": "kept", "mountPath": "/kept" }]);
    world.put(pod("late", main, json!({ "volumes": [{ "name": "kept", "emptyDir": {} }] })));
    world.run_ms(3_000);
    let cut = Fault::Partition(Pair::of(world.api, world.kubelet));
    world.kernel.inject(cut.clone());
    // The container ends and starts again, and nobody can be told; meanwhile the pod is deleted.
    world.run_ms(6_000);
    world.quiet(true);
    world.delete(Kind::Pod, "late");
    world.kernel.lift(&cut);
    // The report goes out and is answered with the pod as it is by now, while the watch hears nothing yet.
    assert!(world.run_while(60_000, |api| !api.sent("pods/late/status").is_empty()));
    world.run_ms(3_000);
    assert_eq!(world.state("late"), "Running");
    assert_eq!(world.status("late")["containerStatuses"][0]["restartCount"], 1);
    world.quiet(false);
    world.run_ms(90_000);
    assert!(world.pod("late").is_none(), "{}", world.state("late"));
}

#[test]
fn names_that_are_none_and_policies_that_forbid() {
    for (container, reason) in [
        (json!({ "image": "Not Valid" }), "Waiting InvalidImageName"),
        (json!({ "image": "nginx:1.27", "imagePullPolicy": "Never" }), "Waiting ErrImageNeverPull"),
        (json!({ "image": "nginx:1.27", "command": ["foo"] }), "Waiting RunContainerError"),
    ] {
        let mut world = World::new();
        world.put(pod("bad", container, json!({})));
        assert!(
            world.run_while(6_000, |api| api
                .sent("pods/bad/status")
                .iter()
                .any(|(_, body)| { super::describe(&body["status"]["containerStatuses"][0]["state"]) == reason })),
            "{reason}: {}",
            world.state("bad")
        );
    }
}

#[test]
fn a_crashing_container_waits_longer_and_longer() {
    let mut world = World::new();
    world.put(pod("crash", script("echo failing; exit 1"), json!({})));
    let mut starts: Vec<SimTime> = Vec::new();
    let mut restarts = 0;
    for _ in 0..4_000 {
        world.run_ms(100);
        let count = world.status("crash")["containerStatuses"][0]["restartCount"].as_u64().unwrap_or(0);
        if count > restarts {
            restarts = count;
            starts.push(world.at());
        }
    }
    let gaps: Vec<u64> = starts.windows(2).map(|pair| pair[1].since(pair[0]).as_secs()).collect();
    // The first restart is at once, then after 10, 20, 40, 80 and 160 seconds.
    let wanted = [9..13u64, 19..23, 39..43, 79..83, 159..163];
    assert_eq!(gaps.len(), wanted.len(), "{gaps:?} {:#?}", world.events("crash"));
    assert!(gaps.iter().zip(&wanted).all(|(gap, wanted)| wanted.contains(gap)), "{gaps:?}");
    assert_eq!(world.state("crash"), "Waiting CrashLoopBackOff");
    let container = world.status("crash")["containerStatuses"][0].clone();
    assert_eq!(container["restartCount"], 6);
    assert_eq!(super::describe(&container["lastState"]), "Terminated Error 1");
    assert_eq!(
        container["state"]["waiting"]["message"],
        "back-off 5m0s restarting failed container=main pod=crash_default(uid-crash)"
    );
    assert!(world.events("crash").iter().any(|event| {
        event.starts_with("BackOff Back-off restarting failed container main in pod crash_default(uid-crash) x")
    }));
}

#[test]
fn what_is_missing_keeps_a_pod_waiting_until_it_is_there() {
    let mut world = World::new();
    let mut main = script("cat /config/a; sleep 3600");
    main["volumeMounts"] = json!([{ "name": "config", "mountPath": "/config" }]);
    world.put(pod("mount", main, json!({ "volumes": [{ "name": "config", "configMap": { "name": "late" } }] })));
    let mut main = script("echo $A; sleep 3600");
    main["env"] = json!([{ "name": "A", "valueFrom": { "configMapKeyRef": { "name": "late", "key": "a" } } }]);
    world.put(pod("env", main, json!({})));
    world.run_ms(5_000);
    assert_eq!(world.state("mount"), "Waiting ContainerCreating");
    assert!(
        world.events("mount")[0]
            .starts_with("FailedMount MountVolume.SetUp failed for volume \"config\" : configmap \"late\" not found x")
    );
    assert_eq!(world.state("env"), "Waiting CreateContainerConfigError");
    let message = world.status("env")["containerStatuses"][0]["state"]["waiting"]["message"].clone();
    assert_eq!(message, "configmap \"late\" not found");
    world.put(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "late", "namespace": "default" }, "data": { "a": "1" } }));
    world.run_ms(20_000);
    assert_eq!((world.state("mount").as_str(), world.state("env").as_str()), ("Running", "Running"));
}

#[test]
fn a_mounted_config_map_that_changes_is_seen_after_a_while() {
    let mut world = World::new();
    let config = |a: &str| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "live", "namespace": "default" }, "data": { "a": a } });
    world.put(config("old\n"));
    let mut main = script("while true; do cat /config/a; sleep 10; done");
    main["volumeMounts"] = json!([{ "name": "config", "mountPath": "/config" }]);
    world.put(pod("live", main, json!({ "volumes": [{ "name": "config", "configMap": { "name": "live" } }] })));
    world.run_ms(5_000);
    world.put(config("new\n"));
    world.run_ms(100_000);
    world.kernel.input(world.api, "logs", Message::Control("logs /containerLogs/default/live/main".into()));
    world.run_ms(100);
    let log = world.api().answers.join("");
    assert!(log.starts_with("old\nold\n") && log.ends_with("new\n"), "{log}");
    assert!(log.matches("old").count() >= 6, "not before a minute: {log}");
}

#[test]
fn a_pod_that_does_not_fit_is_rejected() {
    let mut world = World::new();
    let big = json!({ "image": "nginx", "resources": { "requests": { "cpu": "5" } } });
    world.put(pod("big", big, json!({})));
    world.put(pod("elsewhere", json!({ "image": "nginx" }), json!({ "nodeSelector": { "disk": "ssd" } })));
    world.run_ms(1_000);
    let status = world.status("big");
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Failed"), &json!("OutOfcpu")));
    assert_eq!(
        status["message"],
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000"
    );
    assert_eq!(
        world.events("big"),
        ["OutOfcpu Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000 x1"]
    );
    assert_eq!(world.status("elsewhere")["reason"], "NodeAffinity");
    world.delete(Kind::Pod, "big");
    world.run_ms(1_000);
    assert!(world.pod("big").is_none());
}

#[test]
fn a_deadline_ends_a_pod() {
    let mut world = World::new();
    world.put(pod(
        "late",
        script("sleep 3600"),
        json!({ "activeDeadlineSeconds": 5, "restartPolicy": "Never", "terminationGracePeriodSeconds": 1 }),
    ));
    world.run_ms(12_000);
    let status = world.status("late");
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Failed"), &json!("DeadlineExceeded")));
    assert_eq!(world.state("late"), "Terminated Error 137");
}

#[test]
fn a_restarted_kubelet_goes_on_with_what_runs() {
    let mut world = World::new();
    world.put(pod(
        "web",
        json!({ "image": "nginx", "readinessProbe": { "httpGet": { "port": 80 }, "periodSeconds": 5 } }),
        json!({}),
    ));
    world.run_ms(9_000);
    let before = world.status("web")["containerStatuses"][0].clone();
    assert_eq!(before["ready"], true);
    let kubelet = world.kubelet;
    world.kernel.stop(kubelet);
    world.run_ms(5_000);
    world.kernel.restart(kubelet);
    let patches = world.api().sent("pods/web/status").len();
    world.run_ms(10_000);
    assert_eq!(world.status("web")["containerStatuses"][0], before, "the same container, as ready as before");
    assert_eq!(world.api().sent("pods/web/status").len(), patches, "nothing had to be said");
    // A container that dies while the kubelet is away is restarted when it is back.
    world.kernel.stop(kubelet);
    let id = before["containerID"].as_str().unwrap_or_default().to_owned();
    world.kernel.input(world.runtime, "kill", Message::Control(format!("kill {id}").into()));
    world.run_ms(1_000);
    world.kernel.restart(kubelet);
    world.run_ms(5_000);
    assert_eq!(world.status("web")["containerStatuses"][0]["restartCount"], 1);
    assert_eq!(world.state("web"), "Running");
}

#[test]
fn containers_run_on_while_the_api_server_is_away() {
    let mut world = World::new();
    world.put(pod("web", script("sleep 6; exit 1"), json!({})));
    world.run_ms(4_000);
    assert_eq!(world.state("web"), "Running");
    let api = world.api;
    world.kernel.stop(api);
    world.run_ms(40_000);
    world.kernel.restart(api);
    world.run_ms(60_000);
    let restarts = world.status("web")["containerStatuses"][0]["restartCount"].as_u64().unwrap_or(0);
    assert!(restarts >= 2, "it was restarted meanwhile, and reported afterwards: {restarts}");
    let leases = world.api().sent("PUT /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-a");
    assert!(leases.last().is_some_and(|(at, _)| world.at().since(*at).as_secs() <= 11), "the lease is renewed again");
}

#[test]
fn a_node_that_lost_its_power_runs_its_pods_anew() {
    let mut world = World::new();
    world.put(pod("web", json!({ "image": "nginx" }), json!({})));
    world.run_ms(8_000);
    let (kubelet, runtime) = (world.kubelet, world.runtime);
    world.kernel.input(runtime, "power off", Message::Control("power-off".into()));
    world.run_ms(1);
    world.kernel.stop(runtime);
    world.kernel.stop(kubelet);
    world.run_ms(60_000);
    world.kernel.restart(runtime);
    world.kernel.restart(kubelet);
    world.run_ms(8_000);
    let status = world.status("web");
    assert_eq!(world.state("web"), "Running");
    assert_eq!(status["containerStatuses"][0]["restartCount"], 1);
    assert_eq!(status["podIP"], "10.244.1.3", "a new sandbox has a new address");
    assert_eq!(status["podIPs"], json!([{ "ip": "10.244.1.3" }]), "and the old one is gone from the merged list");
    assert!(world.events("web").iter().any(|event| event.starts_with("SandboxChanged ")));
}

#[test]
fn a_runtime_that_is_away_makes_the_node_not_ready() {
    let mut world = World::new();
    world.put(pod("web", json!({ "image": "nginx" }), json!({})));
    world.run_ms(8_000);
    let runtime = world.runtime;
    world.kernel.stop(runtime);
    world.run_ms(45_000);
    let ready = |world: &World| -> Value {
        let node =
            world.api().objects.iter().find(|((kind, _), _)| *kind == Kind::Node).map(|(_, node)| node.to_value());
        let conditions = node.unwrap_or_default()["status"]["conditions"].clone();
        conditions.as_array().and_then(|list| list.iter().find(|c| c["type"] == "Ready").cloned()).unwrap_or_default()
    };
    assert_eq!(ready(&world)["status"], "False", "{}", world.now_secs());
    world.kernel.restart(runtime);
    world.run_ms(12_000);
    assert_eq!(ready(&world)["status"], "True");
    assert_eq!(world.status("web")["containerStatuses"][0]["restartCount"], 0, "its containers ran on");
    world.put(pod("next", json!({ "image": "nginx:1.27" }), json!({})));
    world.run_ms(8_000);
    assert_eq!(world.state("next"), "Running");
}
