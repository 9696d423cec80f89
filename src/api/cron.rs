//! Cron schedules: five fields or a descriptor, and the next time one fires.
//!
//! Mirrors github.com/robfig/cron/v3, `ParseStandard`, with its words for what is wrong. All times are
//! microseconds since the Unix epoch; a schedule that never fires gives `NEVER`, Go's zero time.

use std::num::IntErrorKind;

use super::duration;
use super::timezone::{Civil, TimeZone, seconds_of};
use super::validation::errors::go_quote;

/// What `Next` gives when nothing fires within five years: the year 1.
pub const NEVER: i64 = -62_135_596_800_000_000;
/// Set in a field that was a star: the other day field alone decides.
const STAR: u64 = 1 << 63;

/// When something is to happen again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// `@every`: so many seconds after the last time.
    Every(i64),
    Fields(Fields),
}

/// The bits of the values that match, and the zone they are told in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    minute: u64,
    hour: u64,
    day: u64,
    month: u64,
    weekday: u64,
    zone: TimeZone,
}

struct Bounds {
    min: u64,
    max: u64,
    names: &'static [&'static str],
}

const MINUTES: Bounds = Bounds { min: 0, max: 59, names: &[] };
const HOURS: Bounds = Bounds { min: 0, max: 23, names: &[] };
const DAYS: Bounds = Bounds { min: 1, max: 31, names: &[] };
const MONTHS: Bounds = Bounds {
    min: 1,
    max: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAYS: Bounds = Bounds { min: 0, max: 6, names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

impl Schedule {
    /// `ParseCronScheduleWithPanicRecovery` of pkg/util/parsers, with a zone for what names none itself.
    ///
    /// # Errors
    /// The parser's sentence.
    pub fn parse(text: &str, zone: TimeZone) -> Result<Schedule, String> {
        if text.is_empty() {
            return Err("empty spec string".to_owned());
        }
        let (mut text, mut zone) = (text, zone);
        if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
            // robfig/cron cuts the text at a space that is not there; Kubernetes tells of the panic.
            let Some((head, rest)) = text.split_once(' ') else {
                return Err("invalid schedule format: runtime error: slice bounds out of range [:-1]".to_owned());
            };
            let name = head.split_once('=').map_or("", |(_, name)| name);
            zone = TimeZone::find(name).map_err(|error| format!("provided bad location {name}: {error}"))?;
            text = rest.trim();
        }
        if text.starts_with('@') {
            return descriptor(text, zone);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = words[..] else {
            return Err(format!("expected exactly 5 fields, found {}: [{}]", words.len(), words.join(" ")));
        };
        Ok(Schedule::Fields(Fields {
            minute: field(minute, &MINUTES)?,
            hour: field(hour, &HOURS)?,
            day: field(day, &DAYS)?,
            month: field(month, &MONTHS)?,
            weekday: field(weekday, &WEEKDAYS)?,
            zone,
        }))
    }

    /// The first time after `after`; `NEVER` when there is none within five years.
    pub fn next(&self, after: i64) -> i64 {
        let seconds = after.div_euclid(1_000_000);
        match self {
            Schedule::Every(delay) => (seconds + delay) * 1_000_000,
            Schedule::Fields(fields) => fields.next(seconds + 1).map_or(NEVER, |seconds| seconds * 1_000_000),
        }
    }
}

fn all(bounds: &Bounds) -> u64 {
    bits(bounds.min, bounds.max, 1) | STAR
}

fn descriptor(text: &str, zone: TimeZone) -> Result<Schedule, String> {
    let one = |bounds: &Bounds| 1 << bounds.min;
    let hourly = Fields {
        minute: one(&MINUTES),
        hour: all(&HOURS),
        day: all(&DAYS),
        month: all(&MONTHS),
        weekday: all(&WEEKDAYS),
        zone,
    };
    let daily = Fields { hour: one(&HOURS), ..hourly.clone() };
    Ok(Schedule::Fields(match text {
        "@yearly" | "@annually" => Fields { day: one(&DAYS), month: one(&MONTHS), ..daily },
        "@monthly" => Fields { day: one(&DAYS), ..daily },
        "@weekly" => Fields { weekday: one(&WEEKDAYS), ..daily },
        "@daily" | "@midnight" => daily,
        "@hourly" => hourly,
        _ => {
            let Some(delay) = text.strip_prefix("@every ") else {
                return Err(format!("unrecognized descriptor: {text}"));
            };
            let micros = duration::parse(delay).map_err(|error| format!("failed to parse duration {text}: {error}"))?;
            return Ok(Schedule::Every((micros / 1_000_000).max(1)));
        }
    }))
}

fn bits(min: u64, max: u64, step: u64) -> u64 {
    (min..=max).step_by(usize::try_from(step).unwrap_or(usize::MAX)).fold(0, |bits, value| bits | 1 << value)
}

fn field(text: &str, bounds: &Bounds) -> Result<u64, String> {
    text.split(',').filter(|part| !part.is_empty()).try_fold(0, |bits, part| Ok(bits | range(part, bounds)?))
}

fn number(text: &str) -> Result<u64, String> {
    let parsed: i64 = text.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("failed to parse int from {text}: strconv.Atoi: parsing {}: {why}", go_quote(text))
    })?;
    u64::try_from(parsed).map_err(|_| format!("negative number ({parsed}) not allowed: {text}"))
}

