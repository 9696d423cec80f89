//! How a snapshot is read off a world.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ContainerStatus, Node, Pod};
use serde_json::Value;

use crate::api::quantity::Quantity;
use crate::api::resources::pod_requests;
use crate::api::{Kind, Object, Role};
use crate::controllers::ControllerManager;
use crate::cri::Runtime;
use crate::scheduler::Scheduler;
use crate::sim::Order;
use crate::sim::persistent::OrdMap;
use crate::sim::{Kernel, ProcessId, ProcessState};

use super::index::{TraceIndex, http_request};
use super::label::label;
use super::snapshot::{ComponentView, Flight, NodeView, Phase, PodView, Snapshot};
use super::world::World;

/// The name of the fact that tells whether one of several leads.
pub const LEADERSHIP: &str = "leadership";

/// Up to so many nodes the runtimes say what they hold.
const NODES_FEW: usize = 3;

/// The parts of a snapshot that change only when something stored does, kept between frames.
#[derive(Clone, Debug, Default)]
pub(super) struct Views {
    revision: u64,
    /// Which processes run: a node's view shows it, and no revision tells of it.
    running: Vec<ProcessState>,
    nodes: Arc<Vec<NodeView>>,
    pods: Arc<Vec<PodView>>,
    /// Pod views by etcd key, with the revision they were made at: made anew only for pods that changed.
    made: OrdMap<Arc<str>, (u64, PodMade)>,
    components: Arc<Vec<ComponentView>>,
    /// The flights of the last snapshot: what a message is called does not change on its way.
    flights: Arc<Vec<Flight>>,
}

#[derive(Clone, Debug)]
struct PodMade {
    view: PodView,
    cpu_millis: u64,
    memory_bytes: u64,
}

impl World {
    pub(super) fn snapshot(&self, index: &TraceIndex, views: &mut Views) -> Snapshot {
        let kernel = self.kernel();
        let revision = self.etcd().store().revision();
        let running: Vec<ProcessState> = kernel.processes().map(|(.., state)| state).collect();
        let same_running = views.running == running;
        if views.revision != revision || !same_running {
            views.revision = revision;
            views.running = running;
            self.refresh_pods(views);
            views.nodes = Arc::new(self.node_views(views));
        }
        self.refresh_components(views, same_running);
        views.flights = Arc::new(self.flights(index, &views.flights));
        Snapshot {
            now: kernel.now(),
            unix_micros: kernel.unix_micros(),
            revision,
            flights: views.flights.clone(),
            components: views.components.clone(),
            nodes: views.nodes.clone(),
            pods: views.pods.clone(),
        }
    }

    /// The messages under way, by id. What was under way `before` has its label already.
    fn flights(&self, index: &TraceIndex, before: &[Flight]) -> Vec<Flight> {
        let kernel = self.kernel();
        let mut flights: Vec<Flight> = kernel
            .in_flight()
            // What is promised but has not left its sender is not on the wire yet.
            .filter(|envelope| envelope.sent <= kernel.now() && envelope.from != crate::sim::ProcessId::OUTSIDE)
            .map(|envelope| {
                if let Ok(known) = before.binary_search_by(|flight| flight.id.cmp(&envelope.id)) {
                    // A fault may hold a message up: only its arrival can have changed.
                    return Flight { arrives: envelope.arrives, ..before[known].clone() };
                }
                let request = http_request(kernel.trace(), index, envelope.id);
                let (kind, label) = label(&envelope.payload, request);
                Flight {
                    id: envelope.id,
                    from: envelope.from,
                    to: envelope.to,
                    sent: envelope.sent,
                    arrives: envelope.arrives,
                    kind,
                    label,
                    heartbeat: index.is_heartbeat(envelope.id),
                    cause: envelope.cause,
                }
            })
            .collect();
        flights.order_by_key(|flight| flight.id);
        flights
    }

