//! Numbers that may be percentages.
//!
//! Mirrors apimachinery's `intstr`.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// `GetScaledValueFromIntOrPercent`: a number, or so many percent of `total`.
pub fn scaled(value: &IntOrString, total: i32, round_up: bool) -> Result<i32, String> {
    match value {
        IntOrString::Int(number) => Ok(*number),
        IntOrString::String(text) => {
            let percent = text
                .strip_suffix('%')
                .ok_or("invalid value for IntOrString: invalid type: string is not a percentage")?;
            let percent: i64 = percent
                .parse()
                .map_err(|_| format!("invalid value for IntOrString: invalid value {text:?}: invalid syntax"))?;
            let product = percent * i64::from(total);
            let share = if round_up { (product + 99).div_euclid(100) } else { product.div_euclid(100) };
            Ok(i32::try_from(share).unwrap_or(i32::MAX))
        }
    }
}
