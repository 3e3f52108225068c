//! What came of a stage of a test.

use integration::upstream::Seen;
use suites::ftw::Output;

/// What came of a stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// None if the connection ended, or nothing came in time.
    pub(crate) status: Option<u16>,
    /// The rules that were logged for the request.
    pub(crate) ids: Vec<u64>,
    /// The log's lines about the request.
    pub(crate) log: String,
    /// Envoy's `%RESPONSE_CODE_DETAILS%`.
    pub(crate) details: String,
    /// The protocol that Envoy takes it for.
    pub(crate) protocol: String,
    /// The request as it reached the upstream.
    pub(crate) upstream: Option<Seen>,
    /// Whether the filter has decided about it.
    pub(crate) filtered: bool,
}

impl Observed {
    /// What is not as expected.
    pub(crate) fn problems(&self, expected: &Output) -> Vec<String> {
        expected.problems(self.status, &self.ids, &self.log)
    }

    /// Whether Envoy answered before any filter saw the request.
    pub(crate) fn is_envoys_own(&self) -> bool {
        self.status.is_some() && !self.filtered && self.ids.is_empty() && self.details != "via_upstream"
    }
}
