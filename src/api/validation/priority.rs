//! Mirrors pkg/apis/scheduling/validation for PriorityClass.

use k8s_openapi::api::scheduling::v1::PriorityClass;

use super::equality::immutable_text;
use super::errors::Errors;
use super::meta::{object_meta, object_meta_update};
use super::names::subdomain_name;
use super::path::Path;
use super::text;
use crate::api::kind::FieldError;
use crate::api::kinds::priorityclass::{SYSTEM, SYSTEM_CRITICAL};

/// `HighestUserDefinablePriority`.
const USER_MAX: i32 = SYSTEM_CRITICAL / 2;

/// `ValidatePriorityClass`.
pub fn class(own: &PriorityClass, errors: &mut Errors) {
    object_meta(&own.metadata, false, subdomain_name, &Path::new("metadata"), errors);
    let name = text(&own.metadata.name);
    let value = own.value.unwrap_or(0);
    if name.starts_with("system-") {
        if let Some(why) = not_of_the_system(name, value, own.global_default.unwrap_or(false)) {
            let detail =
                format!("priority class names with 'system-' prefix are reserved for system use only. error: {why}");
            errors.push(FieldError::forbidden(&Path::new("metadata").child("name"), &detail));
        }
    } else if value > USER_MAX {
        let detail = format!("maximum allowed value of a user defined priority is {USER_MAX}");
        errors.push(FieldError::forbidden(&Path::new("value"), &detail));
    }
    if let Some(policy) = own.preemption_policy.as_deref() {
        let path = Path::new("preemptionPolicy");
        match policy {
            "PreemptLowerPriority" | "Never" => {}
            "" => errors.push(FieldError::required(&path, "")),
            other => errors.push(FieldError::not_supported(&path, other, &["PreemptLowerPriority", "Never"])),
        }
    }
}

/// `IsKnownSystemPriorityClass`: why it is not one of them.
fn not_of_the_system(name: &str, value: i32, global_default: bool) -> Option<String> {
    match SYSTEM.iter().find(|(known, ..)| *known == name) {
        None => Some(format!("{name} is not a known system priority class")),
        Some((_, wanted, _)) if *wanted != value => Some(format!("value of {name} PriorityClass must be {wanted}")),
        Some(_) if global_default => Some(format!("globalDefault of {name} PriorityClass must be false")),
        Some(_) => None,
    }
}

/// `ValidatePriorityClassUpdate`, after `ValidatePriorityClass` is not asked again.
pub fn class_update(new: &PriorityClass, old: &PriorityClass, errors: &mut Errors) {
    object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"), errors);
    if new.value.unwrap_or(0) != old.value.unwrap_or(0) {
        errors.push(FieldError::forbidden(&Path::new("value"), "may not be changed in an update."));
    }
    let (new, old) = (text(&new.preemption_policy), text(&old.preemption_policy));
    immutable_text(new, old, &Path::new("preemptionPolicy"), errors);
}
