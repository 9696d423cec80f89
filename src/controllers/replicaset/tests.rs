use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodCondition, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::*;
use crate::api::{Method, ObjectKey, Reason, Typed, time};
use crate::controllers::{fake, owners};

/// A pod that is ready on a node.
fn pod(name: &str) -> Pod {
    let mut pod = Pod::default();
    pod.metadata.name = Some(name.to_owned());
    pod.metadata.namespace = Some("default".to_owned());
    pod.spec.get_or_insert_default().node_name = Some("node-a".to_owned());
    let status = pod.status.get_or_insert_default();
    status.phase = Some("Running".to_owned());
    let ready = PodCondition { type_: "Ready".to_owned(), status: "True".to_owned(), ..PodCondition::default() };
    status.conditions = Some(vec![ready]);
    pod
}

fn labels() -> BTreeMap<String, String> {
    BTreeMap::from([("app".to_owned(), "web".to_owned())])
}

fn set(wanted: i32) -> Object {
    let mut set = ReplicaSet::default();
    set.metadata.name = Some("web".to_owned());
    set.metadata.namespace = Some("default".to_owned());
    set.metadata.uid = Some("s".to_owned());
    set.metadata.generation = Some(1);
    let spec = set.spec.get_or_insert_default();
    spec.replicas = Some(wanted);
    spec.selector = LabelSelector { match_labels: Some(labels()), ..LabelSelector::default() };
    let mut template = PodTemplateSpec::default();
    template.metadata.get_or_insert_default().labels = Some(labels());
    spec.template = Some(template);
    set.into_object()
}

fn member(name: &str, owner: Option<&Object>, labels: BTreeMap<String, String>) -> Object {
    let mut pod = pod(name);
    pod.metadata.uid = Some(name.to_owned());
    pod.metadata.labels = Some(labels);
    pod.metadata.owner_references = owner.map(|owner| vec![owners::controller_ref(owner)]);
    pod.into_object()
}

struct Bench {
    controller: ReplicaSetController,
    observed: Observed,
}

impl Bench {
    fn new(set: &Object) -> Self {
        let mut bench = Bench { controller: ReplicaSetController::new(Kind::ReplicaSet), observed: fake::observed() };
        bench.see(set.clone());
        bench
    }

    fn see(&mut self, object: Object) -> Vec<Enqueue> {
        let old = self.observed.stores.insert(object.clone());
        let change = fake::change(old.as_deref(), Some(&object));
        self.controller.on_change(&change, &self.observed)
    }

    fn turn(&self) -> Turn {
        fake::turn(&self.observed, WorkKey::new(Kind::ReplicaSet, ObjectKey::new("default", "web")))
    }

    fn look(&mut self) -> Plan {
        let turn = self.turn();
        self.controller.reconcile(&turn)
    }
}

fn batches(plan: &Plan) -> Vec<usize> {
    plan.steps
        .iter()
        .filter_map(|step| if let super::super::plan::Step::Batch(b) = step { Some(b.len()) } else { None })
        .collect()
}

#[test]
fn creates_in_batches_that_double_up_to_the_burst() {
    for (wanted, sizes) in [(1, vec![1]), (3, vec![1, 2]), (10, vec![1, 2, 4, 3])] {
        assert_eq!(batches(&Bench::new(&set(wanted)).look()), sizes);
    }
    let burst = batches(&Bench::new(&set(1000)).look());
    assert_eq!(burst.iter().sum::<usize>(), 500, "--concurrent creates stop at the burst");
}

#[test]
fn waits_for_what_it_asked_for() {
    let owner = set(2);
    let mut bench = Bench::new(&owner);
    assert_eq!(batches(&bench.look()), [1, 1]);
    assert_eq!(batches(&bench.look()), [] as [usize; 0], "the cache has not shown them yet");
    bench.see(member("a", Some(&owner), labels()));
    assert_eq!(batches(&bench.look()), [] as [usize; 0]);
    bench.see(member("b", Some(&owner), labels()));
    let plan = bench.look();
    assert_eq!(fake::lines(&plan), ["PUT /apis/apps/v1/namespaces/default/replicasets/web/status"]);
    let crate::api::Body::Object(written) = &fake::writes(&plan)[0].request.body else { panic!("an object") };
    let status = written.expect::<ReplicaSet>().status.clone().expect("a status");
    assert_eq!((status.replicas, status.fully_labeled_replicas, status.ready_replicas), (2, Some(2), Some(2)));
    // One is deleted: it counts as gone at once, and is replaced.
    let mut leaving = member("a", Some(&owner), labels());
    leaving.meta_mut().deletion_timestamp = Some(time::time(0));
    assert_eq!(bench.see(leaving).len(), 1);
    assert_eq!(batches(&bench.look()), [1]);
}

#[test]
fn a_pod_that_cannot_be_created_is_not_waited_for() {
    let mut bench = Bench::new(&set(3));
    let plan = bench.look();
    let key = WorkKey::new(Kind::ReplicaSet, ObjectKey::new("default", "web"));
    let refused = fake::refused(&plan, Reason::Forbidden);
    bench.controller.on_answer(&key, fake::writes(&plan)[0], Some(&refused));
    for write in &fake::writes(&plan)[1..] {
        bench.controller.on_answer(&key, write, None);
    }
    let mut turn = bench.turn();
    turn.phase = STATUS;
    turn.answers = vec![refused];
    let status = bench.controller.reconcile(&turn);
    assert!(status.error.is_some(), "it comes back later");
    let crate::api::Body::Object(written) = &fake::writes(&status)[0].request.body else { panic!("an object") };
    let conditions = written.expect::<ReplicaSet>().status.clone().and_then(|status| status.conditions);
    let conditions = conditions.expect("it says so");
    assert_eq!(conditions[0].reason.as_deref(), Some("FailedCreate"));
    assert_eq!(batches(&bench.look()), [1, 2], "and starts again with one");
}

