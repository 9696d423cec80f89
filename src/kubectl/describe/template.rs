//! What pods and pod templates have in common.

use k8s_openapi::api::core::v1::{PodTemplateSpec, Toleration, TopologySpreadConstraint};

use crate::api::selectors;
use crate::sim::Order;

use super::writer::Text;
use super::{containers, volumes};

/// `DescribePodTemplate`.
pub fn write(text: &mut Text, template: Option<&PodTemplateSpec>) {
    text.put(0, "Pod Template:\n");
    let Some(template) = template else {
        text.put(1, "<unset>");
        return;
    };
    let meta = template.metadata.as_ref();
    text.labels("  Labels", meta.and_then(|meta| meta.labels.as_ref()));
    let annotations = meta.and_then(|meta| meta.annotations.as_ref()).filter(|annotations| !annotations.is_empty());
    if annotations.is_some() {
        text.annotations_titled("  Annotations", annotations);
    }
    let Some(spec) = &template.spec else { return };
    if let Some(account) = spec.service_account_name.as_deref().filter(|account| !account.is_empty()) {
        text.field(1, "Service Account", account);
    }
    let init = spec.init_containers.as_deref().unwrap_or_default();
    if !init.is_empty() {
        containers::write(text, "Init Containers", init, &[], None, "  ");
    }
    containers::write(text, "Containers", &spec.containers, &[], None, "  ");
    volumes::write(text, spec.volumes.as_deref().unwrap_or_default(), "  ");
    spread(text, spec.topology_spread_constraints.as_deref().unwrap_or_default(), "  ");
    if let Some(class) = spec.priority_class_name.as_deref().filter(|class| !class.is_empty()) {
        text.field(1, "Priority Class Name", class);
    }
    text.labels("  Node-Selectors", spec.node_selector.as_ref());
    tolerations(text, "  Tolerations", spec.tolerations.as_deref().unwrap_or_default());
}

/// `printPodTolerationsMultiline`.
pub fn tolerations(text: &mut Text, title: &str, tolerations: &[Toleration]) {
    text.put(0, format!("{title}:\t"));
    if tolerations.is_empty() {
        text.put(0, "<none>\n");
        return;
    }
    let mut sorted: Vec<&Toleration> = tolerations.iter().collect();
    sorted.order_by(|a, b| a.key.cmp(&b.key));
    for (index, toleration) in sorted.into_iter().enumerate() {
        if index > 0 {
            text.put(0, "\t");
        }
        let key = toleration.key.as_deref().unwrap_or_default();
        let value = toleration.value.as_deref().unwrap_or_default();
        let effect = toleration.effect.as_deref().unwrap_or_default();
        let mut line = key.to_owned();
        if !value.is_empty() {
            line.push_str(&format!("={value}"));
        }
        if !effect.is_empty() {
            line.push_str(&format!(":{effect}"));
        }
        if toleration.operator.as_deref() == Some("Exists") && value.is_empty() {
            line.push_str(if line.is_empty() { "op=Exists" } else { " op=Exists" });
        }
        if let Some(seconds) = toleration.toleration_seconds {
            line.push_str(&format!(" for {seconds}s"));
        }
        text.put(0, format!("{line}\n"));
    }
}

/// `describeTopologySpreadConstraints`.
pub fn spread(text: &mut Text, constraints: &[TopologySpreadConstraint], space: &str) {
    if constraints.is_empty() {
        return;
    }
    let mut sorted: Vec<&TopologySpreadConstraint> = constraints.iter().collect();
    sorted.order_by(|a, b| a.topology_key.cmp(&b.topology_key));
    text.put(0, format!("{space}Topology Spread Constraints:\t"));
    for (index, constraint) in sorted.into_iter().enumerate() {
        if index > 0 {
            text.put(0, format!("{space}\t"));
        }
        let mut line = format!(
            "{}:{} when max skew {} is exceeded",
            constraint.topology_key, constraint.when_unsatisfiable, constraint.max_skew
        );
        if let Some(selector) = &constraint.label_selector {
            line.push_str(&format!(" for selector {}", selectors::format_meta(Some(selector))));
        }
        text.put(0, format!("{line}\n"));
    }
}
