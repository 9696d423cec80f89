//! Mirrors the checks that depend on a pod's operating system.

use k8s_openapi::api::core::v1::{Container, PodSpec, WindowsSecurityContextOptions};

use super::errors::Errors;
use super::names::{self, each};
use super::path::Path;
use super::{items, text};
use crate::api::kind::FieldError;

/// Every container that can be seen as one, with its path: `podshelper.VisitContainersWithPath`
/// without the ephemeral containers.
pub fn visit<'a>(spec: &'a PodSpec, path: &Path) -> Vec<(&'a Container, Path)> {
    let list = |list: &'a [Container], name: &str| {
        let path = path.child(name);
        list.iter().enumerate().map(|(index, container)| (container, path.index(index))).collect::<Vec<_>>()
    };
    let mut all = list(items(&spec.init_containers), "initContainers");
    all.extend(list(&spec.containers, "containers"));
    all
}

/// `validateWindowsSecurityContextOptions`.
pub fn windows_options(options: Option<&WindowsSecurityContextOptions>, path: &Path, errors: &mut Errors) {
    let Some(options) = options else { return };
    if let Some(name) = &options.gmsa_credential_spec_name {
        each(names::dns1123_subdomain(name), name, &path.child("gmsaCredentialSpecName"), errors);
    }
    if let Some(spec) = &options.gmsa_credential_spec {
        let path = path.child("gmsaCredentialSpec");
        if spec.is_empty() {
            errors.push(FieldError::invalid(&path, "", "gmsaCredentialSpec cannot be an empty string"));
        } else if spec.len() > 64 * 1024 {
            let detail = "gmsaCredentialSpec size must be under 64 KiB";
            errors.push(FieldError::invalid(&path, spec, detail));
        }
    }
    if let Some(name) = &options.run_as_user_name {
        run_as_user_name(name, &path.child("runAsUserName"), errors);
    }
}

