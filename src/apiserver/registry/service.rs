//! Cluster IPs and node ports: given to services from the server's ranges.
//!
//! Mirrors pkg/registry/core/service (`storage/alloc.go`, `ipallocator`, `portallocator`). Leaves out:
//! IPv6, repair loops, the stored bitmaps (what is in use is read from the services themselves).

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};

use crate::api::validation::service::needs_health_check;
use crate::api::{FieldError, Kind, Object, Reason, Status};
use crate::sim::Random;
use crate::sim::persistent::OrdSet;

use super::super::cache::CacheEvent;
use super::super::server::ApiServer;

/// `--service-cluster-ip-range=10.96.0.0/12`.
const IP_FIRST: u32 = 0x0a60_0000;
const IP_COUNT: u32 = 1 << 20;
/// The lower band is left to those who ask for an address: min(max(16, size / 16), 256).
const IP_STATIC_BAND: u32 = 256;
/// `--service-node-port-range=30000-32767`.
const PORT_FIRST: i32 = 30_000;
const PORT_COUNT: i32 = 2_768;
/// Likewise for ports: min(max(16, size / 32), 128).
const PORT_STATIC_BAND: i32 = 86;
/// How often chance is asked before the range is searched.
const DRAWS_MAX: u32 = 64;

/// What was given to services that are not in the cache yet.
#[derive(Clone, Debug, Default)]
pub struct Allocations {
    ips: OrdSet<String>,
    ports: OrdSet<i32>,
}

/// What every service holds.
struct Taken {
    ips: OrdSet<String>,
    ports: OrdSet<i32>,
}

fn spec(object: &Object) -> Option<&ServiceSpec> {
    match object {
        Object::Service(service) => service.spec.as_ref(),
        _ => None,
    }
}

fn ports_of(spec: &ServiceSpec) -> impl Iterator<Item = i32> {
    let ports = spec.ports.iter().flatten().filter_map(|port| port.node_port);
    ports.chain(spec.health_check_node_port).filter(|port| *port != 0)
}

fn wants_node_ports(spec: &ServiceSpec) -> bool {
    match spec.type_.as_deref() {
        Some("NodePort") => true,
        Some("LoadBalancer") => spec.allocate_load_balancer_node_ports.unwrap_or(true),
        _ => false,
    }
}

impl ApiServer {
    /// Gives a service its cluster IP and node ports; `before` is what it had. Any other kind gets none.
    pub(super) fn allocate(
        &mut self,
        random: &mut Random,
        object: &mut Object,
        before: Option<&Object>,
    ) -> Result<(), Status> {
        let info = object.info();
        let name = object.name().to_owned();
        let Object::Service(service) = object else { return Ok(()) };
        let taken = self.taken(&name, service.metadata.namespace.as_deref().unwrap_or_default());
        let before = before.and_then(spec);
        let findings = allocate(random, service, before, &taken);
        if !findings.is_empty() {
            return Err(Status::invalid(info, &name, &findings));
        }
        if let Some(spec) = service.spec.as_mut().filter(|spec| needs_health_check(spec)) {
            let internal = |why: String| Status::new(Reason::InternalError, format!("Internal error occurred: {why}"));
            health_check_port(random, spec, before, &taken).map_err(internal)?;
        }
        if let Some(spec) = &service.spec {
            self.allocations.ips.extend(spec.cluster_ips.iter().flatten().filter(|ip| *ip != "None").cloned());
            self.allocations.ports.extend(ports_of(spec));
        }
        Ok(())
    }

    /// What others hold.
    fn taken(&self, name: &str, namespace: &str) -> Taken {
        let mut taken = Taken { ips: self.allocations.ips.clone(), ports: self.allocations.ports.clone() };
        let prefix = format!("/registry/{}/", Kind::Service.info().etcd_prefix);
        for (_, stored) in self.cache.objects(Kind::Service, &prefix, &prefix) {
            let object = stored.object();
            if object.name() == name && object.namespace() == namespace {
                continue;
            }
            if let Some(spec) = spec(&object) {
                taken.ips.extend(spec.cluster_ips.iter().flatten().cloned());
                taken.ports.extend(ports_of(spec));
            }
        }
        taken
    }

