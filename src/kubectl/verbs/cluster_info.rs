//! `kubectl cluster-info`.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/clusterinfo. Leaves out: `dump`.

use crate::api::Request;
use crate::api::http::Method;

use super::super::builder::{items, text_at};
use super::super::errors::{SERVER, Stop};
use super::super::flags::Args;
use super::super::io::Io;
use super::{PLAIN, Verb};

/// The registry's entry.
pub const VERB: Verb =
    Verb { name: "cluster-info", short: "Display cluster information", usage: "cluster-info [options]", run, ..PLAIN };

fn run(io: &mut Io<'_, '_>, _: &Args) -> Result<i32, Stop> {
    let response = io.ask(|| {
        Request::new(Method::Get, "/api/v1/namespaces/kube-system/services")
            .with("labelSelector", "kubernetes.io/cluster-service=true")
    })?;
    let mut text = format!("Kubernetes control plane is running at https://{SERVER}\n");
    for service in items(&response) {
        let name = text_at(&service, "/metadata/name");
        let shown = match text_at(&service, "/metadata/labels/kubernetes.io~1name") {
            "" => name,
            shown => shown,
        };
        text.push_str(&format!(
            "{shown} is running at https://{SERVER}/api/v1/namespaces/kube-system/services/{name}/proxy\n"
        ));
    }
    text.push_str("\nTo further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.\n");
    io.out(text);
    Ok(0)
}
