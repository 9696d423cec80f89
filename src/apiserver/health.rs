//! Health: `/livez`, `/readyz`, `/healthz`.
//!
//! Mirrors apiserver/pkg/server/healthz. Leaves out: most post-start hooks in the list of checks.

use crate::api::Request;

/// Every check, in the order they are reported; the last ones only by `readyz`.
const CHECKS: &[&str] = &[
    "ping",
    "log",
    "etcd",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/start-kubernetes-service-controller",
];
const READY_CHECKS: &[&str] = &["etcd-readiness", "informer-sync"];

/// The code and text of an answer.
pub fn report(endpoint: &str, check: &str, request: &Request, ready: bool, etcd: bool) -> (u16, String) {
    let excluded: Vec<&str> =
        request.query.iter().filter(|(name, _)| &**name == "exclude").map(|(_, value)| &**value).collect();
    let checks = CHECKS.iter().chain(if endpoint == "readyz" { READY_CHECKS } else { &[] });
    let passes = |name: &str| match name {
        "etcd" | "etcd-readiness" => etcd,
        "informer-sync" => ready,
        _ => true,
    };
    if !check.is_empty() {
        return match checks.copied().find(|name| *name == check) {
            None => (404, "404 page not found\n".to_owned()),
            Some(name) if passes(name) => (200, "ok".to_owned()),
            Some(_) => (500, "internal server error: reason withheld\n".to_owned()),
        };
    }
    let mut text = String::new();
    let mut failed = false;
    for name in checks.copied() {
        if excluded.contains(&name) {
            text.push_str(&format!("[+]{name} excluded: ok\n"));
        } else if passes(name) {
            text.push_str(&format!("[+]{name} ok\n"));
        } else {
            failed = true;
            text.push_str(&format!("[-]{name} failed: reason withheld\n"));
        }
    }
    if failed {
        return (500, format!("{text}{endpoint} check failed\n"));
    }
    let verbose = request.query.iter().any(|(name, _)| &**name == "verbose");
    if verbose { (200, format!("{text}{endpoint} check passed\n")) } else { (200, "ok".to_owned()) }
}
