//! Manifests of Kubernetes' own documentation come to the state that their tutorials promise.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;

use kubarium::api::Kind;
use kubarium::cluster::{Config, Session};

/// A file of `corpus/manifests`, how many simulated seconds it may take, and what `kubectl wait` is told to wait for;
/// or a line of kubectl that ends well. Other lines stand before it, each with a `;`: they are typed before the file is
/// applied where they begin with `^`, otherwise after.
struct Row(&'static str, u32, &'static str);

/// The message of a pod that no node takes.
const UNSCHEDULABLE: &str = "'--for=jsonpath={.status.conditions[?(@.type==\"PodScheduled\")].message}'";

/// By file. One line a row.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row("k8s-examples/_archived/volumes/glusterfs/glusterfs-endpoints.yaml", 30, "^kubectl create service clusterip glusterfs-cluster --tcp=1; ^kubectl patch service glusterfs-cluster --type=json '-p=[{\"op\":\"remove\",\"path\":\"/spec/selector\"}]'; endpointslice -l endpointslice.kubernetes.io/managed-by=endpointslicemirroring-controller.k8s.io --for=jsonpath={.endpoints[1].addresses[0]}=10.240.79.157"),
    Row("k8s-examples/web/guestbook-go/guestbook-controller.yaml", 60, "rc/guestbook --for=jsonpath={.status.readyReplicas}=3"),
    Row("k8s-examples/web/guestbook/all-in-one/guestbook-all-in-one.yaml", 90, "endpointslice -l kubernetes.io/service-name=frontend --for=jsonpath={.endpoints[2].conditions.ready}=true"),
    Row("k8s-examples/web/guestbook/legacy/redis-master-controller.yaml", 60, "rc/redis-master --for=jsonpath={.status.readyReplicas}=1"),
    Row("k8s-examples/web/guestbook/legacy/redis-replica-controller.yaml", 60, "rc/redis-replica --for=jsonpath={.status.readyReplicas}=2"),
    Row("k8s-examples/_archived/storage/minio/minio-standalone-pvc.yaml", 60, "pvc/minio-pv-claim --for=jsonpath={.status.phase}=Pending"),
    Row("k8s-examples/databases/cassandra/cassandra-statefulset.yaml", 60, "pvc/cassandra-data-cassandra-0 --for=jsonpath={.status.phase}=Pending"),
    Row("k8s-website/admin/dns/busybox.yaml", 60, "pod/busybox --for=condition=Ready"),
    Row("k8s-website/admin/dns/dnsutils.yaml", 60, "pod/dnsutils --for=condition=Ready"),
    Row("k8s-website/admin/logging/two-files-counter-pod-streaming-sidecar.yaml", 60, "pod/counter --for=condition=Ready"),
    Row("k8s-website/admin/namespace-dev.yaml", 10, "namespace/development --for=jsonpath={.status.phase}=Active"),
    Row("k8s-website/admin/namespace-prod.yaml", 10, "namespace/production --for=jsonpath={.status.phase}=Active"),
    Row("k8s-website/admin/sched/pod3.yaml", 30, "pod/annotation-second-scheduler --for=jsonpath={.status.phase}=Pending"),
    Row("k8s-website/admin/snowflake-deployment.yaml", 60, "deployment/snowflake --for=condition=Available"),
    Row("k8s-website/application/deployment-patch.yaml", 60, "deployment/patch-demo --for=condition=Available"),
    Row("k8s-website/application/deployment-update.yaml", 60, "deployment/nginx-deployment --for=jsonpath={.status.readyReplicas}=2"),
    Row("k8s-website/application/guestbook/frontend-deployment.yaml", 60, "deployment/frontend --for=jsonpath={.status.readyReplicas}=3"),
    Row("k8s-website/application/guestbook/redis-leader-deployment.yaml", 60, "deployment/redis-leader --for=condition=Available"),
    Row("k8s-website/application/job/cronjob.yaml", 120, "cronjob/hello --for=jsonpath={.status.lastSuccessfulTime}"),
    Row("k8s-website/application/job/cronjob.yaml", 90, "kubectl create job hello-now --from=cronjob/hello; job/hello-now --for=condition=Complete"),
    Row("k8s-website/application/job/job-sidecar.yaml", 120, "job/myjob --for=condition=Complete"),
    Row("k8s-website/application/job/rabbitmq/rabbitmq-statefulset.yaml", 120, "statefulset/rabbitmq --for=jsonpath={.status.readyReplicas}=1"),
    Row("k8s-website/application/job/rabbitmq/rabbitmq-statefulset.yaml", 120, "kubectl rollout status sts/rabbitmq"),
    Row("k8s-website/application/mongodb/mongo-deployment.yaml", 90, "deployment/mongo --for=condition=Available"),
    Row("k8s-website/application/mysql/mysql-services.yaml", 10, "kubectl get endpoints mysql mysql-read"),
    Row("k8s-website/application/mysql/mysql-services.yaml", 10, "endpointslice -l kubernetes.io/service-name=mysql-read --for=jsonpath={.addressType}=IPv4"),
    Row("k8s-website/application/shell-demo.yaml", 60, "pod/shell-demo --for=condition=Ready"),
    Row("k8s-website/application/ssa/nginx-deployment-no-replicas.yaml", 60, "deployment/nginx-deployment --for=condition=Available"),
    Row("k8s-website/application/ssa/nginx-deployment.yaml", 60, "deployment/nginx-deployment --for=jsonpath={.status.readyReplicas}=1"),
    Row("k8s-website/application/update_deployment.yaml", 60, "deployment/nginx-deployment --for=jsonpath={.status.availableReplicas}=1"),
    Row("k8s-website/application/web/web-parallel.yaml", 90, "statefulset/web --for=jsonpath={.status.readyReplicas}=2"),
    Row("k8s-website/application/web/web-parallel.yaml", 90, "kubectl rollout status sts/web --timeout=60s; kubectl delete pod web-0; kubectl rollout status sts/web --timeout=60s; pvc/www-web-0 pvc/www-web-1 --for=jsonpath={.status.phase}=Bound"),
    Row("k8s-website/application/wordpress/wordpress-deployment.yaml", 120, "^kubectl create secret generic mysql-pass --from-literal=password=x; deployment/wordpress --for=condition=Available"),
    Row("k8s-website/application/zookeeper/zookeeper.yaml", 60, "kubectl wait sts/zk --for=jsonpath={.status.replicas}=1 --timeout=30s; pvc/datadir-zk-0 --for=jsonpath={.status.phase}=Bound"),
    Row("k8s-website/application/zookeeper/zookeeper.yaml", 180, "kubectl rollout status sts/zk --timeout=150s; pvc/datadir-zk-0 pvc/datadir-zk-1 pvc/datadir-zk-2 --for=jsonpath={.status.phase}=Bound"),
    Row("k8s-website/controllers/fluentd-daemonset.yaml", 90, "-n kube-system daemonset/fluentd-elasticsearch --for=jsonpath={.status.numberReady}=3"),
    Row("k8s-website/controllers/fluentd-daemonset.yaml", 120, "kubectl -n kube-system rollout status ds/fluentd-elasticsearch; kubectl -n kube-system rollout restart ds/fluentd-elasticsearch; kubectl -n kube-system rollout status ds/fluentd-elasticsearch"),
    Row("k8s-website/controllers/job-pod-failure-policy-example.yaml", 90, "job/job-pod-failure-policy-example --for=condition=Failed"),
    Row("k8s-website/controllers/job-pod-failure-policy-failjob.yaml", 120, "job/job-pod-failure-policy-failjob --for=condition=Failed"),
    Row("k8s-website/controllers/job-pod-failure-policy-ignore.yaml", 300, "job/job-pod-failure-policy-ignore --for=condition=Complete"),
    Row("k8s-website/controllers/nginx-deployment.yaml", 60, "deployment/nginx-deployment --for=jsonpath={.status.availableReplicas}=3"),
    Row("k8s-website/controllers/nginx-deployment.yaml", 60, "kubectl set image deployment/nginx-deployment nginx=nginx:1.16.1; kubectl rollout status deployment/nginx-deployment"),
    Row("k8s-website/controllers/replication-nginx-1.14.2.yaml", 60, "rc/my-nginx --for=jsonpath={.status.readyReplicas}=5"),
    Row("k8s-website/controllers/replication-nginx-1.14.2.yaml", 60, "kubectl scale rc my-nginx --replicas=2; rc/my-nginx --for=jsonpath={.status.replicas}=2"),
    Row("k8s-website/pods/config/redis-pod.yaml", 60, "^kubectl create configmap example-redis-config --from-literal=redis-config=; pod/redis --for=condition=Ready"),
    Row("k8s-website/pods/inject/dapi-envars-pod.yaml", 60, "pod/dapi-envars-fieldref --for=condition=Ready"),
    Row("k8s-website/pods/inject/dapi-volume.yaml", 60, "pod/kubernetes-downwardapi-volume-example --for=condition=Ready"),
    Row("k8s-website/pods/inject/dependent-envars.yaml", 60, "pod/dependent-envars-demo --for=condition=Ready"),
    Row("k8s-website/pods/lifecycle-events.yaml", 60, "pod/lifecycle-demo --for=condition=Ready"),
    Row("k8s-website/pods/pod-configmap-envFrom.yaml", 60, "^kubectl create configmap special-config --from-literal=SPECIAL_LEVEL=very; pod/dapi-test-pod --for=jsonpath={.status.phase}=Succeeded"),
    Row("k8s-website/pods/pod-nginx-preferred-affinity.yaml", 60, "pod/nginx --for=condition=Ready"),
    Row("k8s-website/pods/pod-nginx-required-affinity.yaml", 10, "pod/nginx {unschedulable}='0/3 nodes are available: 3 node(s) didn'\"'\"'t match Pod'\"'\"'s node affinity/selector. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'"),
    Row("k8s-website/pods/pod-nginx-required-affinity.yaml", 60, "kubectl label node node-b disktype=ssd; pod/nginx --for=condition=Ready"),
    Row("k8s-website/pods/pod-nginx-specific-node.yaml", 10, "pod/nginx --for=jsonpath={.spec.nodeName}=foo-node"),
    Row("k8s-website/pods/pod-projected-svc-token.yaml", 60, "^kubectl create serviceaccount build-robot; pod/nginx --for=condition=Ready"),
    Row("k8s-website/pods/pod-rs.yaml", 60, "pod/pod1 pod/pod2 --for=condition=Ready"),
    Row("k8s-website/pods/pod-single-configmap-env-variable.yaml", 60, "^kubectl create configmap special-config --from-literal=special.how=very; pod/dapi-test-pod --for=jsonpath={.status.phase}=Succeeded"),
    Row("k8s-website/pods/pod-with-affinity-preferred-weight.yaml", 60, "kubectl label nodes --all kubernetes.io/os=linux --overwrite; pod/with-affinity-preferred-weight --for=condition=Ready"),
    Row("k8s-website/pods/pod-with-node-affinity.yaml", 10, "pod/with-node-affinity {unschedulable}='0/3 nodes are available: 3 node(s) didn'\"'\"'t match Pod'\"'\"'s node affinity/selector. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'"),
    Row("k8s-website/pods/pod-with-node-affinity.yaml", 60, "kubectl label node node-c topology.kubernetes.io/zone=antarctica-east1; pod/with-node-affinity --for=condition=Ready"),
    Row("k8s-website/pods/pod-with-pod-affinity.yaml", 10, "pod/with-pod-affinity {unschedulable}='0/3 nodes are available: 3 node(s) didn'\"'\"'t match pod affinity rules. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'"),
    Row("k8s-website/pods/pod-with-pod-affinity.yaml", 60, "^kubectl label nodes --all topology.kubernetes.io/zone=V; ^kubectl run friend --image=nginx --labels=security=S1; pod/with-pod-affinity --for=condition=Ready"),
    Row("k8s-website/pods/pod-with-scheduling-gates.yaml", 10, "pod/test-pod '--for=jsonpath={.status.conditions[?(@.type==\"PodScheduled\")].reason}'=SchedulingGated"),
    Row("k8s-website/pods/pod-with-scheduling-gates.yaml", 60, "kubectl patch pod test-pod --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/schedulingGates\"}]'; pod/test-pod --for=condition=Ready"),
    Row("k8s-website/pods/probe/exec-liveness.yaml", 120, "pod/liveness-exec --for=jsonpath={.status.containerStatuses[0].restartCount}=1"),
    Row("k8s-website/pods/probe/http-liveness.yaml", 120, "pod/liveness-http --for=jsonpath={.status.containerStatuses[0].restartCount}=1"),
    Row("k8s-website/pods/probe/pod-with-http-healthcheck.yaml", 120, "pod/pod-with-http-healthcheck --for=jsonpath={.status.containerStatuses[0].restartCount}=1"),
    Row("k8s-website/pods/resource/extended-resource-pod.yaml", 10, "pod/extended-resource-demo {unschedulable}='0/3 nodes are available: 3 Insufficient example.com/dongle. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'"),
    Row("k8s-website/pods/resource/memory-request-limit-3.yaml", 10, "^kubectl create namespace mem-example; -n mem-example pod/memory-demo-3 {unschedulable}='0/3 nodes are available: 3 Insufficient memory. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'"),
    Row("k8s-website/pods/simple-pod.yaml", 60, "pod/nginx --for=condition=Ready"),
    Row("k8s-website/pods/storage/pv-volume.yaml", 10, "pv/task-pv-volume --for=jsonpath={.status.phase}=Available"),
    Row("k8s-website/pods/storage/redis.yaml", 60, "pod/redis --for=condition=Ready"),
    Row("k8s-website/pods/topology-spread-constraints/two-constraints.yaml", 10, "pod/mypod {unschedulable}='0/3 nodes are available: 3 node(s) didn'\"'\"'t match pod topology spread constraints (missing required label). no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'"),
    Row("k8s-website/pods/topology-spread-constraints/two-constraints.yaml", 60, "kubectl label nodes --all zone=zoneA node=node1; pod/mypod --for=condition=Ready"),
    Row("k8s-website/service/access/backend-deployment.yaml", 60, "deployment/backend --for=jsonpath={.status.readyReplicas}=3"),
    Row("k8s-website/service/access/frontend-deployment.yaml", 60, "deployment/frontend --for=condition=Available"),
    Row("k8s-website/service/explore-graceful-termination-nginx.yaml", 60, "^kubectl create deployment nginx --image=nginx --replicas=2; endpointslice -l kubernetes.io/service-name=nginx-service --for=jsonpath={.endpoints[1].conditions.serving}=true"),
    Row("k8s-website/service/nginx-service.yaml", 60, "^kubectl create deployment nginx --image=nginx --replicas=3; endpointslice -l kubernetes.io/service-name=nginx-service --for=jsonpath={.endpoints[2].conditions.ready}=true"),
    Row("k8s-website/service/networking/curlpod.yaml", 90, "^kubectl create secret generic nginxsecret --from-literal=tls.crt=x; deployment/curl-deployment --for=condition=Available"),
    Row("k8s-website/storage/storageclass-low-latency.yaml", 10, "kubectl get sc low-latency"),
    Row("k8s-website/storage/storageclass/storageclass-azure-file.yaml", 10, "kubectl get sc azurefile"),
    Row("kube-state-metrics/tests/manifests/persistentvolume.yaml", 10, "pv/persistentvolume --for=jsonpath={.status.phase}=Available"),
];

