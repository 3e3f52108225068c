//! What a signed cookie or header says, for tools: decisions read them where they decide.

use crate::affinity::PURPOSE as AFFINITY_PURPOSE;
use crate::config::TokenConfig;
use crate::token::{PURPOSE as TOKEN_PURPOSE, Tokens};
use sdk_shim_config::{ConfigErrors, Environment, Path};

/// A signed value whose signature is good. Whether it counts now is for the decision to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// A token that takes its bearer into a release.
    Token {
        /// The release.
        release: String,
        /// When it ends, in seconds since 1970.
        expires: u64,
    },
    /// The affinity cookie.
    Affinity {
        /// Of which releases the user is: `name:bucket_version`.
        into: Vec<String>,
        /// Out of which the user was kept.
        out_of: Vec<String>,
    },
}

impl Signed {
    /// Reads a value. `None` where no key signed it.
    ///
    /// # Errors
    /// Keys that the filter refuses, too; their path begins with `token`.
    pub fn open(
        config: &TokenConfig,
        env: &Environment<'_>,
        value: &str,
    ) -> Result<Option<Self>, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let tokens = Tokens::new(Some(config), &Path::root().field("token"), env, &mut errors);
        errors.into_result(())?;
        let Some((text, signature)) = value.rsplit_once('.') else { return Ok(None) };
        let is_signed = |purpose| tokens.verify(purpose, text.as_bytes(), signature.as_bytes());
        if is_signed(AFFINITY_PURPOSE) {
            let entries = || text.split('|').filter(|entry| !entry.is_empty());
            let into = entries().filter(|entry| !entry.starts_with('-')).map(str::to_owned).collect();
            let out_of = entries().filter_map(|entry| entry.strip_prefix('-')).map(str::to_owned).collect();
            return Ok(Some(Self::Affinity { into, out_of }));
        }
        let token =
            text.rsplit_once('.').filter(|_| is_signed(TOKEN_PURPOSE)).and_then(|(release, expires)| {
                Some(Self::Token { release: release.to_owned(), expires: expires.parse().ok()? })
            });
        Ok(token)
    }
}
