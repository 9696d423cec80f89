//! How wall time becomes simulated time.

use crate::scene::curves::power_of_two;

/// Wall time that Auto gives the median hop in view, and the most that it gives the longest.
const HOP_MS: f64 = 700.0;
const HOP_MS_MAX: f64 = 1_500.0;
/// Auto's factor changes by at most this much a second while something is in view.
const CHANGE_DOUBLINGS_PER_SECOND: f64 = 1.0;
/// How fast a quiet stretch accelerates: doublings a second.
const QUIET_DOUBLINGS_PER_SECOND: f64 = 8.0;
/// Auto never runs faster than this, and not slower: at the slowest a packet still moves as fast over the
/// few units between a kubelet and its runtime as elsewhere.
const FACTOR_MAX: f64 = 400.0;
const FACTOR_MIN: f64 = 1.0 / 1_200.0;
/// After so much simulated time without anything to see Auto rests, even where something is unsettled.
const QUIET_MICROS_MAX: f64 = 400e6;
/// A settled cluster may still be at work on what came last: for so long it is not at rest.
const SETTLING_MICROS: f64 = 1.5e6;
/// A quiet stretch at least this long is told.
const TOLD_MICROS: f64 = 500e3;

/// What the reader chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// Simulated time per wall time.
    Times(f64),
    /// Every hop in view is given time to be seen; quiet stretches are skipped.
    Auto,
}

/// Every choice, slowest first, with its name.
pub const SPEEDS: [(Speed, &str); 7] = [
    (Speed::Times(0.001), "1/1000×"),
    (Speed::Times(0.01), "1/100×"),
    (Speed::Times(0.1), "1/10×"),
    (Speed::Times(1.0), "1×"),
    (Speed::Times(10.0), "10×"),
    (Speed::Times(100.0), "100×"),
    (Speed::Auto, "Auto"),
];

/// What the pace looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sight {
    /// The median length of the hops in view, in simulated microseconds; `None` when there are none.
    pub median_micros: Option<f64>,
    /// The longest of them.
    pub longest_micros: f64,
    /// Whether something is still going to happen by itself: a pod not ready, a node off.
    pub unsettled: bool,
    /// Whether the pointer is on the stage: then Auto holds.
    pub held: bool,
}

/// What to do in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Advance {
    /// Simulated microseconds to run.
    pub micros: f64,
    /// Whether to stop where something comes into view.
    pub watch: bool,
}

/// The pace.
#[derive(Clone, Debug)]
pub struct Pace {
    pub speed: Speed,
    /// Simulated time per wall time just now.
    factor: f64,
    in_view: bool,
    quiet_micros: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { speed: Speed::Auto, factor: 1.0, in_view: false, quiet_micros: 0.0 }
    }
}

impl Pace {
    /// Simulated time per wall time just now.
    pub fn factor(&self) -> f64 {
        match self.speed {
            Speed::Times(times) => times,
            Speed::Auto => self.factor,
        }
    }

    /// Somebody acted: what was quiet is over.
    pub fn wake(&mut self) {
        self.quiet_micros = 0.0;
    }

    /// How much to run in a frame of `wall_ms`.
    pub fn advance(&mut self, wall_ms: f64, sight: Sight) -> Advance {
        let Speed::Auto = self.speed else {
            return Advance { micros: wall_ms * 1_000.0 * self.factor(), watch: false };
        };
        match sight.median_micros {
            Some(median) => {
                let wanted = (median / (HOP_MS * 1_000.0)).max(sight.longest_micros / (HOP_MS_MAX * 1_000.0));
                let wanted = wanted.clamp(FACTOR_MIN, 1.0);
                if !self.in_view || !sight.held {
                    let change = power_of_two(CHANGE_DOUBLINGS_PER_SECOND * wall_ms / 1_000.0);
                    let low = if self.in_view { self.factor / change } else { 0.0 };
                    let high = if self.in_view { self.factor * change } else { f64::MAX };
                    self.factor = wanted.clamp(low, high);
                }
                self.in_view = true;
                self.wake();
                Advance { micros: wall_ms * 1_000.0 * self.factor, watch: false }
            }
            None if self.rests(sight.unsettled) => {
                self.in_view = false;
                self.factor = 1.0;
                Advance { micros: wall_ms * 1_000.0, watch: true }
            }
            None => {
                self.in_view = false;
                let doublings = QUIET_DOUBLINGS_PER_SECOND * wall_ms / 1_000.0;
                let most = if sight.unsettled { FACTOR_MAX } else { 1.0 };
                self.factor = (self.factor * power_of_two(doublings)).clamp(FACTOR_MIN, most);
                Advance { micros: wall_ms * 1_000.0 * self.factor, watch: true }
            }
        }
    }

