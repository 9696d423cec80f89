//! Inside a container runtime: sandboxes, containers, images.

use crate::api::cri::{ContainerState, ContainerStatus};
use crate::cri::Runtime;

use super::{Plain, ROWS_MAX, Sheet, Within, bytes, clock, named};

/// The first characters of an id, as crictl prints them.
pub(super) fn short(id: &str) -> String {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    id.get(..13).unwrap_or(id).to_owned()
}

/// A container's state in words: `exited 137, Error`.
pub(super) fn state(status: &ContainerStatus) -> String {
    match status.state {
        ContainerState::Created => "created".to_owned(),
        ContainerState::Running => format!("running since {}", clock(status.started_unix_micros)),
        ContainerState::Exited => {
            format!("exited {} at {}, {}", status.exit_code, clock(status.finished_unix_micros), status.reason)
        }
        ContainerState::Unknown => "unknown".to_owned(),
    }
}

pub(super) fn inside(within: &Within<'_>, node: &str) -> Option<Plain> {
    let kernel = within.world.kernel();
    let runtime = kernel.inspect::<Runtime>(kernel.resolve(&format!("containerd/{node}"))?)?;
    let (sandboxes, containers, images) = runtime.counts();
    Some(Plain {
        facts: vec![
            ("node", node.to_owned()),
            ("sandboxes", sandboxes.to_string()),
            ("containers", format!("{containers}, {} running", runtime.running())),
            ("images", images.to_string()),
        ],
        sheets: vec![
            sandbox_sheet(runtime).cut(sandboxes),
            container_sheet(runtime).cut(containers),
            image_sheet(runtime.images()).cut(images),
        ],
    })
}

fn sandbox_sheet(runtime: &Runtime) -> Sheet {
    let columns = &["sandbox", "pod", "attempt", "state", "ip", "containers", "created"];
    let mut sheet = Sheet::new("Sandboxes", columns);
    for (sandbox, containers) in runtime.sandboxes().take(ROWS_MAX) {
        sheet.row(vec![
            short(&sandbox.id),
            named(&sandbox.namespace, &sandbox.name),
            sandbox.attempt.to_string(),
            if sandbox.ready { "ready" } else { "not ready" }.to_owned(),
            sandbox.ip.to_string(),
            containers.to_string(),
            clock(sandbox.created_unix_micros),
        ]);
    }
    sheet
}

fn container_sheet(runtime: &Runtime) -> Sheet {
    let columns = &["container", "name", "attempt", "state", "image", "sandbox", "log lines"];
    let mut sheet = Sheet::new("Containers", columns);
    for (status, lines) in runtime.statuses().take(ROWS_MAX) {
        let row = sheet.row(vec![
            short(&status.id),
            status.name.to_string(),
            status.attempt.to_string(),
            state(status),
            status.image.to_string(),
            short(&status.sandbox_id),
            lines.to_string(),
        ]);
        row.bad = status.state == ContainerState::Exited && status.exit_code != 0;
    }
    sheet
}

/// Images with their sizes.
pub(super) fn image_sheet<'a>(images: impl Iterator<Item = &'a crate::api::cri::Image>) -> Sheet {
    let mut sheet = Sheet::new("Images", &["image", "id", "size"]);
    for image in images.take(ROWS_MAX) {
        let name = image.repo_tags.first().or(image.repo_digests.first()).map_or("none", |name| name);
        sheet.row(vec![name.to_owned(), short(&image.id), bytes(image.size_bytes)]);
    }
    sheet
}
