//! A world of etcd, the API server and a client that asks what a test tells it to.

mod admission;
mod evictions;
mod harness;

mod apply;
mod edge_cases;
mod reads;
mod restarts;
mod subresources;
mod watches;
mod writes;

use harness::World;
