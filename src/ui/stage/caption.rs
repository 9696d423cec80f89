//! The caption, and what is spoken of it.

use yew::prelude::*;

use crate::sim::persistent::OrdMap;

use super::super::screen::{Caption, Shared, Things};

/// Between two sentences that are spoken.
const SPOKEN_MS: u32 = 2_000;

/// Properties of the caption.
#[derive(Properties, PartialEq)]
pub struct CaptionProps {
    pub caption: Shared<Caption>,
    pub things: Shared<Things>,
}

/// The sentence; and for assistive technology, at most every two seconds, the sentence with how the pods are.
#[component(CaptionText)]
pub fn caption_text(props: &CaptionProps) -> Html {
    let spoken = use_state(String::new);
    let waiting = use_mut_ref(Waiting::default);
    {
        let (spoken, waiting) = (spoken.clone(), waiting.clone());
        use_effect_with((props.caption.clone(), props.things.clone()), move |(caption, things)| {
            let mut slot = waiting.borrow_mut();
            slot.sentence = caption.text();
            slot.pods = pods(things);
            if slot.timer.is_none() && slot.is_news() {
                let later = waiting.clone();
                slot.timer = Some(gloo_timers::callback::Timeout::new(SPOKEN_MS, move || {
                    let mut slot = later.borrow_mut();
                    slot.timer = None;
                    spoken.set(slot.say());
                }));
            }
        });
    }
    let runs = props.caption.0.iter().map(|(bold, run)| {
        if *bold {
            html! { <b>{ run }</b> }
        } else {
            html! { run }
        }
    });
    html! {
        <>
        <p aria-hidden="true">{ for runs }</p>
        <span class="sr" aria-live="polite">{ (*spoken).clone() }</span>
        </>
    }
}

/// What will be spoken next.
#[derive(Default)]
struct Waiting {
    sentence: String,
    pods: String,
    /// The sentence and the pods that were spoken last.
    said: (String, String),
    timer: Option<gloo_timers::callback::Timeout>,
}

impl Waiting {
    fn is_news(&self) -> bool {
        self.said.0 != self.sentence || self.said.1 != self.pods
    }

    /// The sentence, and the pods where they have changed since they were told.
    fn say(&mut self) -> String {
        let pods = if self.said.1 == self.pods { "" } else { &self.pods };
        let text = format!("{} {pods}", self.sentence).trim_end().to_owned();
        self.said = (self.sentence.clone(), self.pods.clone());
        text
    }
}

/// The pods in a sentence: `Pods: 4 Running, 2 ContainerCreating.`
fn pods(things: &Things) -> String {
    let mut counts: OrdMap<&str, usize> = OrdMap::new();
    for pod in things.pods.iter() {
        *counts.entry(&*pod.status).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(status, count)| format!("{count} {status}")).collect();
    if counts.is_empty() { "No pods.".to_owned() } else { format!("Pods: {}.", counts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_told_only_when_they_changed() {
        let mut waiting =
            Waiting { sentence: "A.".to_owned(), pods: "Pods: 1 Running.".to_owned(), ..Waiting::default() };
        assert!(waiting.is_news());
        assert_eq!(waiting.say(), "A. Pods: 1 Running.");
        assert!(!waiting.is_news());
        waiting.sentence = "B.".to_owned();
        assert!(waiting.is_news());
        assert_eq!(waiting.say(), "B.");
    }
}
