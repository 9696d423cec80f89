//! Every kind by the real kubectl and by ours: columns, descriptions, and an apply that changes nothing.
//!
//! Where there is no kubectl this prints so and passes; everywhere else it runs.

#[path = "common/served.rs"]
mod served;

use served::{Served, compare, compare_reads, kubectl_is_there};

/// One of each kind that can be applied.
const KINDS: &str = r#"
apiVersion: v1
kind: Namespace
metadata: { name: team }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { a: b }
---
apiVersion: v1
kind: Secret
metadata: { name: secret }
stringData: { password: hush }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: robot }
---
apiVersion: v1
kind: LimitRange
metadata: { name: bounds }
spec:
  limits:
  - { type: Container, max: { cpu: "2", memory: 1Gi }, default: { cpu: 200m }, defaultRequest: { cpu: 100m } }
  - { type: Pod, max: { cpu: "4" } }
  - { type: PersistentVolumeClaim, min: { storage: 1Gi }, max: { storage: 10Gi } }
---
apiVersion: v1
kind: ResourceQuota
metadata: { name: quota }
spec:
  hard: { pods: "50", requests.cpu: "8", services: "20", count/deployments.apps: "10" }
---
apiVersion: v1
kind: ResourceQuota
metadata: { name: scoped }
spec:
  hard: { pods: "20" }
  scopes: [NotTerminating]
  scopeSelector:
    matchExpressions: [{ scopeName: PriorityClass, operator: In, values: [high] }]
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: { name: high }
value: 1000
description: For what matters.
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec:
  minAvailable: 1
  selector: { matchLabels: { app: web } }
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: part }
spec:
  maxUnavailable: 50%
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector: { matchExpressions: [{ key: app, operator: In, values: [web, set] }] }
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: fast }
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
reclaimPolicy: Retain
allowVolumeExpansion: true
mountOptions: [noatime]
parameters: { type: ssd }
---
apiVersion: storage.k8s.io/v1
kind: CSIDriver
metadata: { name: disk.example.com }
spec: { attachRequired: false, podInfoOnMount: true, volumeLifecycleModes: [Ephemeral] }
---
apiVersion: v1
kind: PersistentVolume
metadata: { name: local }
spec:
  capacity: { storage: 5Gi }
  accessModes: [ReadWriteOnce, ReadOnlyMany]
  storageClassName: fast
  persistentVolumeReclaimPolicy: Retain
  hostPath: { path: /tmp/local }
  nodeAffinity:
    required:
      nodeSelectorTerms:
      - matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [node-a, node-b] }]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data, labels: { app: web }, annotations: { note: mine } }
spec:
  accessModes: [ReadWriteOnce]
  resources: { requests: { storage: 2Gi } }
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: waiting }
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: fast
  resources: { requests: { storage: 2Gi } }
---
apiVersion: v1
kind: Pod
metadata: { name: alone }
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:1.36
    command: [sleep, "36000"]
    volumeMounts: [{ name: data, mountPath: /data }]
  volumes:
  - name: data
    persistentVolumeClaim: { claimName: data }