    /// A service that was given something is not stored after all.
    pub(super) fn release(&mut self, object: &Object) {
        if let Some(spec) = spec(object) {
            for ip in spec.cluster_ips.iter().flatten() {
                self.allocations.ips.remove(ip);
            }
            for port in ports_of(spec) {
                self.allocations.ports.remove(&port);
            }
        }
    }

    /// What is in the cache need not be remembered apart.
    pub(in super::super) fn after_change(&mut self, event: &CacheEvent) {
        if event.object.kind() == Kind::Service {
            self.release(&event.object);
        }
    }
}

fn finding(field: &str, reason: &'static str, message: String) -> FieldError {
    FieldError { field: field.to_owned(), reason, message }
}

fn allocate(
    random: &mut Random,
    service: &mut Service,
    before: Option<&ServiceSpec>,
    taken: &Taken,
) -> Vec<FieldError> {
    let spec = service.spec.get_or_insert_default();
    let mut findings = Vec::new();
    if spec.type_.as_deref() == Some("ExternalName") {
        // It has no address: what it had is given back.
        if before.is_some_and(|before| before.type_.as_deref() != Some("ExternalName")) {
            spec.cluster_ip = None;
            spec.cluster_ips = None;
            spec.ip_families = None;
            spec.ip_family_policy = None;
        }
        return findings;
    }
    cluster_ip(random, spec, before, taken, &mut findings);
    node_ports(random, spec, before, taken, &mut findings);
    findings
}

fn cluster_ip(
    random: &mut Random,
    spec: &mut ServiceSpec,
    before: Option<&ServiceSpec>,
    taken: &Taken,
    findings: &mut Vec<FieldError>,
) {
    let asked = spec.cluster_ip.clone().or_else(|| spec.cluster_ips.as_ref()?.first().cloned());
    let asked = asked.filter(|ip| !ip.is_empty());
    let kept = before.and_then(|before| before.cluster_ip.clone()).filter(|ip| !ip.is_empty());
    let ip = match (asked, kept) {
        (Some(asked), kept) if asked == "None" || kept.as_ref() == Some(&asked) => asked,
        (Some(asked), _) => {
            let reserve = |why: String| {
                finding(
                    "spec.clusterIPs",
                    "FieldValueInvalid",
                    format!("Invalid value: [\"{asked}\"]: failed to allocate IP {asked}: {why}"),
                )
            };
            let inside = asked
                .parse::<Ipv4Addr>()
                .is_ok_and(|ip| (IP_FIRST + 1..IP_FIRST + IP_COUNT - 1).contains(&u32::from(ip)));
            if !inside {
                findings.push(reserve(format!(
                    "the provided IP ({asked}) is not in the valid range. The range of valid IPs is 10.96.0.0/12"
                )));
            } else if taken.ips.contains(&asked) {
                findings.push(reserve("provided IP is already allocated".to_owned()));
            }
            asked
        }
        (None, Some(kept)) => kept,
        (None, None) => draw_ip(random, taken),
    };
    spec.cluster_ips = Some(vec![ip.clone()]);
    spec.cluster_ip = Some(ip);
    spec.ip_families.get_or_insert_with(|| vec!["IPv4".to_owned()]);
    spec.ip_family_policy.get_or_insert_with(|| "SingleStack".to_owned());
}

fn draw_ip(random: &mut Random, taken: &Taken) -> String {
    let dynamic = IP_COUNT - IP_STATIC_BAND - 1;
    let at = |offset: u32| Ipv4Addr::from(IP_FIRST + IP_STATIC_BAND + offset % dynamic).to_string();
    let mut offset = random.below(u64::from(dynamic)) as u32;
    for _ in 0..DRAWS_MAX {
        if !taken.ips.contains(&at(offset)) {
            break;
        }
        offset = random.below(u64::from(dynamic)) as u32;
    }
    // A million addresses: after so many draws there is none but by a search.
    (offset..offset + dynamic).map(at).find(|ip| !taken.ips.contains(ip)).unwrap_or_else(|| at(offset))
}

