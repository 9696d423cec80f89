//! etcd's keys as a tree, a key with its versions and their difference, watches and leases.

use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::cluster::inside::{Branch, DiffLine, EtcdInside, KeyInside, Look, Side};

use super::super::app::Ask;
use super::super::inspector::place::yaml;
use super::looking;
use super::sheet::{count, facts, part, sheet};

/// etcd.
pub fn etcd(inside: &EtcdInside, look: &Look, on_ask: &Callback<Ask>) -> Html {
    let oninput = {
        let (look, on_ask) = (look.clone(), on_ask.clone());
        Callback::from(move |event: InputEvent| {
            let input: HtmlInputElement = event.target_unchecked_into();
            on_ask.emit(Ask::Look(Look { find: input.value(), ..look.clone() }));
        })
    };
    let keys = html! {
        <>
        <label class="find">{ "Find a key " }<input type="search" {oninput} /></label>
        if inside.tree.is_empty() { <p class="dim">{ "No key holds this." }</p> }
        <ul class="tree">{ for inside.tree.iter().map(|line| branch(line, look, on_ask)) }</ul>
        </>
    };
    html! {
        <>
        { facts(&inside.facts) }
        <div class="store">
            { part("Keys", String::new(), keys) }
            {
                match &inside.key {
                    Some(key) => chosen(key, look, on_ask),
                    None => part("No key is chosen", String::new(), html! {
                        <p class="dim">{ "Choose one to read its value and its history." }</p>
                    }),
                }
            }
        </div>
        { sheet(&inside.leases, on_ask) }
        { sheet(&inside.watches, on_ask) }
        </>
    }
}

fn branch(line: &Branch, look: &Look, on_ask: &Callback<Ask>) -> Html {
    let class = format!("d{}", line.depth.min(6));
    if line.more > 0 {
        return html! { <li {class}><span class="dim">{ format!("and {} more", line.more) }</span></li> };
    }
    let path = line.path.clone();
    if let Some(leaf) = &line.leaf {
        let onclick = looking(look, on_ask, move |look| {
            look.key = Some(path.clone());
            look.between = None;
        });
        return html! {
            <li key={line.path.to_string()} {class}>
                <button aria-pressed={leaf.chosen.to_string()} {onclick}><code>{ line.name.clone() }</code>
                    <span>{ format!("rev {}, version {}", leaf.mod_revision, leaf.version) }</span></button>
            </li>
        };
    }
    let onclick = looking(look, on_ask, move |look| match look.open.iter().position(|open| **open == *path) {
        Some(at) => {
            look.open.remove(at);
        }
        None => look.open.push(path.to_string()),
    });
    // The root stays open: without it there is nothing to choose.
    html! {
        <li key={line.path.to_string()} {class}>
            <button aria-expanded={line.open.to_string()} {onclick} disabled={line.depth == 0 && line.open}><code>{ line.name.clone() }</code>
                <span>{ if line.keys == 1 { "1 key".to_owned() } else { format!("{} keys", line.keys) } }</span></button>
        </li>
    }
}

fn chosen(key: &KeyInside, look: &Look, on_ask: &Callback<Ask>) -> Html {
    let history = html! {
        <>
        if let Some(between) = key.between {
            <p class="between">{ "From " }{ choice(key, look, on_ask, between, true) }{ " to " }{ choice(key, look, on_ask, between, false) }</p>
            <pre class="yaml diff" tabindex="0" aria-label="Difference">{ for key.difference.iter().map(difference) }</pre>
        } else {
            <p class="dim">{ "There is one version: nothing to compare." }</p>
        }
        </>
    };
    html! {
        <div class="key">
            { part("Key", String::new(), facts(&key.facts)) }
            { part("History", count(key.versions.len(), key.total), history) }
            if !key.value.is_empty() { { part("Value", String::new(), yaml(&key.value)) } }
        </div>
    }
}

/// The choice of the older or the newer revision.
fn choice(key: &KeyInside, look: &Look, on_ask: &Callback<Ask>, between: (u64, u64), older: bool) -> Html {
    let revisions: Vec<u64> = key.versions.iter().map(|version| version.revision).collect();
    let now = if older { between.0 } else { between.1 };
    let onchange = {
        let (look, on_ask) = (look.clone(), on_ask.clone());
        Callback::from(move |event: Event| {
            let select: HtmlSelectElement = event.target_unchecked_into();
            let Some(revision) = revisions.get(select.selected_index().max(0) as usize).copied() else { return };
            let between = if older { (revision, between.1) } else { (between.0, revision) };
            on_ask.emit(Ask::Look(Look { between: Some(between), ..look.clone() }));
        })
    };
    let label = if older { "Older revision" } else { "Newer revision" };
    html! {
        <select class="pickone" aria-label={label} {onchange}>
            { for key.versions.iter().map(|version| html! {
                <option selected={version.revision == now}>{ format!("{} {}", version.revision, version.what) }</option>
            }) }
        </select>
    }
}

fn difference(line: &DiffLine) -> Html {
    match line.side {
        Side::Both => html! { { format!("  {}\n", line.text) } },
        Side::Same => html! { <span class="dim">{ format!("  {}\n", line.text) }</span> },
        Side::Removed => html! { <del>{ format!("- {}\n", line.text) }</del> },
        Side::Added => html! { <ins>{ format!("+ {}\n", line.text) }</ins> },
    }
}
