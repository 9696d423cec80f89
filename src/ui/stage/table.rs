//! The same objects in the same order as tables, for whoever cannot see the diagram or would rather read.

use yew::prelude::*;

use crate::cluster::{ComponentView, NodeView, PodView};

use super::super::app::Ask;
use super::super::controls::{packet_mark, packet_name, phase_mark};
use super::super::screen::{Lists, Row, Selection, Shared, Things};
use super::boxes::command;
use super::paging::{caption, pager, window};

/// Properties of the tables.
#[derive(Properties, PartialEq)]
pub struct TablesProps {
    pub things: Shared<Things>,
    pub lists: Shared<Lists>,
    pub selection: Option<Selection>,
    pub on_ask: Callback<Ask>,
}

/// Components, nodes, pods.
#[component(Tables)]
pub fn tables(props: &TablesProps) -> Html {
    let things = &props.things;
    let (components, nodes, pods) = (use_state(|| 0), use_state(|| 0), use_state(|| 0));
    let total = things.pods.len();
    let under_way: Vec<&Row> = props.lists.messages.iter().filter(|row| !row.arrived).collect();
    html! {
        <div class="tables">
            <table>
                <caption>{ caption("Components", *components, things.components.len()) }</caption>
                <thead><tr><th scope="col">{ "name" }</th><th scope="col">{ "node" }</th><th scope="col">{ "state" }</th>
                    <th scope="col">{ "facts" }</th><th scope="col">{ "act" }</th></tr></thead>
                <tbody>{ for on_page(&things.components, *components).map(|view| component(props, view)) }</tbody>
            </table>
            { pager("Components", &components, things.components.len()) }
            <table>
                <caption>{ caption("Nodes", *nodes, things.nodes.len()) }</caption>
                <thead><tr><th scope="col">{ "name" }</th><th scope="col">{ "status" }</th><th scope="col">{ "cpu" }</th>
                    <th scope="col">{ "memory" }</th><th scope="col">{ "pods" }</th><th scope="col">{ "act" }</th></tr></thead>
                <tbody>{ for on_page(&things.nodes, *nodes).map(|view| node(props, view)) }</tbody>
            </table>
            { pager("Nodes", &nodes, things.nodes.len()) }
            <table>
                <caption>{ caption("Pods", *pods, total) }</caption>
                <thead><tr><th scope="col">{ "namespace" }</th><th scope="col">{ "name" }</th><th scope="col">{ "ready" }</th>
                    <th scope="col">{ "status" }</th><th scope="col">{ "restarts" }</th><th scope="col">{ "ip" }</th>
                    <th scope="col">{ "node" }</th><th scope="col">{ "act" }</th></tr></thead>
                <tbody>
                    if total == 0 { <tr><td colspan="8">{ "No resources found." }</td></tr> }
                    { for on_page(&things.pods, *pods).map(|view| pod(props, view)) }
                </tbody>
            </table>
            { pager("Pods", &pods, total) }
            <table>
                <caption>{ "Packets under way" }</caption>
                <thead><tr><th scope="col">{ "kind" }</th><th scope="col">{ "message" }</th><th scope="col">{ "from" }</th>
                    <th scope="col">{ "to" }</th><th scope="col">{ "sent" }</th></tr></thead>
                <tbody>
                    if under_way.is_empty() { <tr><td colspan="5">{ "Nothing is under way." }</td></tr> }
                    { for under_way.iter().map(|row| packet(props, row)) }
                </tbody>
            </table>
        </div>
    }
}

fn on_page<T>(all: &[T], page: usize) -> impl Iterator<Item = &T> {
    let (first, end) = window(page, all.len());
    all[first..end].iter()
}

fn pick(props: &TablesProps, selection: &Selection, name: &str) -> Html {
    let chosen = selection.clone();
    let onclick = props.on_ask.reform(move |_: MouseEvent| Ask::Pick(Some(chosen.clone())));
    html! { <button class="link" {onclick}>{ name.to_owned() }</button> }
}

fn act(props: &TablesProps, act: String, text: &'static str, name: &str) -> Html {
    let on_ask = props.on_ask.clone();
    let onclick = Callback::from(move |_: MouseEvent| {
        if let Some(command) = command(&act) {
            on_ask.emit(Ask::Do(command));
        }
    });
    html! { <button class="btn" aria-label={format!("{text} {name}")} {onclick}>{ text }</button> }
}

fn row_class(props: &TablesProps, selection: &Selection) -> Option<&'static str> {
    (props.selection.as_ref() == Some(selection)).then_some("sel")
}

fn component(props: &TablesProps, view: &ComponentView) -> Html {
    let mark = Selection::Component(view.name.clone());
    let facts: Vec<String> = view.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let (verb, text) = if view.running { ("stop", "Stop") } else { ("start", "Start") };
    html! {
        <tr key={view.name.to_string()} class={row_class(props, &mark)}>
            <td>{ pick(props, &mark, &view.name) }</td><td>{ view.node.to_string() }</td>
            <td>{ if !view.running { "stopped" } else if view.frozen { "frozen" } else { "running" } }</td><td>{ facts.join(", ") }</td>
            <td class="acts">{ act(props, format!("{verb} {}", view.name), text, &view.name) }</td>
        </tr>
    }
}

fn node(props: &TablesProps, view: &NodeView) -> Html {
    let mark = Selection::Node(view.name.clone());
    let (verb, text) = if view.powered { ("off", "Power off") } else { ("on", "Power on") };
    let mebibytes = |bytes: u64| bytes >> 20;
    html! {
        <tr key={view.name.to_string()} class={row_class(props, &mark)}>
            <td>{ pick(props, &mark, &view.name) }</td><td>{ view.status.to_string() }</td>
            <td>{ format!("{}m of {}m", view.cpu_millis.0, view.cpu_millis.1) }</td>
            <td>{ format!("{} of {} Mi", mebibytes(view.memory_bytes.0), mebibytes(view.memory_bytes.1)) }</td>
            <td>{ format!("{} of {}", view.pods.0, view.pods.1) }</td>
            <td class="acts">{ act(props, format!("{verb} {}", view.name), text, &view.name) }</td>
        </tr>
    }
}

fn pod(props: &TablesProps, view: &PodView) -> Html {
    let mark = Selection::Pod(view.uid.clone());
    html! {
        <tr key={view.uid.to_string()} class={row_class(props, &mark)}>
            <td>{ view.namespace.to_string() }</td><td>{ pick(props, &mark, &view.name) }</td>
            <td>{ format!("{}/{}", view.ready.0, view.ready.1) }</td>
            <td>{ phase_mark(view.phase) }{ view.status.to_string() }</td><td>{ view.restarts }</td>
            <td>{ view.ip.to_string() }</td><td>{ view.node.to_string() }</td>
            <td class="acts">{ act(props, format!("delete pod {} -n {}", view.name, view.namespace), "Delete", &view.name) }</td>
        </tr>
    }
}

fn packet(props: &TablesProps, row: &Row) -> Html {
    let link = &row.link;
    let mark = Selection::Message(link.id);
    html! {
        <tr key={link.id.0} class={row_class(props, &mark)}>
            <td class="kind">{ packet_mark(link.kind) }{ link.kind.map(packet_name) }</td><td>{ pick(props, &mark, &link.text) }</td>
            <td>{ link.from.to_string() }</td><td>{ link.to.to_string() }</td><td>{ link.at.to_string() }</td>
        </tr>
    }
}
