//! Faults: what each puts in force, and that lifting leaves nothing behind.

use std::time::Duration;

use crate::cluster::{Command, Config, FaultSpec, Session, SessionFile, Stuff};
use crate::sim::{Logged, ProcessState};

fn session() -> Session {
    Session::ready(Config { nodes: 2, ..Config::default() })
}

fn standing(session: &Session) -> Vec<String> {
    session.world().standing().iter().map(|standing| standing.fault.text()).collect()
}

fn cut(between: &str, and: &str) -> FaultSpec {
    FaultSpec::Partition { between: between.to_owned(), and: and.to_owned() }
}

fn links(session: &Session) -> Vec<String> {
    let kernel = session.world().kernel();
    let name = |process| kernel.name_of(process).to_string();
    let links = session.world().broken_links();
    links.iter().map(|link| format!("{} {} {}", name(link.pair.0), link.text, name(link.pair.1))).collect()
}

#[test]
fn groups_are_cut_wire_by_wire() {
    let mut session = session();
    session.apply(Command::Inject { fault: cut("node-a", "*") });
    let both = ["kube-apiserver cut kubelet/node-a", "csi-driver cut containerd/node-a"];
    assert_eq!(links(&session), both, "its own runtime stays in reach");
    session.apply(Command::Inject { fault: cut("nodes", "kube-apiserver") });
    assert_eq!(session.world().kernel().faults().len(), 3);
    session.apply(Command::Lift { fault: cut("nodes", "kube-apiserver") });
    assert_eq!(links(&session), both, "another fault still lies on it");
    session.apply(Command::Lift { fault: cut("node-a", "*") });
    assert!(session.world().kernel().faults().is_empty());
    session.apply(Command::Inject { fault: cut("etcd", "kubectl") });
    assert!(standing(&session).is_empty(), "there is no wire between the two");
}

#[test]
fn what_ends_a_fault_takes_it_off_the_list() {
    let mut session = session();
    let name = |name: &str| name.to_owned();
    session.apply(Command::Freeze { name: name("node-a") });
    session.apply(Command::Fill { node: name("node-a"), what: Stuff::Memory, percent: 99 });
    session.apply(Command::Fill { node: name("node-a"), what: Stuff::Disk, percent: 87 });
    session.apply(Command::Fill { node: name("node-a"), what: Stuff::Disk, percent: 95 });
    assert_eq!(
        standing(&session),
        ["freeze node-a", "fill the memory of node-a to 99 %", "fill the disk of node-a to 95 %"]
    );
    session.apply(Command::PowerOff { node: name("node-a") });
    assert_eq!(standing(&session), ["fill the disk of node-a to 95 %", "power off node-a"]);
    session.apply(Command::PowerOn { node: name("node-a") });
    assert_eq!(standing(&session), ["fill the disk of node-a to 95 %"], "a disk keeps what is on it");
    session.apply(Command::Freeze { name: name("etcd") });
    session.apply(Command::Restart { name: name("etcd") });
    session.apply(Command::StopProcess { name: name("nobody") });
    assert_eq!(standing(&session).len(), 1);
    let etcd = session.process("etcd").expect("it is there");
    assert_eq!(session.world().kernel().state(etcd), ProcessState::Running);
    session.run_until(session.now() + Duration::from_secs(30));
    let conditions = session.kubectl("kubectl describe node node-a", "", Duration::from_secs(5)).stdout;
    assert!(
        conditions.contains("kubelet has disk pressure"),
        "a machine that comes up again is still full: {conditions}"
    );
}

#[test]
fn a_pod_that_is_killed_is_started_again() {
    let mut session = session();
    session.kubectl("kubectl run one --image=nginx:1.27", "", Duration::from_secs(5));
    session.run_until(session.now() + Duration::from_secs(15));
    let pod = session.snapshot().pods[0].clone();
    let (node, uid, name) = (pod.node.to_string(), pod.uid.to_string(), pod.name.to_string());
    session.apply(Command::KillPod { node, uid, name });
    session.run_until(session.now() + Duration::from_secs(15));
    assert_eq!(session.snapshot().pods[0].restarts, 1);
}

#[test]
fn a_session_with_faults_is_written_down_and_repeated() {
    let mut first = session();
    let commands = [
        Command::Freeze { name: "kubelet/node-b".to_owned() },
        Command::DropImage { image: "nginx:1.27".to_owned() },
        Command::Fill { node: "node-a".to_owned(), what: Stuff::Memory, percent: 100 },
        Command::Inject { fault: cut("nodes", "*") },
        Command::Lift { fault: cut("nodes", "*") },
        Command::Thaw { name: "kubelet/node-b".to_owned() },
    ];
    for command in commands {
        assert_eq!(Command::from_json(command.to_json()).expect("it was written"), command);
        first.apply(command);
        first.run_until(first.now() + Duration::from_secs(20));
    }
    let file = SessionFile::of(&first);
    let mut again = Session::new(file.config.clone());
    let inputs: Vec<Logged<Command>> = file.inputs.clone();
    again.plan(inputs);
    again.run_until(file.now);
    assert_eq!(again.trace_hash(), first.trace_hash());
    assert_eq!(standing(&again), standing(&first));
}
