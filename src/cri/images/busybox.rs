//! busybox: the shell and its utilities.

use super::{Image, no_files, no_program};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "busybox",
    repositories: &[
        "docker.io/library/busybox",
        "gcr.io/google-containers/busybox",
        "registry.k8s.io/busybox",
        "registry.k8s.io/e2e-test-images/busybox",
    ],
    versions: &[(1, 37)],
    sizes: &[("musl", 905_442), ("uclibc", 1_102_944), ("", 2_223_685)],
    shell: Some("sh"),
    entrypoint: &[],
    cmd: &["sh"],
    env: &[],
    programs: &[],
    files: no_files,
    program: no_program,
};
