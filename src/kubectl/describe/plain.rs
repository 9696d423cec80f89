//! Kinds with little to tell: config maps, namespaces, secrets, service accounts.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::{Method, Object, Request};

use super::super::builder::{CHUNK, objects};
use super::super::errors::{Stop, attempt};
use super::super::io::Io;
use super::events;
use super::writer::Text;

fn head(text: &mut Text, meta: &ObjectMeta) {
    text.field(0, "Name", meta.name.as_deref().unwrap_or_default());
    if let Some(namespace) = meta.namespace.as_deref().filter(|namespace| !namespace.is_empty()) {
        text.field(0, "Namespace", namespace);
    }
    text.labels("Labels", meta.labels.as_ref());
    text.annotations(meta.annotations.as_ref());
}

/// `ConfigMapDescriber`.
pub fn config_map(io: &mut Io<'_, '_>, map: &ConfigMap, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    head(&mut text, &map.metadata);
    text.put(0, "\nData\n====\n");
    for (key, value) in map.data.iter().flatten() {
        text.put(0, format!("{key}:\n----\n{value}\n\n"));
    }
    text.put(0, "\nBinaryData\n====\n");
    for (key, value) in map.binary_data.iter().flatten() {
        text.put(0, format!("{key}: {} bytes\n", value.0.len()));
    }
    text.put(0, "\n");
    events::write(io, &mut text, "ConfigMap", &map.metadata, show_events)?;
    Ok(text.aligned())
}

/// What a namespace has of a kind; a failure to list it means none.
fn listed(io: &mut Io<'_, '_>, namespace: &str, plural: &str) -> Result<Vec<Arc<Object>>, Stop> {
    let path = format!("/api/v1/namespaces/{namespace}/{plural}");
    let listed = io.ask(|| Request::new(Method::Get, path.as_str()).with("limit", CHUNK));
    Ok(attempt(listed)?.map(|response| objects(&response)).unwrap_or_default())
}

/// `NamespaceDescriber`.
pub fn namespace(io: &mut Io<'_, '_>, namespace: &Namespace) -> Result<String, Stop> {
    let mut text = Text::default();
    let name = namespace.metadata.name.as_deref().unwrap_or_default();
    let quotas = listed(io, name, "resourcequotas")?;
    let ranges = listed(io, name, "limitranges")?;
    head(&mut text, &namespace.metadata);
    let status = namespace.status.as_ref();
    text.field(0, "Status", status.and_then(|status| status.phase.as_deref()).unwrap_or_default());
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    if !conditions.is_empty() {
        text.put(0, "Conditions:\n  Type\tStatus\tLastTransitionTime\tReason\tMessage\n");
        text.put(1, "----\t------\t------------------\t------\t-------\n");
        for condition in conditions {
            text.put(
                1,
                format!(
                    "{}\t{}\t{}\t{}\t{}\n",
                    condition.type_,
                    condition.status,
                    condition.last_transition_time.as_ref().map(super::writer::date).unwrap_or_default(),
                    condition.reason.as_deref().unwrap_or_default(),
                    condition.message.as_deref().unwrap_or_default(),
                ),
            );
        }
    }
    text.put(0, "\n");
    super::quota::quotas(&mut text, &quotas);
    text.put(0, "\n");
    super::quota::limit_ranges(&mut text, &ranges);
    Ok(text.aligned())
}

/// `SecretDescriber`.
pub fn secret(secret: &Secret) -> String {
    let mut text = Text::default();
    head(&mut text, &secret.metadata);
    let type_ = secret.type_.as_deref().unwrap_or_default();
    text.put(0, format!("\nType:\t{type_}\n"));
    text.put(0, "\nData\n====\n");
    for (key, value) in secret.data.iter().flatten() {
        match (key.as_str(), type_) {
            ("token", "kubernetes.io/service-account-token") => {
                text.field(0, key, String::from_utf8_lossy(&value.0));
            }
            _ => text.field(0, key, format!("{} bytes", value.0.len())),
        }
    }
    text.aligned()
}

/// `ServiceAccountDescriber`.
pub fn service_account(io: &mut Io<'_, '_>, account: &ServiceAccount, show_events: bool) -> Result<String, Stop> {
    let mut text = Text::default();
    head(&mut text, &account.metadata);
    let pulls = account.image_pull_secrets.iter().flatten().map(|secret| secret.name.clone()).collect();
    let mounts = account.secrets.iter().flatten().map(|secret| secret.name.clone().unwrap_or_default()).collect();
    names(&mut text, "Image pull secrets", pulls);
    names(&mut text, "Mountable secrets", mounts);
    // Tokens are found by listing secrets of their type; none are made since 1.24.
    names(&mut text, "Tokens", Vec::new());
    events::write(io, &mut text, "ServiceAccount", &account.metadata, show_events)?;
    Ok(text.aligned())
}

fn names(text: &mut Text, title: &str, names: Vec<String>) {
    if names.is_empty() {
        text.field(0, title, "<none>");
        return;
    }
    for (index, name) in names.into_iter().enumerate() {
        let title = if index == 0 { format!("{title}:") } else { String::new() };
        text.put(0, format!("{title}\t{name}\n"));
    }
}
