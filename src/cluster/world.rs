//! The world: the kernel with a cluster's processes in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::api::decode::json_writer::Json;
use crate::api::etcd::KeyValue;
use crate::api::{CallId, Kind, Message, Object, ObjectKey, Role, roles};
use crate::apiserver::ApiServer;
use crate::controllers::{ControllerManager, CsiDriver};
use crate::cri::{Runtime, RuntimeConfig};
use crate::etcd::Etcd;
use crate::kubectl::Kubectl;
use crate::kubelet::{Kubelet, KubeletConfig};
use crate::scheduler::Scheduler;
use crate::sim::{EventId, Kernel, KernelConfig, ProcessId, Replay, SimTime};

use super::command::Command;
use super::config::Config;
use super::faults::Standing;
use super::gateway::{Gateway, GatewayEvent};
use super::session::{Applied, InvocationView};

/// client-go's HTTP/2 health check: 30 s without a frame, then 15 s for the ping's answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(45);

/// A cluster.
#[derive(Clone, Debug)]
pub struct World {
    kernel: Kernel<Message>,
    processes: Processes,
    /// The controller managers and schedulers, by machine.
    members: Arc<[(ProcessId, ProcessId)]>,
    last_call: u64,
    last_applied: Applied,
    pub(super) standing: Arc<Vec<Standing>>,
}

/// The control plane's processes and the clients; those of the nodes follow them in pairs.
#[derive(Clone, Copy, Debug)]
struct Processes {
    etcd: ProcessId,
    apiserver: ProcessId,
    kubectl: ProcessId,
    client: ProcessId,
    csi_driver: ProcessId,
}

impl World {
    /// A cluster that has just been switched on.
    pub fn new(config: &Config) -> Self {
        let mut kernel = Kernel::new(KernelConfig {
            seed: config.seed,
            epoch_unix_micros: config.epoch_unix_micros,
            trace_capacity: config.trace_capacity,
            connection_timeout: CONNECTION_TIMEOUT,
            link: roles::link,
        });
        let etcd = kernel.add("etcd", Role::Etcd.as_str(), Box::new(Etcd::new()));
        let apiserver = kernel.add("kube-apiserver", Role::ApiServer.as_str(), Box::new(ApiServer::new(etcd)));
        let controller_manager = kernel.add(
            "kube-controller-manager",
            Role::ControllerManager.as_str(),
            Box::new(ControllerManager::new(apiserver, config.hosts()[0], config.flags())),
        );
        let scheduler = Box::new(Scheduler::with_config(apiserver, config.hosts()[0], config.scheduler()));
        let scheduler = kernel.add("kube-scheduler", Role::Scheduler.as_str(), scheduler);
        let kubectl = kernel.add("kubectl", Role::Kubectl.as_str(), Box::new(Kubectl::new(apiserver)));
        let client = kernel.add("client", Role::Client.as_str(), Box::new(Gateway::new(apiserver)));
        let csi_driver = kernel.add("csi-driver", Role::Storage.as_str(), Box::new(CsiDriver::new(apiserver)));
        for index in 0..config.nodes {
            add_node(&mut kernel, config, index, apiserver, csi_driver);
        }
        // Last, so that a cluster without them is what it was before there were any.
        let mut members = vec![(controller_manager, scheduler)];
        members.extend(config.hosts()[1..].iter().map(|host| add_standby(&mut kernel, config, host, apiserver)));
        let processes = Processes { etcd, apiserver, kubectl, client, csi_driver };
        let members = Arc::from(members);
        World { kernel, processes, members, last_call: 0, last_applied: Applied::default(), standing: Arc::default() }
    }

    /// The engine.
    pub fn kernel(&self) -> &Kernel<Message> {
        &self.kernel
    }

    /// What the last command gave.
    pub fn last_applied(&self) -> Applied {
        self.last_applied
    }

    /// etcd, for reading what is stored.
    pub fn etcd(&self) -> &Etcd {
        self.kernel.inspect(self.processes.etcd).expect("etcd is an Etcd")
    }

    /// The schedulers, by machine.
    pub fn schedulers(&self) -> impl Iterator<Item = &Scheduler> {
        self.members.iter().map(|(_, own)| self.kernel.inspect(*own).expect("the scheduler is a Scheduler"))
    }

    /// The scheduler that leads, for reading its queues and decisions; the first where none does.
    pub fn scheduler(&self) -> &Scheduler {
        let first = || self.schedulers().next().expect("there is one");
        self.schedulers().find(|own| own.leads()).unwrap_or_else(first)
    }

