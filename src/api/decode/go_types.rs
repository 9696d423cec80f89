//! The Go types of fields: elements by asking the Rust type, named strings by a table.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// The Go type of the elements (or, of a map, the values) that a visitor collects: `v1.Container`, `string`.
pub(super) fn go_type_of<'v, V: Visitor<'v>>(visitor: V, is_list: bool) -> String {
    let mut found = String::new();
    let probe = Probe { found: &mut found, key_given: false };
    // It fails as soon as the element's type is known: that is its purpose.
    let _ = if is_list { visitor.visit_seq(probe).map(drop) } else { visitor.visit_map(probe).map(drop) };
    found
}

/// Pretends to be a list or map with one element, to hear what is wanted of it.
struct Probe<'s> {
    found: &'s mut String,
    key_given: bool,
}

type Error = serde_json::Error;

impl Probe<'_> {
    fn is<T>(self, go_type: &str) -> Result<T, Error> {
        self.found.push_str(go_type);
        Err(Error::custom("the type is known"))
    }
}

impl<'v> SeqAccess<'v> for Probe<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        seed.deserialize(Probe { found: self.found, key_given: false }).map(Some)
    }
}

impl<'v> MapAccess<'v> for Probe<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'v>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        if std::mem::replace(&mut self.key_given, true) {
            return Ok(None);
        }
        seed.deserialize(serde::de::value::BorrowedStrDeserializer::new("")).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'v>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Probe { found: self.found, key_given: false })
    }
}

impl<'v> Deserializer<'v> for Probe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'v>>(self, _: V) -> Result<V::Value, Error> {
        self.is("intstr.IntOrString")
    }

    fn deserialize_bool<V: Visitor<'v>>(self, _: V) -> Result<V::Value, Error> {
        self.is("bool")
    }

    fn deserialize_i32<V: Visitor<'v>>(self, _: V) -> Result<V::Value, Error> {
        self.is("int32")
    }

    fn deserialize_i64<V: Visitor<'v>>(self, _: V) -> Result<V::Value, Error> {
        self.is("int64")
    }

    fn deserialize_str<V: Visitor<'v>>(self, _: V) -> Result<V::Value, Error> {
        self.is("[]uint8")
    }

    fn deserialize_string<V: Visitor<'v>>(self, _: V) -> Result<V::Value, Error> {
        self.is("string")
    }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(self, name: &'static str, _: V) -> Result<V::Value, Error> {
        match name {
            "Quantity" => self.is("resource.Quantity"),
            "RawExtension" => self.is("runtime.RawExtension"),
            name => self.is(&format!("v1.{name}")),
        }
    }

    fn deserialize_seq<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Error> {
        self.found.push_str("[]");
        visitor.visit_seq(self)
    }

    fn deserialize_map<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, Error> {
        self.found.push_str("map[string]");
        visitor.visit_map(self)
    }

    fn deserialize_struct<V: Visitor<'v>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.is(&format!("v1.{name}"))
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'v>>
        i8 i16 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct enum
        identifier ignored_any
    }
}

