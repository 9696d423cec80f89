use super::*;
use crate::api::Typed;
use crate::controllers::fake;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;

fn set(uid: &str) -> Object {
    let mut set = ReplicaSet::default();
    set.metadata.name = Some("web".to_owned());
    set.metadata.namespace = Some("default".to_owned());
    set.metadata.uid = Some(uid.to_owned());
    set.into_object()
}

fn pod(uid: &str, owner: &Object) -> Object {
    let mut pod = Pod::default();
    pod.metadata.name = Some(format!("pod-{uid}"));
    pod.metadata.namespace = Some("default".to_owned());
    pod.metadata.uid = Some(uid.to_owned());
    pod.metadata.owner_references = Some(vec![crate::controllers::owners::controller_ref(owner)]);
    pod.into_object()
}

fn see(collector: &mut GarbageCollector, old: Option<&Object>, new: Option<&Object>) -> Vec<Enqueue> {
    let change = fake::change(old, new);
    collector.on_change(&change, &fake::observed())
}

const SET: &str = "/apis/apps/v1/namespaces/default/replicasets/web";
const POD: &str = "/api/v1/namespaces/default/pods/pod-p";

/// Runs a key to its end, answering reads from `server`; gives the lines of every plan.
#[track_caller]
fn run(collector: &mut GarbageCollector, wish: &Enqueue, server: &[&Object]) -> Vec<String> {
    let mut turn = fake::turn(&fake::observed(), wish.key.clone());
    let mut lines = Vec::new();
    loop {
        let plan = collector.reconcile(&turn);
        lines.extend(fake::lines(&plan));
        lines.extend(plan.enqueue.iter().map(|wish| format!("wake {}", wish.key)));
        let Some(then) = plan.then else { return lines };
        turn.phase = then;
        turn.answers.extend(fake::answers(&plan, server));
    }
}

#[test]
fn background_a_dependent_without_its_owner_is_deleted() {
    let (owner, mut collector) = (set("s"), GarbageCollector::default());
    let dependent = pod("p", &owner);
    assert!(see(&mut collector, None, Some(&owner)).is_empty());
    assert!(see(&mut collector, None, Some(&dependent)).is_empty());
    let wishes = see(&mut collector, Some(&owner), None);
    assert_eq!(wishes.len(), 1);
    assert_eq!(
        run(&mut collector, &wishes[0], &[&dependent]),
        [format!("GET {POD}"), format!("GET {SET}"), format!("DELETE {POD}")]
    );
    // Another of the same name is not the owner.
    let other = set("other");
    assert_eq!(run(&mut collector, &wishes[0], &[&dependent, &other]).len(), 3);
    // The owner is there after all.
    assert_eq!(run(&mut collector, &wishes[0], &[&dependent, &owner]).len(), 2);
}

#[test]
fn an_owner_nobody_has_seen_is_looked_for() {
    let (owner, mut collector) = (set("s"), GarbageCollector::default());
    let dependent = pod("p", &owner);
    let wishes = see(&mut collector, None, Some(&dependent));
    assert_eq!(wishes.len(), 1);
    assert_eq!(
        run(&mut collector, &wishes[0], &[&dependent]),
        [format!("GET {SET}"), "wake default/pod-p (delete p)".to_owned()]
    );
    // Seen meanwhile: nothing is asked.
    let mut collector = GarbageCollector::default();
    let wishes = see(&mut collector, None, Some(&dependent));
    see(&mut collector, None, Some(&owner));
    assert!(run(&mut collector, &wishes[0], &[]).is_empty());
}

#[test]
fn foreground_the_owner_goes_last() {
    let (owner, mut collector) = (set("s"), GarbageCollector::default());
    let dependent = pod("p", &owner);
    see(&mut collector, None, Some(&owner));
    see(&mut collector, None, Some(&dependent));
    let mut deleting = owner.clone();
    deleting.meta_mut().deletion_timestamp = Some(crate::api::time::time(0));
    deleting.meta_mut().finalizers = Some(vec![FOREGROUND.to_owned()]);
    let wishes = see(&mut collector, Some(&owner), Some(&deleting));
    assert_eq!(wishes.len(), 2);
    assert_eq!(
        run(&mut collector, &wishes[0], &[&dependent, &deleting]),
        [format!("GET {POD}"), format!("GET {SET}"), format!("DELETE {POD}")]
    );
    let lines = run(&mut collector, &wishes[1], &[&dependent, &deleting]);
    assert_eq!(lines, [format!("GET {SET}"), "wake default/pod-p (delete p)".to_owned()]);
    let wishes = see(&mut collector, Some(&dependent), None);
    assert_eq!(wishes.len(), 1);
    assert_eq!(run(&mut collector, &wishes[0], &[&deleting]), [format!("GET {SET}"), format!("PATCH {SET}")]);
}

#[test]
fn orphan_the_dependents_stay() {
    let (owner, mut collector) = (set("s"), GarbageCollector::default());
    let dependent = pod("p", &owner);
    see(&mut collector, None, Some(&owner));
    see(&mut collector, None, Some(&dependent));
    let mut deleting = owner.clone();
    deleting.meta_mut().deletion_timestamp = Some(crate::api::time::time(0));
    deleting.meta_mut().finalizers = Some(vec![ORPHAN.to_owned()]);
    let wishes = see(&mut collector, Some(&owner), Some(&deleting));
    assert_eq!(
        run(&mut collector, &wishes[0], &[&dependent, &deleting]),
        [format!("PATCH {POD}"), format!("GET {SET}"), format!("PATCH {SET}")]
    );
    let mut freed = dependent.clone();
    freed.meta_mut().owner_references = None;
    see(&mut collector, Some(&dependent), Some(&freed));
    assert!(see(&mut collector, Some(&deleting), None).is_empty(), "nothing depends on it any longer");
}
