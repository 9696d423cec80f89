//! Plans: what a controller decided, as values. Tests table over them and the inspector shows them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::api::{Body, Object, Reason, Request, Response};
use crate::client::{EventKind, Involved};

use super::controller::Enqueue;

/// What a look at a key led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Observed and desired, in a line for the inspector.
    pub summary: String,
    /// Done in order. A failure leaves out those that follow.
    pub steps: Vec<Step>,
    /// Look again in this phase, with the answers, once the steps ended, well or not.
    pub then: Option<&'static str>,
    /// Look at the key again after this long, if all goes well.
    pub requeue_after: Option<Duration>,
    /// Other keys to look at.
    pub enqueue: Vec<Enqueue>,
    /// It failed whatever became of the steps: the key comes back after a back-off.
    pub error: Option<String>,
}

impl Plan {
    /// Nothing to do.
    pub fn nothing(summary: impl Into<String>) -> Self {
        Plan { summary: summary.into(), ..Plan::default() }
    }

    /// These steps.
    pub fn steps(summary: impl Into<String>, steps: Vec<Step>) -> Self {
        Plan { summary: summary.into(), steps, ..Plan::default() }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Records an event. Nobody waits for it.
    Event(Announce),
    /// A request; its answer is awaited.
    Write(Write),
    /// Requests sent at once; all answers are awaited.
    Batch(Vec<Write>),
}

/// A request and what hangs on its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    pub request: Arc<Request>,
    /// The body takes the resource version that an earlier step of the plan gave the object. Without
    /// it the object is written as it was seen, and a write in between is a conflict.
    pub fresh: bool,
    /// Failures that are as good as success.
    pub tolerates: &'static [Reason],
    /// The phase to look again in when it fails, instead of failing.
    pub recover: Option<&'static str>,
    /// The event that success is worth.
    pub announce: Option<Announce>,
    /// The event that failure is worth.
    pub complain: Option<Announce>,
}

impl Write {
    /// A request on which nothing hangs but the plan's success.
    pub fn new(request: Request) -> Self {
        Write {
            request: Arc::new(request),
            fresh: false,
            tolerates: &[],
            recover: None,
            announce: None,
            complain: None,
        }
    }

    /// With the resource version an earlier step gave.
    pub fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Taking these failures for success.
    pub fn tolerating(mut self, reasons: &'static [Reason]) -> Self {
        self.tolerates = reasons;
        self
    }

    /// Going on in `phase` when it fails.
    pub fn recovering(mut self, phase: &'static str) -> Self {
        self.recover = Some(phase);
        self
    }

    /// With an event on success.
    pub fn announcing(mut self, event: Announce) -> Self {
        self.announce = Some(event);
        self
    }

    /// With an event on failure.
    pub fn complaining(mut self, event: Announce) -> Self {
        self.complain = Some(event);
        self
    }

    /// As a step of its own.
    pub fn step(self) -> Step {
        Step::Write(self)
    }
}

/// What an event's message ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    Nothing,
    /// The name of the object in the answer.
    Name,
    /// The failure's message.
    Error,
}

/// An event to record.
#[derive(Clone, Debug, PartialEq)]
pub struct Announce {
    pub involved: Involved,
    pub kind: EventKind,
    pub reason: &'static str,
    pub message: String,
    pub append: Append,
}

impl Announce {
    /// A `Normal` event about an object.
    pub fn normal(object: &Object, reason: &'static str, message: impl Into<String>) -> Self {
        Announce {
            involved: Involved::object(object),
            kind: EventKind::Normal,
            reason,
            message: message.into(),
            append: Append::Nothing,
        }
    }

    /// A `Warning` event about an object.
    pub fn warning(object: &Object, reason: &'static str, message: impl Into<String>) -> Self {
        Announce { kind: EventKind::Warning, ..Announce::normal(object, reason, message) }
    }

    /// Ending in what the answer says.
    pub fn ending(mut self, append: Append) -> Self {
        self.append = append;
        self
    }
}

/// Why a write failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// `None` when there was no answer.
    pub reason: Option<Reason>,
    pub message: String,
    /// The namespace is being terminated (the cause `NamespaceTerminating`): nothing to retry.
    pub namespace_terminating: bool,
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub request: Arc<Request>,
    pub result: Result<Body, Failure>,
}

impl Answer {
    /// The answer that a response, or the lack of one, is.
    pub fn of(request: Arc<Request>, response: Option<&Response>) -> Self {
        let result = match response {
            Some(response) if response.is_success() => Ok(response.body.clone()),
            Some(response) => Err(failure(response)),
            None => Err(Failure {
                reason: None,
                message: format!("{} \"{}\": connection lost", title(request.method.as_str()), request.path),
                namespace_terminating: false,
            }),
        };
        Answer { request, result }
    }

    /// The object it carries.
    pub fn object(&self) -> Option<&Arc<Object>> {
        match &self.result {
            Ok(Body::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// Why it failed.
    pub fn failure(&self) -> Option<&Failure> {
        self.result.as_ref().err()
    }

    /// Whether it failed for this reason.
    pub fn failed_with(&self, reason: Reason) -> bool {
        self.failure().is_some_and(|failure| failure.reason == Some(reason))
    }
}

/// `Post`, as net/http writes a method in its errors.
fn title(method: &str) -> String {
    let (first, rest) = method.split_at(1);
    format!("{first}{}", rest.to_ascii_lowercase())
}

fn failure(response: &Response) -> Failure {
    let Some(status) = response.status() else {
        return Failure {
            reason: None,
            message: format!("the server answered with code {}", response.code),
            namespace_terminating: false,
        };
    };
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    Failure {
        reason: Some(status.reason),
        message: status.message.clone(),
        namespace_terminating: causes.into_iter().any(|cause| cause.reason.as_deref() == Some("NamespaceTerminating")),
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Event(event) => write!(f, "event {}: {}", event.reason, event.message),
            Step::Write(write) => write!(f, "{} {}", write.request.method.as_str(), write.request.path),
            Step::Batch(writes) => match writes.as_slice() {
                [] => write!(f, "nothing"),
                [one] => write!(f, "{} {}", one.request.method.as_str(), one.request.path),
                [first, ..] => {
                    write!(f, "{} × {} {}", writes.len(), first.request.method.as_str(), first.request.path)
                }
            },
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        for step in &self.steps {
            write!(f, "\n- {step}")?;
        }
        for wish in &self.enqueue {
            write!(f, "\n- wake {}", wish.key)?;
        }
        if let Some(after) = self.requeue_after {
            write!(f, "\n- look again after {:.3} s", after.as_secs_f64())?;
        }
        if let Some(error) = &self.error {
            write!(f, "\n- failed: {error}")?;
        }
        Ok(())
    }
}
