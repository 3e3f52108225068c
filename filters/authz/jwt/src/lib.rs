//! JSON Web Tokens (RFC 7519) as signed compact JWS (RFC 7515), verified with key sets (RFC 7517) and the algorithms of
//! RFC 7518 and RFC 8037: HS, RS, PS and ES with 256, 384 and 512 bits, and `EdDSA` with Ed25519.
//!
//! This crate knows no host and no configuration. It is strict where libraries have been tricked: an algorithm is only
//! used with keys of its type, curve and `alg`; `none` does not exist; `crit`, repeated members of an object, padding
//! and stray bits in base64url are refused; keys in a token's header (`jwk`, `x5c`, `jku`) are never looked at; and
//! everything has a size limit. Texts of errors are those of Envoy's `jwt_authn` (source/common/jwt/status.cc) where it
//! knows the error.

mod algorithm;
mod claims;
mod error;
mod host;
mod json;
mod jwks;
mod key;
mod token;

pub use algorithm::Algorithm;
pub use claims::{Claims, MAX_AUDIENCES};
pub use error::TokenError;
pub use host::HostCheck;
pub use jwks::{Jwks, JwksError, MAX_JWKS_BYTES, MAX_KEYS};
pub use key::{Key, KeyError, MIN_RSA_BITS, Software, Verifier};
pub use token::{Header, MAX_TOKEN_BYTES, Signature, Token};

#[cfg(test)]
mod tests;
