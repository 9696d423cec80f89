//! Components, nodes and pods in the inspector.

use yew::prelude::*;

use super::super::app::Ask;
use super::super::controls::{icon, phase_mark};
use super::super::screen::{ComponentDetail, EventRow, NodeDetail, PodDetail, Selection};
use super::breaking;
use super::chain;
use super::objects::{follow, link_to};
use super::place::marked;
use super::weighing::Weighing;
use crate::cluster::inside::Place;
use crate::cluster::{CauseLink, Command};

/// Properties of a component.
#[derive(Properties, PartialEq)]
pub struct ComponentProps {
    pub detail: ComponentDetail,
    pub on_ask: Callback<Ask>,
}

fn act(on_ask: &Callback<Ask>, text: &'static str, symbol: &'static str, command: Command) -> Html {
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::Do(command.clone()));
    html! { <button class="btn" {onclick}>{ icon(symbol) }{ text }</button> }
}

/// The button that opens an inside.
fn open(on_ask: &Callback<Ask>, text: impl Into<AttrValue>, place: Place) -> Html {
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::Open(Some(place.clone())));
    html! {
        <button class="btn" {onclick} title="Enter on what is selected, or a double click, opens it too">{ icon("#i-look") }{ text.into() }</button>
    }
}

fn kubectl(line: String) -> Command {
    Command::Kubectl { line, stdin: String::new() }
}

pub fn recent(links: &[CauseLink], on_ask: &Callback<Ask>) -> Html {
    if links.is_empty() {
        return Html::default();
    }
    let origin = links.last().map_or(crate::sim::SimTime::ZERO, |link| link.at);
    html! {
        <>
        <div class="sub"><h3>{ "Last messages" }</h3><span class="sp"></span><span class="dim">{ "ms" }</span></div>
        { chain(links, None, origin, on_ask) }
        </>
    }
}

/// A component.
#[component(Component)]
pub fn component(props: &ComponentProps) -> Html {
    let detail = &props.detail;
    let view = &detail.view;
    let name = view.name.to_string();
    let switch = if view.running {
        act(&props.on_ask, "Stop", "#i-power", Command::StopProcess { name: name.clone() })
    } else {
        act(&props.on_ask, "Start", "#i-power", Command::StartProcess { name: name.clone() })
    };
    html! {
        <div class="insp">
            <div class="hd"><h2>{ name }</h2>
                <span class={classes!("st", (!view.running || view.frozen).then_some("bad"))}>{ if !view.running { "stopped" } else if view.frozen { "frozen" } else { "running" } }</span></div>
            <div class="acts">
                if let Some(place) = Place::of(view.role, &view.node) { { open(&props.on_ask, "Open", place) } }
                { switch }
            </div>
            <dl>
                if !view.node.is_empty() { <dt>{ "node" }</dt><dd>{ view.node.to_string() }</dd> }
                { for view.facts.iter().map(|(name, value)| html! { <><dt>{ name.to_string() }</dt><dd>{ value.to_string() }</dd></> }) }
            </dl>
            if &*view.name == "kube-scheduler" { <Decisions detail={detail.clone()} /> }
            { breaking::of_component(view, &props.on_ask) }
            { recent(&detail.recent, &props.on_ask) }
            if !detail.keys.is_empty() {
                <div class="sub"><h3>{ "Stored" }</h3><span class="sp"></span><span class="dim">{ "mod revision" }</span></div>
                <dl class="keys">
                    { for detail.keys.iter().map(|(key, revision)| html! { <><dt>{ key.clone() }</dt><dd>{ revision }</dd></> }) }
                </dl>
            }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct DecisionsProps {
    detail: ComponentDetail,
}

/// The last decisions of the scheduler, one at a time.
#[component(Decisions)]
fn decisions(props: &DecisionsProps) -> Html {
    let chosen = use_state(|| None::<u64>);
    let records = &props.detail.decisions;
    if records.is_empty() {
        return html! { <p class="dim">{ "It has placed no pod yet." }</p> };
    }
    let record = chosen.and_then(|id| records.iter().find(|record| record.id == id)).unwrap_or(&records[0]);
    let onchange = {
        let (chosen, ids) = (chosen.clone(), records.iter().map(|record| record.id).collect::<Vec<_>>());
        Callback::from(move |event: Event| {
            let select: web_sys::HtmlSelectElement = event.target_unchecked_into();
            chosen.set(ids.get(select.selected_index().max(0) as usize).copied());
        })
    };
    html! {
        <>
        <div class="sub"><h3>{ "Decision" }</h3>
            <select class="pickone" aria-label="Attempt" {onchange}>
                { for records.iter().map(|other| html! {
                    <option selected={other.id == record.id}>{ format!("{} {}", other.id, other.pod.name) }</option>
                }) }
            </select>
        </div>
        <Weighing record={record.clone()} />
        </>
    }
}

/// Properties of a node.
#[derive(Properties, PartialEq)]
pub struct NodeProps {
    pub detail: NodeDetail,
    pub on_ask: Callback<Ask>,
}

/// A node.
#[component(Node)]
pub fn node(props: &NodeProps) -> Html {
    let detail = &props.detail;
    let view = &detail.view;
    let name = view.name.to_string();
    let switch = if view.powered {
        act(&props.on_ask, "Power off", "#i-power", Command::PowerOff { node: name.clone() })
    } else {
        act(&props.on_ask, "Power on", "#i-power", Command::PowerOn { node: name.clone() })
    };
    let cordon = if view.unschedulable { "uncordon" } else { "cordon" };
    let text = if view.unschedulable { "Uncordon" } else { "Cordon" };
    let gibibytes = |bytes: u64| format!("{:.1} Gi", bytes as f64 / f64::from(1 << 30));
    html! {
        <div class="insp">
            <div class="hd"><h2>{ name.clone() }</h2>
                <span class={classes!("st", (!view.ready).then_some("bad"))}>{ view.status.to_string() }</span></div>
            <div class="acts">{ open(&props.on_ask, "Open kubelet", Place::Kubelet(view.name.clone())) }
                { open(&props.on_ask, "Open containerd", Place::Runtime(view.name.clone())) }{ switch }{ act(&props.on_ask, text, "#i-pause", kubectl(format!("kubectl {cordon} {name}"))) }</div>
            <dl>
                <dt>{ "machine" }</dt><dd>{ if view.powered { "on" } else { "off" } }</dd>
                <dt>{ "cpu" }</dt><dd>{ format!("{}m of {}m requested", view.cpu_millis.0, view.cpu_millis.1) }</dd>
                <dt>{ "memory" }</dt><dd>{ format!("{} of {} requested", gibibytes(view.memory_bytes.0), gibibytes(view.memory_bytes.1)) }</dd>
                <dt>{ "pods" }</dt><dd>{ format!("{} of {}", view.pods.0, view.pods.1) }</dd>
                { for view.taints.iter().map(|taint| html! { <><dt>{ "taint" }</dt><dd>{ taint.clone() }</dd></> }) }
            </dl>
            { breaking::of_node(view, detail.frozen, &props.on_ask) }
            if !detail.pods.is_empty() {
                <div class="sub"><h3>{ "Pods" }</h3></div>
                <ul class="rows flush">{ for detail.pods.iter().map(|pod| pod_row(pod, &props.on_ask)) }</ul>
            }
            { events(&detail.events, &props.on_ask) }
            if let Some(object) = &detail.object { <div class="sub"><h3>{ "Object" }</h3></div>{ marked(object) } }
        </div>
    }
}

fn pod_row(pod: &crate::cluster::PodView, on_ask: &Callback<Ask>) -> Html {
    let uid = pod.uid.clone();
    let onclick = on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(Selection::Pod(uid.clone()))));
    html! {
        <li key={pod.uid.to_string()}><button {onclick}>{ phase_mark(pod.phase) }<code>{ pod.name.to_string() }</code>
            <span class="who">{ pod.status.to_string() }</span></button></li>
    }
}

