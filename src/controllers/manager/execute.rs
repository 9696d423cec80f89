//! Carrying out plans: a worker takes a key, its plan's requests go out step by step, and the end
//! decides whether the key comes back.

use std::sync::Arc;

use crate::sim::persistent::OrdMap;

use crate::api::{Body, Message, ObjectKey, Request, Response};
use crate::controllers::controller::{Turn, WorkKey};
use crate::controllers::plan::{Announce, Answer, Append, Plan, Step, Write};
use crate::sim::{Ctx, EventId, SimTime};

use super::{ControllerManager, Pending, Purpose, Timer};

/// A plan being carried out.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    turn: Turn,
    plan: Arc<Plan>,
    /// The step to do next.
    next: usize,
    /// How many answers are awaited.
    waiting: usize,
    /// The first failure of this plan, and the phase that deals with it.
    failed: Option<(String, Option<&'static str>)>,
    /// There is nothing to retry: the namespace is going away.
    hopeless: bool,
    /// The connection is gone: no more phases.
    cut: bool,
    /// The last resource version each path was answered with.
    versions: OrdMap<Arc<str>, String>,
    started: SimTime,
    pub(super) cause: EventId,
}

/// The last plan of a controller, for the inspector.
#[derive(Clone, Debug)]
pub(super) struct LastPlan {
    pub key: WorkKey,
    pub at: SimTime,
    pub plan: Arc<Plan>,
    /// Empty for the first look at the key.
    pub phase: &'static str,
    pub cause: EventId,
}

/// Plans that are kept of a controller.
const PLANS_MAX: usize = 12;

impl ControllerManager {
    /// Lets free workers of a controller take keys.
    pub(super) fn pump(&mut self, ctx: &mut Ctx<'_, Message>, slot: u16) {
        let idle = self.slots[usize::from(slot)].queue.is_empty();
        if !idle && self.leader.leads() && self.synced(slot) {
            let outer = ctx.cause();
            loop {
                let hosted = &mut self.slots[usize::from(slot)];
                if hosted.queue.is_empty() || hosted.queue.processing().count() >= hosted.controller.workers() {
                    break;
                }
                let Some((key, cause)) = hosted.queue.get() else { break };
                ctx.set_cause(cause);
                self.begin(ctx, slot, key);
            }
            ctx.set_cause(outer);
        }
        self.arm(ctx, slot);
    }

    /// Sets the timer for the next delayed key.
    fn arm(&mut self, ctx: &mut Ctx<'_, Message>, slot: u16) {
        let hosted = &mut self.slots[usize::from(slot)];
        let Some(at) = hosted.queue.next_delayed() else { return };
        if hosted.armed.is_none_or(|armed| at < armed) {
            hosted.armed = Some(at);
            self.set_timer(ctx, at.since(ctx.now()), Timer::Queue(slot));
        }
    }

    fn begin(&mut self, ctx: &mut Ctx<'_, Message>, slot: u16, key: WorkKey) {
        let turn = Turn { key: key.clone(), observed: self.observe(ctx), phase: "", answers: Vec::new() };
        let plan = self.look(ctx, slot, &turn);
        let execution = Execution {
            turn,
            plan,
            next: 0,
            waiting: 0,
            failed: None,
            hopeless: false,
            cut: false,
            versions: OrdMap::new(),
            started: ctx.now(),
            cause: ctx.cause(),
        };
        self.executions.insert((slot, key.clone()), execution);
        self.advance(ctx, slot, &key);
    }

    fn look(&mut self, ctx: &Ctx<'_, Message>, slot: u16, turn: &Turn) -> Arc<Plan> {
        let (now, cause) = (ctx.now(), ctx.cause());
        let hosted = &mut self.slots[usize::from(slot)];
        let plan = Arc::new(hosted.controller.reconcile(turn));
        if turn.phase.is_empty() {
            hosted.syncs += 1;
        }
        for wish in &plan.enqueue {
            hosted.queue.add_after(now, wish.key.clone(), wish.after, cause);
        }
        // A look that found nothing to do does not push out the last one that did.
        let idle = plan.steps.is_empty() && plan.enqueue.is_empty() && plan.error.is_none();
        if !idle || hosted.last.as_ref().is_none_or(|last| last.plan.steps.is_empty()) {
            let (key, at, phase) = (turn.key.clone(), turn.observed.now, turn.phase);
            let last = LastPlan { key, at, plan: plan.clone(), phase, cause };
            if !idle {
                if hosted.plans.len() == PLANS_MAX {
                    hosted.plans.pop_front();
                }
                hosted.plans.push_back(Arc::new(last.clone()));
            }
            hosted.last = Some(last);
        }
        plan
    }

