//! `pageperfect-bindgen OUT_DIR NAME MODULE.wasm`: what `wasm-bindgen --target web` does with the options of build.sh.

use std::{env, process::ExitCode};

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [out_dir, name, module] = &arguments[..] else {
        eprintln!("usage: pageperfect-bindgen OUT_DIR NAME MODULE.wasm");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    let generated = bindgen
        .web(true)
        .map(|bindgen| {
            bindgen
                .omit_default_module_path(true)
                .remove_name_section(true)
                .remove_producers_section(true)
                .reset_state_function(true)
                .typescript(true)
                .out_name(name)
                .input_path(module)
        })
        .and_then(|bindgen| bindgen.generate(out_dir));
    match generated {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pageperfect-bindgen: {module}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
