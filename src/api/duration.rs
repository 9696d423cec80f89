//! Human durations: how long ago, in at most three characters or two units.
//!
//! Mirrors k8s.io/apimachinery/pkg/util/duration. Leaves out: nothing. And what Go reads and prints as a duration.

use std::time::Duration;

/// A duration as kubectl's AGE column shows it: `duration.HumanDuration`. Negative below two seconds is
/// `<invalid>`.
pub fn human(micros: i64) -> String {
    // Go's `int(d.Seconds())` cuts towards zero: up to two seconds in the future still print as 0s.
    let seconds = micros / 1_000_000;
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    if seconds < 0 {
        return "0s".to_owned();
    }
    if seconds < 60 * 2 {
        return format!("{seconds}s");
    }
    let minutes = seconds / 60;
    if minutes < 10 {
        return with_rest(minutes, 'm', seconds % 60, 's');
    }
    if minutes < 60 * 3 {
        return format!("{minutes}m");
    }
    let hours = minutes / 60;
    if hours < 8 {
        return with_rest(hours, 'h', minutes % 60, 'm');
    }
    if hours < 48 {
        return format!("{hours}h");
    }
    let days = hours / 24;
    if hours < 24 * 8 {
        return with_rest(days, 'd', hours % 24, 'h');
    }
    if hours < 24 * 365 * 2 {
        return format!("{days}d");
    }
    let years = hours / 24 / 365;
    if hours < 24 * 365 * 8 {
        return with_rest(years, 'y', days % 365, 'd');
    }
    format!("{years}y")
}

fn with_rest(whole: i64, unit: char, rest: i64, rest_unit: char) -> String {
    if rest == 0 { format!("{whole}{unit}") } else { format!("{whole}{unit}{rest}{rest_unit}") }
}

/// A duration in one unit, rounded down: `duration.ShortHumanDuration`.
pub fn short_human(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    match seconds {
        ..0 => "0s".to_owned(),
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400..31_536_000 => format!("{}d", seconds / 86_400),
        _ => format!("{}y", seconds / 31_536_000),
    }
}

/// `time.ParseDuration`, in microseconds.
///
/// # Errors
/// Go's error.
pub fn parse(text: &str) -> Result<i64, String> {
    let bad = || format!("time: invalid duration \"{text}\"");
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut micros: i128 = 0;
    while !rest.is_empty() {
        let number = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(number);
        let unit = tail.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(tail.len());
        let (name, tail) = tail.split_at(unit);
        if digits.is_empty() || digits == "." {
            return Err(bad());
        }
        let scale: i128 = match name {
            "" => return Err(format!("time: missing unit in duration \"{text}\"")),
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(format!("time: unknown unit \"{name}\" in duration \"{text}\"")),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| bad())? };
        let fraction: i128 = if part.is_empty() { 0 } else { part.parse().map_err(|_| bad())? };
        let places = 10_i128.checked_pow(u32::try_from(part.len()).unwrap_or(u32::MAX)).ok_or_else(bad)?;
        micros += (whole * scale + fraction * scale / places) / 1_000;
        rest = tail;
    }
    i64::try_from(sign * micros).map_err(|_| bad())
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
    use std::time::Duration;

    use super::{go_duration, human, short_human};

    const S: i64 = 1_000_000;
    const M: i64 = 60 * S;
    const H: i64 = 60 * M;
    const D: i64 = 24 * H;
    const Y: i64 = 365 * D;

    #[test]
    fn human_durations_are_upstreams() {
        // TestHumanDuration and TestHumanDurationBoundaries of duration_test.go.
        for (micros, text) in [
            (S, "1s"),
            (70 * S, "70s"),
            (190 * S, "3m10s"),
            (70 * M, "70m"),
            (47 * H, "47h"),
            (49 * H, "2d1h"),
            (8 * D + 2 * H, "8d"),
            (367 * D, "367d"),
            (365 * 2 * D + 25 * H, "2y1d"),
            (8 * Y + 2 * H, "8y"),
            (-2 * S, "<invalid>"),
            (-2 * S + 1, "0s"),
            (0, "0s"),
            (S - 1, "0s"),
            (2 * M - 1, "119s"),
            (2 * M, "2m"),
            (2 * M + S, "2m1s"),
            (10 * M - 1, "9m59s"),
            (10 * M, "10m"),
            (10 * M + S, "10m"),
            (3 * H - 1, "179m"),
            (3 * H, "3h"),
            (3 * H + M, "3h1m"),
            (8 * H - 1, "7h59m"),
            (8 * H, "8h"),
            (8 * H + 59 * M, "8h"),
            (2 * D - 1, "47h"),
            (2 * D, "2d"),
            (2 * D + H, "2d1h"),
            (8 * D - 1, "7d23h"),
            (8 * D, "8d"),
            (8 * D + 23 * H, "8d"),
            (2 * Y - 1, "729d"),
            (2 * Y, "2y"),
            (2 * Y + 23 * H, "2y"),
            (2 * Y + 23 * H + 59 * M, "2y"),
            (2 * Y + 2 * D - 1, "2y1d"),
            (8 * Y - 1, "7y364d"),
            (8 * Y, "8y"),
            (8 * Y + 364 * D, "8y"),
            (9 * Y, "9y"),
        ] {
            assert_eq!(human(micros), text, "{micros} µs");
        }
    }

    #[test]
    fn short_durations_have_one_unit() {
        for (micros, text) in
            [(S, "1s"), (70 * S, "1m"), (190 * S, "3m"), (70 * M, "1h"), (49 * H, "2d"), (367 * D, "1y")]
        {
            assert_eq!(short_human(micros), text, "{micros} µs");
        }
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
