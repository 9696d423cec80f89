//! Which services a pod belongs to, and which must be looked at when it changes.
//!
//! Mirrors staging endpointslice `util/controller_utils.go`.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};

use crate::api::{Kind, Object, ObjectKey};
use crate::client::{Change, Store};

use super::controller::{Enqueue, Observed, WorkKey};
use super::pods;

type Labels = BTreeMap<String, String>;

/// The selector of a service. None selects nothing.
pub fn selector(service: &Object) -> Option<&Labels> {
    service.expect::<Service>().spec.as_ref()?.selector.as_ref()
}

/// Whether `labels` has all that the selector asks for.
pub fn selects(selector: &Labels, labels: Option<&Labels>) -> bool {
    selector.iter().all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

/// The pods that a service selects, by name.
pub fn selected(service: &Object, selector: &Labels, store: &Store) -> Vec<Arc<Object>> {
    let pods = store.in_namespace(service.namespace());
    pods.filter(|pod| selects(selector, pod.meta().labels.as_ref())).collect()
}

fn hosts(pod: &Pod) -> (Option<&String>, Option<&String>) {
    let spec = pod.spec.as_ref();
    (spec.and_then(|spec| spec.hostname.as_ref()), spec.and_then(|spec| spec.subdomain.as_ref()))
}

/// `podEndpointsChanged`: whether its endpoints may be others, and whether it may belong to others.
fn changed(old: &Pod, new: &Pod) -> (bool, bool) {
    let addresses = |pod: &Pod| pod.status.as_ref().and_then(|status| status.pod_ips.clone()).unwrap_or_default();
    let elsewhere = old.metadata.labels != new.metadata.labels || hosts(old) != hosts(new);
    let otherwise = old.metadata.deletion_timestamp != new.metadata.deletion_timestamp
        || pods::is_ready(old) != pods::is_ready(new)
        || addresses(old) != addresses(new);
    (otherwise, elsewhere)
}

/// The services to look at after a change of a pod.
pub fn services_to_update(change: &Change, observed: &Observed) -> Vec<Enqueue> {
    let (old, new) = (change.old.as_ref(), change.new.as_ref());
    let (pod_changed, labels_changed) = match (old, new) {
        (Some(old), Some(new)) => changed(old.expect(), new.expect()),
        _ => (true, false),
    };
    if !pod_changed && !labels_changed {
        return Vec::new();
    }
    let labels = |pod: Option<&Arc<Object>>| pod.and_then(|pod| pod.meta().labels.clone());
    let (before, now) = (labels(old.filter(|_| labels_changed)), labels(new.or(old)));
    let services = observed.stores.of(Kind::Service).in_namespace(&change.key.namespace);
    services
        .filter(|service| {
            let Some(selector) = selector(service) else { return false };
            let (was, is) = (before.is_some() && selects(selector, before.as_ref()), selects(selector, now.as_ref()));
            // Where only the labels changed, a service that it stays with has nothing to do.
            if labels_changed && !pod_changed { was != is } else { was || is }
        })
        .map(|service| work(service.key()))
        .collect()
}

/// A look at a service.
pub fn work(service: ObjectKey) -> Enqueue {
    Enqueue::now(WorkKey::new(Kind::Service, service))
}
