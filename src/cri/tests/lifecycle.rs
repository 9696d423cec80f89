//! Sandboxes, pulls, containers and their ends.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Message;
use crate::api::cri::{
    ContainerConfig, ContainerState, ContainerStatus, CriMessage, CriRequest, CriResponse, LogOptions,
};
use crate::cri::operations::request;
use crate::cri::runtime::{Runtime, RuntimeConfig};
use crate::sim::{Kernel, ProcessId, SimTime};

use super::{KUBELET, Listener, RUNTIME, config, kernel, sandbox};

struct Node {
    kernel: Kernel<Message>,
    kubelet: ProcessId,
    runtime: ProcessId,
    calls: u64,
}

impl Node {
    fn new() -> Self {
        let mut kernel = kernel();
        let (kubelet, runtime) = (ProcessId(0), ProcessId(1));
        kernel.add("kubelet/node-a", KUBELET, Box::new(Listener { runtime: Some(runtime), ..Listener::default() }));
        let config = RuntimeConfig {
            node: Arc::from("node-a"),
            pod_cidr: "10.244.1.0/24".into(),
            kubelet,
            storage: ProcessId(u32::MAX),
            memory_bytes: 8 << 30,
        };
        kernel.add("containerd/node-a", RUNTIME, Box::new(Runtime::new(config)));
        let mut node = Node { kernel, kubelet, runtime, calls: 0 };
        node.call(CriRequest::GetContainerEvents);
        node
    }

    /// Sends a request without waiting.
    fn send(&mut self, what: CriRequest) -> u64 {
        self.calls += 1;
        self.kernel.input(self.kubelet, "", request(self.calls, what));
        self.calls
    }

    fn answer(&self, wanted: u64) -> Option<(SimTime, Arc<CriResponse>)> {
        let listener: &Listener = self.kernel.inspect(self.kubelet)?;
        listener.heard.iter().find_map(|(at, message)| match message {
            Message::Cri(CriMessage::Response { call, response }) if *call == wanted => Some((*at, response.clone())),
            _ => None,
        })
    }

    /// Sends a request, and runs until its answer; how long it took, and the answer.
    fn call(&mut self, what: CriRequest) -> (Duration, Arc<CriResponse>) {
        let began = self.kernel.now();
        let call = self.send(what);
        for _ in 0..200_000 {
            if let Some((at, response)) = self.answer(call) {
                return (at.since(began), response);
            }
            self.kernel.step().expect("an answer is still to come");
        }
        panic!("call {call} was never answered");
    }

    fn sleep(&mut self, ms: u64) {
        let until = self.kernel.now() + Duration::from_millis(ms);
        self.kernel.run_until(until);
    }

    fn start(&mut self, config: ContainerConfig) -> Arc<str> {
        let (_, response) = self.call(sandbox());
        let CriResponse::RunPodSandbox { sandbox_id, .. } = &*response else { panic!("{response:?}") };
        self.call(CriRequest::PullImage { image: config.image.clone() });
        let (_, response) = self.call(CriRequest::CreateContainer { sandbox_id: sandbox_id.clone(), config });
        let CriResponse::CreateContainer { container_id } = &*response else { panic!("{response:?}") };
        self.call(CriRequest::StartContainer { container_id: container_id.clone() });
        container_id.clone()
    }

    fn status(&mut self, id: &Arc<str>) -> ContainerStatus {
        let (_, response) = self.call(CriRequest::ContainerStatus { container_id: id.clone() });
        let CriResponse::ContainerStatus(status) = &*response else { panic!("{response:?}") };
        (**status).clone()
    }

    fn log(&mut self, id: &Arc<str>) -> Vec<String> {
        let options = LogOptions::default();
        let (_, response) = self.call(CriRequest::ReadLog { container_id: id.clone(), options });
        let CriResponse::Log { lines, .. } = &*response else { panic!("{response:?}") };
        lines.iter().map(|line| line.text.to_string()).collect()
    }
}