#[test]
fn adopts_orphans_and_releases_strangers() {
    let owner = set(1);
    let mut bench = Bench::new(&owner);
    assert_eq!(bench.see(member("orphan", None, labels())).len(), 1);
    bench.see(member("stranger", Some(&owner), BTreeMap::new()));
    let plan = bench.look();
    assert_eq!(fake::lines(&plan), ["GET /apis/apps/v1/namespaces/default/replicasets/web"]);
    let mut turn = bench.turn();
    turn.phase = plan.then.expect("it goes on");
    // It is being deleted, or is another one by now: nothing is adopted.
    let mut deleted = owner.clone();
    deleted.meta_mut().deletion_timestamp = Some(time::time(0));
    let mut another = owner.clone();
    another.meta_mut().uid = Some("other".to_owned());
    for live in [deleted, another] {
        turn.answers = fake::answers(&plan, &[&live]);
        let refused = bench.controller.reconcile(&turn);
        assert!(refused.error.is_some() && refused.steps.is_empty());
    }
    turn.answers = fake::answers(&plan, &[&owner]);
    let plan = bench.controller.reconcile(&turn);
    let patches = ["PATCH /api/v1/namespaces/default/pods/orphan", "PATCH /api/v1/namespaces/default/pods/stranger"];
    assert_eq!(fake::lines(&plan), patches);
    turn.phase = plan.then.expect("it goes on");
    turn.answers.extend(fake::answers(&plan, &[]));
    let adopted = member("orphan", Some(&owner), labels());
    turn.answers[1].result = Ok(crate::api::Body::Object(Arc::new(adopted.clone())));
    let plan = bench.controller.reconcile(&turn);
    assert!(plan.summary.starts_with("wants 1, sees 1"), "{}", plan.summary);
    // The watch brought it before the answers were all there: it is one pod all the same.
    bench.see(adopted);
    let mut later = bench.turn();
    (later.phase, later.answers) = (turn.phase, turn.answers.clone());
    let plan = bench.controller.reconcile(&later);
    assert!(plan.summary.starts_with("wants 1, sees 1"), "{}", plan.summary);
}

#[test]
fn deletes_the_surplus_and_waits_to_see_it_go() {
    let owner = set(1);
    let mut bench = Bench::new(&owner);
    for name in ["a", "b", "c"] {
        bench.see(member(name, Some(&owner), labels()));
    }
    let plan = bench.look();
    assert_eq!(batches(&plan), [2]);
    assert_eq!(fake::writes(&plan)[0].request.method, Method::Delete);
    assert_eq!(batches(&bench.look()), [] as [usize; 0]);
}

#[test]
fn min_ready_seconds_brings_it_back() {
    let mut object = set(1);
    if let Some(set) = ReplicaSet::of_mut(&mut object) {
        set.spec.get_or_insert_default().min_ready_seconds = Some(10);
    }
    let mut bench = Bench::new(&object);
    let mut ready = member("a", Some(&object), labels());
    if let Some(pod) = Pod::of_mut(&mut ready) {
        let conditions = pod.status.get_or_insert_default().conditions.get_or_insert_default();
        conditions[0].last_transition_time = Some(time::time(bench.observed.unix_micros - 4_000_000));
    }
    bench.see(ready);
    let plan = bench.look();
    assert_eq!(plan.requeue_after, Some(Duration::from_secs(6)));
    assert!(plan.summary.ends_with("1 ready, 0 available"), "{}", plan.summary);
}

#[test]
fn running_counts_are_the_counts() {
    let owner = set(50);
    let mut bench = Bench::new(&owner);
    let mut random = crate::sim::Random::fork(7, "pods");
    for round in 0..400 {
        let name = format!("p{}", random.below(12));
        let mut labels = labels();
        if random.chance_ppm(300_000) {
            labels.insert("more".to_owned(), "x".to_owned());
        }
        let owner_of = if random.chance_ppm(900_000) { Some(&owner) } else { None };
        let mut object = member(&name, owner_of, labels);
        if let Some(pod) = Pod::of_mut(&mut object) {
            let status = pod.status.get_or_insert_default();
            status.phase = Some(["Running", "Pending", "Failed"][random.below(3) as usize].to_owned());
            if random.chance_ppm(500_000) {
                status.conditions = None;
            }
        }
        if random.chance_ppm(300_000) {
            object.meta_mut().deletion_timestamp = Some(time::time(0));
        }
        if random.chance_ppm(200_000) {
            if let Some(old) = bench.observed.stores.remove(Kind::Pod, &object.key()) {
                bench.controller.on_change(&fake::change(Some(&old), None), &bench.observed);
            }
        } else {
            bench.see(object);
        }
        let turn = bench.turn();
        let active = claim::active_pods(&turn, &owner);
        let slow = status::Counts::of(&turn, &owner, &active);
        assert_eq!(bench.controller.tallies.counts(&owner), Some(slow), "after round {round}");
    }
}