---
apiVersion: v1
kind: PodTemplate
metadata: { name: template }
template:
  metadata: { labels: { app: template } }
  spec: { containers: [{ name: main, image: "nginx:1.27" }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  type: NodePort
  sessionAffinity: ClientIP
  externalTrafficPolicy: Local
  ports:
  - { name: http, port: 80, targetPort: http, nodePort: 30080 }
  - { name: metrics, port: 9090, appProtocol: http }
---
apiVersion: v1
kind: Service
metadata: { name: headless, annotations: { note: none } }
spec: { clusterIP: None, selector: { app: set }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: balanced }
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: { app: web }
  loadBalancerSourceRanges: [10.0.0.0/8]
  ports: [{ port: 80 }]
---
apiVersion: v1
kind: Service
metadata: { name: outside }
spec: { type: ExternalName, externalName: example.com }
---
apiVersion: v1
kind: Service
metadata: { name: byhand }
spec: { ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Endpoints
metadata: { name: byhand }
subsets: [{ addresses: [{ ip: 10.0.0.9 }], ports: [{ port: 80, protocol: TCP }] }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: byhand-x, labels: { kubernetes.io/service-name: byhand } }
addressType: IPv4
endpoints: [{ addresses: [10.0.0.8], conditions: { ready: true } }]
ports: [{ name: "", port: 80, protocol: TCP }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: nginx, image: "nginx:1.27", ports: [{ name: http, containerPort: 80 }] }] }
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: { name: bare }
spec:
  replicas: 1
  selector: { matchLabels: { app: bare } }
  template:
    metadata: { labels: { app: bare } }
    spec: { containers: [{ name: nginx, image: "nginx:1.27" }] }
---
apiVersion: v1
kind: ReplicationController
metadata: { name: old }
spec:
  replicas: 1
  selector: { app: old }
  template:
    metadata: { labels: { app: old } }
    spec: { containers: [{ name: nginx, image: "nginx:1.27" }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: set }
spec:
  serviceName: headless
  replicas: 1
  minReadySeconds: 1
  updateStrategy: { type: RollingUpdate, rollingUpdate: { partition: 1 } }
  selector: { matchLabels: { app: set } }
  template:
    metadata: { labels: { app: set }, annotations: { note: one } }
    spec:
      serviceAccountName: robot
      containers:
      - { name: nginx, image: "nginx:1.27", volumeMounts: [{ name: www, mountPath: /www }] }
      volumes: [{ name: scratch, emptyDir: {} }]
  volumeClaimTemplates:
  - metadata: { name: www }
    spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  updateStrategy: { type: OnDelete }
  selector: { matchLabels: { app: agent } }
  template:
    metadata: { labels: { app: agent } }
    spec:
      nodeSelector: { kubernetes.io/hostname: node-a }
      containers: [{ name: agent, image: "nginx:1.27", env: [{ name: A, value: b }] }]
---
apiVersion: batch/v1
kind: Job
metadata: { name: once }
spec:
  completions: 2
  parallelism: 1
  backoffLimit: 2
  activeDeadlineSeconds: 600
  ttlSecondsAfterFinished: 36000
  template:
    spec: { restartPolicy: Never, containers: [{ name: main, image: "busybox:1.36", command: ["true"] }] }
---
apiVersion: batch/v1
kind: Job
metadata: { name: indexed }
spec:
  completions: 2
  parallelism: 2
  completionMode: Indexed
  backoffLimitPerIndex: 1
  suspend: true
  template:
    spec: { restartPolicy: Never, containers: [{ name: main, image: "busybox:1.36", command: ["true"] }] }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly }
spec:
  schedule: "0 3 * * *"
  timeZone: Etc/UTC
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 100
  jobTemplate:
    spec:
      template:
        spec: { restartPolicy: OnFailure, containers: [{ name: main, image: "busybox:1.36", args: [date] }] }
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: { name: lock }
spec: { holderIdentity: me, leaseDurationSeconds: 30 }
---
apiVersion: apps/v1
kind: ControllerRevision
metadata: { name: revision }
data: { a: b }
revision: 3
"#;

/// What is read of them.
const READS: &[&str] = &[
    "get configmaps,secrets,serviceaccounts,limitranges,resourcequotas",
    "get configmaps,secrets,serviceaccounts,limitranges,resourcequotas -o wide",
    "get priorityclasses",
    "get pc high -o yaml",
    "get pdb",
    "get pdb -o wide",
    "get sc,pv,pvc -o wide",
    "get csidrivers,csinodes,volumeattachments",
    "get podtemplates -o wide",
    "get services -o wide",
    "get endpoints",
    "get endpointslices -l kubernetes.io/service-name=byhand",
    "get deployments,replicasets,rc,sts,ds -o wide",
    "get jobs",
    "get jobs -o wide",
    "get cronjobs",
    "get cronjobs -o wide",
    "get leases lock",
    "get controllerrevisions revision",
    "get namespaces",
    "get quota quota -o yaml",
    "get limits bounds -o yaml",
    "get pdb web -o yaml",
    "get job once -o yaml",
    "get cj nightly -o yaml",
    "get pv local -o yaml",
    "get svc balanced -o yaml",
    "get secret secret -o yaml",
    "describe service web",
    "describe service headless",
    "describe service balanced",
    "describe service outside",
    "describe service byhand",
    "describe pdb",
    "describe quota",
    "describe limits",
    "describe pvc --show-events=false",
    "describe pvc data",
    "describe pv local",
    "describe sc",
    "describe sts set",
    "describe ds agent",
    "describe job once",
    "describe job indexed",
    "describe cronjob nightly",
    "describe rs bare",
    "describe rc old",
    "describe secret secret",
    "describe sa robot",
    "describe ns team",
    "describe ns default",
    "describe pc high",
    "describe endpoints byhand",
    "describe endpointslice byhand-x",
    "describe lease lock",
    "describe csidriver disk.example.com",
    "describe podtemplate template",
    "describe controllerrevision revision",
    "describe pod alone --show-events=false",
    // What goes wrong.
    "wait pod/alone",
    "wait pod/alone --for=foo",
    "create job j --from=pod/alone",
    "create job j --from=cronjob/none",
    "create service clusterip s --tcp=abc",
    "create service clusterip s --tcp=80:70000",
    "create service clusterip s --tcp=80:A_b",
    "create service clusterip s --tcp=70000",
    "create deployment x --image=a --replicas=-1 --dry-run=server",
    "annotate ds agent a=b a-",
    "label ds agent a=b a-",
    "patch ds agent --dry-run=client -p '{\"metadata\":{\"labels\":{\"a\":\"b\"}}}'",
    "patch ds agent --dry-run=client -p '{\"spec\":{\"minReadySeconds\":0}}'",
    "patch ds agent --dry-run=server -p '{\"metadata\":{\"labels\":{\"a\":\"b\"}}}'",
    "patch ds agent --type=merge --dry-run=server -p '{\"spec\":{\"nope\":1}}'",
    "rollout undo cronjob/nightly",
    "rollout undo pod/alone",
    "expose sts set --port=80",
    "taint node node-a a=b:NoSchedule a=c:NoSchedule",
    "taint nodes node-a x/y=z:NoExecute --dry-run=client",
    "taint nodes node-a x/y=z:NoExecute --dry-run=server",
    "set resources sts/set --limits=cpu=-1",
    "events --types=Foo",
    "get events --field-selector=foo=bar",
    "get pods -l 'a in'",
    "describe pods -l 'a in'",
    "delete pods -l 'a in'",
];

/// What an apply of the same file never leaves "unchanged", with any API server: a list that defaults were filled into is
/// replaced as a whole (of a LimitRange, of a StatefulSet's claims), and so is the selector of a budget; a Secret does not
/// give its `stringData` back; a pod was given a mount that stands among its own.
const ALWAYS_CONFIGURED: &[&str] = &[
    "limitrange/bounds",
    "pod/alone",
    "poddisruptionbudget.policy/part",
    "poddisruptionbudget.policy/web",
    "secret/secret",
    "statefulset.apps/set",
];

/// Drains without draining: each is run by both.
const DRAINS: &[&str] = &[
    "drain node-a --dry-run=client",
    "drain node-a --dry-run=client --ignore-daemonsets",
    "drain node-b --dry-run=client --ignore-daemonsets --force",
    "drain node-a --dry-run=client --ignore-daemonsets --force --delete-emptydir-data --pod-selector=app=agent",
    "drain node-a --dry-run=server --ignore-daemonsets --force --pod-selector=app=bare",
    // Two budgets guard these pods.
    "drain node-a --dry-run=server --ignore-daemonsets --pod-selector=app=web",
    "drain node-b --dry-run=server --ignore-daemonsets --pod-selector=app=web",
    "drain node-a --dry-run=client --pod-selector='!!'",
    "drain nothing --dry-run=client",
];

#[test]
fn every_kind_is_shown_and_applied_as_by_the_real_one() {
    if !kubectl_is_there() {
        return;
    }
    let served = Served::start();
    let (stdout, stderr, code) = served.real("apply -f -", KINDS);
    assert_eq!(code, 0, "{stdout}{stderr}");
    for line in [
        "rollout status deploy/web --timeout=60s",
        "rollout status sts/set --timeout=60s",
        "wait --for=condition=complete job/once --timeout=60s",
        "wait --for=condition=ready pod/alone --timeout=60s",
    ] {
        let (stdout, stderr, code) = served.real(line, "");
        assert_eq!(code, 0, "{stdout}{stderr}");
    }
    served.until("get pvc data -o jsonpath={.status.phase}", |phase| phase == "Bound");
    served.until("get quota quota -o jsonpath={.status.used.pods}", |used| !used.is_empty());
    let mut wrong = Vec::new();
    READS.iter().for_each(|line| compare_reads(&served, line, &mut wrong));
    DRAINS.iter().for_each(|line| compare_reads(&served, line, &mut wrong));
    let (real, ours) = (served.real("apply -f -", KINDS), served.ours("apply -f -", KINDS));
    let changed: Vec<&str> = real.0.lines().filter_map(|line| line.strip_suffix(" configured")).collect();
    let unchanged = real.0.lines().filter(|line| line.ends_with(" unchanged")).count();
    let mut expected = ALWAYS_CONFIGURED.to_vec();
    expected.sort_by_key(|what| real.0.find(what));
    assert_eq!(changed, expected, "{}{}", real.0, real.1);
    assert_eq!(changed.len() + unchanged, real.0.lines().count(), "{}", real.0);
    compare("apply -f - a second time", real, ours, &mut wrong);
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), READS.len() + DRAINS.len() + 1, wrong.join("\n"));
}

