//! Image references, and the registry they are pulled from: which exist, how large they are, and what
//! a pull that fails says.
//!
//! The rule for what exists. An image this room knows has the tags its `versions` allow: `latest`, a
//! version up to the newest, and these with the variants people use (`alpine`, `slim`, `bookworm` …).
//! Any other image exists with any tag, and is a well-behaved server, unless its name or tag says that
//! it does not (`does-not-exist`, `nonexistent`, `invalid`, `wrong`, `typo` …), its name is a known
//! one misspelt by one letter (`ngnix`), or its registry's name ends in `.invalid`.

use crate::api::cri::CriError;

use super::images::{self, Image};

/// A reference taken apart and completed, as `distribution/reference` does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `docker.io`
    pub registry: String,
    /// `library/nginx`
    pub repository: String,
    /// `latest` where none is given and there is no digest.
    pub tag: String,
    /// `sha256:…`, or empty.
    pub digest: String,
}

impl Reference {
    /// Takes an image name apart; `None` where its format is invalid.
    pub fn parse(name: &str) -> Option<Reference> {
        let (name, digest) = name.split_once('@').unwrap_or((name, ""));
        let slash = name.rfind('/').map_or(0, |at| at + 1);
        let (path, tag) = match name[slash..].split_once(':') {
            Some((_, tag)) => (&name[..name.len() - tag.len() - 1], tag),
            None => (name, if digest.is_empty() { "latest" } else { "" }),
        };
        let (registry, repository) = match path.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => {
                (host.to_owned(), rest.to_owned())
            }
            Some(_) => ("docker.io".to_owned(), path.to_owned()),
            None => ("docker.io".to_owned(), format!("library/{path}")),
        };
        let part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c))
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.ends_with(|c: char| c.is_ascii_alphanumeric())
        };
        let tag_valid = tag.len() <= 128
            && tag.bytes().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(&c))
            && !tag.starts_with(['.', '-'])
            && (!tag.is_empty() || !digest.is_empty());
        let digest_valid = digest.is_empty() || digest.starts_with("sha256:");
        let valid = repository.split('/').all(part) && tag_valid && digest_valid;
        valid.then(|| Reference { registry, repository, tag: tag.to_owned(), digest: digest.to_owned() })
    }

    /// `docker.io/library/nginx`
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// `docker.io/library/nginx:latest`
    pub fn full(&self) -> String {
        let mut full = self.name();
        if !self.tag.is_empty() {
            full.push(':');
            full.push_str(&self.tag);
        }
        if !self.digest.is_empty() {
            full.push('@');
            full.push_str(&self.digest);
        }
        full
    }
}

/// An image as the registry has it.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub size_bytes: u64,
    /// `sha256:…` of the configuration: the image's id.
    pub config_digest: String,
    /// `sha256:…` of the manifest.
    pub digest: String,
}

/// 64-bit FNV-1a: what stands for a digest.
fn fnv(text: &str, seed: u64) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn digest(text: &str, seed: u64) -> String {
    let parts: Vec<String> = (0..4).map(|part| format!("{:016x}", fnv(text, seed * 4 + part + 1))).collect();
    format!("sha256:{}", parts.concat())
}

/// Words that say of a name or a tag that it does not exist.
const MISSING: &[&str] = &[
    "broken",
    "doesnotexist",
    "fake",
    "idonotexist",
    "invalid",
    "missing",
    "noexist",
    "nonexist",
    "nosuch",
    "notexist",
    "notfound",
    "nope",
    "typo",
    "unknown",
    "wrong",
];

fn says_missing(text: &str) -> bool {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    MISSING.iter().any(|word| letters.contains(word))
}

