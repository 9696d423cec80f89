//! Tables of the kinds that bound others: budgets, priority classes, quotas, limit ranges, pod templates.

use serde_json::json;

use super::table_test::{check, check_stored, check_update};
use crate::api::object::Kind;

#[test]
fn budgets() {
    let kind = Kind::PodDisruptionBudget;
    check(kind, "spec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}", &[]);
    check(
        kind,
        "spec: {minAvailable: 1, maxUnavailable: 101%, selector: {matchLabels: {app: web}}}",
        &[
            "spec: Invalid value: {\"MinAvailable\":1,\"Selector\":{\"matchLabels\":{\"app\":\"web\"}},\"MaxUnavailable\":\"101%\",\"UnhealthyPodEvictionPolicy\":null}: minAvailable and maxUnavailable cannot be both set",
            "spec.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
        ],
    );
    check(
        kind,
        "spec: {minAvailable: -1, unhealthyPodEvictionPolicy: Never}",
        &[
            "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0",
            "spec.unhealthyPodEvictionPolicy: Unsupported value: \"Never\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\"",
        ],
    );
    check_update(kind, "spec: {minAvailable: 1}", "spec: {maxUnavailable: 1}", &[]);
    let zeros = json!({ "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0 });
    check_stored(kind, "spec: {minAvailable: 1}", "/status", zeros);
    check_stored(kind, "spec: {minAvailable: 1}", "/metadata/generation", json!(1));
}

#[test]
fn stateful_sets_and_their_templates() {
    let kind = Kind::StatefulSet;
    let set = |pod: &str, claims: &str, replicas: i32| {
        format!(
            "spec: {{replicas: {replicas}, serviceName: db, selector: {{matchLabels: {{a: b}}}}, template: {{metadata: \
             {{labels: {{a: b}}}}, spec: {pod}}}, volumeClaimTemplates: {claims}}}"
        )
    };
    let pod = "{containers: [{name: c, image: i, volumeMounts: [{name: data, mountPath: /data}]}], volumes: [{name: data, \
               emptyDir: {}}, {name: x_y, emptyDir: {}}]}";
    let good =
        "[{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]";
    let label = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
                 and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
                 '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    let name = format!("spec.template.spec.volumes[1].name: Invalid value: \"x_y\": {label}");
    // The claim's volume stands first, in the place of the one that has its name.
    check(kind, &set(pod, good, 1), &[&name]);
    let plain = "{containers: [{name: c, image: i}]}";
    check(
        kind,
        &set(plain, "[{metadata: {name: data}, spec: {}}]", 1),
        &[
            "spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required",
            "spec.volumeClaimTemplates[0].spec.resources[storage]: Required value",
        ],
    );
    // What is wrong with the claims' templates comes before what is wrong with the count and the pods' template.
    check(
        kind,
        &set(pod, "[{metadata: {name: data}, spec: {resources: {requests: {storage: 1Gi}}}}]", -1),
        &[
            "spec.volumeClaimTemplates[0].spec.accessModes: Required value: at least 1 access mode is required",
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            &name,
        ],
    );
    check_update(kind, &set(pod, good, 1), &set(pod, good, 2), &[]);
    check_update(kind, &set(plain, good, 1), &set(pod, good, 2), &[&name]);
}

#[test]
fn priority_classes() {
    let kind = Kind::PriorityClass;
    check(kind, "{metadata: {name: high}, value: 1000000000}", &[]);
    check(
        kind,
        "{metadata: {name: high}, value: 1000000001, preemptionPolicy: Sometimes}",
        &[
            "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
            "preemptionPolicy: Unsupported value: \"Sometimes\": supported values: \"PreemptLowerPriority\", \"Never\"",
        ],
    );
    let reserved =
        "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error:";
    check(
        kind,
        "{metadata: {name: system-mine}, value: 1}",
        &[&format!("{reserved} system-mine is not a known system priority class")],
    );
    check(
        kind,
        "{metadata: {name: system-node-critical}, value: 1}",
        &[&format!("{reserved} value of system-node-critical PriorityClass must be 2000001000")],
    );
    check_update(
        kind,
        "{value: 1}",
        "{value: 2, preemptionPolicy: Never}",
        &[
            "value: Forbidden: may not be changed in an update.",
            "preemptionPolicy: Invalid value: \"Never\": field is immutable",
        ],
    );
    check_stored(kind, "{}", "/value", json!(0));
    check_stored(kind, "{}", "/preemptionPolicy", json!("PreemptLowerPriority"));
}

#[test]
fn quotas() {
    let kind = Kind::ResourceQuota;
    check(
        kind,
        "spec: {hard: {pods: 4, requests.cpu: 1500m, count/deployments.apps: 2, gold.storageclass.storage.k8s.io/requests.storage: 1Gi}}",
        &[],
    );
    check(
        kind,
        "spec: {hard: {pods: 1500m, storage: 1Gi, limits.cpu: -1}}",
        &[
            "spec.hard[limits.cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
            "spec.hard[pods]: Invalid value: \"1500m\": must be an integer",
            "spec.hard[storage]: Invalid value: \"storage\": must be a standard resource for quota",
        ],
    );
    check(
        kind,
        "spec: {hard: {requests.cpu: 1}, scopes: [BestEffort, NotBestEffort]}",
        &[
            "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: unsupported scope applied to resource",
            "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes",
        ],
    );
    check(
        kind,
        "spec: {hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In}, {scopeName: Terminating, operator: In, values: [x]}]}}",
        &[
            "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
            "spec.scopeSelector.matchExpressions.operator: Invalid value: \"In\": must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
        ],
    );
    check(
        kind,
        "spec: {hard: {requests.storage: 1Gi, pods: 1}, scopeSelector: {matchExpressions: [{scopeName: VolumeAttributesClass, operator: In, values: [gold]}]}}",
        &[
            "spec.scopeSelector.matchExpressions: Invalid value: {\"MatchExpressions\":[{\"ScopeName\":\"VolumeAttributesClass\",\"Operator\":\"In\",\"Values\":[\"gold\"]}]}: unsupported scope applied to resource",
        ],
    );
    check(
        kind,
        "spec: {hard: {pods: 1}, scopes: [Terminating, NotTerminating, CrossNamespacePodAffinity, Never], scopeSelector: {matchExpressions: [{scopeName: CrossNamespacePodAffinity, operator: DoesNotExist, values: [x]}]}}",
        &[
            "spec.scopes: Invalid value: [\"Terminating\",\"NotTerminating\",\"CrossNamespacePodAffinity\",\"Never\"]: unsupported scope",
            "spec.scopes: Invalid value: [\"Terminating\",\"NotTerminating\",\"CrossNamespacePodAffinity\",\"Never\"]: conflicting scopes",
            "spec.scopeSelector.matchExpressions.operator: Invalid value: \"DoesNotExist\": must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
            "spec.scopeSelector.matchExpressions.values: Invalid value: [\"x\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        ],
    );
    check_update(
        kind,
        "spec: {hard: {pods: 1}}",
        "spec: {hard: {pods: 2}, scopes: [BestEffort]}",
        &["spec.scopes: Invalid value: [\"BestEffort\"]: field is immutable"],
    );
    check_stored(kind, "{spec: {hard: {cpu: 0.5}}, status: {used: {cpu: 1}}}", "/spec/hard/cpu", json!("500m"));
}

#[test]
fn limit_ranges() {
    let kind = Kind::LimitRange;
    check(
        kind,
        "spec: {limits: [{type: Pod, min: {cpu: 2}, max: {cpu: 1}, default: {cpu: 1}}, {type: Pod}, {type: Node}]}",
        &[
            "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
            "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1",
            "spec.limits[1].type: Duplicate value: \"Pod\"",
            "spec.limits[2].type: Invalid value: \"Node\": must be a standard limit type or fully qualified",
        ],
    );
    check(
        kind,
        "spec: {limits: [{type: Container, max: {cpu: 800m}, min: {cpu: 200m}, defaultRequest: {cpu: 1}, maxLimitRequestRatio: {cpu: 5}}]}",
        &[
            "spec.limits[0].defaultRequest[cpu]: Invalid value: \"1\": default request value 1 is greater than max value 800m",
            "spec.limits[0].defaultRequest[cpu]: Invalid value: \"1\": default request value 1 is greater than default limit value 800m",
            "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"5\": ratio 5 is greater than max/min = 4.000000",
        ],
    );
    check(
        kind,
        "spec: {limits: [{type: PersistentVolumeClaim}]}",
        &[
            "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
        ],
    );
    let given = "spec: {limits: [{type: Container, max: {cpu: 1}, min: {memory: 1Mi}}]}";
    check_stored(kind, given, "/spec/limits/0/default", json!({ "cpu": "1" }));
    check_stored(kind, given, "/spec/limits/0/defaultRequest", json!({ "cpu": "1", "memory": "1Mi" }));
}

#[test]
fn pod_templates() {
    let kind = Kind::PodTemplate;
    check(kind, "template: {spec: {containers: [{name: c, image: nginx}]}}", &[]);
    check(kind, "template: {spec: {containers: []}}", &["template.spec.containers: Required value"]);
    check_stored(
        kind,
        "template: {spec: {containers: [{name: c, image: nginx}]}}",
        "/template/spec/restartPolicy",
        json!("Always"),
    );
}