    /// The controller managers, by machine.
    pub fn controller_managers(&self) -> impl Iterator<Item = &ControllerManager> {
        self.members.iter().map(|(own, _)| self.kernel.inspect(*own).expect("the controller manager is one"))
    }

    /// The controller manager that leads, for reading its controllers' queues and plans; the first where none does.
    pub fn controller_manager(&self) -> &ControllerManager {
        let first = || self.controller_managers().next().expect("there is one");
        self.controller_managers().find(|own| own.leads()).unwrap_or_else(first)
    }

    /// kubectl, for reading what its invocations printed.
    pub fn kubectl(&self) -> &Kubectl {
        self.kernel.inspect(self.processes.kubectl).expect("kubectl is a Kubectl")
    }

    /// The API server, for reading its caches and watches.
    pub fn apiserver(&self) -> &ApiServer {
        self.kernel.inspect(self.processes.apiserver).expect("the API server is an ApiServer")
    }

    /// The controller of the CSI driver, for reading its sidecars and its disks.
    pub fn csi_driver(&self) -> &CsiDriver {
        self.kernel.inspect(self.processes.csi_driver).expect("the driver is a CsiDriver")
    }

    /// Whether the cluster has come up: every node is Ready and pods can be made in `default`.
    pub fn is_ready(&self) -> bool {
        let nodes = self.kernel.processes().filter(|(_, _, role, _)| *role == Role::Kubelet.as_str()).count();
        let ready = self.objects(Kind::Node).iter().filter(|node| super::snapshot::node_is_ready(node)).count();
        ready == nodes && self.object(Kind::ServiceAccount, &ObjectKey::new("default", "default")).is_some()
    }

    /// The objects of a kind as stored, by key, each with its resource version.
    pub fn objects(&self, kind: Kind) -> Vec<Arc<Object>> {
        let prefix = format!("/registry/{}/", kind.info().etcd_prefix);
        self.etcd().store().iter_prefix(&prefix).map(|kv| kv.value.object()).collect()
    }

    /// Lets `act` see what is stored under a kind, by key, as it lies in etcd: `objects` without a copy of each.
    pub fn each_stored(&self, kind: Kind, act: &mut dyn FnMut(&KeyValue)) {
        let prefix = format!("/registry/{}/", kind.info().etcd_prefix);
        self.etcd().store().iter_prefix(&prefix).for_each(act);
    }

    /// The object stored under a key.
    pub fn object(&self, kind: Kind, key: &ObjectKey) -> Option<Arc<Object>> {
        self.etcd().store().get(&kind.info().etcd_key(&key.namespace, &key.name)).map(|kv| kv.value.object())
    }

    /// What came of a kubectl line.
    pub fn invocation(&self, id: u64) -> Option<InvocationView> {
        let invocation = self.kubectl().invocation(id)?;
        Some(InvocationView {
            line: invocation.line.clone(),
            stdout: invocation.stdout(),
            stderr: invocation.stderr(),
            output: invocation
                .output
                .iter()
                .map(|(stream, text)| (matches!(stream, crate::kubectl::Stream::Stderr), text.clone()))
                .collect(),
            code: invocation.code,
            diagnostics: invocation
                .diagnostics
                .iter()
                .map(|found| (found.document as u32, found.line.unwrap_or(0), found.message.to_string()))
                .collect(),
        })
    }

    /// Takes what came back to clients outside since the last time, by call.
    pub fn drain_gateway(&mut self) -> Vec<(u64, GatewayEvent)> {
        let idle = self.kernel.inspect::<Gateway>(self.processes.client).is_none_or(|gateway| !gateway.has_events());
        if idle {
            return Vec::new();
        }
        self.gateway().drain().into_iter().map(|(call, event)| (call.0, event)).collect()
    }

    fn gateway(&mut self) -> &mut Gateway {
        self.kernel.edge_mut(self.processes.client).expect("the client is a gateway")
    }

    pub(super) fn node_processes(&self, node: &str) -> Option<(ProcessId, ProcessId)> {
        let kubelet = self.kernel.resolve(&format!("kubelet/{node}"))?;
        let runtime = self.kernel.resolve(&format!("containerd/{node}"))?;
        Some((kubelet, runtime))
    }

