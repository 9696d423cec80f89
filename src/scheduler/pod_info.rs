//! A pod with what the scheduler computes of it once.
//!
//! Mirrors pkg/scheduler/framework `PodInfo`.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodSpec, Volume};

use crate::api::stored::{Lazy, Stored};
use crate::api::{Object, ObjectKey};
use crate::sim::{TraceHash, shared};

use super::affinity_term::{self, AffinityTerm};
use super::cache::Labels;
use super::config::DEFAULT_SCHEDULER;
use super::resource::{Resource, non_zero_requests, pod_requests};
use super::volumes::{PodClaim, claims_of};

/// A port that a pod takes on its node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// `TCP`, `UDP`, `SCTP`.
    pub protocol: Arc<str>,
    pub port: i32,
    /// `0.0.0.0` for every address.
    pub ip: Arc<str>,
}

/// An image, with a tag.
#[derive(Clone, Debug)]
pub struct ImageName {
    pub name: Arc<str>,
    /// What nodes are asked for.
    pub digest: u64,
}

/// The address that stands for all of them.
pub const ANY_IP: &str = "0.0.0.0";

impl HostPort {
    /// Whether both cannot be taken on one node.
    pub fn conflicts(&self, other: &HostPort) -> bool {
        self.port == other.port
            && self.protocol == other.protocol
            && (self.ip == other.ip || &*self.ip == ANY_IP || &*other.ip == ANY_IP)
    }
}

/// A pod and what follows from its spec.
#[derive(Clone, Debug)]
pub struct PodInfo {
    pub key: ObjectKey,
    pub uid: Arc<str>,
    pub resource_version: u64,
    /// `None` once it is placed: of pods on nodes there are many, and what is asked of them is below.
    object: Option<Lazy>,
    pub labels: Arc<Labels>,
    scheduler_name: Arc<str>,
    nominated_node: Arc<str>,
    /// The node it is bound to; empty before.
    node: Arc<str>,
    pub generation: Option<i64>,
    /// It is being deleted.
    pub leaving: bool,
    /// It is being deleted to make room for another.
    pub preempted: bool,
    /// When it started; the end of time if it has not.
    pub started: Timestamp,
    /// Its inline volumes that are disks: some only one pod may use, and a node takes so many of each kind.
    pub disks: Vec<Volume>,
    pub priority: i32,
    pub requests: Resource,
    /// CPU it is taken to use when nodes are scored: millicores.
    pub non_zero_cpu: i64,
    /// Memory it is taken to use when nodes are scored: bytes.
    pub non_zero_memory: i64,
    pub host_ports: Vec<HostPort>,
    /// The images of its containers, init containers first, and of its volumes, with a tag.
    pub images: Vec<ImageName>,
    pub required_affinity: Vec<AffinityTerm>,
    pub required_anti_affinity: Vec<AffinityTerm>,
    /// With their weights.
    pub preferred_affinity: Vec<(i32, AffinityTerm)>,
    /// With their weights.
    pub preferred_anti_affinity: Vec<(i32, AffinityTerm)>,
    /// The claims it uses, in the order of its volumes.
    pub claims: Vec<PodClaim>,
    /// Why its affinity could not be read.
    pub parse_error: Option<String>,
}

impl PodInfo {
    /// Computes it. Panics on anything but a pod: pods come from the pod informer.
    pub fn new(object: &Arc<Object>) -> Self {
        PodInfo::of(object, None)
    }

    /// The same of an object that is kept there.
    pub fn of(object: &Arc<Object>, kept: Option<Stored>) -> Self {
        let pod: &Pod = object.expect();
        let status = pod.status.as_ref();
        let requests = pod_requests(pod);
        let (non_zero_cpu, non_zero_memory) = non_zero_requests(pod, &requests);
        let start = status.and_then(|status| status.start_time.as_ref());
        let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let mut info = PodInfo {
            key: object.key(),
            uid: Arc::from(object.uid()),
            resource_version: object.resource_version(),
            object: Some(Lazy::new(kept.unwrap_or_else(|| object.clone().into()))),
            scheduler_name: shared(scheduler_name(pod)),
            nominated_node: shared(status.and_then(|status| status.nominated_node_name.as_deref()).unwrap_or_default()),
            labels: Arc::new(pod.metadata.labels.clone().unwrap_or_default()),
            node: shared(node_name(pod)),
            generation: pod.metadata.generation,
            leaving: pod.metadata.deletion_timestamp.is_some(),
            preempted: terminating_by_preemption(pod),
            started: start.map_or(Timestamp::MAX, |start| start.0),
            disks: volumes.filter(|volume| is_disk(volume)).cloned().collect(),
            priority: pod.spec.as_ref().and_then(|spec| spec.priority).unwrap_or(0),
            requests: Resource::of(&requests),
            non_zero_cpu,
            non_zero_memory,
            host_ports: pod.spec.as_ref().map(host_ports).unwrap_or_default(),
            images: pod.spec.as_ref().map(images).unwrap_or_default(),
            required_affinity: Vec::new(),
            required_anti_affinity: Vec::new(),
            preferred_affinity: Vec::new(),
            preferred_anti_affinity: Vec::new(),
            claims: claims_of(&object.key().namespace, pod),
            parse_error: None,
        };
        info.parse_error = info.read_affinity(pod).err();
        info
    }

    /// What is kept of it while it is on a node: not its object. `labels` are its own, shared with others.
    pub fn placed(&self, labels: Arc<Labels>) -> PodInfo {
        PodInfo { object: None, labels, images: Vec::new(), ..self.clone() }
    }

