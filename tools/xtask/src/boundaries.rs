//! Core crates decide and know no host: none of them may depend on the SDK that talks to it. Nothing at all depends on the
//! proxy-wasm crate: filters use the SDK, and the SDK has its own host calls.

use std::process::Command;

const CORES: [&str; 9] = [
    "portcullis-seclang",
    "portcullis-engine",
    "portcullis-libinjection",
    "portcullis-canary-core",
    "portcullis-affinity-core",
    "portcullis-authz-core",
    "portcullis-jwt",
    "sdk-shim-config",
    "sdk-shim-http",
];

const HOST_SIDE: &str = "sdk-shim";

const REPLACED: &str = "proxy-wasm";

pub(crate) fn check() -> Result<String, String> {
    let mut violations = Vec::new();
    for core in CORES {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--package", core, "--edges", "normal,build", "--target", "wasm32-wasip1"])
            .args(["--prefix", "none", "--format", "{p}"])
            .current_dir(crate::root())
            .output()
            .map_err(|error| format!("cargo tree: {error}"))?;
        if !output.status.success() {
            return Err(format!("cargo tree {core}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let tree = String::from_utf8_lossy(&output.stdout);
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        violations
            .extend(names.filter(|name| *name == HOST_SIDE).map(|name| format!("{core} depends on {name}")));
    }
    let lock = std::fs::read_to_string(crate::root().join("Cargo.lock"))
        .map_err(|error| format!("Cargo.lock: {error}"))?;
    if lock.lines().any(|line| line == format!("name = \"{REPLACED}\"")) {
        violations.push(format!(
            "Cargo.lock has {REPLACED}: filters use the SDK (`cargo tree --invert {REPLACED}`)"
        ));
    }
    if violations.is_empty() {
        return Ok(format!("boundaries: {} core crates know no host, nothing uses {REPLACED}", CORES.len()));
    }
    violations.dedup();
    Err(violations.join("\n"))
}
