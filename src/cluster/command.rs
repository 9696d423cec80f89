//! What somebody outside can do to a world. The log of these, with the configuration, is a session.

use bytes::Bytes;
use serde_json::Value;

use crate::api::{Reason, Request, Status};
use crate::apiserver::edge;

/// One act from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A line at the kubectl prompt, with what stands on its standard input.
    Kubectl { line: String, stdin: String },
    /// Ctrl-C in the terminal of an invocation.
    Interrupt { invocation: u64 },
    /// A request from a client outside: the real kubectl, a page script.
    Http { request: HttpInput },
    /// That client hung up on the stream of this call.
    HttpCancel { call: u64 },
    /// Stops a process: `kube-apiserver`, `kubelet/node-a`.
    StopProcess { name: String },
    /// Starts it again.
    StartProcess { name: String },
    /// Cuts a node's power: kubelet, runtime and every container on it.
    PowerOff { node: String },
    /// Switches it on again.
    PowerOn { node: String },
    /// SIGKILL to a container's first process.
    KillContainer { node: String, container_id: String },
    /// Puts a fault on the network in force.
    Inject { fault: FaultSpec },
    /// Lifts it.
    Lift { fault: FaultSpec },
    /// Stops and starts in one: a process, or a node, which loses its power for a moment.
    Restart { name: String },
    /// SIGSTOP: a process, or a node's kubelet and runtime, handles nothing while its connections stay open.
    Freeze { name: String },
    /// SIGCONT: it goes on with what was sent to it meanwhile.
    Thaw { name: String },
    /// SIGKILL to the first process of each container of a pod.
    KillPod { node: String, uid: String, name: String },
    /// Takes so much of a node's disk or memory that this share of it is in use.
    Fill { node: String, what: Stuff, percent: u32 },
    /// Gives it back.
    Free { node: String, what: Stuff },
    /// Removes an image from its registry: nodes that have it keep it.
    DropImage { image: String },
    /// Puts it back.
    RestoreImage { image: String },
    /// Gives the scheduler another KubeSchedulerConfiguration, with which it starts anew; null for upstream's own.
    ConfigureScheduler { configuration: Value },
}

/// What a node may run out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuff {
    Disk,
    Memory,
}

impl Stuff {
    /// `disk`, `memory`
    pub fn as_str(self) -> &'static str {
        match self {
            Stuff::Disk => "disk",
            Stuff::Memory => "memory",
        }
    }
}

/// A fault on the network between two processes, by name, or between two groups of them: a node's name stands for
/// its kubelet and runtime, `nodes` for those of all, `*` for everybody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultSpec {
    Partition {
        between: String,
        and: String,
    },
    Delay {
        between: String,
        and: String,
        micros: u64,
    },
    /// Parts per million of segments lost.
    Loss {
        between: String,
        and: String,
        ppm: u32,
    },
    Reorder {
        between: String,
        and: String,
        micros: u64,
    },
}

/// A request as it came from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpInput {
    pub method: String,
    /// Path and query: `/api/v1/pods?limit=500`.
    pub uri: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl HttpInput {
    /// The request it is.
    ///
    /// # Errors
    /// The failure to answer with where it is none.
    pub fn to_request(&self) -> Result<Request, Status> {
        let mut http = http::Request::builder().method(self.method.as_str()).uri(self.uri.as_str());
        for (name, value) in &self.headers {
            http = http.header(name, value);
        }
        let http = http
            .body(Bytes::copy_from_slice(&self.body))
            .map_err(|error| Status::new(Reason::BadRequest, error.to_string()))?;
        edge::read_request(http)
    }
}

