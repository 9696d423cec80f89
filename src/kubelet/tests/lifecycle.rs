//! The main paths: a pod comes to run, and goes.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::cri::{CriMessage, CriRequest};
use crate::api::{Kind, Message};
use crate::sim::{Record, SimTime};

use super::{World, describe, pod, script};

/// The calls to the runtime that change something, in order.
fn cri_calls(world: &World) -> Vec<&'static str> {
    let mut calls = Vec::new();
    for record in world.kernel.trace().records() {
        let Record::Sent(envelope) = record else { continue };
        let Message::Cri(CriMessage::Request { request, .. }) = &envelope.payload else { continue };
        let looks = matches!(
            **request,
            CriRequest::ListPodSandbox
                | CriRequest::ListContainers
                | CriRequest::Version
                | CriRequest::Status
                | CriRequest::ListImages
                | CriRequest::GetContainerEvents
        );
        if !looks {
            calls.push(request.method());
        }
    }
    calls
}

#[test]
fn a_node_registers_and_becomes_ready() {
    let world = World::new();
    let api = world.api();
    let lines: Vec<&str> =
        api.requests.iter().map(|(_, line, _)| line.as_str()).filter(|line| !line.contains("events")).collect();
    assert_eq!(
        lines,
        [
            "POST /api/v1/nodes",
            "GET /apis/storage.k8s.io/v1/csinodes/node-a",
            "GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-a",
            "PATCH /api/v1/nodes/node-a/status",
            "POST /apis/storage.k8s.io/v1/csinodes",
            "POST /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
        ]
    );
    let events: Vec<String> =
        api.events("node-a").iter().map(|event| event.split(' ').next().unwrap_or("").to_owned()).collect();
    assert_eq!(
        events,
        [
            "Starting",
            "NodeHasSufficientMemory",
            "NodeHasNoDiskPressure",
            "NodeHasSufficientPID",
            "NodeAllocatableEnforced",
            "NodeReady"
        ]
    );
    let node = api.objects.iter().find(|((kind, _), _)| *kind == Kind::Node).map(|(_, node)| node.to_value());
    let status = node.expect("it is there")["status"].clone();
    assert_eq!(status["allocatable"]["memory"], "8092Mi");
    assert_eq!(status["nodeInfo"]["kubeletVersion"], "v1.36.0");
    let ready = status["conditions"].as_array().and_then(|list| list.iter().find(|c| c["type"] == "Ready").cloned());
    assert_eq!(ready.expect("it is there")["message"], "kubelet is posting ready status");
}

#[test]
fn an_idle_node_renews_its_lease_and_nothing_else() {
    let mut world = World::new();
    let before = world.api().requests.len();
    world.run_ms(100_000);
    let lines: Vec<&String> = world.api().requests[before..].iter().map(|(_, line, _)| line).collect();
    assert!((9..=10).contains(&lines.len()), "{lines:?}");
    assert!(lines.iter().all(|line| line.starts_with("PUT ") && line.ends_with("leases/node-a")), "{lines:?}");
    world.run_ms(300_000);
    assert_eq!(
        world.api().sent("PATCH /api/v1/nodes/node-a/status").len(),
        2,
        "every five minutes though nothing changed"
    );
}

