//! debian, centos and the like: bash that ends at once when nobody is there to type.

use super::{Image, no_files, no_program};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "debian",
    repositories: &[
        "docker.io/library/amazonlinux",
        "docker.io/library/centos",
        "docker.io/library/debian",
        "docker.io/library/fedora",
        "docker.io/library/rockylinux",
        "registry.k8s.io/build-image/debian-base",
    ],
    versions: &[
        (7, 99),
        (8, 99),
        (9, 99),
        (10, 99),
        (11, 99),
        (12, 99),
        (13, 99),
        (41, 0),
        (42, 0),
        (43, 0),
        (2023, 99),
    ],
    sizes: &[("slim", 28_231_912), ("", 48_484_118)],
    shell: Some("bash"),
    entrypoint: &[],
    cmd: &["bash"],
    env: &[],
    programs: &[],
    files: no_files,
    program: no_program,
};
