//! Where the repository, Envoy, the modules and the data are.

use std::env;
use std::path::PathBuf;
use std::process::Command;

pub use suites::{data, root};

/// The Envoy binary: `PORTCULLIS_ENVOY`, by default `.tools/envoy/bin/envoy`.
///
/// # Panics
/// If there is none, naming the make target that installs it.
pub fn envoy() -> PathBuf {
    let named = from_env("PORTCULLIS_ENVOY", ".tools/envoy/bin/envoy");
    assert!(named.is_file(), "no Envoy at {}: run `make envoy`, or set PORTCULLIS_ENVOY", named.display());
    named
}

/// The version of [`envoy`]: major, minor, patch.
///
/// # Panics
/// If it does not say it.
pub fn envoy_version() -> [u32; 3] {
    let output = Command::new(envoy()).arg("--version").output().expect("envoy --version runs");
    let text = String::from_utf8_lossy(&output.stdout);
    // "/path/to/envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL"
    let version = text.split_once("version: ").and_then(|(_, version)| version.split('/').nth(1));
    let parts =
        version.map(|version| version.split('.').filter_map(|part| part.parse().ok()).collect::<Vec<_>>());
    parts.and_then(|parts| parts.try_into().ok()).expect("a version in envoy --version")
}

/// Whether [`envoy`]'s RBAC matches repeated headers one by one. Those before 1.38 join them first, so that a second header
/// keeps a rule from matching (envoy.reloadable_features.rbac_match_headers_individually).
pub fn rbac_matches_headers_one_by_one() -> bool {
    envoy_version() >= [1, 38, 0]
}

/// The compiled module of that name: `waf` is `dist/waf.wasm`, `examples/deny` is `dist/examples/deny.wasm`
/// (`dist` is overridden by `PORTCULLIS_MODULES`).
///
/// # Panics
/// If it is not there, naming the make target that builds it.
pub fn module(name: &str) -> PathBuf {
    let path = modules().join(format!("{name}.wasm"));
    assert!(path.is_file(), "no module at {}: run `make modules`, or set PORTCULLIS_MODULES", path.display());
    path
}

/// The directory of the compiled modules: `PORTCULLIS_MODULES`, by default `dist/`.
pub fn modules() -> PathBuf {
    from_env("PORTCULLIS_MODULES", "dist")
}

/// A program of a Debian package that `make` has unpacked into `.tools/debian`, with the libraries that came with it; or `None`,
/// after printing `skipped: …`.
pub fn debian(program: &str) -> Option<Command> {
    let unpacked = root().join(".tools/debian/usr");
    let binary = unpacked.join("bin").join(program);
    if !binary.exists() {
        println!("skipped: {program} is not there: `make debian` takes it from there");
        return None;
    }
    let libraries = std::fs::read_dir(unpacked.join("lib")).into_iter().flatten().flatten();
    // One directory, named after the machine: x86_64-linux-gnu, aarch64-linux-gnu.
    let libraries =
        libraries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    let mut command = Command::new(binary);
    command.env("LD_LIBRARY_PATH", env::join_paths(libraries).expect("no colon in Debian's names"));
    Some(command)
}

/// Where each Envoy gets its working directory.
pub(crate) fn work() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from).join("integration")
}

fn from_env(variable: &str, default: &str) -> PathBuf {
    root().join(env::var_os(variable).map_or_else(|| PathBuf::from(default), PathBuf::from))
}
