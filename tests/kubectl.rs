//! The real kubectl against the served cluster, and beside ours: the same commands, the same text.
//!
//! Where there is no kubectl this prints so and passes; everywhere else it runs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How often [`Served::until`] asks, a tenth of a second apart at least.
const UNTIL_ATTEMPTS_MAX: u32 = 400;

/// A served cluster, ended when dropped.
struct Served {
    child: Child,
    address: String,
    /// Names the server, so that no flag has to stand before the verb.
    kubeconfig: std::path::PathBuf,
}

impl Served {
    fn start() -> Served {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubarium"))
            .args(["serve", "--listen", "127.0.0.1:0", "--speed", "4"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary was built for this test");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it listens");
        let address = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"))
            .unwrap_or_else(|| panic!("no address in {line:?}"))
            .to_owned();
        let kubeconfig = std::env::temp_dir().join(format!("kubarium-{}.kubeconfig", address.replace(':', "-")));
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "kubarium",
            "clusters": [{ "name": "kubarium", "cluster": { "server": format!("http://{address}") } }],
            "contexts": [{ "name": "kubarium", "context": { "cluster": "kubarium", "user": "" } }],
        });
        std::fs::write(&kubeconfig, text.to_string()).expect("the temporary folder can be written");
        Served { child, address, kubeconfig }
    }

    /// Runs the real kubectl: standard output, standard error, exit code.
    fn real(&self, line: &str, stdin: &str) -> (String, String, i32) {
        let mut child = Command::new("kubectl")
            .args(words(line))
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", std::env::temp_dir().join(format!("kubarium-kubectl-{}", std::process::id())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl was found before");
        child.stdin.take().expect("it was piped").write_all(stdin.as_bytes()).expect("kubectl reads or ends");
        let output = child.wait_with_output().expect("kubectl ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code().unwrap_or(-1))
    }

    /// Runs the cluster's own kubectl, through the host's door for it.
    fn ours(&self, line: &str, stdin: &str) -> (String, String, i32) {
        let body = serde_json::json!({ "line": line, "stdin": stdin }).to_string();
        let mut stream = std::net::TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out can be set");
        write!(
            stream,
            "POST /kubarium/kubectl HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .expect("it reads");
        let mut reader = BufReader::new(stream);
        let mut header = String::new();
        while !header.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut header).expect("it answers") > 0, "the answer ended early: {header}");
        }
        let value: serde_json::Value = serde_json::from_reader(reader).expect("it answers with JSON");
        let text = |name: &str| value[name].as_str().expect("the field is there").to_owned();
        (text("stdout"), text("stderr"), value["code"].as_i64().map_or(-1, |code| code as i32))
    }

    /// Waits until the real kubectl prints what `wanted` accepts.
    #[track_caller]
    fn until(&self, line: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        for _ in 0..UNTIL_ATTEMPTS_MAX {
            let (stdout, stderr, _) = self.real(line, "");
            if wanted(&stdout) {
                return stdout;
            }
            last = stdout + &stderr;
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("kubectl {line} never came to it: {last}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It is this test's own child; nothing is left to do if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}

/// Words of a line, single and double quotes kept together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, ' ') if word.is_empty() => {}
            (None, ' ') => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn kubectl_is_there() -> bool {
    let there =
        Command::new("kubectl").args(["version", "--client"]).output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: there is no kubectl on this machine");
    }
    there
}

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

/// Ages move on between two commands; everything else must be the same.
fn steady(text: &str) -> String {
    let is_age = |word: &str| {
        let word = word.trim_matches(|letter| "()".contains(letter));
        word.chars().next().is_some_and(|letter| letter.is_ascii_digit())
            && word.chars().last().is_some_and(|letter| "smhd".contains(letter))
            && word.chars().all(|letter| letter.is_ascii_digit() || "smhd".contains(letter))
    };
    text.lines()
        .map(|line| {
            if line.contains(" ago") || line.split_whitespace().any(is_age) {
                let words: Vec<&str> =
                    line.split_whitespace().map(|word| if is_age(word) { "AGE" } else { word }).collect();
                words.join(" ") + "\n"
            } else {
                format!("{line}\n")
            }
        })
        .collect()
}

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
    "describe pvc data",
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

/// How often a reading is tried: the cluster goes on between the two, and renews a lease, say. What is really different
/// stays different.
const TRIES: usize = 4;

fn compare_reads(served: &Served, line: &str, wrong: &mut Vec<String>) {
    let mut found = Vec::new();
    for _ in 0..TRIES {
        found.clear();
        compare(line, served.real(line, ""), served.ours(line, ""), &mut found);
        if found.is_empty() {
            return;
        }
    }
    wrong.append(&mut found);
}

/// Events of one second come in any order: kubectl sorts them by their date with an unstable sort.
fn events_sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let is_event = |line: &str| line.starts_with("Normal ") || line.starts_with("Warning ");
    for block in lines.chunk_by_mut(|a, b| is_event(a) && is_event(b)) {
        block.sort_unstable();
    }
    lines.join("\n")
}

fn compare(line: &str, real: (String, String, i32), ours: (String, String, i32), wrong: &mut Vec<String>) {
    // Some vendors' builds of kubectl print cobra's own "Error:" where upstream prints "error:".
    let stderr = match real.1.strip_prefix("Error: unknown ") {
        Some(rest) => format!("error: unknown {rest}"),
        None => real.1,
    };
    let real = (steady(&real.0), steady(&stderr), real.2);
    let ours = (steady(&ours.0), steady(&ours.1), ours.2);
    if events_sorted(&real.0) != events_sorted(&ours.0) || (&real.1, real.2) != (&ours.1, ours.2) {
        wrong.push(format!(
            "kubectl {line}\n--- real (exit {})\n{}{}--- ours (exit {})\n{}{}",
            real.2, real.0, real.1, ours.2, ours.0, ours.1
        ));
    }
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
