//! The story of a causal tree: its turning points as numbered sentences, from the first request to Ready.
//! Only arithmetic: what is told, when it happens, and what is the same again and folded away.

use std::collections::BTreeSet;

use crate::cluster::{CausalTree, MessageView, Session};
use crate::sim::{EventId, SimTime};

use super::beats::{Beat, beat, opening};
use super::screen::Caption;

/// Steps of one story, and repetitions kept of one step; more are counted.
const STEPS_MAX: usize = 400;
const AGAIN_MAX: usize = 200;

/// A step: one sentence, and what repeats it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub id: EventId,
    /// When its message was sent.
    pub at: SimTime,
    /// When its message is half way: the moment the reader is taken to.
    pub shown: SimTime,
    pub caption: Caption,
    /// What a word in the sentence means; told where it first comes up, else empty.
    pub gloss: &'static str,
    /// The same again: message, time, sentence.
    pub again: Vec<(EventId, SimTime, String)>,
    /// How often, those that are not kept included.
    pub again_total: usize,
    /// What is repeated: `pods`, or empty.
    pub noun: &'static str,
    /// Whether something asked for is reached here: a pod Ready, a Deployment available.
    pub reached: bool,
    key: String,
}

impl Step {
    /// `5 more pods the same way`; empty where nothing repeats it.
    pub fn again_text(&self) -> String {
        match (self.again_total, self.noun) {
            (0, _) => String::new(),
            (count, "") => format!("{count} more the same way"),
            (1, noun) => format!("1 more {} the same way", noun.trim_end_matches('s')),
            (count, noun) => format!("{count} more {noun} the same way"),
        }
    }
}

/// A story.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    /// By the time they were sent.
    pub steps: Vec<Step>,
    /// From when times count.
    pub begun: SimTime,
    /// The highest number that was read.
    last: EventId,
    /// Messages of the tree that were read.
    pub messages: usize,
    told: BTreeSet<&'static str>,
}

impl Story {
    /// Tells what is new in a tree. What was told before stays, also where the run was wound back.
    pub fn read(&mut self, session: &mut Session, tree: &CausalTree) {
        let now = session.now();
        for id in tree.after(self.last) {
            match session.message(id) {
                // What is promised but not sent yet is told when it is.
                Some(view) if view.sent > now => break,
                Some(view) => self.hear(&view),
                None => self.begin(session, id),
            }
            self.last = id;
        }
    }

    /// An act from outside opens the story.
    fn begin(&mut self, session: &mut Session, id: EventId) {
        let Some(link) = session.causes(id).pop().filter(|link| link.id == id && &*link.from == "you") else { return };
        let beat = opening(&link.text);
        self.tell(id, (link.at, link.at), beat);
    }

    fn hear(&mut self, view: &MessageView) {
        self.messages += 1;
        let half = SimTime(view.sent.0 + view.arrives.since(view.sent).as_micros() as u64 / 2);
        if let Some(beat) = beat(view).filter(|_| !view.heartbeat) {
            self.tell(view.id, (view.sent, half), beat);
        }
    }

    /// Tells a turning point: as a step, or as what repeats one.
    pub fn tell(&mut self, id: EventId, (at, shown): (SimTime, SimTime), beat: Beat) {
        if let Some(step) = self.steps.iter_mut().find(|step| step.key == beat.key) {
            step.again_total += 1;
            if step.again.len() < AGAIN_MAX {
                step.again.push((id, at, beat.caption.text()));
            }
            return;
        }
        if self.steps.len() == STEPS_MAX {
            return;
        }
        if self.steps.is_empty() {
            self.begun = at;
        }
        let gloss = beat.glosses.iter().find(|gloss| !self.told.contains(**gloss)).copied().unwrap_or_default();
        self.told.insert(gloss);
        let step = Step {
            id,
            at,
            shown,
            caption: beat.caption,
            gloss,
            again: Vec::new(),
            again_total: 0,
            noun: beat.noun,
            reached: beat.reached,
            key: beat.key,
        };
        let index = self.steps.partition_point(|other| other.at <= at);
        self.steps.insert(index, step);
    }

    /// The step that was told last at `now`.
    pub fn at(&self, now: SimTime) -> Option<usize> {
        self.steps.partition_point(|step| step.at <= now).checked_sub(1)
    }

    /// The run goes another way from `now` on, after the event `last`.
    pub fn fork(&mut self, now: SimTime, last: EventId) {
        self.steps.retain(|step| step.at <= now);
        for step in &mut self.steps {
            let kept = step.again.iter().filter(|(_, at, _)| *at <= now).count();
            step.again.truncate(kept);
            step.again_total = step.again_total.min(kept);
        }
        self.last = self.last.min(last);
    }

