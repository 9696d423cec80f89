//! Mirrors `ValidateTolerations` and `validateTaintEffect`.

use k8s_openapi::api::core::v1::Toleration;

use super::errors::Errors;
use super::meta::label_key;
use super::names;
use super::path::Path;
use super::text;
use crate::api::kind::FieldError;

/// `validateTaintEffect` of an effect that is there.
pub fn taint_effect(effect: &str, path: &Path, errors: &mut Errors) {
    if !matches!(effect, "NoSchedule" | "PreferNoSchedule" | "NoExecute") {
        errors.push(FieldError::not_supported(path, effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"]));
    }
}

/// `ValidateTolerations`.
pub fn tolerations(list: &[Toleration], path: &Path, errors: &mut Errors) {
    for (index, toleration) in list.iter().enumerate() {
        let path = path.index(index);
        let (key, value) = (text(&toleration.key), text(&toleration.value));
        let (operator, effect) = (text(&toleration.operator), text(&toleration.effect));
        let operator_path = path.child("operator");
        if !key.is_empty() {
            label_key(key, &path.child("key"), errors);
        } else if operator != "Exists" {
            let detail = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errors.push(FieldError::invalid(&operator_path, operator, detail));
        }
        if toleration.toleration_seconds.is_some() && effect != "NoExecute" {
            let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            errors.push(FieldError::invalid(&path.child("effect"), effect, detail));
        }
        match operator {
            "Equal" | "" => {
                let wrong = names::label_value(value);
                if !wrong.is_empty() {
                    errors.push(FieldError::invalid(&operator_path, value, &wrong.join(";")));
                }
            }
            "Exists" => {
                if !value.is_empty() {
                    let detail = "value must be empty when `operator` is 'Exists'";
                    errors.push(FieldError::invalid(&operator_path, value, detail));
                }
            }
            other => errors.push(FieldError::not_supported(&operator_path, other, &["Equal", "Exists"])),
        }
        if !effect.is_empty() {
            taint_effect(effect, &path.child("effect"), errors);
        }
    }
}
