//! The terminal: a prompt of its own and a log that assistive technology follows.

use std::cell::RefCell;
use std::rc::Rc;

use web_sys::{HtmlElement, HtmlInputElement};
use yew::prelude::*;

use crate::cluster::Command;
use crate::kubectl::complete;

use super::app::Ask;
use super::controls::icon;
use super::desk::{Desk, plain_text};
use super::recall::Recall;
use super::screen::{Entry, Shared};
use super::terminal_rows::{row_keys, rows, typed};

/// Lines of output that are drawn of one entry.
const LINES_MAX: usize = 400;
/// Completions that are listed.
const OPTIONS_MAX: usize = 40;
/// Where typed lines are kept.
const HISTORY_KEY: &str = "kubarium.history";
/// Lines offered for a first try.
const TRY: [&str; 5] = [
    "kubectl get pods -o wide",
    "kubectl apply -f -",
    "kubectl get events",
    "kubectl scale deployment web --replicas=3",
    "kubectl describe nodes",
];

/// Names of objects: by kind and namespace, where an empty one means all.
pub type Names = Callback<(String, String), Vec<String>>;

/// Properties of the terminal.
#[derive(Properties, PartialEq)]
pub struct TerminalProps {
    pub desk: Shared<RefCell<Desk>>,
    pub entries: Shared<Vec<Entry>>,
    /// The editor's text: what stands on standard input of `-f -`.
    pub text: Rc<str>,
    pub on_ask: Callback<Ask>,
    pub names: Names,
}

/// A desk with the lines of earlier days.
pub fn desk() -> Desk {
    let storage = web_sys::window().and_then(|window| window.local_storage().ok().flatten());
    let kept = storage.and_then(|storage| storage.get_item(HISTORY_KEY).ok().flatten());
    Desk::new(kept.as_deref().unwrap_or_default())
}

fn keep_history(desk: &Desk) {
    if let Some(Ok(Some(storage))) = web_sys::window().map(|window| window.local_storage()) {
        // Without storage the history lasts as long as the page.
        let _ = storage.set_item(HISTORY_KEY, &desk.history.join("\n"));
    }
}

/// What the prompt is in the middle of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Prompt {
    /// The place in the history: 0 is the line being written.
    back: usize,
    /// What was written when the way back began.
    prefix: String,
    /// What Tab found.
    options: Vec<String>,
    /// The reverse search, while one is under way.
    recall: Option<Recall>,
}

