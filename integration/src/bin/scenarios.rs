//! Plays a file of scenarios through a module in a real Envoy: `scenarios MODULE FILE`. The module is named as in `dist/`,
//! without its ending.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [module, file] = arguments.as_slice() else {
        eprintln!("usage: scenarios MODULE FILE");
        return ExitCode::from(2);
    };
    // Anything that comes out otherwise is a panic that says all of it.
    integration::scenario::run(module, Path::new(file));
    println!("{file}: all scenarios come out in Envoy as expected");
    ExitCode::SUCCESS
}
