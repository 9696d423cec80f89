//! The node's own object and lease.
//!
//! Mirrors pkg/kubelet `kubelet_node_status.go` and component-helpers/apimachinery/lease.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::{Node, NodeSpec};

use crate::api::cri::CriRequest;
use crate::api::http::content_type;
use crate::api::time::micro_time;
use crate::api::{Kind, Message, Object, ObjectMeta, OwnerReference, Request, Response, Typed};
use crate::client::{EventKind, Informer};
use crate::sim::{Ctx, SimTime};

use super::config::{
    NODE_LEASE_DURATION_SECONDS, NODE_STATUS_REPORT_FREQUENCY, NODE_STATUS_UPDATE_FREQUENCY, RUNTIME_DOWN_AFTER,
};
use super::process::{Call, Kubelet, Timer};
use super::runtime::CriCall;

/// What the kubelet knows of its node's object.
#[derive(Clone, Debug)]
pub struct NodeState {
    pub informer: Informer,
    pub registered: bool,
    /// What the API server last gave back of it.
    pub stored: Option<Arc<Object>>,
    /// When its status was last reported.
    reported: SimTime,
    reporting: bool,
    /// What the last look that found nothing to report depends on: the runtime, pressure, how many images there
    /// are, and the version of the node's object.
    looked: Option<((bool, bool), (bool, bool), usize, u64)>,
    lease: Option<Arc<Object>>,
    /// The conditions' events were said.
    announced: bool,
    was_ready: bool,
    /// Under pressure of memory and of disk, as the events said last.
    /// Whether the runtime said that the pods' network is set up.
    pub network_ready: bool,
    /// The range that the runtime was told.
    pub pod_cidr: Arc<str>,
    was_pressed: (bool, bool),
    was_unschedulable: bool,
}

impl NodeState {
    /// Nothing is known yet.
    pub fn new(informer: Informer) -> Self {
        NodeState {
            informer,
            registered: false,
            stored: None,
            reported: SimTime::ZERO,
            reporting: false,
            looked: None,
            lease: None,
            announced: false,
            network_ready: false,
            pod_cidr: Arc::from(""),
            was_ready: false,
            was_pressed: (false, false),
            was_unschedulable: false,
        }
    }
}

const LEASE_NAMESPACE: &str = "kube-node-lease";
/// How soon a registration or lease that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

impl Kubelet {
    /// Whether the runtime is there, or was a moment ago.
    pub(super) fn runtime_ready(&self, now: SimTime) -> bool {
        self.health.up || (self.health.seen > SimTime::ZERO && now.since(self.health.seen) < RUNTIME_DOWN_AFTER)
    }

    /// `registerWithAPIServer`: the node's object, made if it is not there.
    pub(super) fn register(&mut self, ctx: &mut Ctx<'_, Message>) {
        let mut node = Node {
            metadata: ObjectMeta {
                name: Some(self.config.node.to_string()),
                labels: Some(self.node_labels()),
                annotations: Some(
                    [("volumes.kubernetes.io/controller-managed-attach-detach".to_owned(), "true".to_owned())].into(),
                ),
                ..ObjectMeta::default()
            },
            spec: Some(NodeSpec::default()),
            ..Node::default()
        };
        node.status = Some(self.node_status(ctx.now(), ctx.unix_micros(), None));
        self.calls.send(ctx, Request::create(node.into_object()), Call::Register);
    }

    pub(super) fn register_answered(&mut self, ctx: &mut Ctx<'_, Message>, response: Option<&Response>) {
        match response {
            Some(response) if response.is_success() => self.registered(ctx, response.object().cloned()),
            Some(response) if response.code == 409 => {
                let request = Request::get(Kind::Node.info(), "", &self.config.node);
                self.calls.send(ctx, request, Call::GetNode);
            }
            _ => {
                self.set_timer(ctx, RETRY, Timer::Register);
            }
        }
    }

    pub(super) fn node_got(&mut self, ctx: &mut Ctx<'_, Message>, response: Option<&Response>) {
        match response.and_then(Response::object) {
            Some(object) => {
                let object = object.clone();
                self.registered(ctx, Some(object));
            }
            None => {
                self.set_timer(ctx, RETRY, Timer::Register);
            }
        }
    }

