//! What only the browser can do: `static/keep.mjs`.

use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/static/keep.mjs")]
extern "C" {
    /// Raw DEFLATE of a text.
    #[wasm_bindgen(catch)]
    pub async fn deflate(text: &str) -> Result<Uint8Array, JsValue>;
    /// Copies a text, by way of the field of that id where there is no clipboard. Gives whether it did.
    #[wasm_bindgen(catch)]
    pub async fn copy(text: &str, field: &str) -> Result<JsValue, JsValue>;
    /// Saves a text as a file.
    pub fn save(name: &str, mime: &str, text: &str);
    /// Saves the stage as SVG or PNG; gives a sentence where that fails.
    #[wasm_bindgen(catch)]
    pub async fn picture(overlay: &str, title: &str, png: bool) -> Result<JsValue, JsValue>;
}
