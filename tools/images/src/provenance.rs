//! Where a module is from: an [in-toto statement](https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md) with
//! [SLSA provenance](https://slsa.dev/spec/v1.0/provenance). It is not signed here: who publishes the image signs it.

use std::fs;
use std::process::Command;

use cargo_metadata::Metadata;
use serde_json::json;

use crate::Error;
use crate::layout::{json, sha256};

pub(crate) const MEDIA_TYPE: &str = "application/vnd.in-toto+json";

/// `checksum` is the module's SHA-256, `revision` that of [`revision`].
pub(crate) fn write(
    metadata: &Metadata,
    filter: &str,
    checksum: &str,
    revision: &str,
) -> Result<Vec<u8>, Error> {
    let root = &metadata.workspace_root;
    let lock = sha256(&fs::read(root.join("Cargo.lock"))?);
    let mut materials = vec![
        json!({ "name": "sources", "digest": { "gitCommit": revision } }),
        json!({ "name": "Cargo.lock", "digest": { "sha256": lock } }),
    ];
    if filter == "waf"
        && let Ok(source) = fs::read_to_string(root.join(".tools/crs/SOURCE"))
    {
        materials.push(json!({ "name": "OWASP CRS", "annotations": { "source": source.trim() } }));
    }
    json(&json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": format!("{filter}.wasm"), "digest": { "sha256": checksum } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:portcullis:make-images:1",
                "externalParameters": { "command": "make images" },
                "internalParameters": { "package": format!("portcullis-{filter}"), "target": "wasm32-wasip1", "rustc": rustc()? },
                "resolvedDependencies": materials,
            },
            "runDetails": { "builder": { "id": "urn:portcullis:local" } },
        },
    }))
}

/// The commit of the sources, with `-dirty` where they are not what was committed.
pub(crate) fn revision(metadata: &Metadata) -> Result<String, Error> {
    let git = ["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"];
    run(Command::new("git").args(git).current_dir(&metadata.workspace_root))
        .or_else(|_| Ok("unknown: not built from a git checkout".into()))
}

fn rustc() -> Result<String, Error> {
    run(Command::new("rustc").arg("--version"))
}

fn run(command: &mut Command) -> Result<String, Error> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().into())
}
