//! Images: whether one has to be pulled, one pull at a time, and the back-off of those that fail.
//!
//! Mirrors pkg/kubelet/images with `serializeImagePulls: true`.

use std::sync::Arc;
use std::time::Duration;

use crate::sim::persistent::Vector;

use crate::api::Message;
use crate::api::cri::{CriRequest, CriResponse};
use crate::api::duration::go_duration;
use crate::client::EventKind;
use crate::sim::{Ctx, EventId, SimTime};

use super::backoff::{next, remaining};
use super::pod;
use super::process::Kubelet;
use super::runtime::CriCall;
use super::sync::{Starting, Step, rpc_error};

/// A pull that waits for its turn or is under way.
#[derive(Clone, Debug)]
pub struct Pull {
    uid: Arc<str>,
    container: String,
    image: Arc<str>,
    chain: u64,
    asked: SimTime,
    cause: EventId,
}

/// The pulls of a node, the one under way first.
#[derive(Clone, Debug, Default)]
pub struct Pulls {
    queue: Vector<Pull>,
    /// When the first began.
    began: SimTime,
    busy: bool,
}

impl Pulls {
    /// Image, pod's uid and when it was asked for, the one under way first.
    pub fn waiting(&self) -> Vec<(Arc<str>, Arc<str>, SimTime)> {
        self.queue.iter().map(|pull| (pull.image.clone(), pull.uid.clone(), pull.asked)).collect()
    }
}

