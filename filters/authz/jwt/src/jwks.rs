use crate::json::object;
use crate::{Key, KeyError, Signature, TokenError, Verifier};
use serde_json::Value;
use std::fmt;

/// The largest key set that is read, in bytes.
pub const MAX_JWKS_BYTES: usize = 64 << 10;

/// The most keys of a set.
pub const MAX_KEYS: usize = 100;

/// A set of keys (RFC 7517 5).
#[derive(Clone, Debug)]
pub struct Jwks {
    keys: Vec<Key>,
    skipped: Vec<(usize, KeyError)>,
}

/// Why a key set is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksError {
    /// More than [`MAX_JWKS_BYTES`].
    TooLarge(usize),
    /// No JSON object, or a member twice.
    Json,
    /// `keys` is absent or no list.
    Keys,
    /// More than [`MAX_KEYS`].
    TooMany(usize),
    /// None of its keys can be used: why each cannot, by its index.
    NoUsableKey(Vec<(usize, KeyError)>),
    /// Keys with this `kid` that a token cannot tell apart.
    SameKid(String),
    /// Public keys beside shared secrets: the set can be neither public nor secret.
    Mixed,
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(f, "a key set of {bytes} bytes, more than {MAX_JWKS_BYTES}"),
            Self::Json => f.write_str("no JSON object, or one with a member twice"),
            Self::Keys => f.write_str("an object without a list `keys`"),
            Self::TooMany(count) => write!(f, "{count} keys, more than {MAX_KEYS}"),
            Self::NoUsableKey(keys) => {
                f.write_str("no usable key")?;
                keys.iter().try_for_each(|(index, error)| write!(f, "; keys[{index}]: {error}"))
            }
            Self::SameKid(kid) => write!(f, "two keys with the kid {kid:?} and the same algorithm"),
            Self::Mixed => f.write_str("shared secrets beside public keys"),
        }
    }
}

impl std::error::Error for JwksError {}

impl Jwks {
    /// Reads a key set. Keys that cannot be used are left out, and told by [`Jwks::skipped`]: a set may have keys for other
    /// purposes, or of types to come (RFC 7517 5).
    ///
    /// # Errors
    /// A set that is malformed, too large, ambiguous, or without a usable key.
    pub fn parse(json: &[u8]) -> Result<Self, JwksError> {
        if json.len() > MAX_JWKS_BYTES {
            return Err(JwksError::TooLarge(json.len()));
        }
        let set = object(json).ok_or(JwksError::Json)?;
        let list = set.get("keys").and_then(Value::as_array).ok_or(JwksError::Keys)?;
        if list.len() > MAX_KEYS {
            return Err(JwksError::TooMany(list.len()));
        }
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, jwk) in list.iter().enumerate() {
            if list.iter().take(index).any(|other| collide(jwk, other)) {
                return Err(JwksError::SameKid(
                    jwk.get("kid").and_then(Value::as_str).unwrap_or_default().into(),
                ));
            }
            match Key::parse(jwk) {
                Ok(key) => keys.push(key),
                Err(error) => skipped.push((index, error)),
            }
        }
        if keys.is_empty() {
            return Err(JwksError::NoUsableKey(skipped));
        }
        if keys.iter().any(Key::is_secret) && !keys.iter().all(Key::is_secret) {
            return Err(JwksError::Mixed);
        }
        Ok(Self { keys, skipped })
    }

    /// The usable keys.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The keys that cannot be used: their indices in the set, and why.
    pub fn skipped(&self) -> &[(usize, KeyError)] {
        &self.skipped
    }

    /// Whether a key has this `kid`, or could be meant by it because it has none.
    pub fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_ref().is_none_or(|own| own == kid))
    }

    /// Verifies a token's signature with a key of its `kid` and `alg`; without a `kid`, on either side, with any key that suits
    /// the algorithm (as Envoy, source/common/jwt/verify.cc).
    ///
    /// # Errors
    /// [`TokenError::NoKey`], [`TokenError::Signature`], [`TokenError::Ed25519Length`].
    pub fn verify(
        &self,
        signature: &Signature,
        signing_input: &[u8],
        verifier: &mut dyn Verifier,
    ) -> Result<(), TokenError> {
        let mut result = Err(TokenError::NoKey);
        for key in &self.keys {
            let other_kid = matches!((&signature.kid, &key.kid), (Some(kid), Some(own)) if kid != own);
            // As Envoy, which takes an empty `kid` for none.
            let other_kid = other_kid && signature.kid.as_ref().is_some_and(|kid| !kid.is_empty());
            if other_kid || !key.suits(signature.algorithm) {
                continue;
            }
            key.check_length(&signature.bytes)?;
            if verifier.verify(key, signature.algorithm, signing_input, &signature.bytes) {
                return Ok(());
            }
            result = Err(TokenError::Signature);
        }
        result
    }
}

/// Whether a token cannot tell two keys apart: the same `kid`, `kty` and `use`, and no different `alg` (RFC 7517 4.5).
fn collide(one: &Value, other: &Value) -> bool {
    let same = |name: &str| one.get(name) == other.get(name);
    let algorithms = (one.get("alg"), other.get("alg"));
    let same_algorithm = matches!(algorithms, (None, _) | (_, None)) || same("alg");
    one.get("kid").is_some() && same("kid") && same("kty") && same("use") && same_algorithm
}
