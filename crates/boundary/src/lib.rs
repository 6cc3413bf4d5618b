//! What the wasm crates share at the JavaScript boundary.
//!
//! A crate that links this one (`use pageperfect_boundary as _;` is enough) has its panics thrown
//! as JavaScript Errors that say what happened and where, instead of `RuntimeError: unreachable`.
//! An instance that panicked is in no known state, and its next panic would be such a bare
//! RuntimeError: the generated glue therefore replaces it by a new one (build.sh,
//! `replace_after_throw`). Objects of the old instance refuse every call but `free`.

use js_sys::{JsString, Reflect, Uint8Array};
use serde::{Serialize, de::DeserializeOwned};
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(start)]
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        wasm_bindgen::throw_str(&panic.to_string())
    }));
}

#[wasm_bindgen]
extern "C" {
    type TextEncoder;
    #[wasm_bindgen(constructor)]
    fn new() -> TextEncoder;
    #[wasm_bindgen(method, js_name = encodeInto)]
    fn encode_into(this: &TextEncoder, text: &JsString, bytes: &Uint8Array) -> JsValue;
}

/// Copies an ASCII string, some ten times faster than a `&str` parameter, which the glue copies
/// character by character. `None` when there is any other character.
pub fn ascii(text: &JsString) -> Option<Vec<u8>> {
    let length = text.length() as usize;
    let mut bytes = Vec::with_capacity(length);
    // SAFETY: nothing allocates while the view of this memory exists.
    let view = unsafe { Uint8Array::view_mut_raw(bytes.as_mut_ptr(), length) };
    let result = TextEncoder::new().encode_into(text, &view);
    let count = |key: &str| Reflect::get(&result, &key.into()).ok()?.as_f64();
    // Any other character takes more than one byte, and then not all of them find room.
    let is_ascii = count("read") == Some(length as f64) && count("written") == Some(length as f64);
    // SAFETY: all of them have been written.
    unsafe { bytes.set_len(if is_ascii { length } else { 0 }) };
    is_ascii.then_some(bytes)
}

/// Reads a JavaScript value; `what` names it in the error.
pub fn read<T: DeserializeOwned>(what: &str, value: JsValue) -> Result<T, JsError> {
    serde_wasm_bindgen::from_value(value).map_err(|error| {
        let error = error.to_string();
        JsError::new(&format!(
            "{what}: {}",
            error.strip_prefix("Error: ").unwrap_or(&error)
        ))
    })
}

/// Writes a value as plain JavaScript objects, arrays, numbers and nulls, as JSON would have them.
pub fn write(value: &impl Serialize) -> Result<JsValue, JsError> {
    Ok(value.serialize(&Serializer::json_compatible())?)
}