/// The terminal.
#[component(Terminal)]
pub fn terminal(props: &TerminalProps) -> Html {
    let changed = use_force_update();
    let prompt = use_state(Prompt::default);
    let log = use_node_ref();
    props.desk.borrow_mut().place(&props.entries);
    {
        let (log, chosen) = (log.clone(), props.desk.borrow().chosen);
        use_effect_with((props.entries.clone(), chosen), move |_| {
            if let Some(log) = log.cast::<HtmlElement>() {
                log.set_scroll_top(log.scroll_height());
            }
        });
    }
    let run = {
        let (on_ask, text, desk) = (props.on_ask.clone(), props.text.clone(), props.desk.clone());
        let (prompt, changed) = (prompt.clone(), changed.clone());
        Callback::from(move |typed: String| {
            let typed = typed.trim().to_owned();
            if typed.is_empty() {
                return;
            }
            desk.borrow_mut().send(&typed);
            keep_history(&desk.borrow());
            prompt.set(Prompt::default());
            on_ask.emit(ask(&typed, &text));
            changed.force_update();
        })
    };
    let write = {
        let (desk, prompt, changed) = (props.desk.clone(), prompt.clone(), changed.clone());
        Callback::from(move |(line, next): (String, Prompt)| {
            desk.borrow_mut().sheet().draft = line;
            prompt.set(next);
            changed.force_update();
        })
    };
    let oninput = {
        let (desk, prompt, write) = (props.desk.clone(), prompt.clone(), write.clone());
        Callback::from(move |event: InputEvent| {
            let typed = event.target_unchecked_into::<HtmlInputElement>().value();
            let mut next = Prompt::default();
            if let Some(mut recall) = prompt.recall.clone() {
                recall.ask(&typed, &desk.borrow().history);
                next.recall = Some(recall);
            }
            write.emit((typed, next));
        })
    };
    let onkeydown = keys(props, &prompt, &write, &run);
    let tries = TRY.iter().map(|text| {
        let run = run.clone();
        let onclick = Callback::from(move |_: MouseEvent| run.emit((*text).to_owned()));
        html! { <button {onclick}>{ *text }</button> }
    });
    let draft = props.desk.borrow_mut().sheet().draft.clone();
    let desk = props.desk.borrow();
    let entries = desk.entries(&props.entries);
    html! {
        <div class="term">
            { sheets(props, &changed) }
            <div class="log" role="log" aria-label="kubectl output" tabindex="0" ref={log} data-arrows=""
                onkeydown={Callback::from(|event: KeyboardEvent| row_keys(&event))}>
                if entries.is_empty() {
                    <p class="busy">{ "kubectl speaks to the API server of this tab. Try one of the lines below, or type your own." }</p>
                }
                { for entries.into_iter().map(|one| entry(one, &props.on_ask)) }
            </div>
            <div class="try">{ for tries }</div>
            { options(&prompt.options) }
            <p class="recall" role="status">{ prompt.recall.as_ref().map(|recall| recall.told(&desk.history)) }</p>
            <div class="prompt">
                <label for="prompt"><span class="sr">{ if prompt.recall.is_some() { "Search the lines typed" } else { "kubectl command" } }</span></label>
                <input id="prompt" type="text" autocomplete="off" autocapitalize="off" spellcheck="false"
                    placeholder="kubectl get pods" value={draft} {oninput} {onkeydown}
                    title="Tab completes, Up goes back through lines that begin like this one, Ctrl-R searches the lines typed" />
            </div>
        </div>
    }
}

/// The tabs of the terminal, and what can be done with the one that is shown.
fn sheets(props: &TerminalProps, changed: &yew::functional::UseForceUpdateHandle) -> Html {
    let act = |act: fn(&mut Desk, &[Entry])| {
        let (desk, entries, changed) = (props.desk.clone(), props.entries.clone(), changed.clone());
        Callback::from(move |_: MouseEvent| {
            act(&mut desk.borrow_mut(), &entries);
            changed.force_update();
        })
    };
    let desk = props.desk.borrow();
    let tab = |(index, sheet): (usize, &super::desk::Sheet)| {
        let (desk, changed) = (props.desk.clone(), changed.clone());
        let onclick = Callback::from(move |_: MouseEvent| {
            desk.borrow_mut().chosen = index;
            changed.force_update();
        });
        let on = index == props.desk.borrow().chosen;
        html! {
            <button key={sheet.number} aria-pressed={on.to_string()} aria-label={format!("Prompt {}", sheet.number)} {onclick}>
                { sheet.number }
            </button>
        }
    };
    let (shown, text) = (!desk.entries(&props.entries).is_empty(), props.desk.clone());
    let entries = props.entries.clone();
    let copy = Callback::from(move |event: MouseEvent| {
        let button: HtmlElement = event.target_unchecked_into();
        copy(plain_text(&text.borrow().entries(&entries)), button);
    });
    html! {
        <div class="sheets" role="group" aria-label="Prompts">
            { for desk.sheets.iter().enumerate().map(tab) }
            <button aria-label="New prompt" title="New prompt" onclick={act(|desk, _| desk.open())}>{ icon("#i-plus") }</button>
            if desk.sheets.len() > 1 {
                <button aria-label="Close prompt" title="Close prompt" onclick={act(|desk, _| desk.close())}>{ icon("#i-close") }</button>
            }
            <span class="sp"></span>
            <button onclick={copy} disabled={!shown}>{ "Copy" }</button>
            <button onclick={act(Desk::clear)} disabled={!shown}>{ "Clear" }</button>
        </div>
    }
}

