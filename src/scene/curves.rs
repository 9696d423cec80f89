//! Sine, cosine and powers of two by series: the C library's, exact for every number there is, are 12 KiB of code and tables.

use std::f64::consts::{LN_2, LOG2_E};

/// Sine and cosine of an angle of a quarter turn at most, to 14 digits.
pub fn sine_cosine(angle: f64) -> (f64, f64) {
    let (mut sine, mut cosine) = (0.0, 0.0);
    let mut term = 1.0;
    // `i^n · angle^n / n!`: every second term is the cosine's, every fourth of either has the same sign.
    for n in 0..20 {
        let signed = if n % 4 < 2 { term } else { -term };
        if n % 2 == 0 {
            cosine += signed;
        } else {
            sine += signed;
        }
        term *= angle / f64::from(n + 1);
    }
    (sine, cosine)
}

/// `2^x` to 14 digits, for what is a float.
pub fn power_of_two(x: f64) -> f64 {
    let whole = x.floor().clamp(-1_022.0, 1_023.0);
    let mut term = 1.0;
    let mut sum = 0.0;
    for n in 1..20 {
        sum += term;
        term *= (x - whole) * LN_2 / f64::from(n);
    }
    sum * f64::from_bits(((whole as i64 + 1_023) as u64) << 52)
}

/// `e^x`.
pub fn exponential(x: f64) -> f64 {
    power_of_two(x * LOG2_E)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_PI_2;

    use super::{exponential, power_of_two, sine_cosine};

    #[test]
    fn the_series_are_what_the_library_says() {
        let close =
            |ours: f64, theirs: f64| assert!((ours - theirs).abs() <= 1e-13 * theirs.abs().max(1.0), "{ours} {theirs}");
        for step in 0..=1_000 {
            let angle = FRAC_PI_2 * f64::from(step) / 1_000.0;
            let (sine, cosine) = sine_cosine(angle);
            close(sine, angle.sin());
            close(cosine, angle.cos());
            let x = f64::from(step - 500) / 37.0;
            close(power_of_two(x), x.exp2());
            close(exponential(x / 10.0), (x / 10.0).exp());
        }
        assert_eq!([power_of_two(0.0), power_of_two(3.0), power_of_two(-2.0)], [1.0, 8.0, 0.25]);
    }
}
