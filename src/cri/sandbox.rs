//! Pod sandboxes, and the addresses the network plugin gives them.

use std::sync::Arc;

use crate::sim::persistent::{OrdSet, Vector};

use crate::api::cri::{PodSandboxConfig, PodSandboxStatus};

/// A pod's sandbox.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    pub id: Arc<str>,
    pub config: Arc<PodSandboxConfig>,
    pub ready: bool,
    pub ip: Arc<str>,
    pub created_unix_micros: i64,
    /// Ids of its containers, oldest first.
    pub containers: Vector<Arc<str>>,
}

impl Sandbox {
    pub fn status(&self) -> PodSandboxStatus {
        PodSandboxStatus {
            id: self.id.clone(),
            pod_uid: self.config.uid.clone(),
            name: self.config.name.clone(),
            namespace: self.config.namespace.clone(),
            attempt: self.config.attempt,
            ready: self.ready,
            ip: self.ip.clone(),
            created_unix_micros: self.created_unix_micros,
        }
    }
}

/// The node's pod addresses: handed out upwards, and one given back is used again only once the range
/// has been gone through, as the `host-local` plugin does.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    /// The network's address as a number.
    network: u32,
    size: u32,
    next: u32,
    used: OrdSet<u32>,
}

impl Addresses {
    /// The addresses of `10.244.1.0/24`; the first is the gateway's.
    pub fn new(cidr: &str) -> Self {
        let (network, bits) = cidr.split_once('/').unwrap_or((cidr, "24"));
        let network = network.split('.').fold(0u32, |sum, part| (sum << 8) | part.parse::<u32>().unwrap_or(0));
        let bits: u32 = bits.parse().unwrap_or(24).clamp(8, 30);
        Addresses { network, size: 1 << (32 - bits), next: 2, used: OrdSet::new() }
    }

    /// A free address; `None` when all are in use.
    pub fn take(&mut self) -> Option<Arc<str>> {
        for _ in 0..self.size {
            let host = self.next;
            self.next = if host + 2 >= self.size { 2 } else { host + 1 };
            if self.used.insert(host).is_none() {
                let [a, b, c, d] = (self.network + host).to_be_bytes();
                return Some(Arc::from(format!("{a}.{b}.{c}.{d}")));
            }
        }
        None
    }

    /// Gives an address back.
    pub fn release(&mut self, ip: &str) {
        let address = ip.split('.').fold(0u32, |sum, part| (sum << 8) | part.parse::<u32>().unwrap_or(0));
        self.used.remove(&address.wrapping_sub(self.network));
    }
}

#[cfg(test)]
mod tests {
    use super::Addresses;

    #[test]
    fn an_address_given_back_is_reused_late() {
        let mut addresses = Addresses::new("10.244.3.0/29");
        let mut take = |release: Option<&str>| {
            if let Some(ip) = release {
                addresses.release(ip);
            }
            addresses.take().map(|ip| ip.to_string())
        };
        assert_eq!(take(None).as_deref(), Some("10.244.3.2"));
        assert_eq!(take(Some("10.244.3.2")).as_deref(), Some("10.244.3.3"));
        for last in [4, 5, 6, 2] {
            assert_eq!(take(None), Some(format!("10.244.3.{last}")));
        }
        assert_eq!(take(None), None);
    }
}