/// Puts text on the clipboard, and says on the button whether it got there.
fn copy(text: String, button: HtmlElement) {
    let Some(window) = web_sys::window() else { return };
    wasm_bindgen_futures::spawn_local(async move {
        let clipboard = window.navigator().clipboard();
        // There is none on a page that came over plain HTTP from elsewhere.
        let done = if clipboard.is_undefined() {
            false
        } else {
            wasm_bindgen_futures::JsFuture::from(clipboard.write_text(&text)).await.is_ok()
        };
        button.set_text_content(Some(if done { "Copied" } else { "Not allowed" }));
        gloo_timers::future::TimeoutFuture::new(1_500).await;
        button.set_text_content(Some("Copy"));
    });
}

/// What Tab found.
fn options(options: &[String]) -> Html {
    let more = options.len().saturating_sub(OPTIONS_MAX);
    html! {
        <p class="options" role="status">
            { for options.iter().take(OPTIONS_MAX).map(|option| html! { <code>{ option.clone() }</code> }) }
            if more > 0 { { format!("and {more} more") } }
        </p>
    }
}

/// The command of a typed line; `-f -` reads the editor.
fn ask(typed: &str, text: &Rc<str>) -> Ask {
    let words: Vec<&str> = typed.split_whitespace().collect();
    let reads = words.windows(2).any(|pair| matches!(pair, ["-f" | "--filename", "-"]))
        || words.iter().any(|word| matches!(*word, "-f-" | "-f=-" | "--filename=-"));
    let applies = matches!(words.as_slice(), ["kubectl", "apply", "-f", "-"] | ["apply", "-f", "-"]);
    if applies {
        return Ask::ApplyText(text.clone());
    }
    let stdin = if reads { text.to_string() } else { String::new() };
    Ask::Do(Command::Kubectl { line: typed.to_owned(), stdin })
}

/// Enter runs, arrows go through the history, Ctrl-R searches it, Tab completes, Ctrl-C interrupts.
fn keys(
    props: &TerminalProps,
    prompt: &UseStateHandle<Prompt>,
    write: &Callback<(String, Prompt)>,
    run: &Callback<String>,
) -> Callback<KeyboardEvent> {
    let (desk, entries, names, on_ask) =
        (props.desk.clone(), props.entries.clone(), props.names.clone(), props.on_ask.clone());
    let (prompt, write, run) = (prompt.clone(), write.clone(), run.clone());
    Callback::from(move |event: KeyboardEvent| {
        let line = desk.borrow_mut().sheet().draft.clone();
        if event.ctrl_key() && event.key() == "r" {
            event.prevent_default();
            let (text, recall) = match prompt.recall.clone() {
                Some(mut recall) => {
                    recall.older(&desk.borrow().history);
                    (line, recall)
                }
                None => (String::new(), Recall::new(&line)),
            };
            write.emit((text, Prompt { recall: Some(recall), ..Prompt::default() }));
            return;
        }
        if let Some(recall) = &prompt.recall {
            let found = recall.line(&desk.borrow().history).map(str::to_owned);
            match (event.key().as_str(), found) {
                ("Enter", Some(found)) => run.emit(found),
                ("Enter", None) => {}
                // As in bash: Escape and the arrows leave with the line, Ctrl-G with what stood there before.
                ("g", _) if event.ctrl_key() => write.emit((recall.draft.clone(), Prompt::default())),
                ("Escape" | "ArrowUp" | "ArrowDown" | "Tab", found) => {
                    write.emit((found.unwrap_or_else(|| recall.draft.clone()), Prompt::default()));
                }
                _ => return,
            }
            event.prevent_default();
            return;
        }
        match event.key().as_str() {
            "Enter" => run.emit(line),
            key @ ("ArrowUp" | "ArrowDown") => {
                let prefix = if prompt.back == 0 { line } else { prompt.prefix.clone() };
                let back = if key == "ArrowUp" { prompt.back + 1 } else { prompt.back.saturating_sub(1) };
                let found = match back {
                    0 => Some(prefix.clone()).filter(|_| prompt.back > 0),
                    back => desk.borrow().recall(&prefix, back).map(str::to_owned),
                };
                if let Some(line) = found {
                    event.prevent_default();
                    write.emit((line, Prompt { back, prefix, ..Prompt::default() }));
                }
            }
            "Tab" if !event.shift_key() => {
                if let Some((line, options)) = completed(&line, &names) {
                    event.prevent_default();
                    write.emit((line, Prompt { options, ..Prompt::default() }));
                }
            }
            "Escape" if !prompt.options.is_empty() => {
                event.prevent_default();
                prompt.set(Prompt::default());
            }
            "c" if event.ctrl_key() => {
                let input: HtmlInputElement = event.target_unchecked_into();
                let copies = input.selection_start().ok() != input.selection_end().ok();
                let running = entries.iter().rev().find(|entry| entry.view.code.is_none());
                if let Some(entry) = running.filter(|_| !copies) {
                    event.prevent_default();
                    on_ask.emit(Ask::Do(Command::Interrupt { invocation: entry.id }));
                }
            }
            _ => {}
        }
    })
}

