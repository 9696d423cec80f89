//! Secret, v1.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::strategy;
use crate::api::defaults;
use crate::api::kind::{KindInfo, Scope, plain};
use crate::api::object::{Kind, Object};
use crate::api::validation::config;

/// The registry's entry.
pub const INFO: KindInfo = KindInfo {
    group: "",
    version: "v1",
    kind: "Secret",
    plural: "secrets",
    singular: "secret",
    short_names: &[],
    categories: &[],
    scope: Scope::Namespaced,
    subresources: &[],
    etcd_prefix: "secrets",
    default,
    prepare_update: strategy::keep_metadata,
    validate: |object| strategy::check(object, config::secret),
    validate_update: |new, old| strategy::compare(new, old, config::secret_update),
    field_labels: &["type"],
    field,
    columns: crate::api::printers::config::SECRET_COLUMNS,
    row: crate::api::printers::config::secret_row,
    ..plain(Kind::Secret)
};

/// The type is `Opaque` unless given. `stringData` is merged into `data`, as conversion does upstream.
fn default(object: &mut Object) {
    let own = strategy::own::<Secret>(object);
    defaults::text(&mut own.type_, "Opaque");
    if let Some(strings) = own.string_data.take() {
        let strings = strings.into_iter().map(|(key, value)| (key, ByteString(value.into_bytes())));
        own.data.get_or_insert_default().extend(strings);
    }
}

fn field(object: &Object, label: &str) -> Option<String> {
    (label == "type").then(|| object.expect::<Secret>().type_.clone().unwrap_or_default())
}
