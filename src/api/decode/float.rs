//! Floats from text, exactly, as `str::parse` reads them: that one keeps tables of 13 KiB that no compression makes
//! smaller, for a speed that nobody needs here.

use std::cmp::Ordering;

/// The float nearest to a decimal number, ties to even; too large a one is infinite. None where `text` is none:
/// `nan` and `inf` are none either.
pub fn parse(text: &str) -> Option<f64> {
    let (negative, text) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            // Beyond any float: as far away as it needs to be.
            let far = if exponent.starts_with('-') { -100_000 } else { 100_000 };
            (mantissa, exponent.parse::<i64>().map_or(far, |exponent| exponent.clamp(-100_000, 100_000)))
        }
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let magnitude = nearest(&digits[zeros..], exponent - fraction.len() as i64);
    Some(if negative { -magnitude } else { magnitude })
}

/// The float nearest to `digits · 10^exponent`.
fn nearest(digits: &[u8], exponent: i64) -> f64 {
    let decimals = digits.len() as i64 + exponent;
    if digits.is_empty() || decimals < -330 {
        return 0.0;
    }
    if decimals > 310 {
        return f64::INFINITY;
    }
    if digits.len() <= 15 && exponent.abs() <= 22 {
        // Both are floats, so that one operation rounds once.
        let number = digits.iter().fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0')) as f64;
        let power = (0..exponent.abs()).fold(1.0, |power, _| power * 10.0);
        return if exponent < 0 { number / power } else { number * power };
    }
    let mut above = Big::default();
    digits.iter().for_each(|digit| above.times_plus(10, u32::from(digit - b'0')));
    let mut below = Big(vec![1]);
    let scaled = if exponent < 0 { &mut below } else { &mut above };
    (0..exponent.abs()).for_each(|_| scaled.times_plus(10, 0));
    quotient(above, below)
}

/// The float nearest to `above / below`.
fn quotient(mut above: Big, mut below: Big) -> f64 {
    // Made to lie in [1, 2), times a power of two.
    let mut power = above.bits() - below.bits();
    if power < 0 {
        above.double(-power);
    } else {
        below.double(power);
    }
    if above.compare(&below) == Ordering::Less {
        above.double(1);
        power -= 1;
    }
    // A float below the normal ones has fewer bits. One more says where half is.
    let bits = if power < -1_022 { 53 + power + 1_022 } else { 53 };
    if bits < 0 {
        return 0.0;
    }
    let mut mantissa = 0u64;
    for _ in 0..=bits {
        mantissa *= 2;
        if above.compare(&below) != Ordering::Less {
            above.subtract(&below);
            mantissa += 1;
        }
        above.double(1);
    }
    let (half, rest) = (mantissa & 1 == 1, above.bits() > 0);
    mantissa /= 2;
    if half && (rest || mantissa & 1 == 1) {
        mantissa += 1;
    }
    // What rounding carries over goes into the exponent by itself.
    let biased = if bits < 53 { 0 } else { (power + 1_022) as u64 };
    if power > 1_023 { f64::INFINITY } else { f64::from_bits((biased << 52) + mantissa) }
}

/// A natural number, its smallest part first.
#[derive(Clone, Debug, Default)]
struct Big(Vec<u32>);

impl Big {
    fn times_plus(&mut self, factor: u32, mut carry: u32) {
        for part in &mut self.0 {
            let product = u64::from(*part) * u64::from(factor) + u64::from(carry);
            *part = product as u32;
            carry = (product >> 32) as u32;
        }
        if carry > 0 {
            self.0.push(carry);
        }
    }

    fn double(&mut self, times: i64) {
        for _ in 0..times / 16 {
            self.times_plus(1 << 16, 0);
        }
        self.times_plus(1 << (times % 16), 0);
    }

    /// How many bits it has; none if it is zero.
    fn bits(&self) -> i64 {
        let parts = self.0.iter().rposition(|part| *part != 0);
        parts.map_or(0, |last| last as i64 * 32 + 32 - i64::from(self.0[last].leading_zeros()))
    }

    fn compare(&self, other: &Big) -> Ordering {
        let part = |big: &Big, at: usize| big.0.get(at).copied().unwrap_or(0);
        let parts = (0..self.0.len().max(other.0.len())).rev();
        parts.map(|at| part(self, at).cmp(&part(other, at))).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    /// Takes away what is no larger.
    fn subtract(&mut self, other: &Big) {
        let mut borrow = 0;
        for (at, part) in self.0.iter_mut().enumerate() {
            let less = i64::from(other.0.get(at).copied().unwrap_or(0)) + borrow;
            let left = i64::from(*part) - less;
            *part = left as u32;
            borrow = i64::from(left < 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::sim::Random;

    #[track_caller]
    fn check(text: &str) {
        let theirs: f64 = text.parse().expect("a number");
        assert_eq!(parse(text).map(f64::to_bits), Some(theirs.to_bits()), "{text} is {theirs:e}");
    }

    #[test]
    fn floats_are_read_as_the_standard_library_reads_them() {
        for text in [
            "0",
            "-0",
            "+1",
            "1.",
            ".5",
            "1e3",
            "1E-3",
            "0.1",
            "0.30000000000000004",
            "9007199254740993",
            "1e22",
            "1e23",
            "1.7976931348623157e308",
            "1.7976931348623159e308",
            "1e309",
            "1e999999999999",
            "5e-324",
            "2.4703282292062327e-324",
            "2.4703282292062328e-324",
            "2.2250738585072011e-308",
            "2.2250738585072014e-308",
            "1e-400",
            "0e999999",
            "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880",
        ] {
            check(text);
        }
        let mut random = Random::fork(5, "floats");
        for _ in 0..20_000 {
            let any = f64::from_bits(random.below(u64::MAX));
            if any.is_finite() {
                check(&format!("{any:e}"));
                check(&format!("{any:.20e}"));
            }
            check(&format!("{}.{}e{}", random.below(1 << 40), random.below(1 << 60), random.below(700) as i64 - 350));
            check(&format!("{}", random.below(1 << 50) as f64 / 1024.0));
        }
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "e5", "1e", "1e+", "1.2.3", "nan", "inf", "0x10", "1_000", " 1", "1 ", "--1", "٣"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
