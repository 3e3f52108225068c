//! Where a module is from: an [in-toto statement](https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md) with
//! [SLSA provenance](https://slsa.dev/spec/v1.0/provenance). It is not signed here: who publishes the image signs it.

use std::fs;
use std::process::Command;

use cargo_metadata::Metadata;
use serde_json::json;

use crate::Error;
use crate::layout::{json, sha256};

pub(crate) const MEDIA_TYPE: &str = "application/vnd.in-toto+json";

/// What the modules are made of and by, which is the same for all of them.
pub(crate) struct Sources {
    /// The commit, with `-dirty` where they are not what was committed.
    pub(crate) revision: String,
    lock: String,
    rule_set: Option<String>,
    rustc: String,
}

impl Sources {
    pub(crate) fn of(metadata: &Metadata) -> Result<Self, Error> {
        let root = &metadata.workspace_root;
        let describe = ["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"];
        Ok(Self {
            revision: run(Command::new("git").args(describe).current_dir(root))
                .unwrap_or_else(|_| "unknown: not built from a git checkout".into()),
            lock: sha256(&fs::read(root.join("Cargo.lock"))?),
            rule_set: fs::read_to_string(root.join(".tools/crs/SOURCE")).ok(),
            rustc: run(Command::new("rustc").arg("--version"))?,
        })
    }
}

/// `checksum` is the module's SHA-256.
pub(crate) fn write(sources: &Sources, filter: &str, checksum: &str) -> Result<Vec<u8>, Error> {
    let mut materials = vec![
        json!({ "name": "sources", "digest": { "gitCommit": sources.revision } }),
        json!({ "name": "Cargo.lock", "digest": { "sha256": sources.lock } }),
    ];
    if filter == "waf"
        && let Some(source) = &sources.rule_set
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
                "internalParameters": { "package": format!("portcullis-{filter}"), "target": "wasm32-wasip1", "rustc": sources.rustc },
                "resolvedDependencies": materials,
            },
            "runDetails": { "builder": { "id": "urn:portcullis:local" } },
        },
    }))
}

fn run(command: &mut Command) -> Result<String, Error> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().into())
}
