//! Leases: keys that go when nobody keeps their lease alive.
//!
//! Mirrors server/lease (the lessor). Leaves out: checkpoints of the remaining time.

use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::{OrdMap, OrdSet};

use crate::api::etcd::EtcdError;
use crate::sim::SimTime;

/// One lease.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    pub id: u64,
    pub ttl_seconds: u64,
    pub expires: SimTime,
    /// The keys that go with it.
    pub keys: OrdSet<Arc<str>>,
}

/// All leases, with an index by expiry.
#[derive(Clone, Debug, Default)]
pub struct Leases {
    leases: OrdMap<u64, Lease>,
    expiries: OrdSet<(SimTime, u64)>,
}

impl Leases {
    /// Makes a lease.
    ///
    /// # Errors
    /// `LeaseExists`.
    pub fn grant(&mut self, id: u64, ttl_seconds: u64, now: SimTime) -> Result<(), EtcdError> {
        if self.leases.contains_key(&id) {
            return Err(EtcdError::LeaseExists);
        }
        let expires = now + Duration::from_secs(ttl_seconds);
        self.leases.insert(id, Lease { id, ttl_seconds, expires, keys: OrdSet::new() });
        self.expiries.insert((expires, id));
        Ok(())
    }

    /// Gives a lease its full time again; that time in seconds.
    ///
    /// # Errors
    /// `LeaseNotFound`.
    pub fn keep_alive(&mut self, id: u64, now: SimTime) -> Result<u64, EtcdError> {
        let lease = self.leases.get_mut(&id).ok_or(EtcdError::LeaseNotFound)?;
        self.expiries.remove(&(lease.expires, id));
        lease.expires = now + Duration::from_secs(lease.ttl_seconds);
        self.expiries.insert((lease.expires, id));
        Ok(lease.ttl_seconds)
    }

    /// Ends a lease; the keys that go with it.
    ///
    /// # Errors
    /// `LeaseNotFound`.
    pub fn revoke(&mut self, id: u64) -> Result<OrdSet<Arc<str>>, EtcdError> {
        let lease = self.leases.remove(&id).ok_or(EtcdError::LeaseNotFound)?;
        self.expiries.remove(&(lease.expires, id));
        Ok(lease.keys)
    }

    /// Gives every lease its full time again, as a member does that became leader: nobody could keep
    /// them alive while there was none.
    pub fn promote(&mut self, now: SimTime) {
        let ids: Vec<u64> = self.leases.keys().copied().collect();
        for id in ids {
            self.keep_alive(id, now).expect("the lease was just listed");
        }
    }

    /// A key is now held by `lease` and no longer by `before`; 0 is none.
    pub fn attach(&mut self, key: &Arc<str>, before: u64, lease: u64) {
        if before == lease {
            return;
        }
        if let Some(old) = self.leases.get_mut(&before) {
            old.keys.remove(&**key);
        }
        if let Some(new) = self.leases.get_mut(&lease) {
            new.keys.insert(key.clone());
        }
    }

    /// Whether there is such a lease; 0 is always there.
    pub fn exists(&self, id: u64) -> bool {
        id == 0 || self.leases.contains_key(&id)
    }

    /// The soonest expiry.
    pub fn next_expiry(&self) -> Option<(SimTime, u64)> {
        self.expiries.get_min().copied()
    }

    /// Every lease, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.leases.values()
    }
}
