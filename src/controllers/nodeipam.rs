//! Node IPAM: every node gets a range of the cluster's for the addresses of its pods.
//!
//! Mirrors pkg/controller/nodeipam with the range allocator (`ipam/range_allocator.go`, `ipam/cidrset`) for IPv4 and
//! `--node-cidr-mask-size` 24. Leaves out: keeping clear of the service range, which lies elsewhere here, and the
//! three tries in one sync, since a failed one comes back.

use std::net::Ipv4Addr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use serde_json::json;

use crate::api::http::content_type;
use crate::api::validation::ip;
use crate::api::{Kind, Object, ObjectKey, Request};
use crate::client::Change;
use crate::sim::persistent::{OrdMap, OrdSet};

use super::controller::{Controller, Enqueue, Flags, Observed, Turn, WorkKey};
use super::plan::{Announce, Answer, Plan, Step, Write};

/// Addresses of a node: those of a /24.
const NODE_BITS: u32 = 8;

/// A range of IPv4 addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: u32,
    length: u8,
}

impl Default for Range {
    fn default() -> Self {
        Range::new([10, 244, 0, 0], 16)
    }
}

impl Range {
    /// The range of `length` bits that begins there.
    pub const fn new(first: [u8; 4], length: u8) -> Self {
        Range { first: u32::from_be_bytes(first), length }
    }

    /// How many nodes it has room for.
    fn nodes(self) -> u32 {
        1 << (32 - u32::from(self.length) - NODE_BITS)
    }

    /// The node's range with this number.
    fn of(self, number: u32) -> String {
        format!("{}/{}", Ipv4Addr::from(self.first + (number << NODE_BITS)), 32 - NODE_BITS)
    }

    /// The number of a node's range; `None` for one that is not of this.
    fn number(self, range: &str) -> Option<u32> {
        let (std::net::IpAddr::V4(address), _) = ip::parse_cidr(range)? else { return None };
        let number = u32::from(address).checked_sub(self.first)? >> NODE_BITS;
        (number < self.nodes()).then_some(number)
    }
}

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct NodeIpamController {
    cluster: Range,
    used: OrdSet<u32>,
    /// Where the next search begins (`nextCandidate`).
    next: u32,
    /// What is being written, by node.
    written: OrdMap<Arc<str>, u32>,
}

/// The range that a node has; empty for none.
fn range_of(node: &Object) -> &str {
    let spec = node.expect::<Node>().spec.as_ref();
    spec.and_then(|spec| spec.pod_cidrs.as_ref()?.first().map(String::as_str)).unwrap_or_default()
}

/// `RecordNodeStatusChange`.
fn status_change(node: &Object, status: &'static str) -> Announce {
    Announce::normal(node, status, format!("Node {} status is now: {status}", node.name()))
}

impl NodeIpamController {
    /// `AllocateNext`: the first free range from the last one on, round to the beginning.
    fn allocate(&mut self) -> Option<u32> {
        let nodes = self.cluster.nodes();
        let found = (0..nodes).map(|step| (self.next + step) % nodes).find(|number| !self.used.contains(number))?;
        self.used.insert(found);
        self.next = (found + 1) % nodes;
        Some(found)
    }
}

impl Controller for NodeIpamController {
    fn name(&self) -> &'static str {
        "node-ipam-controller"
    }

    fn service_account(&self) -> &'static str {
        "node-controller"
    }

    fn component(&self) -> &'static str {
        "cidrAllocator"
    }

    fn configure(&mut self, flags: &Flags) {
        self.cluster = flags.cluster_cidr;
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Node]
    }

    fn workers(&self) -> usize {
        // cidrUpdateWorkers
        30
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        match (&change.old, &change.new) {
            (Some(old), None) => {
                if let Some(number) = self.cluster.number(range_of(old)) {
                    self.used.remove(&number);
                }
                Vec::new()
            }
            (_, Some(new)) if range_of(new).is_empty() => {
                vec![Enqueue::now(WorkKey::new(Kind::Node, ObjectKey::new("", new.name())))]
            }
            // `occupyCIDRs`: whoever gave it, it is taken.
            (_, Some(new)) => {
                if let Some(number) = self.cluster.number(range_of(new)) {
                    self.used.insert(number);
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(node) = &turn.object() else { return Plan::nothing("the node is gone") };
        if !range_of(node).is_empty() {
            return Plan::nothing("it has its range");
        }
        let Some(number) = self.allocate() else {
            let why = "CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range";
            return Plan {
                error: Some(format!("failed to allocate cidr from cluster cidr at idx:0: {why}")),
                ..Plan::steps("no range is left", vec![Step::Event(status_change(node, "CIDRNotAvailable"))])
            };
        };
        self.written.insert(turn.key.key.name.clone(), number);
        let range = self.cluster.of(number);
        let patch = json!({ "spec": { "podCIDR": range, "podCIDRs": [range] } });
        let format = content_type::STRATEGIC_MERGE_PATCH;
        let request = Request::patch(Kind::Node.info(), "", node.name(), "", format, patch);
        let write = Write::new(request).complaining(status_change(node, "CIDRAssignmentFailed"));
        Plan::steps(format!("gives it {range}"), vec![write.step()])
    }

    fn on_answer(&mut self, key: &WorkKey, _write: &Write, answer: Option<&Answer>) {
        let Some(number) = self.written.remove(&key.key.name) else { return };
        if answer.is_none_or(|answer| answer.failure().is_some()) {
            self.used.remove(&number);
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::fake::{change, observed, turn};

    fn node(name: &str, range: &str) -> Object {
        let spec = if range.is_empty() { json!({}) } else { json!({ "podCIDR": range, "podCIDRs": [range] }) };
        let value = json!({ "metadata": { "name": name }, "spec": spec });
        Object::from_value(Kind::Node, &value, &mut |_| {}).expect("a node")
    }

    fn plan(controller: &mut NodeIpamController, name: &str) -> Plan {
        let mut seen = observed();
        seen.stores.insert(node(name, ""));
        controller.reconcile(&turn(&seen, WorkKey::new(Kind::Node, ObjectKey::new("", name))))
    }

    #[test]
    fn ranges_are_given_in_order_and_one_after_the_other() {
        let mut controller = NodeIpamController { cluster: Range::new([10, 244, 0, 0], 22), ..Default::default() };
        let (taken, none) = (node("b", "10.244.1.0/24"), observed());
        controller.on_change(&change(None, Some(&taken)), &none);
        let given: Vec<String> = ["a", "c", "d"].iter().map(|name| plan(&mut controller, name).summary).collect();
        assert_eq!(given, ["gives it 10.244.0.0/24", "gives it 10.244.2.0/24", "gives it 10.244.3.0/24"]);
        let last = plan(&mut controller, "e");
        assert!(last.error.as_deref().is_some_and(|error| error.contains("no remaining CIDRs left")), "{last:?}");
        let Some(Step::Event(event)) = last.steps.first() else { panic!("it says so") };
        assert_eq!(
            (event.reason, event.message.as_str()),
            ("CIDRNotAvailable", "Node e status is now: CIDRNotAvailable")
        );
        controller.on_change(&change(Some(&taken), None), &none);
        assert_eq!(plan(&mut controller, "e").summary, "gives it 10.244.1.0/24");
    }
}
