//! Invocations: several at once, interrupted, refused, watching.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::api::Message;
use crate::kubectl::Diagnostic;

use super::fake::Fake;
use super::{Desk, check, given};

fn web() -> Fake {
    Fake::with(vec![given::object("Deployment/web", "", ""), given::object("Pod/p", "", "")])
}

#[test]
fn a_refused_connection_is_told_as_upstream_tells_it() {
    let mut desk = Desk::new(web());
    desk.kernel.stop(desk.server);
    let found = desk.run("get pods", "");
    let text = "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?\n";
    assert_eq!((found.stderr().as_str(), found.code), (text, Some(1)));
}

#[test]
fn a_watch_runs_beside_others_until_it_is_interrupted() {
    let mut desk = Desk::new(web());
    let watch = desk.begin("kubectl get pods -w", "");
    desk.pass(Duration::from_secs(1));
    let other = desk.run("get deploy web -o name", "");
    assert_eq!((other.stdout().as_str(), other.code), ("deployment.apps/web\n", Some(0)));
    let columns = json!([{"name": "Name", "format": "name", "priority": 0}, {"name": "Status", "priority": 0}]);
    for status in ["Pending", "Running"] {
        let table = json!({"kind": "Table", "columnDefinitions": columns,
            "rows": [{"cells": ["a-longer-name", status], "object": {"metadata": {"name": "q"}}}]});
        let event = Message::Control(Arc::from(format!("MODIFIED {table}")));
        desk.kernel.input(desk.server, "event", event);
        desk.pass(Duration::from_secs(1));
    }
    let checkpoint = desk.clone();
    for mut desk in [desk, checkpoint] {
        let text = "NAME   AGE\np      517d\na-longer-name   Pending\na-longer-name   Running\n";
        assert_eq!(desk.invocation(watch).stdout(), text);
        assert_eq!(desk.invocation(watch).code, None);
        desk.kernel.input(desk.kubectl, "^C", Message::Control(Arc::from(format!("interrupt {watch}"))));
        desk.pass(Duration::from_secs(1));
        assert_eq!(desk.invocation(watch).code, Some(130));
    }
}

#[test]
fn discovery_is_asked_for_once() {
    let mut desk = Desk::new(web());
    let requests = |found: &crate::kubectl::Invocation| {
        found.requests.iter().map(|made| format!("{} {}", made.method.as_str(), made.url)).collect::<Vec<String>>()
    };
    let first = desk.run("get deploy web -o yaml", "");
    let get = "GET /apis/apps/v1/namespaces/default/deployments/web";
    assert_eq!(requests(&first), ["GET /api", "GET /apis", get]);
    assert_eq!(requests(&desk.run("get deploy web -o yaml", "")), [get]);
    assert_eq!(first.requests[2].code, Some(200));
}

#[test]
fn applying_sends_what_upstream_sends() {
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: <v>\n";
    let mut desk = Desk::new(web());
    let created = desk.run("apply -f -", manifest);
    let urls: Vec<&str> = created.requests.iter().map(|made| &*made.url).collect();
    let object = "/api/v1/namespaces/default/configmaps/a";
    assert_eq!(urls[..5], ["/api", "/apis", "/openapi/v3", "/openapi/v3/api/v1", object]);
    let url = &created.requests[5].url;
    assert_eq!(
        &**url,
        "/api/v1/namespaces/default/configmaps?fieldManager=kubectl-client-side-apply&fieldValidation=Strict"
    );
    let stored = desk.fake().objects.last().expect("it was created").clone();
    assert_eq!(
        stored["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"],
        "{\"apiVersion\":\"v1\",\"data\":{\"k\":\"\\u003cv\\u003e\"},\"kind\":\"ConfigMap\",\"metadata\":{\"annotations\":{},\"name\":\"a\",\"namespace\":\"default\"}}\n"
    );
    let again = desk.run("apply -f -", manifest);
    assert_eq!(again.stdout(), "configmap/a unchanged\n");
    assert_eq!(again.requests.len(), 1);
    let changed = desk.run("apply -f -", &manifest.replace("k: <v>", "other: x"));
    assert_eq!(changed.stdout(), "configmap/a configured\n");
    let stored = desk.fake().objects.last().expect("it is there").clone();
    assert_eq!(stored["data"], json!({"other": "x"}));
}

#[test]
fn a_bad_document_is_shown_at_its_line() {
    let mut desk = Desk::new(web());
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ok\n---\napiVersion: v1\nkind: Bogus\nmetadata:\n  name: bad\n";
    let found = desk.run("apply -f -", text);
    assert_eq!(found.stdout(), "configmap/ok created\n");
    let Diagnostic { document, line, message } = &found.diagnostics[0];
    assert_eq!((*document, *line), (1, Some(6)), "{message}");
}

#[test]
fn a_followed_log_ends_with_its_stream() {
    let mut desk = Desk::new(web());
    let id = desk.begin("logs -f p --prefix", "");
    desk.pass(Duration::from_secs(1));
    for text in ["CHUNK one\ntw", "CHUNK o\n", "END ."] {
        desk.kernel.input(desk.server, "log", Message::Control(Arc::from(text)));
        desk.pass(Duration::from_secs(1));
    }
    assert_eq!(desk.invocation(id).stdout(), "[pod/p/c] one\n[pod/p/c] two\n");
    assert_eq!(desk.invocation(id).code, Some(0));
}

#[test]
fn waiting_ends_when_the_condition_is_met_or_the_time_is_over() {
    check(
        web(),
        "wait --for=condition=Ready pod/p --timeout=2s",
        "",
        "error: timed out waiting for the condition on pods/p\n",
        1,
    );
    check(web(), "wait --for=jsonpath='{.status.phase}'=Running pod/p", "pod/p condition met\n", "", 0);
}

#[test]
fn command_lines_are_checked_as_upstream_checks_them() {
    let wrong = |line, text| check(web(), line, "", text, 1);
    wrong("get pods --bogus", "error: unknown flag: --bogus\nSee 'kubectl get --help' for usage.\n");
    wrong("get -Z", "error: unknown shorthand flag: 'Z' in -Z\nSee 'kubectl get --help' for usage.\n");
    wrong("frobnicate", "error: unknown command \"frobnicate\" for \"kubectl\"\n");
    wrong("scale deploy web", "error: required flag(s) \"replicas\" not set\n");
    wrong(
        "scale deploy web --replicas=x",
        "error: invalid argument \"x\" for \"--replicas\" flag: strconv.ParseInt: parsing \"x\": invalid syntax\nSee 'kubectl scale --help' for usage.\n",
    );
    wrong("get pods -o 'jsonpath={.a'", "error: error parsing jsonpath {.a, unclosed action\n");
}
