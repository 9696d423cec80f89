//! Mirrors `ValidateSecurityContext` and `validatePodSpecSecurityContext`. The cluster allows
//! privileged containers, as kubeadm's does.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext, Sysctl,
};
use serde_json::{Map, Value};

use super::errors::{BadValue, Errors};
use super::names;
use super::path::Path;
use super::volume_sources::local_descending_path;
use super::windows::windows_options;
use super::{items, text};
use crate::api::fields::Field;
use crate::api::kind::FieldError;

fn unix_id(id: Option<i64>, path: &Path, errors: &mut Errors) {
    if let Some(id) = id {
        errors.extend(names::unix_id(id).iter().map(|what| FieldError::invalid(path, id, what)));
    }
}

fn one_of(value: Option<&str>, supported: &[&str], path: &Path, errors: &mut Errors) {
    if let Some(value) = value
        && !supported.contains(&value)
    {
        errors.push(FieldError::not_supported(path, value, supported));
    }
}

/// The context as Go prints its internal type: by the names of Go's fields.
fn shown(context: &SecurityContext) -> BadValue {
    let value = context.write();
    let mut renamed = Map::new();
    for (name, value) in value.as_object().into_iter().flatten() {
        let mut letters = name.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        renamed.insert(first.into_iter().chain(letters).collect(), value.clone());
    }
    BadValue::value(&Value::Object(renamed))
}

/// `ValidateSecurityContext` of a container.
pub fn security_context(context: Option<&SecurityContext>, host_users: bool, path: &Path, errors: &mut Errors) {
    let Some(context) = context else { return };
    unix_id(context.run_as_user, &path.child("runAsUser"), errors);
    unix_id(context.run_as_group, &path.child("runAsGroup"), errors);
    let proc_path = path.child("procMount");
    one_of(context.proc_mount.as_deref(), &["Default", "Unmasked"], &proc_path, errors);
    if host_users && context.proc_mount.as_deref() == Some("Unmasked") {
        let detail = "`hostUsers` must be false to use `Unmasked`";
        errors.push(FieldError::invalid(&proc_path, "Unmasked", detail));
    }
    seccomp_profile(context.seccomp_profile.as_ref(), &path.child("seccompProfile"), errors);
    if context.allow_privilege_escalation == Some(false) {
        if context.privileged == Some(true) {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
            errors.push(FieldError::invalid(path, shown(context), detail));
        }
        let added = context.capabilities.as_ref().and_then(|capabilities| capabilities.add.as_deref());
        for _ in added.unwrap_or_default().iter().filter(|capability| *capability == "CAP_SYS_ADMIN") {
            let detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
            errors.push(FieldError::invalid(path, shown(context), detail));
        }
    }
    windows_options(context.windows_options.as_ref(), &path.child("windowsOptions"), errors);
    app_armor_profile(context.app_armor_profile.as_ref(), &path.child("appArmorProfile"), errors);
}

const PROFILE_TYPES: &[&str] = &["Localhost", "RuntimeDefault", "Unconfined"];

fn seccomp_profile(profile: Option<&SeccompProfile>, path: &Path, errors: &mut Errors) {
    let Some(profile) = profile else { return };
    match profile.type_.as_str() {
        "" => {
            let detail = "type is required when seccompProfile is set";
            errors.push(FieldError::required(&path.child("type"), detail));
        }
        other => one_of(Some(other), PROFILE_TYPES, &path.child("type"), errors),
    }
    let file = path.child("localhostProfile");
    match profile.localhost_profile.as_deref() {
        None if profile.type_ == "Localhost" => {
            errors.push(FieldError::required(&file, "must be set when seccomp type is Localhost"));
        }
        Some(local) if profile.type_ == "Localhost" => local_descending_path(local, &file, errors),
        Some(local) => {
            let shown = serde_json::json!({ "LocalhostProfile": local, "Type": profile.type_ });
            let detail = "can only be set when seccomp type is Localhost";
            errors.push(FieldError::invalid(&file, BadValue::value(&shown), detail));
        }
        None => {}
    }
}

fn app_armor_profile(profile: Option<&AppArmorProfile>, path: &Path, errors: &mut Errors) {
    let Some(profile) = profile else { return };
    let file = path.child("localhostProfile");
    let missing = "must be set when AppArmor type is Localhost";
    match (profile.type_.as_str(), profile.localhost_profile.as_deref()) {
        ("Localhost", None) => errors.push(FieldError::required(&file, missing)),
        ("Localhost", Some(local)) => {
            if local.trim() != local {
                errors.push(FieldError::invalid(&file, local, "must not be padded with whitespace"));
            } else if local.is_empty() {
                errors.push(FieldError::required(&file, missing));
            }
            if local.len() > 4095 {
                errors.push(FieldError::too_long(&file, 4095));
            }
        }
        ("RuntimeDefault" | "Unconfined", Some(local)) => {
            errors.push(FieldError::invalid(&file, local, "can only be set when AppArmor type is Localhost"));
        }
        ("RuntimeDefault" | "Unconfined", None) => {}
        ("", _) => {
            let detail = "type is required when appArmorProfile is set";
            errors.push(FieldError::required(&path.child("type"), detail));
        }
        (other, _) => one_of(Some(other), PROFILE_TYPES, &path.child("type"), errors),
    }
}

