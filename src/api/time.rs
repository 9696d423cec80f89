//! Dates: virtual time as Kubernetes writes it.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

/// Go's zero time.
pub const ZERO_TIME: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// The date `unix_micros` after the Unix epoch, cut to the second as `metav1.Time` is stored.
pub fn time(unix_micros: i64) -> Time {
    Time(Timestamp::from_second(unix_micros.div_euclid(1_000_000)).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// The date with microseconds, as `metav1.MicroTime` keeps them.
pub fn micro_time(unix_micros: i64) -> MicroTime {
    MicroTime(Timestamp::from_microsecond(unix_micros).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Microseconds since the Unix epoch.
pub fn unix_micros(time: &Time) -> i64 {
    time.0.as_microsecond()
}

/// A date as JSON has it: `2026-01-02T03:04:05Z`.
pub fn rfc3339(time: &Time) -> String {
    format!("{}Z", Civil::at(time.0.as_microsecond()).to_the_second())
}

/// A date with its microseconds: `2026-01-02T03:04:05.000000Z`.
pub fn rfc3339_micro(time: &MicroTime) -> String {
    let micros = time.0.as_microsecond();
    format!("{}.{:06}Z", Civil::at(micros).to_the_second(), micros.rem_euclid(1_000_000))
}

/// A date of RFC 3339.
pub fn parse(text: &str) -> Option<Timestamp> {
    parse_rfc3339(text).ok()
}

/// A date of RFC 3339 whose layout was found right: fails with what is out of range, as Go's `time.Parse` calls it.
///
/// # Errors
/// `month`, `hour`, `minute`, `second`, `time zone offset hour`, `time zone offset minute`, `day`; empty for the layout.
pub fn parse_rfc3339(text: &str) -> Result<Timestamp, &'static str> {
    let digits = |from: usize, to: usize| {
        let part = text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
        part.and_then(|part| part.parse::<i64>().ok()).ok_or("")
    };
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| text.as_bytes()[*at] != *byte) {
        return Err("");
    }
    let rest = &text[19..];
    let fraction = rest.strip_prefix(['.', ',']).unwrap_or_default();
    let fraction = &fraction[..fraction.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(fraction.len())];
    let zone = if fraction.is_empty() { rest } else { &rest[1 + fraction.len()..] };
    let nanos = format!("{:0<9}", &fraction[..fraction.len().min(9)]).parse::<i32>().map_err(|_| "")?;
    let offset = match zone.as_bytes() {
        b"Z" => (0, 0, 0),
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = text.len() - zone.len();
            (if *sign == b'+' { 1 } else { -1 }, digits(at + 1, at + 3)?, digits(at + 4, at + 6)?)
        }
        _ => return Err(""),
    };
    for (is_wrong, what) in [
        (!(1..=12).contains(&month), "month"),
        (hour > 23, "hour"),
        (minute > 59, "minute"),
        (second > 59, "second"),
        (offset.1 > 24, "time zone offset hour"),
        (offset.2 > 60, "time zone offset minute"),
        (day < 1 || day > days_in(year, month), "day"),
    ] {
        if is_wrong {
            return Err(what);
        }
    }
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Timestamp::new(seconds - offset.0 * (offset.1 * 3_600 + offset.2 * 60), nanos).map_err(|_| "year")
}

fn days_in(year: i64, month: i64) -> i64 {
    let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    days_since_1970(next.0, next.1, 1) - days_since_1970(year, month, 1)
}

/// Years begin in March here, so that a leap day is the last; days count in eras of 400 years. After Howard Hinnant's
/// `days_from_civil`.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + 365 * year + year / 4 - year / 100 + day - 719_468
}

/// A moment by calendar and clock, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    /// Of the year, from 1.
    year_day: i64,
    /// From Sunday, which is 0.
    weekday: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

impl Civil {
    fn at(unix_micros: i64) -> Civil {
        let seconds = unix_micros.div_euclid(1_000_000);
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // The inverse of `days_since_1970`.
        let (era, day) = ((days + 719_468).div_euclid(146_097), (days + 719_468).rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + i64::from(month <= 2);
        Civil {
            year,
            month,
            day,
            year_day: days - days_since_1970(year, 1, 1) + 1,
            weekday: (days + 4).rem_euclid(7),
            hour: second / 3_600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }

    fn to_the_second(self) -> String {
        let Civil { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }

    fn weekday(self) -> &'static str {
        WEEKDAYS[self.weekday as usize]
    }

    fn month(self) -> &'static str {
        MONTHS[self.month as usize - 1]
    }
}

/// A date by a pattern of `strftime`, in UTC. What is no directive stands as it is. By hand, since the formatter of
/// jiff brings its zones and a hundred sentences of errors with it, 120 KiB of code.
pub fn format(unix_micros: i64, pattern: &str) -> String {
    let civil = Civil::at(unix_micros);
    let mut text = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let after = letters.as_str();
        let mut flags = String::new();
        let mut directive = letters.next();
        while let Some(flag) = directive.filter(|flag| matches!(flag, '-' | '_' | '0' | '^' | '#')) {
            flags.push(flag);
            directive = letters.next();
        }
        match directive.and_then(|directive| written(civil, unix_micros, directive, &flags)) {
            Some(written) => text.push_str(&written),
            None => {
                text.push('%');
                text.push_str(&after[..after.len() - letters.as_str().len()]);
            }
        }
    }
    text
}

