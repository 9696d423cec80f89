//! Which slices a service should have, and the fewest writes that lead there.
//!
//! Mirrors staging endpointslice `reconciler.go`. Where upstream takes endpoints and slices in the random order of
//! Go's maps, they are taken by name here; ports stand in the service's order, not in that of their hashes. Leaves
//! out: hints for the annotation `service.kubernetes.io/topology-mode` (topologycache).

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};

use crate::api::{Object, ObjectKey};
use crate::client::Store;
use crate::sim::Order as _;
use crate::sim::persistent::OrdSet;

use super::endpoint::{self, spec};
use super::hints;

/// What is looked at: a service, the pods it selects, its slices and the nodes.
pub struct View<'a> {
    pub service: &'a Object,
    pub pods: &'a [Arc<Object>],
    pub slices: &'a [Arc<Object>],
    pub nodes: &'a Store,
    pub endpoints_max: usize,
    pub managed_by: &'static str,
}

/// What is to be done about slices.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    pub create: Vec<EndpointSlice>,
    pub update: Vec<EndpointSlice>,
    pub delete: Vec<Arc<Object>>,
    /// Why some pod has no endpoint: the service is looked at again.
    pub errors: Vec<String>,
}

/// The endpoints of one set of ports: those that are to be, by identity, until a slice has them.
struct Group {
    key: String,
    ports: Vec<EndpointPort>,
    wanted: Vec<(String, Option<Endpoint>)>,
    left: usize,
    /// Before this all are taken.
    cursor: usize,
}

impl Group {
    fn take(&mut self, identity: &str) -> Option<Endpoint> {
        let at = self.wanted.binary_search_by(|(known, _)| known.as_str().cmp(identity)).ok()?;
        let taken = self.wanted[at].1.take();
        self.left -= usize::from(taken.is_some());
        taken
    }

    /// Moves endpoints into a slice until it is full.
    fn fill(&mut self, slice: &mut EndpointSlice, max: usize) {
        let list = slice.endpoints.get_or_insert_default();
        while self.left > 0 && list.len() < max {
            let taken = self.wanted[self.cursor].1.take();
            self.cursor += 1;
            self.left -= usize::from(taken.is_some());
            list.extend(taken);
        }
    }
}

fn slice_of(object: &Object) -> &EndpointSlice {
    object.expect::<EndpointSlice>()
}

fn len(slice: &EndpointSlice) -> usize {
    slice.endpoints.as_ref().map_or(0, Vec::len)
}

