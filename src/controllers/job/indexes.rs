//! Indexes: ordered intervals of them, and which a pod has.
//!
//! Mirrors pkg/controller/job/indexed_job_utils.go.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource, ObjectFieldSelector};
use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};

use crate::api::Object;
use crate::controllers::pods;
use crate::sim::Order;
use crate::sim::persistent::{OrdMap, OrdSet};

use super::backoff::finished_at;
use super::failure_policy;
use super::{has_finalizer, is_pod_failed, order};

pub const INDEX: &str = "batch.kubernetes.io/job-completion-index";
pub const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
pub const IGNORED_FAILURES: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
const VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// `names.MaxGeneratedNameLength`.
const PREFIX_MAX: usize = 58;

/// Indexes as ordered intervals, both ends inside: `0-2,4` in a status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals(Vec<(i32, i32)>);

impl Intervals {
    /// Of a status, without what is at `completions` or above. What cannot be read is left out.
    pub fn parse(text: &str, completions: i32) -> Self {
        let mut list: Vec<(i32, i32)> = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (Ok(first), Ok(last)) = (first.parse::<i32>(), last.parse::<i32>()) else { continue };
            if first >= completions {
                break;
            }
            let last = last.min(completions - 1);
            match list.last_mut() {
                Some(before) if before.1 == first - 1 => before.1 = last,
                _ => list.push((first, last)),
            }
        }
        Intervals(list)
    }

    /// With those of another.
    pub fn merged(&self, other: &Intervals) -> Self {
        let mut all: Vec<(i32, i32)> = self.0.iter().chain(&other.0).copied().collect();
        all.order();
        let mut list: Vec<(i32, i32)> = Vec::new();
        for (first, last) in all {
            match list.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                _ => list.push((first, last)),
            }
        }
        Intervals(list)
    }

    /// With single indexes.
    pub fn with(&self, indexes: impl IntoIterator<Item = i32>) -> Self {
        self.merged(&Intervals(indexes.into_iter().map(|index| (index, index)).collect()))
    }

    /// How many indexes there are.
    pub fn total(&self) -> i32 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether an index is among them.
    pub fn has(&self, index: i32) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&index))
    }

    /// How many they have in common with others.
    pub fn overlap(&self, other: &Intervals) -> i32 {
        let pairs = self.0.iter().flat_map(|own| other.0.iter().map(move |theirs| (own, theirs)));
        pairs.map(|(own, theirs)| (own.1.min(theirs.1) - own.0.max(theirs.0) + 1).max(0)).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Intervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

fn annotation<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    pod.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}

/// The index of a pod, if it has one that can be read.
pub fn of_pod(pod: &Pod) -> Option<i32> {
    annotation(pod, INDEX)?.parse().ok().filter(|index| *index >= 0)
}

/// The index of a pod, if the Job has it.
pub fn valid(pod: &Pod, completions: i32) -> Option<i32> {
    of_pod(pod).filter(|index| *index < completions)
}

/// How often the index had failed before this pod: counted, and ignored by the policy.
pub fn failures(pod: &Pod) -> (i32, i32) {
    let count = |key| annotation(pod, key).and_then(|text| text.parse().ok()).filter(|count| *count >= 0).unwrap_or(0);
    (count(FAILURES), count(IGNORED_FAILURES))
}

/// How often it had failed before this pod, for the back-off.
pub fn absolute_failures(pod: &Pod) -> i32 {
    let (counted, ignored) = failures(pod);
    counted + ignored
}

/// The counts on the pod that replaces another (`getNewIndexFailureCounts`).
pub fn failures_of_replacement(spec: &JobSpec, replaced: Option<&Pod>) -> (i32, i32) {
    let Some(pod) = replaced else { return (0, 0) };
    let (counted, ignored) = failures(pod);
    if failure_policy::matched(spec.pod_failure_policy.as_ref(), pod).counts {
        (counted + 1, ignored)
    } else {
        (counted, ignored + 1)
    }
}

/// `calculateSucceededIndexes`: those the status has, and with those that succeeded since.
pub fn succeeded(job: &Job, completions: i32, pods: &[Arc<Object>]) -> (Intervals, Intervals) {
    let before = job.status.as_ref().and_then(|status| status.completed_indexes.as_deref()).unwrap_or_default();
    let before = Intervals::parse(before, completions);
    let new = pods.iter().map(|pod| pod.expect::<Pod>());
    let new = new.filter(|pod| pods::phase(pod) == "Succeeded" && has_finalizer(pod));
    let now = before.with(new.filter_map(|pod| valid(pod, completions)));
    (before, now)
}

/// `calculateFailedIndexes`: those the status has, and those that failed since.
pub fn failed(job: &Job, completions: i32, pods: &[Arc<Object>]) -> Intervals {
    let before = job.status.as_ref().and_then(|status| status.failed_indexes.as_deref()).unwrap_or_default();
    let new = pods.iter().map(|pod| pod.expect::<Pod>());
    let new = new.filter(|pod| has_finalizer(pod) && is_index_failed(job, pod));
    Intervals::parse(before, completions).with(new.filter_map(|pod| valid(pod, completions)))
}

