//! A cluster that a test types into.

use std::time::Duration;

use kubarium::cluster::Session;

/// How long a command may take.
pub const LIMIT: Duration = Duration::from_secs(600);

/// Types a line with `text` on its standard input; what it prints. It has to succeed.
#[track_caller]
pub fn run(session: &mut Session, line: &str, text: &str) -> String {
    let done = session.kubectl(line, text, LIMIT);
    assert_eq!(done.code, Some(0), "`{line}` gave {}{}", done.stdout, done.stderr);
    done.stdout
}

/// Lets time go by.
pub fn pass(session: &mut Session, seconds: u64) {
    session.run_until(session.now() + Duration::from_secs(seconds));
}
