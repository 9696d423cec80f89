//! `kubectl api-versions`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/apiresources/apiversions.go.

use super::super::discovery::discover;
use super::{PLAIN, Verb};

use crate::sim::Order;

/// The registry's entry.
pub const VERB: Verb = Verb {
    name: "api-versions",
    short: "Print the supported API versions on the server, in the form of \"group/version\"",
    usage: "api-versions",
    run: |io, _| {
        let discovery = discover(io)?;
        let mut versions = discovery.versions.clone();
        versions.order();
        io.out(versions.join("\n") + "\n");
        Ok(0)
    },
    ..PLAIN
};