    /// Brings the components up to date. Where the same processes run as before only their facts may differ, and
    /// whether anything asks for them.
    fn refresh_components(&self, views: &mut Views, same_running: bool) {
        if !same_running || views.components.is_empty() {
            views.components = Arc::new(self.component_views());
            return;
        }
        let few = self.has_few_nodes();
        let changed: Vec<(usize, bool, Vec<(Arc<str>, Arc<str>)>)> = views
            .components
            .iter()
            .enumerate()
            .filter(|(_, view)| few || !matches!(view.role, Role::Kubelet | Role::Runtime))
            .map(|(at, view)| (at, self.is_idle(view.role), self.facts(view.role, view.process, few)))
            .filter(|(at, idle, facts)| views.components[*at].idle != *idle || views.components[*at].facts != *facts)
            .collect();
        if !changed.is_empty() {
            let components = Arc::make_mut(&mut views.components);
            for (at, idle, facts) in changed {
                (components[at].idle, components[at].facts) = (idle, facts);
            }
        }
    }

    fn refresh_pods(&self, views: &mut Views) {
        let now = self.kernel().unix_micros();
        let earlier = std::mem::take(&mut views.made);
        let mut changed = false;
        for kv in self.etcd().store().iter_prefix("/registry/pods/") {
            let made = match earlier.get(&kv.key) {
                Some((revision, made)) if *revision == kv.mod_revision => made.clone(),
                _ => {
                    changed = true;
                    pod_view(&kv.value.object(), kv.mod_revision, now)
                }
            };
            views.made.insert(kv.key.clone(), (kv.mod_revision, made));
        }
        if changed || views.made.len() != earlier.len() {
            views.pods = Arc::new(views.made.values().map(|(_, made)| made.view.clone()).collect());
        }
    }

    fn node_views(&self, views: &Views) -> Vec<NodeView> {
        let mut used: OrdMap<&str, (u64, u64, u32)> = OrdMap::new();
        for (_, made) in views.made.values() {
            if made.view.node.is_empty() || matches!(made.view.phase, Phase::Succeeded | Phase::Failed) {
                continue;
            }
            let sums = used.entry(&made.view.node).or_default();
            sums.0 += made.cpu_millis;
            sums.1 += made.memory_bytes;
            sums.2 += 1;
        }
        let kernel = self.kernel();
        self.etcd()
            .store()
            .iter_prefix("/registry/minions/")
            .filter_map(|kv| kv.value.object().get::<Node>().map(|node| node_view(node, kernel, &used)))
            .collect()
    }

    fn has_few_nodes(&self) -> bool {
        let mut kubelets = self.kernel().processes().filter(|(_, _, role, _)| *role == Role::Kubelet.as_str());
        kubelets.nth(NODES_FEW).is_none()
    }

    fn component_views(&self) -> Vec<ComponentView> {
        // Where many nodes are drawn, none has room for what its runtime holds.
        let few = self.has_few_nodes();
        self.kernel()
            .processes()
            .filter_map(|(process, name, role, state)| {
                let role = Role::parse(role)?;
                let on_node = matches!(role, Role::Kubelet | Role::Runtime);
                let node = name.split_once('/').filter(|_| on_node).map_or("", |(_, node)| node);
                Some(ComponentView {
                    process,
                    name: name.clone(),
                    role,
                    node: Arc::from(node),
                    running: state != ProcessState::Stopped,
                    frozen: state == ProcessState::Frozen,
                    idle: self.is_idle(role),
                    facts: self.facts(role, process, few),
                })
            })
            .collect()
    }

    fn is_idle(&self, role: Role) -> bool {
        role == Role::Storage && self.csi_driver().is_idle()
    }

    /// Whether one of several leads; nothing where there is only one.
    fn leadership(&self, leads: bool) -> Option<(Arc<str>, Arc<str>)> {
        let several = self.schedulers().nth(1).is_some();
        several.then(|| (Arc::from(LEADERSHIP), Arc::from(if leads { "leads" } else { "stands by" })))
    }

