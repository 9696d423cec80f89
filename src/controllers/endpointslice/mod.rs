//! The EndpointSlice controller: which pods stand behind a service, in slices of at most a hundred.
//!
//! Mirrors pkg/controller/endpointslice. Leaves out: the topology cache, and so looks at services when nodes change.

pub mod endpoint;
mod hints;
pub mod reconcile;
pub(super) mod tracker;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use crate::api::{Kind, Object, ObjectMeta, Reason, Request, Typed};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::{Announce, Answer, Append, Plan, Step, Write};
use super::service_pods;
use super::trigger_time::{self, TriggerTimes};
use reconcile::{Decision, View};
use tracker::Tracker;

/// `controllerName`: the value of the label by which the slices are known.
pub const MANAGED_BY: &str = "endpointslice-controller.k8s.io";
/// `--max-endpoints-per-slice`.
const ENDPOINTS_MAX: usize = 100;
/// `endpointSliceChangeMinSyncDelay`: what others did to a slice is not answered at once.
const SLICE_CHANGE_DELAY: Duration = Duration::from_secs(1);
/// `maxRetries`.
pub(super) const RETRIES_MAX: u32 = 15;
/// `defaultSyncBackOff`.
pub(super) const BASE_DELAY: Duration = Duration::from_secs(1);

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct EndpointSliceController {
    tracker: Tracker,
    times: TriggerTimes,
}

/// Whether the slice is one of those that `managed_by` keeps.
pub(super) fn is_managed(slice: &Object, managed_by: &str) -> bool {
    slice.meta().labels.as_ref().and_then(|labels| labels.get(endpoint::MANAGED_BY)).is_some_and(|by| by == managed_by)
}

/// The slices that `managed_by` keeps for a name, by their own names; those that are going are none.
pub(super) fn slices_of(turn: &Turn, managed_by: &str) -> Vec<Arc<Object>> {
    let all = turn.observed.stores.of(Kind::EndpointSlice).in_namespace(&turn.key.key.namespace);
    let fits = |slice: &Arc<Object>| {
        is_managed(slice, managed_by) && tracker::service_of(slice).is_some_and(|name| name == turn.key.key)
    };
    all.filter(fits).filter(|slice| slice.meta().deletion_timestamp.is_none()).collect()
}

/// Which key a change of a slice leads to: none, where the controller itself wrote it.
pub(super) fn slice_changed(
    tracker: &mut Tracker,
    change: &Change,
    managed_by: &str,
    kind: Kind,
    delay: Duration,
) -> Vec<Enqueue> {
    let work = |slice: &Arc<Object>| {
        tracker::service_of(slice).map(|key| Enqueue::after(WorkKey::new(kind, key), delay)).into_iter()
    };
    match (&change.old, &change.new) {
        (Some(old), Some(new)) if tracker::service_of(old) != tracker::service_of(new) => {
            work(new).chain(work(old)).collect()
        }
        (old, Some(new)) => {
            let managed = is_managed(new, managed_by);
            let handed_over = old.as_ref().is_some_and(|old| is_managed(old, managed_by) != managed);
            if handed_over || (managed && tracker.should_sync(new)) { work(new).collect() } else { Vec::new() }
        }
        (Some(old), None) if is_managed(old, managed_by) && tracker.surprised(old) => work(old).collect(),
        _ => Vec::new(),
    }
}

/// A slice, as a write that says what it is about when it fails.
fn write(service: &Object, slice: EndpointSlice, at: Option<i64>) -> Step {
    let ObjectMeta { name, .. } = &slice.metadata;
    let (namespace, own) = (service.namespace(), service.name());
    let failed = match name {
        Some(name) => format!("failed to update {name} EndpointSlice for Service {namespace}/{own}: "),
        None => format!("failed to create EndpointSlice for Service {namespace}/{own}: "),
    };
    let is_new = name.is_none();
    let mut slice = slice;
    trigger_time::annotate(&mut slice.metadata, at);
    let object = slice.into_object();
    let request = if is_new { Request::create(object) } else { Request::update(object) };
    Write::new(request).complaining(complaint(service, &failed).ending(Append::Error)).step()
}

