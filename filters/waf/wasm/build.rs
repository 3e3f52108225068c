//! Packs the Core Rule Set that `make crs` has brought, so that it becomes a part of the module. Comments go, their lines stay:
//! a rule's line in a log is its line in the file.
//!
//! Beside them goes what the engine finds out about their patterns, so that no VM has to find it out again when it starts.
//!
//! Each file is compressed by itself, and unpacked when it is read: an Envoy takes six bytes for each byte of a module, in two
//! copies that stay and four that its allocator keeps, and two more for its data, in two VMs. LZ4, since a stronger compression
//! needs more code to unpack it, which every start compiles.

use portcullis_engine::{Document, Options, Waf};
use portcullis_seclang::Loader;
use portcullis_seclang::loader::MemoryFiles;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let crs = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../../.tools/crs");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", crs.display());
    println!("cargo:rerun-if-env-changed={WITHOUT}");
    let out = PathBuf::from(env::var("OUT_DIR")?).join("crs");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;
    let files = if env::var_os(WITHOUT).is_some() { Vec::new() } else { files(&crs)? };
    let mut list = String::from("&[\n");
    let mut loaded = MemoryFiles::default();
    for (name, path) in files {
        let packed = out.join(name.replace('/', "-"));
        let text = without_comments(&fs::read(path)?);
        fs::write(&packed, lz4_flex::block::compress(&text))?;
        let length = text.len();
        writeln!(
            list,
            "    ({name:?}, Content::Packed {{ length: {length}, lz4: include_bytes!({packed:?}) }}),"
        )?;
        loaded.insert(name, text);
    }
    list.push_str("]\n");
    fs::write(out.join("files.rs"), list)?;
    fs::write(out.join("known_patterns"), known_patterns(&loaded))?;
    let left_out: Vec<&str> =
        LEFT_OUT.into_iter().filter(|name| crs.join("rules").join(name).is_file()).collect();
    fs::write(out.join("left_out.rs"), format!("&{left_out:?}"))?;
    Ok(())
}

/// Set, the Core Rule Set is left out: the playground loads it where it is asked for.
const WITHOUT: &str = "PORTCULLIS_WITHOUT_CRS";

/// Files that need what a filter has not, a GeoIP database and DNS. Core Rule Set 3 only; nothing in it runs by default but the check
/// of addresses that other rules of it have put on a list.
const LEFT_OUT: [&str; 1] = ["REQUEST-910-IP-REPUTATION.conf"];

/// The virtual names of the rule set's files, and where they are. None without a rule set.
fn files(crs: &Path) -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
    let setup = crs.join("crs-setup.conf.example");
    if !setup.is_file() {
        return Ok(Vec::new());
    }
    let mut files = vec![("@crs-setup-conf".to_owned(), setup)];
    for entry in fs::read_dir(crs.join("rules"))? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !LEFT_OUT.contains(&name.as_str()) {
            files.push((format!("@owasp_crs/{name}"), path));
        }
    }
    files.sort();
    Ok(files)
}

/// Nothing without a rule set, or for one that does not load: the module says why when it is asked for it.
fn known_patterns(files: &MemoryFiles<'_>) -> Vec<u8> {
    if files.resolve("@crs-setup-conf", "").is_err() {
        return Vec::new();
    }
    let text = b"Include @crs-setup-conf\nInclude @owasp_crs/*.conf";
    match Waf::compile(&[Document { name: "build", text }], files, &Options::default()) {
        Ok(waf) => waf.known_patterns(),
        Err(errors) => {
            println!(
                "cargo:warning=the Core Rule Set does not load: {}",
                errors.first().map(ToString::to_string).unwrap_or_default()
            );
            Vec::new()
        }
    }
}

/// Empties lines that are comments, in rules and in lists of phrases, except those inside a directive.
fn without_comments(text: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(text.len());
    let mut continued = false;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let continues = line.trim_ascii_end().ends_with(b"\\");
        if line.trim_ascii_start().starts_with(b"#") && !continued && !continues {
            packed.push(b'\n');
        } else {
            packed.extend_from_slice(line);
        }
        continued = continues;
    }
    packed
}
