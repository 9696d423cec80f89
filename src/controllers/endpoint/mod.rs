//! The endpoints controller: the same as slices say, in the one object that came before them.
//!
//! Mirrors pkg/controller/endpoint.

pub mod subsets;

use k8s_openapi::api::core::v1::{Endpoints, Service};

use crate::api::validation::equality::semantically_equal;
use crate::api::{Body, Kind, Method, Object, ObjectKey, Reason, Request, Typed};
use crate::client::Change;
use crate::sim::persistent::OrdMap;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::endpointslice::RETRIES_MAX;
use super::endpointslice::endpoint::{HEADLESS, has_cluster_ip};
use super::plan::{Announce, Answer, Append, Plan, Write};
use super::service_pods;
use super::trigger_time::{self, TriggerTimes};

/// `LabelManagedBy` and its value.
const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const NAME: &str = "endpoint-controller";
/// `EndpointsOverCapacity`
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
/// Endpoints that an older leader election kept its record in.
pub(super) const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct EndpointController {
    times: TriggerTimes,
    /// The resource version that was replaced last, by service: seen again, the cache lags.
    replaced: OrdMap<ObjectKey, u64>,
}

/// What the service's Endpoints should be, made of what they are.
fn wanted(service: &Object, current: Option<&Endpoints>, pods: &[std::sync::Arc<Object>]) -> Endpoints {
    let own = service.expect::<Service>();
    let mut wanted = current.cloned().unwrap_or_default();
    let meta = &mut wanted.metadata;
    meta.name = own.metadata.name.clone();
    meta.namespace = own.metadata.namespace.clone();
    let mut labels = own.metadata.labels.clone().unwrap_or_default();
    labels.remove(HEADLESS);
    if !has_cluster_ip(own) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(MANAGED_BY.to_owned(), NAME.to_owned());
    meta.labels = Some(labels);
    let subsets = subsets::of(own, pods);
    wanted.subsets = (!subsets.is_empty()).then_some(subsets);
    wanted
}

/// `capacityAnnotationSetCorrectly`
fn capacity_is_told(current: &Endpoints) -> bool {
    let annotated = current.metadata.annotations.as_ref().is_some_and(|own| own.contains_key(OVER_CAPACITY));
    !annotated && subsets::count(current.subsets.as_deref().unwrap_or_default()) <= subsets::CAPACITY
}

impl EndpointController {
    fn sync(&mut self, turn: &Turn, service: &Object) -> Plan {
        let selector = match &service.expect::<Service>().spec {
            Some(spec) if spec.type_.as_deref() == Some("ExternalName") => None,
            _ => service_pods::selector(service),
        };
        let Some(selector) = selector else { return Plan::nothing("it selects no pods") };
        let stores = &turn.observed.stores;
        let pods = service_pods::selected(service, selector, stores.of(Kind::Pod));
        let at = self.times.compute(service, &pods);
        let object = stores.of(Kind::Endpoints).get(&turn.key.key);
        let current = object.as_ref().map(|object| object.expect::<Endpoints>());
        if let Some(object) = &object
            && self.replaced.get(&turn.key.key) == Some(&object.resource_version())
        {
            let error = format!(
                "endpoints informer cache is out of date, resource version {} already processed for endpoints {}",
                object.resource_version(),
                turn.key.key
            );
            return Plan { error: Some(error), ..Plan::nothing("waits for its cache") };
        }
        let mut wanted = wanted(service, current, &pods);
        let summary = format!("selects {} pods", pods.len());
        let is_same = |current: &Endpoints| {
            semantically_equal(&current.subsets, &wanted.subsets)
                && current.metadata.labels == wanted.metadata.labels
                && capacity_is_told(current)
        };
        if current.is_some_and(is_same) {
            return Plan::nothing(summary);
        }
        trigger_time::annotate(&mut wanted.metadata, at);
        let truncated = subsets::truncate(wanted.subsets.as_deref_mut().unwrap_or_default());
        let annotations = wanted.metadata.annotations.get_or_insert_default();
        if truncated {
            annotations.insert(OVER_CAPACITY.to_owned(), "truncated".to_owned());
        } else {
            annotations.remove(OVER_CAPACITY);
        }
        let object = wanted.into_object();
        let (namespace, name) = (service.namespace(), service.name());
        let (reason, text) = match current {
            None => ("FailedToCreateEndpoint", format!("Failed to create endpoint for service {namespace}/{name}: ")),
            Some(_) => ("FailedToUpdateEndpoint", format!("Failed to update endpoint {namespace}/{name}: ")),
        };
        let complaint = Announce::warning(&object, reason, text).ending(Append::Error);
        let request = if current.is_some() { Request::update(object) } else { Request::create(object) };
        Plan::steps(summary, vec![Write::new(request).complaining(complaint).step()])
    }
}

