//! Which fields a row may have, by file and group: what it gives, and what it expects. A field that no reader looks
//! at says something that is not checked.

use serde_json::Value;

/// File, group, given, expected. `a.b` is a field of `a`, or of what is listed there; `a.*` is any.
const FIELDS: &[(&str, &str, &str, &str)] = &[
    (
        "cronjob-schedule",
        "a",
        "applyStartingDeadline creationTimestamp lastScheduleTime now schedule startingDeadlineSeconds",
        "earliestTime error missed mostRecentMissed",
    ),
    (
        "cronjob-schedule",
        "b",
        "creationTimestamp lastScheduleTime now schedule startingDeadlineSeconds timeZone",
        "error scheduledTime warning",
    ),
    (
        "cronjob-schedule",
        "c",
        "creationTimestamp lastScheduleTime now schedule startingDeadlineSeconds timeZone",
        "requeueAfterSeconds",
    ),
    ("cronjob-schedule", "d", "name startTime", ""),
    ("cronjob-schedule", "e", "after schedule", "next"),
    ("cronjob-schedule", "f", "after schedule", "next"),
    ("cronjob-schedule", "g", "schedule", "valid"),
    ("cronjob-schedule", "h", "schedule", "valid"),
    (
        "cronjob-sync",
        "a",
        "concurrencyPolicy creationTimestamp failedJobsHistoryLimit lastScheduleTime now previousJob \
      previousJob.creationTimestamp previousJob.inLister previousJob.inLiveActive \
      previousJob.inStatusActive previousJob.notInLister previousJob.onServer previousJob.state schedule \
      startingDeadlineSeconds successfulJobsHistoryLimit suspend timeZone",
        "activeAfter create deletePrevious requeueAfterSeconds statusUpdate warningEvents",
    ),
    ("cronjob-sync", "b", "cronjob scheduledTime", "jobName"),
    ("cronjob-sync", "c", "", "message reason type"),
    (
        "daemonset",
        "a",
        "node node.allocatable node.labels node.name node.taints node.unschedulable podTemplateSpec \
      podTemplateSpec.* podsOnNode podsOnNode.*",
        "shouldContinueRunning shouldRun",
    ),
    (
        "daemonset",
        "b",
        "hostNetwork podTolerations podTolerations.* taints taints.*",
        "shouldContinueRunning shouldRun",
    ),
    ("daemonset", "c", "hostNetwork tolerations", "tolerations tolerations.*"),
    ("daemonset", "d", "maxSurge maxUnavailable nodes", "maxSurge maxUnavailable"),
    (
        "deployment-proportional-scaling",
        "a",
        "desiredReplicasAnnotations desiredReplicasAnnotations.* maxSurge maxUnavailable previousMaxSurge \
      previousReplicas replicaSetsNewestFirst replicaSetsNewestFirst.available \
      replicaSetsNewestFirst.isNew replicaSetsNewestFirst.name replicaSetsNewestFirst.replicas replicas",
        "",
    ),
    (
        "deployment-rolling-update",
        "a",
        "deploymentReplicas maxSurge maxUnavailable newRSReplicas otherRSReplicas strategy",
        "newRSReplicas",
    ),
    (
        "deployment-rolling-update",
        "b",
        "deploymentReplicas maxSurge maxUnavailable newReplicas oldReplicas",
        "newReplicas scaled",
    ),
    (
        "deployment-rolling-update",
        "c",
        "deploymentReplicas maxSurge maxUnavailable newReplicas oldReplicas readyPodsFromNewRS \
      readyPodsFromOldRS",
        "oldReplicas scaled",
    ),
    ("deployment-rolling-update", "d", "maxCleanupCount oldReplicas readyPods unHealthyPods", "cleanedUp"),
    (
        "deployment-rolling-update",
        "e",
        "deploymentReplicas maxSurge maxUnavailable newReplicas oldReplicas readyPods",
        "oldReplicas scaled",
    ),
    ("deployment-rolling-update", "f", "maxSurge maxUnavailable replicas", "specReplicasSequence"),
    ("deployment-status", "a", "available current desired maxSurge maxUnavailable updated", "complete"),
    (
        "deployment-status",
        "b",
        "newStatus newStatus.availableReplicas newStatus.readyReplicas newStatus.replicas \
      newStatus.updatedReplicas oldStatus oldStatus.availableReplicas oldStatus.readyReplicas \
      oldStatus.replicas oldStatus.updatedReplicas",
        "progressing",
    ),
    (
        "deployment-status",
        "c",
        "now progressDeadlineSeconds progressingCondition progressingCondition.lastUpdateTime \
      progressingCondition.reason progressingCondition.status",
        "timedOut",
    ),
    ("deployment-status", "d", "", "event message reason status type"),
    ("deployment-surge-unavailable", "a", "desired maxSurge maxUnavailable", "error surge unavailable"),
    ("deployment-surge-unavailable", "b", "maxSurge maxUnavailable replicas strategy", "maxUnavailable"),
    (
        "deployment-surge-unavailable",
        "c",
        "desired maxSurge maxUnavailable",
        "maxTotalPods minAvailablePods surge unavailable",
    ),
    (
        "deployment-surge-unavailable",
        "d",
        "desired maxSurge maxUnavailable",
        "maxTotalPods minAvailablePods surge unavailable",
    ),
    (
        "endpointslice",
        "a",
        "addressType hostname nodeLabels nodeLabels.* podIPs podReady podTerminating \
      publishNotReadyAddresses service subdomain",
        "addresses conditions conditions.ready conditions.serving conditions.terminating hostname nodeName \
      zone",
    ),
    (
        "endpointslice",
        "b",
        "phase podIP podReady podTerminating publishNotReadyAddresses",
        "conditions conditions.ready conditions.serving conditions.terminating endpoints inSlice",
    ),
    (
        "endpointslice",
        "c",
        "containers containers.ports initContainers initContainers.ports initContainers.restartPolicy \
      servicePorts servicePorts.appProtocol servicePorts.name servicePorts.port servicePorts.protocol \
      servicePorts.targetPort",
        "ports ports.appProtocol ports.name ports.port ports.protocol",
    ),
    (
        "endpointslice",
        "d",
        "containers containers.ports initContainers initContainers.ports initContainers.restartPolicy \
      protocol targetPort",
        "error port",
    ),
    (
        "endpointslice",
        "e",
        "headless service serviceLabels serviceLabels.* sliceLabels sliceLabels.*",
        "changed sliceLabels sliceLabels.*",
    ),
    ("endpointslice", "f", "clusterIP ipFamilies selector selector.*", "addressTypes"),
    (
        "endpointslice",
        "g",
        "allSlicesNeedUpdate endpoints existingSlices maxEndpointsPerSlice portChanged",
        "creates deletes sliceSizes updates",
    ),
    ("job-backoff", "a", "newFailedAtMs newSucceededAtMs storedFailures", "failuresAfterLastSuccess lastFailureAtMs"),
    ("job-backoff", "b", "pod pod.*", "finishedAt"),
    ("job-backoff", "c", "baseSeconds failures maxSeconds secondsSinceLastFailure", "remainingSeconds"),
    (
        "job-backoff",
        "d",
        "baseSeconds indexFailureCount indexIgnoredFailureCount maxSeconds secondsSinceLastFailure",
        "remainingSeconds",
    ),
    ("job-backoff", "e", "failures secondsSinceLastFailure", "remainingSeconds"),
    (
        "job-indexed",
        "a",
        "completions pods pods.index pods.phase previousCompletedIndexes",
        "completedIndexes fromStatus succeeded",
    ),
    (
        "job-indexed",
        "b",
        "backoffLimitPerIndex completions pods pods.index pods.indexFailureCount pods.phase \
      pods.trackingFinalizer previousFailedIndexes",
        "failedIndexes",
    ),
    (
        "job-indexed",
        "c",
        "activePods activePods.index activePods.phase completedIndexes completions count failedIndexes",
        "indexesToCreate",
    ),
    (
        "job-indexed",
        "d",
        "activePods activePods.index activePods.phase completions",
        "keep keep.index keep.phase remove remove.index remove.phase",
    ),
    (
        "job-indexed",
        "e",
        "backoffLimitPerIndex completions expectedRmFinalizers pods pods.index pods.indexFailureCount \
      pods.indexIgnoredFailureCount pods.phase pods.trackingFinalizer pods.uid",
        "keptUntilReplaced",
    ),
    (
        "job-indexed",
        "f",
        "backoffLimitPerIndex podFailurePolicy podFailurePolicy.* replacing replacing.conditions \
      replacing.exitCode replacing.indexFailureCount replacing.indexIgnoredFailureCount rules rules.*",
        "indexFailureCount indexIgnoredFailureCount",
    ),
    ("job-indexed", "g", "index job", "generateName"),
    (
        "job-pod-failure-policy",
        "a",
        "failedPod failedPod.conditions failedPod.containers failedPod.initContainers failedPod.name \
      failedPod.namespace gates gates.JobBackoffLimitPerIndex rules rules.*",
        "action countsAsFailed jobFailureMessage",
    ),
    (
        "job-sync",
        "a",
        "activeDeadlineSeconds backoff backoff.failuresAfterLastSuccess backoff.lastFailureAgoSeconds \
      backoffLimit backoffLimitPerIndex completionMode completions gates gates.JobBackoffLimitPerIndex \
      gates.JobManagedBy gates.JobPodReplacementPolicy gates.JobSuccessPolicy jobBeingDeleted \
      maxFailedIndexes parallelism podFailurePolicy podFailurePolicy.* podReplacementPolicy pods \
      pods.active pods.failed pods.pending pods.ready pods.succeeded pods.terminating podsWithIndex \
      podsWithIndex.deleted podsWithIndex.index podsWithIndex.phase podsWithIndex.terminating \
      previousStatus previousStatus.active previousStatus.failed previousStatus.succeeded \
      startTimeAgoSeconds startedAgoSeconds successPolicy suspend wasSuspended",
        "conditions conditions.message conditions.reason conditions.status conditions.type createdIndexes \
      creations deletions status status.active status.completedIndexes status.failed \
      status.failedIndexes status.ready status.succeeded status.terminating",
    ),
    ("node-lifecycle", "a", "before conditions conditions.* unschedulable", "noExecuteTaints noScheduleTaints"),
    (
        "node-lifecycle",
        "b",
        "before before.* conditions conditions.* unschedulable",
        "noExecuteTaints noScheduleTaints",
    ),
    ("node-lifecycle", "c", "tolerationSeconds", "evictAfterSeconds evictAfterSeconds.*"),
    ("node-lifecycle", "d", "taints taints.* tolerations tolerations.*", "evictAfterSeconds evictAfterSeconds.*"),
    (
        "node-lifecycle",
        "e",
        "after after.* before before.* pods pods.* taints taints.* tolerations tolerations.*",
        "evictAfterSeconds evictAfterSeconds.* evicted evictedNow",
    ),
    ("node-lifecycle", "f", "tolerations tolerations.*", "tolerations tolerations.*"),
    ("node-lifecycle", "g", "", ""),
    (
        "pdb",
        "a",
        "controllers controllers.kind controllers.replicas healthyPods matchingPods maxUnavailable \
      minAvailable",
        "currentHealthy desiredHealthy disruptionsAllowed expectedPods unmanagedPods",
    ),
    (
        "pdb",
        "b",
        "controllers controllers.kind controllers.replicas healthyPods matchingPods maxUnavailable \
      minAvailable",
        "disruptionsAllowed unmanagedPods",
    ),
    ("pdb", "c", "", "causes causes.message causes.reason code message reason status type"),
    ("replicaset-victims", "a", "delete pods relatedPods", "victims"),
    ("replicaset-victims", "b", "first first.pod first.rank second second.pod second.rank", "deletedFirst"),
    ("replicaset-victims", "c", "first first.pod first.rank second second.pod second.rank", "tie"),
    (
        "replicaset-victims",
        "d",
        "pods pods.created pods.name pods.nodeName pods.phase pods.ready pods.readySince pods.restarts",
        "order",
    ),
    ("replicaset-victims", "e", "pods pods.* replicaSets replicaSets.*", "active"),
    ("statefulset", "a", "maxUnavailable replicas", "maxUnavailable"),
    (
        "statefulset",
        "b",
        "maxUnavailable minReadySeconds partition podManagementPolicy replicas startOrdinal update \
      update.image update.replicas updateStrategy",
        "images images.*",
    ),
    (
        "statefulset",
        "c",
        "deletedByUser existing failed maxUnavailable minReadySeconds notReady ordinals partition \
      persistentVolumeClaimRetentionPolicy podManagementPolicy replicas start startOrdinal succeeded \
      templateChanged terminating updateStrategy",
        "operations operations.op operations.pod revisionOf revisionOf.*",
    ),
    (
        "statefulset",
        "d",
        "delete deleted namespace ordinal persistentVolumeClaimRetentionPolicy \
      persistentVolumeClaimRetentionPolicy.whenDeleted persistentVolumeClaimRetentionPolicy.whenScaled \
      replicas scale serviceName statefulSet volumeClaimTemplates",
        "dns hostname labels labels.* podName pvc pvcsDeletedFor subdomain",
    ),
];

