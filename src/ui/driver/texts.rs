//! What changes in every frame is written straight into its element, past the components.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::scene::clock;
use crate::sim::SimTime;

use super::super::pace::{Speed, factor_text};
use super::super::screen::Detail;
use super::Inner;

impl Inner {
    /// Writes what has changed since the frame before.
    pub(super) fn write_texts(&mut self) {
        let now = self.engine.now();
        let origin = self.engine.origin();
        let since = now.0 as i64 - origin.0 as i64;
        let factor = match self.engine.pace.speed {
            Speed::Auto if self.engine.playing => factor_text(self.engine.pace.factor()),
            _ => String::new(),
        };
        let since_text = match self.engine.log.last_input(now) {
            Some(flag) => format!("since {}, simulated", first_words(&flag.text)),
            None => "since the cluster was ready".to_owned(),
        };
        // Played at Auto, the factor stands before it.
        let paused = if self.engine.playing { "" } else { "paused, " };
        let event = self.engine.session.world().kernel().handled();
        self.write("clock", clock(since));
        self.write("since", since_text);
        self.write("event", format!("{paused}event {}", thousands(event)));
        self.write("factor", factor);
        self.write("headtext", clock(since).trim_end_matches(" ms").to_owned());
        self.write_value(now, since);
        self.write("closeness", format!("{:.0} %", self.zoom * 100.0));
        self.write_travel(now);
        let window = self.view.window();
        let x = window.x(now, self.tracks_width).clamp(0.0, self.tracks_width);
        self.write_style("head", "transform", format!("translateX({x:.2}px)"));
        let known = window.x(self.engine.log.horizon, self.tracks_width).clamp(0.0, self.tracks_width);
        self.write_style("future", "transform", format!("translateX({known:.0}px)"));
        if let Some(head) = self.document.get_element_by_id("head") {
            let end = x > self.tracks_width - 40.0;
            if head.class_list().contains("endl") != end {
                // A class that cannot be toggled leaves the label centred.
                let _ = head.class_list().toggle_with_force("endl", end);
            }
        }
    }

    /// What the slider stands at, for who does not see it. The components leave it to this: they are drawn anew
    /// less often.
    fn write_value(&mut self, now: SimTime, since: i64) {
        let mut text = clock(since);
        if let Some(told) = self.engine.told_at(now) {
            text.push_str(", ");
            text.push_str(&told);
        }
        if let Some(slider) = self.changed("slider", &text) {
            // A value that is not taken is told by the clock beside it.
            let _ = slider.set_attribute("aria-valuenow", &now.as_millis().to_string());
            let _ = slider.set_attribute("aria-valuetext", &text);
        }
    }

    fn write_travel(&mut self, now: SimTime) {
        let Detail::Message(detail) = &*self.screen.detail else { return };
        let (sent, arrives) = (detail.view.sent, detail.view.arrives);
        let whole = arrives.since(sent).as_micros() as f64;
        let gone = (now.since(sent).as_micros() as f64).min(whole);
        let text = if gone < whole {
            format!("{:.1} of {:.1} ms", gone / 1_000.0, whole / 1_000.0)
        } else {
            format!("{:.1} ms, arrived", whole / 1_000.0)
        };
        let share = if whole == 0.0 { 100.0 } else { gone / whole * 100.0 };
        self.write("travel", text);
        self.write_style("travelbar", "width", format!("{share:.1}%"));
    }

    fn write(&mut self, id: &'static str, text: String) {
        if let Some(element) = self.changed(id, &text) {
            element.set_text_content(Some(&text));
        }
    }

    fn write_style(&mut self, id: &'static str, property: &str, value: String) {
        if let Some(element) = self.changed(id, &value).and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
            // A value the browser does not take leaves the last one standing.
            let _ = element.style().set_property(property, &value);
        }
    }

    /// The element, if what it shows is not `text` yet.
    fn changed(&mut self, id: &'static str, text: &str) -> Option<Element> {
        let element = self.document.get_element_by_id(id)?;
        let fresh = !element.has_attribute("data-written");
        match self.texts.iter_mut().find(|(known, _)| *known == id) {
            Some((_, last)) if last == text && !fresh => return None,
            Some((_, last)) => text.clone_into(last),
            None => self.texts.push((id, text.to_owned())),
        }
        if fresh {
            // Without the mark it would only be written more often.
            let _ = element.set_attribute("data-written", "");
        }
        Some(element)
    }
}

/// The act in a word or two: `apply`, `power off`.
pub fn first_words(text: &str) -> String {
    let rest = text.strip_prefix("kubectl ").unwrap_or(text);
    let words: Vec<&str> = rest.split(' ').take(2).collect();
    match words.as_slice() {
        ["power", state] => format!("power {state}"),
        [first, ..] => (*first).to_owned(),
        [] => String::new(),
    }
}

/// A number with thousands commas.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(1_289), "1,289");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }

    #[test]
    fn acts_in_a_word() {
        assert_eq!(first_words("kubectl apply -f -"), "apply");
        assert_eq!(first_words("power off node-a"), "power off");
    }
}