fn complaint(service: &Object, why: &str) -> Announce {
    let text = format!("Error updating Endpoint Slices for Service {}/{}: {why}", service.namespace(), service.name());
    Announce::warning(service, "FailedToUpdateEndpointSlices", text)
}

/// The steps of one decision (`finalize`). Nothing is made for a service that is going: the garbage collector would
/// have to take it away again.
fn steps(service: &Object, decision: Decision, at: Option<i64>) -> Vec<Step> {
    let going = service.meta().deletion_timestamp.is_some();
    let created = decision.create.into_iter().filter(|_| !going);
    let mut steps: Vec<Step> = created.chain(decision.update).map(|slice| write(service, slice, at)).collect();
    for slice in &decision.delete {
        let request = Request::delete(Kind::EndpointSlice.info(), slice.namespace(), slice.name());
        let (namespace, own) = (service.namespace(), service.name());
        let failed = format!("failed to delete {} EndpointSlice for Service {namespace}/{own}: ", slice.name());
        let complaint = complaint(service, &failed).ending(Append::Error);
        steps.push(Write::new(request).tolerating(&[Reason::NotFound]).complaining(complaint).step());
    }
    steps
}

impl Controller for EndpointSliceController {
    fn name(&self) -> &'static str {
        "endpointslice-controller"
    }

    fn component(&self) -> &'static str {
        "endpoint-slice-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::EndpointSlice, Kind::Node, Kind::Pod, Kind::Service]
    }

    fn workers(&self) -> usize {
        // --concurrent-service-endpoint-syncs
        5
    }

    fn retries_max(&self) -> Option<u32> {
        Some(RETRIES_MAX)
    }

    fn base_delay(&self) -> Duration {
        BASE_DELAY
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        match change.kind {
            Kind::Service => vec![service_pods::work(change.key.clone())],
            Kind::Pod => service_pods::services_to_update(change, observed),
            Kind::EndpointSlice => {
                slice_changed(&mut self.tracker, change, MANAGED_BY, Kind::Service, SLICE_CHANGE_DELAY)
            }
            _ => Vec::new(),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let Some(service) = &turn.object() else {
            self.times.forget(&turn.key.key);
            self.tracker.forget(&turn.key.key);
            return Plan::nothing("the service is gone");
        };
        let selector = match &service.expect::<Service>().spec {
            Some(spec) if spec.type_.as_deref() == Some("ExternalName") => None,
            _ => service_pods::selector(service),
        };
        let Some(selector) = selector else { return Plan::nothing("it selects no pods") };
        let slices = slices_of(turn, MANAGED_BY);
        if self.tracker.is_stale(&turn.key.key, service.uid(), &slices) {
            let error = Some("EndpointSlice informer cache is out of date".to_owned());
            return Plan { error, ..Plan::nothing("waits for its cache") };
        }
        let stores = &turn.observed.stores;
        let pods = service_pods::selected(service, selector, stores.of(Kind::Pod));
        let at = self.times.compute(service, &pods);
        let view = View {
            service,
            pods: &pods,
            slices: &slices,
            nodes: stores.of(Kind::Node),
            endpoints_max: ENDPOINTS_MAX,
            managed_by: MANAGED_BY,
        };
        let decisions = view.decide();
        let errors: Vec<String> = decisions.iter().flat_map(|own| own.errors.iter().cloned()).collect();
        let mut done: Vec<Step> = decisions.into_iter().flat_map(|own| steps(service, own, at)).collect();
        let error = (!errors.is_empty()).then(|| errors.join(", "));
        if let Some(error) = &error {
            done.push(Step::Event(complaint(service, error)));
        }
        Plan { error, ..Plan::steps(format!("selects {} pods, has {} slices", pods.len(), slices.len()), done) }
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
