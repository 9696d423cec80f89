//! Mirrors the checks of probes and lifecycle handlers.

use k8s_openapi::api::core::v1::{
    ExecAction, GRPCAction, HTTPGetAction, Lifecycle, LifecycleHandler, Probe, SleepAction, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::errors::{BadValue, Errors};
use super::meta::nonnegative;
use super::names::{self, each};
use super::path::Path;
use super::{items, text};
use crate::api::kind::FieldError;

/// What probes and lifecycle hooks may do.
#[derive(Default)]
struct Handler<'a> {
    exec: Option<&'a ExecAction>,
    http_get: Option<&'a HTTPGetAction>,
    tcp_socket: Option<&'a TCPSocketAction>,
    grpc: Option<&'a GRPCAction>,
    sleep: Option<&'a SleepAction>,
}

/// `validateLivenessProbe` and `validateStartupProbe`, which ask the same.
pub fn liveness_or_startup(probe: Option<&Probe>, grace: Option<i64>, path: &Path, errors: &mut Errors) {
    let Some(own) = probe else { return };
    check_probe(own, grace, path, errors);
    let threshold = own.success_threshold.unwrap_or(0);
    if threshold != 1 {
        errors.push(FieldError::invalid(&path.child("successThreshold"), threshold, "must be 1"));
    }
}

/// `validateReadinessProbe`.
pub fn readiness(probe: Option<&Probe>, grace: Option<i64>, path: &Path, errors: &mut Errors) {
    let Some(own) = probe else { return };
    check_probe(own, grace, path, errors);
    if let Some(seconds) = own.termination_grace_period_seconds {
        let path = path.child("terminationGracePeriodSeconds");
        errors.push(FieldError::invalid(&path, seconds, "must not be set for readinessProbes"));
    }
}

fn check_probe(probe: &Probe, grace: Option<i64>, path: &Path, errors: &mut Errors) {
    let handler = Handler {
        exec: probe.exec.as_ref(),
        http_get: probe.http_get.as_ref(),
        tcp_socket: probe.tcp_socket.as_ref(),
        grpc: probe.grpc.as_ref(),
        sleep: None,
    };
    check_handler(&handler, grace, path, errors);
    for (name, value) in [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ] {
        nonnegative(i64::from(value.unwrap_or(0)), &path.child(name), errors);
    }
    if let Some(seconds) = probe.termination_grace_period_seconds
        && seconds <= 0
    {
        let path = path.child("terminationGracePeriodSeconds");
        errors.push(FieldError::invalid(&path, seconds, "must be greater than 0"));
    }
}

/// `validateLifecycle`.
pub fn lifecycle(lifecycle: &Lifecycle, grace: Option<i64>, path: &Path, errors: &mut Errors) {
    let mut hook = |hook: Option<&LifecycleHandler>, name: &str| {
        if let Some(hook) = hook {
            let handler = Handler {
                exec: hook.exec.as_ref(),
                http_get: hook.http_get.as_ref(),
                tcp_socket: hook.tcp_socket.as_ref(),
                grpc: None,
                sleep: hook.sleep.as_ref(),
            };
            check_handler(&handler, grace, &path.child(name), errors);
        }
    };
    hook(lifecycle.post_start.as_ref(), "postStart");
    hook(lifecycle.pre_stop.as_ref(), "preStop");
}

fn check_handler(handler: &Handler<'_>, grace: Option<i64>, path: &Path, errors: &mut Errors) {
    let mut found = false;
    // True for the first action; the others are one too many.
    let mut first = |name: &str, errors: &mut Errors| {
        if found {
            errors.push(FieldError::forbidden(&path.child(name), "may not specify more than 1 handler type"));
        }
        !std::mem::replace(&mut found, true)
    };
    if let Some(exec) = handler.exec
        && first("exec", errors)
        && items(&exec.command).is_empty()
    {
        errors.push(FieldError::required(&path.child("exec").child("command"), ""));
    }
    if let Some(http) = handler.http_get
        && first("httpGet", errors)
    {
        http_get(http, &path.child("httpGet"), errors);
    }
    if let Some(tcp) = handler.tcp_socket
        && first("tcpSocket", errors)
    {
        port_number_or_name(&tcp.port, &path.child("tcpSocket").child("port"), errors);
    }
    if let Some(grpc) = handler.grpc
        && first("grpc", errors)
    {
        port_number_or_name(&IntOrString::Int(grpc.port), &path.child("grpc").child("port"), errors);
    }
    if let Some(sleep) = handler.sleep
        && first("sleep", errors)
        && let Some(grace) = grace
        && (sleep.seconds < 0 || sleep.seconds > grace)
    {
        let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        errors.push(FieldError::invalid(&path.child("sleep"), sleep.seconds, &detail));
    }
    if !found {
        errors.push(FieldError::required(path, "must specify a handler type"));
    }
}

fn http_get(http: &HTTPGetAction, path: &Path, errors: &mut Errors) {
    if text(&http.path).is_empty() {
        errors.push(FieldError::required(&path.child("path"), ""));
    }
    port_number_or_name(&http.port, &path.child("port"), errors);
    let scheme = text(&http.scheme);
    if !matches!(scheme, "HTTP" | "HTTPS") {
        errors.push(FieldError::not_supported(&path.child("scheme"), scheme, &["HTTP", "HTTPS"]));
    }
    for header in items(&http.http_headers) {
        each(names::http_header_name(&header.name), &header.name, &path.child("httpHeaders"), errors);
    }
}

/// `ValidatePortNumOrName`.
pub fn port_number_or_name(port: &IntOrString, path: &Path, errors: &mut Errors) {
    match port {
        IntOrString::Int(number) => {
            for what in names::port_number(*number) {
                errors.push(FieldError::invalid(path, BadValue::from(*number), &what));
            }
        }
        IntOrString::String(name) => each(names::port_name(name), name, path, errors),
    }
}
