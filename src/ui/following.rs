//! The engine's view of one thing: the filter, and the causal tree that is followed. Both hide; neither
//! changes the run.

use std::sync::Arc;
use std::time::Duration;

use crate::api::{Kind, ObjectKey};
use crate::cluster::{CausalTree, Flight, FlightKind};
use crate::sim::{EventId, ProcessId, SimTime};

use super::engine::Engine;
use super::filter::{Chip, FilterView, component_chips, component_of};
use super::log::Logged;
use super::screen::{FollowView, Selection};
use super::story::Story;

/// How far the next step of a story is looked for, and how much is run between two looks.
const AHEAD_MAX: Duration = Duration::from_secs(60);
const AHEAD_SLICE: Duration = Duration::from_millis(100);

/// What is followed.
#[derive(Debug)]
pub struct Follow {
    pub tree: CausalTree,
    pub story: Story,
    /// What was followed, in words.
    pub title: String,
    /// The step the reader went to: while its packet is on the way, others may have been told since.
    pub chosen: Option<EventId>,
}

impl Follow {
    /// The step the reader is at.
    pub fn here(&self, now: SimTime) -> Option<usize> {
        let steps = &self.story.steps;
        let chosen = steps.iter().position(|step| self.chosen == Some(step.id) && step.shown == now);
        chosen.or_else(|| self.story.at(now))
    }
}

impl Engine {
    /// Whether a message is in view: of what is followed, and let through by the filter.
    pub fn shows(&mut self, message: &Logged) -> bool {
        if !self.followed(message.id) {
            return false;
        }
        if !self.filter.is_active() {
            return true;
        }
        let kind = self.session.kind_of(message.id).unwrap_or(FlightKind::Request);
        self.passes(message.id, kind, message.from, message.to)
    }

    /// Whether it belongs to what is followed; everything does while nothing is.
    pub fn followed(&self, id: EventId) -> bool {
        self.follow.as_ref().is_none_or(|follow| follow.tree.contains(id))
    }

    fn passes(&mut self, id: EventId, kind: FlightKind, from: ProcessId, to: ProcessId) -> bool {
        let namespace = match self.filter.asks_for_namespace() {
            true => self.session.namespace_of(id),
            false => Arc::from(""),
        };
        let sites = &self.things.sites;
        let ends: Vec<Arc<str>> =
            [from, to].into_iter().filter_map(|process| component_of(sites.of(process)?, sites.nodes())).collect();
        self.filter.passes(kind, &namespace, &ends)
    }

    /// Keeps of `flights` what is in view, and counts what the filter hides of the rest.
    pub fn in_view(&mut self, flights: &[Flight]) -> Vec<Flight> {
        let (mut hidden, mut out) = (0, Vec::with_capacity(flights.len()));
        for flight in flights {
            if flight.heartbeat && !self.show_heartbeats || !self.followed(flight.id) {
                continue;
            }
            if !self.filter.is_active() || self.passes(flight.id, flight.kind, flight.from, flight.to) {
                out.push(flight.clone());
            } else {
                hidden += 1;
            }
        }
        self.hidden = hidden;
        out
    }

    /// What the page shows of the filter.
    pub fn filter_view(&self) -> FilterView {
        let sites = &self.things.sites;
        let mut namespaces = vec![Chip::Namespace(Arc::from(""))];
        let stored = self.session.objects(Kind::Namespace);
        namespaces.extend(stored.iter().map(|object| Chip::Namespace(Arc::from(object.name()))));
        FilterView {
            filter: self.filter.clone(),
            namespaces,
            components: component_chips(sites.nodes(), self.log.client, sites.are_driven()),
            hidden: self.hidden,
            heartbeats: self.show_heartbeats,
        }
    }

    /// Follows what is selected, from the first request to Ready. False where nothing leads there.
    pub fn follow_selection(&mut self, selection: &Selection) -> bool {
        let Some(root) = self.root_of(selection) else { return false };
        let tree = match self.object_of(selection) {
            Some((kind, key)) => CausalTree::of_object(&mut self.session, root, kind, &key),
            None => CausalTree::new(&mut self.session, root),
        };
        let mut story = Story::default();
        story.read(&mut self.session, &tree);
        let title = self.title_of(selection, root);
        self.follow = Some(Follow { tree, story, title, chosen: None });
        true
    }

