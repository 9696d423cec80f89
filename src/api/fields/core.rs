//! The core group: pods, nodes, services, volumes and what they hold.

use k8s_openapi::api::core::v1::*;

use super::structs;

structs! {
    AWSElasticBlockStoreVolumeSource {
        fs_type "fsType", partition "partition", read_only "readOnly", volume_id "volumeID",
    }
    Affinity { node_affinity "nodeAffinity", pod_affinity "podAffinity", pod_anti_affinity "podAntiAffinity" }
    AppArmorProfile { localhost_profile "localhostProfile", type_ "type" }
    AttachedVolume { device_path "devicePath", name "name" }
    AzureDiskVolumeSource {
        caching_mode "cachingMode", disk_name "diskName", disk_uri "diskURI", fs_type "fsType", kind "kind",
        read_only "readOnly",
    }
    AzureFilePersistentVolumeSource {
        read_only "readOnly", secret_name "secretName", secret_namespace "secretNamespace", share_name "shareName",
    }
    AzureFileVolumeSource { read_only "readOnly", secret_name "secretName", share_name "shareName" }
    Binding "v1" { metadata "metadata", target "target" }
    CSIPersistentVolumeSource {
        controller_expand_secret_ref "controllerExpandSecretRef",
        controller_publish_secret_ref "controllerPublishSecretRef", driver "driver", fs_type "fsType",
        node_expand_secret_ref "nodeExpandSecretRef", node_publish_secret_ref "nodePublishSecretRef",
        node_stage_secret_ref "nodeStageSecretRef", read_only "readOnly", volume_attributes "volumeAttributes",
        volume_handle "volumeHandle",
    }
    CSIVolumeSource {
        driver "driver", fs_type "fsType", node_publish_secret_ref "nodePublishSecretRef", read_only "readOnly",
        volume_attributes "volumeAttributes",
    }
    Capabilities { add "add", drop "drop" }
    CephFSPersistentVolumeSource {
        monitors "monitors", path "path", read_only "readOnly", secret_file "secretFile", secret_ref "secretRef",
        user "user",
    }
    CephFSVolumeSource {
        monitors "monitors", path "path", read_only "readOnly", secret_file "secretFile", secret_ref "secretRef",
        user "user",
    }
    CinderPersistentVolumeSource {
        fs_type "fsType", read_only "readOnly", secret_ref "secretRef", volume_id "volumeID",
    }
    CinderVolumeSource { fs_type "fsType", read_only "readOnly", secret_ref "secretRef", volume_id "volumeID" }
    ClientIPConfig { timeout_seconds "timeoutSeconds" }
    ClusterTrustBundleProjection {
        label_selector "labelSelector", name "name", optional "optional", path "path", signer_name "signerName",
    }
    ConfigMap "v1" { binary_data "binaryData", data "data", immutable "immutable", metadata "metadata" }
    ConfigMapEnvSource { name "name", optional "optional" }
    ConfigMapKeySelector { key "key", name "name", optional "optional" }
    ConfigMapNodeConfigSource {
        kubelet_config_key "kubeletConfigKey", name "name", namespace "namespace",
        resource_version "resourceVersion", uid "uid",
    }
    ConfigMapProjection { items "items", name "name", optional "optional" }
    ConfigMapVolumeSource { default_mode "defaultMode", items "items", name "name", optional "optional" }
    Container {
        args "args", command "command", env "env", env_from "envFrom", image "image",
        image_pull_policy "imagePullPolicy", lifecycle "lifecycle", liveness_probe "livenessProbe", name "name",
        ports "ports", readiness_probe "readinessProbe", resize_policy "resizePolicy", resources "resources",
        restart_policy "restartPolicy", restart_policy_rules "restartPolicyRules",
        security_context "securityContext", startup_probe "startupProbe", stdin "stdin", stdin_once "stdinOnce",
        termination_message_path "terminationMessagePath", termination_message_policy "terminationMessagePolicy",
        tty "tty", volume_devices "volumeDevices", volume_mounts "volumeMounts", working_dir "workingDir",
    }
    ContainerExtendedResourceRequest {
        container_name "containerName", request_name "requestName", resource_name "resourceName",
    }
    ContainerImage { names "names", size_bytes "sizeBytes" }
    ContainerPort {
        container_port "containerPort", host_ip "hostIP", host_port "hostPort", name "name", protocol "protocol",
    }
    ContainerResizePolicy { resource_name "resourceName", restart_policy "restartPolicy" }
    ContainerRestartRule { action "action", exit_codes "exitCodes" }
    ContainerRestartRuleOnExitCodes { operator "operator", values "values" }
    ContainerState { running "running", terminated "terminated", waiting "waiting" }
    ContainerStateRunning { started_at "startedAt" }
    ContainerStateTerminated {
        container_id "containerID", exit_code "exitCode", finished_at "finishedAt", message "message",
        reason "reason", signal "signal", started_at "startedAt",
    }
    ContainerStateWaiting { message "message", reason "reason" }
    ContainerStatus {
        allocated_resources "allocatedResources", allocated_resources_status "allocatedResourcesStatus",
        container_id "containerID", image "image", image_id "imageID", last_state "lastState", name "name",
        ready "ready", resources "resources", restart_count "restartCount", started "started", state "state",
        stop_signal "stopSignal", user "user", volume_mounts "volumeMounts",
    }
    ContainerUser { linux "linux" }
    DaemonEndpoint { port "Port" }
    DownwardAPIProjection { items "items" }
    DownwardAPIVolumeFile { field_ref "fieldRef", mode "mode", path "path", resource_field_ref "resourceFieldRef" }
    DownwardAPIVolumeSource { default_mode "defaultMode", items "items" }
    EmptyDirVolumeSource { medium "medium", size_limit "sizeLimit" }
    EndpointAddress { hostname "hostname", ip "ip", node_name "nodeName", target_ref "targetRef" }
    EndpointPort { app_protocol "appProtocol", name "name", port "port", protocol "protocol" }
    EndpointSubset { addresses "addresses", not_ready_addresses "notReadyAddresses", ports "ports" }
    Endpoints "v1" { metadata "metadata", subsets "subsets" }
    EnvFromSource { config_map_ref "configMapRef", prefix "prefix", secret_ref "secretRef" }
    EnvVar { name "name", value "value", value_from "valueFrom" }
    EnvVarSource {
        config_map_key_ref "configMapKeyRef", field_ref "fieldRef", file_key_ref "fileKeyRef",
        resource_field_ref "resourceFieldRef", secret_key_ref "secretKeyRef",
    }
    EphemeralContainer {
        args "args", command "command", env "env", env_from "envFrom", image "image",
        image_pull_policy "imagePullPolicy", lifecycle "lifecycle", liveness_probe "livenessProbe", name "name",
        ports "ports", readiness_probe "readinessProbe", resize_policy "resizePolicy", resources "resources",
        restart_policy "restartPolicy", restart_policy_rules "restartPolicyRules",
        security_context "securityContext", startup_probe "startupProbe", stdin "stdin", stdin_once "stdinOnce",
        target_container_name "targetContainerName", termination_message_path "terminationMessagePath",
        termination_message_policy "terminationMessagePolicy", tty "tty", volume_devices "volumeDevices",
        volume_mounts "volumeMounts", working_dir "workingDir",
    }
    EphemeralVolumeSource { volume_claim_template "volumeClaimTemplate" }
    Event "v1" {
        action "action", count "count", event_time "eventTime", first_timestamp "firstTimestamp",
        involved_object "involvedObject", last_timestamp "lastTimestamp", message "message", metadata "metadata",
        reason "reason", related "related", reporting_component "reportingComponent",
        reporting_instance "reportingInstance", series "series", source "source", type_ "type",
    }
    EventSeries { count "count", last_observed_time "lastObservedTime" }
    EventSource { component "component", host "host" }
    ExecAction { command "command" }
    FCVolumeSource { fs_type "fsType", lun "lun", read_only "readOnly", target_wwns "targetWWNs", wwids "wwids" }
    FileKeySelector { key "key", optional "optional", path "path", volume_name "volumeName" }
    FlexPersistentVolumeSource {
        driver "driver", fs_type "fsType", options "options", read_only "readOnly", secret_ref "secretRef",
    }
    FlexVolumeSource {
        driver "driver", fs_type "fsType", options "options", read_only "readOnly", secret_ref "secretRef",
    }
    FlockerVolumeSource { dataset_name "datasetName", dataset_uuid "datasetUUID" }
    GCEPersistentDiskVolumeSource {
        fs_type "fsType", partition "partition", pd_name "pdName", read_only "readOnly",
    }
    GRPCAction { port "port", service "service" }
    GitRepoVolumeSource { directory "directory", repository "repository", revision "revision" }
    GlusterfsPersistentVolumeSource {
        endpoints "endpoints", endpoints_namespace "endpointsNamespace", path "path", read_only "readOnly",
    }
    GlusterfsVolumeSource { endpoints "endpoints", path "path", read_only "readOnly" }
    HTTPGetAction { host "host", http_headers "httpHeaders", path "path", port "port", scheme "scheme" }
    HTTPHeader { name "name", value "value" }
    HostAlias { hostnames "hostnames", ip "ip" }
    HostIP { ip "ip" }
    HostPathVolumeSource { path "path", type_ "type" }
    ISCSIPersistentVolumeSource {
        chap_auth_discovery "chapAuthDiscovery", chap_auth_session "chapAuthSession", fs_type "fsType",
        initiator_name "initiatorName", iqn "iqn", iscsi_interface "iscsiInterface", lun "lun", portals "portals",
        read_only "readOnly", secret_ref "secretRef", target_portal "targetPortal",
    }
    ISCSIVolumeSource {
        chap_auth_discovery "chapAuthDiscovery", chap_auth_session "chapAuthSession", fs_type "fsType",
        initiator_name "initiatorName", iqn "iqn", iscsi_interface "iscsiInterface", lun "lun", portals "portals",
        read_only "readOnly", secret_ref "secretRef", target_portal "targetPortal",
    }
    ImageVolumeSource { pull_policy "pullPolicy", reference "reference" }
    ImageVolumeStatus { image_ref "imageRef" }
    KeyToPath { key "key", mode "mode", path "path" }
    Lifecycle { post_start "postStart", pre_stop "preStop", stop_signal "stopSignal" }
    LifecycleHandler { exec "exec", http_get "httpGet", sleep "sleep", tcp_socket "tcpSocket" }
    LimitRange "v1" { metadata "metadata", spec "spec" }
    LimitRangeItem {
        default "default", default_request "defaultRequest", max "max",
        max_limit_request_ratio "maxLimitRequestRatio", min "min", type_ "type",
    }
    LimitRangeSpec { limits "limits" }
    LinuxContainerUser { gid "gid", supplemental_groups "supplementalGroups", uid "uid" }
    LoadBalancerIngress { hostname "hostname", ip "ip", ip_mode "ipMode", ports "ports" }
    LoadBalancerStatus { ingress "ingress" }
    LocalObjectReference { name "name" }
    LocalVolumeSource { fs_type "fsType", path "path" }
    ModifyVolumeStatus { status "status", target_volume_attributes_class_name "targetVolumeAttributesClassName" }
    NFSVolumeSource { path "path", read_only "readOnly", server "server" }
    Namespace "v1" { metadata "metadata", spec "spec", status "status" }
    NamespaceCondition {
        last_transition_time "lastTransitionTime", message "message", reason "reason", status "status",
        type_ "type",
    }
    NamespaceSpec { finalizers "finalizers" }
    NamespaceStatus { conditions "conditions", phase "phase" }
    Node "v1" { metadata "metadata", spec "spec", status "status" }
    NodeAddress { address "address", type_ "type" }
    NodeAffinity {
        preferred_during_scheduling_ignored_during_execution "preferredDuringSchedulingIgnoredDuringExecution",
        required_during_scheduling_ignored_during_execution "requiredDuringSchedulingIgnoredDuringExecution",
    }
    NodeAllocatableResourceClaimStatus {
        containers "containers", resource_claim_name "resourceClaimName", resources "resources",
    }
    NodeCondition {
        last_heartbeat_time "lastHeartbeatTime", last_transition_time "lastTransitionTime", message "message",
        reason "reason", status "status", type_ "type",
    }
    NodeConfigSource { config_map "configMap" }
    NodeConfigStatus { active "active", assigned "assigned", error "error", last_known_good "lastKnownGood" }
    NodeDaemonEndpoints { kubelet_endpoint "kubeletEndpoint" }
    NodeFeatures { supplemental_groups_policy "supplementalGroupsPolicy" }
    NodeRuntimeHandler { features "features", name "name" }
    NodeRuntimeHandlerFeatures {
        recursive_read_only_mounts "recursiveReadOnlyMounts", user_namespaces "userNamespaces",
    }
    NodeSelector { node_selector_terms "nodeSelectorTerms" }
    NodeSelectorRequirement { key "key", operator "operator", values "values" }
    NodeSelectorTerm { match_expressions "matchExpressions", match_fields "matchFields" }
    NodeSpec {
        config_source "configSource", external_id "externalID", pod_cidr "podCIDR", pod_cidrs "podCIDRs",
        provider_id "providerID", taints "taints", unschedulable "unschedulable",
    }
    NodeStatus {
        addresses "addresses", allocatable "allocatable", capacity "capacity", conditions "conditions",
        config "config", daemon_endpoints "daemonEndpoints", declared_features "declaredFeatures",
        features "features", images "images", node_info "nodeInfo", phase "phase",
        runtime_handlers "runtimeHandlers", volumes_attached "volumesAttached", volumes_in_use "volumesInUse",
    }
    NodeSwapStatus { capacity "capacity" }
    NodeSystemInfo {
        architecture "architecture", boot_id "bootID", container_runtime_version "containerRuntimeVersion",
        kernel_version "kernelVersion", kube_proxy_version "kubeProxyVersion", kubelet_version "kubeletVersion",
        machine_id "machineID", operating_system "operatingSystem", os_image "osImage", swap "swap",
        system_uuid "systemUUID",
    }
    ObjectFieldSelector { api_version "apiVersion", field_path "fieldPath" }
    ObjectReference {
        api_version "apiVersion", field_path "fieldPath", kind "kind", name "name", namespace "namespace",
        resource_version "resourceVersion", uid "uid",
    }
    PersistentVolume "v1" { metadata "metadata", spec "spec", status "status" }
    PersistentVolumeClaim "v1" { metadata "metadata", spec "spec", status "status" }
    PersistentVolumeClaimCondition {
        last_probe_time "lastProbeTime", last_transition_time "lastTransitionTime", message "message",
        reason "reason", status "status", type_ "type",
    }
    PersistentVolumeClaimSpec {
        access_modes "accessModes", data_source "dataSource", data_source_ref "dataSourceRef",
        resources "resources", selector "selector", storage_class_name "storageClassName",
        volume_attributes_class_name "volumeAttributesClassName", volume_mode "volumeMode",
        volume_name "volumeName",
    }
    PersistentVolumeClaimStatus {
        access_modes "accessModes", allocated_resource_statuses "allocatedResourceStatuses",
        allocated_resources "allocatedResources", capacity "capacity", conditions "conditions",
        current_volume_attributes_class_name "currentVolumeAttributesClassName",
        modify_volume_status "modifyVolumeStatus", phase "phase",
    }
    PersistentVolumeClaimTemplate { metadata "metadata", spec "spec" }
    PersistentVolumeClaimVolumeSource { claim_name "claimName", read_only "readOnly" }
    PersistentVolumeSpec {
        access_modes "accessModes", aws_elastic_block_store "awsElasticBlockStore", azure_disk "azureDisk",
        azure_file "azureFile", capacity "capacity", cephfs "cephfs", cinder "cinder", claim_ref "claimRef",
        csi "csi", fc "fc", flex_volume "flexVolume", flocker "flocker", gce_persistent_disk "gcePersistentDisk",
        glusterfs "glusterfs", host_path "hostPath", iscsi "iscsi", local "local", mount_options "mountOptions",
        nfs "nfs", node_affinity "nodeAffinity", persistent_volume_reclaim_policy "persistentVolumeReclaimPolicy",
        photon_persistent_disk "photonPersistentDisk", portworx_volume "portworxVolume", quobyte "quobyte",
        rbd "rbd", scale_io "scaleIO", storage_class_name "storageClassName", storageos "storageos",
        volume_attributes_class_name "volumeAttributesClassName", volume_mode "volumeMode",
        vsphere_volume "vsphereVolume",
    }
    PersistentVolumeStatus {
        last_phase_transition_time "lastPhaseTransitionTime", message "message", phase "phase", reason "reason",
    }
    PhotonPersistentDiskVolumeSource { fs_type "fsType", pd_id "pdID" }
    Pod "v1" { metadata "metadata", spec "spec", status "status" }
    PodAffinity {
        preferred_during_scheduling_ignored_during_execution "preferredDuringSchedulingIgnoredDuringExecution",
        required_during_scheduling_ignored_during_execution "requiredDuringSchedulingIgnoredDuringExecution",
    }
    PodAffinityTerm {
        label_selector "labelSelector", match_label_keys "matchLabelKeys", mismatch_label_keys "mismatchLabelKeys",
        namespace_selector "namespaceSelector", namespaces "namespaces", topology_key "topologyKey",
    }
    PodAntiAffinity {
        preferred_during_scheduling_ignored_during_execution "preferredDuringSchedulingIgnoredDuringExecution",
        required_during_scheduling_ignored_during_execution "requiredDuringSchedulingIgnoredDuringExecution",
    }
    PodCertificateProjection {
        certificate_chain_path "certificateChainPath", credential_bundle_path "credentialBundlePath",
        key_path "keyPath", key_type "keyType", max_expiration_seconds "maxExpirationSeconds",
        signer_name "signerName", user_annotations "userAnnotations",
    }
    PodCondition {
        last_probe_time "lastProbeTime", last_transition_time "lastTransitionTime", message "message",
        observed_generation "observedGeneration", reason "reason", status "status", type_ "type",
    }
    PodDNSConfig { nameservers "nameservers", options "options", searches "searches" }
    PodDNSConfigOption { name "name", value "value" }
    PodExtendedResourceClaimStatus { request_mappings "requestMappings", resource_claim_name "resourceClaimName" }
    PodIP { ip "ip" }
    PodOS { name "name" }
    PodReadinessGate { condition_type "conditionType" }
    PodResourceClaim {
        name "name", resource_claim_name "resourceClaimName",
        resource_claim_template_name "resourceClaimTemplateName",
    }
    PodResourceClaimStatus { name "name", resource_claim_name "resourceClaimName" }
    PodSchedulingGate { name "name" }
    PodSchedulingGroup { pod_group_name "podGroupName" }
    PodSecurityContext {
        app_armor_profile "appArmorProfile", fs_group "fsGroup", fs_group_change_policy "fsGroupChangePolicy",
        run_as_group "runAsGroup", run_as_non_root "runAsNonRoot", run_as_user "runAsUser",
        se_linux_change_policy "seLinuxChangePolicy", se_linux_options "seLinuxOptions",
        seccomp_profile "seccompProfile", supplemental_groups "supplementalGroups",
        supplemental_groups_policy "supplementalGroupsPolicy", sysctls "sysctls", windows_options "windowsOptions",
    }
    PodSpec {
        active_deadline_seconds "activeDeadlineSeconds", affinity "affinity",
        automount_service_account_token "automountServiceAccountToken", containers "containers",
        dns_config "dnsConfig", dns_policy "dnsPolicy", enable_service_links "enableServiceLinks",
        ephemeral_containers "ephemeralContainers", host_aliases "hostAliases", host_ipc "hostIPC",
        host_network "hostNetwork", host_pid "hostPID", host_users "hostUsers", hostname "hostname",
        hostname_override "hostnameOverride", image_pull_secrets "imagePullSecrets",
        init_containers "initContainers", node_name "nodeName", node_selector "nodeSelector", os "os",
        overhead "overhead", preemption_policy "preemptionPolicy", priority "priority",
        priority_class_name "priorityClassName", readiness_gates "readinessGates", resource_claims "resourceClaims",
        resources "resources", restart_policy "restartPolicy", runtime_class_name "runtimeClassName",
        scheduler_name "schedulerName", scheduling_gates "schedulingGates", scheduling_group "schedulingGroup",
        security_context "securityContext", service_account "serviceAccount",
        service_account_name "serviceAccountName", set_hostname_as_fqdn "setHostnameAsFQDN",
        share_process_namespace "shareProcessNamespace", subdomain "subdomain",
        termination_grace_period_seconds "terminationGracePeriodSeconds", tolerations "tolerations",
        topology_spread_constraints "topologySpreadConstraints", volumes "volumes",
    }
    PodStatus {
        allocated_resources "allocatedResources", conditions "conditions", container_statuses "containerStatuses",
        ephemeral_container_statuses "ephemeralContainerStatuses",
        extended_resource_claim_status "extendedResourceClaimStatus", host_ip "hostIP", host_ips "hostIPs",
        init_container_statuses "initContainerStatuses", message "message",
        node_allocatable_resource_claim_statuses "nodeAllocatableResourceClaimStatuses",
        nominated_node_name "nominatedNodeName", observed_generation "observedGeneration", phase "phase",
        pod_ip "podIP", pod_ips "podIPs", qos_class "qosClass", reason "reason", resize "resize",
        resource_claim_statuses "resourceClaimStatuses", resources "resources", start_time "startTime",
    }
    PodTemplate "v1" { metadata "metadata", template "template" }
    PodTemplateSpec { metadata "metadata", spec "spec" }
    PortStatus { error "error", port "port", protocol "protocol" }
    PortworxVolumeSource { fs_type "fsType", read_only "readOnly", volume_id "volumeID" }
    PreferredSchedulingTerm { preference "preference", weight "weight" }
    Probe {
        exec "exec", failure_threshold "failureThreshold", grpc "grpc", http_get "httpGet",
        initial_delay_seconds "initialDelaySeconds", period_seconds "periodSeconds",
        success_threshold "successThreshold", tcp_socket "tcpSocket",
        termination_grace_period_seconds "terminationGracePeriodSeconds", timeout_seconds "timeoutSeconds",
    }
    ProjectedVolumeSource { default_mode "defaultMode", sources "sources" }
    QuobyteVolumeSource {
        group "group", read_only "readOnly", registry "registry", tenant "tenant", user "user", volume "volume",
    }
    RBDPersistentVolumeSource {
        fs_type "fsType", image "image", keyring "keyring", monitors "monitors", pool "pool", read_only "readOnly",
        secret_ref "secretRef", user "user",
    }
    RBDVolumeSource {
        fs_type "fsType", image "image", keyring "keyring", monitors "monitors", pool "pool", read_only "readOnly",
        secret_ref "secretRef", user "user",
    }
    ReplicationController "v1" { metadata "metadata", spec "spec", status "status" }
    ReplicationControllerCondition {
        last_transition_time "lastTransitionTime", message "message", reason "reason", status "status",
        type_ "type",
    }
    ReplicationControllerSpec {
        min_ready_seconds "minReadySeconds", replicas "replicas", selector "selector", template "template",
    }
    ReplicationControllerStatus {
        available_replicas "availableReplicas", conditions "conditions",
        fully_labeled_replicas "fullyLabeledReplicas", observed_generation "observedGeneration",
        ready_replicas "readyReplicas", replicas "replicas",
    }
    ResourceClaim { name "name", request "request" }
    ResourceFieldSelector { container_name "containerName", divisor "divisor", resource "resource" }
    ResourceHealth { health "health", message "message", resource_id "resourceID" }
    ResourceQuota "v1" { metadata "metadata", spec "spec", status "status" }
    ResourceQuotaSpec { hard "hard", scope_selector "scopeSelector", scopes "scopes" }
    ResourceQuotaStatus { hard "hard", used "used" }
    ResourceRequirements { claims "claims", limits "limits", requests "requests" }
    ResourceStatus { name "name", resources "resources" }
    SELinuxOptions { level "level", role "role", type_ "type", user "user" }
    ScaleIOPersistentVolumeSource {
        fs_type "fsType", gateway "gateway", protection_domain "protectionDomain", read_only "readOnly",
        secret_ref "secretRef", ssl_enabled "sslEnabled", storage_mode "storageMode", storage_pool "storagePool",
        system "system", volume_name "volumeName",
    }
    ScaleIOVolumeSource {
        fs_type "fsType", gateway "gateway", protection_domain "protectionDomain", read_only "readOnly",
        secret_ref "secretRef", ssl_enabled "sslEnabled", storage_mode "storageMode", storage_pool "storagePool",
        system "system", volume_name "volumeName",
    }
    ScopeSelector { match_expressions "matchExpressions" }
    ScopedResourceSelectorRequirement { operator "operator", scope_name "scopeName", values "values" }
    SeccompProfile { localhost_profile "localhostProfile", type_ "type" }
    Secret "v1" { data "data", immutable "immutable", metadata "metadata", string_data "stringData", type_ "type" }
    SecretEnvSource { name "name", optional "optional" }
    SecretKeySelector { key "key", name "name", optional "optional" }
    SecretProjection { items "items", name "name", optional "optional" }
    SecretReference { name "name", namespace "namespace" }
    SecretVolumeSource { default_mode "defaultMode", items "items", optional "optional", secret_name "secretName" }
    SecurityContext {
        allow_privilege_escalation "allowPrivilegeEscalation", app_armor_profile "appArmorProfile",
        capabilities "capabilities", privileged "privileged", proc_mount "procMount",
        read_only_root_filesystem "readOnlyRootFilesystem", run_as_group "runAsGroup",
        run_as_non_root "runAsNonRoot", run_as_user "runAsUser", se_linux_options "seLinuxOptions",
        seccomp_profile "seccompProfile", windows_options "windowsOptions",
    }
    Service "v1" { metadata "metadata", spec "spec", status "status" }
    ServiceAccount "v1" {
        automount_service_account_token "automountServiceAccountToken", image_pull_secrets "imagePullSecrets",
        metadata "metadata", secrets "secrets",
    }
    ServiceAccountTokenProjection { audience "audience", expiration_seconds "expirationSeconds", path "path" }
    ServicePort {
        app_protocol "appProtocol", name "name", node_port "nodePort", port "port", protocol "protocol",
        target_port "targetPort",
    }
    ServiceSpec {
        allocate_load_balancer_node_ports "allocateLoadBalancerNodePorts", cluster_ip "clusterIP",
        cluster_ips "clusterIPs", external_ips "externalIPs", external_name "externalName",
        external_traffic_policy "externalTrafficPolicy", health_check_node_port "healthCheckNodePort",
        internal_traffic_policy "internalTrafficPolicy", ip_families "ipFamilies",
        ip_family_policy "ipFamilyPolicy", load_balancer_class "loadBalancerClass",
        load_balancer_ip "loadBalancerIP", load_balancer_source_ranges "loadBalancerSourceRanges", ports "ports",
        publish_not_ready_addresses "publishNotReadyAddresses", selector "selector",
        session_affinity "sessionAffinity", session_affinity_config "sessionAffinityConfig",
        traffic_distribution "trafficDistribution", type_ "type",
    }
    ServiceStatus { conditions "conditions", load_balancer "loadBalancer" }
    SessionAffinityConfig { client_ip "clientIP" }
    SleepAction { seconds "seconds" }
    StorageOSPersistentVolumeSource {
        fs_type "fsType", read_only "readOnly", secret_ref "secretRef", volume_name "volumeName",
        volume_namespace "volumeNamespace",
    }
    StorageOSVolumeSource {
        fs_type "fsType", read_only "readOnly", secret_ref "secretRef", volume_name "volumeName",
        volume_namespace "volumeNamespace",
    }
    Sysctl { name "name", value "value" }
    TCPSocketAction { host "host", port "port" }
    Taint { effect "effect", key "key", time_added "timeAdded", value "value" }
    Toleration {
        effect "effect", key "key", operator "operator", toleration_seconds "tolerationSeconds", value "value",
    }
    TopologySelectorLabelRequirement { key "key", values "values" }
    TopologySelectorTerm { match_label_expressions "matchLabelExpressions" }
    TopologySpreadConstraint {
        label_selector "labelSelector", match_label_keys "matchLabelKeys", max_skew "maxSkew",
        min_domains "minDomains", node_affinity_policy "nodeAffinityPolicy", node_taints_policy "nodeTaintsPolicy",
        topology_key "topologyKey", when_unsatisfiable "whenUnsatisfiable",
    }
    TypedLocalObjectReference { api_group "apiGroup", kind "kind", name "name" }
    TypedObjectReference { api_group "apiGroup", kind "kind", name "name", namespace "namespace" }
    Volume {
        aws_elastic_block_store "awsElasticBlockStore", azure_disk "azureDisk", azure_file "azureFile",
        cephfs "cephfs", cinder "cinder", config_map "configMap", csi "csi", downward_api "downwardAPI",
        empty_dir "emptyDir", ephemeral "ephemeral", fc "fc", flex_volume "flexVolume", flocker "flocker",
        gce_persistent_disk "gcePersistentDisk", git_repo "gitRepo", glusterfs "glusterfs", host_path "hostPath",
        image "image", iscsi "iscsi", name "name", nfs "nfs", persistent_volume_claim "persistentVolumeClaim",
        photon_persistent_disk "photonPersistentDisk", portworx_volume "portworxVolume", projected "projected",
        quobyte "quobyte", rbd "rbd", scale_io "scaleIO", secret "secret", storageos "storageos",
        vsphere_volume "vsphereVolume",
    }
    VolumeDevice { device_path "devicePath", name "name" }
    VolumeMount {
        mount_path "mountPath", mount_propagation "mountPropagation", name "name", read_only "readOnly",
        recursive_read_only "recursiveReadOnly", sub_path "subPath", sub_path_expr "subPathExpr",
    }
    VolumeMountStatus {
        mount_path "mountPath", name "name", read_only "readOnly", recursive_read_only "recursiveReadOnly",
        volume_status "volumeStatus",
    }
    VolumeNodeAffinity { required "required" }
    VolumeProjection {
        cluster_trust_bundle "clusterTrustBundle", config_map "configMap", downward_api "downwardAPI",
        pod_certificate "podCertificate", secret "secret", service_account_token "serviceAccountToken",
    }
    VolumeResourceRequirements { limits "limits", requests "requests" }
    VolumeStatus { image "image" }
    VsphereVirtualDiskVolumeSource {
        fs_type "fsType", storage_policy_id "storagePolicyID", storage_policy_name "storagePolicyName",
        volume_path "volumePath",
    }
    WeightedPodAffinityTerm { pod_affinity_term "podAffinityTerm", weight "weight" }
    WindowsSecurityContextOptions {
        gmsa_credential_spec "gmsaCredentialSpec", gmsa_credential_spec_name "gmsaCredentialSpecName",
        host_process "hostProcess", run_as_user_name "runAsUserName",
    }
}