fn manifests() -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("KUBARIUM_CORPUS").map(PathBuf::from);
    let places = [home.join("../shared/corpus"), home.join("../../shared/corpus")];
    let corpus = named.or_else(|| places.into_iter().find(|place| place.is_dir()));
    corpus.expect("the corpus lies in ../shared or ../../shared, or where KUBARIUM_CORPUS says").join("manifests")
}

/// Why a row does not come true.
fn failure(Row(file, seconds, course): &Row) -> Option<String> {
    let path = manifests().join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut session = Session::ready(Config::default());
    let course = course.replace("{unschedulable}", UNSCHEDULABLE);
    let mut lines: Vec<&str> = course.split("; ").collect();
    let condition = lines.pop().expect("a course has a last line");
    let end = |seconds: u32| match condition.strip_prefix("kubectl ") {
        Some(_) => condition.to_owned(),
        None => format!("kubectl wait {condition} --timeout={seconds}s"),
    };
    let limit = Duration::from_secs(u64::from(*seconds) + 30);
    for line in lines.iter().filter_map(|line| line.strip_prefix('^')) {
        let done = session.kubectl(line, "", limit);
        if done.code != Some(0) {
            return Some(format!("`{line}` gave {}", done.stderr));
        }
    }
    if session.kubectl(&end(1), "", limit).code == Some(0) {
        return Some("it is true before anything is applied".to_owned());
    }
    let applied = session.kubectl("kubectl apply -f -", &text, limit);
    if applied.code != Some(0) {
        return Some(format!("applying it gave {:?} {}", applied.code, applied.stderr));
    }
    for line in lines.iter().filter(|line| !line.starts_with('^')) {
        let done = session.kubectl(line, "", limit);
        if done.code != Some(0) {
            return Some(format!("`{line}` gave {}", done.stderr));
        }
    }
    let done = session.kubectl(&end(*seconds), "", limit);
    if done.code == Some(0) {
        return None;
    }
    let object = condition.split(' ').find(|word| word.contains('/')).unwrap_or_default();
    let show = session.kubectl(&format!("kubectl describe {object}"), "", limit);
    Some(format!("`{}` gave {}{}\n{}", end(*seconds), done.stdout, done.stderr, show.stdout))
}