/// What a directive stands for.
fn written(civil: Civil, unix_micros: i64, directive: char, flags: &str) -> Option<String> {
    let number = |number: i64, width: usize, filler: char| {
        let filler = match flags.chars().last() {
            Some('-') => return Some(number.to_string()),
            Some('_') => ' ',
            Some('0') => '0',
            _ => filler,
        };
        let digits = number.to_string();
        Some(format!("{}{digits}", filler.to_string().repeat(width.saturating_sub(digits.len()))))
    };
    let name = |name: &str| Some(if flags.contains('^') { name.to_uppercase() } else { name.to_owned() });
    let whole = |pattern: &str| Some(format(unix_micros, pattern));
    let hour_12 = (civil.hour + 11) % 12 + 1;
    // The week whose first day decides: days of this year before it, by sevens.
    let week = |first: i64| (civil.year_day + 6 - (civil.weekday - first).rem_euclid(7)) / 7;
    match directive {
        'Y' => number(civil.year, 4, '0'),
        'C' => number(civil.year / 100, 2, '0'),
        'y' => number(civil.year % 100, 2, '0'),
        'm' => number(civil.month, 2, '0'),
        'd' => number(civil.day, 2, '0'),
        'e' => number(civil.day, 2, ' '),
        'j' => number(civil.year_day, 3, '0'),
        'H' => number(civil.hour, 2, '0'),
        'k' => number(civil.hour, 2, ' '),
        'I' => number(hour_12, 2, '0'),
        'l' => number(hour_12, 2, ' '),
        'M' => number(civil.minute, 2, '0'),
        'S' => number(civil.second, 2, '0'),
        's' => number(unix_micros.div_euclid(1_000_000), 1, '0'),
        'u' => number((civil.weekday + 6) % 7 + 1, 1, '0'),
        'w' => number(civil.weekday, 1, '0'),
        'U' => number(week(0), 2, '0'),
        'W' => number(week(1), 2, '0'),
        'a' => name(&civil.weekday()[..3]),
        'A' => name(civil.weekday()),
        'b' | 'h' => name(&civil.month()[..3]),
        'B' => name(civil.month()),
        'p' => name(if civil.hour < 12 { "AM" } else { "PM" }),
        'P' => name(if civil.hour < 12 { "am" } else { "pm" }),
        'Z' => name("UTC"),
        'z' => name("+0000"),
        'F' => whole("%Y-%m-%d"),
        'T' | 'X' => whole("%H:%M:%S"),
        'R' => whole("%H:%M"),
        'r' => whole("%I:%M:%S %p"),
        'D' | 'x' => whole("%m/%d/%y"),
        'c' => whole("%a %b %e %H:%M:%S %Y"),
        'n' => name("\n"),
        't' => name("\t"),
        '%' => name("%"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::sim::Random;

    /// From the year 1 to 9999, with the days around leap days.
    fn moments() -> Vec<i64> {
        let mut random = Random::fork(7, "dates");
        let days: Vec<i64> = (0..2_000).map(|_| random.below(3_652_000) as i64 - 719_162).collect();
        let near = [-719_162, -1, 0, 59, 60, 11_015, 11_016, 11_017, 47_540, 2_932_000];
        days.into_iter().chain(near).map(|day| day * 86_400_000_000 + random.below(86_400_000_000) as i64).collect()
    }

    #[test]
    fn dates_are_what_jiff_makes_of_them() {
        let pattern =
            "%Y-%m-%d %e %j %H %k %I %l %M %S %u %w %U %W %a %A %b %h %B %p %P %z %F %T %R %D %y %-d %_m %^a %n%t%%";
        for micros in moments() {
            let at = Timestamp::from_microsecond(micros).expect("within the years of jiff");
            let theirs = jiff::fmt::strtime::format(pattern, &at.to_zoned(TimeZone::UTC)).expect("all are known");
            assert_eq!(format(micros, pattern), theirs, "{micros}");
            assert_eq!(parse(&at.to_string()), Some(at));
            assert_eq!(parse(&rfc3339_micro(&MicroTime(at))), Some(at));
        }
    }

    #[test]
    fn centuries_have_two_digits_and_seconds_are_rounded_down() {
        assert_eq!(format(-38_405_681_020_822_520, "%C %s"), "07 -38405681021");
        assert_eq!(format(1_767_225_600_999_999, "%C %s"), "20 1767225600");
    }

    #[test]
    fn what_is_no_directive_stands_as_it_is() {
        assert_eq!(format(0, "%Q %-Q %"), "%Q %-Q %");
    }

    #[test]
    fn offsets_and_fractions_are_read_as_jiff_reads_them() {
        for text in ["2026-01-02T03:04:05.5+02:00", "2026-01-02T23:59:59-07:30", "2024-02-29T00:00:00.123456789Z"] {
            assert_eq!(parse(text), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        for (text, what) in [
            ("2026-13-01T00:00:00Z", "month"),
            ("2026-02-29T00:00:00Z", "day"),
            ("2026-01-01T24:00:00Z", "hour"),
            ("2026-01-01T00:60:00Z", "minute"),
            ("2026-01-01T00:00:60Z", "second"),
            ("2026-01-01T00:00:00+25:00", "time zone offset hour"),
            ("2026-01-01", ""),
            ("2026-01-01T00:00:00é", ""),
        ] {
            assert_eq!(parse_rfc3339(text), Err(what), "{text}");
        }
    }
}
