//! Inside the controller manager: informers and how far they lag, queues, and what was decided last.

use crate::api::{Body, Kind, Request};
use crate::client::InformerState;
use crate::controllers::{ControllerManager, InformerReport, KeyReport, KeyState, PlanReport, Step, Write};
use crate::sim::ProcessId;

use super::super::label::parts;
use super::{Fact, Look, ROWS_MAX, Sheet, Within, named, until};

/// Actions that are listed of a plan.
const ACTIONS_MAX: usize = 12;

/// A controller, in the list of all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerInside {
    pub name: &'static str,
    /// Keys in its queue, those in work among them.
    pub keys: usize,
    pub looks: u64,
    pub failures: u64,
    /// Whether its informers have their initial lists.
    pub synced: bool,
    /// Events of its kinds that it has not seen yet.
    pub lag: usize,
    pub chosen: bool,
}

/// A plan: what it saw and wants, and what it does about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanInside {
    pub at: String,
    pub key: String,
    /// What it saw and what is wanted.
    pub summary: String,
    pub actions: Vec<String>,
    /// What asked for the look.
    pub asked: String,
    /// What went wrong; empty for nothing.
    pub error: String,
}

/// The controller manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerManagerInside {
    pub facts: Vec<Fact>,
    pub controllers: Vec<ControllerInside>,
    /// The one that is shown in full.
    pub chosen: &'static str,
    pub plans: Vec<PlanInside>,
    pub queue: Sheet,
    pub informers: Sheet,
    /// What a driver's storage holds.
    pub disks: Option<Sheet>,
}

/// The controller manager of the cluster.
pub(super) fn inside(within: &Within<'_>, look: &Look) -> ControllerManagerInside {
    let manager = within.world.controller_manager();
    let leader = manager.leader();
    let facts = vec![
        ("leads", if leader.leading { "yes".to_owned() } else { format!("no, {} does", leader.holder) }),
        ("identity", leader.identity.to_string()),
        ("lease renewed at", within.clock(leader.renewed_at)),
    ];
    of(within, manager, look, facts)
}

/// The CSI driver: its sidecars are controllers like all others.
pub(super) fn driver(within: &Within<'_>, look: &Look) -> ControllerManagerInside {
    let driver = within.world.csi_driver();
    let (disks, used) = driver.counts();
    let facts = vec![("disks", disks.to_string()), ("in use", used.to_string())];
    ControllerManagerInside { disks: Some(disk_sheet(within)), ..of(within, driver.sidecars(), look, facts) }
}

/// What is on the storage behind the driver.
fn disk_sheet(within: &Within<'_>) -> Sheet {
    let mut sheet = Sheet::new("Disks", &["disk", "used by", "entries"]).note(
        "What a disk holds outlives the pods that wrote it. An attached disk is used once a container mounts it.",
    );
    let disks = within.world.csi_driver().disks();
    let total = disks.len();
    for disk in disks.into_iter().take(ROWS_MAX) {
        let kernel = within.world.kernel();
        let name = |process: &ProcessId| kernel.name_of(*process).rsplit('/').next().unwrap_or_default().to_owned();
        let users: Vec<String> = disk.users.iter().map(name).collect();
        let used = if users.is_empty() { "nobody".to_owned() } else { users.join(", ") };
        sheet.row(vec![disk.handle.to_string(), used, disk.entries.to_string()]);
    }
    sheet.cut(total)
}

