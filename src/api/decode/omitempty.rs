//! `omitempty`: the optional fields that Go cannot tell from absent when they are zero.
//!
//! Go decodes `env: []`, `hostname: ""` or `stdin: false` to the same value as no field at all, so that they
//! are neither stored nor shown, and make no new revision. Lists and maps are always such fields; of the
//! optional scalars, those that are no pointers.

use crate::api::object::Kind;

/// Optional scalars that are no pointers in types.go, of the registered kinds and of all they hold.
const SCALARS: &str = "action active apiVersion audience availableReplicas certificateChainPath chapAuthDiscovery \
    chapAuthSession clusterIP completedIndexes component concurrencyPolicy containerID containerName count credentialBundlePath currentReplicas currentRevision datasetName \
    datasetUUID deprecatedCount description directory dnsPolicy effect error externalID externalName \
    externalTrafficPolicy failed failureThreshold fieldPath fieldsType fsType fullyLabeledReplicas generateName \
    generation globalDefault group health healthCheckNodePort host hostIP hostIPC hostNetwork hostPID hostPort hostname \
    image imagePullPolicy initialDelaySeconds ip iscsiInterface key keyPath keyring kind level loadBalancerIP \
    manager medium message minReadySeconds name namespace nodeName nodePort nominatedNodeName note numberAvailable \
    numberUnavailable observedGeneration operation operator partition path paused periodSeconds persistentVolumeReclaimPolicy phase podCIDR podIP podManagementPolicy pool prefix \
    priorityClassName protectionDomain protocol providerID publishNotReadyAddresses pullPolicy qosClass \
    readOnly readyReplicas reason reference replicas reportingComponent reportingController reportingInstance \
    request resize resourceVersion restartPolicy revision role schedulerName scheme secretFile secretName \
    selfLink serviceAccount serviceAccountName serviceName sessionAffinity signal sizeBytes sslEnabled stdin stdinOnce \
    storageClassName storageMode storagePolicyID storagePolicyName storagePool subPath subPathExpr subdomain subresource succeeded \
    successThreshold targetContainerName targetVolumeAttributesClassName tenant terminationMessagePath terminationMessagePolicy \
    timeoutSeconds token tty type uid unavailableReplicas unschedulable updateRevision updatedNumberScheduled updatedReplicas user value volumeName \
    volumeNamespace whenDeleted whenScaled workingDir";

/// The fields of those names that are pointers nevertheless.
const POINTERS: &[(&str, &str)] = &[
    ("AzureDiskVolumeSource", "fsType"),
    ("AzureDiskVolumeSource", "kind"),
    ("AzureDiskVolumeSource", "readOnly"),
    ("CSIVolumeSource", "fsType"),
    ("CSIVolumeSource", "readOnly"),
    ("ClientIPConfig", "timeoutSeconds"),
    ("ClusterTrustBundleProjection", "name"),
    ("Container", "restartPolicy"),
    ("DeploymentSpec", "replicas"),
    ("Endpoint", "hostname"),
    ("Endpoint", "nodeName"),
    ("EndpointAddress", "nodeName"),
    ("EphemeralContainer", "restartPolicy"),
    ("HostPathVolumeSource", "type"),
    ("LocalVolumeSource", "fsType"),
    ("PersistentVolumeClaimSpec", "storageClassName"),
    ("PodDNSConfigOption", "value"),
    ("PortStatus", "error"),
    ("Preconditions", "resourceVersion"),
    ("Preconditions", "uid"),
    ("ReplicaSetSpec", "replicas"),
    ("ReplicationControllerSpec", "replicas"),
    ("RollingUpdateStatefulSetStrategy", "partition"),
    ("StatefulSetSpec", "replicas"),
    ("StatefulSetStatus", "availableReplicas"),
    ("TypedObjectReference", "namespace"),
];

/// Lists that Go writes even when they are nil: fields of whole objects without `omitempty`.
pub const NEVER_OMITTED: &[(Kind, &str)] = &[(Kind::EndpointSlice, "endpoints"), (Kind::EndpointSlice, "ports")];

