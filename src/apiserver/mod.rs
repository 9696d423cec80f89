//! The API server: the request pipeline from routing to etcd, the watch cache, and the HTTP edge.
//!
//! Mirrors cmd/kube-apiserver and staging/src/k8s.io/apiserver. Leaves out: authentication and
//! authorization that refuse anybody, API aggregation, webhooks, audit logs, priority levels that queue.

#[doc(hidden)]
pub mod admission;
mod cache;
mod continue_token;
mod convert;
mod discovery;
pub mod edge;
mod health;
mod inspect;
mod openapi;
mod options;
mod registry;
mod review;
mod route;
mod server;
mod stage;
mod storage;
#[cfg(test)]
mod tests;
mod view;
mod watch;
mod watchers;

pub use cache::{CacheEvent, WatchCache};
pub use edge as http;
pub use inspect::{Admitted, InHand, Passed, Said, Served};
pub use server::ApiServer;
pub use stage::Stage;
pub use watchers::{Watcher, Watchers};