/// Words a tag may be made of, besides version numbers.
const TAG_WORDS: &[&str] = &[
    "alpha",
    "alpine",
    "alpinelinux",
    "amd64",
    "arm64",
    "apache",
    "beta",
    "bookworm",
    "bullseye",
    "buster",
    "cli",
    "debian",
    "dev",
    "edge",
    "fpm",
    "full",
    "glibc",
    "jammy",
    "latest",
    "linux",
    "lts",
    "main",
    "mainline",
    "management",
    "master",
    "musl",
    "nightly",
    "noble",
    "oracle",
    "oraclelinux9",
    "otel",
    "perl",
    "rc",
    "sid",
    "slim",
    "stable",
    "testing",
    "trixie",
    "ubi",
    "ubi8",
    "ubi9",
    "uclibc",
    "unprivileged",
    "focal",
    "plucky",
    "rolling",
    "current",
];

/// Whether a tag of a known image exists, by the versions it has.
fn tag_exists(image: &Image, tag: &str) -> bool {
    tag.split('-').enumerate().all(|(index, part)| {
        let word: &str = part.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        if TAG_WORDS.contains(&part) || (index > 0 && TAG_WORDS.contains(&word)) {
            return true;
        }
        version_exists(image, part.strip_prefix('v').unwrap_or(part), index == 0)
    })
}

fn version_exists(image: &Image, version: &str, first: bool) -> bool {
    let mut numbers = Vec::new();
    for part in version.split('.') {
        let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
        // `3.14.0rc1`, `8.0.0b2`: what follows a number is a pre-release.
        let rest = &part[digits.len()..];
        let pre_release = rest.is_empty() || rest.starts_with("rc") || rest.starts_with(['a', 'b', 'p']);
        match digits.parse::<u32>() {
            Ok(number) if pre_release && digits.len() <= 8 => numbers.push(number),
            _ => return false,
        }
    }
    if !first {
        return true;
    }
    let newest = |major: u32| image.versions.iter().find(|(known, _)| *known == major).map(|(_, minor)| *minor);
    match numbers.as_slice() {
        [] => false,
        [major] => newest(*major).is_some(),
        [major, minor, patches @ ..] => {
            newest(*major).is_some_and(|most| *minor <= most) && patches.iter().all(|patch| *patch <= 99)
        }
    }
}

/// Whether one letter (missing, added, changed or swapped) makes one word of the other.
fn one_letter_off(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a == b || a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let prefix = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let (a, b) = (&a[prefix..], &b[prefix..]);
    match (a, b) {
        ([_, rest @ ..], _) if rest == b => true,
        (_, [_, rest @ ..]) if rest == a => true,
        ([_, x @ ..], [_, y @ ..]) if x == y => true,
        ([p, q, x @ ..], [r, s, y @ ..]) => p == s && q == r && x == y,
        _ => false,
    }
}

fn misspelt(reference: &Reference) -> bool {
    let Some(name) = reference.repository.strip_prefix("library/").filter(|_| reference.registry == "docker.io") else {
        return false;
    };
    images::IMAGES
        .iter()
        .flat_map(|image| image.repositories)
        .filter_map(|known| known.strip_prefix("docker.io/library/"))
        .any(|known| known.len() >= 4 && one_letter_off(name, known))
}

/// Looks an image up in its registry.
///
/// # Errors
/// What containerd's `PullImage` fails with.
pub fn resolve(name: &str) -> Result<Manifest, CriError> {
    let Some(reference) = Reference::parse(name) else {
        return Err(CriError {
            code: "InvalidArgument",
            message: format!("failed to parse image reference \"{name}\": invalid reference format"),
        });
    };
    let full = reference.full();
    let failed = |code, why: String| {
        let message =
            format!("failed to pull and unpack image \"{full}\": failed to resolve reference \"{full}\": {why}");
        Err(CriError { code, message })
    };
    if reference.registry.ends_with(".invalid") {
        let host = reference.registry.split(':').next().unwrap_or_default();
        let manifest = if reference.tag.is_empty() { &reference.digest } else { &reference.tag };
        return failed(
            "Unknown",
            format!(
                "failed to do request: Head \"https://{}/v2/{}/manifests/{manifest}\": dial tcp: lookup {host}: no such host",
                reference.registry, reference.repository
            ),
        );
    }
    let image = images::find(&reference.name());
    if image.is_none() && (says_missing(&reference.repository) || misspelt(&reference)) {
        return failed(
            "Unknown",
            "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed".to_owned(),
        );
    }
    let exists = match image {
        _ if !reference.digest.is_empty() => true,
        Some(image) => tag_exists(image, &reference.tag),
        None => !says_missing(&reference.tag),
    };
    if !exists {
        return failed("NotFound", format!("{full}: not found"));
    }
    let size_bytes = match image {
        Some(image) => image.size(&reference.tag),
        // Between 20 and 220 MB.
        None => 20_000_000 + fnv(&reference.name(), 7) % 200_000_000,
    };
    let identity = format!("{}:{}", reference.name(), reference.tag);
    let manifest_digest = if reference.digest.is_empty() { digest(&identity, 1) } else { reference.digest.clone() };
    Ok(Manifest { size_bytes, config_digest: digest(&identity, 2), digest: manifest_digest })
}

