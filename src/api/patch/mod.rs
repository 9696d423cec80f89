//! Patches: JSON patch, JSON merge patch and strategic merge patch, applied and computed.
//!
//! Mirrors apiserver/pkg/endpoints/handlers/patch.go (how a patch is applied, and its errors) and
//! apimachinery/pkg/util/{strategicpatch,jsonmergepatch}. Leaves out: apply patches (server-side apply), and
//! the conflict report of `--overwrite=false`.

mod diff;
mod json;
mod merge;
mod order;
mod schema;

pub use diff::{three_way_strategic, two_way_strategic};
pub use json::{create_merge_patch, json_patch, merge_patch, three_way_merge};
pub use merge::strategic_merge;
pub use schema::{Field, Strategy, TypeName};

/// Why a strategic merge patch cannot be applied or computed: `mergepatch`'s errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatchError {
    /// The patch is malformed: a BadRequest.
    BadFormat(String),
    /// Well-formed but meaningless for these objects: an internal error of the API server, as upstream.
    Other(String),
}

impl std::fmt::Display for PatchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PatchError::BadFormat(message) | PatchError::Other(message) => f.write_str(message),
        }
    }
}

/// A JSON object.
type Map = serde_json::Map<String, serde_json::Value>;

/// `$patch`: says what to do with the map it stands in.
const DIRECTIVE: &str = "$patch";
/// `$retainKeys`: the keys that stay.
const RETAIN_KEYS: &str = "$retainKeys";
/// `$deleteFromPrimitiveList/<list>`: the scalars to take out.
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList";
/// `$setElementOrder/<list>`: the order the patcher wants.
const SET_ELEMENT_ORDER: &str = "$setElementOrder";

/// The list that a `$prefix/list` key is about.
fn listed<'a>(key: &'a str, prefix: &str) -> Option<&'a str> {
    key.strip_prefix(prefix)?.strip_prefix('/')
}

#[cfg(test)]
mod tests;