/// Pods with names that are known, one a node that its budget keeps, one without; two that do not heed SIGTERM.
const DRAINED: &str = r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: web }
spec:
  replicas: 3
  podManagementPolicy: Parallel
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers: [{ name: c, image: nginx }]
      volumes: [{ name: scratch, emptyDir: {} }]
---
apiVersion: v1
kind: Pod
metadata: { name: alone, labels: { app: alone } }
spec: { nodeName: node-a, containers: [{ name: c, image: nginx }] }
---
apiVersion: v1
kind: Pod
metadata: { name: real, labels: { app: slow, who: real } }
spec:
  nodeName: node-b
  containers: [{ name: c, image: busybox, command: [sh, -c, "trap '' TERM; while true; do sleep 1; done"] }]
---
apiVersion: v1
kind: Pod
metadata: { name: ours, labels: { app: slow, who: ours } }
spec:
  nodeName: node-b
  containers: [{ name: c, image: busybox, command: [sh, -c, "trap '' TERM; while true; do sleep 1; done"] }]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: { name: web }
spec: { minAvailable: 3, selector: { matchLabels: { app: web } } }
"#;

/// Drains that evict, delete, wait and give up. One that leaves a node without its pods is followed by what brings them
/// back, since both kubectls do it to the same cluster.
#[test]
fn drains_evict_as_by_the_real_one() {
    if !kubectl_is_there() {
        return;
    }
    let served = Served::start();
    let settled = || {
        let (_, stderr, code) = served.real("apply -f -", DRAINED);
        assert_eq!(code, 0, "{stderr}");
        for node in ["node-a", "node-b", "node-c"] {
            served.real(&format!("uncordon {node}"), "");
        }
        let (_, stderr, code) = served.real("rollout status sts/web --timeout=60s", "");
        assert_eq!(code, 0, "{stderr}");
        served.real("wait --for=condition=ready pod/alone pod/real pod/ours --timeout=60s", "");
    };
    settled();
    served.until("get pdb web -o jsonpath={.status.currentHealthy}", |healthy| healthy == "3");
    let node = served.real("get pod web-0 -o jsonpath={.spec.nodeName}", "").0;
    let web = format!("drain {node} --ignore-daemonsets --delete-emptydir-data --pod-selector=app=web");
    let slow = "drain node-b --pod-selector=who=WHO";
    let mut wrong = Vec::new();
    let mut both = |line: &str| {
        let real = served.real(&line.replace("WHO", "real"), "");
        settled();
        let mut ours = served.ours(&line.replace("WHO", "ours"), "");
        settled();
        (ours.0, ours.1) = (ours.0.replace("ours", "real"), ours.1.replace("ours", "real"));
        compare(line, real, ours, &mut wrong);
    };
    // The budget lets nothing go.
    both(&format!("{web} --timeout=6s"));
    both(&format!("{web} --disable-eviction=false --dry-run=server --timeout=6s"));
    both(&format!("{web} --disable-eviction --dry-run=server --timeout=2s"));
    both(&format!("{web} --disable-eviction --dry-run=client"));
    both(slow);
    both(&format!("{slow} --force --timeout=2s"));
    both(&format!("{slow} --force --disable-eviction --timeout=1s"));
    both("drain node-a --pod-selector=app=alone --force");
    both("drain node-a --pod-selector=app=alone --force --disable-eviction --grace-period=1");
    both("drain node-a nothing nothing2");
    both("cordon node-a nothing nothing2");
    both("cordon");
    both("drain");
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}
