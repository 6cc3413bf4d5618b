//! `use pageperfect_wasm_panic as _;` in a wasm crate makes its panics JavaScript Errors that say
//! what happened and where, instead of `RuntimeError: unreachable`.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(start)]
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| wasm_bindgen::throw_str(&panic.to_string())));
}
