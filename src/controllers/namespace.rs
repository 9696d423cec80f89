//! The namespace controller: empties a namespace that is being deleted, then lets it go.
//!
//! Mirrors pkg/controller/namespace, with the gate OrderedNamespaceDeletion: pods go first. Leaves
//! out: kinds that cannot be deleted by the collection, and failures of discovery.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition, Pod};

use crate::api::{Body, KINDS, Kind, KindInfo, Method, Object, Reason, Request, Typed, time};
use crate::client::Change;
use crate::sim::persistent::OrdMap;

use super::controller::{Controller, Enqueue, Observed, Turn, WorkKey};
use super::plan::{Answer, Plan, Step, Write};

/// `namespaceDeletionGracePeriod`: so that every API server has seen the deletion.
const GRACE: Duration = Duration::from_secs(5);
/// `finalizerEstimateSeconds`.
const FINALIZER_ESTIMATE_SECS: u64 = 15;
/// The finalizer that is this controller's to remove.
const FINALIZER: &str = "kubernetes";

/// The namespace was read.
const READ: &str = "read";
/// Its pods were deleted and counted.
const PODS: &str = "pods";
/// The rest was deleted and counted.
const REST: &str = "rest";

/// The controller. It remembers nothing.
#[derive(Clone, Debug, Default)]
pub struct NamespaceController;

/// The kinds of a namespace's content, pods left out.
fn content() -> impl Iterator<Item = &'static KindInfo> {
    KINDS.iter().copied().filter(|info| {
        info.namespaced()
            && info.stored_as == info.id
            && info.id != Kind::Pod
            && info.verbs.contains(&"deletecollection")
    })
}

/// The requests that delete everything of a kind, and see what is left.
fn empty(info: &'static KindInfo, namespace: &str) -> [Step; 2] {
    let collection = Request::new(Method::Delete, info.path(namespace, "")).with("propagationPolicy", "Background");
    [Write::new(collection).step(), Write::new(Request::list(info, namespace)).step()]
}

/// What the lists among the answers still hold.
#[derive(Debug, Default)]
struct Remaining {
    /// By resource, as `pods.` and `replicasets.apps`.
    resources: OrdMap<String, usize>,
    finalizers: OrdMap<String, usize>,
    /// How long it may take, in seconds.
    estimate: u64,
}

impl Remaining {
    fn of(answers: &[Answer]) -> Self {
        let mut remaining = Remaining::default();
        // A turn lists a kind again after each deletion: only its last list is how it stands.
        let mut lists = OrdMap::new();
        for answer in answers {
            if let Ok(Body::List(list)) = &answer.result {
                lists.insert(list.kind, list);
            }
        }
        for list in lists.values().filter(|list| !list.items.is_empty()) {
            let info = list.kind.info();
            remaining.resources.insert(format!("{}.{}", info.plural, info.group), list.items.len());
            let mut estimate = 0;
            for object in &list.items {
                for finalizer in object.meta().finalizers.iter().flatten() {
                    *remaining.finalizers.entry(finalizer.clone()).or_default() += 1;
                }
                if object.get::<Pod>().is_some() {
                    let grace = object.meta().deletion_grace_period_seconds.unwrap_or(0);
                    estimate = estimate.max(u64::try_from(grace).unwrap_or(0));
                }
            }
            if estimate == 0 {
                estimate = FINALIZER_ESTIMATE_SECS;
            }
            remaining.estimate = remaining.estimate.max(estimate);
        }
        remaining
    }

    fn text(counts: &OrdMap<String, usize>, infix: &str) -> String {
        let parts: Vec<String> =
            counts.iter().map(|(name, count)| format!("{name}{infix}{count} resource instances")).collect();
        parts.join(", ")
    }

