//! What the page's worker unpacks the filters with: LZMA makes a module a quarter smaller than gzip does, and browsers have only that.

#![allow(unsafe_code, reason = "what wasm-bindgen writes for each export")]

use lzma_rust2::LzmaReader;
use std::io::Read;
use wasm_bindgen::prelude::wasm_bindgen;

/// The most memory that unpacking may take for its dictionary, in KiB.
const MEMORY_LIMIT: u32 = 64 << 10;

/// The contents of a `.lzma` file that `pack` has made.
///
/// # Errors
/// What is wrong with the file, such as that it is cut short.
#[wasm_bindgen]
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    LzmaReader::new_mem_limit(packed, MEMORY_LIMIT, None)
        .and_then(|mut reader| reader.read_to_end(&mut unpacked))
        .map_err(|error| format!("the filters cannot be unpacked: {error}"))?;
    Ok(unpacked)
}

#[cfg(test)]
mod tests;