impl Controller for EndpointController {
    fn name(&self) -> &'static str {
        "endpoints-controller"
    }

    fn service_account(&self) -> &'static str {
        NAME
    }

    fn component(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Endpoints, Kind::Pod, Kind::Service]
    }

    fn workers(&self) -> usize {
        // --concurrent-endpoint-syncs
        5
    }

    fn retries_max(&self) -> Option<u32> {
        Some(RETRIES_MAX)
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        match (change.kind, &change.old, &change.new) {
            (Kind::Service, _, _) => vec![service_pods::work(change.key.clone())],
            (Kind::Pod, _, _) => service_pods::services_to_update(change, observed),
            (Kind::Endpoints, Some(_), None) => vec![service_pods::work(change.key.clone())],
            // `checkLeftoverEndpoints`: those that a start finds. Others may be made by hand, before their service.
            (Kind::Endpoints, None, Some(new)) if change.initial => {
                let annotations = new.meta().annotations.as_ref();
                let elects = annotations.is_some_and(|own| own.contains_key(LEADER));
                if elects { Vec::new() } else { vec![service_pods::work(change.key.clone())] }
            }
            _ => Vec::new(),
        }
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let key = &turn.key.key;
        match &turn.object() {
            Some(service) => self.sync(turn, service),
            None => {
                self.times.forget(key);
                self.replaced.remove(key);
                let request = Request::delete(Kind::Endpoints.info(), &key.namespace, &key.name);
                let delete = Write::new(request).tolerating(&[Reason::NotFound]);
                Plan::steps("the service is gone", vec![delete.step()])
            }
        }
    }

    fn on_answer(&mut self, key: &WorkKey, write: &Write, answer: Option<&Answer>) {
        let Body::Object(before) = &write.request.body else { return };
        let written = answer.and_then(Answer::object);
        if write.request.method == Method::Put
            && written.is_some_and(|written| written.resource_version() != before.resource_version())
        {
            self.replaced.insert(key.key.clone(), before.resource_version());
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controllers::fake;

    #[test]
    fn what_is_made_by_hand_stays_and_what_a_start_finds_is_looked_at() {
        let endpoints = |annotations: serde_json::Value| {
            let value = json!({ "metadata": { "name": "db", "namespace": "default", "annotations": annotations } });
            Object::from_value(Kind::Endpoints, &value, &mut |_| {}).expect("Endpoints")
        };
        let (plain, elects) = (endpoints(json!({})), endpoints(json!({ LEADER: "{}" })));
        let mut controller = EndpointController::default();
        let observed = fake::observed();
        let mut looked = |mut change: Change, initial: bool| {
            change.initial = initial;
            controller.on_change(&change, &observed).len()
        };
        assert_eq!(looked(fake::change(None, Some(&plain)), false), 0);
        assert_eq!(looked(fake::change(None, Some(&plain)), true), 1);
        assert_eq!(looked(fake::change(None, Some(&elects)), true), 0);
        assert_eq!(looked(fake::change(Some(&plain), None), false), 1);
    }
}
