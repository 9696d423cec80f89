//! A StatefulSet's ordinals.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;

use crate::api::{Kind, Object};
use crate::controllers::statefulset::identity;
use crate::sim::Order;

use super::super::world::World;
use super::{Muster, Seat, controlled, joined, place, seated};

pub(super) fn muster(world: &World, object: &Object, set: &StatefulSet) -> Muster {
    let pods = controlled(world, Kind::Pod, object);
    let (first, count) = (identity::start(set), identity::replicas(set));
    let wanted = first..first + count.max(0);
    let spec = set.spec.as_ref();
    let update = set.status.as_ref().and_then(|status| status.update_revision.as_deref()).unwrap_or_default();
    let current = set.status.as_ref().and_then(|status| status.current_revision.as_deref()).unwrap_or_default();
    let rolls = !current.is_empty() && current != update;
    let seat = |ordinal: i32| {
        let name = format!("{}-{ordinal}", object.name());
        let Some(pod) = pods.iter().find(|pod| pod.name() == name) else {
            return Seat { title: name, state: "not there".to_owned(), ..Seat::default() };
        };
        let typed = pod.expect::<Pod>();
        let revision = match identity::revision(typed) {
            _ if !rolls => "",
            own if own == update => "new revision",
            _ => "old revision",
        };
        let beyond = if wanted.contains(&ordinal) { "" } else { "one too many" };
        let note = joined([place(typed), claims(set, &name), revision.to_owned(), beyond.to_owned()]);
        seated(world, name, pod, note)
    };
    let beyond = pods.iter().filter_map(|pod| identity::ordinal(pod)).filter(|own| !wanted.contains(own));
    let mut ordinals: Vec<i32> = wanted.clone().chain(beyond).collect();
    ordinals.order();
    let parallel = spec.and_then(|spec| spec.pod_management_policy.as_deref()) == Some("Parallel");
    let order = if parallel {
        "all at once (Parallel)"
    } else {
        "each when the one before is Running and Ready; down from the last (OrderedReady)"
    };
    let mut facts = vec![("order", order.to_owned()), ("updates", updates(set))];
    if rolls {
        facts.push(("revision", format!("{current} → {update}")));
    } else if !current.is_empty() {
        facts.push(("revision", current.to_owned()));
    }
    if let Some(service) = spec.and_then(|spec| spec.service_name.as_deref()).filter(|name| !name.is_empty()) {
        facts.push(("names", format!("{}-N.{service}.{}.svc", object.name(), object.namespace())));
    }
    Muster { title: "Ordinals", facts, seats: ordinals.into_iter().map(seat).collect(), ..Muster::default() }
}

fn claims(set: &StatefulSet, pod: &str) -> String {
    let templates = set.spec.iter().flat_map(|spec| spec.volume_claim_templates.iter().flatten());
    let names = templates.filter_map(|claim| claim.metadata.name.as_deref());
    let names: Vec<String> = names.map(|name| format!("{name}-{pod}")).collect();
    if names.is_empty() { String::new() } else { format!("claim {}", names.join(" and ")) }
}

fn updates(set: &StatefulSet) -> String {
    let strategy = set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref());
    if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
        return "when a pod is deleted (OnDelete)".to_owned();
    }
    let partition = strategy.and_then(|strategy| strategy.rolling_update.as_ref()?.partition).unwrap_or(0);
    match partition {
        0 => "from the last down (RollingUpdate)".to_owned(),
        partition => format!("from the last down to ordinal {partition} (RollingUpdate, partition)"),
    }
}