fn node_ports(
    random: &mut Random,
    spec: &mut ServiceSpec,
    before: Option<&ServiceSpec>,
    taken: &Taken,
    findings: &mut Vec<FieldError>,
) {
    if !wants_node_ports(spec) {
        // `dropTypeDependentFields`: ports that came with the old type go with it.
        if before.is_some_and(wants_node_ports) {
            spec.ports.iter_mut().flatten().for_each(|port| port.node_port = None);
        }
        return;
    }
    let kept: OrdSet<i32> = before.into_iter().flat_map(ports_of).collect();
    let mut used = taken.ports.clone();
    used.retain(|port| !kept.contains(port));
    for (at, port) in spec.ports.iter_mut().flatten().enumerate() {
        let field = format!("spec.ports[{at}].nodePort");
        // The same port of another protocol may share what this service has.
        let old = before
            .into_iter()
            .flat_map(|before| before.ports.iter().flatten())
            .find(|old| old.port == port.port && old.protocol == port.protocol && old.name == port.name);
        match port.node_port.filter(|asked| *asked != 0) {
            Some(asked) if !(PORT_FIRST..PORT_FIRST + PORT_COUNT).contains(&asked) => {
                let why = format!(
                    "Invalid value: {asked}: provided port is not in the valid range. The range of valid ports is 30000-32767"
                );
                findings.push(finding(&field, "FieldValueInvalid", why));
            }
            Some(asked) if used.contains(&asked) && !kept.contains(&asked) => {
                let why = format!("Invalid value: {asked}: provided port is already allocated");
                findings.push(finding(&field, "FieldValueInvalid", why));
            }
            Some(asked) => {
                used.insert(asked);
            }
            None => {
                let given = old
                    .and_then(|old| old.node_port)
                    .filter(|old| *old != 0 && !used.contains(old))
                    .or_else(|| draw_port(random, &used));
                match given {
                    Some(given) => {
                        used.insert(given);
                        port.node_port = Some(given);
                    }
                    None => findings.push(finding(
                        &field,
                        "InternalError",
                        "Internal error: failed to allocate a nodePort: range is full".to_owned(),
                    )),
                }
            }
        }
    }
}

/// `allocHealthCheckNodePort`.
fn health_check_port(
    random: &mut Random,
    spec: &mut ServiceSpec,
    before: Option<&ServiceSpec>,
    taken: &Taken,
) -> Result<(), String> {
    let asked = spec.health_check_node_port.filter(|port| *port != 0);
    if asked.is_some() && asked == before.and_then(|before| before.health_check_node_port) {
        return Ok(());
    }
    let mut used = taken.ports.clone();
    used.extend(spec.ports.iter().flatten().filter_map(|port| port.node_port));
    let refused =
        |port: i32, why: &str| Err(format!("failed to allocate requested HealthCheck NodePort {port}: {why}"));
    match asked {
        Some(port) if !(PORT_FIRST..PORT_FIRST + PORT_COUNT).contains(&port) => {
            refused(port, "provided port is not in the valid range. The range of valid ports is 30000-32767")
        }
        Some(port) if used.contains(&port) => refused(port, "provided port is already allocated"),
        Some(_) => Ok(()),
        None => {
            let given = draw_port(random, &used);
            let given = given.ok_or("failed to allocate a HealthCheck NodePort 0: range is full")?;
            spec.health_check_node_port = Some(given);
            Ok(())
        }
    }
}

fn draw_port(random: &mut Random, used: &OrdSet<i32>) -> Option<i32> {
    let dynamic = PORT_COUNT - PORT_STATIC_BAND;
    let start = random.below(dynamic as u64) as i32;
    (0..dynamic).map(|step| PORT_FIRST + PORT_STATIC_BAND + (start + step) % dynamic).find(|port| !used.contains(port))
}
