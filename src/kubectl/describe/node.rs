//! Nodes.

use std::collections::BTreeMap;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Container, Node, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Written;

use crate::api::quantity::Quantity;
use crate::api::time::unix_micros;
use crate::api::{Method, Request, duration};
use crate::sim::Order;

use super::super::builder::{CHUNK, objects};
use super::super::errors::{Stop, attempt};
use super::super::io::Io;
use super::events;
use super::writer::{Text, date, rfc1123};

const ROLE_LABEL: &str = "node-role.kubernetes.io/";

/// `NodeDescriber`.
pub fn describe(io: &mut Io<'_, '_>, node: &Node, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    let name = node.metadata.name.as_deref().unwrap_or_default();
    head(&mut text, node);
    let lease = io.ask(|| {
        Request::new(Method::Get, format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}"))
    });
    if let Ok(response) = attempt(lease)?
        && let Some(lease) = response.object().and_then(|object| object.get::<Lease>())
    {
        let spec = lease.spec.clone().unwrap_or_default();
        let unset = || "<unset>".to_owned();
        text.put(0, "Lease:\n");
        text.field(1, "HolderIdentity", spec.holder_identity.unwrap_or_else(unset));
        text.field(1, "AcquireTime", spec.acquire_time.map_or_else(unset, |time| rfc1123(time.0)));
        text.field(1, "RenewTime", spec.renew_time.map_or_else(unset, |time| rfc1123(time.0)));
    }
    body(&mut text, node);
    let selector = format!("spec.nodeName={name},status.phase!=Failed,status.phase!=Succeeded");
    let listed = io.ask(|| {
        Request::new(Method::Get, "/api/v1/pods").with("fieldSelector", selector.as_str()).with("limit", CHUNK)
    });
    let pods = attempt(listed)?.map(|response| objects(&response)).unwrap_or_default();
    let pods: Vec<&Pod> = pods.iter().filter_map(|object| object.get::<Pod>()).collect();
    let now = io.now();
    resources(&mut text, node, &pods, now);
    if show_events {
        let uid = node.metadata.uid.clone().unwrap_or_default();
        let mut found = events::search(io, "Node", &node.metadata, &uid)?;
        // The kubelet's events have the node's name for a uid.
        found.extend(events::search(io, "Node", &node.metadata, name)?);
        events::table(io, &mut text, &found);
    }
    Ok(text.aligned())
}

fn head(text: &mut Text, node: &Node) {
    let meta = &node.metadata;
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    let mut roles: Vec<&str> = Vec::new();
    for (key, value) in meta.labels.iter().flatten() {
        if let Some(role) = key.strip_prefix(ROLE_LABEL).filter(|role| !role.is_empty()) {
            roles.push(role);
        } else if key == "kubernetes.io/role" && !value.is_empty() {
            roles.push(value);
        }
    }
    roles.order();
    text.field(0, "Roles", if roles.is_empty() { "<none>".to_owned() } else { roles.join(",") });
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
    text.field(0, "CreationTimestamp", meta.creation_timestamp.as_ref().map(date).unwrap_or_default());
    let spec = node.spec.clone().unwrap_or_default();
    let mut taints: Vec<String> = (spec.taints.iter().flatten())
        .map(|taint| match taint.value.as_deref().filter(|value| !value.is_empty()) {
            Some(value) => format!("{}={value}:{}", taint.key, taint.effect),
            None => format!("{}:{}", taint.key, taint.effect),
        })
        .collect();
    taints.order();
    text.put(0, "Taints:\t");
    if taints.is_empty() {
        text.put(0, "<none>\n");
    }
    for (index, taint) in taints.iter().enumerate() {
        text.put(0, format!("{}{taint}\n", if index > 0 { "\t" } else { "" }));
    }
    text.field(0, "Unschedulable", spec.unschedulable.unwrap_or(false));
}

fn body(text: &mut Text, node: &Node) {
    let status = node.status.clone().unwrap_or_default();
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if !conditions.is_empty() {
        text.put(0, "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage\n");
        text.put(1, "----\t------\t-----------------\t------------------\t------\t-------\n");
        for condition in conditions {
            text.put(
                1,
                format!(
                    "{} \t{} \t{} \t{} \t{} \t{}\n",
                    condition.type_,
                    condition.status,
                    condition.last_heartbeat_time.as_ref().map(date).unwrap_or_default(),
                    condition.last_transition_time.as_ref().map(date).unwrap_or_default(),
                    condition.reason.as_deref().unwrap_or_default(),
                    condition.message.as_deref().unwrap_or_default(),
                ),
            );
        }
    }
    text.put(0, "Addresses:\n");
    for address in status.addresses.iter().flatten() {
        text.field(1, &address.type_, &address.address);
    }
    for (title, list) in [("Capacity", &status.capacity), ("Allocatable", &status.allocatable)] {
        if let Some(list) = list.as_ref().filter(|list| !list.is_empty()) {
            text.put(0, format!("{title}:\n"));
            for (name, quantity) in list {
                text.field(1, name, &quantity.0);
            }
        }
    }
    let info = status.node_info.unwrap_or_default();
    text.put(0, "System Info:\n");
    for (name, value) in [
        ("Machine ID", &info.machine_id),
        ("System UUID", &info.system_uuid),
        ("Boot ID", &info.boot_id),
        ("Kernel Version", &info.kernel_version),
        ("OS Image", &info.os_image),
        ("Operating System", &info.operating_system),
        ("Architecture", &info.architecture),
        ("Container Runtime Version", &info.container_runtime_version),
        ("Kubelet Version", &info.kubelet_version),
        ("Kube-Proxy Version", &info.kube_proxy_version),
    ] {
        text.field(1, name, value);
    }
    let spec = node.spec.clone().unwrap_or_default();
    if let Some(cidr) = spec.pod_cidr.as_ref().filter(|cidr| !cidr.is_empty()) {
        text.field(0, "PodCIDR", cidr);
    }
    let ranges = spec.pod_cidrs.unwrap_or_default();
    if !ranges.is_empty() {
        text.field(0, "PodCIDRs", ranges.join(","));
    }
    if let Some(provider) = spec.provider_id.as_ref().filter(|provider| !provider.is_empty()) {
        text.field(0, "ProviderID", provider);
    }
}

