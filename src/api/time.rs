//! Dates: virtual time as Kubernetes writes it.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

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
