//! Lines run through the process against a small API server, and the corpus of texts captured from the
//! real kubectl.

mod corpus;
mod fake;
mod given;
mod process;

use std::sync::Arc;
use std::time::Duration;

use crate::api::{Message, Role, roles};
use crate::sim::{Kernel, KernelConfig, ProcessId, SimTime};

use super::{Invocation, Kubectl};
use fake::Fake;

/// 2025-06-01T00:00:00Z.
pub const EPOCH: i64 = 1_748_736_000_000_000;

/// A kubectl and a small API server.
#[derive(Clone)]
struct Desk {
    kernel: Kernel<Message>,
    server: ProcessId,
    kubectl: ProcessId,
}

impl Desk {
    fn new(fake: Fake) -> Desk {
        let mut kernel = Kernel::new(KernelConfig {
            seed: 42,
            epoch_unix_micros: EPOCH,
            trace_capacity: 1000,
            connection_timeout: Duration::from_secs(45),
            link: roles::link,
        });
        let server = kernel.add("kube-apiserver", Role::ApiServer.as_str(), Box::new(fake));
        let kubectl = kernel.add("kubectl", Role::Kubectl.as_str(), Box::new(Kubectl::new(server)));
        kernel.run_until(SimTime::from_millis(1));
        Desk { kernel, server, kubectl }
    }

    fn fake(&mut self) -> &mut Fake {
        self.kernel.edge_mut(self.server).expect("the server is a fake")
    }

    /// Types a line and gives its number.
    fn begin(&mut self, line: &str, stdin: &str) -> u64 {
        let payload = Message::Line { line: Arc::from(line), stdin: Arc::from(stdin) };
        self.kernel.input(self.kubectl, line, payload);
        self.pass(Duration::from_micros(1));
        self.kernel.inspect::<Kubectl>(self.kubectl).expect("it is a kubectl").last_id()
    }

    fn pass(&mut self, time: Duration) {
        let until = self.kernel.now() + time;
        self.kernel.run_until(until);
    }

    fn invocation(&self, id: u64) -> &Invocation {
        let kubectl = self.kernel.inspect::<Kubectl>(self.kubectl).expect("it is a kubectl");
        kubectl.invocation(id).expect("it was begun")
    }

    /// Types a line and lets a minute pass.
    #[track_caller]
    fn run(&mut self, line: &str, stdin: &str) -> Invocation {
        let id = self.begin(line, stdin);
        self.pass(Duration::from_secs(60));
        self.invocation(id).clone()
    }
}

#[track_caller]
fn check(fake: Fake, line: &str, stdout: &str, stderr: &str, code: i32) {
    let mut desk = Desk::new(fake);
    let invocation = desk.run(line, "");
    assert_eq!(invocation.stdout(), stdout, "stdout of {line}\nstderr: {}", invocation.stderr());
    assert_eq!(invocation.stderr(), stderr, "stderr of {line}");
    assert_eq!(invocation.code, Some(code), "exit code of {line}");
}