    /// Does what can be done now, until an answer is awaited or the work on the key ends.
    fn advance(&mut self, ctx: &mut Ctx<'_, Message>, slot: u16, key: &WorkKey) {
        let id = (slot, key.clone());
        loop {
            let Some(execution) = self.executions.get_mut(&id) else { return };
            if execution.waiting > 0 {
                return;
            }
            let plan = execution.plan.clone();
            let step = if execution.failed.is_some() { None } else { plan.steps.get(execution.next) };
            let Some(step) = step else {
                if self.next_phase(ctx, &id) {
                    continue;
                }
                self.finish(ctx, slot, key);
                return;
            };
            let number = execution.next as u32;
            execution.next += 1;
            let writes: &[Write] = match step {
                Step::Event(event) => {
                    self.announce(ctx, slot, event, "");
                    continue;
                }
                Step::Write(write) => std::slice::from_ref(write),
                Step::Batch(writes) => writes,
            };
            execution.waiting = writes.len();
            let requests: Vec<Arc<Request>> = writes.iter().map(|write| execution.rebase(write)).collect();
            for (place, request) in requests.iter().enumerate() {
                let purpose = Purpose::Write { slot, key: key.clone(), step: number, place: place as u32 };
                self.post(ctx, slot, request, Some(purpose));
            }
        }
    }

    /// Looks again where the plan or a failure asks for it. False when the work ends here.
    fn next_phase(&mut self, ctx: &Ctx<'_, Message>, id: &(u16, WorkKey)) -> bool {
        let execution = self.executions.get_mut(id).expect("the execution was there a line ago");
        let left_out: Vec<Write> = match execution.failed {
            Some(_) => execution.plan.steps[execution.next..].iter().flat_map(writes_of).cloned().collect(),
            None => Vec::new(),
        };
        execution.next = execution.plan.steps.len();
        let phase = match &execution.failed {
            _ if execution.cut => None,
            Some((_, Some(recover))) => Some(*recover),
            _ => execution.plan.then,
        };
        if let Some(phase) = phase {
            execution.turn.phase = phase;
            execution.failed = None;
            execution.next = 0;
        }
        let mut turn = execution.turn.clone();
        for write in &left_out {
            self.slots[usize::from(id.0)].controller.on_answer(&id.1, write, None);
        }
        if phase.is_none() {
            return false;
        }
        turn.phase = phase.unwrap_or_default();
        let plan = self.look(ctx, id.0, &turn);
        self.executions.get_mut(id).expect("looking ends no execution").plan = plan;
        true
    }

    fn finish(&mut self, ctx: &mut Ctx<'_, Message>, slot: u16, key: &WorkKey) {
        let execution = self.executions.remove(&(slot, key.clone())).expect("only work under way can end");
        let now = ctx.now();
        let hosted = &mut self.slots[usize::from(slot)];
        if !execution.plan.steps.is_empty() {
            let name = hosted.controller.name();
            ctx.span(name, execution.started, now, format!("sync {key}"));
        }
        let error = execution.failed.map(|(error, _)| error).or_else(|| execution.plan.error.clone());
        match error {
            None => {
                hosted.queue.forget(key);
                if let Some(delay) = execution.plan.requeue_after {
                    hosted.queue.add_after(now, key.clone(), delay, execution.cause);
                }
            }
            Some(_) if execution.hopeless => hosted.queue.forget(key),
            Some(_) => {
                hosted.failures += 1;
                let retries = hosted.queue.num_requeues(key);
                if hosted.controller.retries_max().is_some_and(|max| retries >= max) {
                    hosted.queue.forget(key);
                } else {
                    hosted.queue.add_rate_limited(now, key.clone(), execution.cause);
                }
            }
        }
        hosted.queue.done(key);
    }

