//! A pod's priority, by its class.
//!
//! Mirrors plugin/pkg/admission/priority.

use std::sync::Arc;

use k8s_openapi::api::scheduling::v1::PriorityClass;

use crate::api::{Kind, Object, Status};

use super::super::cache::WatchCache;
use super::forbidden;

/// What was computed stays, where an update does not mention it.
pub(super) fn update(object: &mut Object, old: &Object) {
    let (Object::Pod(pod), Object::Pod(old)) = (object, old) else { return };
    let (Some(spec), Some(old)) = (&mut pod.spec, &old.spec) else { return };
    spec.priority = spec.priority.or(old.priority);
    if spec.preemption_policy.is_none() {
        spec.preemption_policy.clone_from(&old.preemption_policy);
    }
}

/// `getDefaultPriorityClass`: of several, the one of the lowest value.
fn default_class(cache: &WatchCache) -> Option<Arc<Object>> {
    let prefix = Kind::PriorityClass.info().etcd_key("", "");
    let all = cache.objects(Kind::PriorityClass, &prefix, &prefix).map(|(_, stored)| stored.object());
    let default = all.filter(|object| object.expect::<PriorityClass>().global_default == Some(true));
    default.min_by_key(|object| object.expect::<PriorityClass>().value)
}

/// Gives a pod the priority and the preemption policy of its class.
pub(super) fn create(cache: &WatchCache, object: &mut Object) -> Result<(), Status> {
    let info = object.info();
    let Object::Pod(pod) = &*object else { return Ok(()) };
    let spec = pod.spec.clone().unwrap_or_default();
    let named = spec.priority_class_name.as_deref().filter(|name| !name.is_empty());
    let class = match named {
        None => default_class(cache),
        Some(name) => match cache.find(Kind::PriorityClass, "", name) {
            None => return Err(forbidden(info, object, &format!("no PriorityClass with name {name} was found"))),
            found => found,
        },
    };
    let class = class.as_deref().map(Object::expect::<PriorityClass>);
    let priority = class.and_then(|class| class.value).unwrap_or(0);
    let policy = class.map_or(Some("PreemptLowerPriority"), |class| class.preemption_policy.as_deref());
    let tail = "from the given PriorityClass name";
    if let Some(given) = spec.priority.filter(|given| *given != priority) {
        let why = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {priority} {tail}"
        );
        return Err(forbidden(info, object, &why));
    }
    if let (Some(given), Some(policy)) = (&spec.preemption_policy, policy)
        && given != policy
    {
        let why = format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {policy} {tail}"
        );
        return Err(forbidden(info, object, &why));
    }
    let (name, policy) = (class.and_then(|class| class.metadata.name.clone()), policy.map(str::to_owned));
    if let Object::Pod(pod) = object {
        let spec = pod.spec.get_or_insert_default();
        spec.priority = Some(priority);
        spec.preemption_policy = policy.or(spec.preemption_policy.take());
        if name.is_some() {
            spec.priority_class_name = name;
        }
    }
    Ok(())
}

/// `validatePriorityClass`: one class at most is the default.
pub(super) fn validate(cache: &WatchCache, object: &Object, creates: bool) -> Result<(), Status> {
    let Object::PriorityClass(class) = object else { return Ok(()) };
    let default = default_class(cache).map(|class| class.name().to_owned());
    let Some(default) = default.filter(|_| class.global_default == Some(true)) else { return Ok(()) };
    if !creates && default == object.name() {
        return Ok(());
    }
    let why = format!("PriorityClass {default} is already marked as default. Only one default can exist");
    Err(forbidden(object.info(), object, &why))
}
