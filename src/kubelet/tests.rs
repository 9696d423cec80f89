//! A kubelet, a real runtime and a small API server, driven by the kernel.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::api::{Kind, Message, Object, ObjectKey, Role, roles};
use crate::cri::{Runtime, RuntimeConfig};
use crate::sim::{Kernel, KernelConfig, ProcessId, SimTime};

use super::{Kubelet, KubeletConfig};

mod api;
mod failures;
mod lifecycle;
mod probing;

use api::Api;

/// A world of one node.
pub(super) struct World {
    pub kernel: Kernel<Message>,
    pub api: ProcessId,
    pub kubelet: ProcessId,
    pub runtime: ProcessId,
}

impl World {
    pub fn new() -> Self {
        let mut kernel = Kernel::new(KernelConfig {
            seed: 7,
            epoch_unix_micros: 1_767_225_600_000_000,
            trace_capacity: 200_000,
            connection_timeout: Duration::from_secs(45),
            link: roles::link,
        });
        let (api, kubelet, runtime) = (ProcessId(0), ProcessId(1), ProcessId(2));
        kernel.add("kube-apiserver", Role::ApiServer.as_str(), Box::new(Api::default()));
        let config = KubeletConfig {
            node: Arc::from("node-a"),
            apiserver: api,
            runtime,
            cpu_millis: 4_000,
            memory_bytes: 8 << 30,
            pods: 110,
            labels: BTreeMap::new(),
            internal_ip: "172.18.0.2".into(),
        };
        kernel.add("kubelet/node-a", Role::Kubelet.as_str(), Box::new(Kubelet::new(config)));
        let config = RuntimeConfig {
            node: Arc::from("node-a"),
            pod_cidr: "10.244.1.0/24".into(),
            kubelet,
            storage: ProcessId(u32::MAX),
            memory_bytes: 8 << 30,
        };
        kernel.add("containerd/node-a", Role::Runtime.as_str(), Box::new(Runtime::new(config)));
        let mut world = World { kernel, api, kubelet, runtime };
        world.run_ms(1_000);
        world
    }

    pub fn run_ms(&mut self, ms: u64) {
        let until = self.kernel.now() + Duration::from_millis(ms);
        self.kernel.run_until(until);
    }

    /// Runs until `done`, for `ms` at most; whether it was.
    pub fn run_while(&mut self, ms: u64, done: impl Fn(&Api) -> bool) -> bool {
        let until = self.kernel.now() + Duration::from_millis(ms);
        while self.kernel.now() < until {
            if done(self.api()) {
                return true;
            }
            self.kernel.step();
        }
        done(self.api())
    }

    pub fn api(&self) -> &Api {
        self.kernel.inspect(self.api).expect("the API server is there")
    }

    /// Somebody outside writes an object: `put` (create or replace) or `delete`.
    fn act(&mut self, what: &str, value: &Value) {
        let text = format!("{what} {value}");
        self.kernel.input(self.api, what, Message::Control(Arc::from(text)));
        self.kernel.run_until(self.kernel.now());
    }

    pub fn put(&mut self, value: Value) {
        self.act("put", &value);
    }

    /// Begins or ends a time in which watches tell nothing; at its end they have to be begun anew.
    pub fn quiet(&mut self, quiet: bool) {
        self.act("quiet", &json!(quiet));
    }

    pub fn delete(&mut self, kind: Kind, name: &str) {
        self.act("delete", &json!({ "kind": kind.info().kind, "name": name }));
    }

    pub fn pod(&self, name: &str) -> Option<&Arc<Object>> {
        self.api().objects.get(&(Kind::Pod, ObjectKey::new("default", name)))
    }

    /// A pod's status as JSON; null when it is gone.
    pub fn status(&self, name: &str) -> Value {
        self.pod(name).map_or(Value::Null, |pod| pod.to_value()["status"].clone())
    }

    /// Events about a pod: reason, message and count, in order.
    pub fn events(&self, name: &str) -> Vec<String> {
        self.api().events(name)
    }

    /// `Waiting ErrImagePull`, `Running`, `Terminated Error 1`: the first container's state.
    pub fn state(&self, name: &str) -> String {
        let status = &self.status(name)["containerStatuses"][0];
        describe(&status["state"])
    }

    pub fn now_secs(&self) -> u64 {
        self.kernel.now().as_millis() / 1_000
    }

    pub fn at(&self) -> SimTime {
        self.kernel.now()
    }
}

pub(super) fn describe(state: &Value) -> String {
    if state["running"].is_object() {
        return "Running".to_owned();
    }
    let terminated = &state["terminated"];
    if terminated.is_object() {
        return format!("Terminated {} {}", terminated["reason"].as_str().unwrap_or("-"), terminated["exitCode"]);
    }
    format!("Waiting {}", state["waiting"]["reason"].as_str().unwrap_or("-"))
}

/// A pod bound to the node, with one container; `more` is merged into its spec.
pub(super) fn pod(name: &str, container: Value, more: Value) -> Value {
    let mut container = container;
    container["name"] = json!("main");
    let mut spec = json!({
        "nodeName": "node-a",
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "serviceAccountName": "default",
        "containers": [container],
    });
    if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
        spec.extend(more.clone());
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": "default", "uid": format!("uid-{name}"), "generation": 1, "labels": { "app": name } },
        "spec": spec,
        "status": {
            "phase": "Pending",
            "conditions": [{ "type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" }],
        },
    })
}

/// A container that runs a script.
pub(super) fn script(text: &str) -> Value {
    json!({ "image": "busybox:1.36", "command": ["sh", "-c", text] })
}
