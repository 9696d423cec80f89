//! The quota controller: counts what is used of every quota.
//!
//! Mirrors pkg/controller/resourcequota. Leaves out: its second queue, which takes quotas without usage first.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota, Service};

use crate::api::{KINDS, Kind, Object, Request, Typed, quota};
use crate::client::Change;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::{Plan, Write};

/// `--resource-quota-sync-period`: how often everything is counted again.
const PERIOD: Duration = Duration::from_secs(300);

/// Every kind that a quota can count.
static COUNTED: LazyLock<Vec<Kind>> =
    LazyLock::new(|| KINDS.iter().filter(|info| quota::is_counted(info)).map(|info| info.id).collect());

/// The controller.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceQuotaController;

fn work(quota: &Object) -> Enqueue {
    Enqueue::now(WorkKey::new(Kind::ResourceQuota, quota.key()))
}

fn hard(object: &Object) -> quota::List {
    object.expect::<ResourceQuota>().spec.as_ref().and_then(|spec| spec.hard.clone())
}

/// A quota of its own is counted anew when it is new, gone, or asks for something else.
fn quota_changed(change: &Change) -> Vec<Enqueue> {
    match (&change.old, &change.new) {
        (Some(old), Some(new)) if quota::read(&hard(old)) == quota::read(&hard(new)) => Vec::new(),
        (_, Some(new)) => vec![work(new)],
        (_, None) => vec![Enqueue::now(WorkKey::new(Kind::ResourceQuota, change.key.clone()))],
    }
}

/// Whether a change gives something back: the handlers of `QuotaMonitor`.
fn gives_back(change: &Change, unix_micros: i64) -> bool {
    let (Some(old), Some(new)) = (&change.old, &change.new) else { return change.new.is_none() };
    let type_ = |service: &Object| {
        let type_ = service.expect::<Service>().spec.as_ref().and_then(|spec| spec.type_.clone());
        type_.filter(|type_| matches!(type_.as_str(), "NodePort" | "LoadBalancer"))
    };
    let allocated = |claim: &Object| {
        claim.expect::<PersistentVolumeClaim>().status.as_ref().and_then(|status| status.allocated_resources.clone())
    };
    match change.kind {
        Kind::Pod => {
            let lives = |pod: &Object| quota::lives(pod.expect::<Pod>(), unix_micros);
            lives(old) && !lives(new)
        }
        Kind::Service => type_(old) != type_(new),
        Kind::PersistentVolumeClaim => {
            let classes = |claim: &Object| quota::attributes_classes(claim.expect()).join(",");
            allocated(old) != allocated(new) || classes(old) != classes(new)
        }
        _ => false,
    }
}

/// `replenishQuota`: the quotas of the namespace that count such objects.
fn replenish(change: &Change, observed: &Observed) -> Vec<Enqueue> {
    let quotas = observed.stores.of(Kind::ResourceQuota).in_namespace(&change.key.namespace);
    let counts = |own: &Arc<Object>| {
        let status = own.expect::<ResourceQuota>().status.as_ref();
        let hard = status.and_then(|status| status.hard.as_ref());
        hard.into_iter().flatten().any(|(name, _)| quota::concerns(change.kind, name))
    };
    quotas.filter(counts).map(|own| work(&own)).collect()
}

/// `syncResourceQuota`.
fn sync(turn: &Turn, object: &Object) -> Plan {
    let own = object.expect::<ResourceQuota>();
    let stores = &turn.observed.stores;
    let all = COUNTED.iter().flat_map(|kind| stores.of(*kind).in_namespace(object.namespace()));
    let all: Vec<Arc<Object>> = all.collect();
    let counted = quota::calculate(own, all.iter().map(|object| &**object), turn.observed.unix_micros);
    let status = own.status.clone().unwrap_or_default();
    let (wanted, seen) = (quota::read(&hard(object)), quota::read(&status.hard));
    // What nobody here can count stays as it was.
    let mut used = quota::read(&status.used);
    used.extend(counted);
    used.retain(|name, _| wanted.contains_key(name));
    let fresh = status.hard.is_none() || status.used.is_none();
    let summary = format!("{} resources are counted", used.len());
    if !fresh && wanted == seen && used == quota::read(&status.used) {
        return Plan::nothing(summary);
    }
    let mut new = own.clone();
    let status = new.status.get_or_insert_default();
    status.hard = quota::write(&wanted);
    status.used = quota::write(&used);
    let write = Write::new(Request::update_status(new.into_object()));
    Plan::steps(summary, vec![write.step()])
}

