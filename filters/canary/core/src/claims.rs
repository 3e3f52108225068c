use crate::config::ClaimsConfig;
use crate::fields::{FieldId, FieldNames};
use crate::loading::Loading;
use crate::names::{self, quote};
use sdk_shim_config::Path;

/// What the authz filter puts before the name of a claim that it records as filter state.
const AUTHZ_PREFIX: &str = "authz_claim.";

const MAX_NAME_BYTES: usize = 256;

/// The claims that rules ask for, in the making.
#[derive(Debug, Default)]
pub(crate) struct ClaimNames {
    names: FieldNames,
    source: Option<ClaimsConfig>,
}

impl ClaimNames {
    pub(crate) fn new(source: Option<&ClaimsConfig>) -> Self {
        Self { names: FieldNames::default(), source: source.cloned() }
    }

    /// The properties of the host that have the claims, by the number of the claim.
    pub(crate) fn build(self) -> Vec<Vec<String>> {
        let Self { names, source } = self;
        let names = names.build();
        let mut paths = vec![Vec::new(); names.len()];
        for (name, id) in names.iter() {
            if let Some(slot) = paths.get_mut(id.0) {
                *slot = property(source.as_ref(), name);
            }
        }
        paths
    }
}

fn property(source: Option<&ClaimsConfig>, name: &str) -> Vec<String> {
    match source {
        // What a module records as filter state is a property of that name to the others.
        Some(ClaimsConfig::Authz {}) => vec![format!("{AUTHZ_PREFIX}{name}")],
        Some(ClaimsConfig::JwtAuthn { payload_in_metadata }) => {
            let place = ["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", payload_in_metadata];
            let names = bracketed(name).unwrap_or_else(|| vec![name]);
            place.into_iter().chain(names).map(str::to_owned).collect()
        }
        None => Vec::new(),
    }
}

/// The number of a claim that a rule at `path` asks for. `None`, with an error, where it cannot be had.
pub(crate) fn ask(name: &str, path: &Path, loading: &mut Loading) -> Option<FieldId> {
    let is_known = loading.claims.source.is_some();
    if !is_known {
        loading.errors.add(path, quote(name), "the top level's `claims` beside it");
    }
    let is_name = !name.is_empty() && name.len() <= MAX_NAME_BYTES && !name.bytes().any(|byte| byte == 0);
    if !is_name || name.starts_with('[') && bracketed(name).is_none() {
        let expected =
            format!("a claim's name of 1 to {MAX_NAME_BYTES} bytes, or [name][name] for one within another");
        loading.errors.add(path, quote(name), expected);
        return None;
    }
    is_known.then(|| loading.claims.names.id(name))
}

/// Checks where claims come from.
pub(crate) fn check(config: Option<&ClaimsConfig>, path: &Path, loading: &mut Loading) {
    if let Some(ClaimsConfig::JwtAuthn { payload_in_metadata }) = config {
        let path = path.field("jwt_authn").field("payload_in_metadata");
        if payload_in_metadata.is_empty() || payload_in_metadata.bytes().any(|byte| byte == 0) {
            loading.errors.add(&path, names::quote(payload_in_metadata), "the key that the provider names");
        }
    }
}

/// `[a][b]` as `a` and `b`.
fn bracketed(name: &str) -> Option<Vec<&str>> {
    let inner = name.strip_prefix('[')?.strip_suffix(']')?;
    let names: Vec<&str> = inner.split("][").collect();
    names.iter().all(|name| !name.is_empty() && !name.contains(['[', ']'])).then_some(names)
}
