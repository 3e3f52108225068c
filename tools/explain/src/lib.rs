//! What the filters decide on a request, and why, step by step.
//!
//! The filters themselves decide: [`Explainer`] loads one with the SDK's `load`, as the module does, and takes the request
//! through it on the SDK's test host. What it says of the reasons is what the core crates note while they decide
//! (`portcullis-trace`). It knows no files and no network, and runs natively and in a browser.
//!
//! ```
//! use portcullis_explain::{Exchange, Explainer, FilterKind, request};
//!
//! let config = br#"{"directives_map": {"default": [
//!     "SecRuleEngine On", "SecRule ARGS \"@contains attack\" \"id:1,phase:2,deny,msg:'An attack'\""
//! ]}}"#;
//! let mut explainer = Explainer::load(FilterKind::Waf, config, &|_| None).unwrap();
//! let request = request::parse(b"curl 'http://shop.example/?q=attack'", &|_| Err("no files here".into())).unwrap();
//! let explanation = explainer.explain(&Exchange::of(request.message));
//! assert!(!explanation.decision.passes);
//! assert_eq!(explanation.decision.details.as_deref(), Some("waf_1"));
//! ```

mod chain;
pub mod config;
mod exchange;
mod explainer;
mod explanation;
mod kind;
pub mod replay;
pub mod request;
mod summary;
mod timeline;

pub use chain::{Chain, ChainExplanation};
pub use exchange::{Answer, Exchange};
pub use explainer::Explainer;
pub use explanation::{Decision, Explanation, HeaderChange};
pub use kind::FilterKind;
pub use portcullis_trace::{Change, Match, PhaseEnd, PolicyStep, PolicyVerdict, RuleStep, Step};
pub use sdk_shim_testing::Message;
pub use timeline::{Entry, Tone};

#[cfg(test)]
mod tests;