impl Controller for ResourceQuotaController {
    fn name(&self) -> &'static str {
        "resourcequota-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &COUNTED
    }

    fn workers(&self) -> usize {
        // --concurrent-resource-quota-syncs
        5
    }

    fn period(&self) -> Option<Duration> {
        Some(PERIOD)
    }

    fn on_change(&mut self, change: &Change, observed: &Observed) -> Vec<Enqueue> {
        if observed.stores.of(Kind::ResourceQuota).is_empty() && change.kind != Kind::ResourceQuota {
            return Vec::new();
        }
        let mut wishes = if change.kind == Kind::ResourceQuota { quota_changed(change) } else { Vec::new() };
        if gives_back(change, observed.unix_micros) {
            wishes.extend(replenish(change, observed));
        }
        wishes
    }

    fn on_tick(&mut self, observed: &Observed) -> Vec<Enqueue> {
        observed.stores.of(Kind::ResourceQuota).iter().map(|(_, quota)| work(&quota)).collect()
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        match &turn.object() {
            None => Plan::nothing("it is gone"),
            Some(object) => sync(turn, object),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Body;
    use crate::controllers::fake;

    fn object(kind: Kind, value: Value) -> Object {
        Object::from_value(kind, &value, &mut |field| panic!("unknown field {field}")).expect("an object")
    }

    fn pod(name: &str, phase: &str) -> Object {
        let resources = json!({"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}});
        object(
            Kind::Pod,
            json!({
                "metadata": {"name": name, "namespace": "default"},
                "spec": {"containers": [{"name": "c", "resources": resources}]},
                "status": {"phase": phase},
            }),
        )
    }

    fn quota(hard: Value, status: Value) -> Object {
        let meta = json!({"name": "q", "namespace": "default"});
        object(Kind::ResourceQuota, json!({"metadata": meta, "spec": {"hard": hard}, "status": status}))
    }

    #[test]
    fn what_lives_is_counted() {
        let mut observed = fake::observed();
        for (name, phase) in [("a", "Running"), ("b", "Pending"), ("c", "Failed")] {
            observed.stores.insert(pod(name, phase));
        }
        let hard = json!({
            "pods": "5", "count/pods": "5", "requests.cpu": "2", "limits.memory": "4Gi", "count/deployments.apps": "1",
            "count/widgets.example.com": "3",
        });
        let seen = quota(hard, json!({}));
        observed.stores.insert(seen.clone());
        let turn = fake::turn(&observed, WorkKey::new(seen.kind(), seen.key()));
        let plan = ResourceQuotaController.reconcile(&turn);
        let Body::Object(written) = &fake::writes(&plan)[0].request.body else { panic!("the quota is written") };
        let status = &written.to_value()["status"];
        assert_eq!(
            status["used"],
            json!({
                "pods": "2", "count/pods": "3", "requests.cpu": "1", "limits.memory": "2Gi",
                "count/deployments.apps": "0",
            })
        );
        assert_eq!(status["hard"]["pods"], "5");
        // Written once, it is right.
        observed.stores.insert((**written).clone());
        let turn = fake::turn(&observed, WorkKey::new(seen.kind(), seen.key()));
        assert!(ResourceQuotaController.reconcile(&turn).steps.is_empty());
        // A pod that ends gives its part back; one that starts takes nothing the admission did not charge.
        let old = pod("a", "Running");
        let wishes =
            |new: Option<&Object>| ResourceQuotaController.on_change(&fake::change(Some(&old), new), &observed).len();
        assert_eq!((wishes(Some(&pod("a", "Succeeded"))), wishes(None)), (1, 1));
        assert_eq!(wishes(Some(&pod("a", "Pending"))), 0);
    }
}
