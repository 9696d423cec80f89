//! The real kubectl against the served cluster, and beside ours: the same commands, the same text.
//!
//! Where there is no kubectl this prints so and passes; everywhere else it runs.

#[path = "common/served.rs"]
mod served;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use served::{Served, compare, compare_reads, kubectl_is_there};

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: nginx, image: 'nginx:1.27', ports: [{containerPort: 80}], resources: {requests: {cpu: 100m}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue}
";

#[test]
fn the_real_kubectl_works_on_the_served_cluster() {
    if !kubectl_is_there() {
        return;
    }
    let served = Served::start();
    let ok = |line: &str, stdin: &str| {
        let (stdout, stderr, code) = served.real(line, stdin);
        assert_eq!(code, 0, "kubectl {line}\n{stdout}{stderr}");
        stdout
    };
    assert!(ok("version", "").contains("Server Version: v1.36"));
    assert_eq!(ok("apply -f -", WEB), "deployment.apps/web created\nservice/web created\nconfigmap/settings created\n");
    assert!(ok("rollout status deployment/web --timeout=60s", "").ends_with("successfully rolled out\n"));
    assert_eq!(
        ok("apply -f -", WEB),
        "deployment.apps/web unchanged\nservice/web unchanged\nconfigmap/settings unchanged\n"
    );
    assert_eq!(ok("get pods -l app=web -o name", "").lines().count(), 3);
    assert_eq!(ok("get deployment web -o jsonpath={.status.readyReplicas}", ""), "3");
    assert!(ok("get pods -o wide", "").contains("node-"));
    assert!(ok("get nodes -o yaml", "").starts_with("apiVersion: v1\nitems:\n"));
    assert_eq!(ok("scale deployment web --replicas=5", ""), "deployment.apps/web scaled\n");
    assert!(
        ok("wait --for=jsonpath={.status.readyReplicas}=5 deployment/web --timeout=60s", "").contains("condition met")
    );
    assert_eq!(ok("set image deployment/web nginx=nginx:1.28", ""), "deployment.apps/web image updated\n");
    assert!(ok("rollout status deployment/web --timeout=120s", "").ends_with("successfully rolled out\n"));
    assert!(ok("rollout history deployment/web", "").contains("REVISION"));
    assert_eq!(ok("rollout undo deployment/web", ""), "deployment.apps/web rolled back\n");
    assert!(
        ok("patch deployment web --type=json -p '[{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":2}]'", "")
            .contains("patched")
    );
    assert!(
        ok("patch deployment web --type=merge -p '{\"metadata\":{\"labels\":{\"tier\":\"front\"}}}'", "")
            .contains("patched")
    );
    assert!(ok("patch deployment web -p '{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"nginx\",\"env\":[{\"name\":\"A\",\"value\":\"b\"}]}]}}}}'", "").contains("patched"));
    assert!(ok("describe deployment web", "").contains("ScalingReplicaSet"));
    assert!(ok("api-resources", "").contains("deployments"));
    assert!(ok("api-versions", "").contains("apps/v1"));
    assert_eq!(ok("create deployment other --image=nginx:1.27", ""), "deployment.apps/other created\n");
    served.until("logs deployment/other", |text| text.contains("start worker process"));
    assert_eq!(
        ok("delete deployment other web", ""),
        "deployment.apps \"other\" deleted\ndeployment.apps \"web\" deleted\n"
    );
    served.until("get pods -o name", str::is_empty);
    assert!(ok("get replicasets", "").is_empty(), "the garbage collector took them");
}

#[test]
fn a_watch_streams() {
    if !kubectl_is_there() {
        return;
    }
    let served = Served::start();
    let mut watch = Command::new("kubectl")
        .args(["get", "pods", "-w", "--no-headers"])
        .env("KUBECONFIG", &served.kubeconfig)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("kubectl was found before");
    let (stdout, stderr, code) = served.real("run one --image=nginx:1.27", "");
    assert_eq!((stdout.as_str(), code), ("pod/one created\n", 0), "{stderr}");
    let lines = BufReader::new(watch.stdout.take().expect("it was piped")).lines();
    let mut seen = Vec::new();
    for line in lines {
        let line = line.expect("kubectl prints text");
        let ended = line.contains("Running");
        seen.push(line.split_whitespace().nth(2).unwrap_or_default().to_owned());
        if ended {
            break;
        }
        assert!(seen.len() < 20, "it never ran: {seen:?}");
    }
    // It is this test's own child.
    let _ = watch.kill();
    let _ = watch.wait();
    seen.dedup();
    // The list that comes before the watch may already find the pod scheduled.
    let first = seen.len().saturating_sub(2);
    assert_eq!(seen[first..], ["ContainerCreating", "Running"], "{seen:?}");
}

