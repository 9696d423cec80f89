//! ubuntu: bash that ends at once when nobody is there to type.

use super::{Image, no_files, no_program};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "ubuntu",
    repositories: &["docker.io/library/ubuntu"],
    versions: &[(14, 4), (16, 10), (18, 10), (20, 10), (22, 10), (24, 10), (25, 10), (26, 4)],
    sizes: &[("", 29_723_061)],
    shell: Some("bash"),
    entrypoint: &[],
    cmd: &["/bin/bash"],
    env: &[],
    programs: &[],
    files: no_files,
    program: no_program,
};