/// `validatePodSpecSecurityContext`.
pub fn pod_security_context(spec: &PodSpec, path: &Path, errors: &mut Errors) {
    let Some(context) = &spec.security_context else { return };
    unix_id(context.fs_group, &path.child("fsGroup"), errors);
    unix_id(context.run_as_user, &path.child("runAsUser"), errors);
    unix_id(context.run_as_group, &path.child("runAsGroup"), errors);
    for (index, id) in items(&context.supplemental_groups).iter().enumerate() {
        unix_id(Some(*id), &path.child("supplementalGroups").index(index), errors);
    }
    if spec.share_process_namespace == Some(true) && spec.host_pid == Some(true) {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(FieldError::invalid(&path.child("shareProcessNamespace"), true, detail));
    }
    sysctls(items(&context.sysctls), spec, &path.child("sysctls"), errors);
    let policies = policies(context);
    one_of(policies[0], &["Always", "OnRootMismatch"], &path.child("fsGroupChangePolicy"), errors);
    seccomp_profile(context.seccomp_profile.as_ref(), &path.child("seccompProfile"), errors);
    windows_options(context.windows_options.as_ref(), &path.child("windowsOptions"), errors);
    app_armor_profile(context.app_armor_profile.as_ref(), &path.child("appArmorProfile"), errors);
    one_of(policies[1], &["Merge", "Strict"], &path.child("supplementalGroupsPolicy"), errors);
    one_of(policies[2], &["MountOption", "Recursive"], &path.child("seLinuxChangePolicy"), errors);
}

fn policies(context: &PodSecurityContext) -> [Option<&str>; 3] {
    [
        context.fs_group_change_policy.as_deref(),
        context.supplemental_groups_policy.as_deref(),
        context.se_linux_change_policy.as_deref(),
    ]
}

fn is_sysctl_name(name: &str) -> bool {
    let alnum = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let segment = |segment: &str| {
        let bytes = segment.as_bytes();
        bytes.first().is_some_and(alnum)
            && bytes.last().is_some_and(alnum)
            && bytes.iter().all(|byte| alnum(byte) || b"-_".contains(byte))
    };
    name.len() <= 253 && name.split(['.', '/']).all(segment)
}

/// The namespace a sysctl belongs to: `net`, `ipc` or none.
fn sysctl_namespace(name: &str) -> &'static str {
    let name = name.replace('/', ".");
    let ipc = ["kernel.shm", "kernel.msg", "fs.mqueue."].iter().any(|prefix| name.starts_with(prefix));
    if name.starts_with("net.") {
        "net"
    } else if name == "kernel.sem" || ipc {
        "ipc"
    } else {
        ""
    }
}

fn sysctls(list: &[Sysctl], spec: &PodSpec, path: &Path, errors: &mut Errors) {
    let mut seen = BTreeSet::new();
    for (index, sysctl) in list.iter().enumerate() {
        let (path, name) = (path.index(index).child("name"), sysctl.name.as_str());
        if name.is_empty() {
            errors.push(FieldError::required(&path, ""));
        } else if !is_sysctl_name(name) {
            let detail = "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            errors.push(FieldError::invalid(&path, name, detail));
        } else if seen.contains(name) {
            errors.push(FieldError::duplicate(&path, name));
        }
        let namespace = sysctl_namespace(name);
        if spec.host_network == Some(true) && namespace == "net" {
            errors.push(FieldError::invalid(&path, name, "may not be specified when 'hostNetwork' is true"));
        } else if spec.host_ipc == Some(true) && namespace == "ipc" {
            errors.push(FieldError::invalid(&path, name, "may not be specified when 'hostIPC' is true"));
        }
        seen.insert(name);
    }
}

/// `validateHostUsers`: a pod with its own user namespace shares no other with the node.
pub fn host_users(spec: &PodSpec, path: &Path, errors: &mut Errors) {
    if spec.host_users != Some(false) {
        return;
    }
    for (field, set) in [("hostNetwork", spec.host_network), ("HostPID", spec.host_pid), ("HostIPC", spec.host_ipc)] {
        if set == Some(true) {
            errors.push(FieldError::forbidden(&path.child(field), "when `pod.Spec.HostUsers` is false"));
        }
    }
}

/// The annotation a profile of this type must agree with: its head, or why it does not.
pub fn profile_disagrees(
    annotation: &str,
    kind: &str,
    local: &Option<String>,
    values: (&[&str], &str, &str),
) -> Option<&'static str> {
    let (defaults, unconfined, prefix) = values;
    match kind {
        "Unconfined" if annotation != unconfined => Some("type"),
        "RuntimeDefault" if !defaults.contains(&annotation) => Some("type"),
        "Localhost" => match annotation.strip_prefix(prefix) {
            None => Some("type"),
            Some(rest) if rest != text(local) || local.is_none() => Some("localhostProfile"),
            Some(_) => None,
        },
        _ => None,
    }
}