#[test]
fn a_container_runs_answers_and_stops() {
    let mut node = Node::new();
    let (took, response) = node.call(sandbox());
    assert!((200..=401).contains(&(took.as_millis() as u64)), "{took:?}");
    let CriResponse::RunPodSandbox { sandbox_id, ip } = &*response else { panic!("{response:?}") };
    assert_eq!(&**ip, "10.244.1.2");
    let (took, response) = node.call(CriRequest::PullImage { image: Arc::from("nginx") });
    assert!(matches!(&*response, CriResponse::PullImage { size_bytes: 72_950_530, .. }), "{response:?}");
    assert!((1_100..=2_400).contains(&(took.as_millis() as u64)), "{took:?}");
    let config = ContainerConfig { image: Arc::from("nginx"), ..config("nginx", &[]) };
    let (_, response) = node.call(CriRequest::CreateContainer { sandbox_id: sandbox_id.clone(), config });
    let CriResponse::CreateContainer { container_id } = &*response else { panic!("{response:?}") };
    node.call(CriRequest::StartContainer { container_id: container_id.clone() });
    node.sleep(100);
    let status = node.status(container_id);
    assert_eq!(status.state, ContainerState::Running);
    assert_eq!(&*status.image, "docker.io/library/nginx:latest");
    assert!(status.image_ref.starts_with("docker.io/library/nginx@sha256:"), "{}", status.image_ref);
    let connect = |port, path: Option<&str>| CriRequest::Connect {
        sandbox_id: sandbox_id.clone(),
        port,
        path: path.map(str::to_owned),
    };
    let (_, response) = node.call(connect(80, Some("/")));
    assert!(matches!(&*response, CriResponse::Connect { code: 200, body } if body.contains("Welcome to nginx!")));
    let (_, response) = node.call(connect(80, Some("/nothing")));
    assert!(matches!(&*response, CriResponse::Connect { code: 404, .. }));
    let (_, response) = node.call(connect(81, None));
    assert!(matches!(&*response, CriResponse::Failed(error) if error.message == "connect: connection refused"));
    let log = node.log(container_id);
    assert!(log[0].starts_with("/docker-entrypoint.sh: /docker-entrypoint.d/ is not empty"), "{log:?}");
    assert!(log.iter().any(|line| line.contains("\"GET / HTTP/1.1\" 200 ")), "{log:?}");
    let (took, _) = node.call(CriRequest::StopContainer { container_id: container_id.clone(), timeout_seconds: 30 });
    assert!(took < Duration::from_secs(1), "nginx quits gracefully at once: {took:?}");
    assert_eq!(node.status(container_id).exit_code, 0);
    node.call(CriRequest::StopPodSandbox { sandbox_id: sandbox_id.clone() });
    node.call(CriRequest::RemovePodSandbox { sandbox_id: sandbox_id.clone() });
    let (_, response) = node.call(CriRequest::ListContainers);
    assert_eq!(*response, CriResponse::ListContainers(Vec::new()));
}

#[test]
fn how_containers_end() {
    // What runs, how long it is left alone, whether it is then stopped with 5 s of grace; the exit
    // code, the reason, and how many whole seconds the stop took.
    type Case<'a> = (&'a str, &'a [&'a str], u64, bool, i32, &'a str, u64);
    let cases: &[Case<'_>] = &[
        ("busybox", &["sh", "-c", "exit 3"], 100, false, 3, "Error", 0),
        ("busybox", &["sh", "-c", "echo done"], 100, false, 0, "Completed", 0),
        ("busybox", &[], 100, false, 0, "Completed", 0),
        ("busybox", &["sleep", "3600"], 100, true, 137, "Error", 5),
        ("busybox", &["sh", "-c", "sleep 3600"], 100, true, 137, "Error", 5),
        ("busybox", &["sh", "-c", "trap 'exit 7' TERM; while true; do sleep 1; done"], 100, true, 7, "Error", 0),
        ("busybox", &["sh", "-c", "trap 'echo bye; exit 0' TERM; sleep 3600 & wait"], 100, true, 0, "Completed", 0),
        ("busybox", &["sh", "-c", "trap 'exit 0' TERM; sleep 3600"], 100, true, 137, "Error", 5),
        ("postgres", &[], 100, false, 1, "Error", 0),
        ("mysql", &[], 100, false, 1, "Error", 0),
        ("redis", &[], 200, true, 0, "Completed", 0),
        ("me/app:1", &[], 200, true, 0, "Completed", 0),
        ("ubuntu", &[], 100, false, 0, "Completed", 0),
        ("nginx", &["sh", "-c", "echo started; nginx -g 'daemon off;'"], 200, true, 0, "Completed", 0),
    ];
    for (image, command, wait_ms, stop, code, reason, seconds) in cases {
        let mut node = Node::new();
        let id = node.start(config(image, command));
        node.sleep(*wait_ms);
        if *stop {
            assert_eq!(node.status(&id).state, ContainerState::Running, "{image} {command:?}");
            let (took, _) = node.call(CriRequest::StopContainer { container_id: id.clone(), timeout_seconds: 5 });
            assert_eq!(took.as_secs(), *seconds, "{image} {command:?}");
        }
        let status = node.status(&id);
        let found = (status.state, status.exit_code, &*status.reason);
        assert_eq!(found, (ContainerState::Exited, *code, *reason), "{image} {command:?}: {:?}", node.log(&id));
    }
}

