//! Core crates decide and know no host: none of them may depend on the SDK that talks to it. Nothing at all depends on the
//! proxy-wasm crate: filters use the SDK, and the SDK has its own host calls. And the modules are built without what the cores
//! tell tools, so that a request pays nothing for it.

use std::process::Command;

const CORES: [&str; 16] = [
    "portcullis-trace",
    "portcullis-bodies",
    "portcullis-collections",
    "portcullis-patterns",
    "portcullis-xml",
    "portcullis-seclang",
    "portcullis-engine",
    "portcullis-libinjection",
    "portcullis-scan",
    "portcullis-transformations",
    "portcullis-canary-core",
    "portcullis-affinity-core",
    "portcullis-authz-core",
    "portcullis-jwt",
    "sdk-shim-config",
    "sdk-shim-http",
];

const HOST_SIDE: &str = "sdk-shim";

const MODULES: [&str; 4] = ["portcullis-waf", "portcullis-canary", "portcullis-affinity", "portcullis-authz"];

/// What only tools listen to.
const TOOLS_SIDE: &str = "portcullis-trace";

const REPLACED: &str = "proxy-wasm";

pub(crate) fn check() -> Result<String, String> {
    let mut violations = Vec::new();
    let cores = CORES.iter().map(|core| (core, HOST_SIDE));
    let modules = MODULES.iter().map(|module| (module, TOOLS_SIDE));
    for (package, forbidden) in cores.chain(modules) {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--package", package, "--edges", "normal", "--target", "wasm32-wasip1"])
            .args(["--prefix", "none", "--format", "{p}"])
            .current_dir(crate::root())
            .output()
            .map_err(|error| format!("cargo tree: {error}"))?;
        if !output.status.success() {
            return Err(format!("cargo tree {package}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let tree = String::from_utf8_lossy(&output.stdout);
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        let found = names.filter(|name| *name == forbidden);
        violations.extend(found.map(|name| format!("{package} depends on {name}")));
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
