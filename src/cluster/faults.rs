//! Faults: what each does to the world, and which are in force. A fault acts on processes by stopping, freezing or
//! telling them, and on the network between them; nothing reaches into another component.

use std::sync::Arc;

use crate::api::{Message, Role, roles};
use crate::sim::{EventId, Fault, Pair, ProcessId, ProcessState, SimTime};

use crate::scheduler::{Scheduler, TERMINATE};

use super::command::{Command, FaultSpec, Stuff};
use super::world::World;

/// A fault in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The number of the act that put it in force.
    pub id: EventId,
    pub since: SimTime,
    pub fault: Command,
    /// What lifts it.
    pub lift: Command,
}

impl Command {
    /// What takes a fault back; `None` for what is over at once, and for what is no fault.
    pub fn lifted_by(&self) -> Option<Command> {
        Some(match self.clone() {
            Command::StopProcess { name } => Command::StartProcess { name },
            Command::PowerOff { node } => Command::PowerOn { node },
            Command::Inject { fault } => Command::Lift { fault },
            Command::Freeze { name } => Command::Thaw { name },
            Command::Fill { node, what, .. } => Command::Free { node, what },
            Command::DropImage { image } => Command::RestoreImage { image },
            _ => return None,
        })
    }
}

/// A wire with a fault on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLink {
    pub pair: Pair,
    /// Nothing passes.
    pub cut: bool,
    /// `cut`, `+200 ms`, `30 % lost`; several, with a comma.
    pub text: String,
}

fn tell(text: String) -> Message {
    Message::Control(Arc::from(text))
}

impl World {
    /// The faults in force, oldest first.
    pub fn standing(&self) -> &Arc<Vec<Standing>> {
        &self.standing
    }

    /// The wires with a fault on them, by pair.
    pub fn broken_links(&self) -> Vec<BrokenLink> {
        let mut links: Vec<BrokenLink> = Vec::new();
        for standing in self.standing.iter() {
            let Command::Inject { fault: spec } = &standing.fault else { continue };
            for fault in self.pair_faults(spec) {
                let (pair, cut, text) = (fault.pair(), matches!(fault, Fault::Partition(_)), spec.short());
                match links.iter_mut().find(|link| link.pair == pair) {
                    Some(link) => {
                        link.cut |= cut;
                        link.text = format!("{}, {text}", link.text);
                    }
                    None => links.push(BrokenLink { pair, cut, text }),
                }
            }
        }
        links
    }

    /// A process of that name, or the kubelet and runtime of a node of that name.
    fn processes_of(&self, name: &str) -> Vec<ProcessId> {
        let kernel = self.kernel();
        match kernel.resolve(name) {
            Some(process) => vec![process],
            None => self.node_processes(name).into_iter().flat_map(|(kubelet, runtime)| [kubelet, runtime]).collect(),
        }
    }

    /// The processes of a group that a fault on the network names.
    fn group(&self, name: &str) -> Vec<ProcessId> {
        let of = |wanted: fn(Role) -> bool| -> Vec<ProcessId> {
            let all = self.kernel().processes();
            all.filter(|(_, _, role, _)| Role::parse(role).is_some_and(wanted)).map(|(process, ..)| process).collect()
        };
        match name {
            "*" => of(|_| true),
            "nodes" => of(|role| matches!(role, Role::Kubelet | Role::Runtime)),
            name => self.processes_of(name),
        }
    }

    /// The faults on pairs of processes that a fault on the network is: one for each pair that has a wire.
    pub(super) fn pair_faults(&self, spec: &FaultSpec) -> Vec<Fault> {
        let (between, and) = spec.ends();
        let inner = self.group(between);
        let outer: Vec<ProcessId> =
            self.group(and).into_iter().filter(|process| and != "*" || !inner.contains(process)).collect();
        let roles: Vec<&'static str> = self.kernel().processes().map(|(_, _, role, _)| role).collect();
        let role = |process: ProcessId| roles.get(process.0 as usize).copied().unwrap_or_default();
        let mut faults = Vec::new();
        for a in &inner {
            for b in outer.iter().filter(|b| *b != a && roles::link(role(*a), role(**b)).is_some()) {
                // A kubelet has a wire to its own runtime alone.
                if self.talk(*a, *b) {
                    let pair = Pair::of(*a, *b);
                    faults.push(match spec {
                        FaultSpec::Partition { .. } => Fault::Partition(pair),
                        FaultSpec::Delay { micros, .. } => Fault::Delay(pair, *micros),
                        FaultSpec::Loss { ppm, .. } => Fault::Loss(pair, *ppm),
                        FaultSpec::Reorder { micros, .. } => Fault::Reorder(pair, *micros),
                    });
                }
            }
        }
        faults
    }