/// Reading commands: both are run and must print the same.
const READS: &[&str] = &[
    "get deployments",
    "get deploy web -o wide",
    "get pods",
    "get pods -o wide",
    "get pods -o name",
    "get pods -A",
    "get pods -l app=web",
    "get pods -l app=nothing",
    "get pods --show-labels",
    "get pods -L app",
    "get pods --no-headers",
    "get pods,services",
    "get all",
    "get nodes",
    "get nodes -o wide",
    "get namespaces",
    "get ns default -o yaml",
    "get svc web -o yaml",
    "get svc web -o json",
    "get deployment web -o yaml",
    "get deployment web -o jsonpath={.spec.replicas}",
    "get configmap settings -o yaml",
    "get pods -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName",
    "get replicasets",
    "get serviceaccounts",
    "get secrets",
    "get pod nothing",
    "get gadgets",
    "get deployments/web services/web",
    "describe deployment web",
    "describe service web",
    "describe configmap settings",
    "describe node node-a",
    "describe pods",
    "describe replicasets",
    "describe pod nothing",
    "rollout status deployment/web",
    "rollout history deployment/web",
    "api-versions",
    "logs nothing",
    "scale deployment nothing --replicas=2",
    "delete pod nothing",
    "label pod nothing a=b",
    "frobnicate",
    "get",
    "get pods --frobnicate",
];

/// Writing commands: each is run by the real one and by ours on an object of its own, and the texts may
/// differ only in its name.
const WRITES: &[&str] = &[
    "create deployment NAME --image=nginx:1.27 --replicas=2",
    "create deployment NAME --image=nginx:1.27",
    "set image deployment/NAME nginx=nginx:1.28",
    "set image deployment/NAME nothing=nginx:1.28",
    "scale deployment NAME --replicas=3",
    "scale deployment NAME --current-replicas=9 --replicas=4",
    "label deployment NAME tier=front",
    "label deployment NAME tier=back",
    "label deployment NAME tier=back --overwrite",
    "label deployment NAME tier-",
    "annotate deployment NAME note='a b'",
    "annotate deployment NAME note-",
    "rollout restart deployment/NAME",
    "rollout pause deployment/NAME",
    "rollout pause deployment/NAME",
    "rollout resume deployment/NAME",
    "rollout undo deployment/NAME --to-revision=99",
    "get deployment NAME -o jsonpath='{.spec.template.spec.containers[*].image}'",
    "delete deployment NAME",
    "delete deployment NAME",
    "run NAME --image=busybox:1.36 --restart=Never -- sh -c 'echo hi'",
    "run NAME --image=busybox:1.36",
    "delete pod NAME --grace-period=1",
    "create namespace NAME",
    "create namespace NAME",
    "create configmap NAME --from-literal=a=b -n NAME",
    "delete namespace NAME",
    "run BAD_NAME --image=nginx",
];

#[test]
fn ours_prints_what_the_real_one_prints() {
    if !kubectl_is_there() {
        return;
    }
    let served = Served::start();
    let (stdout, stderr, code) = served.real("apply -f -", WEB);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let (stdout, stderr, code) = served.real("rollout status deployment/web --timeout=60s", "");
    assert_eq!(code, 0, "{stdout}{stderr}");
    let mut wrong = Vec::new();
    READS.iter().for_each(|line| compare_reads(&served, line, &mut wrong));
    for line in WRITES {
        let real = served.real(&line.replace("NAME", "made-by-real"), "");
        let ours = served.ours(&line.replace("NAME", "made-by-ours"), "");
        let same = |(stdout, stderr, code): (String, String, i32)| {
            (stdout.replace("made-by-real", "made-by-ours"), stderr.replace("made-by-real", "made-by-ours"), code)
        };
        compare(line, same(real), ours, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), READS.len() + WRITES.len(), wrong.join("\n"));
}

