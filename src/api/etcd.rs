//! etcd's interface: the messages of `etcdserverpb`, with values that are shared instead of bytes.

use std::sync::Arc;

use super::object::Object;
use super::stored::Stored;

/// A key and what is stored under it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyValue {
    pub key: Arc<str>,
    pub value: Stored,
    pub create_revision: u64,
    pub mod_revision: u64,
    /// How often it was written since it was created.
    pub version: u64,
    /// 0 for none.
    pub lease: u64,
}

/// A range of keys.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeRequest {
    pub key: Arc<str>,
    /// Exclusive; `None` reads the one key.
    pub range_end: Option<Arc<str>>,
    /// 0 for the newest.
    pub revision: u64,
    /// 0 for no limit.
    pub limit: u64,
    pub count_only: bool,
}

/// What a transaction compares.
#[derive(Clone, Debug, PartialEq)]
pub enum Compare {
    /// `mod_revision(key) == revision`; 0 means the key is absent.
    ModRevision { key: Arc<str>, revision: u64 },
    /// `lease(key) == lease`.
    Lease { key: Arc<str>, lease: u64 },
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    Range(RangeRequest),
    /// The object has no resource version: that is the revision this gives it.
    Put {
        key: Arc<str>,
        value: Arc<Object>,
        lease: u64,
    },
    DeleteRange {
        key: Arc<str>,
        range_end: Option<Arc<str>>,
    },
}

/// A request to etcd.
#[derive(Clone, Debug, PartialEq)]
pub enum EtcdRequest {
    Range(RangeRequest),
    /// All comparisons hold: `success`, else `failure`.
    Txn {
        compare: Vec<Compare>,
        success: Vec<Op>,
        failure: Vec<Op>,
    },
    /// Opens a watch that the client numbers. `start_revision` 0 means from now on.
    Watch {
        watch_id: u64,
        key: Arc<str>,
        range_end: Option<Arc<str>>,
        start_revision: u64,
        prev_kv: bool,
    },
    CancelWatch {
        watch_id: u64,
    },
    /// Drops the history below `revision`.
    Compact {
        revision: u64,
    },
    LeaseGrant {
        id: u64,
        ttl_seconds: u64,
    },
    LeaseRevoke {
        id: u64,
    },
    LeaseKeepAlive {
        id: u64,
    },
    Status,
}

/// A failure of etcd, as `rpctypes` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtcdError {
    /// `mvcc: required revision has been compacted`
    Compacted { compact_revision: u64 },
    /// `mvcc: required revision is a future revision`
    FutureRevision,
    /// `requested lease not found`
    LeaseNotFound,
    /// `lease already exists`
    LeaseExists,
}

/// What an operation of a transaction gave.
#[derive(Clone, Debug, PartialEq)]
pub enum OpResponse {
    Range { kvs: Vec<KeyValue>, count: u64, more: bool },
    Put,
    DeleteRange { deleted: u64 },
}

/// A response of etcd.
#[derive(Clone, Debug, PartialEq)]
pub enum EtcdResponse {
    Range { kvs: Vec<KeyValue>, count: u64, more: bool },
    Txn { succeeded: bool, responses: Vec<OpResponse> },
    WatchCreated { watch_id: u64 },
    Compacted,
    LeaseGranted { id: u64, ttl_seconds: u64 },
    LeaseRevoked,
    LeaseKeptAlive { ttl_seconds: u64 },
    Status { db_keys: u64, raft_term: u64, leader: u64, compact_revision: u64 },
    Failed(EtcdError),
}

/// One change of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct EtcdEvent {
    /// For a deletion: the key with `mod_revision` of the deletion and the last value.
    pub kv: KeyValue,
    pub deleted: bool,
    /// What was there before, when asked for.
    pub prev: Option<KeyValue>,
}

/// A message between an etcd client and etcd.
#[derive(Clone, Debug, PartialEq)]
pub enum EtcdMessage {
    Request {
        call: u64,
        request: Arc<EtcdRequest>,
    },
    /// `revision` is the store's at the time.
    Response {
        call: u64,
        revision: u64,
        response: Arc<EtcdResponse>,
    },
    WatchEvents {
        watch_id: u64,
        revision: u64,
        events: Arc<[EtcdEvent]>,
    },
    WatchCanceled {
        watch_id: u64,
        compact_revision: u64,
    },
}