    /// Whether two processes whose roles may talk do: agents of different nodes never.
    fn talk(&self, a: ProcessId, b: ProcessId) -> bool {
        let (a, b) = (self.kernel().name_of(a), self.kernel().name_of(b));
        match (a.split_once('/'), b.split_once('/')) {
            (Some((_, one)), Some((_, other))) => one == other,
            _ => true,
        }
    }

    /// Lets a fault act, or lifts one. False where the command is neither.
    pub(super) fn act_fault(&mut self, command: &Command) -> bool {
        let text = command.text();
        match command {
            Command::StopProcess { name } => {
                let id = self.note(&text);
                if let Some(process) = self.kernel().resolve(name) {
                    self.kernel_mut().stop(process);
                }
                self.enter(id, command);
            }
            Command::StartProcess { name } => {
                self.note(&text);
                if let Some(process) = self.kernel().resolve(name) {
                    self.start(process);
                }
            }
            Command::PowerOff { node } => {
                if let Some(id) = self.power_off(node, &text) {
                    self.enter(id, command);
                }
            }
            Command::PowerOn { node } => {
                self.note(&text);
                self.power_on(node);
            }
            Command::Restart { name } => match self.kernel().resolve(name) {
                // Of what has a lease, the scheduler alone gives it back when it is asked to end.
                Some(process) if self.is_running_scheduler(process) => {
                    let id = self.note(&text);
                    self.kernel_mut().deliver_input(id, process, tell(TERMINATE.to_owned()));
                }
                Some(process) => {
                    self.note(&text);
                    self.kernel_mut().stop(process);
                    self.start(process);
                }
                None => {
                    self.power_off(name, &text);
                    self.power_on(name);
                }
            },
            Command::Freeze { name } => {
                let id = self.note(&text);
                for process in self.processes_of(name) {
                    self.kernel_mut().freeze(process);
                }
                self.enter(id, command);
            }
            Command::Thaw { name } => {
                self.note(&text);
                for process in self.processes_of(name) {
                    self.kernel_mut().thaw(process);
                }
            }
            Command::Inject { fault } => {
                let id = self.note(&text);
                for fault in self.pair_faults(fault) {
                    self.kernel_mut().inject(fault);
                }
                self.enter(id, command);
            }
            Command::Lift { fault } => {
                self.note(&text);
                self.lift(fault);
            }
            Command::KillContainer { node, container_id } => {
                self.tell_runtime(node, &text, format!("kill {container_id}"));
            }
            Command::KillPod { node, uid, .. } => {
                self.tell_runtime(node, &text, format!("kill-pod {uid}"));
            }
            Command::Fill { node, what, percent } => {
                if let Some(id) = self.tell_runtime(node, &text, format!("fill {} {percent}", what.as_str())) {
                    self.forget(|standing| standing.lift == Command::Free { node: node.clone(), what: *what });
                    self.enter(id, command);
                }
            }
            Command::Free { node, what } => {
                self.tell_runtime(node, &text, format!("free {}", what.as_str()));
                self.forget(|standing| standing.lift == *command);
            }
            Command::DropImage { image } => {
                let id = self.tell_runtimes(&text, &format!("drop {image}"));
                self.enter(id, command);
            }
            Command::RestoreImage { image } => {
                self.tell_runtimes(&text, &format!("restore {image}"));
                self.forget(|standing| standing.lift == *command);
            }
            _ => return false,
        }
        self.prune();
        true
    }

    /// Enters an act in the trace.
    fn note(&mut self, text: &str) -> EventId {
        let id = self.kernel_mut().note_input(text);
        self.applied_id(id);
        id
    }

    fn tell_runtime(&mut self, node: &str, text: &str, what: String) -> Option<EventId> {
        let (_, runtime) = self.node_processes(node)?;
        let id = self.note(text);
        self.kernel_mut().deliver_input(id, runtime, tell(what));
        Some(id)
    }

