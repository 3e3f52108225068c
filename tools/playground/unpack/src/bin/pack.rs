//! `pack FILE PACKED`: packs the filters' module for the playground. The same file gives the same bytes wherever that is done.

use lzma_rust2::{LzmaOptions, LzmaWriter};
use std::error::Error;
use std::io::Write;
use std::{env, fs};

/// More than the module has, in bytes: a page that unpacks it needs as much memory.
const DICTIONARY: u32 = 8 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, file, packed] = arguments.as_slice() else { return Err("expected: pack FILE PACKED".into()) };
    let content = fs::read(file)?;
    // WebAssembly is bytes, not words: their position says nothing.
    let options = LzmaOptions {
        dict_size: DICTIONARY,
        lc: 4,
        lp: 0,
        pb: 0,
        nice_len: LzmaOptions::NICE_LEN_MAX,
        ..LzmaOptions::with_preset(9)
    };
    let length = u64::try_from(content.len())?;
    let mut writer = LzmaWriter::new_use_header(Vec::new(), &options, Some(length))?;
    writer.write_all(&content)?;
    let bytes = writer.finish()?;
    if portcullis_playground_unpack::unpack(&bytes)? != content {
        return Err(format!("{file}: what was packed unpacks to something else").into());
    }
    Ok(fs::write(packed, bytes)?)
}