#[test]
fn tutorials_come_to_their_end() {
    let missed: Vec<String> = ROWS.iter().filter_map(|row| Some(format!("{}: {}", row.0, failure(row)?))).collect();
    println!("{} of {}", ROWS.len() - missed.len(), ROWS.len());
    assert!(missed.is_empty(), "{} of {}; missed:\n{}", ROWS.len() - missed.len(), ROWS.len(), missed.join("\n"));
}

/// As the tutorial `StatefulSet Basics` has it, without its claims.
const WEB: &str = r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: web }
spec:
  serviceName: nginx
  replicas: 3
  selector: { matchLabels: { app: nginx } }
  template:
    metadata: { labels: { app: nginx } }
    spec:
      terminationGracePeriodSeconds: 10
      containers: [{ name: nginx, image: "registry.k8s.io/nginx-slim:0.24" }]
"#;

/// The phase and readiness of every pod of a set, by name, at every tenth of a second.
fn watched(session: &mut Session, seconds: u64) -> Vec<Vec<(String, bool)>> {
    let mut seen = Vec::new();
    for _ in 0..seconds * 10 {
        session.run_until(session.now() + Duration::from_millis(100));
        let pods = session.objects(Kind::Pod);
        let ready = |pod: &Pod| {
            let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
            conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
        };
        seen.push(pods.iter().map(|pod| (pod.name().to_owned(), ready(pod.expect()))).collect());
    }
    seen
}

