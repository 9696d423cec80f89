//! Time zones: the IANA names, each with the rule it follows today.
//!
//! `timezones.txt` holds the footers of the TZif files of tzdata 2026: a POSIX TZ string and the names that share
//! it. Leaves out: what the rules were before they were what they are, so that a zone is right from the year of
//! its last change on.

const ZONES: &str = include_str!("timezones.txt");
const DAY: i64 = 86_400;

/// A time zone, as a POSIX TZ string tells it. Offsets are seconds east of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeZone {
    standard: i64,
    summer: Option<Summer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Summer {
    offset: i64,
    begins: Rule,
    ends: Rule,
}

/// `Mm.w.d/time`: the `week`th such weekday of a month, the last for 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rule {
    month: i64,
    week: i64,
    weekday: i64,
    seconds: i64,
}

/// A day and a time of day, without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 for Sunday.
    pub weekday: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
}

/// Days since 1970-01-01 of a date; a month or day beyond its end runs on into the next.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468 + day - 1
}

/// Seconds since the epoch of a local date and time, were it UTC.
pub fn seconds_of(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> i64 {
    days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second
}

impl Civil {
    /// Of seconds since the epoch, read as UTC.
    pub fn of(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let shifted = days + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * shifted_month + 2) / 5 + 1,
            weekday: (days + 4).rem_euclid(7),
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }
}

impl Rule {
    /// When it takes effect in a year: local seconds by the offset that ends.
    fn local_in(self, year: i64) -> i64 {
        let first = days_of(year, self.month, 1);
        let first_weekday = (first + 4).rem_euclid(7);
        let mut day = first + (self.weekday - first_weekday).rem_euclid(7) + (self.week - 1) * 7;
        if day >= days_of(year, self.month + 1, 1) {
            day -= 7;
        }
        day * DAY + self.seconds
    }

    fn parse(text: &str) -> Option<Rule> {
        let (date, time) = text.split_once('/').unwrap_or((text, "2"));
        let mut parts = date.strip_prefix('M')?.split('.').map(|part| part.parse().ok());
        let (month, week, weekday) = (parts.next()??, parts.next()??, parts.next()??);
        Some(Rule { month, week, weekday, seconds: clock(time)? })
    }
}

/// `-5`, `3:30`: hours and minutes in seconds.
fn clock(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    Some(sign * (hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60))
}

/// Takes `EST` or `<+03>` off the front.
fn without_name(text: &str) -> &str {
    match text.strip_prefix('<') {
        Some(rest) => rest.split_once('>').map_or("", |(_, rest)| rest),
        None => text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()),
    }
}

/// Takes an offset off the front; POSIX counts it west of Greenwich.
fn offset(text: &str) -> (Option<i64>, &str) {
    let end = text.find(|letter: char| !matches!(letter, '+' | '-' | ':' | '0'..='9')).unwrap_or(text.len());
    (clock(&text[..end]).map(|west| -west), &text[end..])
}

impl TimeZone {
    /// Coordinated universal time.
    pub const UTC: TimeZone = TimeZone { standard: 0, summer: None };

    /// The zone of that name: `time.LoadLocation`.
    ///
    /// # Errors
    /// Go's words, when there is no zone of that name or it would lead out of the folder of zones.
    pub fn find(name: &str) -> Result<TimeZone, String> {
        if name.is_empty() || name == "Local" {
            return Ok(TimeZone::UTC);
        }
        if name.contains("..") || name.starts_with(['/', '\\']) {
            return Err("time: invalid location name".to_owned());
        }
        let line = ZONES.lines().find(|line| line.split(' ').skip(1).any(|known| known == name));
        line.and_then(|line| TimeZone::posix(line.split(' ').next()?))
            .ok_or_else(|| format!("unknown time zone {name}"))
    }

    fn posix(text: &str) -> Option<TimeZone> {
        let mut parts = text.split(',');
        let (standard, rest) = offset(without_name(parts.next()?));
        let standard = standard?;
        let summer = match (parts.next(), parts.next()) {
            (Some(begins), Some(ends)) => Some(Summer {
                offset: offset(without_name(rest)).0.unwrap_or(standard + 3600),
                begins: Rule::parse(begins)?,
                ends: Rule::parse(ends)?,
            }),
            _ => None,
        };
        Some(TimeZone { standard, summer })
    }

    /// Seconds east of UTC at a moment.
    pub fn offset(&self, unix_secs: i64) -> i64 {
        let Some(summer) = self.summer else { return self.standard };
        let year = Civil::of(unix_secs + self.standard).year;
        let begins = summer.begins.local_in(year) - self.standard;
        let ends = summer.ends.local_in(year) - summer.offset;
        let is_summer =
            if begins < ends { (begins..ends).contains(&unix_secs) } else { !(ends..begins).contains(&unix_secs) };
        if is_summer { summer.offset } else { self.standard }
    }

    /// The local date and time at a moment.
    pub fn civil(&self, unix_secs: i64) -> Civil {
        Civil::of(unix_secs + self.offset(unix_secs))
    }

    /// The moment of a local time that was written as if it were UTC: `time.Date`.
    pub fn unix(&self, local_secs: i64) -> i64 {
        let guess = local_secs - self.offset(local_secs);
        local_secs - self.offset(guess)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_can_be_read() {
        for line in ZONES.lines() {
            let mut words = line.split(' ');
            let rule = words.next().unwrap_or_default();
            assert!(TimeZone::posix(rule).is_some(), "{rule}");
            assert!(words.next().is_some(), "{rule} has names");
        }
        assert_eq!(TimeZone::find("Etc/UTC"), Ok(TimeZone::UTC));
        assert_eq!(TimeZone::find("Mars/Olympus"), Err("unknown time zone Mars/Olympus".to_owned()));
    }

    #[test]
    fn summer_comes_and_goes() {
        let at = |name: &str, unix: i64| TimeZone::find(name).expect("a zone").offset(unix) / 60;
        // 2024-03-10T06:59:59Z and one second later; the end of it on 2024-11-03T06:00:00Z.
        assert_eq!(at("America/New_York", 1_710_053_999), -300);
        assert_eq!(at("America/New_York", 1_710_054_000), -240);
        assert_eq!(at("America/New_York", 1_730_613_599), -240);
        assert_eq!(at("America/New_York", 1_730_613_600), -300);
        // South of the equator summer begins in the old year: 2024-01-01 and 2024-07-01.
        assert_eq!(at("Australia/Sydney", 1_704_067_200), 660);
        assert_eq!(at("Australia/Sydney", 1_719_792_000), 600);
        assert_eq!(at("Asia/Kolkata", 1_719_792_000), 330);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let civil = Civil::of(1_709_164_800);
        assert_eq!((civil.year, civil.month, civil.day, civil.weekday, civil.hour), (2024, 2, 29, 4, 0));
        assert_eq!(seconds_of(2024, 2, 29, 0, 0, 0), 1_709_164_800);
        assert_eq!(seconds_of(2023, 14, 29, 0, 0, 0), 1_709_164_800, "month 14 is February of the next year");
    }
}
