//! What a pod is called inside, and the `/etc/hosts` that its containers find.
//!
//! Mirrors `GeneratePodHostNameAndDomain`, `makeHostsMount` and `managedHostsFileContent` of pkg/kubelet.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{HostAlias, PodSpec};

use crate::api::Object;
use crate::api::cri::{Mount, Texts};

use super::pod;

/// Where the file stands in a container.
const PATH: &str = "/etc/hosts";
/// `--cluster-domain`.
const CLUSTER_DOMAIN: &str = "cluster.local";
/// A host's name has so many bytes at most.
const HOSTNAME_MAX: usize = 63;

/// A pod's host name: its own word for it, or its name.
pub fn hostname(object: &Object) -> String {
    let spec = pod::spec(object);
    let name = spec.hostname_override.as_deref().or(spec.hostname.as_deref().filter(|name| !name.is_empty()));
    let name: String = name.unwrap_or(object.name()).chars().take(HOSTNAME_MAX).collect();
    name.trim_end_matches(['-', '.']).to_owned()
}

/// The domain that its subdomain stands for; none without one.
fn domain(object: &Object) -> Option<String> {
    let spec = pod::spec(object);
    let subdomain = spec.subdomain.as_deref().filter(|name| !name.is_empty() && spec.hostname_override.is_none())?;
    Some(format!("{subdomain}.{}.svc.{CLUSTER_DOMAIN}", object.namespace()))
}

/// The file of a pod with an address of its own.
fn managed(object: &Object, ip: &str) -> String {
    let name = hostname(object);
    let names = domain(object).map_or_else(|| name.clone(), |domain| format!("{name}.{domain}\t{name}"));
    format!(
        "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n{ip}\t{names}\n"
    )
}

/// The file of a pod in the node's network: the node's own.
fn of_node(node: &str, node_ip: &str) -> String {
    format!(
        "# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n\
         ::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n\
         ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n{node_ip}\t{node}\n"
    )
}

fn aliases(list: &[HostAlias]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let line = |alias: &HostAlias| {
        let names: Vec<&str> = alias.hostnames.iter().flatten().map(String::as_str).collect();
        format!("{}\t{}\n", alias.ip, names.join("\t"))
    };
    let lines: String = list.iter().map(line).collect();
    format!("\n# Entries added by HostAliases.\n{lines}")
}

/// The mount of the file, unless the container mounts something there itself. All containers of a pod share it.
pub fn mount(object: &Object, mounts: &[Mount], ip: &str, node: &str, node_ip: &str) -> Option<Mount> {
    let spec: &PodSpec = pod::spec(object);
    let in_nodes_network = spec.host_network == Some(true);
    if mounts.iter().any(|mount| mount.container_path == PATH) || ip.is_empty() && !in_nodes_network {
        return None;
    }
    let own = if in_nodes_network { of_node(node, node_ip) } else { managed(object, ip) };
    let content = own + &aliases(spec.host_aliases.as_deref().unwrap_or_default());
    Some(Mount {
        container_path: PATH.to_owned(),
        host_path: format!("{}/etc-hosts", object.uid()),
        read_only: false,
        files: Texts::unit(Arc::from(""), Arc::from(content)),
    })
}