#[test]
fn a_pod_comes_to_run() {
    let mut world = World::new();
    world.put(pod("web", json!({ "image": "nginx", "ports": [{ "containerPort": 80 }] }), json!({})));
    assert!(
        world.run_while(10_000, |api| api.sent("PATCH").iter().any(|(_, body)| body["status"]["phase"] == "Running"))
    );
    world.run_ms(1_000);
    let calls = ["RunPodSandbox", "ImageStatus", "PullImage", "CreateContainer", "StartContainer"];
    assert_eq!(cri_calls(&world), calls);
    let events = world.events("web");
    assert_eq!(events[0], "Pulling Pulling image \"nginx\" x1");
    assert!(events[1].starts_with("Pulled Successfully pulled image \"nginx\" in 1."), "{events:?}");
    assert!(events[1].ends_with(" including waiting). Image size: 72950530 bytes. x1"), "{events:?}");
    assert_eq!(events[2..], ["Created Container created x1", "Started Container started x1"]);
    let patches = world.api().sent("pods/web/status");
    let phases: Vec<String> = patches.iter().map(|(_, body)| body["status"]["phase"].to_string()).collect();
    assert_eq!(phases.len(), 3, "on admission, with the address, running: {patches:#?}");
    assert_eq!(patches[0].1["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "ContainerCreating");
    assert_eq!(patches[1].1["status"]["podIP"], "10.244.1.2");
    let status = world.status("web");
    assert_eq!(status["podIPs"], json!([{ "ip": "10.244.1.2" }]));
    assert_eq!(status["hostIP"], "172.18.0.2");
    assert_eq!(status["qosClass"], "BestEffort");
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    assert_eq!(conditions.len(), 5);
    assert!(conditions.iter().all(|condition| condition["status"] == "True" && condition["observedGeneration"] == 1));
    let container = &status["containerStatuses"][0];
    assert_eq!((describe(&container["state"]).as_str(), container["ready"].as_bool()), ("Running", Some(true)));
    assert_eq!(container["image"], "docker.io/library/nginx:latest");
    assert!(container["imageID"].as_str().is_some_and(|id| id.starts_with("docker.io/library/nginx@sha256:")));
    assert!(container["containerID"].as_str().is_some_and(|id| id.starts_with("containerd://")));
}

/// The last patch that says something of containers.
fn ended(patches: &[(SimTime, Value)]) -> &Value {
    let patch = patches.iter().rev().find(|(_, body)| body["status"]["containerStatuses"].is_array());
    &patch.expect("containers were reported").1
}

#[test]
fn a_deleted_pod_goes_in_order() {
    let mut world = World::new();
    world.put(pod("web", json!({ "image": "nginx" }), json!({})));
    world.run_ms(8_000);
    let before = cri_calls(&world).len();
    world.delete(Kind::Pod, "web");
    assert!(world.run_while(5_000, |api| !api.sent("DELETE /api/v1/namespaces/default/pods/web").is_empty()));
    world.run_ms(500);
    assert!(world.pod("web").is_none());
    assert_eq!(cri_calls(&world)[before..], ["StopContainer", "StopPodSandbox", "RemoveContainer", "RemovePodSandbox"]);
    assert_eq!(world.events("web").last().map(String::as_str), Some("Killing Stopping container main x1"));
    let patches = world.api().sent("pods/web/status");
    assert_eq!(patches.last().expect("a last status").1["status"]["phase"], "Succeeded");
    let last = ended(&patches);
    assert_eq!(describe(&last["status"]["containerStatuses"][0]["state"]), "Terminated Completed 0");
    let body = world.api().sent("DELETE /api/v1/namespaces/default/pods/web").remove(0).1;
    assert_eq!(body["gracePeriodSeconds"], 0);
    assert_eq!(body["preconditions"]["uid"], "uid-web");
}

#[test]
fn a_pod_that_ignores_sigterm_takes_its_grace() {
    let mut world = World::new();
    world.put(pod("stubborn", script("sleep 3600"), json!({ "terminationGracePeriodSeconds": 5 })));
    world.run_ms(8_000);
    let began = world.at();
    world.delete(Kind::Pod, "stubborn");
    assert!(world.run_while(20_000, |api| !api.sent("DELETE /api/v1/namespaces/default/pods/stubborn").is_empty()));
    let took = world.at().since(began).as_millis();
    assert!((5_000..6_000).contains(&took), "{took} ms");
    let patches = world.api().sent("pods/stubborn/status");
    assert_eq!(describe(&ended(&patches)["status"]["containerStatuses"][0]["state"]), "Terminated Error 137");
    assert_eq!(patches.last().expect("a last status").1["status"]["phase"], "Failed");
}

#[test]
fn init_containers_run_in_order_and_sidecars_stay() {
    let mut world = World::new();
    let init = json!([
        { "name": "first", "image": "busybox:1.36", "command": ["sh", "-c", "echo one > /work/log; sleep 1"],
          "volumeMounts": [{ "name": "work", "mountPath": "/work" }] },
        { "name": "sidecar", "image": "busybox:1.36", "restartPolicy": "Always",
          "command": ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 1; done"] },
        { "name": "second", "image": "busybox:1.36", "command": ["sh", "-c", "echo two >> /work/log"],
          "volumeMounts": [{ "name": "work", "mountPath": "/work" }] },
    ]);
    let mut main = script("cat /work/log; sleep 3600");
    main["volumeMounts"] = json!([{ "name": "work", "mountPath": "/work" }]);
    let more = json!({ "initContainers": init, "volumes": [{ "name": "work", "emptyDir": {} }], "terminationGracePeriodSeconds": 2 });
    world.put(pod("init", main, more));
    assert!(
        world.run_while(30_000, |api| api.sent("PATCH").iter().any(|(_, body)| body["status"]["phase"] == "Running"))
    );
    let started: Vec<String> = world.events("init").into_iter().filter(|event| event.starts_with("Started")).collect();
    assert_eq!(started.len(), 4, "{:?}", world.events("init"));
    let status = world.status("init");
    let states: Vec<String> = status["initContainerStatuses"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|status| format!("{} {}", describe(&status["state"]), status["ready"]))
        .collect();
    assert_eq!(states, ["Terminated Completed 0 true", "Running true", "Terminated Completed 0 true"]);
    world.kernel.input(world.api, "logs", Message::Control(Arc::from("logs /containerLogs/default/init/main")));
    world.run_ms(100);
    assert_eq!(world.api().answers, ["one\ntwo\n"]);
    world.delete(Kind::Pod, "init");
    world.run_ms(8_000);
    assert!(world.pod("init").is_none());
    let killed: Vec<String> = world.events("init").into_iter().filter(|event| event.starts_with("Killing")).collect();
    assert_eq!(killed, ["Killing Stopping container main x1", "Killing Stopping container sidecar x1"]);
}

#[test]
fn pods_end_as_their_policy_says() {
    for (policy, text, phase, reason) in [
        ("Never", "exit 0", "Succeeded", "Terminated Completed 0"),
        ("Never", "exit 3", "Failed", "Terminated Error 3"),
        ("OnFailure", "exit 0", "Succeeded", "Terminated Completed 0"),
    ] {
        let mut world = World::new();
        world.put(pod("job", script(text), json!({ "restartPolicy": policy })));
        world.run_ms(8_000);
        assert_eq!(world.status("job")["phase"], phase, "{policy} {text}");
        assert_eq!(world.state("job"), reason);
        let ready = world.status("job")["conditions"][1].clone();
        assert_ne!(ready["status"], json!("Unknown"));
    }
}

#[test]
fn logs_are_read_followed_and_refused() {
    let mut world = World::new();
    world.put(pod("log", script("for i in 1 2 3; do echo line $i; sleep 2; done; sleep 3600"), json!({})));
    let ask = |world: &mut World, text: &str, ms: u64| {
        let before = world.api().answers.len();
        world.kernel.input(
            world.api,
            "logs",
            Message::Control(Arc::from(format!("logs /containerLogs/default/{text}"))),
        );
        world.run_ms(ms);
        world.api().answers[before..].join("|")
    };
    world.run_ms(50);
    assert_eq!(
        ask(&mut world, "log/main", 50),
        "400: container \"main\" in pod \"log\" is waiting to start: ContainerCreating"
    );
    world.run_ms(3_500);
    let followed = ask(&mut world, "log/main?follow=true&tailLines=1", 3_500);
    assert!(followed.starts_with("|line "), "{followed}");
    assert!(followed.ends_with("line 3\n"), "{followed}");
    assert_eq!(ask(&mut world, "log/main?tailLines=2", 50), "line 2\nline 3\n");
    assert_eq!(ask(&mut world, "log/main?limitBytes=4", 50), "line");
    let stamped = ask(&mut world, "log/main?tailLines=1&timestamps=true", 50);
    assert!(stamped.starts_with("2026-01-01T00:00:0") && stamped.ends_with("Z line 3\n"), "{stamped}");
    assert_eq!(
        ask(&mut world, "log/main?previous=true", 50),
        "400: previous terminated container \"main\" in pod \"log\" not found"
    );
    assert_eq!(ask(&mut world, "log/none", 50), "404: container \"none\" not found in pod \"log\"");
    assert_eq!(ask(&mut world, "gone/main", 50), "404: pod \"gone\" not found");
}

#[test]
fn environments_and_volumes_reach_the_container() {
    let mut world = World::new();
    world.put(
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings", "namespace": "default" },
        "data": { "color": "blue", "size": "big" } }),
    );
    world.put(json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "keys", "namespace": "default" },
        "data": { "password": "c2VjcmV0" } }));
    world.put(json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "my-db", "namespace": "default" },
        "spec": { "clusterIP": "10.96.0.9", "ports": [{ "port": 5432, "protocol": "TCP" }] } }));
    world.run_ms(50);
    let mut main = script(
        "echo $COLOR $size $PASSWORD; echo $WHO at $IP on $NODE; echo $GREETING; echo $MY_DB_SERVICE_HOST $MY_DB_PORT_5432_TCP; cat /config/color /keys/pw; echo; cat /info/labels; echo; cat /var/run/token; echo; sleep 3600",
    );
    main["envFrom"] = json!([{ "configMapRef": { "name": "settings" } }]);
    main["env"] = json!([
        { "name": "COLOR", "valueFrom": { "configMapKeyRef": { "name": "settings", "key": "color" } } },
        { "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "keys", "key": "password" } } },
        { "name": "WHO", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
        { "name": "IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } },
        { "name": "NODE", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } },
        { "name": "GREETING", "value": "hello $(WHO) $(NOBODY) $$(WHO)" },
    ]);
    main["volumeMounts"] = json!([
        { "name": "config", "mountPath": "/config" },
        { "name": "keys", "mountPath": "/keys" },
        { "name": "info", "mountPath": "/info" },
        { "name": "access", "mountPath": "/var/run" },
    ]);
    let volumes = json!([
        { "name": "config", "configMap": { "name": "settings" } },
        { "name": "keys", "secret": { "secretName": "keys", "items": [{ "key": "password", "path": "pw" }] } },
        { "name": "info", "downwardAPI": { "items": [{ "path": "labels", "fieldRef": { "fieldPath": "metadata.labels" } }] } },
        { "name": "access", "projected": { "sources": [{ "serviceAccountToken": { "path": "token" } }] } },
    ]);
    world.put(pod("env", main, json!({ "volumes": volumes })));
    world.run_ms(6_000);
    world.kernel.input(world.api, "logs", Message::Control(Arc::from("logs /containerLogs/default/env/main")));
    world.run_ms(100);
    assert_eq!(
        world.api().answers,
        [
            "blue big secret\nenv at 10.244.1.2 on node-a\nhello env $(NOBODY) $(WHO)\n10.96.0.9 tcp://10.96.0.9:5432\nbluesecret\napp=\"env\"\ney.token\n"
        ]
    );
    assert_eq!(world.api().sent("POST /api/v1/namespaces/default/serviceaccounts/default/token").len(), 1);
}

#[test]
fn a_new_image_restarts_its_container_whatever_the_policy_and_nothing_else() {
    for policy in ["Always", "Never"] {
        let mut world = World::new();
        let more = json!({ "restartPolicy": policy, "terminationGracePeriodSeconds": 1 });
        world.put(pod("web", json!({ "image": "nginx:1.27" }), more.clone()));
        world.run_ms(20_000);
        assert_eq!(world.state("web"), "Running", "{policy}");
        let mut labelled = pod("web", json!({ "image": "nginx:1.27" }), more.clone());
        labelled["metadata"]["labels"]["tier"] = json!("front");
        world.put(labelled);
        world.run_ms(5_000);
        assert_eq!(world.status("web")["containerStatuses"][0]["restartCount"], 0);
        let mut changed = pod("web", json!({ "image": "nginx:1.28" }), more);
        changed["metadata"]["generation"] = json!(2);
        world.put(changed);
        world.run_ms(30_000);
        let status = world.status("web")["containerStatuses"][0].clone();
        assert_eq!((&status["restartCount"], &status["image"]), (&json!(1), &json!("docker.io/library/nginx:1.28")));
        assert_eq!(world.state("web"), "Running");
        let events = world.events("web");
        let killing = "Killing Container main definition changed, will be restarted x1".to_owned();
        assert!(events.contains(&killing), "{events:?}");
        assert!(events.iter().any(|event| event.starts_with("Pulling Pulling image \"nginx:1.28\"")), "{events:?}");
    }
}

#[test]
fn a_container_says_who_it_runs_as() {
    let mut world = World::new();
    world.put(pod("root", script("sleep 600"), json!({})));
    let mut own = script("id; sleep 600");
    own["securityContext"] = json!({ "runAsUser": 1000 });
    let context = json!({ "runAsUser": 5, "runAsGroup": 3000, "fsGroup": 2000, "supplementalGroups": [4000] });
    world.put(pod("own", own, json!({ "securityContext": context })));
    world.run_ms(20_000);
    let user = |name: &str| world.status(name)["containerStatuses"][0]["user"].clone();
    assert_eq!(user("root"), json!({ "linux": { "uid": 0, "gid": 0, "supplementalGroups": [0, 10] } }));
    assert_eq!(user("own"), json!({ "linux": { "uid": 1000, "gid": 3000, "supplementalGroups": [2000, 3000, 4000] } }));
    world.kernel.input(world.api, "logs", Message::Control(Arc::from("logs /containerLogs/default/own/main")));
    world.run_ms(100);
    assert_eq!(world.api().answers, ["uid=1000 gid=3000 groups=2000,3000,4000\n"]);
}

#[test]
fn a_sidecar_with_a_new_image_is_restarted() {
    let with = |image: &str| {
        let sidecar =
            json!({ "name": "proxy", "image": image, "command": ["sleep", "600"], "restartPolicy": "Always" });
        pod("web", script("sleep 600"), json!({ "initContainers": [sidecar], "terminationGracePeriodSeconds": 1 }))
    };
    let mut world = World::new();
    world.put(with("busybox:1.36"));
    world.run_ms(20_000);
    let mut changed = with("busybox:1.37");
    changed["metadata"]["generation"] = json!(2);
    world.put(changed);
    world.run_ms(30_000);
    let (status, events) = (world.status("web"), world.events("web"));
    assert_eq!(status["initContainerStatuses"][0]["restartCount"], 1, "{status} {events:?}");
    assert!(events.iter().all(|event| !event.contains("Container main definition")), "{events:?}");
    assert!(events.contains(&"Killing Init container proxy definition changed x1".to_owned()), "{events:?}");
}

#[test]
fn a_container_finds_who_its_pod_is_in_its_hosts_file() {
    let mut world = World::new();
    let aliases = json!([{ "ip": "10.1.2.3", "hostnames": ["foo.remote", "bar.remote"] }]);
    let named = json!({ "hostname": "db", "subdomain": "set", "hostAliases": aliases });
    world.put(pod(
        "named",
        script("cat /etc/hosts; echo; hostname; echo 1.2.3.4 more >> /etc/hosts; sleep 600"),
        named,
    ));
    world.put(pod("host", script("cat /etc/hosts; hostname; sleep 600"), json!({ "hostNetwork": true })));
    let mut own = script("ls -l /etc/hosts || echo a directory; sleep 600");
    own["volumeMounts"] = json!([{ "name": "mine", "mountPath": "/etc/hosts" }]);
    world.put(pod("own", own, json!({ "volumes": [{ "name": "mine", "emptyDir": {} }] })));
    world.run_ms(20_000);
    let ip = world.status("named")["podIP"].as_str().expect("an address").to_owned();
    let node = world.status("named")["hostIP"].as_str().expect("an address").to_owned();
    let mut logs = |name: &str| {
        let ask = format!("logs /containerLogs/default/{name}/main");
        world.kernel.input(world.api, "logs", Message::Control(Arc::from(ask)));
        world.run_ms(100);
        world.api().answers.last().expect("an answer").clone()
    };
    let common = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
    let rest = "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n";
    let added = "\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\tbar.remote\n";
    assert_eq!(
        logs("named"),
        format!(
            "# Kubernetes-managed hosts file.\n{common}{rest}{ip}\tdb.set.default.svc.cluster.local\tdb\n{added}\ndb\n"
        )
    );
    let host = logs("host");
    assert!(host.starts_with(&format!("# Kubernetes-managed hosts file (host network).\n{common}")), "{host}");
    assert!(host.ends_with(&format!("{node}\tnode-a\nnode-a\n")), "{host}");
    assert!(!logs("own").contains("Kubernetes"), "what it mounts there itself stands");
}
