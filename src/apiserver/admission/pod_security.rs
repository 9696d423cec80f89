//! What a pod may ask of its node, by the labels of its namespace.
//!
//! Mirrors k8s.io/pod-security-admission, policies of version `latest`. Leaves out: the modes warn and audit, exemptions,
//! AppArmor, SELinux and Windows, and the refusal of labels that name no level.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, PodSpec, SeccompProfile, SecurityContext, Volume};

use crate::api::{Kind, Object, Status};

use super::super::cache::WatchCache;
use super::forbidden;

/// What every container may add.
const DEFAULT_CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

const SAFE_SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// Refuses a new pod that asks for more than its namespace enforces.
pub(super) fn validate(cache: &WatchCache, object: &Object) -> Result<(), Status> {
    let Object::Pod(pod) = object else { return Ok(()) };
    let Some(namespace) = cache.find(Kind::Namespace, "", object.namespace()) else { return Ok(()) };
    let label = |key: &str| namespace.meta().labels.as_ref().and_then(|labels| labels.get(key));
    let (Some(level), Some(spec)) = (label("pod-security.kubernetes.io/enforce"), &pod.spec) else { return Ok(()) };
    let found = match level.as_str() {
        "baseline" => Pod::of(spec).violations(false),
        "restricted" => Pod::of(spec).violations(true),
        _ => return Ok(()),
    };
    if found.is_empty() {
        return Ok(());
    }
    let version = label("pod-security.kubernetes.io/enforce-version").map_or("latest", String::as_str);
    let found: Vec<String> = found.into_iter().map(|(reason, detail)| format!("{reason} ({detail})")).collect();
    let why = format!("violates PodSecurity \"{level}:{version}\": {}", found.join(", "));
    Err(forbidden(object.info(), object, &why))
}

type Violations = Vec<(&'static str, String)>;

struct Pod<'a> {
    spec: &'a PodSpec,
    containers: Vec<&'a Container>,
}

/// `container "a"`, `containers "a", "b"`.
fn named(what: &str, names: &[&str]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("{what}{plural} {}", quoted(names.iter().copied()))
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn uses(users: &[&str]) -> &'static str {
    if users.len() == 1 { "uses" } else { "use" }
}

impl<'a> Pod<'a> {
    fn of(spec: &'a PodSpec) -> Self {
        let containers = spec.init_containers.iter().flatten().chain(&spec.containers).collect();
        Pod { spec, containers }
    }