    /// The small facts in a component's box.
    fn facts(&self, role: Role, process: ProcessId, few: bool) -> Vec<(Arc<str>, Arc<str>)> {
        let fact = |name: &str, value: u64| (Arc::from(name), Arc::from(value.to_string()));
        match role {
            Role::Etcd => {
                let store = self.etcd().store();
                vec![fact("rev", store.revision()), fact("keys", store.len() as u64)]
            }
            Role::ApiServer => {
                let server = self.apiserver();
                let counts = server.in_stretches(self.kernel().now());
                let named = ["authn", "authz", "admit", "valid", "store"].iter().zip(counts);
                let stretches: Vec<String> = named.map(|(name, count)| format!("{name} {count}")).collect();
                vec![
                    fact("watches", server.watchers().iter().count() as u64),
                    fact("in process", server.in_flight() as u64),
                    fact("watch cache", server.cache().revision()),
                    (Arc::from("pipeline"), Arc::from(stretches.join(", "))),
                ]
            }
            Role::Scheduler => {
                let Some(own) = self.kernel().inspect::<Scheduler>(process) else { return Vec::new() };
                let (active, backoff, unschedulable) = own.queue().lengths();
                let mut facts = vec![
                    fact("active", active as u64),
                    fact("backoff", backoff as u64),
                    fact("unschedulable", unschedulable as u64),
                ];
                facts.extend(self.leadership(own.leads()));
                facts
            }
            Role::ControllerManager => {
                let Some(own) = self.kernel().inspect::<ControllerManager>(process) else { return Vec::new() };
                let mut facts: Vec<_> = own.queue_depths().map(|(name, depth)| fact(name, depth as u64)).collect();
                facts.extend(self.leadership(own.leads()));
                facts
            }
            Role::Storage => {
                let (disks, used) = self.csi_driver().counts();
                vec![fact("disks", disks as u64), fact("in use", used as u64)]
            }
            Role::Runtime if few => {
                let runtime: Option<&Runtime> = self.kernel().inspect(process);
                runtime.map(|runtime| fact("sandboxes", runtime.counts().0 as u64)).into_iter().collect()
            }
            Role::Client | Role::Kubectl | Role::Kubelet | Role::Runtime => Vec::new(),
        }
    }
}

fn node_view(node: &Node, kernel: &Kernel<crate::api::Message>, used: &OrdMap<&str, (u64, u64, u32)>) -> NodeView {
    let name = node.metadata.name.as_deref().unwrap_or_default();
    let condition = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref())
        .and_then(|conditions| conditions.iter().find(|condition| condition.type_ == "Ready"))
        .map_or("Unknown", |condition| condition.status.as_str());
    let spec = node.spec.clone().unwrap_or_default();
    let unschedulable = spec.unschedulable == Some(true);
    let mut status = match condition {
        "True" => "Ready".to_owned(),
        _ => "NotReady".to_owned(),
    };
    if unschedulable {
        status.push_str(",SchedulingDisabled");
    }
    let allocatable = node.status.as_ref().and_then(|status| status.allocatable.clone()).unwrap_or_default();
    let amount = |resource: &str, milli: bool| {
        allocatable
            .get(resource)
            .map(Quantity::of)
            .map_or(0, |quantity| if milli { quantity.milli_value() } else { quantity.value() }) as u64
    };
    let sums = used.get(name).copied().unwrap_or_default();
    let runs = |role: &str| {
        kernel.resolve(&format!("{role}/{name}")).is_some_and(|process| kernel.state(process) != ProcessState::Stopped)
    };
    NodeView {
        name: Arc::from(name),
        uid: Arc::from(node.metadata.uid.as_deref().unwrap_or_default()),
        status: Arc::from(status),
        ready: condition == "True",
        unschedulable,
        powered: runs("kubelet") || runs("containerd"),
        cpu_millis: (sums.0, amount("cpu", true)),
        memory_bytes: (sums.1, amount("memory", false)),
        pods: (sums.2, amount("pods", false) as u32),
        taints: spec
            .taints
            .unwrap_or_default()
            .iter()
            .map(|taint| match &taint.value {
                Some(value) => format!("{}={value}:{}", taint.key, taint.effect),
                None => format!("{}:{}", taint.key, taint.effect),
            })
            .collect(),
        labels: node.metadata.labels.clone().unwrap_or_default(),
    }
}