/// What a pull says of an image that was there and is no more.
pub fn gone(full: &str) -> CriError {
    let message = format!(
        "failed to pull and unpack image \"{full}\": failed to resolve reference \"{full}\": {full}: not found"
    );
    CriError { code: "NotFound", message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_completed() {
        let full = |name: &str| Reference::parse(name).map(|reference| reference.full());
        assert_eq!(full("nginx").as_deref(), Some("docker.io/library/nginx:latest"));
        assert_eq!(full("me/app:1").as_deref(), Some("docker.io/me/app:1"));
        assert_eq!(full("localhost:5000/app").as_deref(), Some("localhost:5000/app:latest"));
        assert_eq!(full("registry.k8s.io/pause:3.10").as_deref(), Some("registry.k8s.io/pause:3.10"));
        assert_eq!(full("nginx@sha256:ab").as_deref(), Some("docker.io/library/nginx@sha256:ab"));
        assert_eq!(full("Nginx"), None);
        assert_eq!(full("nginx:"), None);
        assert_eq!(full("a//b"), None);
    }

    #[test]
    fn which_images_exist() {
        for name in [
            "nginx",
            "nginx:1.14.2",
            "nginx:1.27-alpine",
            "nginx:stable-alpine-slim",
            "nginx:1.29.1-alpine3.22",
            "busybox:1.28",
            "busybox:1.36.1-glibc",
            "postgres:16-alpine",
            "redis:7",
            "mysql:8.0",
            "python:3.13-slim-bookworm",
            "node:22-alpine",
            "registry.k8s.io/pause:3.10",
            "ghcr.io/me/app:main-abc123",
            "my-app:v1",
            "httpd:2.4",
            "alpine:3.20",
            "perl:5.34.0",
            "nginx:latest",
            "alpine:edge",
            "ubuntu:22.04",
            "debian:bookworm-slim",
        ] {
            assert!(resolve(name).is_ok(), "{name}: {:?}", resolve(name));
        }
        for (name, says) in [
            ("nginx:1.161", "docker.io/library/nginx:1.161: not found"),
            ("nginx:doesnotexist", "docker.io/library/nginx:doesnotexist: not found"),
            ("nginx:does-not-exist", "docker.io/library/nginx:does-not-exist: not found"),
            ("nginx:99", ": not found"),
            ("nginx:v9.9", ": not found"),
            ("nginx:foo", ": not found"),
            ("ngnix", "pull access denied, repository does not exist or may require authorization"),
            ("nonexistent/app:1", "pull access denied"),
            ("me/app:no-such-tag", "docker.io/me/app:no-such-tag: not found"),
            ("registry.invalid/app", "dial tcp: lookup registry.invalid: no such host"),
            ("BAD image", "invalid reference format"),
        ] {
            let error = resolve(name).expect_err(name);
            assert!(error.message.contains(says), "{name}: {}", error.message);
        }
    }

    #[test]
    fn a_missing_tag_says_what_containerd_says() {
        let error = resolve("nginx:doesnotexist").expect_err("no such tag");
        assert_eq!(error.code, "NotFound");
        assert_eq!(
            error.message,
            "failed to pull and unpack image \"docker.io/library/nginx:doesnotexist\": failed to resolve reference \"docker.io/library/nginx:doesnotexist\": docker.io/library/nginx:doesnotexist: not found"
        );
    }
}
