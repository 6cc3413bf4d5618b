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
    // Any other character takes more than one byte, and then not all of them find room.
    let (read, bytes) = encode(text, length);
    (read == length && bytes.len() == length).then_some(bytes)
}

/// Copies any string in the same way; halves of characters become U+FFFD.
pub fn utf8(text: &JsString) -> String {
    // No character takes more bytes for each of its UTF-16 units.
    let (_, mut bytes) = encode(text, text.length() as usize * 3);
    bytes.shrink_to_fit();
    // SAFETY: encodeInto writes whole characters.
    unsafe { String::from_utf8_unchecked(bytes) }
}

/// As many characters of `text` as `capacity` bytes have room for, and how many UTF-16 units they are.
fn encode(text: &JsString, capacity: usize) -> (usize, Vec<u8>) {
    let mut bytes = Vec::with_capacity(capacity);
    // SAFETY: nothing allocates while the view of this memory exists.
    let view = unsafe { Uint8Array::view_mut_raw(bytes.as_mut_ptr(), capacity) };
    let result = TextEncoder::new().encode_into(text, &view);
    let count = |key: &str| Reflect::get(&result, &key.into()).ok()?.as_f64();
    let (read, written) = (
        count("read").unwrap_or(0.0),
        count("written").unwrap_or(0.0),
    );
    // SAFETY: so many have been written.
    unsafe { bytes.set_len(written as usize) };
    (read as usize, bytes)
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