impl Command {
    /// What was done, in words: the text of the trace's input record.
    pub fn text(&self) -> String {
        match self {
            Command::Kubectl { line, .. } if line.starts_with("kubectl") => line.clone(),
            Command::Kubectl { line, .. } => format!("kubectl {line}"),
            Command::Interrupt { invocation } => format!("interrupt {invocation}"),
            Command::Http { request } => format!("{} {}", request.method, request.uri),
            Command::HttpCancel { call } => format!("hang up {call}"),
            Command::StopProcess { name } => format!("stop {name}"),
            Command::StartProcess { name } => format!("start {name}"),
            Command::PowerOff { node } => format!("power off {node}"),
            Command::PowerOn { node } => format!("power on {node}"),
            Command::KillContainer { node, container_id } => format!("kill {container_id} on {node}"),
            Command::Inject { fault } => fault.text(),
            Command::Lift { fault } => format!("lift: {}", fault.text()),
            Command::Restart { name } => format!("restart {name}"),
            Command::Freeze { name } => format!("freeze {name}"),
            Command::Thaw { name } => format!("thaw {name}"),
            Command::KillPod { node, name, .. } => format!("kill pod {name} on {node}"),
            Command::Fill { node, what, percent } => format!("fill the {} of {node} to {percent} %", what.as_str()),
            Command::Free { node, what } => format!("free the {} of {node}", what.as_str()),
            Command::DropImage { image } => format!("drop {image} from the registry"),
            Command::RestoreImage { image } => format!("restore {image} in the registry"),
            Command::ConfigureScheduler { .. } => "configure kube-scheduler".to_owned(),
        }
    }
}

impl FaultSpec {
    /// What it does to the wire, in two words: `cut`, `+200 ms`, `30 % lost`.
    pub fn short(&self) -> String {
        match self {
            FaultSpec::Partition { .. } => "cut".to_owned(),
            FaultSpec::Delay { micros, .. } if *micros >= 1_000_000 => format!("+{} s", micros / 1_000_000),
            FaultSpec::Delay { micros, .. } => format!("+{} ms", micros / 1_000),
            FaultSpec::Loss { ppm, .. } => format!("{} % lost", ppm / 10_000),
            FaultSpec::Reorder { .. } => "reordered".to_owned(),
        }
    }

    /// The two processes it lies between.
    pub fn ends(&self) -> (&str, &str) {
        match self {
            FaultSpec::Partition { between, and }
            | FaultSpec::Delay { between, and, .. }
            | FaultSpec::Loss { between, and, .. }
            | FaultSpec::Reorder { between, and, .. } => (between, and),
        }
    }

    /// What it is, in words.
    pub fn text(&self) -> String {
        let called = |name: &str| match name {
            "*" => "everything else".to_owned(),
            "nodes" => "all nodes".to_owned(),
            name => name.to_owned(),
        };
        let (between, and) = self.ends();
        let (between, other) = (called(between), called(and));
        match self {
            FaultSpec::Partition { .. } => format!("cut {between} from {other}"),
            FaultSpec::Delay { micros, .. } => format!("slow {between} and {other} by {} ms", micros / 1_000),
            FaultSpec::Loss { ppm, .. } => format!("lose {} % between {between} and {other}", ppm / 10_000),
            FaultSpec::Reorder { micros, .. } => {
                format!("reorder between {between} and {other} within {} ms", micros / 1_000)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_is_written_flat_and_read_again() {
        let fault = FaultSpec::Loss { between: "a".to_owned(), and: "b".to_owned(), ppm: 5 };
        for (command, written) in [
            (Command::PowerOff { node: "node-a".to_owned() }, json!({"do": "powerOff", "node": "node-a"})),
            (
                Command::KillContainer { node: "node-a".to_owned(), container_id: "c".to_owned() },
                json!({"do": "killContainer", "node": "node-a", "containerId": "c"}),
            ),
            (
                Command::Fill { node: "node-a".to_owned(), what: Stuff::Disk, percent: 95 },
                json!({"do": "fill", "node": "node-a", "what": "disk", "percent": 95}),
            ),
            (
                Command::Inject { fault },
                json!({"do": "inject", "fault": {"fault": "loss", "between": "a", "and": "b", "ppm": 5}}),
            ),
        ] {
            assert_eq!(command.to_json(), written);
            assert_eq!(Command::from_json(written).expect("it is what was written"), command);
        }
        let unknown = Command::from_json(json!({"do": "explode"})).expect_err("nobody knows it").to_string();
        assert!(unknown.starts_with("unknown variant `explode`, expected one of `kubectl`"), "{unknown}");
        assert_eq!(Command::from_json(json!({})).expect_err("no act").to_string(), "missing field `do`");
    }
}
