//! Endpoints and EndpointSlices: `printEndpoints`, `printEndpointSlice`.

use k8s_openapi::api::core::v1::Endpoints;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::Value;

use super::{age, column, or};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;

/// Name, Endpoints, Age.
pub const COLUMNS: &[Column] = &[
    NAME,
    column(
        "Endpoints",
        "string",
        "The set of all endpoints is the union of all subsets. Addresses are placed into subsets according to the IPs they share. A single address with multiple ports, some of which are ready and some of which are not (because they come from different containers) will result in the address being displayed in different subsets for the different ports. No address will appear in both Addresses and NotReadyAddresses in the same subset. Sets of addresses and ports that comprise a service.",
    ),
    AGE,
];

/// Name, AddressType, Ports, Endpoints, Age.
pub const SLICE_COLUMNS: &[Column] = &[
    NAME,
    column(
        "AddressType",
        "string",
        "addressType specifies the type of address carried by this EndpointSlice. All addresses in this slice must be the same type. This field is immutable after creation. The following address types are currently supported: * IPv4: Represents an IPv4 Address. * IPv6: Represents an IPv6 Address. * FQDN: Represents a Fully Qualified Domain Name.",
    ),
    column(
        "Ports",
        "string",
        "ports specifies the list of network ports exposed by each endpoint in this slice. Each port must have a unique name. When ports is empty, it indicates that there are no defined ports. When a port is defined with a nil port value, it indicates \"all ports\". Each slice may include a maximum of 100 ports.",
    ),
    column(
        "Endpoints",
        "string",
        "endpoints is a list of unique endpoints in this slice. Each slice may include a maximum of 1000 endpoints.",
    ),
    AGE,
];

/// What a cell shows of a list before it says how much more there is.
const SHOWN_MAX: usize = 3;

fn shortened(list: &[String], none: &str) -> String {
    if list.len() > SHOWN_MAX {
        return format!("{} + {} more...", list[..SHOWN_MAX].join(","), list.len() - SHOWN_MAX);
    }
    or(Some(&list.join(",")), none)
}

/// `net.JoinHostPort`.
pub fn join(address: &str, port: i32) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// `formatEndpoints`: the ready addresses, with each port.
fn addresses(endpoints: &Endpoints) -> String {
    let mut list = Vec::new();
    for subset in endpoints.subsets.iter().flatten() {
        let addresses = || subset.addresses.iter().flatten();
        if subset.ports.as_ref().is_none_or(Vec::is_empty) {
            list.extend(addresses().map(|address| address.ip.clone()));
        }
        for port in subset.ports.iter().flatten() {
            list.extend(addresses().map(|address| join(&address.ip, port.port)));
        }
    }
    // No subsets are none; subsets in which nobody is ready leave the cell empty.
    shortened(&list, if endpoints.subsets.as_ref().is_none_or(Vec::is_empty) { "<none>" } else { "" })
}

/// The cells of an Endpoints.
pub fn row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(own) = object.get::<Endpoints>() else { return Vec::new() };
    vec![Value::from(object.name()), Value::from(addresses(own)), age(object, now_unix_micros)]
}

/// The cells of an EndpointSlice.
pub fn slice_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(own) = object.get::<EndpointSlice>() else { return Vec::new() };
    let ports = own.ports.iter().flatten().map(|port| match (port.port, &port.name) {
        (Some(number), _) => number.to_string(),
        (None, Some(name)) => name.clone(),
        (None, None) => "*".to_owned(),
    });
    let endpoints = own.endpoints.iter().flatten().flat_map(|endpoint| endpoint.addresses.iter().cloned());
    vec![
        Value::from(object.name()),
        Value::from(own.address_type.clone()),
        Value::from(shortened(&ports.collect::<Vec<_>>(), "<unset>")),
        Value::from(shortened(&endpoints.collect::<Vec<_>>(), "<unset>")),
        age(object, now_unix_micros),
    ]
}
