//! Mirrors apimachinery/pkg/api/resource.Quantity. Leaves out: values finer than a nano unit, which
//! upstream rounds up as well.

use std::cmp::Ordering;
use std::fmt;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

const NANOS: i128 = 1_000_000_000;
const VALUE_MAX: i128 = i64::MAX as i128;

/// How a quantity prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `1e3`.
    DecimalExponent,
    /// `1k`, `100m`.
    DecimalSi,
    /// `1Ki`.
    BinarySi,
}

/// A number with the unit in which it was written. Exact to a nano unit.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    nanos: i128,
    format: Format,
}

/// Why a quantity does not parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantityError {
    /// `ErrFormatWrong`.
    Format,
    /// `ErrNumeric`.
    Numeric,
    /// `ErrSuffix`.
    Suffix,
}

impl fmt::Display for QuantityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QuantityError::Format => {
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
            }
            QuantityError::Numeric => "unable to parse numeric part of quantity",
            QuantityError::Suffix => "unable to parse quantity's suffix",
        })
    }
}

impl std::error::Error for QuantityError {}

/// The parts of a written quantity: sign, digits before and after the point, suffix.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
}

fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = rest.split_at(digits(rest));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let letters = suffix.bytes().take_while(|byte| b"eEinumkKMGTP".contains(byte)).count();
    let mut exponent = &suffix[letters..];
    if let Some(rest) = exponent.strip_prefix(['+', '-']) {
        exponent = rest;
    }
    if exponent.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(Parts { negative, whole, fraction, suffix })
    } else {
        Err(QuantityError::Format)
    }
}

/// Base, exponent and format of a suffix.
fn interpret(suffix: &str) -> Option<(i128, i32, Format)> {
    let decimal = |exponent| Some((10, exponent, Format::DecimalSi));
    let binary = |exponent| Some((2, exponent, Format::BinarySi));
    match suffix {
        "" => decimal(0),
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            Some((10, exponent, Format::DecimalExponent))
        }
    }
}

/// `digits × 10^exponent10 × 2^exponent2` in nano units, rounded up, capped at the largest int64.
fn scale(digits: &str, exponent10: i64, exponent2: i32) -> i128 {
    let digits = digits.trim_start_matches('0');
    let cap = VALUE_MAX * NANOS;
    if digits.is_empty() {
        return 0;
    }
    // Digits below the nano place only matter for rounding; those above int64 are capped.
    let power = exponent10 + 9;
    let length = digits.len() as i64;
    if length + power > 40 {
        return cap;
    }
    if length + power + 20 < 0 {
        return 1;
    }
    let kept = digits.len().min(38);
    let Ok(mut nanos) = digits[..kept].parse::<i128>() else { return cap };
    let mut inexact = digits[kept..].bytes().any(|digit| digit != b'0');
    let mut power = power + (digits.len() - kept) as i64;
    let mut twos = exponent2;
    // Powers of two go in first as far as they fit, so that 0.5Gi stays exact.
    while twos > 0 || power != 0 {
        if power < 0 && (twos == 0 || nanos > i128::MAX / 4) {
            inexact |= nanos % 10 != 0;
            nanos /= 10;
            power += 1;
        } else if twos > 0 {
            let Some(doubled) = nanos.checked_mul(2) else { return cap };
            nanos = doubled;
            twos -= 1;
        } else {
            let Some(grown) = nanos.checked_mul(10) else { return cap };
            nanos = grown;
            power -= 1;
        }
    }
    (nanos + i128::from(inexact)).min(cap)
}

