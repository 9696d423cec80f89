//! Delays that double.
//!
//! Mirrors client-go util/flowcontrol `Backoff`.

use std::time::Duration;

use crate::sim::SimTime;

use super::config::{CONTAINER_BACKOFF_INITIAL, CONTAINER_BACKOFF_MAX};

/// The back-off of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub delay: Duration,
    pub last_update: SimTime,
}

/// Whether so much time lies between the last delay and `event` that it is forgotten.
fn expired(backoff: &Backoff, event: SimTime) -> bool {
    event.since(backoff.last_update) > CONTAINER_BACKOFF_MAX * 2
}

/// What is left of the delay after `event`, if it is not over: `IsInBackOffSince`.
pub fn remaining(backoff: Option<&Backoff>, event: SimTime, now: SimTime) -> Option<Duration> {
    let backoff = backoff.filter(|backoff| !expired(backoff, event))?;
    let end = event + backoff.delay;
    (now < end).then(|| end.since(now))
}

/// The delay after the next failure: `Next`.
pub fn next(backoff: Option<&Backoff>, event: SimTime, now: SimTime) -> Backoff {
    let delay = match backoff.filter(|backoff| !expired(backoff, event)) {
        Some(backoff) => (backoff.delay * 2).min(CONTAINER_BACKOFF_MAX),
        None => CONTAINER_BACKOFF_INITIAL,
    };
    Backoff { delay, last_update: now }
}

/// A duration as Go prints it: `10s`, `2m40s`.
pub fn go_duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros == 0 {
        return "0s".to_owned();
    }
    let fraction = |whole: u128, part: u128, digits: usize, unit: &str| {
        let part = format!("{part:0digits$}");
        let part = part.trim_end_matches('0');
        if part.is_empty() { format!("{whole}{unit}") } else { format!("{whole}.{part}{unit}") }
    };
    if micros < 1_000 {
        return format!("{micros}µs");
    }
    if micros < 1_000_000 {
        return fraction(micros / 1_000, micros % 1_000, 3, "ms");
    }
    let seconds = micros / 1_000_000;
    let rest = fraction(seconds % 60, micros % 1_000_000, 6, "s");
    match (seconds / 3_600, seconds / 60 % 60) {
        (0, 0) => rest,
        (0, minutes) => format!("{minutes}m{rest}"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_five_minutes_and_are_forgotten_after_ten() {
        let mut backoff = None;
        let mut now = SimTime::from_secs(100);
        let mut delays = Vec::new();
        for _ in 0..8 {
            // It ends right after it started; when the delay is over it is started again.
            let ended = now;
            let wait = remaining(backoff.as_ref(), ended, now).unwrap_or_default();
            delays.push(wait.as_secs());
            now += wait;
            backoff = Some(next(backoff.as_ref(), ended, now));
        }
        assert_eq!(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
        let ended = now + Duration::from_secs(601);
        assert_eq!(remaining(backoff.as_ref(), ended, ended), None, "it ran for ten minutes");
        assert_eq!(next(backoff.as_ref(), ended, ended).delay, CONTAINER_BACKOFF_INITIAL);
    }

    #[test]
    fn durations_as_go_prints_them() {
        for (ms, text) in
            [(0, "0s"), (1, "1ms"), (1_234, "1.234s"), (10_000, "10s"), (160_000, "2m40s"), (300_000, "5m0s")]
        {
            assert_eq!(go_duration(Duration::from_millis(ms)), text);
        }
    }
}
