//! The editor of the left pane: the plain text area at once, CodeMirror in its place when it has come.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use wasm_bindgen::JsCast;
use web_sys::{DataTransfer, DragEvent, Element, FileList, HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

use super::app::Ask;
use super::controls::icon;
use super::editor::{BYTES_MAX, too_large};
use super::editor_marks::count;
use super::examples::which;
use super::files::{Brought, read};
use super::gallery::Gallery;
use super::lively::{Hooks, Lively, fetch};
use super::screen::{Marks, Shared};
use super::terminal::Names;
use super::{lint, plain};

/// The page has started by then, and the module does not delay it.
const FETCH_AFTER_MS: u32 = 300;
/// A pause this long in typing, and the text is checked.
const CHECK_AFTER_MS: u32 = 60;

thread_local! {
    /// Whether the module is here already: then the editor is there at once when the pane comes back to it.
    static CAME: Cell<bool> = const { Cell::new(false) };
}

/// Properties of the editor.
#[derive(Properties, PartialEq)]
pub struct WritingProps {
    pub text: Rc<str>,
    pub on_text: Callback<Rc<str>>,
    pub on_refused: Callback<String>,
    pub refusal: Option<String>,
    /// What kubectl said when a text was applied.
    pub marks: Shared<Marks>,
    pub on_ask: Callback<Ask>,
    pub names: Names,
}

/// CodeMirror once it has come, and the text it told last.
#[derive(Default)]
struct Module {
    lively: RefCell<Option<Lively>>,
    told: RefCell<Rc<str>>,
    asked: Cell<bool>,
}

/// The editor.
#[component(Writing)]
pub fn writing(props: &WritingProps) -> Html {
    let nodes = (use_node_ref(), use_node_ref());
    let here = use_state(|| false);
    let gallery = use_state(|| false);
    let module = use_memo((), |()| Module::default());
    let on_files = brought(props);
    let fetch_now = use_module(props, &module, &here, &nodes, &on_files);
    let shown = use_marks(props, &module, *here);
    let apply = {
        let (module, text) = (module.clone(), props.text.clone());
        props.on_ask.reform(move |()| {
            let current = module.lively.borrow().as_ref().and_then(Lively::current);
            Ask::ApplyText(current.map_or_else(|| text.clone(), Rc::from))
        })
    };
    let onfiles = on_files.clone();
    let onchange = Callback::from(move |event: Event| {
        let input: HtmlInputElement = event.target_unchecked_into();
        if let Some(files) = input.files() {
            onfiles.emit(files);
        }
        // The same file can be chosen again.
        input.set_value("");
    });
    let open = {
        let gallery = gallery.clone();
        move |_: MouseEvent| gallery.set(true)
    };
    let on_close = {
        let gallery = gallery.clone();
        Callback::from(move |()| gallery.set(false))
    };
    html! {
        <>
        <div class="file">
            <button class="btn" onclick={open} aria-haspopup="dialog">{ "Examples" }</button>
            <label class="btn open">{ icon("#i-file") }<input type="file" aria-label="Open files" multiple=true accept=".yaml,.yml,.json,text/*" {onchange} /></label>
            { summary(&props.text, &shown) }
            <span class="sp"></span>
            <button class="btn solid" onclick={apply.reform(|_: MouseEvent| ())} title="kubectl apply -f - (Ctrl+Enter)">{ "Apply" }</button>
        </div>
        { look(&props.text) }
        if let Some(refusal) = &props.refusal { <p class="refusal" role="alert">{ refusal }</p> }
        <div class={classes!("code", here.then_some("lively"))} ondragover={Callback::from(|event: DragEvent| event.prevent_default())}
            ondrop={dropped(&on_files)} onpaste={pasted(&on_files)}>
            <div class="host" ref={nodes.1.clone()}></div>
            if !*here { <Plain text={props.text.clone()} on_text={props.on_text.clone()} area={nodes.0.clone()} {shown} on_focus={fetch_now} on_apply={apply} /> }
        </div>
        if *gallery {
            <Gallery text={props.text.clone()} undo={*here} on_choose={props.on_text.clone()} {on_close} />
        }
        </>
    }
}

/// What there is to see in an example, as long as it is one.
fn look(text: &str) -> Html {
    let Some(example) = which(text) else { return Html::default() };
    html! {
        <details class="look">
            <summary>{ "What to look for" }</summary>
            <p>{ example.look() }</p>
            if let Some(line) = example.then() { <code>{ line }</code> }
        </details>
    }
}

/// How many objects and errors there are, said when it changes; and the first error, for who does not see it.
fn summary(text: &str, marks: &Marks) -> Html {
    let (objects, errors) = (count(text), marks.errors.len());
    let numbers = format!("{objects} {}", if objects == 1 { "object" } else { "objects" });
    let bad = format!(", {errors} {}", if errors == 1 { "error" } else { "errors" });
    let first = marks.errors.first().map(|(place, words)| format!(". Line {}: {words}", place.line + 1));
    html! {
        <span class="dim count" role="status">
            { numbers }
            if errors > 0 { <span class="bad">{ bad }</span> }
            if let Some(words) = first { <span class="sr">{ words }</span> }
        </span>
    }
}

/// Fetches the module once, after a while or when it is called; lets it take the text area's place.
#[hook]
fn use_module(
    props: &WritingProps,
    module: &Rc<Module>,
    here: &UseStateHandle<bool>,
    nodes: &(NodeRef, NodeRef),
    on_files: &Callback<FileList>,
) -> Callback<()> {
    let (area, host) = nodes;
    let latest = use_mut_ref(|| None::<Hooks>);
    *latest.borrow_mut() = Some(hooks(props, module, on_files));
    let start = {
        let (module, here, area, host) = (module.clone(), here.clone(), area.clone(), host.clone());
        let latest = latest.clone();
        Callback::from(move |()| {
            if module.asked.replace(true) {
                return;
            }
            let (module, here, area, host) = (module.clone(), here.clone(), area.clone(), host.clone());
            let latest = latest.clone();
            wasm_bindgen_futures::spawn_local(async move {
                let Some(fetched) = fetch().await else { return };
                // The pane may have changed its tab meanwhile.
                let (Some(area), Some(host)) = (area.cast::<HtmlTextAreaElement>(), host.cast::<Element>()) else {
                    module.asked.set(false);
                    return;
                };
                let Some(hooks) = latest.borrow().clone() else { return };
                *module.told.borrow_mut() = Rc::from(area.value());
                if let Some(lively) = Lively::mount(fetched, &host, &area, &hooks) {
                    CAME.set(true);
                    *module.lively.borrow_mut() = Some(lively);
                    here.set(true);
                }
            });
        })
    };
    let (timed, module) = (start.clone(), module.clone());
    use_effect_with((), move |()| {
        let after_ms = if CAME.get() { 0 } else { FETCH_AFTER_MS };
        let timer = Timeout::new(after_ms, move || timed.emit(()));
        move || {
            drop(timer);
            // Leaving tells the last text: nothing may be borrowed meanwhile.
            let lively = module.lively.borrow_mut().take();
            drop(lively);
        }
    });
    start
}

/// What the module tells. Its callbacks outlive a render: none of them holds a text.
fn hooks(props: &WritingProps, module: &Rc<Module>, on_files: &Callback<FileList>) -> Hooks {
    let (told, on_text) = (module.clone(), props.on_text.clone());
    let (text, on_ask) = (module.clone(), props.on_ask.clone());
    let files = on_files.clone();
    Hooks {
        on_text: Callback::from(move |text: Rc<str>| {
            *told.told.borrow_mut() = text.clone();
            on_text.emit(text);
        }),
        on_apply: Callback::from(move |()| on_ask.emit(Ask::ApplyText(text.told.borrow().clone()))),
        on_files: Callback::from(move |data: DataTransfer| {
            if let Some(list) = data.files() {
                files.emit(list);
            }
        }),
        names: props.names.clone(),
        bytes_max: BYTES_MAX,
        on_refused: props.on_refused.reform(too_large),
    }
}

/// What is said of the text: by kubectl when it was applied, else by the check while it is written. Tells the
/// module of it, and of a text that came from elsewhere.
#[hook]
fn use_marks(props: &WritingProps, module: &Rc<Module>, here: bool) -> Rc<Marks> {
    let checked = use_state(Rc::<Marks>::default);
    {
        let checked = checked.clone();
        use_effect_with(props.text.clone(), move |text| {
            let text = text.clone();
            let timer = Timeout::new(CHECK_AFTER_MS, move || checked.set(Rc::new(lint::marks(&text))));
            move || drop(timer)
        });
    }
    let applied = props.marks.text == props.text && !props.text.is_empty();
    let shown = if applied { Rc::new((*props.marks).clone()) } else { (*checked).clone() };
    {
        let module = module.clone();
        use_effect_with((props.text.clone(), here), move |(text, _)| {
            let told = module.told.replace(text.clone());
            if let Some(lively) = module.lively.borrow().as_ref().filter(|_| told != *text) {
                lively.replace(text);
            }
        });
    }
    {
        let (module, current) = (module.clone(), shown.text == props.text);
        use_effect_with((shown.clone(), here, current), move |(shown, _, current)| {
            // What was said of an older text moves along with it until there is something newer.
            if let Some(lively) = module.lively.borrow().as_ref().filter(|_| *current) {
                lively.mark(&lint::to_json(shown));
            }
        });
    }
    shown
}

/// Reads files and puts them into the editor, or says why not.
fn brought(props: &WritingProps) -> Callback<FileList> {
    let (on_text, on_refused) = (props.on_text.clone(), props.on_refused.clone());
    Callback::from(move |list: FileList| {
        if list.length() == 0 {
            return;
        }
        let (on_text, on_refused) = (on_text.clone(), on_refused.clone());
        let reading = read(&list, BYTES_MAX);
        wasm_bindgen_futures::spawn_local(async move {
            match reading.await {
                Brought::Text(text) => on_text.emit(Rc::from(text)),
                Brought::TooLarge(bytes) => on_refused.emit(too_large(bytes)),
                Brought::Unreadable(name) => on_refused.emit(format!("{name} is no text file.")),
            }
        });
    })
}

fn dropped(on_files: &Callback<FileList>) -> Callback<DragEvent> {
    let on_files = on_files.clone();
    Callback::from(move |event: DragEvent| {
        // The module saw to it already.
        if !event.default_prevented()
            && let Some(files) = event.data_transfer().and_then(|data| data.files()).filter(|files| files.length() > 0)
        {
            event.prevent_default();
            on_files.emit(files);
        }
    })
}

fn pasted(on_files: &Callback<FileList>) -> Callback<Event> {
    let on_files = on_files.clone();
    Callback::from(move |event: Event| {
        let data = event.dyn_ref::<web_sys::ClipboardEvent>().and_then(web_sys::ClipboardEvent::clipboard_data);
        if !event.default_prevented()
            && let Some(files) = data.and_then(|data| data.files()).filter(|files| files.length() > 0)
        {
            event.prevent_default();
            on_files.emit(files);
        }
    })
}

#[derive(Properties, PartialEq)]
struct PlainProps {
    text: Rc<str>,
    on_text: Callback<Rc<str>>,
    area: NodeRef,
    shown: Rc<Marks>,
    on_focus: Callback<()>,
    on_apply: Callback<()>,
}

#[component(Plain)]
fn plain_area(props: &PlainProps) -> Html {
    let closed = use_state(|| (Rc::<str>::from(""), Vec::<usize>::new()));
    // Marks belong to the text they were made for; typing makes them stale.
    let fresh = props.shown.text == props.text;
    let on_text = props.on_text.clone();
    let oninput = Callback::from(move |event: InputEvent| {
        if let Some(area) = event.target().and_then(|target| target.dyn_into::<HtmlTextAreaElement>().ok()) {
            on_text.emit(Rc::from(area.value()));
        }
    });
    let on_apply = props.on_apply.clone();
    let onkeydown = Callback::from(move |event: KeyboardEvent| {
        if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
            event.prevent_default();
            on_apply.emit(());
        }
    });
    let onfocus = props.on_focus.reform(|_: FocusEvent| ());
    html! {
        <div class="sheet">
            <div aria-hidden="true">{ plain::lines(&props.text, fresh.then_some(&*props.shown)) }</div>
            <textarea ref={props.area.clone()} id="editor" aria-label="Manifest, YAML" spellcheck="false" autocapitalize="off"
                autocomplete="off" value={props.text.to_string()} {oninput} {onkeydown} {onfocus} data-arrows="" />
            if fresh { { plain::notes(&props.shown, &closed) } }
        </div>
    }
}