#[test]
fn an_ordered_set_makes_and_unmakes_its_pods_one_after_another() {
    let mut session = Session::ready(Config::default());
    let limit = Duration::from_secs(30);
    session.kubectl("kubectl apply -f -", WEB, limit);
    let names = ["web-0", "web-1", "web-2"];
    for pods in watched(&mut session, 30) {
        for (place, (name, _)) in pods.iter().enumerate() {
            assert_eq!(name, names[place], "no ordinal is skipped: {pods:?}");
            assert!(pods[..place].iter().all(|(_, ready)| *ready), "{name} before the others are ready: {pods:?}");
        }
    }
    assert_eq!(session.objects(Kind::Pod).len(), 3);
    session.kubectl("kubectl scale sts web --replicas=1", "", limit);
    let counts: Vec<usize> = watched(&mut session, 60).iter().map(Vec::len).collect();
    assert!(counts.windows(2).all(|pair| pair[0] == pair[1] || pair[0] == pair[1] + 1), "one at a time: {counts:?}");
    let left = session.objects(Kind::Pod);
    assert_eq!(left.iter().map(|pod| pod.name().to_owned()).collect::<Vec<_>>(), ["web-0"]);
    session.kubectl("kubectl set image sts/web nginx=registry.k8s.io/nginx-slim:0.27", "", limit);
    let done = session.kubectl("kubectl rollout status sts/web", "", Duration::from_secs(120));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    session.kubectl("kubectl rollout undo sts/web", "", limit);
    let done = session.kubectl("kubectl rollout status sts/web", "", Duration::from_secs(120));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let history = session.kubectl("kubectl rollout history sts/web", "", limit);
    assert!(history.stdout.contains("2         <none>\n3         <none>"), "{}", history.stdout);
    session.kubectl("kubectl delete sts web --cascade=orphan", "", limit);
    session.run_until(session.now() + Duration::from_secs(5));
    assert!(session.objects(Kind::StatefulSet).is_empty());
    let pods = session.objects(Kind::Pod);
    assert!(pods.len() == 1 && pods[0].meta().owner_references.is_none(), "the pod stays, and is nobody's");
}

