//! The decisions of the affinity filter, without a host: session affinity with a cookie that only the filter can read
//! or write.
//!
//! ```
//! use portcullis_affinity_core::{Affinity, Client, Config, Endpoint, Outcome, Session};
//! use std::time::Duration;
//!
//! let config: Config = sdk_shim_config::parse(br#"{
//!     "keys": ["0123456789abcdef0123456789abcdef"], "audience": "shop"
//! }"#)?;
//! let affinity = Affinity::new(config, &|_| None)?;
//!
//! // A client without a cookie: whoever answered is sealed into one.
//! let now = Duration::from_secs(1_800_000_000);
//! let endpoint = Endpoint::parse(b"10.1.2.3:8080").ok_or("no endpoint")?;
//! assert_eq!(affinity.open([&b"theme=dark"[..]], now), Session::Absent);
//! let Outcome::New(pin) = affinity.answered(&Session::Absent, endpoint, now) else { return Err("not new".into()) };
//! let nonce = [7; 24]; // random in earnest
//! let set_cookie = String::from_utf8(affinity.seal(&pin, nonce, now, &Client::default()).ok_or("not sealed")?)?;
//! assert!(set_cookie.starts_with("portcullis_affinity="));
//!
//! // The client comes back.
//! let cookie = set_cookie.split(';').next().unwrap_or_default();
//! let Session::Pinned(pin) = affinity.open([cookie.as_bytes()], now) else { return Err("not pinned".into()) };
//! assert_eq!(pin.endpoint(), Some(endpoint));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod affinity;
mod config;
mod cookie;
mod endpoint;
mod ignored;
mod interval;
mod loading;
mod token;

pub use affinity::{Affinity, Answer, Client, Outcome, Session};
pub use config::{
    Attribute, Config, CookieConfig, HeaderMatch, Identity, Lifetime, MAX_KEYS, MIN_SECRET_CHARACTERS, Mode,
    RequestMatch, Rule, SameSite, Scope, Secure,
};
pub use endpoint::Endpoint;
pub use token::{NONCE_BYTES, Pin, Rejection, Target};

/// A short stand-in for a name, never 0 (FNV-1a). Who can choose names can make two collide: those are the operator's.
pub(crate) fn fingerprint(name: &[u8]) -> u32 {
    let hash =
        name.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash.max(1)
}

#[cfg(test)]
mod tests;
