//! A workload's members in their order: the ordinals of a StatefulSet, the indexes of a Job, the runs of a
//! CronJob, with what its controller makes of them. Read off what etcd holds and off the controller's last plan.

pub mod cronjob;
mod job;
mod statefulset;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::api::timezone::Civil;
use crate::api::{Kind, Object, ObjectKey, duration};
use crate::controllers::owners::is_controlled_by;

use super::graph::{Meter, meter};
use super::snapshot::Phase;
use super::world::World;

/// Members that are listed; how many more there are is told.
const SEATS_MAX: usize = 60;

/// A place among a workload's members, taken or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seat {
    /// `web-0`, `index 3`.
    pub title: String,
    /// Who sits there.
    pub taken: Option<(Kind, ObjectKey)>,
    pub phase: Option<Phase>,
    /// How it stands, in a word or two.
    pub state: String,
    /// What else is to be known: its node, its claims, its revision.
    pub note: String,
}

/// A workload's members, and what is wanted of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Muster {
    /// What the members are called.
    pub title: &'static str,
    pub facts: Vec<(&'static str, String)>,
    pub seats: Vec<Seat>,
    /// Members that are not listed.
    pub more: usize,
    /// What its controller found at its last look that led to something; empty for nothing yet.
    pub doing: String,
}

impl Muster {
    /// Of a workload whose members have an order; `None` for any other object.
    pub fn of(world: &World, object: &Object) -> Option<Muster> {
        let (mut muster, controller) = match object {
            Object::StatefulSet(set) => (statefulset::muster(world, object, set), "statefulset-controller"),
            Object::Job(job) => (job::muster(world, object, job), "job-controller"),
            Object::CronJob(own) => (cronjob::muster(world, object, own), "cronjob-controller"),
            _ => return None,
        };
        muster.more = muster.seats.len().saturating_sub(SEATS_MAX);
        muster.seats.truncate(SEATS_MAX);
        muster.doing = last_plan(world, controller, &object.key());
        Some(muster)
    }
}

/// The summary of a controller's last plan for a key.
fn last_plan(world: &World, controller: &str, key: &ObjectKey) -> String {
    let manager = world.controller_manager();
    let Some(at) = manager.queue_depths().position(|(name, _)| name == controller) else { return String::new() };
    let key = key.to_string();
    let found = manager.plans_of(at).find(|plan| plan.key == key);
    found.map_or(String::new(), |plan| plan.plan.summary.clone())
}

/// What `owner` controls of a kind, by name.
fn controlled(world: &World, kind: Kind, owner: &Object) -> Vec<Arc<Object>> {
    let mut own = Vec::new();
    world.each_stored(kind, &mut |kv| {
        let object = kv.value.object();
        if is_controlled_by(object.meta(), owner) {
            own.push(object);
        }
    });
    own
}

/// A seat that a pod has taken.
fn seated(world: &World, title: String, pod: &Object, note: String) -> Seat {
    let Meter { text: state, phase, .. } = meter(pod, world.kernel().unix_micros());
    Seat { title, taken: Some((Kind::Pod, pod.key())), phase, state, note }
}

/// A moment beside now: `12:05:00 UTC, in 3m12s`, `12:00:00 UTC, 20s ago`; with the day where it is another.
fn ahead(at: i64, now: i64) -> String {
    let (then, today) = (Civil::of(at.div_euclid(1_000_000)), Civil::of(now.div_euclid(1_000_000)));
    let same_day = (then.year, then.month, then.day) == (today.year, today.month, today.day);
    let day = if same_day { String::new() } else { format!("{}-{:02}-{:02} ", then.year, then.month, then.day) };
    let clock = format!("{day}{:02}:{:02}:{:02} UTC", then.hour, then.minute, then.second);
    match at - now {
        0 => format!("{clock}, now"),
        left if left > 0 => format!("{clock}, in {}", duration::human(left)),
        past => format!("{clock}, {} ago", duration::human(-past)),
    }
}

/// Words with commas between them, without the empty ones.
fn joined(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(", ")
}

/// `on node-a`.
fn place(pod: &k8s_openapi::api::core::v1::Pod) -> String {
    match pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) {
        Some(node) if !node.is_empty() => format!("on {node}"),
        _ => String::new(),
    }
}
