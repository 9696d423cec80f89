//! Manifests that are refused, and the words: neighbours of the corpus's (`../shared/corpus/bad`) that it leaves out.
//!
//! `tests/refusals/*.txt` hold cases: `=== name`, the manifest, a line `----`, and standard error of
//! `kubectl apply -f -`. Those of `client.txt` were captured from kubectl v1.32.4 against this API server; those of
//! `server.txt` say what 1.36 says. Every one is checked twice, without a cluster (`kubectl::check`) and with one.

use std::time::Duration;

use kubarium::cluster::{Config, Session};
use kubarium::kubectl::check;

/// How many cases there are.
const CASES: usize = 31;

#[test]
fn manifests_are_refused_in_upstreams_words() {
    let mut session = Session::ready(Config::default());
    let (mut cases, mut wrong) = (0, Vec::new());
    for text in [include_str!("refusals/client.txt"), include_str!("refusals/server.txt")] {
        for case in text.split("=== ").skip(1) {
            let (name, rest) = case.split_once('\n').expect("a name");
            let (manifest, expected) = rest.split_once("----\n").expect("a manifest and what is said of it");
            cases += 1;
            let found = check(manifest).stderr;
            if found != expected {
                wrong.push(format!("{name}: the check says\n{found}and should say\n{expected}"));
            }
            let applied = session.kubectl("kubectl apply -f -", manifest, Duration::from_secs(60));
            if applied.stderr != expected || applied.code != Some(1) {
                wrong.push(format!("{name}: the cluster says\n{}and should say\n{expected}", applied.stderr));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(cases, CASES, "cases compared");
}

/// What has no name is sent nowhere: its path would be that of all objects of its kind.
#[test]
fn nothing_without_a_name_is_deleted_or_replaced() {
    let mut session = Session::ready(Config::default());
    let mut kubectl = |line: &str, stdin: &str| session.kubectl(line, stdin, Duration::from_secs(60));
    kubectl("kubectl run p --image=nginx", "");
    let nameless = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: c, image: i}]}\n";
    let deleted = kubectl("kubectl delete -f -", nameless);
    assert_eq!(deleted.stderr, "error: error when deleting \"STDIN\": resource name may not be empty\n");
    let replaced = kubectl("kubectl replace -f -", nameless);
    assert_eq!(replaced.stderr, "error: error when replacing \"STDIN\": resource name may not be empty\n");
    assert_eq!(kubectl("kubectl get pods -o name", "").stdout, "pod/p\n");
}

/// `094-env-duplicate` of the corpus, and a pod whose name is no label.
#[test]
fn what_is_odd_is_warned_of() {
    let mut session = Session::ready(Config::default());
    let mut kubectl = |line: &str, stdin: &str| session.kubectl(line, stdin, Duration::from_secs(60));
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: nginx, env: [{name: A, value: \"1\"}, {name: A, value: \"2\"}]}]}}}\n";
    let hidden = "Warning: spec.template.spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply\n";
    let applied = kubectl("kubectl apply -f -", deployment);
    assert_eq!((applied.stdout.as_str(), applied.stderr.as_str()), ("deployment.apps/web created\n", hidden));
    // Told again with every new generation, and only then.
    assert_eq!(kubectl("kubectl label deployment web a=b", "").stderr, "");
    assert_eq!(kubectl("kubectl scale deployment web --replicas=0", "").stderr, hidden);
    let dotted = "apiVersion: v1\nkind: Pod\nmetadata: {name: a.b}\nspec: {containers: [{name: c, image: nginx}]}\n";
    let pod = kubectl("kubectl apply -f -", dotted);
    assert_eq!(
        pod.stderr,
        "Warning: metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]\n"
    );
}

#[test]
fn pods_are_refused_for_what_they_ask_of_their_node() {
    let mut session = Session::ready(Config::default());
    let mut kubectl = |line: &str, stdin: &str| session.kubectl(line, stdin, Duration::from_secs(60));
    kubectl("kubectl label ns default pod-security.kubernetes.io/enforce=baseline", "");
    let privileged = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i, securityContext: {privileged: true}}]}\n";
    assert_eq!(
        kubectl("kubectl apply -f -", privileged).stderr,
        "Error from server (Forbidden): error when creating \"STDIN\": pods \"p\" is forbidden: violates PodSecurity \"baseline:latest\": privileged (container \"c\" must not set securityContext.privileged=true)\n"
    );
    assert_eq!(kubectl("kubectl run p --image=nginx", "").stdout, "pod/p created\n");
    let sandboxed = "apiVersion: v1\nkind: Pod\nmetadata: {name: q}\nspec: {runtimeClassName: kata, containers: [{name: c, image: i}]}\n";
    assert_eq!(
        kubectl("kubectl apply -f -", sandboxed).stderr,
        "Error from server (Forbidden): error when creating \"STDIN\": pods \"q\" is forbidden: pod rejected: RuntimeClass \"kata\" not found\n"
    );
}

/// Captured from kubectl v1.32.4 against this API server.
#[test]
fn commands_are_refused_in_kubectls_words() {
    let mut session = Session::ready(Config::default());
    for (line, expected) in [
        ("delete pods --all --selector=a=b", "setting 'all' parameter but found a non empty selector. "),
        (
            "expose svc kubernetes",
            "couldn't retrieve selectors via --selector flag or introspection: the service has no pod selector set",
        ),
        (
            "rollout history svc/kubernetes",
            "error retrieving history for \"Service\", no visitor method exists for { Service}",
        ),
        (
            "rollout undo svc/kubernetes",
            "error retrieving rollbacker for \"Service\", no visitor method exists for { Service}",
        ),
        ("run p --image=nginx --labels=a", "unexpected label spec: a"),
        (
            "set image svc/kubernetes a=b",
            "services/kubernetes the object is not a pod or does not have a pod template: *v1.Service",
        ),
        (
            "taint nodes node-a a=b:NoSchedule a-",
            "can not both modify and remove the following taint(s) in the same command: a=",
        ),
    ] {
        let said = session.kubectl(&format!("kubectl {line}"), "", Duration::from_secs(60));
        assert_eq!((said.stderr, said.code), (format!("error: {expected}\n"), Some(1)), "{line}");
    }
}