/// The part of the ZooKeeper tutorial that survives maintenance: one pod a node, a budget of one, drains.
#[test]
fn a_drain_waits_for_the_ensembles_budget() {
    let text =
        fs::read_to_string(manifests().join("k8s-website/application/zookeeper/zookeeper.yaml")).expect("it is there");
    let mut session = Session::ready(Config { nodes: 4, ..Config::default() });
    let limit = Duration::from_secs(300);
    let mut kubectl = |line: &str, stdin: &str| session.kubectl(&format!("kubectl {line}"), stdin, limit);
    assert_eq!(kubectl("apply -f -", &text).code, Some(0));
    let rolled = kubectl("rollout status sts/zk --timeout=150s", "");
    assert_eq!(rolled.code, Some(0), "{}{}", rolled.stdout, rolled.stderr);
    let mut node = |pod: &str| kubectl(&format!("get pod {pod} -o jsonpath={{.spec.nodeName}}"), "").stdout;
    let nodes = ["zk-0", "zk-1", "zk-2"].map(&mut node);
    assert!(nodes[0] != nodes[1] && nodes[1] != nodes[2] && nodes[0] != nodes[2], "{nodes:?}");
    let drain = |node: &str| format!("drain {node} --force --ignore-daemonsets --delete-emptydir-data --timeout=60s");
    // The first finds the fourth node; the second finds none, which the budget then protects from a third.
    let done = kubectl(&drain(&nodes[0]), "");
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert_eq!(kubectl("rollout status sts/zk --timeout=100s", "").code, Some(0));
    assert_eq!(kubectl(&drain(&nodes[1]), "").code, Some(0));
    let refused = kubectl(&drain(&nodes[2]), "");
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("Cannot evict pod as it would violate the pod's disruption budget."),
        "{}",
        refused.stderr
    );
    let pending = kubectl("get pods -l app=zk --field-selector=status.phase=Pending -o name", "");
    assert_eq!(pending.stdout, "pod/zk-1\n", "it has nowhere to go");
    assert_eq!(kubectl(&format!("uncordon {}", nodes[0]), "").code, Some(0));
    assert_eq!(kubectl("rollout status sts/zk --timeout=100s", "").code, Some(0));
}
