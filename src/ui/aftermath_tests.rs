//! What is told of faults, from runs.

use std::fmt::Write;
use std::time::Duration;

use expect_test::expect_file;

use crate::cluster::{Config, FaultSpec, Stuff};
use crate::scheduler::Scheduler;

use super::*;

fn told(aftermath: &Aftermath) -> String {
    let story = &aftermath.story;
    let mut out = String::new();
    for (index, step) in story.steps.iter().enumerate() {
        writeln!(out, "{:>2}. {:>9}  {}", index + 1, story.time_of(step.at), step.caption.text())
            .expect("a string takes everything");
        let again = step.again_text();
        if !again.is_empty() {
            writeln!(out, "{:16}{again}", "").expect("a string takes everything");
        }
    }
    out
}

fn with_web() -> Session {
    let mut session = Session::ready(Config::default());
    let line = "kubectl apply -f -";
    session.kubectl(line, include_str!("../../examples/gallery/deployment.yaml"), Duration::from_secs(5));
    session.run_until(session.now() + Duration::from_secs(20));
    session
}

/// Acts, waits, and reads as the page does: bit by bit.
fn play(session: &mut Session, acts: &[(Command, u64)]) -> Aftermath {
    let mut aftermath = Aftermath::default();
    for (command, seconds) in acts {
        session.apply(command.clone());
        for _ in 0..*seconds {
            let until = session.now() + Duration::from_secs(1);
            session.run_until(until);
            aftermath.read(session);
        }
    }
    aftermath
}

#[test]
fn a_node_that_loses_its_power() {
    let node = "node-b".to_owned();
    let acts = [(Command::PowerOff { node: node.clone() }, 380), (Command::PowerOn { node }, 40)];
    expect_file!["aftermath/power.txt"].assert_eq(&told(&play(&mut with_web(), &acts)));
}

#[test]
fn a_leader_that_is_stopped_while_another_stands_by() {
    let mut session = Session::ready(Config { control_planes: 2, ..Config::default() });
    let name = "kube-scheduler".to_owned();
    let acts = [(Command::StopProcess { name: name.clone() }, 30), (Command::StartProcess { name }, 20)];
    expect_file!["aftermath/leader.txt"].assert_eq(&told(&play(&mut session, &acts)));
}

#[test]
fn a_scheduler_that_is_restarted_gives_its_lease_back() {
    let mut session = Session::ready(Config { control_planes: 2, ..Config::default() });
    let kernel = session.world().kernel();
    let leads = |name: &&str| {
        let process = kernel.resolve(name).expect("it is there");
        kernel.inspect::<Scheduler>(process).is_some_and(Scheduler::leads)
    };
    let name =
        ["kube-scheduler", "kube-scheduler/control-plane-2"].into_iter().find(leads).expect("one leads").to_owned();
    let aftermath = play(&mut session, &[(Command::Restart { name }, 20)]);
    expect_file!["aftermath/restart.txt"].assert_eq(&told(&aftermath));
}

#[test]
fn an_api_server_that_is_frozen() {
    let name = "kube-apiserver".to_owned();
    let acts = [(Command::Freeze { name: name.clone() }, 60), (Command::Thaw { name }, 20)];
    expect_file!["aftermath/frozen.txt"].assert_eq(&told(&play(&mut with_web(), &acts)));
}

#[test]
fn a_disk_that_runs_full() {
    let (node, what) = ("node-a".to_owned(), Stuff::Disk);
    let acts = [(Command::Fill { node: node.clone(), what, percent: 95 }, 30), (Command::Free { node, what }, 330)];
    expect_file!["aftermath/disk.txt"].assert_eq(&told(&play(&mut with_web(), &acts)));
}

#[test]
fn an_image_that_is_gone() {
    let image = "httpd:2.4".to_owned();
    let line = "kubectl run second --image=httpd:2.4".to_owned();
    let acts = [
        (Command::DropImage { image: image.clone() }, 1),
        (Command::Kubectl { line, stdin: String::new() }, 30),
        (Command::RestoreImage { image }, 60),
    ];
    expect_file!["aftermath/image.txt"].assert_eq(&told(&play(&mut with_web(), &acts)));
}

#[test]
fn a_node_that_is_cut_off_and_a_story_that_outlives_going_back() {
    let fault = FaultSpec::Partition { between: "node-c".to_owned(), and: "*".to_owned() };
    let mut session = with_web();
    let begun = session.now();
    let acts = [(Command::Inject { fault: fault.clone() }, 70), (Command::Lift { fault }, 20)];
    let mut aftermath = play(&mut session, &acts);
    let whole = told(&aftermath);
    expect_file!["aftermath/cut.txt"].assert_eq(&whole);
    session.seek(begun + Duration::from_secs(10));
    aftermath.rewound(&session);
    session.run_until(begun + Duration::from_secs(89));
    aftermath.read(&mut session);
    assert_eq!(told(&aftermath), whole, "nothing is told twice");
    session.seek(begun + Duration::from_secs(10));
    aftermath.rewound(&session);
    let last = session.world().kernel().trace().records().iter().rev().find_map(Record::id).expect("it has records");
    aftermath.fork(&session, last);
    assert!(aftermath.story.steps.iter().all(|step| step.at <= session.now()), "{}", told(&aftermath));
}

#[test]
fn nothing_is_told_while_nothing_is_broken() {
    let mut session = with_web();
    let line = "kubectl scale deployment web --replicas=8".to_owned();
    let aftermath = play(&mut session, &[(Command::Kubectl { line, stdin: String::new() }, 10)]);
    assert!(aftermath.story.steps.is_empty());
}
