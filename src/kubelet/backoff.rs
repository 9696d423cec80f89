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
}
