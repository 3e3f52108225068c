//! Configurations of the filters.

use crate::Input;
use portcullis_affinity_core as affinity;
use portcullis_authz_core as authz;
use portcullis_canary_core as canary;
use sdk_shim_config::ConfigErrors;

/// The first byte chooses a filter, the rest is its configuration. It loads, or every violation has a text of bounded
/// length; and it says the same each time.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let kind = input.below(3);
    let text = input.rest();
    let first = load(kind, text);
    let again = load(kind, text);
    assert_eq!(first.as_ref().err().map(ToString::to_string), again.err().map(|errors| errors.to_string()));
    let Err(errors) = first else { return };
    assert!(!errors.is_empty());
    for error in errors.iter() {
        assert!(!error.expected().is_empty(), "{error}");
        // Violations quote what was found, which must not fill the log.
        assert!(error.to_string().len() <= 2 * text.len() + 2048, "{error}");
    }
}

fn load(kind: usize, text: &[u8]) -> Result<(), ConfigErrors> {
    let environment = |name: &str| (name == "KEY").then(|| "0123456789abcdef0123456789abcdef".to_owned());
    match kind {
        0 => canary::Canary::with_env(sdk_shim_config::parse(text)?, &environment).map(drop),
        1 => affinity::Affinity::new(sdk_shim_config::parse(text)?, &environment).map(drop),
        _ => authz::Authz::new(&sdk_shim_config::parse(text)?, &environment).map(drop),
    }
}
