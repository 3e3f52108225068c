//! The decisions of the affinity filter, without a host: session affinity with a cookie that only the filter can read
//! or write.
//!
//! ```
//! use portcullis_affinity_core::{Affinity, Config, Endpoint, Outcome, Session};
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
//! let set_cookie = String::from_utf8(affinity.seal(&pin, nonce, now, true).ok_or("not sealed")?)?;
//! assert!(set_cookie.starts_with("portcullis_affinity="));
//!
//! // The client comes back.
//! let cookie = set_cookie.split(';').next().unwrap_or_default();
//! let Session::Pinned(pin) = affinity.open([cookie.as_bytes()], now) else { return Err("not pinned".into()) };
//! assert_eq!(pin.endpoint(), endpoint);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod affinity;
mod config;
mod cookie;
mod endpoint;
mod interval;
mod token;

pub use affinity::{Affinity, Outcome, Session};
pub use config::{Attribute, Config, CookieConfig, MAX_KEYS, MIN_SECRET_CHARACTERS, SameSite, Secure};
pub use endpoint::Endpoint;
pub use token::{NONCE_BYTES, Pin, Rejection};

#[cfg(test)]
mod tests;
