//! The mirroring controller: Endpoints that somebody wrote for a service without a selector, as slices.
//!
//! Mirrors pkg/controller/endpointslicemirroring.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{EndpointAddress, Endpoints};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};

use crate::api::validation::ip;
use crate::api::{Kind, Object, ObjectKey, Reason, Request, Typed};
use crate::client::Change;
use crate::sim::{Gather, Order};

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::endpointslice::endpoint::{
    MANAGED_BY as MANAGED_BY_LABEL, SERVICE_NAME, empty_slice, equal_beyond_identity, identity, port_key,
};
use super::endpointslice::tracker::Tracker;
use super::endpointslice::{BASE_DELAY, RETRIES_MAX, slice_changed, slices_of};
use super::plan::{Announce, Answer, Plan, Step, Write};
use super::{endpoint, service_pods};

const MANAGED_BY: &str = "endpointslicemirroring-controller.k8s.io";
/// `--mirroring-max-endpoints-per-subset`.
const ENDPOINTS_MAX: usize = 1000;
/// `discovery.LabelSkipMirror`
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// Annotations that are of the Endpoints alone.
const OWN: [&str; 2] =
    ["endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/last-applied-configuration"];

type Texts = BTreeMap<String, String>;

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct EndpointSliceMirroringController {
    tracker: Tracker,
}

fn should_mirror(endpoints: &Object) -> bool {
    let has = |map: &Option<Texts>, key: &str| map.as_ref().and_then(|map| map.get(key)).cloned();
    let meta = endpoints.meta();
    has(&meta.labels, SKIP).as_deref() != Some("true") && has(&meta.annotations, endpoint::LEADER).is_none()
}

fn without(map: Option<&Texts>, keys: &[&str]) -> Texts {
    let kept = map.into_iter().flatten().filter(|(key, _)| !keys.contains(&key.as_str()));
    kept.map(|(key, value)| (key.clone(), value.clone())).gather()
}

/// The slice that one family of addresses with its ports calls for.
struct Desired {
    address_type: &'static str,
    ports: Vec<EndpointPort>,
    endpoints: Vec<Endpoint>,
}

/// `addressToEndpoint`: what is no address has none.
fn from_address(address: &EndpointAddress, ready: bool) -> Option<(&'static str, Endpoint)> {
    let own = ip::parse(&address.ip)?;
    let endpoint = Endpoint {
        addresses: vec![own.to_string()],
        conditions: Some(EndpointConditions { ready: Some(ready), ..EndpointConditions::default() }),
        target_ref: address.target_ref.clone(),
        node_name: address.node_name.clone(),
        hostname: address.hostname.clone().filter(|name| !name.is_empty()),
        ..Endpoint::default()
    };
    Some((if own.is_ipv4() { "IPv4" } else { "IPv6" }, endpoint))
}

/// What is to be mirrored, how many addresses are none, and how many were left out for that or for their number.
fn desired(endpoints: &Endpoints) -> (Vec<Desired>, usize, usize) {
    let (mut all, mut invalid, mut skipped): (Vec<Desired>, usize, usize) = (Vec::new(), 0, 0);
    for subset in endpoints.subsets.iter().flatten() {
        let ports: Vec<EndpointPort> = subset
            .ports
            .iter()
            .flatten()
            .map(|port| EndpointPort {
                name: Some(port.name.clone().unwrap_or_default()),
                port: Some(port.port),
                protocol: port.protocol.clone(),
                app_protocol: port.app_protocol.clone(),
            })
            .collect();
        let ready = subset.addresses.iter().flatten().map(|own| (own, true));
        let waiting = subset.not_ready_addresses.iter().flatten().map(|own| (own, false));
        let mut added = 0;
        for (address, ready) in ready.chain(waiting) {
            if added >= ENDPOINTS_MAX {
                skipped += 1;
                continue;
            }
            let Some((address_type, endpoint)) = from_address(address, ready) else {
                invalid += 1;
                skipped += 1;
                continue;
            };
            added += 1;
            let key = port_key(Some(&ports));
            let known =
                all.iter_mut().find(|own| own.address_type == address_type && port_key(Some(&own.ports)) == key);
            match known {
                Some(known) => known.endpoints.push(endpoint),
                None => all.push(Desired { address_type, ports: ports.clone(), endpoints: vec![endpoint] }),
            }
        }
    }
    for own in &mut all {
        own.endpoints.order_by_key(identity);
        own.endpoints.dedup_by(|a, b| identity(a) == identity(b));
        own.endpoints.truncate(ENDPOINTS_MAX);
    }
    (all, invalid, skipped)
}

