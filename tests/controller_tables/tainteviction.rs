//! Pods on tainted nodes: how long they may stay.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};
use serde_json::Value;

use kubarium::api::{Body, Kind, Object, Request, Typed};
use kubarium::controllers::tainteviction::tolerations::{self, Verdict, judge};
use kubarium::controllers::tainteviction::{READ, TaintEvictionController};
use kubarium::controllers::{Controller, Enqueue, Observed, Step, fake};

use super::tables::Table;

/// A list as the API has it.
pub fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    if value.is_null() { Vec::new() } else { serde_json::from_value(value.clone()).expect("a list as the API has it") }
}

/// The taints that drive pods out: the controller keeps no others.
fn no_execute(taints: &Value) -> Vec<Taint> {
    let mut taints: Vec<Taint> = list(taints);
    taints.retain(|taint| taint.effect == "NoExecute");
    taints
}

/// The seconds after which a pod goes; `None` for never.
fn seconds(taints: &[Taint], tolerations: &[Toleration]) -> Option<u64> {
    match judge(taints, tolerations) {
        _ if taints.is_empty() => None,
        Verdict::Never => None,
        Verdict::Now => Some(0),
        Verdict::After(seconds) => Some(seconds),
    }
}

pub fn toleration_times(table: &Table) {
    table.run(&["c"], |_, name, case, expect| {
        let used: Vec<Toleration> = list::<Option<i64>>(&case["tolerationSeconds"])
            .into_iter()
            .map(|seconds| Toleration { toleration_seconds: seconds, ..Toleration::default() })
            .collect();
        let got = tolerations::min_toleration_seconds(used.iter());
        // Upstream takes no toleration at all for none of its time.
        let got = if used.is_empty() { Some(0) } else { got };
        assert_eq!(got, expect["evictAfterSeconds"].as_i64(), "{name}");
    });
    table.run(&["d"], |_, name, case, expect| {
        let got = seconds(&no_execute(&case["taints"]), &list(&case["tolerations"]));
        assert_eq!(got, expect["evictAfterSeconds"].as_u64(), "{name}");
    });
}

/// A cluster of one node and one pod.
struct Bench {
    controller: TaintEvictionController,
    observed: Observed,
}

impl Bench {
    fn new() -> Self {
        Bench { controller: TaintEvictionController::default(), observed: fake::observed() }
    }

    fn see(&mut self, object: Object) -> Vec<Enqueue> {
        let old = self.observed.stores.insert(object.clone());
        let change = fake::change(old.as_deref(), Some(&object));
        self.controller.on_change(&change, &self.observed)
    }

    fn node(&mut self, taints: &Value) -> Vec<Enqueue> {
        let mut node = Node::default();
        node.metadata.name = Some("node-a".to_owned());
        node.spec.get_or_insert_default().taints = Some(list(taints));
        self.see(node.into_object())
    }

    fn pod(&mut self, tolerations: &Value) -> Vec<Enqueue> {
        let mut pod = Pod::default();
        pod.metadata.name = Some("web".to_owned());
        pod.metadata.namespace = Some("default".to_owned());
        pod.metadata.uid = Some("p".to_owned());
        let spec = pod.spec.get_or_insert_default();
        spec.node_name = Some("node-a".to_owned());
        spec.tolerations = Some(list(tolerations));
        self.see(pod.into_object())
    }

    /// Looks at every key; true when the pod is evicted, and the texts of the events.
    fn work(&mut self, wishes: &[Enqueue]) -> (bool, Vec<String>) {
        let (mut evicted, mut said) = (false, Vec::new());
        for wish in wishes {
            let plan = self.controller.reconcile(&fake::turn(&self.observed, wish.key.clone()));
            evicted |= plan.then == Some(READ);
            for step in &plan.steps {
                if let Step::Event(event) = step {
                    said.push(event.message.clone());
                }
            }
        }
        (evicted, said)
    }
}