/// Every field of a value and of what lies in it, as `FIELDS` names them.
fn names(value: &Value) -> Vec<(String, Option<String>)> {
    let objects = |value: &Value| -> Vec<Value> {
        match value {
            Value::Array(list) => list.iter().filter(|one| one.is_object()).cloned().collect(),
            Value::Object(_) => vec![value.clone()],
            _ => Vec::new(),
        }
    };
    let mut names = Vec::new();
    for object in objects(value) {
        for (name, value) in object.as_object().into_iter().flatten() {
            names.push((name.clone(), None));
            for inner in objects(value) {
                let inner = inner.as_object().into_iter().flatten().map(|(inner, _)| inner.clone());
                names.extend(inner.map(|inner| (name.clone(), Some(inner))));
            }
        }
    }
    names
}

/// Fails for a field of a row that no reader looks at.
pub fn check(file: &str, group: &str, given: &Value, expected: &Value) {
    let Some((_, _, may_give, may_expect)) = FIELDS.iter().find(|(of, own, ..)| *of == file && *own == group) else {
        return;
    };
    for (value, known) in [(given, may_give), (expected, may_expect)] {
        // Where the names of what is looked at are the fields, the reader knows them.
        if known.is_empty() {
            continue;
        }
        let known: Vec<&str> = known.split_whitespace().collect();
        for (name, inner) in names(value) {
            let is_known = match &inner {
                None => known.contains(&name.as_str()),
                Some(inner) => {
                    known.contains(&format!("{name}.*").as_str()) || known.contains(&format!("{name}.{inner}").as_str())
                }
            };
            let inner = inner.map(|inner| format!(".{inner}")).unwrap_or_default();
            assert!(is_known, "no reader looks at {name}{inner}");
        }
    }
}

#[test]
fn a_field_that_no_reader_knows_is_a_miss() {
    let row =
        |field: &str| std::panic::catch_unwind(|| check("pdb", "a", &serde_json::json!({ field: 1 }), &Value::Null));
    assert!(row("minAvailable").is_ok());
    assert!(row("unhealthyPodEvictionPolicy").is_err());
    let inner = serde_json::json!({ "controllers": [{ "kind": "Job", "parallelism": 1 }] });
    assert!(std::panic::catch_unwind(|| check("pdb", "a", &inner, &Value::Null)).is_err());
}
