//! Creating pods on the nodes that lack one and deleting those that are too many or misplaced.
//!
//! Mirrors `manage`, `podsShouldBeOnNode` and `syncNodes` of pkg/controller/daemon/daemon_controller.go.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Pod};

use crate::api::kinds::daemonset::template_generation;
use crate::api::stored::Shared;
use crate::api::{Kind, Object, ObjectKey, Reason, Request, Typed};
use crate::controllers::controller::Stores;
use crate::controllers::history::HASH_LABEL;
use crate::controllers::plan::{Announce, Append, Step, Write};
use crate::controllers::pods;
use crate::sim::persistent::OrdMap;

use super::backoff::Backoff;
use super::{nodes, update};

/// `BurstReplicas`: how many pods one sync creates or deletes at most.
const BURST_REPLICAS: usize = 250;
const GENERATION_LABEL: &str = "pod-template-generation";

/// What is to be done: the nodes that get a pod, the pods that go, and what is said of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    pub create_on: Vec<Arc<str>>,
    pub delete: Vec<Arc<str>>,
    pub events: Vec<Announce>,
    /// When pods that failed may be replaced.
    pub look_again: Option<Duration>,
}

/// What is looked at in one sync.
pub struct View<'a> {
    pub set: &'a Object,
    /// The hash of the current template.
    pub hash: &'a str,
    /// Its pods, those that it adopted just now among them.
    pub pods: &'a [Arc<Object>],
    pub stores: &'a Stores,
    pub unix_micros: i64,
}