    /// The containers whose security context is such.
    fn which(&self, wanted: impl Fn(Option<&SecurityContext>) -> bool) -> Vec<&'a str> {
        let fitting = self.containers.iter().filter(|own| wanted(own.security_context.as_ref()));
        fitting.map(|own| own.name.as_str()).collect()
    }

    /// Reasons and details: baseline's, then restricted's, each by the name of the check.
    fn violations(&self, restricted: bool) -> Violations {
        let mut found = Violations::new();
        if !restricted {
            let added = self.added(DEFAULT_CAPABILITIES);
            found.extend(added.map(|detail| ("non-default capabilities", detail)));
        }
        let spaces = [
            ("hostNetwork=true", self.spec.host_network),
            ("hostPID=true", self.spec.host_pid),
            ("hostIPC=true", self.spec.host_ipc),
        ];
        let spaces: Vec<&str> = spaces.iter().filter(|(_, own)| *own == Some(true)).map(|(name, _)| *name).collect();
        if !spaces.is_empty() {
            found.push(("host namespaces", spaces.join(", ")));
        }
        let volumes = || self.spec.volumes.iter().flatten();
        let paths: Vec<&str> = volumes().filter(|own| own.host_path.is_some()).map(|own| own.name.as_str()).collect();
        if !restricted && !paths.is_empty() {
            found.push(("hostPath volumes", named("volume", &paths)));
        }
        self.host_ports(&mut found);
        let privileged = self.which(|own| own.is_some_and(|own| own.privileged == Some(true)));
        if !privileged.is_empty() {
            let detail = format!("{} must not set securityContext.privileged=true", named("container", &privileged));
            found.push(("privileged", detail));
        }
        let unmasked = self.which(|own| own.is_some_and(|own| own.proc_mount.as_deref() == Some("Unmasked")));
        if !unmasked.is_empty() {
            let detail =
                format!("{} must not set securityContext.procMount to \"Unmasked\"", named("container", &unmasked));
            found.push(("procMount", detail));
        }
        if !restricted {
            found.extend(self.unconfined().map(|detail| ("seccompProfile", detail)));
        }
        let context = self.spec.security_context.as_ref();
        let sysctls = context.into_iter().flat_map(|own| own.sysctls.iter().flatten()).map(|own| own.name.as_str());
        let sysctls: Vec<&str> = sysctls.filter(|name| !SAFE_SYSCTLS.contains(name)).collect();
        if !sysctls.is_empty() {
            found.push(("forbidden sysctls", sysctls.join(", ")));
        }
        if restricted {
            self.restricted(&mut found);
        }
        found
    }

    fn restricted(&self, found: &mut Violations) {
        let escalating = self.which(|own| own.is_none_or(|own| own.allow_privilege_escalation != Some(false)));
        if !escalating.is_empty() {
            let who = named("container", &escalating);
            let detail = format!("{who} must set securityContext.allowPrivilegeEscalation=false");
            found.push(("allowPrivilegeEscalation != false", detail));
        }
        let drops_all = |own: &SecurityContext| {
            let dropped = own.capabilities.as_ref().and_then(|own| own.drop.as_ref());
            dropped.is_some_and(|names| names.iter().any(|name| name == "ALL"))
        };
        let keeping = self.which(|own| !own.is_some_and(drops_all));
        let who = (!keeping.is_empty()).then(|| named("container", &keeping));
        let keeping = who.map(|who| format!("{who} must set securityContext.capabilities.drop=[\"ALL\"]"));
        let details: Vec<String> = [keeping, self.added(&["NET_BIND_SERVICE"])].into_iter().flatten().collect();
        if !details.is_empty() {
            found.push(("unrestricted capabilities", details.join("; ")));
        }
        self.volumes(found);
        self.as_root(found);
        if let Some(detail) = self.unconfined() {
            found.push(("seccompProfile", detail));
            return;
        }
        let context = self.spec.security_context.as_ref();
        if context.is_none_or(|own| own.seccomp_profile.is_none()) {
            let open = self.which(|own| own.is_none_or(|own| own.seccomp_profile.is_none()));
            if !open.is_empty() {
                let who = named("container", &open);
                let detail = format!(
                    "pod or {who} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\""
                );
                found.push(("seccompProfile", detail));
            }
        }
    }

    /// Who adds capabilities that are not among these.
    fn added(&self, allowed: &[&str]) -> Option<String> {
        let (mut who, mut names) = (Vec::new(), BTreeSet::new());
        for container in &self.containers {
            let own = container.security_context.as_ref().and_then(|own| own.capabilities.as_ref());
            let added = own.into_iter().flat_map(|own| own.add.iter().flatten()).map(String::as_str);
            let bad: Vec<&str> = added.filter(|name| !allowed.contains(name)).collect();
            if !bad.is_empty() {
                who.push(container.name.as_str());
                names.extend(bad);
            }
        }
        let names = quoted(names.into_iter());
        (!who.is_empty()).then(|| {
            format!("{} must not include {names} in securityContext.capabilities.add", named("container", &who))
        })
    }

    fn host_ports(&self, found: &mut Violations) {
        let (mut who, mut ports) = (Vec::new(), BTreeSet::new());
        for container in &self.containers {
            let own = container.ports.iter().flatten().filter_map(|port| port.host_port).filter(|port| *port != 0);
            let own: Vec<String> = own.map(|port| port.to_string()).collect();
            if !own.is_empty() {
                who.push(container.name.as_str());
                ports.extend(own);
            }
        }
        if !who.is_empty() {
            let (uses, plural) = (uses(&who), if ports.len() == 1 { "" } else { "s" });
            let ports: Vec<String> = ports.into_iter().collect();
            let detail = format!("{} {uses} hostPort{plural} {}", named("container", &who), ports.join(", "));
            found.push(("hostPort", detail));
        }
    }

    /// Who turns the system call filter off.
    fn unconfined(&self) -> Option<String> {
        let off = |own: Option<&SeccompProfile>| own.is_some_and(|own| own.type_ == "Unconfined");
        let context = self.spec.security_context.as_ref();
        let pod = off(context.and_then(|own| own.seccomp_profile.as_ref()));
        let who = self.which(|own| off(own.and_then(|own| own.seccomp_profile.as_ref())));
        let who = setters(pod, &who)?;
        Some(format!("{who} must not set securityContext.seccompProfile.type to \"Unconfined\""))
    }

    fn volumes(&self, found: &mut Violations) {
        let (mut names, mut types) = (Vec::new(), BTreeSet::new());
        for volume in self.spec.volumes.iter().flatten() {
            if let Some(source) = restricted_source(volume) {
                names.push(volume.name.as_str());
                types.insert(source);
            }
        }
        if !names.is_empty() {
            let plural = if types.len() == 1 { "" } else { "s" };
            let types = quoted(types.into_iter());
            let detail = format!("{} {} restricted volume type{plural} {types}", named("volume", &names), uses(&names));
            found.push(("restricted volume types", detail));
        }
    }

    fn as_root(&self, found: &mut Violations) {
        let context = self.spec.security_context.as_ref();
        let pod = context.and_then(|own| own.run_as_non_root);
        let bad = self.which(|own| own.is_some_and(|own| own.run_as_non_root == Some(false)));
        let open = self.which(|own| own.is_none_or(|own| own.run_as_non_root.is_none()));
        if let Some(who) = setters(pod == Some(false), &bad) {
            found.push(("runAsNonRoot != true", format!("{who} must not set securityContext.runAsNonRoot=false")));
        } else if pod.is_none() && !open.is_empty() {
            let who = named("container", &open);
            found.push(("runAsNonRoot != true", format!("pod or {who} must set securityContext.runAsNonRoot=true")));
        }
        let root = self.which(|own| own.is_some_and(|own| own.run_as_user == Some(0)));
        if let Some(who) = setters(context.is_some_and(|own| own.run_as_user == Some(0)), &root) {
            found.push(("runAsUser=0", format!("{who} must not set runAsUser=0")));
        }
    }
}