    fn read_affinity(&mut self, pod: &Pod) -> Result<(), String> {
        let Some(affinity) = pod.spec.as_ref().and_then(|spec| spec.affinity.as_ref()) else { return Ok(()) };
        let namespace = &*self.key.namespace;
        if let Some(near) = &affinity.pod_affinity {
            let hard = near.required_during_scheduling_ignored_during_execution.as_ref();
            let soft = near.preferred_during_scheduling_ignored_during_execution.as_ref();
            self.required_affinity = affinity_term::required(namespace, hard)?;
            self.preferred_affinity = affinity_term::preferred(namespace, soft)?;
        }
        if let Some(far) = &affinity.pod_anti_affinity {
            let hard = far.required_during_scheduling_ignored_during_execution.as_ref();
            let soft = far.preferred_during_scheduling_ignored_during_execution.as_ref();
            self.required_anti_affinity = affinity_term::required(namespace, hard)?;
            self.preferred_anti_affinity = affinity_term::preferred(namespace, soft)?;
        }
        Ok(())
    }

    /// Whether it has any term of affinity or anti-affinity.
    pub fn has_affinity(&self) -> bool {
        !self.required_affinity.is_empty()
            || !self.required_anti_affinity.is_empty()
            || !self.preferred_affinity.is_empty()
            || !self.preferred_anti_affinity.is_empty()
    }

    /// Whether another has the same terms.
    pub fn same_terms(&self, other: &PodInfo) -> bool {
        self.required_affinity == other.required_affinity
            && self.required_anti_affinity == other.required_anti_affinity
            && self.preferred_affinity == other.preferred_affinity
            && self.preferred_anti_affinity == other.preferred_anti_affinity
    }

    /// The topology keys of its terms.
    pub fn topology_keys(&self) -> impl Iterator<Item = &str> {
        let hard = self.required_affinity.iter().chain(&self.required_anti_affinity);
        let soft = self.preferred_affinity.iter().chain(&self.preferred_anti_affinity).map(|(_, term)| term);
        hard.chain(soft).map(|term| term.topology_key.as_str())
    }

    /// Its labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What it is while it waits: not its object, until it is looked at again.
    pub fn waiting(&self) -> PodInfo {
        PodInfo { object: self.object.as_ref().map(Lazy::unread), ..self.clone() }
    }

    /// Its object, of one that is to be scheduled.
    pub fn object(&self) -> &Arc<Object> {
        self.object.as_ref().expect("a pod that is placed is known by its digest alone")
    }

    /// The pod, of one that is to be scheduled.
    pub fn pod(&self) -> &Pod {
        self.object().expect()
    }

    /// Its spec, if it has one.
    pub fn spec(&self) -> Option<&PodSpec> {
        self.pod().spec.as_ref()
    }

    /// The profile it chooses.
    pub fn scheduler_name(&self) -> &str {
        &self.scheduler_name
    }

    /// The node it is bound to; empty before.
    pub fn node_name(&self) -> &str {
        &self.node
    }

    /// The node a preemption chose for it; empty for none.
    pub fn nominated_node(&self) -> &str {
        &self.nominated_node
    }
}

/// Whether a pod is being deleted since another needs its room.
fn terminating_by_preemption(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let target = conditions.iter().find(|condition| condition.type_ == "DisruptionTarget");
    pod.metadata.deletion_timestamp.is_some()
        && target.is_some_and(|it| it.status == "True" && it.reason.as_deref() == Some("PreemptionByScheduler"))
}

fn is_disk(volume: &Volume) -> bool {
    volume.gce_persistent_disk.is_some()
        || volume.aws_elastic_block_store.is_some()
        || volume.rbd.is_some()
        || volume.iscsi.is_some()
        || volume.azure_disk.is_some()
        || volume.cinder.is_some()
        || volume.portworx_volume.is_some()
}

/// The node a pod is bound to; empty before.
pub fn node_name(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

/// The profile a pod chooses.
pub fn scheduler_name(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.scheduler_name.as_deref()).unwrap_or(DEFAULT_SCHEDULER)
}

/// `schedutil.GetHostPorts`: of the containers, and of init containers that run on beside them.
fn host_ports(spec: &PodSpec) -> Vec<HostPort> {
    let init = spec.init_containers.iter().flatten();
    let sidecars = init.filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let ports = spec.containers.iter().chain(sidecars).flat_map(|container| container.ports.iter().flatten());
    ports
        .filter_map(|port| {
            let number = port.host_port.filter(|number| *number > 0)?;
            let ip = port.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or(ANY_IP);
            let protocol = port.protocol.as_deref().filter(|protocol| !protocol.is_empty()).unwrap_or("TCP");
            Some(HostPort { protocol: Arc::from(protocol), port: number, ip: Arc::from(ip) })
        })
        .collect()
}

fn images(spec: &PodSpec) -> Vec<ImageName> {
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    let of_containers = containers.map(|container| container.image.as_deref().unwrap_or_default());
    let volumes = spec.volumes.iter().flatten().filter_map(|volume| volume.image.as_ref());
    let of_volumes = volumes.map(|image| image.reference.as_deref().unwrap_or_default());
    let names = of_containers.chain(of_volumes).map(normalized_image_name);
    names.map(|name| ImageName { digest: TraceHash::of(&name), name }).collect()
}

/// An image name with its tag: `nginx` is `nginx:latest`.
pub fn normalized_image_name(name: &str) -> Arc<str> {
    // A colon before the last slash belongs to a registry's port.
    if name.rfind(':') <= name.rfind('/') { Arc::from(format!("{name}:latest")) } else { Arc::from(name) }
}