pub fn sequences(table: &Table) {
    table.run(&["e"], |_, name, case, expect| {
        if let Some(pods) = case["pods"].as_object() {
            for (pod, tolerations) in pods {
                let got = seconds(&no_execute(&case["taints"]), &list(tolerations));
                assert_eq!(got, expect["evictAfterSeconds"][pod].as_u64(), "{name}: {pod}");
            }
            return;
        }
        // Taints that come and go on a node whose pod stays as it is, or the other way round.
        let (before, after) = (&case["before"], &case["after"]);
        let mut bench = Bench::new();
        let wishes = if case.get("taints").is_some() {
            bench.node(&case["taints"]);
            let wishes = bench.pod(before);
            bench.work(&wishes);
            bench.pod(after)
        } else {
            bench.pod(&case["tolerations"]);
            let wishes = bench.node(before);
            bench.work(&wishes);
            bench.node(after)
        };
        let (evicted, _) = bench.work(&wishes);
        let wanted = expect["evictedNow"] == true || expect["evicted"] == true;
        assert_eq!(evicted, wanted, "{name}");
    });
}

const FOREVER: &str = r#"[{"operator": "Exists"}]"#;
const A_WHILE: &str = r#"[{"key": "t", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]"#;
const TAINT: &str = r#"[{"key": "t", "effect": "NoExecute"}]"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn it_goes_when_its_time_is_up_and_says_so() {
    let mut bench = Bench::new();
    bench.pod(&json(A_WHILE));
    let wishes = bench.node(&json(TAINT));
    assert_eq!(bench.work(&wishes), (false, vec![]));
    bench.observed.now += Duration::from_secs(100);
    assert_eq!(bench.work(&wishes), (false, vec![]), "not yet");
    bench.observed.now += Duration::from_secs(200);
    let texts = vec!["Marking for deletion Pod default/web".to_owned()];
    assert_eq!(bench.work(&wishes), (true, texts));
    let plan = evicting(&mut bench, &wishes);
    assert_eq!(
        fake::lines(&plan),
        ["PATCH /api/v1/namespaces/default/pods/web/status", "DELETE /api/v1/namespaces/default/pods/web"]
    );
}

/// What the controller goes on to when the pod's time is up and it was read.
fn evicting(bench: &mut Bench, wishes: &[Enqueue]) -> kubarium::controllers::Plan {
    let mut turn = fake::turn(&bench.observed, wishes[0].key.clone());
    turn.phase = READ;
    let pod = bench.observed.stores.of(Kind::Pod).iter().next().map(|(_, pod)| pod.clone()).expect("the pod");
    turn.answers = vec![fake::answer(Request::get(pod.info(), "default", "web"), Body::Object(pod))];
    bench.controller.reconcile(&turn)
}

/// The conditions that an evicted pod is given, and the events about it: type, reason and message.
pub fn said() -> (Vec<Value>, Vec<(String, String, String)>) {
    let mut bench = Bench::new();
    bench.pod(&Value::Null);
    let wishes = bench.node(&json(TAINT));
    let mut events = Vec::new();
    let mut hear = |bench: &mut Bench, wishes: &[Enqueue]| {
        for wish in wishes {
            let plan = bench.controller.reconcile(&fake::turn(&bench.observed, wish.key.clone()));
            for step in &plan.steps {
                let Step::Event(event) = step else { continue };
                events.push((event.kind.as_str().to_owned(), event.reason.to_owned(), event.message.clone()));
            }
        }
    };
    hear(&mut bench, &wishes);
    // Another bench, whose node recovers before the pod's time is up.
    let mut spared = Bench::new();
    spared.pod(&json(A_WHILE));
    let noted = spared.node(&json(TAINT));
    hear(&mut spared, &noted);
    let noted = spared.node(&json("[]"));
    hear(&mut spared, &noted);
    let mut conditions = Vec::new();
    for write in fake::writes(&evicting(&mut bench, &wishes)) {
        if let Body::Json(patch) = &write.request.body {
            conditions.extend(patch["status"]["conditions"].as_array().into_iter().flatten().cloned());
        }
    }
    (conditions, events)
}

#[test]
fn a_node_that_recovers_keeps_its_pods() {
    let mut bench = Bench::new();
    bench.pod(&json(A_WHILE));
    let wishes = bench.node(&json(TAINT));
    bench.work(&wishes);
    let wishes = bench.node(&json("[]"));
    let texts = vec!["Cancelling deletion of Pod default/web".to_owned()];
    assert_eq!(bench.work(&wishes), (false, texts));
    bench.observed.now += Duration::from_secs(400);
    assert_eq!(bench.work(&wishes), (false, vec![]));
    bench.pod(&json(FOREVER));
    let wishes = bench.node(&json(TAINT));
    assert_eq!(bench.work(&wishes), (false, vec![]));
}
