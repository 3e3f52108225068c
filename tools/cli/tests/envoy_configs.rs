//! Every configuration that we ship to start from is one that `lint` finds, and has nothing to say of.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::Command;

#[test]
fn what_we_ship_is_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["--json", "lint", "--deny-warnings", "envoy-configs"])
        .current_dir(&root)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let found: Vec<&str> =
        report["configurations"].as_array().unwrap().iter().map(|it| it["file"].as_str().unwrap()).collect();
    let mut holders = Vec::new();
    holding(&root.join("envoy-configs"), &mut holders);
    assert!(holders.len() > 15, "{holders:?}");
    for file in holders {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap();
        assert!(found.contains(&name), "nothing was found in {name}");
    }
}

/// The files that hold a configuration of a filter, by a look at their text.
fn holding(directory: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("templates") {
            holding(&path, files);
        } else if path.extension().is_some_and(|it| it == "yaml") && !path.ends_with("kustomization.yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            if text.contains("configuration:") || text.contains("pluginConfig:") || text.contains("rootID:") {
                files.push(path);
            }
        }
    }
}
