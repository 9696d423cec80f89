//! A pod's priority, by its class.
//!
//! Mirrors plugin/pkg/admission/priority. Leaves out: priority classes of users' own, as there is no such
//! kind yet.

use crate::api::{Object, Status};

use super::forbidden;

/// `SystemCriticalPriority`, and what `system-node-critical` has above it.
const SYSTEM_CRITICAL: i32 = 2_000_000_000;
const NODE_CRITICAL: i32 = SYSTEM_CRITICAL + 1_000;

/// What was computed stays, where an update does not mention it.
pub(super) fn update(object: &mut Object, old: &Object) {
    let (Object::Pod(pod), Object::Pod(old)) = (object, old) else { return };
    let (Some(spec), Some(old)) = (&mut pod.spec, &old.spec) else { return };
    spec.priority = spec.priority.or(old.priority);
    if spec.preemption_policy.is_none() {
        spec.preemption_policy.clone_from(&old.preemption_policy);
    }
}

pub(super) fn create(object: &mut Object) -> Result<(), Status> {
    let info = object.info();
    let Object::Pod(pod) = &*object else { return Ok(()) };
    let spec = pod.spec.as_ref();
    let class = spec.and_then(|spec| spec.priority_class_name.as_deref()).unwrap_or_default();
    let priority = match class {
        "" => 0,
        "system-cluster-critical" => SYSTEM_CRITICAL,
        "system-node-critical" => NODE_CRITICAL,
        other => {
            return Err(forbidden(info, object, &format!("no PriorityClass with name {other} was found")));
        }
    };
    if spec.and_then(|spec| spec.priority).is_some_and(|given| given != priority) {
        let why = format!(
            "the integer value of priority ({}) must not be provided in pod spec; priority admission controller computed {priority} from the given PriorityClass name",
            spec.and_then(|spec| spec.priority).unwrap_or_default()
        );
        return Err(forbidden(info, object, &why));
    }
    if let Object::Pod(pod) = object {
        let spec = pod.spec.get_or_insert_default();
        spec.priority = Some(priority);
        spec.preemption_policy.get_or_insert_with(|| "PreemptLowerPriority".to_owned());
    }
    Ok(())
}