    fn tell_runtimes(&mut self, text: &str, what: &str) -> EventId {
        let id = self.note(text);
        let runtimes = self.kernel().processes().filter(|(_, _, role, _)| *role == Role::Runtime.as_str());
        for runtime in runtimes.map(|(process, ..)| process).collect::<Vec<_>>() {
            self.kernel_mut().deliver_input(id, runtime, tell(what.to_owned()));
        }
        id
    }

    fn is_running_scheduler(&self, process: ProcessId) -> bool {
        let kernel = self.kernel();
        kernel.state(process) == ProcessState::Running && kernel.inspect::<Scheduler>(process).is_some()
    }

    /// Starts a stopped process; a runtime finds its machine and its registry as they are by now.
    fn start(&mut self, process: ProcessId) {
        if self.kernel().state(process) != ProcessState::Stopped {
            return;
        }
        self.kernel_mut().restart(process);
        let name = self.kernel().name_of(process);
        let Some(node) = name.strip_prefix("containerd/") else { return };
        for standing in self.standing.clone().iter() {
            let what = match &standing.fault {
                Command::Fill { node: filled, what, percent } if filled == node => {
                    format!("fill {} {percent}", what.as_str())
                }
                Command::DropImage { image } => format!("drop {image}"),
                _ => continue,
            };
            self.kernel_mut().deliver_input(standing.id, process, tell(what));
        }
    }

    fn power_off(&mut self, node: &str, text: &str) -> Option<EventId> {
        let (kubelet, runtime) = self.node_processes(node)?;
        self.kernel_mut().thaw_for_its_end(runtime);
        let id = self.note(text);
        self.kernel_mut().deliver_input(id, runtime, tell("power-off".to_owned()));
        // The containers go down with the machine, before its processes do.
        let now = self.kernel().now();
        self.kernel_mut().run_until(now);
        self.kernel_mut().stop(kubelet);
        self.kernel_mut().stop(runtime);
        let memory = Command::Free { node: node.to_owned(), what: Stuff::Memory };
        self.forget(|standing| standing.lift == memory);
        Some(id)
    }

    fn power_on(&mut self, node: &str) {
        if let Some((kubelet, runtime)) = self.node_processes(node) {
            self.start(runtime);
            self.start(kubelet);
        }
    }

    /// Lifts a fault on the network; a pair on which another fault in force lies as well keeps that one's.
    fn lift(&mut self, spec: &FaultSpec) {
        let command = Command::Lift { fault: spec.clone() };
        self.forget(|standing| standing.lift == command);
        let kept: Vec<Fault> = self
            .standing
            .iter()
            .filter_map(|standing| match &standing.fault {
                Command::Inject { fault } => Some(self.pair_faults(fault)),
                _ => None,
            })
            .flatten()
            .collect();
        for fault in self.pair_faults(spec).iter().filter(|fault| !kept.contains(fault)) {
            self.kernel_mut().lift(fault);
        }
    }

    fn enter(&mut self, id: EventId, fault: &Command) {
        let Some(lift) = fault.lifted_by() else { return };
        if self.standing.iter().all(|standing| standing.fault != *fault) {
            let standing = Standing { id, since: self.kernel().now(), fault: fault.clone(), lift };
            Arc::make_mut(&mut self.standing).push(standing);
        }
    }

    fn forget(&mut self, is: impl Fn(&Standing) -> bool) {
        if self.standing.iter().any(&is) {
            Arc::make_mut(&mut self.standing).retain(|standing| !is(standing));
        }
    }

    /// Forgets faults that something else ended: a stop ends a freeze, a start of the kubelet that a node is off.
    fn prune(&mut self) {
        let holds = |standing: &Standing| {
            let all = |name: &str, state: ProcessState| {
                let processes = self.processes_of(name);
                !processes.is_empty() && processes.iter().all(|process| self.kernel().state(*process) == state)
            };
            match &standing.fault {
                Command::StopProcess { name } => all(name, ProcessState::Stopped),
                Command::PowerOff { node } => all(node, ProcessState::Stopped),
                Command::Freeze { name } => {
                    self.processes_of(name).iter().any(|process| self.kernel().state(*process) == ProcessState::Frozen)
                }
                Command::Inject { fault } => {
                    let faults = self.pair_faults(fault);
                    !faults.is_empty() && faults.iter().all(|fault| self.kernel().faults().contains(fault))
                }
                _ => true,
            }
        };
        let kept: Vec<Standing> = self.standing.iter().filter(|standing| holds(standing)).cloned().collect();
        if kept.len() != self.standing.len() {
            self.standing = Arc::new(kept);
        }
    }
}
