//! Services: `printService`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use serde_json::Value;

use super::{age, column, or, wide};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;
use crate::sim::Order;

/// Name, Type, Cluster-IP, External-IP, Port(s), Age; wide: Selector.
pub const COLUMNS: &[Column] = &[
    NAME,
    column(
        "Type",
        "string",
        "type determines how the Service is exposed. Defaults to ClusterIP. Valid options are ExternalName, ClusterIP, NodePort, and LoadBalancer. \"ClusterIP\" allocates a cluster-internal IP address for load-balancing to endpoints. Endpoints are determined by the selector or if that is not specified, by manual construction of an Endpoints object or EndpointSlice objects. If clusterIP is \"None\", no virtual IP is allocated and the endpoints are published as a set of endpoints rather than a virtual IP. \"NodePort\" builds on ClusterIP and allocates a port on every node which routes to the same endpoints as the clusterIP. \"LoadBalancer\" builds on NodePort and creates an external load-balancer (if supported in the current cloud) which routes to the same endpoints as the clusterIP. \"ExternalName\" aliases this service to the specified externalName. Several other fields do not apply to ExternalName services. More info: https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types",
    ),
    column(
        "Cluster-IP",
        "string",
        "clusterIP is the IP address of the service and is usually assigned randomly. If an address is specified manually, is in-range (as per system configuration), and is not in use, it will be allocated to the service; otherwise creation of the service will fail. This field may not be changed through updates unless the type field is also being changed to ExternalName (which requires this field to be blank) or the type field is being changed from ExternalName (in which case this field may optionally be specified, as describe above).  Valid values are \"None\", empty string (\"\"), or a valid IP address. Setting this to \"None\" makes a \"headless service\" (no virtual IP), which is useful when direct endpoint connections are preferred and proxying is not required.  Only applies to types ClusterIP, NodePort, and LoadBalancer. If this field is specified when creating a Service of type ExternalName, creation will fail. This field will be wiped when updating a Service to type ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies",
    ),
    column(
        "External-IP",
        "string",
        "externalIPs is a list of IP addresses for which nodes in the cluster will also accept traffic for this service.  These IPs are not managed by Kubernetes.  The user is responsible for ensuring that traffic arrives at a node with this IP.  A common example is external load-balancers that are not part of the Kubernetes system.",
    ),
    column(
        "Port(s)",
        "string",
        "The list of ports that are exposed by this service. More info: https://kubernetes.io/docs/concepts/services-networking/service/#virtual-ips-and-service-proxies",
    ),
    AGE,
    wide(
        "Selector",
        "string",
        "Route service traffic to pods with label keys and values matching this selector. If empty or not present, the service is assumed to have an external process managing its endpoints, which Kubernetes will not modify. Only applies to types ClusterIP, NodePort, and LoadBalancer. Ignored if type is ExternalName. More info: https://kubernetes.io/docs/concepts/services-networking/service/",
    ),
];

/// The cells of a service.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(service) = object.get::<Service>() else { return Vec::new() };
    let empty = ServiceSpec::default();
    let spec = service.spec.as_ref().unwrap_or(&empty);
    let cluster_ip = spec.cluster_ips.iter().flatten().next().map(String::as_str);
    vec![
        Value::from(object.name()),
        Value::from(spec.type_.clone().unwrap_or_default()),
        Value::from(cluster_ip.unwrap_or("<none>")),
        Value::from(external_ip(service, spec)),
        Value::from(or(Some(&ports(spec)), "<none>")),
        age(object, now_unix_micros),
        Value::from(format_labels(spec.selector.as_ref())),
    ]
}

/// `getServiceExternalIP`.
pub fn external_ip(service: &Service, spec: &ServiceSpec) -> String {
    let external = spec.external_ips.as_deref().unwrap_or_default();
    match spec.type_.as_deref() {
        Some("ClusterIP" | "NodePort") if external.is_empty() => "<none>".to_owned(),
        Some("ClusterIP" | "NodePort") => external.join(","),
        Some("LoadBalancer") => {
            let ingress = service.status.iter().filter_map(|status| status.load_balancer.as_ref());
            let mut addresses: Vec<String> = ingress
                .flat_map(|balancer| balancer.ingress.iter().flatten())
                .filter_map(|ingress| {
                    let ip = ingress.ip.clone().filter(|ip| !ip.is_empty());
                    ip.or_else(|| ingress.hostname.clone().filter(|hostname| !hostname.is_empty()))
                })
                .collect();
            // `sets.NewString`, so sorted and without repetition.
            addresses.order();
            addresses.dedup();
            addresses.extend(external.iter().cloned());
            if addresses.is_empty() { "<pending>".to_owned() } else { addresses.join(",") }
        }
        Some("ExternalName") => spec.external_name.clone().unwrap_or_default(),
        _ => "<unknown>".to_owned(),
    }
}

/// `80:30080/TCP,443/TCP`.
fn ports(spec: &ServiceSpec) -> String {
    let ports = spec.ports.iter().flatten().map(|port| {
        let protocol = port.protocol.as_deref().unwrap_or_default();
        match port.node_port {
            Some(node_port) if node_port > 0 => format!("{}:{node_port}/{protocol}", port.port),
            _ => format!("{}/{protocol}", port.port),
        }
    });
    ports.collect::<Vec<_>>().join(",")
}

/// `labels.FormatLabels`.
pub fn format_labels(labels: Option<&BTreeMap<String, String>>) -> String {
    let pairs: Vec<String> = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    or(Some(&pairs.join(",")), "<none>")
}
