//! The decisions of the canary filter, without a host.
//!
//! A *release* is a version of a service that runs beside the *stable* one and takes a part of its requests. For each
//! request [`Canary::decide`] names the release that it goes to, or stable, and the reason. What wins is, as in
//! ingress-nginx, first a header, then a cookie, then the weight:
//!
//! ```
//! use portcullis_canary_core::{Canary, Facts, Reason};
//! use sdk_shim_http::Headers;
//!
//! # struct Nothing;
//! # impl Facts for Nothing {
//! #     fn source_ip(&mut self) -> Option<std::net::IpAddr> { None }
//! #     fn random(&mut self) -> u64 { 0 }
//! #     fn now(&mut self) -> std::time::Duration { Default::default() }
//! #     fn principal(&mut self) -> Option<Vec<u8>> { None }
//! #     fn claim(&mut self, _: &[String]) -> Option<Vec<u8>> { None }
//! # }
//! let config = br#"{"releases": [{"name": "v2", "by_header": {"name": "x-canary"}, "weight": 0.5}]}"#;
//! let canary = Canary::new(sdk_shim_config::parse(config)?)?;
//!
//! let headers = Headers::from_iter([(":path", "/"), ("x-canary", "always")]);
//! let decision = canary.decide(&headers, &mut Nothing);
//! assert_eq!((decision.name(), decision.reason), ("v2", Reason::HeaderAlways));
//! # Ok::<(), sdk_shim_config::ConfigErrors>(())
//! ```
//!
//! The modules: `config` is what users write; `canary` weighs the rules of all releases against each other; a
//! `release` is a `scope` (which requests it concerns), `wish`es (header and cookie), a `condition` (`match`) and a `share`
//! (the weight, its `schedule` and its namespace), which is drawn by a `key`; `affinity` keeps what was decided; `inputs`
//! is all that a rule can ask about a request, by `fields`, `claims` and `patterns`; an `index` finds the rules that it can
//! meet; `output` is what is done to requests and responses; `loading` what compiling collects.

mod affinity;
mod baggage;
mod canary;
mod claims;
mod condition;
mod config;
mod cookie;
mod decision;
mod edit;
mod fields;
mod index;
mod inputs;
mod key;
mod literals;
mod loading;
mod names;
mod output;
mod patterns;
mod release;
mod schedule;
mod scope;
mod set;
mod share;
mod signed;
mod token;
#[cfg(feature = "trace")]
mod trace;
mod trust;
mod wish;

pub use canary::{Canary, MAX_RELEASES};
pub use condition::{MAX_CONDITION_DEPTH, MAX_CONDITIONS};
pub use config::{
    Act, AffinityConfig, AffinityOrder, BaggageMember, ClaimsConfig, Compatibility, ConditionConfig, Config,
    CookieConfig, CountryConfig, FieldConfig, HeaderConfig, HeaderEdits, InheritConfig, KeyConfig,
    NamespaceConfig, NamespaceShare, PathConfig, PauseConfig, Precedence, PropagateConfig, RandomValueConfig,
    RangeConfig, ReleaseAffinity, ReleaseConfig, SameSite, ScheduleConfig, Secure, StableConfig, StepConfig,
    TokenConfig, TrustConfig, WishConfig,
};
pub use decision::{Decision, Reason, STABLE};
pub use edit::Edit;
pub use inputs::Facts;
pub use key::MAX_KEYS;
pub use names::MAX_NAME_BYTES;
pub use output::{DRY_RUN_KEY, REASON_KEY, ResponsePlan};
pub use patterns::MAX_PATTERN_BYTES;
pub use release::Release;
pub use scope::MAX_SCOPE_ENTRIES;
pub use share::{BUCKETS, bucket};
pub use signed::Signed;

#[cfg(test)]
mod tests;