/// The line after Tab, and what there is to choose from. `None` where Tab has nothing to add: then it moves
/// the focus on, as it does everywhere.
fn completed(line: &str, names: &Names) -> Option<(String, Vec<String>)> {
    if line.trim().is_empty() {
        return None;
    }
    let found = complete(line, &|info, namespace| names.emit((info.kind.to_owned(), namespace.to_owned())));
    let word = &line[found.from..];
    let agreed = found.agreed();
    match found.options.as_slice() {
        [] => None,
        // It stands there already, and a blank ends it.
        [one] => {
            let open = one.ends_with(['=', '/']);
            (one != word || !open)
                .then(|| (format!("{}{one}{}", &line[..found.from], if open { "" } else { " " }), Vec::new()))
        }
        many => Some((
            format!("{}{}", &line[..found.from], if agreed.len() > word.len() { agreed } else { word }),
            many.to_vec(),
        )),
    }
}

fn entry(entry: &Entry, on_ask: &Callback<Ask>) -> Html {
    let mut left = LINES_MAX;
    let mut pieces = Vec::new();
    for (error, text) in &entry.view.output {
        let lines = text.lines().count();
        if lines > left {
            let kept: String = text.lines().take(left).flat_map(|line| [line, "\n"]).collect();
            pieces.push(html! { <pre>{ rows(entry.id, &kept, on_ask) }</pre> });
            pieces.push(html! { <p class="busy">{ format!("{} more lines are not drawn.", lines - left) }</p> });
            break;
        }
        left -= lines;
        pieces.push(html! { <pre class={error.then_some("err")}>{ rows(entry.id, text, on_ask) }</pre> });
    }
    html! {
        <div key={entry.id}>
            { typed(entry.id, &entry.view.line, on_ask) }
            { for pieces }
            if entry.view.code.is_none() { <p class="busy">{ "running; Ctrl-C ends it" }</p> }
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tab_completes_lists_or_moves_on() {
        let names = Names::from(|(kind, namespace): (String, String)| {
            if kind == "Pod" && namespace == "default" {
                vec!["web-1".to_owned(), "web-2".to_owned()]
            } else {
                Vec::new()
            }
        });
        let check = |line: &str, expected: Option<(&str, usize)>| {
            let found = completed(line, &names);
            assert_eq!(found.as_ref().map(|(line, options)| (line.as_str(), options.len())), expected, "{line:?}");
        };
        check("", None);
        check("  ", None);
        check("kubectl get nod", Some(("kubectl get nodes ", 0)));
        check("kubectl get no", Some(("kubectl get no ", 0)));
        check("kubectl get pods w", Some(("kubectl get pods web-", 2)));
        check("kubectl get pods web-", Some(("kubectl get pods web-", 2)));
        check("kubectl get pods web-1 x", None);
        check("kubectl scale deployment web --repl", Some(("kubectl scale deployment web --replicas=", 0)));
        check("kubectl scale deployment web --replicas=", None);
    }
}
