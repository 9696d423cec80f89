//! Filter, following, objects and rows on an engine, without a browser.

use crate::cluster::Command;

use super::*;
use crate::ui::details;
use crate::ui::query::asked;
use crate::ui::screen::Detail;

/// The example applied, `ms` of simulated time ago.
fn applied(ms: u64) -> Engine {
    let mut engine = Engine::new(&asked("?paused"));
    engine.look(0.0);
    let stdin = include_str!("../../../examples/gallery/deployment.yaml").to_owned();
    engine.apply(Command::Kubectl { line: "kubectl apply -f -".to_owned(), stdin });
    let until = engine.now() + Duration::from_millis(ms);
    engine.session.run_until(until);
    engine.look(0.0);
    engine
}

fn kinds(engine: &Engine) -> Vec<FlightKind> {
    engine.packets.iter().map(|packet| packet.kind).collect()
}

#[test]
fn a_filter_hides_packets_from_stage_steps_and_lists_and_changes_nothing() {
    let mut engine = applied(28);
    for _ in 0..50 {
        if kinds(&engine).contains(&FlightKind::Watch) {
            break;
        }
        engine.session.run_until(engine.now() + Duration::from_micros(200));
        engine.look(0.0);
    }
    let (hash, before) = (engine.session.trace_hash(), engine.packets.len());
    assert!(kinds(&engine).contains(&FlightKind::Watch));
    engine.filter.toggle(&Chip::Kind(FlightKind::Watch));
    engine.look(0.0);
    assert!(!kinds(&engine).contains(&FlightKind::Watch));
    assert_eq!(engine.packets.len() + engine.hidden, before);
    let lists = details::lists(&mut engine);
    assert!(lists.messages_filtered && !lists.messages.is_empty());
    assert!(lists.messages.iter().all(|row| row.link.kind != Some(FlightKind::Watch)));
    let mut at = None;
    for _ in 0..20 {
        let Some(next) = engine.neighbour(at, false) else { break };
        assert_ne!(engine.session.kind_of(next), Some(FlightKind::Watch));
        assert_eq!(engine.neighbour(Some(next), true), at.or(engine.neighbour(Some(next), true)), "and back");
        at = Some(next);
    }
    engine.filter.clear();
    engine.look(0.0);
    assert_eq!((engine.packets.len(), engine.session.trace_hash()), (before, hash));
}

#[test]
fn a_namespace_is_told_also_where_the_message_does_not_name_it() {
    let mut engine = applied(1_500);
    let ids: Vec<EventId> = engine.log.messages().iter().map(|message| message.id).collect();
    let mut runtime = 0;
    for id in ids {
        let Some(view) = engine.session.message(id) else { continue };
        if view.label.first.as_ref() == "RunPodSandbox" || view.label.first.as_ref() == "PullImage" {
            runtime += 1;
            assert_eq!(&*engine.session.namespace_of(id), "default", "{view:?}");
        }
    }
    assert!(runtime > 6, "{runtime}");
}

#[test]
fn following_keeps_to_the_tree_and_steps_seek_the_run() {
    let mut engine = applied(10);
    let input = engine.inputs[0].1;
    assert!(engine.follow_selection(&Selection::Message(input)));
    let known = engine.follow.as_ref().map_or(0, |follow| follow.story.steps.len());
    assert!(known > 0);
    // Beyond what is known the run goes on until there is another step.
    let mut taken = 0;
    while taken < 60 && engine.story_step(true) {
        engine.look(0.0);
        taken += 1;
    }
    assert!((20..60).contains(&taken), "{taken} steps, and an end");
    let follow = engine.follow.as_ref().expect("it is followed");
    let steps = follow.story.steps.clone();
    assert!(steps.len() > known);
    assert!(steps.iter().any(|step| step.caption.text().contains("available, 6 of 6 pods ready")), "{steps:?}");
    let bound = steps.iter().position(|step| step.caption.text().contains("binds")).expect("pods are bound");
    assert!(engine.go_to_step(bound));
    engine.look(0.0);
    assert_eq!(engine.now(), steps[bound].shown);
    assert_eq!(engine.caption.text(), steps[bound].caption.text());
    assert!(engine.packets.iter().any(|packet| packet.id == steps[bound].id), "its packet is on the stage");
    let follow = engine.follow.as_ref().expect("it is followed");
    assert_eq!((follow.here(engine.now()), follow.story.steps.len()), (Some(bound), steps.len()));
    let now = engine.now();
    for index in [bound, bound + 1, bound + 2] {
        assert!(engine.go_to_step(index));
        assert_eq!(engine.follow.as_ref().and_then(|follow| follow.here(engine.now())), Some(index));
    }
    assert!(engine.go_to_step(bound) && engine.now() == now);
    engine.look(0.0);
    assert!(engine.packets.iter().all(|packet| engine.followed(packet.id)));
    assert!(engine.story_step(false) && engine.now() < steps[bound].shown);
}