impl View<'_> {
    fn typed(&self) -> &Service {
        self.service.expect::<Service>()
    }

    /// `Reconcile`: one decision for every family of addresses, and the slices of families it has no longer.
    pub fn decide(&self) -> Vec<Decision> {
        let types = endpoint::address_types(self.typed());
        let mut decisions: Vec<Decision> = types.iter().map(|own| self.decide_for(own)).collect();
        let stray = self.slices.iter().filter(|slice| !types.contains(&slice_of(slice).address_type.as_str()));
        decisions.push(Decision { delete: stray.cloned().collect(), ..Decision::default() });
        decisions
    }

    fn is_owner(&self, slice: &Object) -> bool {
        let owners = slice.meta().owner_references.iter().flatten();
        owners.into_iter().any(|own| own.uid == self.service.uid() && own.kind == "Service" && own.api_version == "v1")
    }

    fn new_slice(&self, address_type: &str, ports: &[EndpointPort]) -> EndpointSlice {
        let (labels, _) = endpoint::labels(None, self.typed(), self.managed_by);
        endpoint::empty_slice(self.service, labels, address_type, ports, Vec::new())
    }

    /// The endpoints that are to be, by their ports.
    fn groups(&self, address_type: &str, errors: &mut Vec<String>) -> Vec<Group> {
        let service = self.typed();
        let mut groups: Vec<Group> = Vec::new();
        for object in self.pods {
            let pod = object.expect::<Pod>();
            if !endpoint::belongs(pod, true) {
                continue;
            }
            let ports = endpoint::ports(service, pod);
            let key = endpoint::port_key(Some(&ports));
            let at = groups.iter().position(|group| group.key == key).unwrap_or_else(|| {
                groups.push(Group { key, ports, wanted: Vec::new(), left: 0, cursor: 0 });
                groups.len() - 1
            });
            let node_name = crate::controllers::pods::node_name(pod);
            let node = self.nodes.typed(&ObjectKey::new("", node_name));
            if node.is_none() && spec(service).publish_not_ready_addresses != Some(true) {
                let (namespace, name) = (self.service.namespace(), self.service.name());
                let pod = object.name();
                errors.push(format!("skipping Pod {pod} for Service {namespace}/{name}: Node {node_name} Not Found"));
                continue;
            }
            let endpoint = endpoint::from_pod(pod, node.as_deref(), service, address_type);
            if !endpoint.addresses.is_empty() {
                groups[at].wanted.push((endpoint::identity(&endpoint), Some(endpoint)));
                groups[at].left += 1;
            }
        }
        for group in &mut groups {
            group.wanted.order_by(|a, b| a.0.cmp(&b.0));
        }
        groups
    }

    /// `reconcileByAddressType`.
    fn decide_for(&self, address_type: &str) -> Decision {
        let mut decision = Decision::default();
        let own = || self.slices.iter().filter(|slice| slice_of(slice).address_type == address_type);
        let mut groups = self.groups(address_type, &mut decision.errors);
        let (owned, foreign): (Vec<&Arc<Object>>, Vec<&Arc<Object>>) = own().partition(|slice| self.is_owner(slice));
        decision.delete = foreign.into_iter().cloned().collect();
        for group in &mut groups {
            let fits = |slice: &&&Arc<Object>| endpoint::port_key(slice_of(slice).ports.as_ref()) == group.key;
            let existing: Vec<&Arc<Object>> = owned.iter().filter(fits).copied().collect();
            self.decide_ports(group, &existing, address_type, &mut decision);
        }
        let unwanted = |slice: &&Arc<Object>| {
            let key = endpoint::port_key(slice_of(slice).ports.as_ref());
            groups.iter().all(|group| group.key != key)
        };
        decision.delete.extend(owned.iter().copied().filter(unwanted).cloned());
        self.place_holder(own().count(), address_type, &mut decision);
        let changed: OrdSet<&str> = decision
            .update
            .iter()
            .filter_map(|slice| slice.metadata.name.as_deref())
            .chain(decision.delete.iter().map(|slice| slice.name()))
            .collect();
        let unchanged: Vec<&EndpointSlice> =
            own().filter(|slice| !changed.contains(slice.name())).map(|slice| slice_of(slice)).collect();
        let mut stale = hints::stale(self.typed(), &unchanged);
        decision.update.append(&mut stale);
        for slice in decision.create.iter_mut().chain(&mut decision.update) {
            hints::set(self.typed(), slice);
        }
        self.recycle(&mut decision);
        decision
    }

    /// A service without endpoints has one slice that says so.
    fn place_holder(&self, existing: usize, address_type: &str, decision: &mut Decision) {
        if existing != decision.delete.len() || !decision.create.is_empty() {
            return;
        }
        let wanted = self.new_slice(address_type, &[]);
        let is_one = |slice: &EndpointSlice| {
            let same_owners = slice.metadata.owner_references == wanted.metadata.owner_references;
            len(slice) == 0
                && slice.ports.as_ref().is_none_or(Vec::is_empty)
                && slice.metadata.labels == wanted.metadata.labels
                && same_owners
        };
        match decision.delete.as_slice() {
            [only] if is_one(slice_of(only)) => decision.delete.clear(),
            _ => decision.create.push(wanted),
        }
    }

    /// `reconcileByPortMapping`.
    fn decide_ports(&self, group: &mut Group, existing: &[&Arc<Object>], address_type: &str, decision: &mut Decision) {
        let max = self.endpoints_max;
        let (mut updates, mut unchanged) = (Vec::new(), Vec::new());
        for object in existing {
            let slice = slice_of(object);
            let (mut kept, mut updated) = (Vec::new(), false);
            for old in slice.endpoints.iter().flatten() {
                if let Some(wanted) = group.take(&endpoint::identity(old)) {
                    updated |= !endpoint::equal_beyond_identity(&wanted, old);
                    kept.push(wanted);
                }
            }
            let (labels, relabelled) = endpoint::labels(slice.metadata.labels.as_ref(), self.typed(), self.managed_by);
            if !updated && kept.len() == len(slice) && !relabelled {
                unchanged.push(slice);
                continue;
            }
            if (updated || kept.len() != len(slice)) && kept.is_empty() {
                decision.delete.push((*object).clone());
                continue;
            }
            let mut slice = slice.clone();
            slice.endpoints = Some(kept);
            slice.metadata.labels = Some(labels);
            updates.push(slice);
        }
        // The fullest first.
        updates.order_by(|a, b| len(b).cmp(&len(a)));
        for slice in &mut updates {
            group.fill(slice, max);
        }
        while group.left > 0 {
            let fitting = (group.left < max).then(|| slice_to_fill(&unchanged, group.left, max)).flatten();
            match fitting {
                Some(at) => {
                    let mut slice = unchanged.remove(at).clone();
                    group.fill(&mut slice, max);
                    updates.push(slice);
                }
                None => {
                    let mut slice = self.new_slice(address_type, &group.ports);
                    group.fill(&mut slice, max);
                    decision.create.push(slice);
                }
            }
        }
        decision.update.append(&mut updates);
    }

    /// Slices that would go become those that would be made.
    fn recycle(&self, decision: &mut Decision) {
        let mut at = 0;
        while at < decision.delete.len() {
            let Some(new) = decision.create.last_mut() else { break };
            let old = &decision.delete[at];
            if slice_of(old).address_type == new.address_type && self.is_owner(old) {
                new.metadata.name = Some(old.name().to_owned());
                decision.update.extend(decision.create.pop());
                decision.delete.remove(at);
            } else {
                at += 1;
            }
        }
    }
}

/// `getSliceToFill`: the one that `count` more endpoints fill best.
fn slice_to_fill(slices: &[&EndpointSlice], count: usize, max: usize) -> Option<usize> {
    let fitting = slices.iter().enumerate().filter(|(_, slice)| count + len(slice) <= max);
    // The first of those that are equally full.
    fitting.fold(None, |best: Option<usize>, (at, slice)| match best {
        Some(best) if len(slices[best]) >= len(slice) => Some(best),
        _ => Some(at),
    })
}