    /// Type, status, reason and message of the conditions, in upstream's order.
    fn conditions(&self) -> Vec<(&'static str, &'static str, &'static str, String)> {
        let fine = |type_, reason, message: &str| (type_, "False", reason, message.to_owned());
        let content = if self.resources.is_empty() {
            fine("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed")
        } else {
            let text = Remaining::text(&self.resources, " has ");
            (
                "NamespaceContentRemaining",
                "True",
                "SomeResourcesRemain",
                format!("Some resources are remaining: {text}"),
            )
        };
        let finalizers = if self.finalizers.is_empty() {
            fine("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished")
        } else {
            let text = Remaining::text(&self.finalizers, " in ");
            let message = format!("Some content in the namespace has finalizers remaining: {text}");
            ("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", message)
        };
        vec![
            fine("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
            fine(
                "NamespaceDeletionGroupVersionParsingFailure",
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            fine(
                "NamespaceDeletionContentFailure",
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
            content,
            finalizers,
        ]
    }
}

/// The status with these conditions, if that is news.
fn with_conditions(namespace: &Namespace, remaining: &Remaining, unix_micros: i64) -> Option<Namespace> {
    let mut changed = namespace.clone();
    let conditions = changed.status.get_or_insert_default().conditions.get_or_insert_default();
    let mut news = false;
    for (type_, status, reason, message) in remaining.conditions() {
        let new = NamespaceCondition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message),
            last_transition_time: Some(time::time(unix_micros)),
        };
        match conditions.iter_mut().find(|condition| condition.type_ == type_) {
            None => conditions.push(new),
            Some(old) if old.status == new.status && old.message == new.message && old.reason == new.reason => continue,
            Some(old) => *old = new,
        }
        news = true;
    }
    news.then_some(changed)
}

/// The namespace as it was last read or written.
fn live(turn: &Turn) -> Option<&Namespace> {
    turn.answers.iter().rev().find_map(|answer| answer.object()).and_then(|object| object.get::<Namespace>())
}

fn finalize(namespace: &Namespace) -> Request {
    let mut namespace = namespace.clone();
    if let Some(finalizers) = &mut namespace.spec.get_or_insert_default().finalizers {
        finalizers.retain(|finalizer| finalizer != FINALIZER);
    }
    let object: Object = namespace.into_object();
    let path = format!("{}/finalize", object.info().path("", object.name()));
    Request::new(Method::Put, path).body(Body::Object(std::sync::Arc::new(object)))
}

/// Goes on after a count: waits for what is left, or does `next`.
fn after_count(turn: &Turn, next: impl FnOnce(&Namespace) -> Plan) -> Plan {
    let Some(namespace) = live(turn) else { return Plan::nothing("it is gone") };
    if let Some(failure) = turn.answers.iter().find_map(|answer| answer.failure()) {
        return Plan { error: Some(failure.message.clone()), ..Plan::nothing("its content could not be deleted") };
    }
    let remaining = Remaining::of(&turn.answers);
    if remaining.resources.is_empty() {
        return next(namespace);
    }
    let status = with_conditions(namespace, &remaining, turn.observed.unix_micros);
    let writes = status.map(|status| Write::new(Request::update_status(status.into_object())).step());
    Plan {
        requeue_after: Some(Duration::from_secs(remaining.estimate / 2 + 1)),
        ..Plan::steps(format!("left: {}", Remaining::text(&remaining.resources, " ")), writes.into_iter().collect())
    }
}

fn after_read(turn: &Turn) -> Plan {
    let Some(namespace) = live(turn) else { return Plan::nothing("it is gone") };
    let Some(_) = namespace.metadata.deletion_timestamp else { return Plan::nothing("it is not being deleted") };
    let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.as_ref());
    if finalizers.is_none_or(|all| !all.iter().any(|finalizer| finalizer == FINALIZER)) {
        return Plan::nothing("it is finalized");
    }
    let mut steps = Vec::new();
    if namespace.status.as_ref().and_then(|status| status.phase.as_deref()) != Some("Terminating") {
        let mut terminating = namespace.clone();
        terminating.status.get_or_insert_default().phase = Some("Terminating".to_owned());
        steps.push(Write::new(Request::update_status(terminating.into_object())).step());
    }
    steps.extend(empty(Kind::Pod.info(), namespace.metadata.name.as_deref().unwrap_or_default()));
    Plan { then: Some(PODS), ..Plan::steps("its pods go first", steps) }
}