#[test]
fn a_command_that_is_not_there_does_not_start() {
    let mut node = Node::new();
    let id = node.start(config("nginx", &["foo"]));
    let status = node.status(&id);
    assert_eq!((status.exit_code, &*status.reason), (128, "StartError"));
    assert!(status.message.ends_with("exec: \"foo\": executable file not found in $PATH"), "{}", status.message);
}

#[test]
fn memory_beyond_the_limit_is_killed() {
    let mut node = Node::new();
    let command = ["stress", "--vm", "1", "--vm-bytes", "250M"];
    let id = node.start(ContainerConfig { memory_limit_bytes: 100 << 20, ..config("polinux/stress", &command) });
    node.sleep(500);
    let status = node.status(&id);
    assert_eq!((status.exit_code, &*status.reason), (137, "OOMKilled"));
}

#[test]
fn containers_survive_the_daemon_but_not_the_power() {
    let mut node = Node::new();
    let id = node.start(config("busybox", &["sh", "-c", "i=0; while true; do echo $i; i=$((i+1)); sleep 1; done"]));
    node.sleep(2_500);
    let runtime = node.runtime;
    node.kernel.stop(runtime);
    node.sleep(3_000);
    node.kernel.restart(runtime);
    node.sleep(100);
    assert_eq!(node.log(&id), ["0", "1", "2", "3", "4", "5"], "it went on while the daemon was away");
    node.kernel.input(runtime, "power off", Message::Control(Arc::from("power-off")));
    node.sleep(1);
    node.kernel.stop(runtime);
    node.sleep(10_000);
    node.kernel.restart(runtime);
    node.sleep(1);
    let status = node.status(&id);
    assert_eq!((status.state, status.exit_code), (ContainerState::Exited, 255));
    let (_, response) = node.call(CriRequest::ListPodSandbox);
    assert!(matches!(&*response, CriResponse::ListPodSandbox(list) if list.iter().all(|sandbox| !sandbox.ready)));
}

#[test]
fn a_kill_from_outside_is_announced() {
    let mut node = Node::new();
    let id = node.start(config("me/app:1", &[]));
    node.sleep(500);
    let runtime = node.runtime;
    let short: String = id.chars().take(12).collect();
    node.kernel.input(runtime, "kill", Message::Control(Arc::from(format!("kill {short}"))));
    node.sleep(10);
    assert_eq!(node.status(&id).exit_code, 137);
    let listener: &Listener = node.kernel.inspect(node.kubelet).expect("the listener is there");
    let events = listener.heard.iter().filter(|(_, message)| {
        matches!(message, Message::Cri(CriMessage::ContainerEvent { container_id, .. }) if *container_id == id)
    });
    assert_eq!(events.count(), 3, "created, started, stopped");
}

#[test]
fn commands_run_beside_a_program() {
    let mut node = Node::new();
    let id = node.start(config("nginx", &[]));
    node.sleep(100);
    let mut exec = |command: &[&str]| {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let (took, response) = node.call(CriRequest::ExecSync { container_id: id.clone(), command });
        match &*response {
            CriResponse::ExecSync { stdout, stderr, exit_code } => {
                (*exit_code, format!("{stdout}{stderr}"), took.as_secs())
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        exec(&["cat", "/tmp/healthy"]),
        (1, "cat: can't open '/tmp/healthy': No such file or directory\n".into(), 0)
    );
    assert_eq!(exec(&["sh", "-c", "touch /tmp/healthy; sleep 2"]), (0, String::new(), 2));
    assert_eq!(exec(&["cat", "/tmp/healthy"]), (0, String::new(), 0));
    let (code, body, _) = exec(&["sh", "-c", "curl -s localhost | grep title"]);
    assert_eq!((code, body.as_str()), (0, "<title>Welcome to nginx!</title>\n"));
    assert_eq!(exec(&["sh", "-c", "echo $GREETING from $(hostname)"]).1, "hello from web\n");
}
