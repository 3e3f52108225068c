//! Repository chores that make calls: `cargo xtask api [--check | --unreleased]`, `cargo xtask boundaries`, `cargo xtask docs [--check]`.

mod api;
mod boundaries;
mod docs;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["api"] => api::write(false),
        ["api", "--unreleased"] => api::write(true),
        ["api", "--check"] => api::check(),
        ["boundaries"] => boundaries::check(),
        ["docs"] => docs::write(),
        ["docs", "--check"] => docs::check(),
        _ => Err("usage: cargo xtask api [--check | --unreleased] | boundaries | docs [--check]".into()),
    };
    match result {
        Ok(message) => {
            println!("{message}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}