/// Whether a slice has these endpoints, whatever their order.
fn has_endpoints(slice: &EndpointSlice, wanted: &[Endpoint]) -> bool {
    let mut own: Vec<&Endpoint> = slice.endpoints.iter().flatten().collect();
    own.order_by_key(|endpoint| identity(endpoint));
    own.len() == wanted.len()
        && own
            .iter()
            .zip(wanted)
            .all(|(own, wanted)| identity(own) == identity(wanted) && equal_beyond_identity(own, wanted))
}

/// The steps that make `slices` mirror `object` (`reconcile` and `finalize`).
fn mirror(object: &Object, slices: &[Arc<Object>]) -> Vec<Step> {
    let (desired, invalid, skipped) = desired(object.expect::<Endpoints>());
    let labels = without(object.meta().labels.as_ref(), &[]);
    let annotations = without(object.meta().annotations.as_ref(), &OWN);
    let (mut create, mut update, mut delete) = (Vec::new(), Vec::new(), Vec::new());
    let mut left: Vec<&Arc<Object>> = slices.iter().collect();
    for own in desired {
        let key = port_key(Some(&own.ports));
        let fits = |slice: &&Arc<Object>| {
            let slice = slice.expect::<EndpointSlice>();
            slice.address_type == own.address_type && port_key(slice.ports.as_ref()) == key
        };
        let (mine, others): (Vec<_>, Vec<_>) = left.into_iter().partition(fits);
        left = others;
        delete.extend(mine.iter().skip(1).copied());
        let first = mine.first().map(|slice| slice.expect::<EndpointSlice>());
        let is_same = |slice: &EndpointSlice| {
            has_endpoints(slice, &own.endpoints)
                && without(slice.metadata.labels.as_ref(), &[SERVICE_NAME, MANAGED_BY_LABEL])
                    == without(Some(&labels), &[SERVICE_NAME, MANAGED_BY_LABEL])
                && without(slice.metadata.annotations.as_ref(), &[]) == annotations
        };
        if first.is_some_and(is_same) {
            continue;
        }
        let mut named = labels.clone();
        named.insert(SERVICE_NAME.to_owned(), object.name().to_owned());
        named.insert(MANAGED_BY_LABEL.to_owned(), MANAGED_BY.to_owned());
        let mut slice = empty_slice(object, named, own.address_type, &own.ports, own.endpoints);
        slice.metadata.annotations = (!annotations.is_empty()).then(|| annotations.clone());
        match first {
            Some(first) => {
                slice.metadata.generate_name = None;
                slice.metadata.name.clone_from(&first.metadata.name);
                update.push(slice);
            }
            None => create.push(slice),
        }
    }
    delete.append(&mut left);
    recycle(&mut create, &mut update, &mut delete);
    let mut steps = Vec::new();
    if invalid > 0 {
        let text = format!("Skipped {invalid} invalid IP addresses when mirroring to EndpointSlices");
        steps.push(Step::Event(Announce::warning(object, "InvalidIPAddress", text)));
    }
    if skipped > invalid {
        let text = format!(
            "A max of {ENDPOINTS_MAX} addresses can be mirrored to EndpointSlices per Endpoints subset. {skipped} addresses were skipped"
        );
        steps.push(Step::Event(Announce::warning(object, "TooManyAddressesToMirror", text)));
    }
    if object.meta().deletion_timestamp.is_none() {
        steps.extend(create.into_iter().map(|slice| Write::new(Request::create(slice.into_object())).step()));
    }
    steps.extend(update.into_iter().map(|slice| Write::new(Request::update(slice.into_object())).step()));
    steps.extend(delete.into_iter().map(|slice| gone(slice)));
    steps
}

