//! What is marked on the timeline beside the work: acts from outside, faults, refusals, and the events that
//! the components record about objects.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Event;

use crate::api::{Body, Message, Response};
use crate::cluster::{Command, Session};
use crate::sim::{Logged, Record, SimTime};

/// What a flag stands for. Each has a shape of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlagKind {
    /// A line typed, a request from outside.
    Act,
    /// A fault put in force or lifted.
    Fault,
    /// A request of somebody outside was refused: the code.
    Refusal,
    /// An Event of type Normal was stored.
    Event,
    /// An Event of type Warning was stored.
    Warning,
}

/// A mark at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    pub at: SimTime,
    pub text: Arc<str>,
    pub kind: FlagKind,
    /// The lane of who did it; `None` for what stands on the axis.
    pub lane: Option<usize>,
}

/// An act of the session's log.
pub fn of_act(logged: &Logged<Command>) -> Flag {
    let kind = match logged.input {
        Command::Kubectl { .. } | Command::Interrupt { .. } | Command::Http { .. } | Command::HttpCancel { .. } => {
            FlagKind::Act
        }
        _ => FlagKind::Fault,
    };
    Flag { at: logged.at, text: Arc::from(logged.input.text()), kind, lane: None }
}

/// A fault that began or ended by itself, or a process that stopped or came back.
pub fn of_fault(record: &Record<Message>, session: &Session) -> Option<Flag> {
    let kernel = session.world().kernel();
    let text = match record {
        Record::Fault { fault, lifted, .. } => {
            let pair = fault.pair();
            let word = if *lifted { "ends" } else { "begins" };
            format!("a fault {word} between {} and {}", kernel.name_of(pair.0), kernel.name_of(pair.1))
        }
        Record::Process { process, running, .. } => {
            format!("{} {}", kernel.name_of(*process), if *running { "starts again" } else { "stops" })
        }
        Record::Frozen { process, frozen, .. } => {
            format!("{} {}", kernel.name_of(*process), if *frozen { "freezes" } else { "thaws" })
        }
        _ => return None,
    };
    Some(Flag { at: record.at(), text: Arc::from(text), kind: FlagKind::Fault, lane: None })
}

/// The event that an answer says is stored, reported from the lane.
pub fn of_event(response: &Response, at: SimTime, lane: Option<usize>) -> Option<Flag> {
    let Body::Object(object) = &response.body else { return None };
    let event = object.get::<Event>().filter(|_| response.is_success())?;
    let about = &event.involved_object;
    let kind = about.kind.as_deref().unwrap_or_default().to_lowercase();
    let reason = event.reason.as_deref().unwrap_or_default();
    let mut text = format!("{reason} {kind}/{}", about.name.as_deref().unwrap_or_default());
    if let Some(message) = &event.message {
        text.push_str(": ");
        text.push_str(message);
    }
    if let Some(count) = event.count.filter(|count| *count > 1) {
        text.push_str(&format!(" (x{count})"));
    }
    let kind = if event.type_.as_deref() == Some("Warning") { FlagKind::Warning } else { FlagKind::Event };
    Some(Flag { at, text: Arc::from(text), kind, lane })
}

impl FlagKind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            FlagKind::Act => "Act",
            FlagKind::Fault => "Fault",
            FlagKind::Refusal => "Refused",
            FlagKind::Event => "Event",
            FlagKind::Warning => "Warning",
        }
    }

    /// Its path around its own middle, eight units high, and the class of its ink.
    pub fn shape(self) -> (&'static str, &'static str) {
        match self {
            FlagKind::Act => ("M-4,-2.5h8l-4,5z", "flag"),
            FlagKind::Fault => ("M-3.2,-3.2l6.4,6.4M3.2,-3.2l-6.4,6.4", "flag cross"),
            // A disc with a bar left out of it.
            FlagKind::Refusal => {
                ("M-3.6,0a3.6,3.6 0 1 1 7.2,0a3.6,3.6 0 1 1 -7.2,0zM-2.2,-.8v1.6h4.4v-1.6z", "flag bad")
            }
            FlagKind::Event => ("M-2.2,-2.2h4.4v4.4h-4.4z", "flag hollow"),
            FlagKind::Warning => ("M-4.4,3.4h8.8l-4.4,-7.6z", "flag bad"),
        }
    }
}