fn number_or_name(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    match bounds.names.iter().position(|name| *name == lower) {
        Some(index) => Ok(bounds.min + index as u64),
        None => number(text),
    }
}

/// `number | number "-" number [ "/" number ]`.
fn range(text: &str, bounds: &Bounds) -> Result<u64, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let ends: Vec<&str> = parts[0].split('-').collect();
    let mut extra = 0;
    let (start, mut end) = if matches!(ends[0], "*" | "?") {
        extra = STAR;
        (bounds.min, bounds.max)
    } else {
        let start = number_or_name(ends[0], bounds)?;
        match ends[..] {
            [_] => (start, start),
            [_, end] => (start, number_or_name(end, bounds)?),
            _ => return Err(format!("too many hyphens: {text}")),
        }
    };
    let step = match parts[..] {
        [_] => 1,
        [_, step] => {
            let step = number(step)?;
            // `N/step` means `N-max/step`.
            if ends.len() == 1 {
                end = bounds.max;
            }
            if step > 1 {
                extra = 0;
            }
            step
        }
        _ => return Err(format!("too many slashes: {text}")),
    };
    if start < bounds.min {
        return Err(format!("beginning of range ({start}) below minimum ({}): {text}", bounds.min));
    }
    if end > bounds.max {
        return Err(format!("end of range ({end}) above maximum ({}): {text}", bounds.max));
    }
    if start > end {
        return Err(format!("beginning of range ({start}) beyond end of range ({end}): {text}"));
    }
    if step == 0 {
        return Err(format!("step of range should be a positive number: {text}"));
    }
    Ok(bits(start, end, step) | extra)
}

impl Fields {
    fn at(&self, year: i64, month: i64, day: i64, hour: i64) -> i64 {
        self.zone.unix(seconds_of(year, month, day, hour, 0, 0))
    }

    fn is_day(&self, civil: Civil) -> bool {
        let (day, weekday) = (self.day >> civil.day & 1 == 1, self.weekday >> civil.weekday & 1 == 1);
        if (self.day | self.weekday) & STAR != 0 { day && weekday } else { day || weekday }
    }

