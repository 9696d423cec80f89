//! The runtime driven by its messages.

use std::sync::Arc;

use crate::api::cri::{ContainerConfig, CriRequest};
use crate::api::{Message, Role, roles};
use crate::sim::{Ctx, Envelope, Kernel, KernelConfig, Process, ProcessId, SimTime};

mod lifecycle;

/// A kubelet that only writes down what it hears.
#[derive(Clone, Debug, Default)]
pub(super) struct Listener {
    pub heard: Vec<(SimTime, Message)>,
    pub runtime: Option<ProcessId>,
}

impl Process<Message> for Listener {
    fn start(&mut self, _: &mut Ctx<'_, Message>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Message>, envelope: &Envelope<Message>) {
        // What comes from outside goes on to the runtime.
        match self.runtime.filter(|_| envelope.from == ProcessId::OUTSIDE) {
            Some(runtime) => {
                ctx.send(runtime, envelope.payload.clone());
            }
            None => self.heard.push((ctx.now(), envelope.payload.clone())),
        }
    }

    fn on_timer(&mut self, _: &mut Ctx<'_, Message>, _: u64) {}

    fn lose_memory(&mut self) {}

    fn clone_box(&self) -> Box<dyn Process<Message>> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn std::any::Any {
        self
    }
}

/// A kernel for tests of this room.
pub(super) fn kernel() -> Kernel<Message> {
    Kernel::new(KernelConfig {
        seed: 1,
        epoch_unix_micros: 1_767_225_600_000_000,
        trace_capacity: 1_000,
        connection_timeout: std::time::Duration::from_secs(45),
        link: roles::link,
    })
}

pub(super) const KUBELET: &str = Role::Kubelet.as_str();
pub(super) const RUNTIME: &str = Role::Runtime.as_str();

/// A container of an image with a command.
pub(super) fn config(image: &str, command: &[&str]) -> ContainerConfig {
    ContainerConfig {
        name: Arc::from("main"),
        attempt: 0,
        image: Arc::from(image),
        hash: 0,
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        args: Vec::new(),
        working_dir: String::new(),
        envs: vec![("GREETING".into(), "hello".into())],
        mounts: Vec::new(),
        ports: vec![8080],
        cpu_limit_millis: 0,
        memory_limit_bytes: 0,
        run_as: crate::api::cri::RunAs::default(),
    }
}

/// A sandbox of a pod.
pub(super) fn sandbox() -> CriRequest {
    CriRequest::RunPodSandbox(crate::api::cri::PodSandboxConfig {
        name: Arc::from("web"),
        namespace: Arc::from("default"),
        uid: Arc::from("uid-1"),
        attempt: 0,
        hostname: Arc::from("web"),
        host_network: false,
        labels: Default::default(),
        annotations: Default::default(),
    })
}