impl Flag {
    /// It in one line: `Warning BackOff pod/web-x: …`.
    pub fn told(&self) -> String {
        format!("{}: {}", self.kind.name(), self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::Config;
    use crate::scene::Sites;
    use crate::ui::log::Log;

    fn read(session: &mut Session, log: &mut Log) {
        let sites = Sites::new(&session.snapshot().components);
        log.read(session, &sites);
    }

    fn count(log: &Log, kind: FlagKind) -> usize {
        log.flags().filter(|flag| flag.kind == kind).count()
    }

    #[test]
    fn kinds_differ_by_more_than_colour() {
        let kinds = [FlagKind::Act, FlagKind::Fault, FlagKind::Refusal, FlagKind::Event, FlagKind::Warning];
        for (at, kind) in kinds.iter().enumerate() {
            assert!(kinds[..at].iter().all(|other| other.shape().0 != kind.shape().0), "{}", kind.name());
        }
    }

    #[test]
    fn acts_faults_and_events_are_marked_once_each() {
        let mut session = Session::ready(Config::default());
        let mut log = Log::new(&session);
        let line = "kubectl create deployment web --image=nginx:nosuchtag".to_owned();
        session.apply(Command::Kubectl { line, stdin: String::new() });
        session.run_until(session.now() + Duration::from_secs(20));
        read(&mut session, &mut log);
        let stop = session.now();
        session.apply(Command::StopProcess { name: "kube-scheduler".to_owned() });
        session.run_until(stop + Duration::from_secs(1));
        read(&mut session, &mut log);
        assert_eq!((count(&log, FlagKind::Act), count(&log, FlagKind::Fault)), (1, 1));
        assert!(count(&log, FlagKind::Event) >= 3, "scaled, created, scheduled, pulling");
        assert!(count(&log, FlagKind::Warning) >= 1, "the image cannot be pulled");
        let warning = log.flags().find(|flag| flag.kind == FlagKind::Warning).expect("there is one");
        assert!(warning.text.starts_with("Failed pod/web-"), "{}", warning.text);
        assert!(warning.lane.is_some_and(|lane| lane >= 5), "a kubelet reports it");
        let all = log.flags().count();
        session.seek(SimTime(stop.0 - 1_000_000));
        log.rewound(&session);
        session.run_until(stop + Duration::from_secs(1));
        read(&mut session, &mut log);
        assert_eq!(log.flags().count(), all, "what comes by again is known");
        let next = log.flag_after(SimTime(stop.0 - 1)).expect("the scheduler is stopped").clone();
        assert_eq!((next.at, &*next.text, next.kind), (stop, "stop kube-scheduler", FlagKind::Fault));
        assert!(log.flag_before(stop).is_some_and(|flag| flag.at < stop));
    }

    #[test]
    fn acting_in_the_past_takes_back_the_acts_ahead() {
        let mut session = Session::ready(Config::default());
        let mut log = Log::new(&session);
        for node in ["node-a", "node-b"] {
            session.run_until(session.now() + Duration::from_secs(1));
            session.apply(Command::PowerOff { node: node.to_owned() });
        }
        session.run_until(session.now() + Duration::from_secs(1));
        read(&mut session, &mut log);
        assert_eq!(count(&log, FlagKind::Fault), 2);
        session.seek(SimTime(session.now().0 - 1_500_000));
        log.rewound(&session);
        log.fork(&session);
        session.apply(Command::PowerOff { node: "node-c".to_owned() });
        read(&mut session, &mut log);
        let texts: Vec<&str> = log.flags().map(|flag| &*flag.text).collect();
        assert_eq!(texts, ["power off node-a", "power off node-c"]);
    }
}
