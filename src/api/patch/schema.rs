//! Which lists and maps merge, and by which key: the `patchStrategy` and `patchMergeKey` tags of the Go types.
//!
//! Mirrors `PatchMetaFromStruct`. The table holds the fields on the way to a tagged one; what is not in it
//! merges as an untagged field does (maps by key, lists replaced).

use crate::api::object::Kind;

/// How a field is patched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strategy {
    /// `patchStrategy:"merge"`: lists merge by key, or as sets when they hold scalars.
    pub merge: bool,
    /// `patchStrategy:"retainKeys"`: a patch lists the keys that stay.
    pub retain_keys: bool,
    /// `patchMergeKey`; empty for scalars and untagged fields.
    pub merge_key: &'static str,
    /// `patchStrategy:"replace"`: a map is taken as it is.
    pub replace: bool,
}

/// A Go type that has tagged fields below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeName {
    Container,
    CSINode,
    CSINodeSpec,
    CronJob,
    CronJobSpec,
    DaemonSet,
    DaemonSetSpec,
    DaemonSetStatus,
    Deployment,
    DeploymentSpec,
    DeploymentStatus,
    Job,
    JobSpec,
    JobStatus,
    JobTemplateSpec,
    MetadataOnly,
    Namespace,
    NamespaceStatus,
    Node,
    NodeSpec,
    NodeStatus,
    ObjectMeta,
    PersistentVolumeClaim,
    PersistentVolumeClaimStatus,
    Pod,
    PodDisruptionBudget,
    PodDisruptionBudgetSpec,
    PodDisruptionBudgetStatus,
    PodSpec,
    PodStatus,
    PodTemplate,
    PodTemplateSpec,
    ReplicaSet,
    ReplicaSetSpec,
    ReplicaSetStatus,
    ReplicationController,
    ReplicationControllerSpec,
    ReplicationControllerStatus,
    Service,
    ServiceAccount,
    ServiceSpec,
    ServiceStatus,
    StatefulSet,
    StatefulSetSpec,
    StatefulSetStatus,
    /// A type without tagged fields below it, or one the table does not know.
    Untagged,
}

/// A field's tags and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub strategy: Strategy,
    /// The type of the field, or of its elements if it is a list.
    pub of: TypeName,
}

const PLAIN: Strategy = Strategy { merge: false, retain_keys: false, merge_key: "", replace: false };
const SET: Strategy = Strategy { merge: true, ..PLAIN };
const RETAIN: Strategy = Strategy { retain_keys: true, ..PLAIN };
const REPLACE: Strategy = Strategy { replace: true, ..PLAIN };

const fn by(merge_key: &'static str) -> Strategy {
    Strategy { merge: true, merge_key, ..PLAIN }
}

const fn by_retaining(merge_key: &'static str) -> Strategy {
    Strategy { merge: true, retain_keys: true, merge_key, ..PLAIN }
}

