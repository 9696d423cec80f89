//! ConfigMaps, Secrets, ServiceAccounts and Leases: `printConfigMap`, `printSecret`, `printServiceAccount`,
//! `printLease`.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use serde_json::Value;

use super::{age, column};
use crate::api::kind::{AGE, Column, NAME};
use crate::api::object::Object;

/// Name, Data, Age.
pub const CONFIG_MAP_COLUMNS: &[Column] = &[
    NAME,
    column(
        "Data",
        "string",
        "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'. Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap with the keys in the BinaryData field, this is enforced during validation process.",
    ),
    AGE,
];

/// Name, Type, Data, Age.
pub const SECRET_COLUMNS: &[Column] = &[
    NAME,
    column(
        "Type",
        "string",
        "Used to facilitate programmatic handling of secret data. More info: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types",
    ),
    column(
        "Data",
        "string",
        "Data contains the secret data. Each key must consist of alphanumeric characters, '-', '_' or '.'. The serialized form of the secret data is a base64 encoded string, representing the arbitrary (possibly non-string) data value here. Described in https://tools.ietf.org/html/rfc4648#section-4",
    ),
    AGE,
];

/// Name, Secrets, Age.
pub const SERVICE_ACCOUNT_COLUMNS: &[Column] = &[
    NAME,
    column(
        "Secrets",
        "string",
        "Secrets is a list of the secrets in the same namespace that pods running using this ServiceAccount are allowed to use. Pods are only limited to this list if this service account has a \"kubernetes.io/enforce-mountable-secrets\" annotation set to \"true\". The \"kubernetes.io/enforce-mountable-secrets\" annotation is deprecated since v1.32. Prefer separate namespaces to isolate access to mounted secrets. This field should not be used to find auto-generated service account token secrets for use outside of pods. Instead, tokens can be requested directly using the TokenRequest API, or service account token secrets can be manually created. More info: https://kubernetes.io/docs/concepts/configuration/secret",
    ),
    AGE,
];

/// Name, Holder, Age.
pub const LEASE_COLUMNS: &[Column] = &[
    NAME,
    column(
        "Holder",
        "string",
        "holderIdentity contains the identity of the holder of a current lease. If Coordinated Leader Election is used, the holder identity must be equal to the elected LeaseCandidate.metadata.name field.",
    ),
    AGE,
];

/// The cells of a ConfigMap.
pub fn config_map_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(map) = object.get::<ConfigMap>() else { return Vec::new() };
    let entries =
        map.data.as_ref().map_or(0, |data| data.len()) + map.binary_data.as_ref().map_or(0, |data| data.len());
    vec![Value::from(object.name()), Value::from(entries), age(object, now_unix_micros)]
}

/// The cells of a Secret.
pub fn secret_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(secret) = object.get::<Secret>() else { return Vec::new() };
    vec![
        Value::from(object.name()),
        Value::from(secret.type_.clone().unwrap_or_default()),
        Value::from(secret.data.as_ref().map_or(0, |data| data.len())),
        age(object, now_unix_micros),
    ]
}

/// The cells of a ServiceAccount.
pub fn service_account_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(account) = object.get::<ServiceAccount>() else { return Vec::new() };
    let secrets = account.secrets.as_ref().map_or(0, Vec::len);
    vec![Value::from(object.name()), Value::from(secrets), age(object, now_unix_micros)]
}

/// The cells of a Lease.
pub fn lease_row(object: &Object, now_unix_micros: i64) -> Vec<Value> {
    let Some(lease) = object.get::<Lease>() else { return Vec::new() };
    let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
    vec![Value::from(object.name()), Value::from(holder), age(object, now_unix_micros)]
}