/// The named string type of a field (of a list's elements), where Go has one.
pub(super) fn alias(struct_name: &str, field: &str) -> Option<&'static str> {
    Some(match (struct_name, field) {
        (_, "uid") => "types.UID",
        ("Container" | "EphemeralContainer", "imagePullPolicy") => "v1.PullPolicy",
        ("Container" | "EphemeralContainer", "terminationMessagePolicy") => "v1.TerminationMessagePolicy",
        ("Container" | "EphemeralContainer", "restartPolicy") => "v1.ContainerRestartPolicy",
        ("ContainerPort" | "ServicePort" | "PortStatus", "protocol") => "v1.Protocol",
        ("PodSpec", "restartPolicy") => "v1.RestartPolicy",
        ("PodSpec", "dnsPolicy") => "v1.DNSPolicy",
        ("PodSpec", "preemptionPolicy") => "v1.PreemptionPolicy",
        ("PodOS", "name") => "v1.OSName",
        ("PodStatus", "phase") => "v1.PodPhase",
        ("PodStatus", "qosClass") => "v1.PodQOSClass",
        ("PodStatus", "resize") => "v1.PodResizeStatus",
        ("LimitRangeItem", "type") => "v1.LimitType",
        ("PodDisruptionBudgetSpec", "unhealthyPodEvictionPolicy") => "v1.UnhealthyPodEvictionPolicyType",
        ("PriorityClass", "preemptionPolicy") => "v1.PreemptionPolicy",
        ("ResourceQuotaSpec", "scopes") => "v1.ResourceQuotaScope",
        ("ScopedResourceSelectorRequirement", "operator") => "v1.ScopeSelectorOperator",
        ("ScopedResourceSelectorRequirement", "scopeName") => "v1.ResourceQuotaScope",
        ("PodCondition", "type") | ("PodReadinessGate", "conditionType") => "v1.PodConditionType",
        (
            "PodCondition" | "NodeCondition" | "DeploymentCondition" | "ReplicaSetCondition" | "NamespaceCondition",
            "status",
        ) => "v1.ConditionStatus",
        ("NodeCondition", "type") => "v1.NodeConditionType",
        ("DeploymentCondition", "type") => "v1.DeploymentConditionType",
        ("ReplicaSetCondition", "type") => "v1.ReplicaSetConditionType",
        ("NamespaceCondition", "type") => "v1.NamespaceConditionType",
        ("Toleration", "operator") => "v1.TolerationOperator",
        ("Toleration" | "Taint", "effect") => "v1.TaintEffect",
        ("NodeSelectorRequirement", "operator") => "v1.NodeSelectorOperator",
        ("LabelSelectorRequirement", "operator") => "v1.LabelSelectorOperator",
        ("TopologySpreadConstraint", "whenUnsatisfiable") => "v1.UnsatisfiableConstraintAction",
        ("TopologySpreadConstraint", "nodeAffinityPolicy" | "nodeTaintsPolicy") => "v1.NodeInclusionPolicy",
        ("HTTPGetAction", "scheme") => "v1.URIScheme",
        ("VolumeMount", "mountPropagation") => "v1.MountPropagationMode",
        ("VolumeMount", "recursiveReadOnly") => "v1.RecursiveReadOnlyMode",
        ("HostPathVolumeSource", "type") => "v1.HostPathType",
        ("EmptyDirVolumeSource", "medium") => "v1.StorageMedium",
        ("PersistentVolumeSpec", "persistentVolumeReclaimPolicy") | ("StorageClass", "reclaimPolicy") => {
            "v1.PersistentVolumeReclaimPolicy"
        }
        ("PersistentVolumeSpec", "accessModes") => "v1.PersistentVolumeAccessMode",
        ("PersistentVolumeSpec", "volumeMode") => "v1.PersistentVolumeMode",
        ("StorageClass", "volumeBindingMode") => "v1.VolumeBindingMode",
        ("PersistentVolumeClaimSpec", "accessModes") => "v1.PersistentVolumeAccessMode",
        ("PersistentVolumeClaimSpec", "volumeMode") => "v1.PersistentVolumeMode",
        ("ImageVolumeSource", "pullPolicy") => "v1.PullPolicy",
        ("PodSecurityContext", "fsGroupChangePolicy") => "v1.PodFSGroupChangePolicy",
        ("PodSecurityContext", "supplementalGroupsPolicy") => "v1.SupplementalGroupsPolicy",
        ("SecurityContext", "procMount") => "v1.ProcMountType",
        ("SeccompProfile", "type") => "v1.SeccompProfileType",
        ("AppArmorProfile", "type") => "v1.AppArmorProfileType",
        ("Capabilities", "add" | "drop") => "v1.Capability",
        ("ContainerResizePolicy", "resourceName") => "v1.ResourceName",
        ("ContainerResizePolicy", "restartPolicy") => "v1.ResourceResizeRestartPolicy",
        ("ServiceSpec", "type") => "v1.ServiceType",
        ("ServiceSpec", "sessionAffinity") => "v1.ServiceAffinity",
        ("ServiceSpec", "externalTrafficPolicy") => "v1.ServiceExternalTrafficPolicy",
        ("ServiceSpec", "internalTrafficPolicy") => "v1.ServiceInternalTrafficPolicy",
        ("ServiceSpec", "ipFamilies") => "v1.IPFamily",
        ("ServiceSpec", "ipFamilyPolicy") => "v1.IPFamilyPolicy",
        ("DeploymentStrategy", "type") => "v1.DeploymentStrategyType",
        ("NamespaceSpec", "finalizers") => "v1.FinalizerName",
        ("NamespaceStatus", "phase") => "v1.NamespacePhase",
        ("NodeStatus", "phase") => "v1.NodePhase",
        ("NodeAddress", "type") => "v1.NodeAddressType",
        ("Secret", "type") => "v1.SecretType",
        ("LeaseSpec", "strategy") => "v1.CoordinatedLeaseStrategy",
        ("ManagedFieldsEntry", "operation") => "v1.ManagedFieldsOperationType",
        _ => return None,
    })
}