fn is_index_failed(job: &Job, pod: &Pod) -> bool {
    let Some(spec) = job.spec.as_ref().filter(|spec| is_pod_failed(spec, pod)) else { return false };
    let matched = failure_policy::matched(spec.pod_failure_policy.as_ref(), pod);
    matched.action == Some("FailIndex")
        || (matched.counts && failures(pod).0 >= spec.backoff_limit_per_index.unwrap_or(0))
}

/// The indexes of pods.
pub fn of_pods<'a>(pods: impl IntoIterator<Item = &'a Arc<Object>>) -> OrdSet<i32> {
    pods.into_iter().filter_map(|pod| of_pod(pod.expect())).collect()
}

/// `firstPendingIndexes`: the lowest `count` indexes that are in none of `taken`.
pub fn first_pending(taken: &Intervals, count: usize, completions: i32) -> Vec<i32> {
    (0..completions).filter(|index| !taken.has(*index)).take(count).collect()
}

/// `appendDuplicatedIndexPodsForRemoval`: the pods that have no valid index or share one with a better, and the rest.
pub fn without_duplicates(active: &[Arc<Object>], completions: i32) -> (Vec<Arc<Object>>, Vec<Arc<Object>>) {
    let mut sorted = active.to_vec();
    sorted.order_by(|a, b| {
        let (a_index, b_index) = (of_pod(a.expect()), of_pod(b.expect()));
        let (a_invalid, b_invalid) = (a_index.is_none(), b_index.is_none());
        // Those without an index first; of one index the one to keep last.
        b_invalid.cmp(&a_invalid).then(a_index.cmp(&b_index)).then_with(|| match a_index {
            Some(index) if index < completions => order::active_pods(a.expect(), b.expect()),
            _ => Ordering::Equal,
        })
    });
    let (mut remove, mut keep) = (Vec::new(), Vec::new());
    for (place, pod) in sorted.iter().enumerate() {
        let index = valid(pod.expect(), completions);
        let next = sorted.get(place + 1).and_then(|next| valid(next.expect(), completions));
        if index.is_none() || index == next { remove.push(pod.clone()) } else { keep.push(pod.clone()) }
    }
    (remove, keep)
}

/// `getPodsWithDelayedDeletionPerIndex`: of every index that is to get a new pod, the failed one whose counts the
/// new one takes over.
pub fn delayed(
    spec: &JobSpec,
    completions: i32,
    active: &[Arc<Object>],
    pods: &[Arc<Object>],
    taken: &Intervals,
    expected_gone: &OrdSet<Arc<str>>,
) -> OrdMap<i32, Arc<Object>> {
    let taken = taken.with(of_pods(active));
    let mut kept: OrdMap<i32, Arc<Object>> = OrdMap::new();
    for object in pods {
        let pod = object.expect::<Pod>();
        let Some(index) = valid(pod, completions).filter(|index| !taken.has(*index)) else { continue };
        if !has_finalizer(pod) || expected_gone.contains(object.uid()) || !is_pod_failed(spec, pod) {
            continue;
        }
        let is_later = kept.get(&index).is_none_or(|last| {
            let last = last.expect::<Pod>();
            absolute_failures(last) <= absolute_failures(pod) && finished_at(pod) >= finished_at(last)
        });
        if is_later {
            kept.insert(index, object.clone());
        }
    }
    kept
}

/// `podGenerateNameWithIndex`.
pub fn generate_name(job: &str, index: i32) -> String {
    let suffix = format!("-{index}-");
    let room = PREFIX_MAX.saturating_sub(suffix.len()).min(job.len());
    format!("{}{suffix}", &job[..room])
}

fn add_variable(container: &mut Container) {
    let variables = container.env.get_or_insert_default();
    if variables.iter().any(|variable| variable.name == VARIABLE) {
        return;
    }
    let field = ObjectFieldSelector { api_version: None, field_path: format!("metadata.labels['{INDEX}']") };
    variables.push(EnvVar {
        name: VARIABLE.to_owned(),
        value: None,
        value_from: Some(EnvVarSource { field_ref: Some(field), ..EnvVarSource::default() }),
    });
}

/// What makes a template that of a pod with an index.
pub fn mark(template: &mut PodTemplateSpec, job: &str, spec: &JobSpec, index: i32, replaced: Option<&Pod>) {
    let meta = template.metadata.get_or_insert_default();
    let annotations = meta.annotations.get_or_insert_default();
    annotations.insert(INDEX.to_owned(), index.to_string());
    if spec.backoff_limit_per_index.is_some() {
        let (counted, ignored) = failures_of_replacement(spec, replaced);
        annotations.insert(FAILURES.to_owned(), counted.to_string());
        if ignored > 0 {
            annotations.insert(IGNORED_FAILURES.to_owned(), ignored.to_string());
        }
    }
    meta.labels.get_or_insert_default().insert(INDEX.to_owned(), index.to_string());
    let pod = template.spec.get_or_insert_default();
    pod.hostname = Some(format!("{job}-{index}"));
    pod.init_containers.iter_mut().flatten().for_each(add_variable);
    pod.containers.iter_mut().for_each(add_variable);
}
