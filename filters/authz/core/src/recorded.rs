//! The claims that filters behind this one are told of, by filter state: no client can write there.

use crate::authentication::{Identity, outputs};
use crate::claims::bracketed_names;
use sdk_shim_config::{ConfigErrors, Path};
use serde_json::Value;

/// What goes before the name of a claim in its key of filter state.
const PREFIX: &str = "authz_claim.";

const MAX_CLAIMS: usize = 32;
const MAX_NAME_BYTES: usize = 256;

/// The claims to tell of: the key of filter state, and the path to the claim.
#[derive(Debug)]
pub(crate) struct RecordedClaims(Vec<(String, Vec<String>)>);

impl RecordedClaims {
    #[inline(never)]
    pub(crate) fn new(names: &[String], has_tokens: bool, path: &Path, errors: &mut ConfigErrors) -> Self {
        if names.len() > MAX_CLAIMS {
            errors.add(path, format!("{} claims", names.len()), format!("at most {MAX_CLAIMS}"));
        }
        if !names.is_empty() && !has_tokens {
            errors.add(path, "claims", "`request_authentication` beside them: no token is verified");
        }
        let mut claims = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            let is_name = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.contains('\0');
            let names = if name.starts_with('[') { bracketed_names(name) } else { Some(vec![name.clone()]) };
            match names.filter(|_| is_name) {
                Some(names) => claims.push((format!("{PREFIX}{name}"), names)),
                None => {
                    let expected = format!(
                        "a claim's name of 1 to {MAX_NAME_BYTES} bytes, or [name][name] for one within another"
                    );
                    errors.add(&path.index(index), format!("{name:?}"), expected);
                }
            }
        }
        Self(claims)
    }

    /// Keys of filter state, and values: as headers tell them, lists joined with commas.
    pub(crate) fn values(&self, identity: &Identity) -> Vec<(&str, Vec<u8>)> {
        let text = |path: &[String]| match identity.claim(path)? {
            Value::Array(list) => Some(list.iter().filter_map(outputs::text).collect::<Vec<_>>().join(",")),
            scalar => outputs::text(scalar),
        };
        self.0.iter().filter_map(|(key, path)| Some((key.as_str(), text(path)?.into_bytes()))).collect()
    }
}