fn run_as_user_name(name: &str, path: &Path, errors: &mut Errors) {
    let mut wrong = |detail: &str| errors.push(FieldError::invalid(path, name, detail));
    let parts: Vec<&str> = name.split('\\').collect();
    let user = match parts.as_slice() {
        _ if name.is_empty() => return wrong("runAsUserName cannot be an empty string"),
        _ if name.chars().any(char::is_control) => return wrong("runAsUserName cannot contain control characters"),
        [user] => *user,
        [domain, user] => {
            if domain.len() >= 256 {
                wrong("runAsUserName's Domain length must be under 256 characters");
            }
            let net_bios = (1..=15).contains(&domain.chars().count())
                && !domain.starts_with('.')
                && !domain.contains(['/', ':', '*', '?', '"', '<', '>', '|']);
            let label = |label: &str| {
                (1..=63).contains(&label.len())
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            };
            if !net_bios && !domain.split('.').all(label) {
                wrong("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
            }
            *user
        }
        _ => return wrong("runAsUserName cannot contain more than one backslash"),
    };
    if user.is_empty() {
        wrong("runAsUserName's User cannot be empty");
    } else if user.len() > 104 {
        wrong("runAsUserName's User length must not be longer than 104 characters");
    }
    if !user.is_empty() && user.chars().all(|c| c == '.' || c == ' ') {
        wrong("runAsUserName's User cannot contain only periods or spaces");
    }
    if user.contains(['"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']']) {
        wrong("runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]");
    }
}

/// `validateWindowsHostProcessPod`.
pub fn host_process_pod(spec: &PodSpec, path: &Path, errors: &mut Errors) {
    let of_pod = spec.security_context.as_ref().and_then(|context| context.windows_options.as_ref());
    let of_pod = of_pod.and_then(|options| options.host_process);
    let all = visit(spec, path);
    let mut count = 0;
    for (container, path) in &all {
        let own = container.security_context.as_ref().and_then(|context| context.windows_options.as_ref());
        let own = own.and_then(|options| options.host_process);
        if let (Some(of_pod), Some(own)) = (of_pod, own)
            && of_pod != own
        {
            let detail = format!("pod hostProcess value must be identical if both are specified, was {of_pod}");
            let path = path.child("securityContext.windowsOptions.hostProcess");
            errors.push(FieldError::invalid(&path, own, &detail));
        }
        count += usize::from(own.or(of_pod) == Some(true));
    }
    if count == 0 {
        return;
    }
    if count != all.len() {
        let detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers";
        errors.push(FieldError::invalid(path, "", detail));
    }
    if spec.host_network != Some(true) {
        let detail = "hostNetwork must be true if pod contains any hostProcess containers";
        errors.push(FieldError::invalid(&path.child("hostNetwork"), false, detail));
    }
}

/// `validateOS`, `validateLinux` and `validateWindows`.
pub fn operating_system(spec: &PodSpec, path: &Path, errors: &mut Errors) {
    let Some(os) = &spec.os else { return };
    match os.name.as_str() {
        "linux" => linux(spec, path, errors),
        "windows" => windows(spec, path, errors),
        "" => errors.push(FieldError::required(&path.child("os").child("name"), "cannot be empty")),
        other => errors.push(FieldError::not_supported(&path.child("os"), other, &["linux", "windows"])),
    }
}

fn linux(spec: &PodSpec, path: &Path, errors: &mut Errors) {
    let detail = "windows options cannot be set for a linux pod";
    if spec.security_context.as_ref().is_some_and(|context| context.windows_options.is_some()) {
        errors.push(FieldError::forbidden(&path.child("securityContext").child("windowsOptions"), detail));
    }
    for (container, path) in visit(spec, path) {
        if container.security_context.as_ref().is_some_and(|context| context.windows_options.is_some()) {
            errors.push(FieldError::forbidden(&path.child("securityContext").child("windowsOptions"), detail));
        }
    }
}

fn forbid(fields: &[(&str, bool)], path: &Path, errors: &mut Errors) {
    for (field, set) in fields {
        if *set {
            errors.push(FieldError::forbidden(&path.child(field), "cannot be set for a windows pod"));
        }
    }
}

fn windows(spec: &PodSpec, path: &Path, errors: &mut Errors) {
    if let Some(context) = &spec.security_context {
        let own = path.child("securityContext");
        let first = [
            ("appArmorProfile", context.app_armor_profile.is_some()),
            ("seLinuxOptions", context.se_linux_options.is_some()),
        ];
        forbid(&first, &own, errors);
        let of_spec = [
            ("hostUsers", spec.host_users.is_some()),
            ("hostPID", spec.host_pid == Some(true)),
            ("hostIPC", spec.host_ipc == Some(true)),
        ];
        forbid(&of_spec, path, errors);
        let second = [
            ("seccompProfile", context.seccomp_profile.is_some()),
            ("fsGroup", context.fs_group.is_some()),
            ("fsGroupChangePolicy", context.fs_group_change_policy.is_some()),
            ("sysctls", !items(&context.sysctls).is_empty()),
        ];
        forbid(&second, &own, errors);
        forbid(&[("shareProcessNamespace", spec.share_process_namespace.is_some())], path, errors);
        let third = [
            ("runAsUser", context.run_as_user.is_some()),
            ("runAsGroup", context.run_as_group.is_some()),
            ("supplementalGroups", context.supplemental_groups.is_some()),
            ("supplementalGroupsPolicy", !text(&context.supplemental_groups_policy).is_empty()),
            ("seLinuxChangePolicy", context.se_linux_change_policy.is_some()),
        ];
        forbid(&third, &own, errors);
    }
    for (container, path) in visit(spec, path) {
        let Some(context) = &container.security_context else { continue };
        let fields = [
            ("appArmorProfile", context.app_armor_profile.is_some()),
            ("seLinuxOptions", context.se_linux_options.is_some()),
            ("seccompProfile", context.seccomp_profile.is_some()),
            ("capabilities", context.capabilities.is_some()),
            ("readOnlyRootFilesystem", context.read_only_root_filesystem.is_some()),
            ("privileged", context.privileged.is_some()),
            ("allowPrivilegeEscalation", context.allow_privilege_escalation.is_some()),
            ("procMount", context.proc_mount.is_some()),
            ("runAsUser", context.run_as_user.is_some()),
            ("runAsGroup", context.run_as_group.is_some()),
        ];
        forbid(&fields, &path.child("securityContext"), errors);
    }
}