fn pod_view(object: &Object, revision: u64, now_unix_micros: i64) -> PodMade {
    let pod: &Pod = object.expect();
    // The word kubectl prints is the server's own: the same row that a table gives.
    let row = (Kind::Pod.info().row)(object, now_unix_micros);
    let word = row.get(2).and_then(Value::as_str).unwrap_or_default();
    let empty = Vec::new();
    let statuses: &Vec<ContainerStatus> =
        pod.status.as_ref().and_then(|status| status.container_statuses.as_ref()).unwrap_or(&empty);
    let ready = statuses.iter().filter(|status| status.ready).count() as u32;
    let spec = pod.spec.as_ref();
    let total = spec.map_or(0, |spec| spec.containers.len()) as u32;
    let owner = object
        .meta()
        .owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true))
        .map_or(String::new(), |owner| format!("{}/{}", owner.kind, owner.name));
    let node = spec.and_then(|spec| spec.node_name.as_deref()).unwrap_or_default();
    let requests = spec.map(pod_requests).unwrap_or_default();
    let request = |resource: &str, milli: bool| {
        requests.get(resource).map_or(0, |amount| if milli { amount.milli_value() } else { amount.value() }) as u64
    };
    // A pod that was evicted has failed, also where the word is that its containers ended well.
    let failed = pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Failed");
    let view = PodView {
        namespace: Arc::from(object.namespace()),
        name: Arc::from(object.name()),
        uid: Arc::from(object.uid()),
        node: Arc::from(node),
        phase: if failed { Phase::Failed } else { phase(word, ready == total) },
        status: Arc::from(word),
        ready: (ready, total),
        restarts: statuses.iter().map(|status| status.restart_count as u32).sum(),
        ip: Arc::from(pod.status.as_ref().and_then(|status| status.pod_ip.as_deref()).unwrap_or_default()),
        owner: Arc::from(owner),
        resource_version: revision,
        containers: statuses
            .iter()
            .filter_map(|status| {
                let id = status.container_id.as_deref()?.rsplit("//").next()?;
                Some((Arc::from(status.name.as_str()), Arc::from(id)))
            })
            .collect(),
    };
    PodMade { view, cpu_millis: request("cpu", true), memory_bytes: request("memory", false) }
}

/// The shape for the word that kubectl prints.
pub(super) fn phase(word: &str, all_ready: bool) -> Phase {
    match word {
        "Pending" | "SchedulingGated" => Phase::Pending,
        "Running" if all_ready => Phase::Running,
        "Running" | "NotReady" => Phase::Unready,
        "Completed" | "Succeeded" => Phase::Succeeded,
        "Terminating" => Phase::Terminating,
        "Unknown" => Phase::Unknown,
        "CrashLoopBackOff" => Phase::CrashLoopBackOff,
        "Failed"
        | "Error"
        | "Evicted"
        | "OOMKilled"
        | "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError"
        | "StartError"
        | "ContainerCannotRun"
        | "DeadlineExceeded" => Phase::Failed,
        word if word.starts_with("Init:") && (word.contains("Error") || word.contains("BackOff")) => Phase::Failed,
        word if word.starts_with("Out") || word == "NodeAffinity" || word == "NodeLost" => Phase::Failed,
        _ => Phase::ContainerCreating,
    }
}