fn divide_up(value: i128, by: i128) -> i128 {
    let quotient = value / by;
    if value % by == 0 { quotient } else { quotient + value.signum() }
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Quantity = Quantity { nanos: 0, format: Format::DecimalSi };

    /// `value` whole units.
    pub fn new(value: i64, format: Format) -> Self {
        Quantity { nanos: i128::from(value) * NANOS, format }
    }

    /// `milli` thousandths of a unit.
    pub fn from_milli(milli: i64, format: Format) -> Self {
        Quantity { nanos: i128::from(milli) * 1_000_000, format }
    }

    /// Reads what `resource.ParseQuantity` reads.
    ///
    /// # Errors
    /// Upstream's three.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        if text.is_empty() {
            return Err(QuantityError::Format);
        }
        if text == "0" {
            return Ok(Quantity::ZERO);
        }
        let parts = split(text)?;
        let (base, exponent, mut format) = interpret(parts.suffix).ok_or(QuantityError::Suffix)?;
        if parts.whole.is_empty() && parts.fraction.is_empty() {
            return Err(QuantityError::Numeric);
        }
        let digits = format!("{}{}", parts.whole, parts.fraction);
        let point = parts.fraction.len() as i64;
        let (exponent10, exponent2) = if base == 2 { (-point, exponent) } else { (i64::from(exponent) - point, 0) };
        let nanos = scale(&digits, exponent10, exponent2);
        if format == Format::BinarySi && nanos > 0 && nanos < NANOS {
            // Less than one: never printed with a binary suffix.
            format = Format::DecimalSi;
        }
        Ok(Quantity { nanos: if parts.negative { -nanos } else { nanos }, format })
    }

    /// Whole units, rounded up away from zero.
    pub fn value(&self) -> i64 {
        clamp(divide_up(self.nanos, NANOS))
    }

    /// Thousandths, rounded up away from zero.
    pub fn milli_value(&self) -> i64 {
        clamp(divide_up(self.nanos, 1_000_000))
    }

    /// How it prints.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.nanos == 0
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i32 {
        self.nanos.signum() as i32
    }

    /// Rounds up to thousandths, as `SetDefaults_ResourceList` does.
    #[must_use]
    pub fn round_up_to_milli(&self) -> Self {
        Quantity { nanos: divide_up(self.nanos, 1_000_000) * 1_000_000, ..*self }
    }

    fn format_with(&self, other: &Quantity) -> Format {
        if self.is_zero() { other.format } else { self.format }
    }

    /// The form the API server writes: `resource.Quantity` of the canonical text.
    pub fn to_text(&self) -> Text {
        Text(self.to_string())
    }

    /// Reads an API quantity; what does not parse counts as nothing, since decoding has refused it before.
    pub fn of(text: &Text) -> Self {
        Quantity::parse(&text.0).unwrap_or(Quantity::ZERO)
    }
}

impl std::ops::Add for Quantity {
    type Output = Quantity;

    fn add(self, other: Quantity) -> Quantity {
        Quantity { nanos: self.nanos.saturating_add(other.nanos), format: self.format_with(&other) }
    }
}

impl std::ops::Sub for Quantity {
    type Output = Quantity;

    fn sub(self, other: Quantity) -> Quantity {
        Quantity { nanos: self.nanos.saturating_sub(other.nanos), format: self.format_with(&other) }
    }
}

impl std::ops::AddAssign for Quantity {
    fn add_assign(&mut self, other: Quantity) {
        *self = *self + other;
    }
}

impl std::ops::SubAssign for Quantity {
    fn sub_assign(&mut self, other: Quantity) {
        *self = *self - other;
    }
}

impl std::ops::Neg for Quantity {
    type Output = Quantity;

    fn neg(self) -> Quantity {
        Quantity { nanos: -self.nanos, ..self }
    }
}

/// By amount: `1Gi` equals `1024Mi`.
impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.nanos == other.nanos
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Quantity::ZERO
    }
}