impl View<'_> {
    /// The set.
    pub fn typed(&self) -> &DaemonSet {
        self.set.expect()
    }

    /// The nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = Shared<Node>> {
        self.stores.of(Kind::Node).iter().filter_map(|(_, node)| Shared::of(node))
    }

    /// `spec.minReadySeconds`.
    pub fn min_ready_seconds(&self) -> i32 {
        self.typed().spec.as_ref().and_then(|spec| spec.min_ready_seconds).unwrap_or(0)
    }

    /// Whether a pod is available now.
    pub fn is_available(&self, pod: &Object) -> bool {
        pods::is_available(pod.expect(), self.min_ready_seconds(), self.unix_micros)
    }

    /// Whether a pod is of the current template.
    pub fn is_updated(&self, pod: &Object) -> bool {
        pod.meta().labels.as_ref().and_then(|labels| labels.get(HASH_LABEL)).map(String::as_str) == Some(self.hash)
    }

    /// `manage`.
    pub fn manage(&self, backoff: &mut Backoff) -> Changes {
        let pods = self.by_node();
        let mut changes = Changes::default();
        for node in self.nodes() {
            let name = node.metadata.name.as_deref().unwrap_or_default();
            self.on_node(&node, pods.get(name).map(Vec::as_slice), backoff, &mut changes);
        }
        // Pods that were bound for a node which is gone before they were placed.
        let known = |name: &str| self.stores.of(Kind::Node).contains(&ObjectKey::new("", name));
        for (node, pods) in &pods {
            if !known(node) {
                let unplaced = pods.iter().filter(|pod| pods::node_name(pod.expect()).is_empty());
                changes.delete.extend(unplaced.map(|pod| Arc::from(pod.name())));
            }
        }
        changes
    }

    /// `podsShouldBeOnNode`.
    fn on_node(&self, node: &Node, all: Option<&[Arc<Object>]>, backoff: &mut Backoff, changes: &mut Changes) {
        let fit = nodes::fit(self.typed(), node);
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let pods = all.unwrap_or_default();
        if fit.should_run && all.is_none() {
            changes.create_on.push(Arc::from(name));
        } else if fit.should_continue {
            let mut running: Vec<Arc<Object>> = Vec::new();
            for object in pods.iter().filter(|pod| !pods::is_terminating(pod.expect())) {
                let place = format!("{}/{} on node {name}", object.namespace(), object.name());
                match pods::phase(object.expect::<Pod>()) {
                    "Failed" => {
                        if let Some(wait) = backoff.wait(self.set, name, self.unix_micros) {
                            changes.look_again = Some(changes.look_again.map_or(wait, |other| other.min(wait)));
                            continue;
                        }
                        let text = format!("Found failed daemon pod {place}, will try to kill it");
                        changes.events.push(Announce::warning(self.set, "FailedDaemonPod", text));
                        changes.delete.push(Arc::from(object.name()));
                    }
                    "Succeeded" => {
                        let text = format!("Found succeeded daemon pod {place}, will try to delete it");
                        changes.events.push(Announce::normal(self.set, "SucceededDaemonPod", text));
                        changes.delete.push(Arc::from(object.name()));
                    }
                    _ => running.push(object.clone()),
                }
            }
            if !update::allows_surge(self.typed()) {
                changes.delete.extend(running.iter().skip(1).map(|pod| Arc::from(pod.name())));
            } else if running.len() > 1 {
                self.prune_surge(&running, changes);
            } else if running.is_empty() && fit.should_run {
                changes.create_on.push(Arc::from(name));
            }
        } else {
            let standing = pods.iter().filter(|pod| !pods::is_terminating(pod.expect()));
            changes.delete.extend(standing.map(|pod| Arc::from(pod.name())));
        }
    }

    /// Two pods may stand on a node while the old one is ready and the new one is not yet available.
    fn prune_surge(&self, running: &[Arc<Object>], changes: &mut Changes) {
        let (mut oldest_new, mut oldest_old) = (None, None);
        for pod in running {
            let place = if self.is_updated(pod) { &mut oldest_new } else { &mut oldest_old };
            if place.is_none() {
                *place = Some(pod);
            } else {
                changes.delete.push(Arc::from(pod.name()));
            }
        }
        if let (Some(new), Some(old)) = (oldest_new, oldest_old)
            && (!pods::is_ready(old.expect()) || self.is_available(new))
        {
            changes.delete.push(Arc::from(old.name()));
        }
    }

    fn pod_for(&self, node: &str) -> Object {
        let template = self.typed().spec.as_ref().map(|spec| spec.template.clone()).unwrap_or_default();
        let mut pod = pods::from_template(&template, self.set);
        let spec = pod.spec.get_or_insert_default();
        nodes::pin(spec, node);
        nodes::add_tolerations(spec);
        let labels = pod.metadata.labels.get_or_insert_default();
        let generation = template_generation(self.typed());
        if generation > 0 {
            labels.insert(GENERATION_LABEL.to_owned(), generation.to_string());
        }
        labels.insert(HASH_LABEL.to_owned(), self.hash.to_owned());
        pod.into_object()
    }

    /// The requests that carry changes out: pods in batches that double as long as all goes well, then deletions.
    pub fn steps(&self, changes: &Changes) -> Vec<Step> {
        let set = self.set;
        let mut steps: Vec<Step> = changes.events.iter().cloned().map(Step::Event).collect();
        let mut rest = &changes.create_on[..changes.create_on.len().min(BURST_REPLICAS)];
        let mut size = 1;
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(size.min(rest.len()));
            (rest, size) = (after, size * 2);
            let create = |node: &Arc<str>| {
                Write::new(Request::create(Arc::new(self.pod_for(node))))
                    .announcing(Announce::normal(set, "SuccessfulCreate", "Created pod: ").ending(Append::Name))
                    .complaining(Announce::warning(set, "FailedCreate", "Error creating: ").ending(Append::Error))
            };
            steps.push(Step::Batch(batch.iter().map(create).collect()));
        }
        let delete = |pod: &Arc<str>| {
            let deleted = format!("Deleted pod: {pod}");
            Write::new(Request::delete(Kind::Pod.info(), set.namespace(), pod))
                .tolerating(&[Reason::NotFound])
                .announcing(Announce::normal(set, "SuccessfulDelete", deleted))
                .complaining(Announce::warning(set, "FailedDelete", "Error deleting: ").ending(Append::Error))
        };
        let deletions: Vec<Write> = changes.delete.iter().take(BURST_REPLICAS).map(delete).collect();
        if !deletions.is_empty() {
            steps.push(Step::Batch(deletions));
        }
        steps
    }

    /// The pods by node.
    pub fn by_node(&self) -> OrdMap<Arc<str>, Vec<Arc<Object>>> {
        nodes::by_node(self.pods, false)
    }
}