fn of(within: &Within<'_>, manager: &ControllerManager, look: &Look, facts: Vec<Fact>) -> ControllerManagerInside {
    let informers = manager.informers();
    let names: Vec<(&'static str, usize)> = manager.queue_depths().collect();
    // Until the reader chooses: the one whose work most people come to see.
    let first = names.iter().position(|(name, _)| *name == "deployment-controller").unwrap_or(0);
    let chosen = look.chosen.map_or(first, |chosen| chosen as usize).min(names.len().saturating_sub(1));
    let controllers = names.iter().enumerate().map(|(at, (name, keys))| {
        let (looks, failures, synced) = manager.counts_of(at);
        let watched = manager.watched_by(at);
        let lags = informers.iter().filter(|informer| watched.contains(&informer.kind));
        let lag = lags.map(|informer| unseen(within, informer)).sum();
        ControllerInside { name, keys: *keys, looks, failures, synced, lag, chosen: at == chosen }
    });
    ControllerManagerInside {
        facts,
        controllers: controllers.collect(),
        chosen: names.get(chosen).map_or("", |(name, _)| name),
        plans: manager.plans_of(chosen).map(|plan| plan_inside(within, &plan)).collect(),
        queue: queue(within, manager, chosen),
        informers: informer_sheet(within, &informers, manager.watched_by(chosen)),
        disks: None,
    }
}

/// How many events of its kind an informer has not seen yet.
fn unseen(within: &Within<'_>, informer: &InformerReport) -> usize {
    let cache = within.world.apiserver().cache();
    cache.count_since(informer.kind.info().stored_as, informer.resource_version)
}

fn informer_sheet(within: &Within<'_>, informers: &[InformerReport], watched: &[Kind]) -> Sheet {
    let cache = within.world.apiserver().cache();
    let columns = &["kind", "state", "objects", "has seen", "newest stored", "events behind", "last event"];
    let mut sheet = Sheet::new("Informers", columns).note("One informer a kind, shared by all controllers.");
    for informer in informers.iter().filter(|informer| watched.contains(&informer.kind)) {
        let (_, newest) = cache.window(informer.kind.info().stored_as);
        let behind = unseen(within, informer);
        let state = match informer.state {
            InformerState::Idle => "no stream",
            InformerState::Listing => "listing",
            InformerState::Watching => "watching",
        };
        let row = sheet.row(vec![
            informer.kind.info().plural.to_owned(),
            state.to_owned(),
            informer.objects.to_string(),
            informer.resource_version.to_string(),
            if newest == 0 { "no event yet".to_owned() } else { newest.to_string() },
            behind.to_string(),
            within.clock(informer.last_event),
        ]);
        row.bad = informer.state == InformerState::Idle;
    }
    sheet
}

fn queue(within: &Within<'_>, manager: &ControllerManager, controller: usize) -> Sheet {
    let (keys, total) = manager.queue_of(controller, ROWS_MAX);
    let columns = &["key", "state", "retries", "asked for by"];
    let mut sheet = Sheet::new("Workqueue", columns);
    for KeyReport { key, state, retries, cause } in keys {
        let state = match state {
            KeyState::Processing => "in work".to_owned(),
            KeyState::Waiting => "waits for a worker".to_owned(),
            KeyState::Delayed(at) => until(within.now(), at),
        };
        let row = sheet.row(vec![key, state, retries.to_string(), within.told(cause)]);
        row.bad = retries > 0;
        row.about = Some(cause).filter(|cause| cause.0 > 0);
    }
    sheet.cut(total)
}

fn plan_inside(within: &Within<'_>, report: &PlanReport) -> PlanInside {
    let plan = &report.plan;
    let mut actions = Vec::new();
    for step in &plan.steps {
        match step {
            Step::Event(event) => actions.push(format!("event {}: {}", event.reason, event.message)),
            Step::Write(write) => actions.push(told(write)),
            Step::Batch(writes) => actions.extend(writes.iter().map(told)),
        }
    }
    for wish in &plan.enqueue {
        let when = if wish.after.is_zero() { String::new() } else { format!(" in {}", super::span(wish.after)) };
        actions.push(format!("look at {}{when}", wish.key));
    }
    if let Some(after) = plan.requeue_after {
        actions.push(format!("look again in {}", super::span(after)));
    }
    let more = actions.len().saturating_sub(ACTIONS_MAX);
    actions.truncate(ACTIONS_MAX);
    if more > 0 {
        actions.push(format!("and {more} more"));
    }
    PlanInside {
        at: within.clock(report.at),
        key: report.key.clone(),
        summary: plan.summary.clone(),
        actions,
        asked: within.told(report.cause),
        error: plan.error.clone().unwrap_or_default(),
    }
}

/// `POST pods default/web-`: a write in words.
fn told(write: &Write) -> String {
    let request: &Request = &write.request;
    let parts = parts(&request.path);
    let mut resource = parts.resource.to_owned();
    if !parts.subresource.is_empty() {
        resource = format!("{resource}/{}", parts.subresource);
    }
    let name = match &request.body {
        Body::Object(object) if parts.name.is_empty() => match object.name() {
            "" => object.meta().generate_name.clone().unwrap_or_default(),
            name => name.to_owned(),
        },
        _ => parts.name.to_owned(),
    };
    format!("{} {resource} {}", request.method.as_str(), named(parts.namespace, &name)).trim_end().to_owned()
}