/// The tagged fields, and the fields on the way to one: type, field, tags, type of the field. Node taints carry
/// no tags upstream: a patch replaces them all.
static FIELDS: &[(TypeName, &str, Strategy, TypeName)] = {
    use TypeName as T;
    &[
        (T::Container, "env", by("name"), T::Untagged),
        (T::Container, "ports", by("containerPort"), T::Untagged),
        (T::Container, "volumeDevices", by("devicePath"), T::Untagged),
        (T::Container, "volumeMounts", by("mountPath"), T::Untagged),
        (T::CSINode, "metadata", PLAIN, T::ObjectMeta),
        (T::CSINode, "spec", PLAIN, T::CSINodeSpec),
        (T::CSINodeSpec, "drivers", by("name"), T::Untagged),
        (T::CronJob, "metadata", PLAIN, T::ObjectMeta),
        (T::CronJob, "spec", PLAIN, T::CronJobSpec),
        (T::CronJobSpec, "jobTemplate", PLAIN, T::JobTemplateSpec),
        (T::DaemonSet, "metadata", PLAIN, T::ObjectMeta),
        (T::DaemonSet, "spec", PLAIN, T::DaemonSetSpec),
        (T::DaemonSet, "status", PLAIN, T::DaemonSetStatus),
        (T::DaemonSetSpec, "template", PLAIN, T::PodTemplateSpec),
        (T::DaemonSetStatus, "conditions", by("type"), T::Untagged),
        (T::Deployment, "metadata", PLAIN, T::ObjectMeta),
        (T::Deployment, "spec", PLAIN, T::DeploymentSpec),
        (T::Deployment, "status", PLAIN, T::DeploymentStatus),
        (T::DeploymentSpec, "strategy", RETAIN, T::Untagged),
        (T::DeploymentSpec, "template", PLAIN, T::PodTemplateSpec),
        (T::DeploymentStatus, "conditions", by("type"), T::Untagged),
        (T::Job, "metadata", PLAIN, T::ObjectMeta),
        (T::Job, "spec", PLAIN, T::JobSpec),
        (T::Job, "status", PLAIN, T::JobStatus),
        (T::JobSpec, "template", PLAIN, T::PodTemplateSpec),
        (T::JobStatus, "conditions", by("type"), T::Untagged),
        (T::JobTemplateSpec, "metadata", PLAIN, T::ObjectMeta),
        (T::JobTemplateSpec, "spec", PLAIN, T::JobSpec),
        (T::MetadataOnly, "metadata", PLAIN, T::ObjectMeta),
        (T::Namespace, "metadata", PLAIN, T::ObjectMeta),
        (T::Namespace, "status", PLAIN, T::NamespaceStatus),
        (T::NamespaceStatus, "conditions", by("type"), T::Untagged),
        (T::Node, "metadata", PLAIN, T::ObjectMeta),
        (T::Node, "spec", PLAIN, T::NodeSpec),
        (T::Node, "status", PLAIN, T::NodeStatus),
        (T::NodeSpec, "podCIDRs", SET, T::Untagged),
        (T::NodeStatus, "addresses", by("type"), T::Untagged),
        (T::NodeStatus, "conditions", by("type"), T::Untagged),
        (T::ObjectMeta, "finalizers", SET, T::Untagged),
        (T::ObjectMeta, "ownerReferences", by("uid"), T::Untagged),
        (T::PersistentVolumeClaim, "metadata", PLAIN, T::ObjectMeta),
        (T::PersistentVolumeClaim, "status", PLAIN, T::PersistentVolumeClaimStatus),
        (T::PersistentVolumeClaimStatus, "conditions", by("type"), T::Untagged),
        (T::Pod, "metadata", PLAIN, T::ObjectMeta),
        (T::Pod, "spec", PLAIN, T::PodSpec),
        (T::Pod, "status", PLAIN, T::PodStatus),
        (T::PodDisruptionBudget, "metadata", PLAIN, T::ObjectMeta),
        (T::PodDisruptionBudget, "spec", PLAIN, T::PodDisruptionBudgetSpec),
        (T::PodDisruptionBudget, "status", PLAIN, T::PodDisruptionBudgetStatus),
        (T::PodDisruptionBudgetSpec, "selector", REPLACE, T::Untagged),
        (T::PodDisruptionBudgetStatus, "conditions", by("type"), T::Untagged),
        (T::PodSpec, "containers", by("name"), T::Container),
        (T::PodSpec, "ephemeralContainers", by("name"), T::Container),
        (T::PodSpec, "hostAliases", by("ip"), T::Untagged),
        (T::PodSpec, "imagePullSecrets", by("name"), T::Untagged),
        (T::PodSpec, "initContainers", by("name"), T::Container),
        (T::PodSpec, "resourceClaims", by_retaining("name"), T::Untagged),
        (T::PodSpec, "schedulingGates", by("name"), T::Untagged),
        (T::PodSpec, "topologySpreadConstraints", by("topologyKey"), T::Untagged),
        (T::PodSpec, "volumes", by_retaining("name"), T::Untagged),
        (T::PodStatus, "conditions", by("type"), T::Untagged),
        (T::PodStatus, "hostIPs", by("ip"), T::Untagged),
        (T::PodStatus, "podIPs", by("ip"), T::Untagged),
        (T::PodStatus, "resourceClaimStatuses", by_retaining("name"), T::Untagged),
        (T::PodTemplate, "metadata", PLAIN, T::ObjectMeta),
        (T::PodTemplate, "template", PLAIN, T::PodTemplateSpec),
        (T::PodTemplateSpec, "metadata", PLAIN, T::ObjectMeta),
        (T::PodTemplateSpec, "spec", PLAIN, T::PodSpec),
        (T::ReplicaSet, "metadata", PLAIN, T::ObjectMeta),
        (T::ReplicaSet, "spec", PLAIN, T::ReplicaSetSpec),
        (T::ReplicaSet, "status", PLAIN, T::ReplicaSetStatus),
        (T::ReplicaSetSpec, "template", PLAIN, T::PodTemplateSpec),
        (T::ReplicaSetStatus, "conditions", by("type"), T::Untagged),
        (T::ReplicationController, "metadata", PLAIN, T::ObjectMeta),
        (T::ReplicationController, "spec", PLAIN, T::ReplicationControllerSpec),
        (T::ReplicationController, "status", PLAIN, T::ReplicationControllerStatus),
        (T::ReplicationControllerSpec, "template", PLAIN, T::PodTemplateSpec),
        (T::ReplicationControllerStatus, "conditions", by("type"), T::Untagged),
        (T::Service, "metadata", PLAIN, T::ObjectMeta),
        (T::Service, "spec", PLAIN, T::ServiceSpec),
        (T::Service, "status", PLAIN, T::ServiceStatus),
        (T::ServiceAccount, "metadata", PLAIN, T::ObjectMeta),
        (T::ServiceAccount, "secrets", by("name"), T::Untagged),
        (T::ServiceSpec, "ports", by("port"), T::Untagged),
        (T::ServiceStatus, "conditions", by("type"), T::Untagged),
        (T::StatefulSet, "metadata", PLAIN, T::ObjectMeta),
        (T::StatefulSet, "spec", PLAIN, T::StatefulSetSpec),
        (T::StatefulSet, "status", PLAIN, T::StatefulSetStatus),
        (T::StatefulSetSpec, "template", PLAIN, T::PodTemplateSpec),
        (T::StatefulSetStatus, "conditions", by("type"), T::Untagged),
    ]
};

