//! bash: the shell and nothing else.

use super::{Image, no_files, no_program};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "bash",
    repositories: &["docker.io/library/bash"],
    versions: &[(3, 2), (4, 4), (5, 3)],
    sizes: &[("", 6_291_456)],
    shell: Some("bash"),
    entrypoint: &[],
    cmd: &["bash"],
    env: &[],
    programs: &[],
    files: no_files,
    program: no_program,
};