/// `recycleSlices`: a slice that would go becomes one of its family that would be made.
fn recycle(create: &mut Vec<EndpointSlice>, update: &mut Vec<EndpointSlice>, delete: &mut Vec<&Arc<Object>>) {
    delete.retain(|old| {
        let family = &old.expect::<EndpointSlice>().address_type;
        let Some(at) = create.iter().position(|new| new.address_type == *family) else { return true };
        let mut slice = create.remove(at);
        slice.metadata.generate_name = None;
        slice.metadata.name = Some(old.name().to_owned());
        update.push(slice);
        false
    });
}

fn gone(slice: &Object) -> Step {
    let request = Request::delete(Kind::EndpointSlice.info(), slice.namespace(), slice.name());
    Write::new(request).tolerating(&[Reason::NotFound]).step()
}

fn work(key: &ObjectKey) -> Vec<Enqueue> {
    vec![Enqueue::now(WorkKey::new(Kind::Endpoints, key.clone()))]
}

impl Controller for EndpointSliceMirroringController {
    fn name(&self) -> &'static str {
        "endpointslice-mirroring-controller"
    }

    fn service_account(&self) -> &'static str {
        "endpointslicemirroring-controller"
    }

    fn component(&self) -> &'static str {
        "endpoint-slice-mirroring-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Endpoints, Kind::EndpointSlice, Kind::Service]
    }

    fn workers(&self) -> usize {
        // --mirroring-concurrent-service-endpoint-syncs
        5
    }

    fn retries_max(&self) -> Option<u32> {
        Some(RETRIES_MAX)
    }

    fn base_delay(&self) -> Duration {
        BASE_DELAY
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        let any = |test: &dyn Fn(&Object) -> bool| change.old.iter().chain(&change.new).any(|object| test(object));
        match change.kind {
            Kind::Endpoints if any(&should_mirror) => work(&change.key),
            Kind::Service => {
                let free = |object: &Arc<Object>| service_pods::selector(object).is_none();
                match (change.old.as_ref().map(free), change.new.as_ref().map(free)) {
                    (Some(old), Some(new)) if old != new => work(&change.key),
                    (None, Some(true)) | (Some(true), None) => work(&change.key),
                    _ => Vec::new(),
                }
            }
            Kind::EndpointSlice => {
                slice_changed(&mut self.tracker, change, MANAGED_BY, Kind::Endpoints, Duration::ZERO)
            }
            _ => Vec::new(),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let key = &turn.key.key;
        let slices = slices_of(turn, MANAGED_BY);
        let service = turn.observed.stores.of(Kind::Service).get(key);
        let free = service.filter(|service| service_pods::selector(service).is_none());
        let endpoints = &turn.object().filter(|endpoints| should_mirror(endpoints));
        let (Some(endpoints), Some(service)) = (endpoints, free) else {
            self.tracker.forget(key);
            let steps = slices.iter().map(|slice| gone(slice)).collect();
            return Plan::steps("nothing to mirror", steps);
        };
        if self.tracker.is_stale(key, service.uid(), &slices) {
            let error = Some("EndpointSlice informer cache is out of date".to_owned());
            return Plan { error, ..Plan::nothing("waits for its cache") };
        }
        Plan::steps(format!("mirrors into {} slices", slices.len()), mirror(endpoints, &slices))
    }

    fn on_answer(&mut self, key: &WorkKey, write: &Write, answer: Option<&Answer>) {
        if let Some(answer) = answer {
            self.tracker.answered(&key.key, write, answer);
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}