    /// What the page shows of what is followed; `None` where that is `shown` already.
    pub fn follow_view(&self, shown: Option<&FollowView>) -> Option<Option<FollowView>> {
        let Some(follow) = &self.follow else { return shown.map(|_| None) };
        let here = follow.here(self.now());
        let same = shown.is_some_and(|shown| {
            shown.here == here
                && shown.title == follow.title
                && shown.story.messages == follow.story.messages
                && shown.story.steps.len() == follow.story.steps.len()
        });
        (!same).then(|| Some(FollowView { title: follow.title.clone(), story: follow.story.clone(), here }))
    }

    /// What a selection is called.
    fn title_of(&mut self, selection: &Selection, root: EventId) -> String {
        match selection {
            Selection::Pod(uid) => self.things.pod(uid).map_or_else(String::new, |pod| format!("Pod {}", pod.name)),
            Selection::Object(kind, key) => format!("{} {}", kind.info().kind, key.name),
            Selection::Event(key) => format!("Event {}", key.name),
            Selection::Node(name) | Selection::Component(name) => name.to_string(),
            Selection::Message(_) => self.session.causes(root).pop().map_or_else(String::new, |link| link.text),
        }
    }

    /// Shows everything again.
    pub fn unfollow(&mut self) {
        self.follow = None;
    }

    /// The object a selection is.
    fn object_of(&self, selection: &Selection) -> Option<(Kind, ObjectKey)> {
        Some(match selection {
            Selection::Pod(uid) => {
                let pod = self.things.pod(uid)?;
                (Kind::Pod, ObjectKey::new(&pod.namespace, &pod.name))
            }
            Selection::Object(kind, key) => (*kind, key.clone()),
            Selection::Event(key) => (Kind::Event, key.clone()),
            Selection::Node(name) => (Kind::Node, ObjectKey::new("", name)),
            Selection::Message(_) | Selection::Component(_) => return None,
        })
    }

    /// The event whose tree is followed for a selection: the message itself, the line, or the request that
    /// created an object.
    pub fn root_of(&mut self, selection: &Selection) -> Option<EventId> {
        if let Selection::Message(id) = selection {
            return Some(*id);
        }
        let (kind, key) = self.object_of(selection)?;
        let key = kind.info().etcd_key(&key.namespace, &key.name);
        let (created, _) = self.session.revisions_of(&key)?;
        self.session.writer_of(&key, created)
    }

    /// Brings tree and story up to the trace.
    pub fn keep_up(&mut self) {
        if let Some(follow) = &mut self.follow {
            follow.tree.catch_up(&self.session);
            follow.story.read(&mut self.session, &follow.tree);
        }
    }

    /// The run was wound back or on: the tree is read anew, the story is known already.
    pub fn follow_rewound(&mut self) {
        if let Some(follow) = &mut self.follow {
            follow.tree.rewound();
            follow.tree.catch_up(&self.session);
        }
    }

    /// Somebody acted: what the story told of later is another run's.
    pub fn follow_fork(&mut self) {
        let (now, last) = (self.now(), self.log.last());
        if let Some(follow) = &mut self.follow {
            follow.story.fork(now, last);
        }
    }

    /// Goes to the next or the previous step of the story. False where there is none.
    pub fn story_step(&mut self, forward: bool) -> bool {
        let now = self.now();
        let Some(follow) = &self.follow else { return false };
        let here = follow.here(now);
        let known = if forward {
            Some(here.map_or(0, |index| index + 1))
        } else {
            // Where the reader has gone on from a step, back is to that step.
            here.filter(|index| *index > 0).map(|index| index - 1)
        };
        let Some(index) = known else { return false };
        if index < follow.story.steps.len() {
            return self.go_to_step(index);
        }
        let ended = follow.story.steps.last().is_some_and(|step| step.reached) && !self.unsettled;
        forward && !ended && self.look_ahead(index) && self.go_to_step(index)
    }

    /// Goes to where a step's message is half way.
    pub fn go_to_step(&mut self, index: usize) -> bool {
        let Some(step) = self.follow.as_ref().and_then(|follow| follow.story.steps.get(index)).cloned() else {
            return false;
        };
        self.playing = false;
        self.seek(step.shown);
        self.selection = Some(Selection::Message(step.id));
        self.say(step.caption);
        if let Some(follow) = &mut self.follow {
            follow.chosen = Some(step.id);
        }
        true
    }