/// What a pod asks for, summed over its containers, or what its largest init container asks for.
fn asked(pod: &Pod, limits: bool) -> BTreeMap<String, Quantity> {
    let spec = pod.spec.clone().unwrap_or_default();
    let of = |container: &Container| -> BTreeMap<String, Written> {
        let resources = container.resources.clone().unwrap_or_default();
        (if limits { resources.limits } else { resources.requests }).unwrap_or_default()
    };
    let mut sums: BTreeMap<String, Quantity> = BTreeMap::new();
    let restartable = |container: &&Container| container.restart_policy.as_deref() == Some("Always");
    let sidecars = spec.init_containers.iter().flatten().filter(restartable);
    for container in spec.containers.iter().chain(sidecars) {
        for (name, quantity) in of(container) {
            *sums.entry(name).or_default() += Quantity::of(&quantity);
        }
    }
    for container in spec.init_containers.iter().flatten().filter(|container| !restartable(container)) {
        for (name, quantity) in of(container) {
            let one = Quantity::of(&quantity);
            let sum = sums.entry(name).or_default();
            if one > *sum {
                *sum = one;
            }
        }
    }
    if let Some(overhead) = &spec.overhead {
        for (name, quantity) in overhead {
            *sums.entry(name.clone()).or_default() += Quantity::of(quantity);
        }
    }
    sums
}

/// How much of `total` an amount is, rounded down: CPU is compared by the thousandth.
fn percent(name: &str, amount: Quantity, total: Quantity) -> i64 {
    let (amount, total) = match name {
        "cpu" => (amount.milli_value(), total.milli_value()),
        _ => (amount.value(), total.value()),
    };
    if total == 0 { 0 } else { i64::try_from(i128::from(amount) * 100 / i128::from(total)).unwrap_or(i64::MAX) }
}

/// `describeNodeResource`.
fn resources(text: &mut Text, node: &Node, pods: &[&Pod], now: i64) {
    let status = node.status.clone().unwrap_or_default();
    let allocatable = status.allocatable.filter(|list| !list.is_empty()).or(status.capacity).unwrap_or_default();
    let total = |name: &str| allocatable.get(name).map(Quantity::of).unwrap_or_default();
    text.put(0, format!("Non-terminated Pods:\t({} in total)\n", pods.len()));
    text.put(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge\n");
    text.put(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---\n");
    let mut sums: [BTreeMap<String, Quantity>; 2] = Default::default();
    for pod in pods {
        let both = [asked(pod, false), asked(pod, true)];
        let part = |of: usize, name: &str| {
            let amount = both[of].get(name).copied().unwrap_or_default();
            format!("{amount} ({}%)", percent(name, amount, total(name)))
        };
        let age = match &pod.metadata.creation_timestamp {
            Some(created) => duration::human(now - unix_micros(created)),
            None => "<unknown>".to_owned(),
        };
        text.put(
            1,
            format!(
                "{}\t{}\t\t{}\t{}\t{}\t{}\t{age}\n",
                pod.metadata.namespace.as_deref().unwrap_or_default(),
                pod.metadata.name.as_deref().unwrap_or_default(),
                part(0, "cpu"),
                part(1, "cpu"),
                part(0, "memory"),
                part(1, "memory"),
            ),
        );
        for (sum, one) in sums.iter_mut().zip(both) {
            for (name, amount) in one {
                *sum.entry(name).or_default() += amount;
            }
        }
    }
    text.put(0, "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)\n");
    text.put(1, "Resource\tRequests\tLimits\n");
    text.put(1, "--------\t--------\t------\n");
    let sum = |of: usize, name: &str| sums[of].get(name).copied().unwrap_or_default();
    let huge_pages = allocatable.keys().map(String::as_str).filter(|name| name.starts_with("hugepages-"));
    for name in ["cpu", "memory", "ephemeral-storage"].into_iter().chain(huge_pages) {
        let part = |of: usize| {
            let amount = sum(of, name);
            format!("{amount} ({}%)", percent(name, amount, total(name)))
        };
        text.put(1, format!("{name}\t{}\t{}\n", part(0), part(1)));
    }
    let standard =
        |name: &str| matches!(name, "cpu" | "memory" | "ephemeral-storage" | "pods") || name.starts_with("hugepages-");
    for name in allocatable.keys().filter(|name| !standard(name)) {
        text.put(1, format!("{name}\t{}\t{}\n", sum(0, name), sum(1, name)));
    }
}