    fn registered(&mut self, ctx: &mut Ctx<'_, Message>, object: Option<Arc<Object>>) {
        let first = !self.node.registered;
        self.node.registered = true;
        self.node.stored = object;
        self.node.reported = ctx.now();
        if first {
            self.renew_lease(ctx);
            self.set_timer(ctx, NODE_STATUS_UPDATE_FREQUENCY, Timer::NodeStatus);
        }
        self.report_node(ctx);
    }

    /// Looks at the node's status, and reports it when it changed or is due.
    pub(super) fn report_node(&mut self, ctx: &mut Ctx<'_, Message>) {
        if !self.node.registered || self.node.reporting {
            return;
        }
        let now = ctx.now();
        let Some(stored) = self.node.stored.clone() else { return };
        let due = now.since(self.node.reported) >= NODE_STATUS_REPORT_FREQUENCY;
        let runtime = (self.runtime_ready(now), self.node.network_ready);
        let looked = (runtime, self.evictions.pressure, self.images.len(), stored.resource_version());
        if !due && self.node.looked == Some(looked) {
            return;
        }
        self.node.looked = Some(looked);
        let old = stored.expect::<Node>().status.clone().unwrap_or_default();
        let new = self.node_status(now, ctx.unix_micros(), Some(&old));
        let unschedulable = stored.expect::<Node>().spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true);
        self.announce_node(ctx, &new, unschedulable);
        let changed = super::node_status::differs(&old, &new);
        if !changed && !due {
            return;
        }
        let Some(patch) = super::node_status::patch(&old, &new) else { return };
        self.node.reporting = true;
        let request = Request::patch(
            Kind::Node.info(),
            "",
            &self.config.node,
            "status",
            content_type::STRATEGIC_MERGE_PATCH,
            patch,
        );
        self.calls.send(ctx, request, Call::NodeStatus);
    }

    pub(super) fn node_reported(&mut self, ctx: &mut Ctx<'_, Message>, response: Option<&Response>) {
        self.node.reporting = false;
        match response {
            Some(response) if response.is_success() => {
                self.node.reported = ctx.now();
                if let Some(object) = response.object() {
                    self.node.stored = Some(object.clone());
                }
            }
            // Somebody deleted the node (a kubelet registers only when it starts), or nobody answered.
            Some(_) | None => self.node.looked = None,
        }
    }

    /// Events on what changed of the node, as the setters of its conditions record them.
    fn announce_node(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        status: &k8s_openapi::api::core::v1::NodeStatus,
        unschedulable: bool,
    ) {
        let name = self.config.node.clone();
        if !std::mem::replace(&mut self.node.announced, true) {
            self.node_event(ctx, EventKind::Normal, "Starting", "Starting kubelet.");
            for reason in ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID"] {
                let text = format!("Node {name} status is now: {reason}");
                self.node_event(ctx, EventKind::Normal, reason, text);
            }
            let text = "Updated Node Allocatable limit across pods";
            self.node_event(ctx, EventKind::Normal, "NodeAllocatableEnforced", text);
        }
        let ready = status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
        if ready != std::mem::replace(&mut self.node.was_ready, ready) {
            let reason = if ready { "NodeReady" } else { "NodeNotReady" };
            self.node_event(ctx, EventKind::Normal, reason, format!("Node {name} status is now: {reason}"));
        }
        let pressed = self.evictions.pressure;
        let before = std::mem::replace(&mut self.node.was_pressed, pressed);
        for (is, was, reasons) in [
            (pressed.0, before.0, ["NodeHasSufficientMemory", "NodeHasInsufficientMemory"]),
            (pressed.1, before.1, ["NodeHasNoDiskPressure", "NodeHasDiskPressure"]),
        ] {
            let reason = reasons[usize::from(is)];
            if is != was {
                self.node_event(ctx, EventKind::Normal, reason, format!("Node {name} status is now: {reason}"));
            }
        }
        // `recordNodeSchedulableEvent`
        if unschedulable != std::mem::replace(&mut self.node.was_unschedulable, unschedulable) {
            let reason = if unschedulable { "NodeNotSchedulable" } else { "NodeSchedulable" };
            self.node_event(ctx, EventKind::Normal, reason, format!("Node {name} status is now: {reason}"));
        }
    }

    /// `updatePodCIDR`: the runtime hears of the node's range, and is asked whether it has a network now.
    fn tell_pod_cidr(&mut self, ctx: &mut Ctx<'_, Message>, node: &Object) {
        let spec = node.expect::<Node>().spec.as_ref();
        let Some(range) = spec.and_then(|spec| spec.pod_cidr.as_deref()).filter(|range| !range.is_empty()) else {
            return;
        };
        if self.health.up && *self.node.pod_cidr != *range {
            self.node.pod_cidr = Arc::from(range);
            let pod_cidr = self.node.pod_cidr.clone();
            self.cri.send(ctx, CriRequest::UpdateRuntimeConfig { pod_cidr }, CriCall::Forget);
            self.cri.send(ctx, CriRequest::Status, CriCall::Status);
        }
    }

    /// The runtime answers whether the network is set up.
    pub(super) fn runtime_status(&mut self, ctx: &mut Ctx<'_, Message>, network_ready: bool) {
        self.node.network_ready = network_ready;
        if let Some(node) = self.node.stored.clone() {
            self.tell_pod_cidr(ctx, &node);
        }
        self.report_node(ctx);
    }

    /// The watch brought the node: what others changed of it is known.
    pub(super) fn node_changed(&mut self, ctx: &mut Ctx<'_, Message>, new: Option<&Arc<Object>>) {
        if let Some(new) = new {
            self.tell_pod_cidr(ctx, new);
        }
        if let (Some(stored), Some(new)) = (&self.node.stored, new)
            && new.resource_version() > stored.resource_version()
        {
            self.node.stored = Some(new.clone());
        }
    }

    /// Renews the lease: `PUT`, or `GET` and `POST` before the first.
    pub(super) fn renew_lease(&mut self, ctx: &mut Ctx<'_, Message>) {
        let now = ctx.unix_micros();
        match &self.node.lease {
            Some(lease) => {
                let mut lease = (**lease).clone();
                if let Some(spec) = Lease::of_mut(&mut lease).and_then(|lease| lease.spec.as_mut()) {
                    spec.renew_time = Some(micro_time(now));
                }
                self.calls.send(ctx, Request::update(lease), Call::LeaseUpdate);
            }
            None => {
                let request = Request::get(Kind::Lease.info(), LEASE_NAMESPACE, &self.config.node);
                self.calls.send(ctx, request, Call::LeaseGet);
            }
        }
    }

    fn create_lease(&mut self, ctx: &mut Ctx<'_, Message>) {
        let owner = self.node.stored.as_ref().map(|node| OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Node".to_owned(),
            name: self.config.node.to_string(),
            uid: node.uid().to_owned(),
            ..OwnerReference::default()
        });
        let lease = Lease {
            metadata: ObjectMeta {
                name: Some(self.config.node.to_string()),
                namespace: Some(LEASE_NAMESPACE.to_owned()),
                owner_references: owner.map(|owner| vec![owner]),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.config.node.to_string()),
                lease_duration_seconds: Some(NODE_LEASE_DURATION_SECONDS),
                renew_time: Some(micro_time(ctx.unix_micros())),
                ..LeaseSpec::default()
            }),
        };
        self.calls.send(ctx, Request::create(lease.into_object()), Call::LeaseCreate);
    }

    pub(super) fn lease_answered(&mut self, ctx: &mut Ctx<'_, Message>, call: &Call, response: Option<&Response>) {
        let object = response.filter(|response| response.is_success()).and_then(Response::object).cloned();
        match (call, object, response) {
            (Call::LeaseGet, Some(lease), _) => {
                self.node.lease = Some(lease);
                self.renew_lease(ctx);
                return;
            }
            (Call::LeaseGet, None, Some(response)) if response.code == 404 => {
                self.create_lease(ctx);
                return;
            }
            (_, Some(lease), _) => self.node.lease = Some(lease),
            (_, None, _) => {
                // It is read anew before the next try.
                self.node.lease = None;
                self.set_timer(ctx, RETRY, Timer::Lease);
                return;
            }
        }
        // Every 10 s: a quarter of the lease's time, with up to 4 % more.
        let quarter = Duration::from_secs(NODE_LEASE_DURATION_SECONDS as u64 / 4);
        let jitter = Duration::from_micros(ctx.rng().below(quarter.as_micros() as u64 / 25 + 1));
        self.set_timer(ctx, quarter + jitter, Timer::Lease);
    }
}
