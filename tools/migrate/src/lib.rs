//! Ingress manifests with ingress-nginx's annotations, as configurations of Portcullis' filters and routes for Istio, Envoy Gateway
//! or plain Envoy, with a report of what could not be carried over.
//!
//! The rules are those of ingress-nginx' source (kubernetes/ingress-nginx, controller 1.12 to 1.15). Where its behaviour surprises,
//! the result behaves alike, and the report says so. What is about access and cannot be carried over is closed, not open.
//!
//! The crate knows no files: texts come in, texts go out. What it writes, it has loaded as the modules will.

pub mod annotations;
mod features;
mod json;
mod manifest;
mod nginx;
mod plan;
mod reader;
mod report;
mod targets;
mod yaml;

pub use manifest::{BadInput, MAX_FILE_BYTES, MAX_OBJECTS, Source};
pub use report::{Finding, Outcome, Report};
pub use targets::{Options, OutputFile};

/// The prefix of annotations, unless the controller was started with `--annotations-prefix`.
pub const PREFIX: &str = "nginx.ingress.kubernetes.io";

/// Where the result is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A bootstrap for Envoy.
    Envoy,
    /// Istio's ingress gateway.
    Istio,
    /// Envoy Gateway.
    EnvoyGateway,
}

/// What the manifests have become.
#[derive(Clone, Debug)]
pub struct Migration {
    /// The configurations.
    pub files: Vec<OutputFile>,
    /// What became of each annotation.
    pub report: Report,
}

/// Turns manifests into configurations.
///
/// # Errors
/// All that cannot be read, with file, document and field.
pub fn migrate(
    sources: &[Source],
    target: Target,
    options: &Options<'_>,
) -> Result<Migration, Vec<BadInput>> {
    let manifests = manifest::Manifests::read(sources)?;
    let mut report = Report::default();
    let plan = plan::plan(&manifests, options.prefix, &mut report);
    let files = match target {
        Target::Envoy => targets::envoy::files(&plan),
        Target::Istio => targets::istio::files(&plan, options, &mut report),
        Target::EnvoyGateway => targets::gateway::files(&plan, options, &mut report),
    };
    report.findings.sort_by(|one, other| one.object.cmp(&other.object));
    Ok(Migration { files, report })
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]
mod tests;
