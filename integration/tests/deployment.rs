//! How the modules get to where they run, and what becomes of the traffic meanwhile.

mod chart;
mod discovery;
mod failure;
mod files;
mod images;
pub(crate) mod manifests;
mod observability;

use sha2::{Digest, Sha256};

/// In hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