/// The name of an image with the tag it gets by default.
///
/// # Errors
/// What `applyDefaultImageTag` says of a name that is none.
pub fn with_default_tag(image: &str) -> Result<String, String> {
    let refuse = |why: &str| {
        Err(format!("Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": {why}"))
    };
    let name = image.split('@').next().unwrap_or_default();
    let slash = name.rfind('/').map_or(0, |at| at + 1);
    let (path, tag) = match name[slash..].split_once(':') {
        Some((_, tag)) => (&name[..name.len() - tag.len() - 1], Some(tag)),
        None => (name, None),
    };
    let (host, repository) = match path.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
        _ => ("", path),
    };
    let bad = |c: char| !(c.is_ascii_alphanumeric() || "._-/".contains(c));
    let empty = repository.split('/').any(str::is_empty);
    let tag_bad = tag.is_some_and(|tag| tag.is_empty() || tag.chars().any(|c| bad(c) || c == '/'));
    if empty || repository.chars().any(bad) || host.chars().any(|c| bad(c) && c != ':') || tag_bad {
        return refuse("invalid reference format");
    }
    if repository.chars().any(|c| c.is_ascii_uppercase()) {
        let library = if host.is_empty() && !repository.contains('/') { "library/" } else { "" };
        return refuse(&format!("invalid reference format: repository name ({library}{repository}) must be lowercase"));
    }
    let tagged = tag.is_some() || image.contains('@');
    Ok(if tagged { image.to_owned() } else { format!("{image}:latest") })
}

/// Whether the policy, or its default, asks for a pull.
fn must_pull(policy: Option<&str>, image: &str, present: bool) -> bool {
    let latest = with_default_tag(image).is_ok_and(|full| full.ends_with(":latest"));
    match policy.unwrap_or(if latest { "Always" } else { "IfNotPresent" }) {
        "Always" => true,
        "Never" => false,
        _ => !present,
    }
}

impl Kubelet {
    /// Makes sure of a container's image. False when the container has to wait.
    pub(super) fn ensure_image(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, name: &str) -> bool {
        let Some(worker) = self.workers.get(uid).cloned() else { return false };
        let Some((_, container)) = pod::container(pod::spec(&worker.pod), name) else { return false };
        let image = container.image.as_deref().unwrap_or_default();
        match with_default_tag(image) {
            Ok(full) => {
                let Some(chain) = &worker.chain else { return false };
                let call = CriCall::Sync { uid: uid.clone(), chain: chain.number };
                self.set_starting(uid, Starting::Image);
                self.cri.send(ctx, CriRequest::ImageStatus { image: Arc::from(full) }, call);
                true
            }
            Err(message) => {
                self.container_event(ctx, &worker.pod, name, EventKind::Warning, "InspectFailed", message.clone());
                let text = "Error: InvalidImageName";
                self.container_event(ctx, &worker.pod, name, EventKind::Warning, "Failed", text);
                if let Some(worker) = self.worker_mut(uid) {
                    worker.reasons.insert(name.to_owned(), ("InvalidImageName".into(), message));
                    if let Some(chain) = &mut worker.chain {
                        chain.failed = true;
                    }
                }
                false
            }
        }
    }

    /// The runtime said whether it has the image.
    pub(super) fn image_status(&mut self, ctx: &mut Ctx<'_, Message>, uid: &Arc<str>, name: &str, present: bool) {
        let Some(worker) = self.workers.get(uid).cloned() else { return };
        let Some((_, container)) = pod::container(pod::spec(&worker.pod), name) else { return };
        let image = container.image.clone().unwrap_or_default();
        let policy = container.image_pull_policy.as_deref();
        if !must_pull(policy, &image, present) {
            if present {
                let text =
                    format!("Container image \"{image}\" already present on machine and can be accessed by the pod");
                self.container_event(ctx, &worker.pod, name, EventKind::Normal, "Pulled", text);
                self.image_ready(ctx, uid, name);
                return;
            }
            let message = format!("Container image \"{image}\" is not present with pull policy of Never");
            self.container_event(ctx, &worker.pod, name, EventKind::Warning, "ErrImageNeverPull", message.clone());
            let text = "Error: ErrImageNeverPull";
            self.container_event(ctx, &worker.pod, name, EventKind::Warning, "Failed", text);
            self.start_failed(ctx, uid, name, "ErrImageNeverPull", message);
            return;
        }
        let now = ctx.now();
        if let Some((backoff, error)) = worker.pull_backoffs.get(&image)
            && let Some(left) = remaining(Some(backoff), backoff.last_update, now)
        {
            self.pull_held_back(ctx, uid, name, &image, left, error);
            return;
        }
        let Some(chain) = &worker.chain else { return };
        let pull = Pull {
            uid: uid.clone(),
            container: name.to_owned(),
            image: Arc::from(image.as_str()),
            chain: chain.number,
            asked: now,
            cause: ctx.cause(),
        };
        self.set_starting(uid, Starting::Pull { began: now });
        let text = format!("Pulling image \"{image}\"");
        self.container_event(ctx, &worker.pod, name, EventKind::Normal, "Pulling", text);
        self.pulls.queue.push_back(pull);
        self.next_pull(ctx);
    }

    /// The image could not be pulled a while ago, and is not tried again yet.
    fn pull_held_back(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        uid: &Arc<str>,
        name: &str,
        image: &str,
        left: Duration,
        error: &str,
    ) {
        let Some(worker) = self.worker_mut(uid) else { return };
        let pod = worker.pod.clone();
        if let Some(chain) = worker.chain.as_mut() {
            chain.retry = Some(chain.retry.map_or(left, |retry| retry.min(left)));
        }
        let message = format!("Back-off pulling image \"{image}\"");
        self.container_event(ctx, &pod, name, EventKind::Normal, "BackOff", message.clone());
        self.container_event(ctx, &pod, name, EventKind::Warning, "Failed", "Error: ImagePullBackOff");
        let message = format!("{message}: ErrImagePull: {error}");
        self.start_failed(ctx, uid, name, "ImagePullBackOff", message);
    }

    /// Whether somebody still waits for a pull.
    fn wanted(&self, pull: &Pull) -> bool {
        let chain = self.workers.get(&pull.uid).and_then(|worker| worker.chain.as_ref());
        chain.is_some_and(|chain| {
            let starting = matches!(&chain.current, Some(Step::Start { name, .. }) if *name == pull.container);
            chain.number == pull.chain && starting && matches!(chain.starting, Some(Starting::Pull { .. }))
        })
    }

    /// Begins the next pull when none is under way.
    pub(super) fn next_pull(&mut self, ctx: &mut Ctx<'_, Message>) {
        while !self.pulls.busy {
            let Some(pull) = self.pulls.queue.front().cloned() else { return };
            if !self.wanted(&pull) {
                self.pulls.queue.pop_front();
                continue;
            }
            self.pulls.busy = true;
            self.pulls.began = ctx.now();
            let before = ctx.cause();
            ctx.set_cause(pull.cause);
            let image = pull.image.clone();
            let full = with_default_tag(&image).map_or(image.clone(), Arc::from);
            self.cri.send(ctx, CriRequest::PullImage { image: full }, CriCall::Pull { image });
            ctx.set_cause(before);
        }
    }

    /// A pull ended.
    pub(super) fn pulled(&mut self, ctx: &mut Ctx<'_, Message>, response: &CriResponse) {
        self.pulls.busy = false;
        let began = self.pulls.began;
        let Some(pull) = self.pulls.queue.pop_front() else { return };
        if self.wanted(&pull) {
            self.pull_ended(ctx, &pull, began, response);
        }
        self.next_pull(ctx);
    }

    fn pull_ended(&mut self, ctx: &mut Ctx<'_, Message>, pull: &Pull, began: SimTime, response: &CriResponse) {
        let Some(worker) = self.workers.get(&pull.uid).cloned() else { return };
        let (image, name) = (&*pull.image, pull.container.as_str());
        let now = ctx.now();
        match response {
            CriResponse::PullImage { size_bytes, .. } => {
                let millis = |from: SimTime| {
                    let millis = now.since(from).as_millis() as u64;
                    go_duration(Duration::from_millis(millis))
                };
                let text = format!(
                    "Successfully pulled image \"{image}\" in {} ({} including waiting). Image size: {size_bytes} bytes.",
                    millis(began),
                    millis(pull.asked)
                );
                self.container_event(ctx, &worker.pod, name, EventKind::Normal, "Pulled", text);
                self.images_changed = true;
                self.image_ready(ctx, &pull.uid, name);
            }
            CriResponse::Failed(error) => {
                let error = rpc_error(error);
                let text = format!("Failed to pull image \"{image}\": {error}");
                self.container_event(ctx, &worker.pod, name, EventKind::Warning, "Failed", text);
                let text = "Error: ErrImagePull";
                self.container_event(ctx, &worker.pod, name, EventKind::Warning, "Failed", text);
                if let Some(worker) = self.worker_mut(&pull.uid) {
                    let before = worker.pull_backoffs.get(image).map(|(backoff, _)| *backoff);
                    let backoff = next(before.as_ref(), now, now);
                    worker.pull_backoffs.insert(image.to_owned(), (backoff, error.clone()));
                }
                self.start_failed(ctx, &pull.uid, name, "ErrImagePull", error);
            }
            _ => panic!("PullImage was answered with something else"),
        }
    }

    /// The runtime went away: the pull under way has failed, and is tried again.
    pub(super) fn pulls_lost(&mut self) {
        self.pulls = Pulls::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_their_tag_or_a_refusal() {
        let ok = |image: &str| with_default_tag(image).ok();
        assert_eq!(ok("nginx").as_deref(), Some("nginx:latest"));
        assert_eq!(ok("nginx:1.27").as_deref(), Some("nginx:1.27"));
        assert_eq!(ok("localhost:5000/app").as_deref(), Some("localhost:5000/app:latest"));
        assert_eq!(ok("nginx@sha256:00").as_deref(), Some("nginx@sha256:00"));
        assert_eq!(
            with_default_tag("Nginx").err().as_deref(),
            Some(
                "Failed to apply default image tag \"Nginx\": couldn't parse image name \"Nginx\": invalid reference format: repository name (library/Nginx) must be lowercase"
            )
        );
        assert!(with_default_tag("nginx latest").is_err());
        assert!(with_default_tag("nginx:").is_err());
    }

    #[test]
    fn policies() {
        assert!(must_pull(None, "nginx", true));
        assert!(!must_pull(None, "nginx:1", true));
        assert!(must_pull(None, "nginx:1", false));
        assert!(!must_pull(Some("Never"), "nginx", false));
        assert!(must_pull(Some("Always"), "nginx:1", true));
    }
}