const DECIMAL_SUFFIXES: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const BINARY_SUFFIXES: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The canonical form: `CanonicalizeBytes`.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nanos == 0 {
            return f.write_str("0");
        }
        let small = self.nanos.abs() < 1024 * NANOS;
        if self.format == Format::BinarySi && !small && self.nanos % NANOS == 0 {
            let mut number = self.nanos / NANOS;
            let mut power = 0;
            while number % 1024 == 0 && power + 1 < BINARY_SUFFIXES.len() {
                number /= 1024;
                power += 1;
            }
            return write!(f, "{number}{}", BINARY_SUFFIXES[power]);
        }
        // A number of thousands as large as leaves no fraction.
        let mut number = self.nanos;
        let mut place = 0;
        while number % 1000 == 0 && place + 1 < DECIMAL_SUFFIXES.len() {
            number /= 1000;
            place += 1;
        }
        if self.format == Format::DecimalExponent {
            let exponent = place as i32 * 3 - 9;
            if exponent == 0 { write!(f, "{number}") } else { write!(f, "{number}e{exponent}") }
        } else {
            write!(f, "{number}{}", DECIMAL_SUFFIXES[place])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, canonical: &str, value: i64, milli: i64) {
        let quantity = Quantity::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(quantity.to_string(), canonical, "{text}");
        assert_eq!(quantity.value(), value, "{text}");
        assert_eq!(quantity.milli_value(), milli, "{text}");
    }

    #[test]
    fn quantities_print_canonically() {
        check("0", "0", 0, 0);
        check("0Gi", "0", 0, 0);
        check("100m", "100m", 1, 100);
        check("0.5", "500m", 1, 500);
        check(".5", "500m", 1, 500);
        check("1.5", "1500m", 2, 1500);
        check("1000m", "1", 1, 1000);
        check("1024Mi", "1Gi", 1 << 30, 1000 << 30);
        check("0.5Gi", "512Mi", 512 << 20, (512 << 20) * 1000);
        check("1.5Gi", "1536Mi", 1536 << 20, (1536 << 20) * 1000);
        check("1.2Ki", "1228800m", 1229, 1_228_800);
        check("512", "512", 512, 512_000);
        check("1000", "1k", 1000, 1_000_000);
        check("1024", "1024", 1024, 1_024_000);
        check("1500k", "1500k", 1_500_000, 1_500_000_000);
        check("1Ki", "1Ki", 1024, 1_024_000);
        check("0.5Ki", "512", 512, 512_000);
        check("0.0005Ki", "512m", 1, 512);
        check("1e3", "1e3", 1000, 1_000_000);
        check("1E3", "1e3", 1000, 1_000_000);
        check("12e-1", "1200e-3", 2, 1200);
        check("1E", "1E", 1_000_000_000_000_000_000, i64::MAX);
        check("-1", "-1", -1, -1000);
        check("-1.5Gi", "-1536Mi", -(1536 << 20), -(1536 << 20) * 1000);
        check("+3", "3", 3, 3000);
        check("0.0000000001", "1n", 1, 1);
        check("100Ei", "9223372036854775807", i64::MAX, i64::MAX);
        check("00012", "12", 12, 12_000);
    }

    #[test]
    fn what_upstream_refuses_is_refused() {
        for (text, error) in [
            ("", QuantityError::Format),
            ("100Mib", QuantityError::Format),
            ("1.2.3", QuantityError::Format),
            (" 1", QuantityError::Format),
            ("1 Gi", QuantityError::Format),
            ("abc", QuantityError::Format),
            ("1K", QuantityError::Suffix),
            ("100mi", QuantityError::Suffix),
            ("1KiKi", QuantityError::Suffix),
            ("1m3", QuantityError::Suffix),
            ("Gi", QuantityError::Numeric),
            ("-", QuantityError::Numeric),
        ] {
            assert_eq!(Quantity::parse(text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn sums_keep_the_first_format() {
        let sum = |a: &str, b: &str| {
            (Quantity::parse(a).expect("a constant") + Quantity::parse(b).expect("a constant")).to_string()
        };
        assert_eq!(sum("1Gi", "1Gi"), "2Gi");
        assert_eq!(sum("0", "1Gi"), "1Gi");
        assert_eq!(sum("100m", "900m"), "1");
        assert!(Quantity::parse("1Gi").expect("a constant") == Quantity::parse("1024Mi").expect("a constant"));
        assert_eq!(
            (Quantity::new(1, Format::DecimalSi) - Quantity::from_milli(250, Format::DecimalSi)).milli_value(),
            750
        );
    }
}