impl Controller for NamespaceController {
    fn name(&self) -> &'static str {
        "namespace-controller"
    }

    fn watches(&self) -> &'static [Kind] {
        &[Kind::Namespace]
    }

    fn workers(&self) -> usize {
        // --concurrent-namespace-syncs
        10
    }

    fn on_change(&mut self, change: &Change, _observed: &Observed) -> Vec<Enqueue> {
        let deleting = change.new.as_ref().is_some_and(|namespace| namespace.meta().deletion_timestamp.is_some());
        if !deleting {
            return Vec::new();
        }
        vec![Enqueue::after(WorkKey::new(Kind::Namespace, change.key.clone()), GRACE)]
    }

    fn reconcile(&mut self, turn: &Turn) -> Plan {
        let name = &*turn.key.key.name;
        match turn.phase {
            "" if turn.object().is_none() => Plan::nothing("it is gone"),
            "" => {
                let read = Write::new(Request::get(Kind::Namespace.info(), "", name)).tolerating(&[Reason::NotFound]);
                Plan { then: Some(READ), ..Plan::steps("reads it as it is now", vec![read.step()]) }
            }
            READ => after_read(turn),
            PODS => after_count(turn, |_| Plan {
                then: Some(REST),
                ..Plan::steps("then everything else", content().flat_map(|info| empty(info, name)).collect())
            }),
            REST => after_count(turn, |namespace| {
                let status = with_conditions(namespace, &Remaining::default(), turn.observed.unix_micros);
                let mut steps: Vec<Step> = Vec::new();
                steps.extend(status.map(|status| Write::new(Request::update_status(status.into_object())).step()));
                steps.push(Write::new(finalize(namespace)).fresh().step());
                Plan::steps("it is empty", steps)
            }),
            phase => panic!("a namespace has no phase {phase}"),
        }
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ObjectKey, http::List};
    use crate::controllers::fake;

    fn terminating() -> Namespace {
        let mut namespace = Namespace::default();
        namespace.metadata.name = Some("shop".to_owned());
        namespace.metadata.deletion_timestamp = Some(time::time(0));
        namespace.spec.get_or_insert_default().finalizers = Some(vec![FINALIZER.to_owned()]);
        namespace.status.get_or_insert_default().phase = Some("Terminating".to_owned());
        namespace
    }

    fn list(kind: Kind, items: Vec<Object>) -> Answer {
        let items = items.into_iter().map(std::sync::Arc::new).collect();
        let list = List { kind, metadata: Default::default(), items };
        fake::answer(Request::list(kind.info(), "shop"), Body::List(std::sync::Arc::new(list)))
    }

    #[test]
    fn only_the_last_list_of_a_kind_counts() {
        let mut pod = Pod::default();
        pod.metadata.finalizers = Some(vec!["example.com/hold".to_owned()]);
        let pod = pod.into_object();
        let answers =
            [list(Kind::Pod, vec![pod.clone(), Pod::default().into_object()]), list(Kind::Pod, vec![pod.clone()])];
        let remaining = Remaining::of(&answers);
        assert_eq!(Remaining::text(&remaining.resources, " has "), "pods. has 1 resource instances");
        assert_eq!(Remaining::text(&remaining.finalizers, " in "), "example.com/hold in 1 resource instances");
        let gone = Remaining::of(&[list(Kind::Pod, vec![pod]), list(Kind::Pod, Vec::new())]);
        assert!(gone.resources.is_empty() && gone.finalizers.is_empty());
    }

    #[test]
    fn pods_go_first_and_the_finalizer_last() {
        let mut observed = fake::observed();
        observed.stores.insert(terminating().into_object());
        let key = WorkKey::new(Kind::Namespace, ObjectKey::new("", "shop"));
        let mut turn = fake::turn(&observed, key);
        let mut controller = NamespaceController;
        assert_eq!(fake::lines(&controller.reconcile(&turn)), ["GET /api/v1/namespaces/shop"]);

        turn.phase = READ;
        let read = Request::get(Kind::Namespace.info(), "", "shop");
        turn.answers.push(fake::answer(read, Body::Object(std::sync::Arc::new(terminating().into_object()))));
        let plan = controller.reconcile(&turn);
        assert_eq!(fake::lines(&plan), ["DELETE /api/v1/namespaces/shop/pods", "GET /api/v1/namespaces/shop/pods"]);

        turn.phase = PODS;
        let mut pod = Pod::default();
        pod.metadata.deletion_grace_period_seconds = Some(30);
        let mut waiting = turn.clone();
        waiting.answers.push(list(Kind::Pod, vec![pod.into_object()]));
        let plan = controller.reconcile(&waiting);
        assert_eq!(plan.requeue_after, Some(Duration::from_secs(16)));
        assert_eq!(fake::lines(&plan), ["PUT /api/v1/namespaces/shop/status"]);

        turn.answers.push(list(Kind::Pod, Vec::new()));
        let plan = controller.reconcile(&turn);
        assert!(fake::lines(&plan).contains(&"DELETE /apis/apps/v1/namespaces/shop/deployments".to_owned()));

        turn.phase = REST;
        assert_eq!(
            fake::lines(&controller.reconcile(&turn)),
            ["PUT /api/v1/namespaces/shop/status", "PUT /api/v1/namespaces/shop/finalize"]
        );
    }
}
