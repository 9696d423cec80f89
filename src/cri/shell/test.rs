//! `test` and `[`.

use crate::cri::files::absolute;
use crate::cri::program::Host;

use super::machine::Machine;

impl Machine {
    /// 0 for true, 1 for false, 2 for an error.
    pub(super) fn test(&mut self, host: &mut Host<'_>, name: &str, args: &[&str]) -> i32 {
        let mut args = args;
        if name == "[" {
            match args.split_last() {
                Some((&"]", rest)) => args = rest,
                _ => {
                    self.complain(host, "[: missing ]");
                    return 2;
                }
            }
        }
        match self.any(host, args) {
            Ok(true) => 0,
            Ok(false) => 1,
            Err(why) => {
                self.complain(host, &why);
                2
            }
        }
    }

    fn any(&mut self, host: &mut Host<'_>, args: &[&str]) -> Result<bool, String> {
        if args.len() > 3 {
            if let Some(at) = args.iter().position(|arg| *arg == "-o") {
                return Ok(self.any(host, &args[..at])? || self.any(host, &args[at + 1..])?);
            }
            if let Some(at) = args.iter().position(|arg| *arg == "-a") {
                return Ok(self.any(host, &args[..at])? && self.any(host, &args[at + 1..])?);
            }
        }
        match args {
            [] => Ok(false),
            ["!", rest @ ..] if !rest.is_empty() => Ok(!self.any(host, rest)?),
            [text] => Ok(!text.is_empty()),
            [operator, operand] => self.unary(host, operator, operand),
            [left, operator, right] => binary(left, operator, right),
            [.., last] => Err(format!("{last}: unknown operand")),
        }
    }

    fn unary(&mut self, host: &mut Host<'_>, operator: &str, operand: &str) -> Result<bool, String> {
        let path = absolute(&self.env.cwd, operand);
        Ok(match operator {
            "-z" => operand.is_empty(),
            "-n" => !operand.is_empty(),
            "-e" => host.files.exists(&path),
            "-f" => host.files.exists(&path) && !host.files.is_directory(&path),
            "-d" => host.files.is_directory(&path),
            "-r" | "-w" | "-x" => host.files.exists(&path),
            "-s" => host.files.read(&path).is_ok_and(|content| !content.is_empty()),
            "-L" | "-h" | "-t" => false,
            _ => return Err(format!("{operator}: unknown operand")),
        })
    }
}

fn binary(left: &str, operator: &str, right: &str) -> Result<bool, String> {
    let compare = |holds: fn(i64, i64) -> bool| {
        let number = |text: &str| text.trim().parse::<i64>().map_err(|_| format!("{text}: bad number"));
        Ok(holds(number(left)?, number(right)?))
    };
    match operator {
        "=" | "==" => Ok(left == right),
        "!=" => Ok(left != right),
        "<" => Ok(left < right),
        ">" => Ok(left > right),
        "-eq" => compare(|a, b| a == b),
        "-ne" => compare(|a, b| a != b),
        "-lt" => compare(|a, b| a < b),
        "-le" => compare(|a, b| a <= b),
        "-gt" => compare(|a, b| a > b),
        "-ge" => compare(|a, b| a >= b),
        _ => Err(format!("{operator}: unknown operand")),
    }
}
