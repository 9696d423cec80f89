//! Two of each leader: who acts, who stands by, and who takes over.

use std::time::Duration;

use serde_json::json;

use crate::api::{Body, Kind, Message, Method, ObjectKey};
use crate::cluster::{Command, Config, Session, SessionFile};
use crate::sim::Record;

fn session(control_planes: u32) -> Session {
    Session::ready(Config { control_planes, nodes: 2, ..Config::default() })
}

fn run(session: &mut Session, seconds: u64) {
    session.run_until(session.now() + Duration::from_secs(seconds));
}

fn kubectl(session: &mut Session, line: &str) -> String {
    session.kubectl(&format!("kubectl {line}"), "", Duration::from_secs(30)).stdout
}

/// Who holds a lease, without the random part.
fn holder(session: &Session, lease: &str) -> String {
    let lease = session.object(Kind::Lease, &ObjectKey::new("kube-system", lease)).expect("the lease is there");
    let value = lease.to_value();
    let holder = value["spec"]["holderIdentity"].as_str().unwrap_or_default();
    holder.split('_').next().unwrap_or_default().to_owned()
}

/// What a process wrote since a place in the trace, but for leases.
fn writes(session: &Session, name: &str, since: u64) -> Vec<String> {
    let kernel = session.world().kernel();
    let of = |record: &Record<Message>| match record {
        Record::Sent(envelope) if *kernel.name_of(envelope.from) == *name => match &envelope.payload {
            Message::Request { request, .. } if request.method != Method::Get && !request.path.contains("/leases") => {
                Some(format!("{} {}", request.method.as_str(), request.path))
            }
            _ => None,
        },
        _ => None,
    };
    kernel.trace().since(since).filter_map(of).collect()
}

const ROLES: [&str; 2] = ["kube-controller-manager", "kube-scheduler"];

/// The process of a role on a machine.
fn process(role: &str, host: &str) -> String {
    if host == "control-plane" { role.to_owned() } else { format!("{role}/{host}") }
}

/// For each role the process that leads and the one that stands by. Chance decides who comes first.
fn members(session: &Session) -> [(String, String); 2] {
    ROLES.map(|role| {
        let holder = holder(session, role);
        let other = if holder == "control-plane" { "control-plane-2" } else { "control-plane" };
        (process(role, &holder), process(role, other))
    })
}

#[test]
fn one_of_each_acts_and_the_other_stands_by() {
    let mut session = session(2);
    kubectl(&mut session, "create deployment web --image=nginx --replicas=2");
    run(&mut session, 60);
    for (leads, stands_by) in members(&session) {
        assert_ne!(writes(&session, &leads, 0), Vec::<String>::new(), "{leads} leads");
        assert_eq!(writes(&session, &stands_by, 0), Vec::<String>::new(), "{stands_by} stands by");
    }
    let world = session.world();
    let standby = world.controller_managers().find(|own| !own.leads()).expect("there are two").informers();
    assert!(standby.iter().all(|informer| informer.objects == 0), "a manager looks at nothing before it leads");
    let standby = world.schedulers().find(|own| !own.leads()).expect("there are two");
    assert_eq!(standby.cache().len(), 2, "a scheduler keeps its picture of the cluster");
    assert_eq!(standby.attempts(), 0);
}

#[test]
fn the_other_takes_over_from_one_that_is_frozen_and_it_does_not_act_when_it_thaws() {
    let mut session = session(2);
    let before = members(&session);
    for (leads, _) in &before {
        session.apply(Command::Freeze { name: leads.clone() });
    }
    kubectl(&mut session, "create deployment web --image=nginx --replicas=2");
    run(&mut session, 10);
    assert_eq!(members(&session), before, "the leases have not run out");
    assert_eq!(session.objects(Kind::Pod).len(), 0);
    run(&mut session, 25);
    let after = before.clone().map(|(leads, stands_by)| (stands_by, leads));
    assert_eq!(members(&session), after);
    assert!(kubectl(&mut session, "get deployment web").contains("2/2"), "its work goes on");
    let thawed = session.world().kernel().trace().total();
    for (leads, _) in &before {
        session.apply(Command::Thaw { name: leads.clone() });
    }
    kubectl(&mut session, "scale deployment web --replicas=4");
    run(&mut session, 30);
    for (led, _) in &before {
        assert_eq!(writes(&session, led, thawed), Vec::<String>::new(), "{led} knows that it leads no more");
    }
    assert_eq!(members(&session), after);
    assert!(kubectl(&mut session, "get deployment web").contains("4/4"));
}

#[test]
fn a_scheduler_that_is_restarted_gives_its_lease_back_so_that_nobody_waits_for_it() {
    let mut session = session(2);
    let [_, (leads, _)] = members(&session);
    let before = session.world().kernel().trace().total();
    session.apply(Command::Restart { name: leads.clone() });
    run(&mut session, 5);
    assert_eq!(session.world().schedulers().filter(|scheduler| scheduler.leads()).count(), 1);
    let kernel = session.world().kernel();
    let put = |record: &Record<Message>| match record {
        Record::Sent(envelope) if *kernel.name_of(envelope.from) == *leads => match &envelope.payload {
            Message::Request { request, .. } => match &request.body {
                Body::Object(lease) if request.method == Method::Put => Some(lease.to_value()["spec"].clone()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    let given_back = kernel.trace().since(before).find_map(put).expect("it writes the lease");
    assert_eq!((&given_back["holderIdentity"], &given_back["leaseDurationSeconds"]), (&json!(""), &json!(1)));
    kubectl(&mut session, "create deployment web --image=nginx --replicas=2");
    run(&mut session, 10);
    assert!(kubectl(&mut session, "get deployment web").contains("2/2"));
}

#[test]
fn a_scheduler_that_is_alone_leads_again_at_once_after_a_restart_and_a_controller_manager_waits_for_its_own_lease() {
    let mut session = session(1);
    for role in ROLES {
        session.apply(Command::Restart { name: role.to_owned() });
    }
    run(&mut session, 5);
    assert!(session.world().scheduler().leads());
    assert!(!session.world().controller_managers().any(|manager| manager.leads()), "its gate is off in 1.36");
    run(&mut session, 25);
    assert!(session.world().controller_managers().any(|manager| manager.leads()));
}

#[test]
fn a_link_says_of_two_only_where_there_are_two() {
    let one = SessionFile::of(&session(1)).write();
    assert!(!one.contains("controlPlanes"), "{one}");
    let two = SessionFile::of(&session(2)).write();
    assert!(two.contains("controlPlanes"), "{two}");
}
