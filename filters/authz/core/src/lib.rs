//! The decisions of the authz filter, without a host: Istio's `AuthorizationPolicy`, and API keys.
//!
//! Semantics: the Istio reference "Authorization Policy", and where that and the code differ, what Istio compiles a
//! policy to (`pilot/pkg/security/authz`) and how Envoy's RBAC filter evaluates it. What is not implemented yet (token
//! identities, `CUSTOM`) is refused at load.
//!
//! ```
//! use portcullis_authz_core::{Attributes, Authz, Config, Outcome, PeerAddress};
//! use sdk_shim_http::Headers;
//!
//! struct Peer;
//! impl Attributes for Peer {
//!     fn peer_address(&mut self) -> PeerAddress { PeerAddress::Ip([10, 0, 0, 1].into()) }
//!     fn remote_address(&mut self) -> Option<std::net::IpAddr> { Some([192, 0, 2, 1].into()) }
//!     fn local_address(&mut self) -> Option<std::net::SocketAddr> { None }
//!     fn principal(&mut self) -> Option<Vec<u8>> { None }
//!     fn server_name(&mut self) -> Option<Vec<u8>> { None }
//! }
//!
//! let config: Config = sdk_shim_config::parse(br#"{"policies": [
//!     {"name": "no-admin", "spec": {"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/admin*"]}}]}]}}
//! ]}"#).unwrap();
//! let authz = Authz::new(&config, &|_| None).unwrap();
//! let headers: Headers = [(":method", "GET"), (":path", "/admin/?q=1")].into_iter().collect();
//! assert_eq!(authz.check(&headers, &mut Peer).outcome, Outcome::DenyPolicy(0));
//! ```

mod address;
mod api_keys;
mod attributes;
mod authz;
mod compile;
pub mod config;
mod facts;
mod identity;
mod matcher;
mod pattern;
mod policies;
mod template;

pub use api_keys::{Edit, MAX_KEY_BYTES, MAX_KEYS_PER_REQUEST, MAX_SALTS};
pub use attributes::{Attributes, PeerAddress};
pub use authz::{Authz, Decision, Outcome};
pub use config::Config;

#[cfg(test)]
mod tests;