/// `pod and container "a"`.
fn setters(pod: bool, containers: &[&str]) -> Option<String> {
    match (pod, containers.is_empty()) {
        (false, true) => None,
        (true, true) => Some("pod".to_owned()),
        (false, false) => Some(named("container", containers)),
        (true, false) => Some(format!("pod and {}", named("container", containers))),
    }
}

/// The source of a volume that restricted pods may not have.
fn restricted_source(volume: &Volume) -> Option<&'static str> {
    let sources = [
        ("hostPath", volume.host_path.is_some()),
        ("gcePersistentDisk", volume.gce_persistent_disk.is_some()),
        ("awsElasticBlockStore", volume.aws_elastic_block_store.is_some()),
        ("gitRepo", volume.git_repo.is_some()),
        ("nfs", volume.nfs.is_some()),
        ("iscsi", volume.iscsi.is_some()),
        ("fc", volume.fc.is_some()),
    ];
    sources.into_iter().find(|(_, has)| *has).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Pod;
    use crate::api::object::{Kind, Object};

    #[track_caller]
    fn check(restricted: bool, spec: &Value, expected: &str) {
        let value = json!({ "metadata": { "name": "p" }, "spec": spec });
        let object = Object::from_value(Kind::Pod, &value, &mut |field| panic!("{field}")).expect("a pod");
        let Object::Pod(pod) = &object else { panic!("a pod") };
        let found = Pod::of(pod.spec.as_ref().expect("a spec")).violations(restricted);
        let found: Vec<String> = found.into_iter().map(|(reason, detail)| format!("{reason} ({detail})")).collect();
        assert_eq!(found.join(", "), expected, "{spec}");
    }

    #[test]
    fn baseline() {
        check(false, &json!({"containers": [{"name": "c"}]}), "");
        check(
            false,
            &json!({"containers": [{"name": "c", "securityContext": {"privileged": true}}]}),
            "privileged (container \"c\" must not set securityContext.privileged=true)",
        );
        check(
            false,
            &json!({
                "hostNetwork": true, "hostIPC": true,
                "securityContext": {"seccompProfile": {"type": "Unconfined"}, "sysctls": [{"name": "kernel.msgmax", "value": "1"}]},
                "volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "hostPath": {"path": "/"}}],
                "initContainers": [{"name": "a", "securityContext": {"capabilities": {"add": ["NET_ADMIN", "CHOWN"]}}}],
                "containers": [{"name": "c", "ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 81}]}],
            }),
            "non-default capabilities (container \"a\" must not include \"NET_ADMIN\" in securityContext.capabilities.add), \
             host namespaces (hostNetwork=true, hostIPC=true), hostPath volumes (volumes \"v\", \"w\"), \
             hostPort (container \"c\" uses hostPorts 80, 81), \
             seccompProfile (pod must not set securityContext.seccompProfile.type to \"Unconfined\"), \
             forbidden sysctls (kernel.msgmax)",
        );
    }

    #[test]
    fn restricted() {
        check(
            true,
            &json!({"containers": [{"name": "c"}]}),
            "allowPrivilegeEscalation != false (container \"c\" must set securityContext.allowPrivilegeEscalation=false), \
             unrestricted capabilities (container \"c\" must set securityContext.capabilities.drop=[\"ALL\"]), \
             runAsNonRoot != true (pod or container \"c\" must set securityContext.runAsNonRoot=true), \
             seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")",
        );
        let context =
            json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}});
        let good = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
        check(true, &json!({"securityContext": good, "containers": [{"name": "c", "securityContext": context}]}), "");
        check(
            true,
            &json!({
                "securityContext": {"runAsNonRoot": true, "runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
                "volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "emptyDir": {}}],
                "containers": [{"name": "c", "securityContext": context}],
            }),
            "restricted volume types (volume \"v\" uses restricted volume type \"hostPath\"), runAsUser=0 (pod must not set runAsUser=0)",
        );
    }
}
