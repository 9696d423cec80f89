//! Two of each leader: who acts, who stands by, and who takes over.

use std::time::Duration;

use crate::api::{Kind, Message, Method, ObjectKey};
use crate::cluster::{Command, Config, Session, SessionFile};
use crate::sim::Record;

/// A cluster in which the first machine leads. Who is first is chance: a seed is looked for by which it is.
fn session(control_planes: u32) -> Session {
    let ready = |seed| Session::ready(Config { seed, control_planes, nodes: 2, ..Config::default() });
    let first = ("control-plane".to_owned(), "control-plane".to_owned());
    let found = (1..20).map(ready).find(|session| holders(session) == first);
    found.expect("one of twenty seeds lets the first machine lead")
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

fn holders(session: &Session) -> (String, String) {
    (holder(session, "kube-controller-manager"), holder(session, "kube-scheduler"))
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

#[test]
fn one_of_each_acts_and_the_other_stands_by() {
    let mut session = session(2);
    let first = "control-plane".to_owned();
    assert_eq!(holders(&session), (first.clone(), first));
    kubectl(&mut session, "create deployment web --image=nginx --replicas=2");
    run(&mut session, 60);
    for name in ["kube-scheduler/control-plane-2", "kube-controller-manager/control-plane-2"] {
        assert_eq!(writes(&session, name, 0), Vec::<String>::new(), "{name} stands by");
    }
    let world = session.world();
    let standby = world.controller_managers().nth(1).expect("there are two").informers();
    assert!(standby.iter().all(|informer| informer.objects == 0), "a manager looks at nothing before it leads");
    let standby = world.schedulers().nth(1).expect("there are two");
    assert_eq!(standby.cache().len(), 2, "a scheduler keeps its picture of the cluster");
    assert_eq!(standby.attempts(), 0);
}

#[test]
fn the_other_takes_over_from_one_that_is_frozen_and_it_does_not_act_when_it_thaws() {
    let mut session = session(2);
    for name in ["kube-scheduler", "kube-controller-manager"] {
        session.apply(Command::Freeze { name: name.to_owned() });
    }
    kubectl(&mut session, "create deployment web --image=nginx --replicas=2");
    run(&mut session, 10);
    assert_eq!(holders(&session).0, "control-plane", "the lease has not run out");
    assert_eq!(session.objects(Kind::Pod).len(), 0);
    run(&mut session, 25);
    let second = "control-plane-2".to_owned();
    assert_eq!(holders(&session), (second.clone(), second.clone()));
    assert!(kubectl(&mut session, "get deployment web").contains("2/2"), "its work goes on");
    let frozen = session.world().kernel().trace().total();
    for name in ["kube-scheduler", "kube-controller-manager"] {
        session.apply(Command::Thaw { name: name.to_owned() });
    }
    kubectl(&mut session, "scale deployment web --replicas=4");
    run(&mut session, 30);
    for name in ["kube-scheduler", "kube-controller-manager"] {
        assert_eq!(writes(&session, name, frozen), Vec::<String>::new(), "{name} knows that it leads no more");
    }
    assert_eq!(holders(&session), (second.clone(), second));
    assert!(kubectl(&mut session, "get deployment web").contains("4/4"));
}

#[test]
fn a_link_says_of_two_only_where_there_are_two() {
    let one = SessionFile::of(&session(1)).write();
    assert!(!one.contains("controlPlanes"), "{one}");
    let two = SessionFile::of(&session(2)).write();
    assert!(two.contains("controlPlanes"), "{two}");
}
