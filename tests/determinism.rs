//! Same configuration, seed and inputs: same trace, to the last bit. Different seeds: different traces.
//!
//! That a browser gives the same hash as this machine is tested where a browser is: `tests/page/`.

use std::time::Duration;

use kubarium::cluster::{Command, Config, FaultSpec, Session};
use kubarium::sim::SimTime;

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 5
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
      - { name: web, image: 'nginx:1.27', resources: { requests: { cpu: 100m, memory: 64Mi } } }
";

/// A run with something of everything: a manifest, a crash, a fault, a node that goes dark.
fn run(seed: u64) -> Session {
    let mut session = Session::ready(Config { seed, ..Config::default() });
    let applied = session.kubectl("apply -f -", DEPLOYMENT, Duration::from_secs(30));
    assert_eq!(applied.code, Some(0), "{}", applied.stderr);
    let wait = |session: &mut Session, seconds| session.run_until(session.now() + Duration::from_secs(seconds));
    wait(&mut session, 20);
    session.apply(Command::StopProcess { name: "kube-scheduler".to_owned() });
    let scaled = session.kubectl("scale deployment web --replicas=7", "", Duration::from_secs(30));
    assert_eq!(scaled.code, Some(0), "{}", scaled.stderr);
    wait(&mut session, 5);
    session.apply(Command::StartProcess { name: "kube-scheduler".to_owned() });
    let fault = FaultSpec::Loss { between: "kubelet/node-a".into(), and: "kube-apiserver".into(), ppm: 200_000 };
    session.apply(Command::Inject { fault: fault.clone() });
    wait(&mut session, 20);
    session.apply(Command::Lift { fault });
    session.apply(Command::PowerOff { node: "node-b".to_owned() });
    wait(&mut session, 60);
    session.apply(Command::PowerOn { node: "node-b".to_owned() });
    wait(&mut session, 30);
    session
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let (first, second) = (run(7), run(7));
    assert_eq!(first.stats(), second.stats());
    assert_eq!(first.trace_hash(), second.trace_hash());
    assert_eq!(first.inputs(), second.inputs());
}

#[test]
fn another_seed_gives_another_trace() {
    assert_ne!(run(7).trace_hash(), run(8).trace_hash());
}

#[test]
fn going_back_and_forward_again_changes_nothing() {
    let mut session = run(9);
    let (end, hash) = (session.now(), session.trace_hash());
    for at in [end.0 / 7, end.0 / 2, end.0 - 1_000_000] {
        session.seek(SimTime(at));
        assert_eq!(session.now(), SimTime(at));
        session.seek(end);
        assert_eq!(session.trace_hash(), hash, "after going back to {}", SimTime(at));
    }
}