    /// Runs on until the story has a step `index`.
    fn look_ahead(&mut self, index: usize) -> bool {
        let limit = self.now() + AHEAD_MAX;
        let horizon = self.log.horizon.max(self.now());
        self.session.seek(horizon);
        self.follow_rewound();
        while self.now() < limit {
            let until = self.now() + AHEAD_SLICE;
            self.session.run_until(until);
            self.keep_up();
            if self.follow.as_ref().is_some_and(|follow| follow.story.steps.len() > index) {
                break;
            }
        }
        self.collect();
        self.read_log();
        self.follow.as_ref().is_some_and(|follow| follow.story.steps.len() > index)
    }

    /// The message of the lists before or after `selected`, of those in view.
    pub fn neighbour(&mut self, selected: Option<EventId>, forward: bool) -> Option<EventId> {
        let now = self.now();
        let known: Vec<Logged> = self.log.until(now).copied().collect();
        let flying: Vec<EventId> = self.packets.iter().map(|packet| packet.id).collect();
        match (selected, forward) {
            (None, true) if !flying.is_empty() => flying.first().copied(),
            (None, _) => known.iter().find(|message| self.shows(message)).map(|message| message.id),
            (Some(id), false) => {
                known.iter().filter(|message| message.id < id).find(|message| self.shows(message)).map(|found| found.id)
            }
            (Some(id), true) => {
                let later = known.iter().rev().filter(|message| message.id > id);
                let next = later.into_iter().find(|message| self.shows(message)).map(|found| found.id);
                next.or_else(|| flying.into_iter().find(|other| *other > id))
            }
        }
    }

    /// What a row of the terminal names: an object, or the message that brought the row.
    pub fn row_selection(&mut self, invocation: u64, row: &str) -> Option<Selection> {
        let view = self.session.invocation(invocation)?;
        let (kind, key) = match super::rows::object_of(&view.line, &view.output, row) {
            Some(found) => found,
            None => return self.carrier_of(invocation, row),
        };
        self.object_selection(kind, &key).or_else(|| self.carrier_of(invocation, row))
    }

    /// The selection of an object that is stored.
    pub fn object_selection(&self, kind: Kind, key: &ObjectKey) -> Option<Selection> {
        self.session.object(kind, key)?;
        Some(self.any_object(kind, key))
    }

    /// The selection of an object, whether it is stored now or not: pods and nodes have pages of their own.
    pub fn any_object(&self, kind: Kind, key: &ObjectKey) -> Selection {
        match kind {
            Kind::Pod => self
                .things
                .pods
                .iter()
                .find(|pod| *pod.name == *key.name && *pod.namespace == *key.namespace)
                .map_or_else(|| Selection::Object(kind, key.clone()), |pod| Selection::Pod(pod.uid.clone())),
            Kind::Node => Selection::Node(Arc::from(&*key.name)),
            Kind::Event => Selection::Event(key.clone()),
            _ => Selection::Object(kind, key.clone()),
        }
    }

    /// The message that brought a line of text to an invocation: its log, its answer.
    fn carrier_of(&mut self, invocation: u64, row: &str) -> Option<Selection> {
        let input = self.inputs.iter().find(|(id, _)| *id == invocation)?.1;
        let tree = CausalTree::new(&mut self.session, input);
        let ids: Vec<EventId> = tree.members().collect();
        let carries = |view: &crate::cluster::MessageView| {
            &*view.to == "kubectl"
                && matches!(&view.body, crate::cluster::BodyView::Text(text) if text.lines().any(|line| line == row))
        };
        let found = ids.into_iter().find(|id| self.session.message(*id).as_ref().is_some_and(carries));
        Some(Selection::Message(found.unwrap_or(input)))
    }

    /// The line of an invocation, as something that can be picked and followed.
    pub fn input_of(&self, invocation: u64) -> Option<EventId> {
        self.inputs.iter().find(|(id, _)| *id == invocation).map(|(_, input)| *input)
    }
}

#[cfg(test)]
mod tests;
