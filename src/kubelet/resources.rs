//! What containers and pods ask for, in the units the runtime and the node count in.

use k8s_openapi::api::core::v1::{Container, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::api::quantity::Quantity;
use crate::api::resources::{self, pod_requests as requests_by_name};

/// Amounts of `cpu` (millicores) and `memory` (bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    pub cpu_millis: u64,
    pub memory_bytes: u64,
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A quantity in thousandths, rounded up.
pub fn milli(text: &Text) -> u64 {
    unsigned(Quantity::of(text).milli_value())
}

fn amounts<'a>(get: impl Fn(&str) -> Option<&'a Quantity>) -> Amounts {
    Amounts {
        cpu_millis: get("cpu").map_or(0, |quantity| unsigned(quantity.milli_value())),
        memory_bytes: get("memory").map_or(0, |quantity| unsigned(quantity.value())),
    }
}

fn side(list: Option<&std::collections::BTreeMap<String, Text>>) -> Amounts {
    let list = resources::list(list);
    amounts(|name| list.get(name))
}

/// What a container is guaranteed.
pub fn requests(container: &Container) -> Amounts {
    side(container.resources.as_ref().and_then(|resources| resources.requests.as_ref()))
}

/// What a container may use at most; 0 for no limit.
pub fn limits(container: &Container) -> Amounts {
    side(container.resources.as_ref().and_then(|resources| resources.limits.as_ref()))
}

/// What a pod requests.
pub fn pod_requests(spec: &PodSpec) -> Amounts {
    let list = requests_by_name(spec);
    amounts(|name| list.get(name))
}
