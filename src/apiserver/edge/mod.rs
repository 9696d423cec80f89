//! The HTTP edge: bytes to requests, and responses and watch events to bytes. Pure functions: whoever
//! holds the sockets (the native server, the page's `fetch`) brings the bytes and takes them.
//!
//! Mirrors endpoints/handlers (negotiation, `responsewriters`, `watch.go`). Leaves out: compression,
//! protobuf in answers, WebSockets.

mod read;
mod write;

#[cfg(test)]
mod tests;

pub use read::{read_request, streams};
pub use write::{chunk, status_response, stream_head, watch_frame, write_response};

/// The user that requests from outside authenticate as.
pub const ADMIN: &str = "kubernetes-admin";
