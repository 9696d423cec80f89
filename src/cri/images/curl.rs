//! curlimages/curl: curl on alpine.

use super::{Image, no_files, no_program};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "curl",
    repositories: &["docker.io/curlimages/curl", "quay.io/curl/curl"],
    versions: &[(7, 88), (8, 17)],
    sizes: &[("", 9_714_264)],
    shell: Some("sh"),
    entrypoint: &["curl"],
    cmd: &["--help"],
    env: &[],
    programs: &[],
    files: no_files,
    program: no_program,
};