/// Whether a zero in this scalar field of this struct is the same as none.
pub(super) fn drops_zero(name: &str, field: &str) -> bool {
    SCALARS.split_ascii_whitespace().any(|known| known == field) && !POINTERS.contains(&(name, field))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::api::Object;
    use crate::api::object::Kind;

    /// What is left of a value of that kind.
    fn read(kind: Kind, value: &Value) -> Result<Value, String> {
        Object::from_value(kind, value, &mut |_| {}).map(|object| object.to_value()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_go_drops_is_dropped_and_what_it_keeps_is_kept() {
        let full = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "web", "labels": {}, "annotations": {}, "finalizers": [], "ownerReferences": [],
                "generateName": "", "deletionGracePeriodSeconds": 0,
            },
            "spec": {
                "hostname": "", "nodeSelector": {}, "tolerations": [], "hostNetwork": false,
                "terminationGracePeriodSeconds": 0, "enableServiceLinks": false, "priority": 0,
                "securityContext": {}, "affinity": {}, "runtimeClassName": "",
                "volumes": [
                    { "name": "a", "emptyDir": {} },
                    { "name": "b", "configMap": { "name": "", "items": [], "optional": false } },
                    { "name": "c", "hostPath": { "path": "/", "type": "" } },
                ],
                "containers": [{
                    "name": "main", "image": "nginx", "command": [], "args": [""], "workingDir": "", "ports": [],
                    "env": [{ "name": "EMPTY", "value": "" }], "stdin": false,
                    "resources": { "limits": {}, "requests": { "cpu": "0" } },
                    "securityContext": { "privileged": false, "runAsUser": 0, "capabilities": { "add": [], "drop": ["ALL"] } },
                    "livenessProbe": { "exec": {}, "initialDelaySeconds": 0 },
                }],
            },
        });
        let left = read(Kind::Pod, &full).expect("it can be read");
        assert_eq!(left["metadata"], json!({ "name": "web", "deletionGracePeriodSeconds": 0 }));
        let container = json!({
            "name": "main", "image": "nginx", "args": [""], "env": [{ "name": "EMPTY" }],
            "resources": { "requests": { "cpu": "0" } },
            "securityContext": { "privileged": false, "runAsUser": 0, "capabilities": { "drop": ["ALL"] } },
            "livenessProbe": { "exec": {} },
        });
        let spec = json!({
            "terminationGracePeriodSeconds": 0, "enableServiceLinks": false, "priority": 0,
            "securityContext": {}, "affinity": {}, "runtimeClassName": "",
            "volumes": [
                { "name": "a", "emptyDir": {} },
                { "name": "b", "configMap": { "name": "", "optional": false } },
                { "name": "c", "hostPath": { "path": "/", "type": "" } },
            ],
            "containers": [container],
        });
        assert_eq!(left["spec"], spec);
    }

    #[test]
    fn pointers_and_numbers_or_strings_keep_their_zeros() {
        let spec = json!({
            "replicas": 0, "revisionHistoryLimit": 0, "minReadySeconds": 0, "paused": false,
            "selector": { "matchLabels": {} },
            "strategy": { "rollingUpdate": { "maxSurge": 0, "maxUnavailable": "" } },
            "template": { "metadata": { "labels": {} } },
        });
        let value = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "spec": spec });
        let left = read(Kind::Deployment, &value).expect("it can be read");
        let spec = json!({
            "replicas": 0, "revisionHistoryLimit": 0, "selector": {},
            "strategy": { "rollingUpdate": { "maxSurge": 0, "maxUnavailable": "" } },
            "template": { "metadata": {} },
        });
        assert_eq!(left["spec"], spec);
        let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "data": { "empty": "" }, "binaryData": {}, "immutable": false });
        let left = read(Kind::ConfigMap, &map).expect("it can be read");
        assert_eq!((&left["data"], &left["binaryData"]), (&json!({ "empty": "" }), &Value::Null));
        assert_eq!(left["immutable"], json!(false));
    }

    #[test]
    fn an_empty_value_of_the_wrong_type_is_still_wrong() {
        for (field, value) in [
            ("hostname", json!([])),
            ("tolerations", json!({})),
            ("nodeSelector", json!([])),
            ("hostNetwork", json!("")),
        ] {
            let mut pod = json!({ "apiVersion": "v1", "kind": "Pod", "spec": { "containers": [] } });
            pod["spec"][field] = value;
            assert!(read(Kind::Pod, &pod).is_err(), "{field}");
        }
    }

    #[test]
    fn the_table_knows_every_scalar_that_is_no_pointer() {
        // What the protobuf table marks with `+` is kept; it knows of pointers from types.go too.
        let schema = include_str!("../protobuf/schema.txt");
        let scalar = |kind: &str| matches!(kind.trim_end_matches('+'), "str" | "int" | "bool");
        // Reviews are answered and never decoded into an object.
        let object = |line: &&str| !line.starts_with(['#']) && !line.starts_with("authorization.");
        for line in schema.lines().filter(object) {
            let mut words = line.split(' ');
            let name = words.next().and_then(|name| name.split('.').nth(1)).unwrap_or_default();
            for field in words.filter_map(|word| word.split_once(':')).filter_map(|(_, field)| field.split_once(':')) {
                if scalar(field.1) && !field.1.ends_with('+') && name != "ScaleStatus" {
                    assert!(super::drops_zero(name, field.0), "{name}.{}", field.0);
                }
            }
        }
    }
}
