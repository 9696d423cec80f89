//! perl: computes π, as the Job of the documentation does.

use std::time::Duration;

use crate::cri::program::{Answer, Host, Launch, Program, Signal, Usage};

use super::server::mib;
use super::{Image, no_files};

/// The registry's entry.
pub const IMAGE: Image = Image {
    id: "perl",
    repositories: &["docker.io/library/perl"],
    versions: &[(5, 43)],
    sizes: &[("slim", 58_720_256), ("", 352_321_536)],
    shell: Some("bash"),
    entrypoint: &[],
    cmd: &["perl", "-de0"],
    env: &[],
    programs: &["perl"],
    files: no_files,
    program: |_: &Launch| Box::new(Perl),
};

/// A script of one line. It knows how to print π, and does nothing else.
#[derive(Clone, Debug)]
struct Perl;

/// So many digits of π, by Gibbons' spigot on limbs of nine digits: Machin's formula with big numbers.
fn pi(digits: usize) -> String {
    const BASE: u64 = 1_000_000_000;
    let limbs = digits / 9 + 4;
    let divide = |number: &mut [u64], by: u64| {
        let mut rest = 0;
        for limb in number.iter_mut() {
            let value = rest * BASE + *limb;
            *limb = value / by;
            rest = value % by;
        }
    };
    let arctan = |factor: u64, x: u64| -> Vec<u64> {
        let mut power = vec![0; limbs];
        power[0] = factor;
        divide(&mut power, x);
        let mut sum = power.clone();
        let mut odd = 1;
        loop {
            divide(&mut power, x * x);
            if power.iter().all(|limb| *limb == 0) {
                return sum;
            }
            odd += 2;
            let mut term = power.clone();
            divide(&mut term, odd);
            let mut carry: i64 = 0;
            for (limb, term) in sum.iter_mut().zip(&term).rev() {
                let change = if odd % 4 == 3 { -(*term as i64) } else { *term as i64 };
                let value = *limb as i64 + change + carry;
                carry = value.div_euclid(BASE as i64);
                *limb = value.rem_euclid(BASE as i64) as u64;
            }
        }
    };
    let (mut first, second) = (arctan(16, 5), arctan(4, 239));
    let mut borrow: i64 = 0;
    for (limb, other) in first.iter_mut().zip(&second).rev() {
        let value = *limb as i64 - *other as i64 + borrow;
        borrow = value.div_euclid(BASE as i64);
        *limb = value.rem_euclid(BASE as i64) as u64;
    }
    let decimals: String = first[1..].iter().map(|limb| format!("{limb:09}")).collect();
    format!("{}.{}", first[0], &decimals[..digits.saturating_sub(1)])
}

impl Program for Perl {
    fn start(&mut self, host: &mut Host<'_>) {
        host.wake_after(Duration::from_millis(2_600), 1);
    }

    fn on_timer(&mut self, host: &mut Host<'_>, _: u64) {
        let script = host.launch.argv.join(" ");
        if let Some((_, rest)) = script.split_once("bpi(") {
            let digits: usize = rest.split(')').next().and_then(|digits| digits.parse().ok()).unwrap_or(1);
            host.log(pi(digits.clamp(2, 5_000)));
        }
        host.exit(0);
    }

    fn on_signal(&mut self, _: &mut Host<'_>, _: Signal) {}

    fn on_request(&mut self, _: &mut Host<'_>, _: u16, _: Option<&str>) -> Option<Answer> {
        None
    }

    fn usage(&self) -> Usage {
        Usage { cpu_millis: 990, memory_bytes: mib(12) }
    }

    fn clone_box(&self) -> Box<dyn Program> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn pi_has_its_digits() {
        assert_eq!(super::pi(50), "3.1415926535897932384626433832795028841971693993751");
    }
}
