//! Who a container's first process is: what the pod says, and else what the image says.
//!
//! Mirrors containerd's `WithUser`, `WithAdditionalGIDs` and `ensureAdditionalGids`, and the `/etc/group` of the
//! images. Leaves out: users of an image that are neither root nor its own.

use crate::api::cri::{RunAs, User};
use crate::sim::Order;

use super::images::Image;

/// root's groups in Alpine's `/etc/group`.
const ALPINE_ROOT: &[i64] = &[0, 1, 2, 3, 4, 6, 10, 11, 20, 26, 27];
/// root's groups in busybox's: `wheel` among them.
const BUSYBOX_ROOT: &[i64] = &[0, 10];

/// The names of those groups.
const GROUPS: &[(i64, &str)] = &[
    (0, "root"),
    (1, "bin"),
    (2, "daemon"),
    (3, "sys"),
    (4, "adm"),
    (6, "disk"),
    (10, "wheel"),
    (11, "floppy"),
    (20, "dialout"),
    (26, "tape"),
    (27, "video"),
];

/// The user and the group of an image's `USER` line.
fn image_user(image: Option<&Image>, reference: &str) -> (i64, i64) {
    match image.map_or("", |image| image.id) {
        "curl" => (100, 101),
        "http_echo" => (65532, 65532),
        "memcached" => (11211, 11211),
        "nginx" if reference.contains("unprivileged") => (101, 101),
        "pause" => (65535, 65535),
        _ => (0, 0),
    }
}

/// Who the first process of a container is.
pub fn of(image: Option<&Image>, reference: &str, run_as: &RunAs) -> User {
    let (own, own_group) = image_user(image, reference);
    let uid = run_as.user.unwrap_or(own);
    let gid = run_as.group.unwrap_or(if uid == own { own_group } else { 0 });
    let mut groups = vec![gid];
    groups.extend(&run_as.supplemental_groups);
    if uid == 0 && !run_as.strict {
        match image.map_or("", |image| image.id) {
            "busybox" => groups.extend(BUSYBOX_ROOT),
            "alpine" | "curl" => groups.extend(ALPINE_ROOT),
            _ if reference.contains("alpine") => groups.extend(ALPINE_ROOT),
            _ => groups.push(0),
        }
    }
    groups.order();
    groups.dedup();
    User { uid, gid, supplemental_groups: groups }
}

/// What `id` prints.
pub fn id_text(user: &User) -> String {
    let named = |id: i64, name: Option<&str>| name.map_or_else(|| id.to_string(), |name| format!("{id}({name})"));
    let group = |id: i64| named(id, GROUPS.iter().find(|(known, _)| *known == id).map(|(_, name)| *name));
    let groups: Vec<String> = user.supplemental_groups.iter().map(|id| group(*id)).collect();
    let root = (user.uid == 0).then_some("root");
    format!("uid={} gid={} groups={}\n", named(user.uid, root), group(user.gid), groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::super::images;
    use super::{RunAs, id_text, of};

    #[test]
    fn users_are_the_images_unless_the_pod_says_otherwise() {
        let nobody = RunAs::default();
        let run_as = |user, group| RunAs { user: Some(user), group, ..RunAs::default() };
        for (reference, run_as, expected) in [
            ("nginx:1.27", nobody.clone(), "uid=0(root) gid=0(root) groups=0(root)\n"),
            ("busybox:1.36", nobody.clone(), "uid=0(root) gid=0(root) groups=0(root),10(wheel)\n"),
            (
                "nginx:1.27-alpine",
                nobody,
                "uid=0(root) gid=0(root) groups=0(root),1(bin),2(daemon),3(sys),4(adm),6(disk),10(wheel),11(floppy),20(dialout),26(tape),27(video)\n",
            ),
            ("busybox:1.36", run_as(1000, None), "uid=1000 gid=0(root) groups=0(root)\n"),
            (
                "busybox:1.36",
                RunAs { supplemental_groups: vec![4000, 2000], ..run_as(1000, Some(3000)) },
                "uid=1000 gid=3000 groups=2000,3000,4000\n",
            ),
            ("busybox:1.36", RunAs { strict: true, ..run_as(0, None) }, "uid=0(root) gid=0(root) groups=0(root)\n"),
        ] {
            let name = reference.split(':').next().unwrap_or_default();
            let image = images::find(&format!("docker.io/library/{name}"));
            assert_eq!(id_text(&of(image, reference, &run_as)), expected, "{reference} {run_as:?}");
        }
    }
}