    /// Records an event as the controller's.
    fn announce(&mut self, ctx: &mut Ctx<'_, Message>, slot: u16, event: &Announce, ending: &str) {
        let message = format!("{}{ending}", event.message);
        let (now, unix_micros) = (ctx.now(), ctx.unix_micros());
        let recorder = &mut self.slots[usize::from(slot)].recorder;
        let request = recorder.record(now, unix_micros, &event.involved, event.kind, event.reason, message);
        if let Some(request) = request {
            self.post(ctx, slot, &request, None);
        }
    }

    /// Takes the answer to a call, or the lack of one.
    pub(super) fn answered(&mut self, ctx: &mut Ctx<'_, Message>, pending: Pending, response: Option<&Response>) {
        let (slot, key, step, place) = match pending.purpose {
            Purpose::Lease(number) => {
                self.lease_answered(ctx, number, response);
                return;
            }
            Purpose::Write { slot, key, step, place } => (slot, key, step, place),
        };
        let id = (slot, key.clone());
        let Some(execution) = self.executions.get_mut(&id) else { return };
        let plan = execution.plan.clone();
        let write = writes_of(&plan.steps[step as usize])
            .nth(place as usize)
            .expect("an answer belongs to a write of its step");
        let answer = Answer::of(pending.request, response);
        let event = execution.take(write, &answer, response.is_none());
        execution.waiting -= 1;
        execution.turn.answers.push(answer.clone());
        if let Some((event, ending)) = event {
            self.announce(ctx, slot, &event, &ending);
        }
        self.slots[usize::from(slot)].controller.on_answer(&key, write, Some(&answer));
        self.advance(ctx, slot, &key);
        self.pump(ctx, slot);
    }
}

fn writes_of(step: &Step) -> impl Iterator<Item = &Write> {
    match step {
        Step::Event(_) => [].iter(),
        Step::Write(write) => std::slice::from_ref(write).iter(),
        Step::Batch(writes) => writes.iter(),
    }
}

/// The path of the object a request writes, without its subresource.
fn object_path(request: &Request) -> Option<Arc<str>> {
    let Body::Object(object) = &request.body else { return None };
    Some(Arc::from(object.info().path(object.namespace(), object.name())))
}

impl Execution {
    /// The request of a write, with the resource version it should have.
    fn rebase(&self, write: &Write) -> Arc<Request> {
        let version =
            write.fresh.then(|| object_path(&write.request)).flatten().and_then(|path| self.versions.get(&path));
        let (Some(version), Body::Object(object)) = (version, &write.request.body) else {
            return write.request.clone();
        };
        let mut object = (**object).clone();
        object.meta_mut().resource_version = Some(version.clone());
        let mut request = (*write.request).clone();
        request.body = Body::Object(Arc::new(object));
        Arc::new(request)
    }

    /// Notes what an answer means for the rest, and gives the event it is worth.
    fn take(&mut self, write: &Write, answer: &Answer, cut: bool) -> Option<(Announce, String)> {
        self.cut |= cut;
        match &answer.result {
            Ok(body) => {
                let mut name = String::new();
                if let Body::Object(object) = body {
                    let ObjectKey { namespace, name: object_name } = object.key();
                    let path = object.info().path(&namespace, &object_name);
                    if let Some(version) = &object.meta().resource_version {
                        self.versions.insert(Arc::from(path), version.clone());
                    }
                    name = object_name.to_string();
                }
                ending(write.announce.as_ref()?, &name, "")
            }
            Err(failure) => {
                if failure.reason.is_some_and(|reason| write.tolerates.contains(&reason)) {
                    return None;
                }
                self.hopeless |= failure.namespace_terminating;
                if self.failed.is_none() {
                    self.failed = Some((failure.message.clone(), write.recover));
                }
                if cut || failure.namespace_terminating {
                    return None;
                }
                ending(write.complain.as_ref()?, "", &failure.message)
            }
        }
    }
}

fn ending(event: &Announce, name: &str, error: &str) -> Option<(Announce, String)> {
    let ending = match event.append {
        Append::Nothing => "",
        Append::Name => name,
        Append::Error => error,
    };
    Some((event.clone(), ending.to_owned()))
}
