//! Faults as the page shows them: those in force, their stretches of time, and what they do to a thing on the stage.

use std::sync::Arc;

use crate::cluster::{Command, Session, Standing};
use crate::sim::{EventId, SimTime};

use super::aftermath::is_fault;
use super::engine::Engine;
use super::screen::Things;
use super::story::Story;

/// A fault in force.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRow {
    pub id: EventId,
    /// `cut node-a from everything else`
    pub text: String,
    pub lift: Command,
}

/// What the page shows of faults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultsView {
    /// Oldest first.
    pub rows: Vec<FaultRow>,
    /// What the cluster did since the first of them, or the last that was lifted, began.
    pub story: Story,
    /// The step that was told last.
    pub here: Option<usize>,
    /// Whom a fault on the network may be put on: value and name.
    pub groups: Vec<(String, String)>,
}

/// A stretch of time in which a fault is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub from: SimTime,
    /// `None` while it is.
    pub to: Option<SimTime>,
    pub text: String,
}

/// The stretches of all faults up to `now`, and where one that is over at once was put in force.
pub fn stretches(session: &Session) -> Vec<Stretch> {
    let now = session.now();
    let mut out: Vec<(Stretch, Option<Command>)> = Vec::new();
    for logged in session.inputs().iter().filter(|logged| logged.at <= now) {
        for (stretch, lift) in &mut out {
            if stretch.to.is_none() && lift.as_ref() == Some(&logged.input) {
                stretch.to = Some(logged.at);
            }
        }
        if is_fault(&logged.input) {
            let lift = logged.input.lifted_by();
            let to = lift.is_none().then_some(logged.at);
            out.push((Stretch { from: logged.at, to, text: logged.input.text() }, lift));
        }
    }
    out.into_iter().map(|(stretch, _)| stretch).collect()
}

/// A fault's act with a capital, as the lists have it.
pub fn title(command: &Command) -> String {
    let text = command.text();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Who stands in the groups of the palette: nodes together, each node, the control plane's parts.
fn groups(things: &Things) -> Vec<(String, String)> {
    let mut groups = vec![("nodes".to_owned(), "all nodes".to_owned())];
    groups.extend(things.nodes.iter().map(|node| (node.name.to_string(), node.name.to_string())));
    let parts = things.components.iter().filter(|view| view.node.is_empty() && &*view.name != "client");
    groups.extend(parts.map(|view| (view.name.to_string(), view.name.to_string())));
    groups
}

/// What faults do to a component, for its name: `, frozen, cut from kube-apiserver`.
pub fn spoken(things: &Things, name: &str) -> String {
    let mut out = String::new();
    let view = things.component(name);
    if view.is_some_and(|view| !view.running) {
        out.push_str(", stopped");
    }
    if view.is_some_and(|view| view.frozen) {
        out.push_str(", frozen");
    }
    let process = view.map(|view| view.process);
    let called = |process| things.components.iter().find(|view| view.process == process).map(|view| view.name.clone());
    for link in things.broken.iter() {
        let peer = match process {
            Some(process) if process == link.pair.0 => link.pair.1,
            Some(process) if process == link.pair.1 => link.pair.0,
            _ => continue,
        };
        let peer = called(peer).unwrap_or_else(|| Arc::from("somebody"));
        out.push_str(&format!(", {} {} {peer}", link.text, if link.cut { "from" } else { "on the way to" }));
    }
    out
}

/// What fills a node, for its name and its corner: `disk 95 %`.
pub fn filled(things: &Things, node: &str) -> String {
    let fills = things.standing.iter().filter_map(|standing: &Standing| match &standing.fault {
        Command::Fill { node: of, what, percent } if of == node => Some(format!("{} {percent} %", what.as_str())),
        _ => None,
    });
    fills.collect::<Vec<_>>().join(", ")
}

impl Engine {
    /// What the page shows of faults; `None` where that is `shown` already.
    pub fn faults_view(&self, shown: &FaultsView) -> Option<FaultsView> {
        let row = |standing: &Standing| FaultRow {
            id: standing.id,
            text: title(&standing.fault),
            lift: standing.lift.clone(),
        };
        let rows: Vec<FaultRow> = self.session.world().standing().iter().map(row).collect();
        let story = &self.aftermath.story;
        let here = story.at(self.now());
        let groups = groups(&self.things);
        let told = |story: &Story| -> (usize, usize, Option<EventId>) {
            let again = story.steps.iter().map(|step| step.again_total).sum();
            (story.steps.len(), again, story.steps.first().map(|step| step.id))
        };
        let same =
            shown.rows == rows && shown.here == here && told(&shown.story) == told(story) && shown.groups == groups;
        (!same).then(|| FaultsView { rows, story: story.clone(), here, groups })
    }
}
