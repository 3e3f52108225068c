//! `images DIST OUT`: makes of each filter's module in the directory DIST
//!
//! - `OUT/<filter>/`, an OCI layout: the image, its bill of materials and its provenance, which name it as their subject;
//! - `OUT/<filter>.wasm` and `OUT/<filter>.wasm.sha256`, for who fetches modules without a registry;
//! - a line in `OUT/DIGESTS`: the digest by which a manifest pins the image.
//!
//! Nothing in them says when or where they were made, so the same modules and the same commit give the same digests.

mod image;
mod layout;
mod provenance;
mod sbom;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cargo_metadata::{Metadata, MetadataCommand};

use image::About;
use layout::{Layout, sha256};
use provenance::Sources;

const FILTERS: [&str; 4] = ["waf", "canary", "affinity", "authz"];

/// What went wrong, for the person at the terminal.
type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [dist, out] = arguments.as_slice() else {
        eprintln!("usage: images DIST OUT");
        return ExitCode::from(2);
    };
    match all(dist, out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("images: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all(dist: &Path, out: &Path) -> Result<(), Error> {
    let metadata = MetadataCommand::new().other_options(vec!["--locked".into()]).exec()?;
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    fs::create_dir_all(out)?;
    let sources = Sources::of(&metadata)?;
    let mut digests = String::new();
    for filter in FILTERS {
        let digest = one(&metadata, &sources, filter, dist, out)?;
        let line = format!("{digest}  {filter}");
        println!("{line}");
        digests.push_str(&line);
        digests.push('\n');
    }
    fs::write(out.join("DIGESTS"), digests)?;
    Ok(())
}

/// Returns the image's digest, `sha256:…`.
fn one(
    metadata: &Metadata,
    sources: &Sources,
    filter: &str,
    dist: &Path,
    out: &Path,
) -> Result<String, Error> {
    let path = dist.join(format!("{filter}.wasm"));
    let module = fs::read(&path).map_err(|e| format!("{}: {e}; `make modules` builds it", path.display()))?;
    if !module.starts_with(b"\0asm") {
        return Err(format!("{} is no WebAssembly module", path.display()).into());
    }
    fs::write(out.join(format!("{filter}.wasm")), &module)?;
    let checksum = sha256(&module);
    fs::write(out.join(format!("{filter}.wasm.sha256")), format!("{checksum}  {filter}.wasm\n"))?;

    let package = sbom::package(metadata, &format!("portcullis-{filter}"))?;
    let about = About {
        title: format!("Portcullis {filter}"),
        description: package.description.clone().unwrap_or_default(),
        version: package.version.to_string(),
        license: package.license.clone().unwrap_or_default(),
        revision: sources.revision.clone(),
    };
    let mut layout = Layout::create(&out.join(filter))?;
    let image = image::add(&mut layout, &module, &about)?;
    let materials = sbom::write(metadata, package, &checksum)?;
    image::refer(&mut layout, &image, sbom::MEDIA_TYPE, &materials, &format!("{}.sbom", about.version))?;
    let statement = provenance::write(sources, filter, &checksum)?;
    image::refer(
        &mut layout,
        &image,
        provenance::MEDIA_TYPE,
        &statement,
        &format!("{}.provenance", about.version),
    )?;
    layout.finish()?;
    Ok(image.digest().to_string())
}
