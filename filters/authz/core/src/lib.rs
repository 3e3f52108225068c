//! The decisions of the authz filter, without a host: Istio's `AuthorizationPolicy` and `RequestAuthentication`, and API
//! keys.
//!
//! Semantics: the Istio reference "Authorization Policy", and where that and the code differ, what Istio compiles a
//! policy to (`pilot/pkg/security/authz`, `pilot/pkg/security/authn`) and how Envoy's filters `rbac` and `jwt_authn` evaluate
//! it.
//!
//! Departures from both, each on the safe side unless it says otherwise:
//!
//! - What Istio ignores, or drops with a log line, is refused at load: empty lists, which would match everything, unknown
//!   attributes, values that cannot match. Policies are then not silently wider or narrower than they read.
//! - `ipBlocks` and `source.ip` need the direct peer, which Envoy tells RBAC but not a module. Where `source.address` came
//!   from `x-forwarded-for`, they fail closed ([`PeerAddress::Unknown`]); behind the PROXY protocol they mean the address
//!   that it names.
//! - Of a certificate with several URI SANs Envoy tells a module the first; RBAC looks at all of them. A SPIFFE ID has
//!   exactly one (SPIFFE, X.509-SVID 2), so this is no weaker against those. Whether a certificate was verified is not told
//!   either: listeners whose `trust_chain_verification` is `ACCEPT_UNTRUSTED` must not be given policies on identities.
//! - `namespaces`, `serviceAccounts` and `trustDomains` look at SPIFFE IDs only, where Istio's expression for namespaces
//!   would take any name of the certificate that contains `/ns/<namespace>/`.
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
//!     fn now(&mut self) -> u64 { 1_700_000_000 }
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
mod attributes;
mod authentication;
mod authz;
mod changes;
mod claims;
mod compile;
pub mod config;
mod credentials;
mod decision_log;
mod expressions;
pub mod external;
mod facts;
mod identity;
mod matcher;
mod metadata;
mod normalization;
mod pattern;
mod policies;
mod recent;
mod recorded;
pub mod remote;
mod responses;
mod search;
mod sorted;
mod template;
#[cfg(feature = "trace")]
mod trace;

pub use attributes::{Attributes, PeerAddress};
pub use authentication::{CLOCK_SKEW_SECONDS, Identity, MAX_TOKENS_PER_REQUEST, TokenDenial, bare_audience};
pub use authz::{Authz, Decision, Outcome};
pub use changes::Edit;
pub use config::Config;
pub use credentials::{
    BodyDigest, MAX_BASIC_BYTES, MAX_BCRYPT_COST, MAX_DIGESTED_BYTES, MAX_HMAC_KEYS, MAX_KEY_BYTES,
    MAX_KEYS_PER_REQUEST, MAX_SALTS, MAX_SHA_CRYPT_ROUNDS, MAX_SIGNED_HEADERS, MAX_SIGNING_BYTES, MAX_USERS,
    Problem,
};
pub use decision_log::{Remarks, record, shown};
pub use normalization::PathError;
pub use portcullis_jwt as jwt;
pub use responses::Answer;

#[cfg(test)]
mod tests;
