//! Hashes of what is in a template: they tell the ReplicaSets of a Deployment and the revisions of a set apart.
//!
//! Mirrors pkg/controller `ComputeHash`, pkg/controller/history `HashControllerRevision` and apimachinery
//! `rand.SafeEncodeString`. Where upstream hashes Go's dump of a template this hashes its JSON, so that those hashes
//! are others.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::Value;

use crate::api::decode::json_writer::Json;
use crate::api::fields::Field;

/// The label that bears a ReplicaSet's.
pub const LABEL: &str = "pod-template-hash";

/// The hash of a template after so many collisions.
pub fn compute(template: &PodTemplateSpec, collision_count: Option<i32>) -> String {
    let mut hash = fnv_1a(0x811c_9dc5, template.write().json().as_bytes());
    if let Some(count) = collision_count {
        let mut buffer = [0u8; 8];
        buffer[..4].copy_from_slice(&count.to_le_bytes());
        hash = fnv_1a(hash, &buffer);
    }
    safe_encode(&hash.to_string())
}

/// The hash of a revision's data after so many collisions.
pub fn of_data(data: &Value, collision_count: i32) -> String {
    // Go escapes these three in every string.
    let text = data.json().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    let hash = fnv_1a(0x811c_9dc5, text.as_bytes());
    safe_encode(&fnv_1a(hash, collision_count.to_string().as_bytes()).to_string())
}

fn fnv_1a(start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Without vowels and what is easily mistaken, so that no hash spells a word.
fn safe_encode(text: &str) -> String {
    const ALPHANUMS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    text.bytes().map(|byte| ALPHANUMS[usize::from(byte) % ALPHANUMS.len()] as char).collect()
}

/// Whether two templates are the same but for the hash label.
pub fn equal_ignoring_hash(a: &PodTemplateSpec, b: &PodTemplateSpec) -> bool {
    let bare = |template: &PodTemplateSpec| {
        let mut meta = template.metadata.clone().unwrap_or_default();
        if let Some(labels) = &mut meta.labels {
            labels.remove(LABEL);
        }
        meta.labels = meta.labels.take().filter(|labels| !labels.is_empty());
        meta
    };
    a.spec == b.spec && bare(a) == bare(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_and_depend_on_collisions() {
        assert_eq!(safe_encode("1234567890"), "56789bcdf4");
        let template = PodTemplateSpec::default();
        let first = compute(&template, None);
        assert_eq!(first, compute(&template, None));
        assert_ne!(first, compute(&template, Some(1)));
    }

    #[test]
    fn fnv_1a_of_the_reference_vectors() {
        assert_eq!(fnv_1a(0x811c_9dc5, b""), 0x811c_9dc5);
        assert_eq!(fnv_1a(0x811c_9dc5, b"a"), 0xe40c_292c);
        assert_eq!(fnv_1a(0x811c_9dc5, b"foobar"), 0xbf9c_f968);
    }
}
