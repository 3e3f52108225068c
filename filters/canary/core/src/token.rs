use crate::config::TokenConfig;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sha2::Sha256;
use std::time::Duration;

const MAX_TOKEN_BYTES: usize = 256;
const MAX_KEYS: usize = 8;
const MIN_KEY_BYTES: usize = 32;
pub(crate) const PURPOSE: &[u8] = b"portcullis-canary:";

/// Checks signed tokens.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    /// The keys, with what depends on the key alone computed.
    keys: Vec<Hmac<Sha256>>,
}

impl Tokens {
    pub(crate) fn new(
        config: Option<&TokenConfig>,
        path: &Path,
        env: &Environment<'_>,
        errors: &mut ConfigErrors,
    ) -> Self {
        let Some(config) = config else { return Self::default() };
        let path = path.field("keys");
        if !(1..=MAX_KEYS).contains(&config.keys.len()) {
            errors.add(&path, format!("{} keys", config.keys.len()), format!("1 to {MAX_KEYS}"));
        }
        let mut keys = Vec::with_capacity(config.keys.len());
        for (index, secret) in config.keys.iter().enumerate() {
            let path = path.index(index);
            let Some(key) = secret.resolve(env, &path, errors) else { continue };
            if key.len() < MIN_KEY_BYTES {
                let found = format!("a key of {} bytes", key.len());
                errors.add(&path, found, format!("at least {MIN_KEY_BYTES} bytes"));
            }
            keys.extend(Hmac::new_from_slice(key.as_bytes()).ok());
        }
        Self { keys }
    }

    /// Whether the value is a token for this release that is still good.
    pub(crate) fn allow(&self, value: &[u8], release: &str, now: Duration) -> bool {
        self.check(value, release, now).is_some()
    }

    fn check(&self, value: &[u8], release: &str, now: Duration) -> Option<()> {
        let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= MAX_TOKEN_BYTES)?;
        let (signed, signature) = text.rsplit_once('.')?;
        let (name, expiry) = signed.rsplit_once('.')?;
        let is_number = !expiry.is_empty() && expiry.bytes().all(|byte| byte.is_ascii_digit());
        let expires = expiry.parse::<u64>().ok().filter(|_| is_number)?;
        if name != release || expires <= now.as_secs() {
            return None;
        }
        self.verify(PURPOSE, signed.as_bytes(), signature.as_bytes()).then_some(())
    }

    /// The signature of a text, by the first key. `None` without keys.
    pub(crate) fn sign(&self, purpose: &[u8], text: &[u8]) -> Option<String> {
        let mac = self.keys.first()?.clone().chain_update(purpose).chain_update(text);
        Some(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// Whether this is the signature of a text for this purpose, by any key.
    pub(crate) fn verify(&self, purpose: &[u8], text: &[u8], signature: &[u8]) -> bool {
        let mut buffer = [0; 32];
        // No longer one fits, and a shorter one is no signature.
        let decoded = URL_SAFE_NO_PAD.decode_slice(signature, &mut buffer).ok();
        let Some(signature) = decoded.and_then(|length| buffer.get(..length)) else { return false };
        let mut macs = self.keys.iter().map(|key| key.clone().chain_update(purpose).chain_update(text));
        macs.any(|mac| mac.verify_slice(signature).is_ok())
    }
}
