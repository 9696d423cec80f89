//! etcd: the multi-version key-value store, one member.
//!
//! Mirrors go.etcd.io/etcd/server: mvcc (store, watchable store), lease (lessor), etcdserver (the
//! process). Leaves out: raft and further members, authentication, maintenance and defragmentation.

mod lease;
mod process;
mod store;
#[cfg(test)]
mod tests;
mod watch;

pub use lease::{Lease, Leases};
pub use process::Etcd;
pub use store::{Changes, Ranged, Store, prefix_end};
pub use watch::{Watch, Watches};