    /// Lets a command act. What names something that is not there does nothing.
    fn act(&mut self, command: &Command) {
        let text = command.text();
        self.last_applied = Applied::default();
        match command {
            Command::Kubectl { line, stdin } => {
                let payload = Message::Line { line: Arc::from(line.as_str()), stdin: Arc::from(stdin.as_str()) };
                self.last_applied.id = self.kernel.input(self.processes.kubectl, &text, payload);
                // The prompt takes the line at once: the invocation is there when this returns.
                let now = self.kernel.now();
                self.kernel.run_until(now);
                self.last_applied.invocation = Some(self.kubectl().last_id());
            }
            Command::Interrupt { invocation } => {
                let payload = Message::Control(Arc::from(format!("interrupt {invocation}")));
                self.last_applied.id = self.kernel.input(self.processes.kubectl, &text, payload);
            }
            Command::Http { request } => {
                self.last_call += 1;
                let call = CallId(self.last_call);
                self.last_applied.call = Some(call.0);
                match request.to_request() {
                    Ok(request) => {
                        let payload = Message::Request { call, request: Arc::new(request) };
                        self.last_applied.id = self.kernel.input(self.processes.client, &text, payload);
                    }
                    // What the edge cannot read never reaches the API server's pipeline.
                    Err(status) => self.gateway().refuse(call, status),
                }
            }
            Command::HttpCancel { call } => {
                let payload = Message::Cancel { call: CallId(*call) };
                self.last_applied.id = self.kernel.input(self.processes.client, &text, payload);
            }
            Command::ConfigureScheduler { configuration } => {
                let payload = Message::Control(Arc::from(format!("configure {}", configuration.json())));
                // Every machine's scheduler has the same configuration.
                let members = self.members.clone();
                let ids = members.iter().map(|(_, own)| self.kernel.input(*own, &text, payload.clone()));
                self.last_applied.id = ids.min().expect("there is a scheduler");
            }
            _ => {
                self.act_fault(command);
            }
        }
    }

    pub(super) fn kernel_mut(&mut self) -> &mut Kernel<Message> {
        &mut self.kernel
    }

    /// The number of the act that is being applied.
    pub(super) fn applied_id(&mut self, id: EventId) {
        self.last_applied.id = id;
    }
}

/// Another machine of the control plane: a controller manager and a scheduler that stand by.
fn add_standby(
    kernel: &mut Kernel<Message>,
    config: &Config,
    host: &'static str,
    apiserver: ProcessId,
) -> (ProcessId, ProcessId) {
    let manager = Box::new(ControllerManager::new(apiserver, host, config.flags()));
    let role = Role::ControllerManager.as_str();
    let manager = kernel.add(&format!("{role}/{host}"), role, manager);
    let role = Role::Scheduler.as_str();
    let scheduler = kernel.add(
        &format!("{role}/{host}"),
        role,
        Box::new(Scheduler::with_config(apiserver, host, config.scheduler())),
    );
    (manager, scheduler)
}

fn add_node(kernel: &mut Kernel<Message>, config: &Config, index: u32, apiserver: ProcessId, storage: ProcessId) {
    let name = config.node_name(index);
    let node: Arc<str> = Arc::from(name.as_str());
    let kubelet = kernel.next_process_id();
    let runtime = ProcessId(kubelet.0 + 1);
    let kubelet_config = KubeletConfig {
        node: node.clone(),
        apiserver,
        runtime,
        cpu_millis: config.node_cpu_millis,
        memory_bytes: config.node_memory_bytes,
        pods: config.node_pods,
        labels: BTreeMap::new(),
        internal_ip: config.node_ip(index),
    };
    kernel.add(&format!("kubelet/{name}"), Role::Kubelet.as_str(), Box::new(Kubelet::new(kubelet_config)));
    let memory_bytes = config.node_memory_bytes;
    let runtime_config = RuntimeConfig { node, pod_cidr: String::new(), kubelet, storage, memory_bytes };
    kernel.add(&format!("containerd/{name}"), Role::Runtime.as_str(), Box::new(Runtime::new(runtime_config)));
}

/// The keys that all checkpoints of a world hold together: what is kept of 30,000 pods sixty times does not fit into a page.
const CHECKPOINT_KEYS: usize = 1_000_000;

impl Replay for World {
    type Input = Command;

    fn now(&self) -> SimTime {
        self.kernel.now()
    }

    fn handled(&self) -> u64 {
        self.kernel.handled()
    }

    fn run_until(&mut self, until: SimTime) {
        self.kernel.run_until(until);
    }

    fn run_bounded(&mut self, until: SimTime, handled: u64) -> bool {
        self.kernel.run_bounded(until, handled)
    }

    fn run_to(&mut self, handled: u64, at: SimTime) {
        self.kernel.run_to(handled, at);
    }

    fn apply(&mut self, input: &Command) {
        self.act(input);
    }

    fn checkpoints_max(&self) -> usize {
        CHECKPOINT_KEYS / self.etcd().store().len().max(1)
    }
}