    fn rests(&self, unsettled: bool) -> bool {
        self.quiet_micros > if unsettled { QUIET_MICROS_MAX } else { SETTLING_MICROS }
    }

    /// Notes that `micros` passed with nothing in view; gives the length of the quiet stretch once it
    /// is worth telling.
    pub fn passed_quietly(&mut self, micros: f64) -> Option<f64> {
        self.quiet_micros += micros;
        (self.speed == Speed::Auto && self.factor > 1.5 && self.quiet_micros > TOLD_MICROS).then_some(self.quiet_micros)
    }
}

/// A factor as the transport prints it: `1/60×`, `1×`, `25×`.
pub fn factor_text(factor: f64) -> String {
    if factor >= 0.75 {
        return format!("{}×", round_two(factor));
    }
    format!("1/{}×", round_two(1.0 / factor))
}

fn round_two(number: f64) -> f64 {
    let mut scale = 1.0;
    while number.abs() >= 100.0 * scale {
        scale *= 10.0;
    }
    (number / scale).round() * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_MS: f64 = 16.0;

    #[test]
    fn a_fixed_speed_is_a_factor() {
        let mut pace = Pace { speed: Speed::Times(0.1), ..Pace::default() };
        assert_eq!(pace.advance(FRAME_MS, Sight::default()).micros, 1_600.0);
    }

    #[test]
    fn auto_gives_a_hop_its_time_at_once_and_then_changes_slowly() {
        let mut pace = Pace::default();
        let hop = |median: f64| Sight { median_micros: Some(median), ..Sight::default() };
        let first = pace.advance(FRAME_MS, hop(2_000.0)).micros;
        assert!((2_000.0 / first * FRAME_MS - HOP_MS).abs() < 1.0, "a hop takes {} ms", 2_000.0 / first * FRAME_MS);
        let before = pace.factor();
        pace.advance(FRAME_MS, hop(100.0));
        assert!(pace.factor() > before / 1.02, "not at once");
        pace.advance(FRAME_MS, Sight { held: true, ..hop(100.0) });
        let held = pace.factor();
        pace.advance(FRAME_MS, Sight { held: true, ..hop(100.0) });
        assert_eq!(pace.factor(), held);
    }

    #[test]
    fn a_quiet_stretch_accelerates_and_is_told() {
        let mut pace = Pace { factor: 1.0 / 350.0, ..Pace::default() };
        let quiet = Sight { unsettled: true, ..Sight::default() };
        let (mut wall_ms, mut sim, mut told) = (0.0, 0.0, None);
        while sim < 10e6 && wall_ms < 10_000.0 {
            let step = pace.advance(FRAME_MS, quiet);
            assert!(step.watch);
            sim += step.micros;
            wall_ms += FRAME_MS;
            told = pace.passed_quietly(step.micros).or(told);
        }
        assert!(wall_ms < 3_000.0, "10 s pass in {wall_ms} ms");
        assert!(told.is_some());
    }

    #[test]
    fn a_settled_cluster_rests_in_real_time() {
        let mut pace = Pace { factor: 1.0 / 350.0, ..Pace::default() };
        assert!(pace.advance(FRAME_MS, Sight::default()).micros < 100.0, "it may still be at work");
        assert_eq!(pace.passed_quietly(2e6), None);
        assert_eq!(pace.advance(FRAME_MS, Sight::default()).micros, FRAME_MS * 1_000.0);
        assert_eq!(pace.passed_quietly(1e6), None);
    }

    #[test]
    fn factors_in_words() {
        assert_eq!(factor_text(1.0 / 352.0), "1/350×");
        assert_eq!(factor_text(1.0), "1×");
        assert_eq!(factor_text(0.1), "1/10×");
        assert_eq!(factor_text(400.0), "400×");
    }
}
