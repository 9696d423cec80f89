//! The editor's module: CodeMirror, bundled into `static/editor.js`, fetched when the page has time for it.
//!
//! Whatever goes wrong here leaves the plain text area, which does the same with less comfort.

use std::rc::Rc;

use js_sys::{Array, JsString, Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{DataTransfer, Element, HtmlTextAreaElement};
use yew::Callback;

use super::terminal::Names;

#[wasm_bindgen(inline_js = "export const editor_module = () => import(new URL('editor.js', document.baseURI).href);")]
extern "C" {
    #[wasm_bindgen(catch)]
    async fn editor_module() -> Result<JsValue, JsValue>;

    type Module;
    #[wasm_bindgen(method, catch)]
    fn mount(this: &Module, host: &Element, area: &HtmlTextAreaElement, hooks: &Object) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn unmount(this: &Module);
    #[wasm_bindgen(method)]
    fn replace(this: &Module, text: &str);
    #[wasm_bindgen(method)]
    fn mark(this: &Module, marks: &str);
    #[wasm_bindgen(method)]
    fn current(this: &Module) -> Option<String>;
}

/// What the editor tells the page, and what it asks it.
#[derive(Clone)]
pub struct Hooks {
    pub on_text: Callback<Rc<str>>,
    pub on_apply: Callback<()>,
    pub on_files: Callback<DataTransfer>,
    /// The names of the cluster's objects of a kind.
    pub names: Names,
    /// How many bytes a text may have.
    pub bytes_max: usize,
    /// A text that is too long was not taken: its bytes.
    pub on_refused: Callback<usize>,
}

/// The editor at work in its host element.
pub struct Lively {
    module: Module,
    _text: Closure<dyn FnMut(String)>,
    _apply: Closure<dyn FnMut()>,
    _files: Closure<dyn FnMut(DataTransfer)>,
    _names: Closure<dyn FnMut(String) -> Array>,
    _refused: Closure<dyn FnMut(f64)>,
}

/// Fetches the module, once; `None` when it cannot be had.
pub async fn fetch() -> Option<JsValue> {
    editor_module().await.ok()
}

impl Lively {
    /// Lets it take the place of `area`, keeping text, selection and focus.
    pub fn mount(module: JsValue, host: &Element, area: &HtmlTextAreaElement, hooks: &Hooks) -> Option<Lively> {
        let module: Module = module.unchecked_into();
        let given = hooks.clone();
        let text = Closure::new(move |text: String| given.on_text.emit(Rc::from(text)));
        let on_apply = hooks.on_apply.clone();
        let apply = Closure::new(move || on_apply.emit(()));
        let on_files = hooks.on_files.clone();
        let files = Closure::new(move |data: DataTransfer| on_files.emit(data));
        let known = hooks.names.clone();
        let names = Closure::new(move |kind: String| -> Array {
            known.emit((kind, String::new())).into_iter().map(|name| JsValue::from(JsString::from(name))).collect()
        });
        let on_refused = hooks.on_refused.clone();
        let refused = Closure::new(move |bytes: f64| on_refused.emit(bytes as usize));
        let object = Object::new();
        let max = JsValue::from_f64(hooks.bytes_max as f64);
        let entries: [(&str, &JsValue); 6] = [
            ("text", text.as_ref()),
            ("apply", apply.as_ref()),
            ("files", files.as_ref()),
            ("names", names.as_ref()),
            ("refused", refused.as_ref()),
            ("max", &max),
        ];
        for (name, value) in entries {
            Reflect::set(&object, &JsValue::from_str(name), value).ok()?;
        }
        module.mount(host, area, &object).ok()?;
        Some(Lively { module, _text: text, _apply: apply, _files: files, _names: names, _refused: refused })
    }

    /// Puts another text in, as one step of its history.
    pub fn replace(&self, text: &str) {
        self.module.replace(text);
    }

    /// Shows what is said of the text: the JSON of `lint::to_json`.
    pub fn mark(&self, marks: &str) {
        self.module.mark(marks);
    }

    /// What it holds, including what it has not told yet.
    pub fn current(&self) -> Option<String> {
        self.module.current()
    }
}

impl Drop for Lively {
    fn drop(&mut self) {
        self.module.unmount();
    }
}
