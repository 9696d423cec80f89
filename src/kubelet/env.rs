//! A container's environment and command line, with every reference resolved.
//!
//! Mirrors pkg/kubelet `makeEnvironmentVariables`, pkg/kubelet/envvars and third_party/forked/golang/expansion.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, EnvVarSource, PodSpec, ResourceFieldSelector, Service};

use crate::api::cri::{ContainerConfig, RunAs};
use crate::api::{Object, ObjectKey};

use super::hosts;
use super::pod;
use super::pod_workers::Worker;
use super::process::Kubelet;
use super::resources;

/// Replaces `$(NAME)` by its value where it has one; `$$` stands for `$`.
pub fn expand(text: &str, envs: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let name = rest.strip_prefix('(').and_then(|inside| inside.find(')').map(|end| &inside[..end]));
        match name {
            Some(name) => {
                match envs.iter().rev().find(|(known, _)| known == name) {
                    Some((_, value)) => out.push_str(value),
                    None => out.push_str(&format!("$({name})")),
                }
                rest = &rest[name.len() + 2..];
            }
            None => out.push('$'),
        }
    }
    out.push_str(rest);
    out
}

/// Whether a key may name a variable.
fn is_variable_name(name: &str) -> bool {
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || "_-.".contains(c));
    first && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// The variables of a service: `WEB_SERVICE_HOST`, `WEB_PORT_80_TCP_ADDR` …
fn service_variables(object: &Object) -> Vec<(String, String)> {
    let Some(spec) = object.get::<Service>().and_then(|service| service.spec.as_ref()) else { return Vec::new() };
    let ip = spec.cluster_ip.as_deref().unwrap_or_default();
    let ports = spec.ports.as_deref().unwrap_or_default();
    let Some(first) = ports.first().filter(|_| !ip.is_empty() && ip != "None") else { return Vec::new() };
    let upper = |text: &str| text.to_uppercase().replace('-', "_");
    let name = upper(object.name());
    let mut envs =
        vec![(format!("{name}_SERVICE_HOST"), ip.to_owned()), (format!("{name}_SERVICE_PORT"), first.port.to_string())];
    for port in ports {
        if let Some(label) = &port.name {
            envs.push((format!("{name}_SERVICE_PORT_{}", upper(label)), port.port.to_string()));
        }
    }
    for (index, port) in ports.iter().enumerate() {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let url = format!("{}://{ip}:{}", protocol.to_lowercase(), port.port);
        if index == 0 {
            envs.push((format!("{name}_PORT"), url.clone()));
        }
        let prefix = format!("{name}_PORT_{}_{}", port.port, protocol.to_uppercase());
        envs.push((prefix.clone(), url));
        envs.push((format!("{prefix}_PROTO"), protocol.to_lowercase()));
        envs.push((format!("{prefix}_PORT"), port.port.to_string()));
        envs.push((format!("{prefix}_ADDR"), ip.to_owned()));
    }
    envs
}

/// Who the container is to run as: its own word counts before the pod's.
fn run_as(spec: &PodSpec, container: &Container) -> RunAs {
    let (whole, own) = (spec.security_context.as_ref(), container.security_context.as_ref());
    let groups = whole.and_then(|whole| whole.supplemental_groups.clone()).unwrap_or_default();
    RunAs {
        user: own.and_then(|own| own.run_as_user).or(whole.and_then(|whole| whole.run_as_user)),
        group: own.and_then(|own| own.run_as_group).or(whole.and_then(|whole| whole.run_as_group)),
        supplemental_groups: groups.into_iter().chain(whole.and_then(|whole| whole.fs_group)).collect(),
        strict: whole.is_some_and(|whole| whole.supplemental_groups_policy.as_deref() == Some("Strict")),
    }
}