    /// The first second from `seconds` on that matches, `SpecSchedule.Next`. A field that has to move clears the
    /// smaller ones; one that wraps begins anew.
    fn next(&self, seconds: i64) -> Option<i64> {
        let mut at = seconds;
        let last_year = self.zone.civil(at).year + 5;
        'wrap: loop {
            let mut now = self.zone.civil(at);
            if now.year > last_year {
                return None;
            }
            while self.month >> now.month & 1 == 0 {
                at = self.at(now.year, now.month + 1, 1, 0);
                now = self.zone.civil(at);
                if now.month == 1 {
                    continue 'wrap;
                }
            }
            while !self.is_day(now) {
                at = self.at(now.year, now.month, now.day + 1, 0);
                // Midnight may be missing when the clocks change.
                match self.zone.civil(at).hour {
                    0 => {}
                    hour @ 13.. => at += (24 - hour) * 3600,
                    hour => at -= hour * 3600,
                }
                now = self.zone.civil(at);
                if now.day == 1 {
                    continue 'wrap;
                }
            }
            while self.hour >> now.hour & 1 == 0 {
                at += 3600 - now.minute * 60 - now.second;
                now = self.zone.civil(at);
                if now.hour == 0 {
                    continue 'wrap;
                }
            }
            while self.minute >> now.minute & 1 == 0 {
                at += 60 - now.second;
                now = self.zone.civil(at);
                if now.minute == 0 {
                    continue 'wrap;
                }
            }
            if now.second != 0 {
                at += 60 - now.second;
                continue;
            }
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(text: &str, why: &str) {
        assert_eq!(Schedule::parse(text, TimeZone::UTC).map(|_| ()), Err(why.to_owned()), "{text}");
    }

    #[test]
    fn what_is_wrong_is_said_in_the_parsers_words() {
        refuses("", "empty spec string");
        refuses("* * * *", "expected exactly 5 fields, found 4: [* * * *]");
        refuses("* 24 * * *", "end of range (24) above maximum (23): 24");
        refuses("* * 0 * *", "beginning of range (0) below minimum (1): 0");
        refuses("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1");
        refuses("*/0 * * * *", "step of range should be a positive number: */0");
        refuses("1-2-3 * * * *", "too many hyphens: 1-2-3");
        refuses("1/2/3 * * * *", "too many slashes: 1/2/3");
        refuses("a * * * *", "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax");
        let huge = "99999999999999999999";
        let why = format!("failed to parse int from {huge}: strconv.Atoi: parsing \"{huge}\": value out of range");
        refuses("99999999999999999999 * * * *", &why);
        refuses("-5 * * * *", "failed to parse int from : strconv.Atoi: parsing \"\": invalid syntax");
        refuses("\"5 * * * *", "failed to parse int from \"5: strconv.Atoi: parsing \"\\\"5\": invalid syntax");
        refuses("TZ=UTC", "invalid schedule format: runtime error: slice bounds out of range [:-1]");
        refuses("TZ=UTC ", "expected exactly 5 fields, found 0: []");
        refuses("TZ=../etc 0 * * * *", "provided bad location ../etc: time: invalid location name");
        refuses("@every 1d", "failed to parse duration @every 1d: time: unknown unit \"d\" in duration \"1d\"");
        refuses("@reboot", "unrecognized descriptor: @reboot");
        refuses("@every -", "failed to parse duration @every -: time: invalid duration \"-\"");
        refuses("TZ=Moon 0 * * * *", "provided bad location Moon: unknown time zone Moon");
    }

    #[test]
    fn a_zone_is_where_the_clock_hangs() {
        let zone = TimeZone::find("America/New_York").expect("a zone");
        let daily = Schedule::parse("30 2 * * *", zone).expect("a schedule");
        // 2024-03-09T02:30 is 07:30Z. On the 10th there is no 02:30: the hour is 01 and then 03.
        let before = 1_709_967_600_000_000;
        let first = daily.next(before);
        assert_eq!(first, 1_709_969_400_000_000);
        assert_eq!(daily.next(first), 1_710_138_600_000_000, "2024-03-11T06:30Z");
    }

    #[test]
    fn what_never_is_never_fires() {
        let never = Schedule::parse("59 23 31 2 *", TimeZone::UTC).expect("it is well formed");
        assert_eq!(never.next(1_709_967_600_000_000), NEVER);
        assert_eq!(never.next(NEVER), NEVER);
    }
}
