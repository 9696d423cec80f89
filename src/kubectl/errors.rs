//! Failures and how kubectl words them.
//!
//! Mirrors k8s.io/kubectl/pkg/cmd/util/helpers.go (`CheckErr`, `StandardErrorMessage`, `MultilineError`).

use std::sync::Arc;

use crate::api::{Reason, Status};
use crate::sim::Disconnect;

/// Where the API server listens, as messages name it.
pub const SERVER: &str = "127.0.0.1:6443";

/// Why a verb did not do what it was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The API server said no.
    Status(Arc<Status>),
    /// There was no answer.
    Connection(Disconnect),
    /// kubectl itself said no; printed after `error: `.
    Text(String),
    /// Several at once.
    Many(Vec<Failure>),
    /// Everything was already said.
    Silent,
}

/// Why a verb's function returned early.
#[derive(Clone, Debug)]
pub enum Stop {
    /// It waits for an answer, an event or a timer, and is run again when that comes.
    Waiting,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Failed(failure)
    }
}

/// A failure of kubectl's own.
pub fn fail<T>(text: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Failed(Failure::Text(text.into())))
}

/// Lets a verb go on after a failure: waiting still unwinds.
pub fn attempt<T>(result: Result<T, Stop>) -> Result<Result<T, Failure>, Stop> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Stop::Failed(failure)) => Ok(Err(failure)),
        Err(Stop::Waiting) => Err(Stop::Waiting),
    }
}

impl Failure {
    /// The failure with the source of the object that caused it: `error when creating "STDIN": …`.
    pub fn with_source(self, verb: &str, source: &str) -> Failure {
        if source.is_empty() {
            return self;
        }
        match self {
            Failure::Status(status) => {
                let mut status = (*status).clone();
                status.message = format!("error when {verb} \"{source}\": {}", status.message);
                Failure::Status(Arc::new(status))
            }
            other => Failure::Text(format!("error when {verb} \"{source}\": {}", other.plain())),
        }
    }

    /// Whether the server did not find it.
    pub fn is_not_found(&self) -> bool {
        self.has_reason(Reason::NotFound)
    }

    /// Whether the server gave this reason.
    pub fn has_reason(&self, reason: Reason) -> bool {
        matches!(self, Failure::Status(status) if status.reason == reason)
    }

    /// The error as Go's `err.Error()` has it.
    pub fn plain(&self) -> String {
        match self {
            Failure::Status(status) => status.message.clone(),
            Failure::Connection(why) => format!("Get \"https://{SERVER}/\": {}", connection(*why)),
            Failure::Text(text) => text.clone(),
            Failure::Many(failures) => {
                let texts: Vec<String> = failures.iter().map(Failure::plain).collect();
                match texts.as_slice() {
                    [one] => one.clone(),
                    many => format!("[{}]", many.join(", ")),
                }
            }
            Failure::Silent => String::new(),
        }
    }

    /// `StandardErrorMessage`, or the error itself.
    pub fn standard(&self) -> String {
        match self {
            Failure::Status(status) if status.reason == Reason::Unauthorized => {
                format!("error: You must be logged in to the server ({})", status.message)
            }
            Failure::Status(status) => format!("Error from server ({}): {}", status.reason.as_str(), status.message),
            Failure::Connection(Disconnect::Refused) => {
                format!("The connection to the server {SERVER} was refused - did you specify the right host or port?")
            }
            Failure::Connection(why) => format!("Unable to connect to the server: {}", connection(*why)),
            other => other.plain(),
        }
    }

    /// What `CheckErr` prints before it exits; ends with a newline unless it is empty.
    pub fn report(&self) -> String {
        let mut text = match self {
            Failure::Status(status) if status.reason == Reason::Invalid => invalid(status),
            Failure::Text(text) if !text.starts_with("error: ") => format!("error: {text}"),
            Failure::Many(failures) => match failures.as_slice() {
                [one] => return one.report(),
                many => many.iter().map(|failure| failure.standard() + "\n").collect(),
            },
            other => other.standard(),
        };
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }
}

fn connection(why: Disconnect) -> String {
    match why {
        Disconnect::Refused => format!("dial tcp {SERVER}: connect: connection refused"),
        Disconnect::Reset => format!("read tcp {SERVER}: read: connection reset by peer"),
        Disconnect::TimedOut => format!("dial tcp {SERVER}: i/o timeout"),
    }
}

fn invalid(status: &Status) -> String {
    let Some(details) = &status.details else {
        return format!("The request is invalid: {}", status.message);
    };
    let kind = details.kind.as_deref().unwrap_or_default();
    let name = details.name.as_deref().unwrap_or_default();
    let causes = details.causes.as_deref().unwrap_or_default();
    let mut text = "The request is invalid".to_owned();
    if !kind.is_empty() || !name.is_empty() {
        text = format!("The {kind} \"{name}\" is invalid");
    } else if causes.is_empty() && !status.message.is_empty() {
        text = format!("{text}: {}", status.message);
    }
    let mut findings: Vec<String> = Vec::new();
    for cause in causes {
        let field = cause.field.as_deref().unwrap_or_default();
        let finding = format!("{field}: {}", cause.message.as_deref().unwrap_or_default());
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    match findings.as_slice() {
        [] => text,
        [one] => format!("{text}: {one}\n"),
        many => {
            let lines: String = many.iter().map(|finding| format!("* {finding}\n")).collect();
            format!("{text}: \n{lines}")
        }
    }
}