impl TypeName {
    /// The type of a kind.
    pub fn of(kind: Kind) -> TypeName {
        match kind {
            Kind::CSINode => TypeName::CSINode,
            Kind::CronJob => TypeName::CronJob,
            Kind::DaemonSet => TypeName::DaemonSet,
            Kind::Deployment => TypeName::Deployment,
            Kind::Job => TypeName::Job,
            Kind::Namespace => TypeName::Namespace,
            Kind::Node => TypeName::Node,
            Kind::PersistentVolumeClaim => TypeName::PersistentVolumeClaim,
            Kind::Pod => TypeName::Pod,
            Kind::PodDisruptionBudget => TypeName::PodDisruptionBudget,
            Kind::PodTemplate => TypeName::PodTemplate,
            Kind::ReplicaSet => TypeName::ReplicaSet,
            Kind::ReplicationController => TypeName::ReplicationController,
            Kind::Service => TypeName::Service,
            Kind::ServiceAccount => TypeName::ServiceAccount,
            Kind::StatefulSet => TypeName::StatefulSet,
            Kind::Binding
            | Kind::ConfigMap
            | Kind::ControllerRevision
            | Kind::Endpoints
            | Kind::EndpointSlice
            | Kind::Event
            | Kind::EventsV1Event
            | Kind::CSIDriver
            | Kind::Lease
            | Kind::LimitRange
            | Kind::PersistentVolume
            | Kind::PriorityClass
            | Kind::ResourceQuota
            | Kind::Secret
            | Kind::StorageClass
            | Kind::VolumeAttachment => TypeName::MetadataOnly,
        }
    }

    /// The tags of one of its fields.
    pub fn field(self, name: &str) -> Field {
        FIELDS.iter().find(|(of, field, _, _)| *of == self && *field == name).map_or(
            Field { strategy: PLAIN, of: TypeName::Untagged },
            |(_, _, strategy, of)| Field { strategy: *strategy, of: *of },
        )
    }
}