#[test]
fn a_followed_pod_hides_the_other_pods() {
    let mut engine = applied(6_000);
    let pod = engine.things.pods[0].clone();
    assert!(engine.follow_selection(&Selection::Pod(pod.uid.clone())));
    let messages: Vec<Logged> = engine.log.messages().iter().copied().collect();
    let shown: Vec<EventId> =
        messages.iter().filter(|message| engine.shows(message)).map(|message| message.id).collect();
    assert!(shown.len() > 20 && shown.len() < messages.len() / 2, "{} of {}", shown.len(), messages.len());
    let others: Vec<String> = engine.things.pods[1..].iter().map(|pod| pod.name.to_string()).collect();
    for id in shown {
        let view = engine.session.message(id).expect("the trace has it");
        let binds = view.label.first.as_ref() == "binding";
        assert!(!(binds && others.iter().any(|other| view.path.as_deref().unwrap_or("").contains(other))), "{view:?}");
    }
}

#[test]
fn objects_show_owners_changes_and_who_wrote_them() {
    let mut engine = applied(8_000);
    engine.selection = Some(Selection::Object(Kind::Deployment, ObjectKey::new("default", "web")));
    let Detail::Object(detail) = details::detail(&mut engine) else { panic!("it is an object") };
    assert_eq!(detail.etcd_key, "/registry/deployments/default/web");
    assert_eq!(detail.owned.len(), 1);
    assert!(detail.follows);
    assert_eq!(detail.written.as_ref().map(|link| &*link.text), Some("PUT deployments/status"));
    let changed: Vec<&str> = detail
        .text
        .lines
        .iter()
        .filter(|line| line.change == crate::ui::changes::Change::Changed)
        .map(|line| line.text.trim())
        .collect();
    assert!(changed.contains(&"readyReplicas: 6") && !changed.contains(&"replicas: 6"), "{changed:?}");
    assert!(detail.events.iter().any(|event| event.reason == "ScalingReplicaSet"), "{:?}", detail.events);
    engine.selection = Some(detail.owned[0].1.clone());
    let Detail::Object(set) = details::detail(&mut engine) else { panic!("it is an object") };
    assert_eq!((set.owners.len(), set.owned.len()), (1, 6));
    let event = detail.events[0].key.clone();
    engine.selection = Some(Selection::Event(event));
    let Detail::Event(event) = details::detail(&mut engine) else { panic!("it is an event") };
    assert_eq!(event.about, Some(Selection::Object(Kind::Deployment, ObjectKey::new("default", "web"))));
    assert_eq!(event.chain.first().map(|link| &*link.text), Some("kubectl apply -f -"));
}

#[test]
fn a_request_marks_what_it_changes_and_tells_what_it_led_to() {
    let mut engine = applied(8_000);
    let wanted = |view: &crate::cluster::MessageView| {
        view.kind == FlightKind::Request && view.path.as_deref().is_some_and(|path| path.ends_with("/web/status"))
    };
    let ids: Vec<EventId> = engine.log.messages().iter().rev().map(|message| message.id).collect();
    let id = ids.into_iter().find(|id| engine.session.message(*id).as_ref().is_some_and(wanted));
    engine.selection = id.map(Selection::Message);
    let Detail::Message(detail) = details::detail(&mut engine) else { panic!("it is a message") };
    let body = detail.body.expect("a PUT carries the object");
    assert!(body.told.contains("changed"), "{}", body.told);
    assert!(detail.tree.total >= 4, "etcd, the watch and the answer: {:?}", detail.tree);
    engine.selection = Some(Selection::Message(engine.inputs[0].1));
    let Detail::Act(act) = details::detail(&mut engine) else { panic!("it is an act") };
    assert!(act.tree.total > 500 && act.tree.rows.len() < act.tree.total, "{}", act.tree.total);
    let closed = act.tree.rows.iter().find(|row| row.led_to > 0 && !row.open).expect("not all is open").link.id;
    engine.toggled.push(closed);
    let Detail::Act(open) = details::detail(&mut engine) else { panic!("it is an act") };
    assert!(open.tree.rows.len() > act.tree.rows.len());
}

#[test]
fn a_row_of_the_terminal_leads_to_its_object_and_a_log_line_to_its_message() {
    let mut engine = applied(8_000);
    let invocation = engine.inputs[0].0;
    let found = engine.row_selection(invocation, "deployment.apps/web created");
    assert_eq!(found, Some(Selection::Object(Kind::Deployment, ObjectKey::new("default", "web"))));
    let pod = engine.things.pods[0].clone();
    let line = format!("kubectl logs {}", pod.name);
    let applied = engine.apply(Command::Kubectl { line, stdin: String::new() });
    engine.session.run_until(engine.now() + Duration::from_secs(2));
    engine.look(0.0);
    let invocation = applied.invocation.expect("a line begins an invocation");
    let view = engine.session.invocation(invocation).expect("it ran");
    let row = view.stdout.lines().next().expect("nginx logs when it starts").to_owned();
    let Some(Selection::Message(id)) = engine.row_selection(invocation, &row) else { panic!("{row}") };
    let message = engine.session.message(id).expect("it is a message");
    assert_eq!(&*message.to, "kubectl");
}