/// One set of each kind, with a claim.
const SETS: &str = r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: web }
spec:
  serviceName: nginx
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: nginx, image: "nginx:1.27", ports: [{ containerPort: 80 }] }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: kept }
spec:
  replicas: 0
  selector: { matchLabels: { app: kept } }
  template:
    metadata: { labels: { app: kept } }
    spec: { containers: [{ name: nginx, image: "nginx:1.27", volumeMounts: [{ name: www, mountPath: /www }] }] }
  volumeClaimTemplates:
  - metadata: { name: www, labels: { of: kept } }
    spec: { accessModes: [ReadWriteOnce], storageClassName: fast, resources: { requests: { storage: 1Gi } } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec:
      nodeSelector: { kubernetes.io/os: linux }
      tolerations: [{ operator: Exists }]
      containers: [{ name: agent, image: "nginx:1.27" }]
---
apiVersion: v1
kind: ReplicationController
metadata: { name: old }
spec:
  replicas: 2
  template:
    metadata: { labels: { app: old } }
    spec: { containers: [{ name: nginx, image: "nginx:1.27" }] }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec: { accessModes: [ReadWriteOnce, ReadOnlyMany], resources: { requests: { storage: 2Gi } } }
"#;

/// Commands on them: each is run by both and must print the same.
const ON_SETS: &[&str] = &[
    "get sts",
    "get statefulsets -o wide",
    "get statefulset web -o yaml",
    "get sts kept -o yaml",
    "get ds",
    "get daemonsets -o wide",
    "get daemonset agent -o yaml",
    "get rc",
    "get replicationcontrollers -o wide",
    "get rc old -o yaml",
    "get pvc",
    "get persistentvolumeclaims -o wide",
    "get pvc data -o yaml",
    "get controllerrevisions",
    "get all",
    "describe sts",
    "describe ds agent",
    "describe rc old",
    "describe pvc data --show-events=false",
    "get pv,pvc",
    "describe pv",
    "get sc,csinodes,csidrivers,volumeattachments -o wide",
    "describe sc standard",
    "describe csinode node-a",
    "describe csidriver",
    "rollout status sts/web",
    "rollout status ds/agent",
    "rollout status rc/old",
    "rollout history sts/web",
    "rollout history ds/agent",
    "rollout history ds/agent --revision=1",
    "rollout history sts/web --revision=7",
    "rollout history rc/old",
    "rollout undo sts/web",
    "rollout undo ds/agent --to-revision=9",
    "rollout pause sts/web",
    "rollout restart rc/old",
    "scale sts/web --replicas=2",
    "scale rc/old --replicas=2",
    "scale ds/agent --replicas=2",
];

#[test]
fn sets_are_printed_as_the_real_one_prints_them() {
    if !kubectl_is_there() {
        return;
    }
    let served = Served::start();
    let (stdout, stderr, code) = served.real("apply -f -", SETS);
    assert_eq!(code, 0, "{stdout}{stderr}");
    for set in ["sts/web", "ds/agent"] {
        let (stdout, stderr, code) = served.real(&format!("rollout status {set} --timeout=60s"), "");
        assert_eq!(code, 0, "{stdout}{stderr}");
    }
    let mut wrong = Vec::new();
    for line in ON_SETS {
        match line.split(' ').next() {
            Some("get" | "describe") => compare_reads(&served, line, &mut wrong),
            _ => compare(line, served.real(line, ""), served.ours(line, ""), &mut wrong),
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), ON_SETS.len(), wrong.join("\n"));
}

#[test]
fn the_real_kubectl_goes_on_where_a_kind_is_unknown() {
    if !kubectl_is_there() {
        return;
    }
    let served = Served::start();
    let refused = |line: &str, stdin: &str, wanted: &str| {
        let (stdout, stderr, code) = served.real(line, stdin);
        assert_eq!((stdout.as_str(), stderr.as_str(), code), ("", wanted, 1), "kubectl {line}");
    };
    for (api_version, kind) in [("v1", "Podd"), ("example.com/v1", "Gadget"), ("apps/v1", "Deploymentt")] {
        refused(
            "apply -f -",
            &format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x}}\n"),
            &format!(
                "error: resource mapping not found for name: \"x\" namespace: \"\" from \"STDIN\": no matches for kind \"{kind}\" in version \"{api_version}\"\nensure CRDs are installed first\n"
            ),
        );
    }
    let list = "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}, {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}]\n";
    let (stdout, stderr, code) = served.real("apply -f -", list);
    assert_eq!((stdout.as_str(), code), ("configmap/a created\nconfigmap/b created\n", 0), "{stderr}");
    let can = |line: &str| served.real(line, "").0;
    assert_eq!(can("auth can-i create pods"), "yes\n");
    assert!(can("auth can-i --list").contains("*.*"), "{}", can("auth can-i --list"));
    assert!(can("auth whoami").contains("kubernetes-admin"));
}

#[test]
fn what_the_real_kubectl_changes_of_a_pod_and_may_not() {
    if !kubectl_is_there() {
        return;
    }
    let served = Served::start();
    let said = |line: &str, stdin: &str| {
        let (stdout, stderr, _) = served.real(line, stdin);
        stdout + &stderr
    };
    assert_eq!(said("run web --image=nginx:1.27", ""), "pod/web created\n");
    served.until("get pod web -o jsonpath={.status.phase}", |phase| phase == "Running");
    assert!(said("logs web", "").contains("nginx/1.27."));
    assert_eq!(said("set image pod/web web=nginx:1.28", ""), "pod/web image updated\n");
    served.until("get pod web -o jsonpath={.status.containerStatuses[0].restartCount}", |count| count == "1");
    served.until("get pod web -o jsonpath={.status.containerStatuses[0].image}", |image| image.ends_with("nginx:1.28"));
    assert!(said("get events", "").contains("Container web definition changed, will be restarted"));
    assert_eq!(said("label pod web run-", ""), "pod/web unlabeled\n");
    let yaml = said("get pod web -o yaml", "");
    assert!(!yaml.contains("labels:") && !yaml.contains("[]"), "{yaml}");
    let invalid = "The request is invalid: the server rejected our request due to an error in our request\n".to_owned();
    for patch in [r#"[{"op":"test","path":"/spec/nodeName","value":"x"}]"#, r#"[{"op":"bogus"}]"#] {
        assert_eq!(said(&format!("patch pod web --type json -p '{patch}'"), ""), invalid);
    }
    assert_eq!(
        said("patch node node-a -p '{\"spec\":{\"podCIDR\":\"1.2.3.0/24\"}}'", ""),
        "The Node \"node-a\" is invalid: spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid\n"
    );
}
