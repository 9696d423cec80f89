//! Before a pod is bound: its volumes are bound, or told where they are needed, and waited for.
//!
//! Mirrors `BindPodVolumes` of plugins/volumebinding/binder.go: one write after another, then a look every second.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::api::{Body, Message, Object, ObjectKey, Request, Response};
use crate::sim::{Ctx, SimTime};

use super::binding::status_patch;
use super::process::{BindingCycle, Purpose, Scheduler, token};

/// How often is looked whether the volumes are there.
const PERIOD: Duration = Duration::from_secs(1);

/// A pod whose volumes are on their way.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    cycle: Arc<BindingCycle>,
    /// What was set aside, as the API server answered.
    written: Vec<Arc<Object>>,
    /// When is looked next; `None` while writes are under way.
    due: Option<SimTime>,
    deadline: SimTime,
}

impl Scheduler {
    /// Begins to write what was set aside for a pod.
    pub(super) fn write_volumes(&mut self, ctx: &mut Ctx<'_, Message>, cycle: Arc<BindingCycle>) {
        let name = cycle.queued.pod.scheduler_name();
        let config = self.config.profiles.iter().find(|profile| *profile.scheduler_name == *name);
        let timeout = config.map_or(600, |profile| profile.args.volume_binding.bind_timeout_seconds);
        let deadline = ctx.now() + Duration::from_secs(timeout);
        let key = cycle.queued.pod.key.clone();
        if cycle.queued.pod.nominated_node() != &*cycle.node {
            // Others may see where it will be (NominatedNodeNameForExpectation).
            self.tell(ctx, status_patch(&key, json!({ "nominatedNodeName": &*cycle.node })));
        }
        self.waiting.insert(key.clone(), Waiting { cycle, written: Vec::new(), due: None, deadline });
        self.write_next(ctx, &key);
    }

    /// Writes the next object, or waits where all are written.
    fn write_next(&mut self, ctx: &mut Ctx<'_, Message>, pod: &ObjectKey) {
        let Some(waiting) = self.waiting.get_mut(pod) else { return };
        let place = waiting.written.len();
        match waiting.cycle.reserved.get(place).cloned() {
            Some(object) => {
                let request = Request::update(object);
                self.calls.send(ctx, request, Purpose::Volume(pod.clone(), place));
            }
            None => {
                waiting.due = Some(ctx.now() + PERIOD);
                self.set_timer(ctx, PERIOD, token::VOLUMES);
            }
        }
    }

    /// The API server answered a write.
    pub(super) fn on_volume_written(
        &mut self,
        ctx: &mut Ctx<'_, Message>,
        pod: &ObjectKey,
        place: usize,
        response: Option<&Response>,
    ) {
        let Some(waiting) = self.waiting.get_mut(pod).filter(|waiting| waiting.written.len() == place) else { return };
        let why = match response {
            Some(response) if response.is_success() => {
                let object = match &response.body {
                    Body::Object(object) => object.clone(),
                    _ => waiting.cycle.reserved[place].clone(),
                };
                waiting.written.push(object);
                self.write_next(ctx, pod);
                return;
            }
            Some(response) => {
                response.status().map_or_else(|| format!("code {}", response.code), |status| status.message.clone())
            }
            None => "the connection to the API server was lost".to_owned(),
        };
        self.volumes_failed(ctx, pod, format!("running PreBind plugin \"VolumeBinding\": {why}"));
    }

    /// Looks whether the volumes of waiting pods are there.
    pub(super) fn check_volumes(&mut self, ctx: &mut Ctx<'_, Message>) {
        let now = ctx.now();
        let due = self.waiting.iter().filter(|(_, waiting)| waiting.due.is_some_and(|due| due <= now));
        let due: Vec<ObjectKey> = due.map(|(pod, _)| pod.clone()).collect();
        for pod in due {
            let Some(waiting) = self.waiting.get(&pod) else { continue };
            ctx.set_cause(waiting.cycle.queued.cause);
            match self.volumes_of(waiting, now) {
                Ok(true) => {
                    let cycle = waiting.cycle.clone();
                    self.waiting.remove(&pod);
                    self.bind(ctx, cycle);
                }
                Ok(false) => {
                    if let Some(waiting) = self.waiting.get_mut(&pod) {
                        waiting.due = Some(now + PERIOD);
                    }
                    self.set_timer(ctx, PERIOD, token::VOLUMES);
                }
                Err(why) => self.volumes_failed(ctx, &pod, why),
            }
        }
    }

    fn volumes_of(&self, waiting: &Waiting, now: SimTime) -> Result<bool, String> {
        let cycle = &waiting.cycle;
        let pod = &cycle.queued.pod;
        let failed = |why: String| Err(format!("running PreBind plugin \"VolumeBinding\": binding volumes: {why}"));
        if now >= waiting.deadline {
            return failed("context deadline exceeded".to_owned());
        }
        let Some(node) = self.cache.node(&cycle.node) else {
            let name = &cycle.node;
            return failed(format!("failed to get node {name:?}: node {name:?} not found"));
        };
        if self.pods.store().get(&pod.key).is_none() {
            return failed(format!("pod does not exist any more: pod {:?} not found", pod.key.name));
        }
        self.profiles.of(pod).pre_bind(&waiting.written, node, &self.cache)
    }

    fn volumes_failed(&mut self, ctx: &mut Ctx<'_, Message>, pod: &ObjectKey, message: String) {
        if let Some(waiting) = self.waiting.remove(pod) {
            self.binding_failed(ctx, &waiting.cycle, message);
        }
    }
}
