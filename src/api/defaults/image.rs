//! Mirrors pkg/util/parsers.ParseImageName, as far as the tag goes.

/// `Always` for an image whose tag is `latest` or left out, else `IfNotPresent`.
pub fn pull_policy(image: &str) -> &'static str {
    if tag(image) == Some("latest") { "Always" } else { "IfNotPresent" }
}

/// The tag of an image reference: `latest` where there is neither tag nor digest. None for what is no reference.
fn tag(image: &str) -> Option<&str> {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match name[slash..].rfind(':') {
        Some(at) => (&name[..slash + at], Some(&name[slash + at + 1..])),
        None => (name, None),
    };
    if !is_repository(repository) {
        return None;
    }
    match (tag, digest) {
        (Some(tag), _) => is_tag(tag).then_some(tag),
        (None, Some(digest)) => digest.contains(':').then_some(""),
        (None, None) => Some("latest"),
    }
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    (1..=128).contains(&tag.len())
        && tag.as_bytes().first().is_some_and(word)
        && tag.bytes().all(|byte| word(&byte) || b".-".contains(&byte))
}

/// Path components are lower case; the first may be a host, with a port.
fn is_repository(repository: &str) -> bool {
    let parts: Vec<&str> = repository.split('/').collect();
    let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost" || part.to_lowercase() != part;
    let skip = usize::from(parts.len() > 1 && is_host(parts[0]));
    let alnum = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    parts[skip..].iter().all(|part| {
        let bytes = part.as_bytes();
        bytes.first().is_some_and(alnum)
            && bytes.last().is_some_and(alnum)
            && bytes.iter().all(|byte| alnum(byte) || b"._-".contains(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn only_latest_is_always_pulled() {
        for (image, policy) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("registry:5000/nginx", "Always"),
            ("registry:5000/team/nginx:v1", "IfNotPresent"),
            ("Registry.io/nginx", "Always"),
            ("nginx@sha256:0123", "IfNotPresent"),
            ("nginx:latest@sha256:0123", "Always"),
            ("NGINX", "IfNotPresent"),
            (" nginx", "IfNotPresent"),
            ("", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image:?}");
        }
    }
}
