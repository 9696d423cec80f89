//! The group batch.

use k8s_openapi::api::batch::v1::*;

use super::structs;

structs! {
    CronJob "batch/v1" { metadata "metadata", spec "spec", status "status" }
    CronJobSpec {
        concurrency_policy "concurrencyPolicy", failed_jobs_history_limit "failedJobsHistoryLimit",
        job_template "jobTemplate", schedule "schedule", starting_deadline_seconds "startingDeadlineSeconds",
        successful_jobs_history_limit "successfulJobsHistoryLimit", suspend "suspend", time_zone "timeZone",
    }
    CronJobStatus {
        active "active", last_schedule_time "lastScheduleTime", last_successful_time "lastSuccessfulTime",
    }
    Job "batch/v1" { metadata "metadata", spec "spec", status "status" }
    JobCondition {
        last_probe_time "lastProbeTime", last_transition_time "lastTransitionTime", message "message",
        reason "reason", status "status", type_ "type",
    }
    JobSpec {
        active_deadline_seconds "activeDeadlineSeconds", backoff_limit "backoffLimit",
        backoff_limit_per_index "backoffLimitPerIndex", completion_mode "completionMode", completions "completions",
        managed_by "managedBy", manual_selector "manualSelector", max_failed_indexes "maxFailedIndexes",
        parallelism "parallelism", pod_failure_policy "podFailurePolicy",
        pod_replacement_policy "podReplacementPolicy", selector "selector", success_policy "successPolicy",
        suspend "suspend", template "template", ttl_seconds_after_finished "ttlSecondsAfterFinished",
    }
    JobStatus {
        active "active", completed_indexes "completedIndexes", completion_time "completionTime",
        conditions "conditions", failed "failed", failed_indexes "failedIndexes", ready "ready",
        start_time "startTime", succeeded "succeeded", terminating "terminating",
        uncounted_terminated_pods "uncountedTerminatedPods",
    }
    JobTemplateSpec { metadata "metadata", spec "spec" }
    PodFailurePolicy { rules "rules" }
    PodFailurePolicyOnExitCodesRequirement { container_name "containerName", operator "operator", values "values" }
    PodFailurePolicyOnPodConditionsPattern { status "status", type_ "type" }
    PodFailurePolicyRule { action "action", on_exit_codes "onExitCodes", on_pod_conditions "onPodConditions" }
    SuccessPolicy { rules "rules" }
    SuccessPolicyRule { succeeded_count "succeededCount", succeeded_indexes "succeededIndexes" }
    UncountedTerminatedPods { failed "failed", succeeded "succeeded" }
}