    /// The step's time since the story began: `41.1 ms`, `2.31 s`.
    pub fn time_of(&self, at: SimTime) -> String {
        let micros = at.since(self.begun).as_micros();
        match micros {
            0..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
            _ => format!("{:.2} s", micros as f64 / 1e6),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::time::Duration;

    use expect_test::expect_file;

    use crate::cluster::{Command, Config};

    use super::*;

    fn applied(yaml: &str) -> (Session, EventId) {
        let mut session = Session::ready(Config::default());
        let line = "kubectl apply -f -".to_owned();
        let applied = session.apply(Command::Kubectl { line, stdin: yaml.to_owned() });
        (session, applied.id)
    }

    fn text(story: &Story) -> String {
        let mut out = String::new();
        for (index, step) in story.steps.iter().enumerate() {
            let mark = if step.reached { " (reached)" } else { "" };
            writeln!(out, "{:>2}. {:>8}  {}{mark}", index + 1, story.time_of(step.at), step.caption.text())
                .expect("a string takes everything");
            for line in [step.gloss.to_owned(), step.again_text()].iter().filter(|line| !line.is_empty()) {
                writeln!(out, "{:15}{line}", "").expect("a string takes everything");
            }
        }
        out
    }

    #[test]
    fn the_example_deployment_from_apply_to_available() {
        let (mut session, root) = applied(include_str!("../../examples/gallery/deployment.yaml"));
        session.run_until(session.now() + Duration::from_secs(20));
        let tree = CausalTree::new(&mut session, root);
        let mut story = Story::default();
        story.read(&mut session, &tree);
        assert!(story.steps.last().is_some_and(|step| step.reached), "{}", text(&story));
        expect_file!["story/deployment.txt"].assert_eq(&text(&story));
    }

    #[test]
    fn a_story_told_while_it_happens_is_the_same_and_outlives_going_back() {
        let (mut session, root) = applied(include_str!("../../examples/gallery/deployment.yaml"));
        let begun = session.now();
        let mut tree = CausalTree::new(&mut session, root);
        let mut story = Story::default();
        for tick in 1..400 {
            session.run_until(begun + Duration::from_millis(tick * 50));
            tree.catch_up(&session);
            story.read(&mut session, &tree);
        }
        let mut whole = Story::default();
        let all = CausalTree::new(&mut session, root);
        whole.read(&mut session, &all);
        assert_eq!(text(&story), text(&whole));
        let third = story.steps[2].shown;
        session.seek(third);
        tree.rewound();
        tree.catch_up(&session);
        story.read(&mut session, &tree);
        assert_eq!(text(&story), text(&whole), "what is known stays");
        assert_eq!(story.at(third), Some(2));
        session.run_until(begun + Duration::from_secs(19));
        tree.catch_up(&session);
        story.read(&mut session, &tree);
        assert_eq!(text(&story), text(&whole), "nothing is told twice");
        story.fork(third, EventId(story.steps[2].id.0));
        assert_eq!(story.steps.len(), 3, "another run's future is forgotten");
    }

    #[test]
    fn a_pod_is_followed_from_the_line_typed_to_ready() {
        let (mut session, _) = applied(include_str!("../../examples/gallery/deployment.yaml"));
        session.run_until(session.now() + Duration::from_secs(20));
        let pod = session.objects(crate::api::Kind::Pod).pop().expect("there are six");
        let key = pod.info().etcd_key(pod.namespace(), pod.name());
        let (created, _) = session.revisions_of(&key).expect("it is stored");
        let request = session.writer_of(&key, created).expect("the trace has it");
        let tree = CausalTree::of_object(&mut session, request, pod.kind(), &pod.key());
        let mut story = Story::default();
        story.read(&mut session, &tree);
        let again = story.steps.iter().flat_map(|step| step.again.iter().map(|(.., text)| format!("{text}\n")));
        let told = text(&story) + &again.collect::<String>();
        assert!(told.starts_with(" 1.   0.0 ms  kubectl apply -f - is typed."), "{told}");
        assert!(told.contains("The scheduler binds"), "{told}");
        assert!(told.contains("is ready. (reached)") || told.contains("and ready. (reached)"), "{told}");
        let name = pod.name().rsplit('-').next().expect("it has a tail");
        for other in session.objects(crate::api::Kind::Pod) {
            let tail = other.name().rsplit('-').next().expect("it has a tail");
            assert_eq!(told.contains(&format!("binds {tail}")), tail == name, "{tail} in {told}");
        }
    }
}
