//! alpine: a shell that ends at once when nobody is there to type.

use super::{Image, no_files, no_program};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "alpine",
    repositories: &["docker.io/library/alpine"],
    versions: &[(2, 7), (3, 23)],
    sizes: &[("", 3_800_738)],
    shell: Some("sh"),
    entrypoint: &[],
    cmd: &["/bin/sh"],
    env: &[],
    programs: &[],
    files: no_files,
    program: no_program,
};