/// Properties of a pod.
#[derive(Properties, PartialEq)]
pub struct PodProps {
    pub detail: PodDetail,
    pub on_ask: Callback<Ask>,
}

/// A pod.
#[component(Pod)]
pub fn pod(props: &PodProps) -> Html {
    let detail = &props.detail;
    let view = &detail.view;
    let delete = kubectl(format!("kubectl delete pod {} -n {}", view.name, view.namespace));
    let kill = |(name, id): &(std::sync::Arc<str>, std::sync::Arc<str>)| {
        let command = Command::KillContainer { node: view.node.to_string(), container_id: id.to_string() };
        let onclick = props.on_ask.reform(move |_: MouseEvent| Ask::Do(command.clone()));
        html! { <button class="btn" {onclick} title="SIGKILL to the container's first process">{ icon("#i-power") }{ format!("Kill {name}") }</button> }
    };
    html! {
        <div class="insp">
            <div class="hd">{ phase_mark(view.phase) }<h2>{ view.name.to_string() }</h2></div>
            <div class="acts">
                { follow(Selection::Pod(view.uid.clone()), &props.on_ask) }
                { open(&props.on_ask, "Open", Place::Pod(view.uid.clone())) }
                { act(&props.on_ask, "Delete", "#i-close", delete) }
                { for view.containers.iter().filter(|(_, id)| !id.is_empty()).map(kill) }
            </div>
            <dl>
                <dt>{ "status" }</dt><dd>{ view.status.to_string() }</dd>
                <dt>{ "ready" }</dt><dd>{ format!("{} of {}", view.ready.0, view.ready.1) }</dd>
                if view.restarts > 0 { <dt>{ "restarts" }</dt><dd>{ view.restarts }</dd> }
                <dt>{ "node" }</dt><dd>{ if view.node.is_empty() { "none yet".to_owned() } else { view.node.to_string() } }</dd>
                if !view.ip.is_empty() { <dt>{ "ip" }</dt><dd>{ view.ip.to_string() }</dd> }
                if let Some(owner) = &detail.owner {
                    <dt>{ "owner" }</dt><dd>{ link_to(&view.owner, owner, &props.on_ask) }</dd>
                } else if !view.owner.is_empty() {
                    <dt>{ "owner" }</dt><dd>{ view.owner.to_string() }</dd>
                }
                <dt>{ "resourceVersion" }</dt><dd>{ view.resource_version }</dd>
                <dt>{ "etcd key" }</dt><dd>{ detail.etcd_key.clone() }</dd>
            </dl>
            { breaking::of_pod(view, &detail.images, &props.on_ask) }
            if let Some(record) = &detail.decision {
                <div class="sub"><h3>{ "Why there" }</h3></div>
                <Weighing record={record.clone()} />
            }
            { recent(&detail.recent, &props.on_ask) }
            { events(&detail.events, &props.on_ask) }
            if let Some(object) = &detail.object { <div class="sub"><h3>{ "Object" }</h3></div>{ marked(object) } }
        </div>
    }
}

pub fn events(rows: &[EventRow], on_ask: &Callback<Ask>) -> Html {
    if rows.is_empty() {
        return Html::default();
    }
    html! {
        <>
        <div class="sub"><h3>{ "Events" }</h3></div>
        <ul class="rows flush">{ for rows.iter().map(|row| super::super::lists::event(row, on_ask)) }</ul>
        </>
    }
}