impl Kubelet {
    /// What the runtime needs to make a container.
    ///
    /// # Errors
    /// What keeps it from being made: `configmap "x" not found`.
    pub(super) fn container_config(
        &self,
        worker: &Worker,
        name: &str,
        attempt: u32,
        ip: &str,
    ) -> Result<ContainerConfig, String> {
        let (_, container) = pod::container(pod::spec(&worker.pod), name).ok_or("no such container")?;
        let envs = self.environment(worker, name, ip)?;
        let command = |words: &Option<Vec<String>>| words.iter().flatten().map(|word| expand(word, &envs)).collect();
        let ports = container.ports.iter().flatten().filter_map(|port| u16::try_from(port.container_port).ok());
        let limits = resources::limits(container);
        let mut mounts = self.mounts(worker, name, &envs);
        mounts.extend(hosts::mount(&worker.pod, &mounts, ip, &self.config.node, &self.config.internal_ip));
        Ok(ContainerConfig {
            name: Arc::from(name),
            attempt,
            image: Arc::from(super::images::with_default_tag(container.image.as_deref().unwrap_or_default())?),
            hash: pod::hash(container),
            command: command(&container.command),
            args: command(&container.args),
            working_dir: container.working_dir.clone().unwrap_or_default(),
            mounts,
            ports: ports.collect(),
            cpu_limit_millis: limits.cpu_millis,
            memory_limit_bytes: limits.memory_bytes,
            run_as: run_as(pod::spec(&worker.pod), container),
            envs,
        })
    }

    fn environment(&self, worker: &Worker, name: &str, ip: &str) -> Result<Vec<(String, String)>, String> {
        let spec = pod::spec(&worker.pod);
        let (_, container) = pod::container(spec, name).ok_or("no such container")?;
        let namespace = &worker.key.namespace;
        let mut result: BTreeMap<String, String> = BTreeMap::new();
        let services = self.service_environment(namespace, spec.enable_service_links.unwrap_or(true));
        for source in container.env_from.iter().flatten() {
            let prefix = source.prefix.as_deref().unwrap_or_default();
            let (content, what, target, optional) = match (&source.config_map_ref, &source.secret_ref) {
                (Some(map), _) => {
                    (self.config_map(&ObjectKey::new(namespace, &map.name)), "configmap", &map.name, map.optional)
                }
                (None, Some(secret)) => {
                    (self.secret(&ObjectKey::new(namespace, &secret.name)), "secret", &secret.name, secret.optional)
                }
                (None, None) => continue,
            };
            match content {
                Some(content) => {
                    let valid = content.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value));
                    result.extend(valid.filter(|(key, _)| is_variable_name(key)));
                }
                None if optional == Some(true) => {}
                None => return Err(format!("{what} \"{target}\" not found")),
            }
        }
        // Later variables may use earlier ones, and those of services.
        let mut known: Vec<(String, String)> = services.clone().into_iter().chain(result.clone()).collect();
        for env in container.env.iter().flatten() {
            let value = match (&env.value, &env.value_from) {
                (Some(value), _) if !value.is_empty() => Some(expand(value, &known)),
                (_, Some(source)) => self.variable(worker, name, ip, source)?,
                _ => Some(String::new()),
            };
            if let Some(value) = value {
                known.push((env.name.clone(), value.clone()));
                result.insert(env.name.clone(), value);
            }
        }
        for (name, value) in services {
            result.entry(name).or_insert(value);
        }
        Ok(result.into_iter().collect())
    }

    /// The variables of services: those of the pod's namespace, and always the API server's own.
    fn service_environment(&self, namespace: &str, links: bool) -> Vec<(String, String)> {
        let master = ObjectKey::new("default", "kubernetes");
        let store = self.services.store();
        let mut envs = Vec::new();
        if let Some(service) = store.get(&master) {
            envs.extend(service_variables(&service));
        }
        if links {
            for service in store.in_namespace(namespace).filter(|service| service.key() != master) {
                envs.extend(service_variables(&service));
            }
        }
        envs
    }

    /// The value of a variable from elsewhere; `None` where it may be missing, and is.
    fn variable(&self, worker: &Worker, name: &str, ip: &str, source: &EnvVarSource) -> Result<Option<String>, String> {
        let namespace = &worker.key.namespace;
        let pick =
            |content: Option<Vec<(String, String)>>, what: &str, title: &str, target: &str, key: &str, optional| {
                let optional = optional == Some(true);
                match content {
                    None if optional => Ok(None),
                    None => Err(format!("{what} \"{target}\" not found")),
                    Some(content) => match content.into_iter().find(|(known, _)| known == key) {
                        Some((_, value)) => Ok(Some(value)),
                        None if optional => Ok(None),
                        None => Err(format!("couldn't find key {key} in {title} {namespace}/{target}")),
                    },
                }
            };
        if let Some(map) = &source.config_map_key_ref {
            let content = self.config_map(&ObjectKey::new(namespace, &map.name));
            return pick(content, "configmap", "ConfigMap", &map.name, &map.key, map.optional);
        }
        if let Some(secret) = &source.secret_key_ref {
            let content = self.secret(&ObjectKey::new(namespace, &secret.name));
            return pick(content, "secret", "Secret", &secret.name, &secret.key, secret.optional);
        }
        if let Some(field) = &source.field_ref {
            return self.field(worker, &field.field_path, Some(ip)).map(Some);
        }
        if let Some(resource) = &source.resource_field_ref {
            let container = resource.container_name.as_deref().unwrap_or(name);
            return self.resource_field(worker, container, resource).map(Some);
        }
        Ok(Some(String::new()))
    }

    /// A field of the pod by the paths the downward API offers.
    pub(super) fn field(&self, worker: &Worker, path: &str, ip: Option<&str>) -> Result<String, String> {
        let object = &worker.pod;
        let (meta, spec) = (object.meta(), pod::spec(object));
        let pairs = |map: Option<&BTreeMap<String, String>>| {
            let lines = map.into_iter().flatten().map(|(key, value)| format!("{key}=\"{}\"", value.escape_debug()));
            lines.collect::<Vec<_>>().join("\n")
        };
        let subscript = |map: Option<&BTreeMap<String, String>>, rest: &str| {
            let key = rest.trim_start_matches('[').trim_end_matches(']').trim_matches(['\'', '"']);
            map.and_then(|map| map.get(key)).cloned().unwrap_or_default()
        };
        if let Some(rest) = path.strip_prefix("metadata.labels[") {
            return Ok(subscript(meta.labels.as_ref(), rest));
        }
        if let Some(rest) = path.strip_prefix("metadata.annotations[") {
            return Ok(subscript(meta.annotations.as_ref(), rest));
        }
        let host_network = spec.host_network == Some(true);
        let pod_ip = || match ip {
            Some(ip) if !host_network => ip.to_owned(),
            _ if host_network => self.config.internal_ip.clone(),
            _ => worker.seen.sandbox().map(|sandbox| sandbox.ip.to_string()).unwrap_or_default(),
        };
        Ok(match path {
            "metadata.name" => object.name().to_owned(),
            "metadata.namespace" => object.namespace().to_owned(),
            "metadata.uid" => object.uid().to_owned(),
            "metadata.labels" => pairs(meta.labels.as_ref()),
            "metadata.annotations" => pairs(meta.annotations.as_ref()),
            "spec.nodeName" => self.config.node.to_string(),
            "spec.serviceAccountName" => spec.service_account_name.clone().unwrap_or_default(),
            "status.hostIP" | "status.hostIPs" => self.config.internal_ip.clone(),
            "status.podIP" | "status.podIPs" => pod_ip(),
            other => return Err(format!("unsupported fieldPath: {other}")),
        })
    }

    /// A container's request or limit, in units of the divisor; the node's capacity where it has no limit.
    pub(super) fn resource_field(
        &self,
        worker: &Worker,
        name: &str,
        selector: &ResourceFieldSelector,
    ) -> Result<String, String> {
        let Some((_, container)) = pod::container(pod::spec(&worker.pod), name) else {
            return Err(format!("container {name} not found"));
        };
        let (limits, requests) = (resources::limits(container), resources::requests(container));
        let or = |value: u64, default: u64| if value == 0 { default } else { value };
        let divisor = selector.divisor.as_ref().map_or(0, resources::milli);
        let (milli, default_divisor) = match selector.resource.as_str() {
            "limits.cpu" => (or(limits.cpu_millis, self.config.cpu_millis), 1_000),
            "requests.cpu" => (requests.cpu_millis, 1_000),
            "limits.memory" => (or(limits.memory_bytes, self.config.memory_bytes).saturating_mul(1_000), 1_000),
            "requests.memory" => (requests.memory_bytes.saturating_mul(1_000), 1_000),
            "limits.ephemeral-storage" | "requests.ephemeral-storage" => (0, 1_000),
            other => return Err(format!("unsupported container resource : {other}")),
        };
        Ok(milli.div_ceil(or(divisor, default_divisor)).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn references_are_expanded() {
        let envs = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())];
        for (text, expanded) in [
            ("$(A)", "1"),
            ("x$(A)y$(B)", "x1y$(A)"),
            ("$(NONE)", "$(NONE)"),
            ("$$(A)", "$(A)"),
            ("$A $", "$A $"),
            ("$(A", "$(A"),
            ("100%", "100%"),
        ] {
            assert_eq!(expand(text, &envs), expanded, "{text}");
        }
    }
}
