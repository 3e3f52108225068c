//! What the engine asks its caller to do.

/// The request or response must not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervention {
    /// How to stop it.
    pub kind: InterventionKind,
    /// The status to answer with: that of the `status` action, else 403, or 302 for a redirect.
    pub status: u16,
    /// Why.
    pub cause: Cause,
}

impl Intervention {
    /// The rule that stopped it, if one did.
    pub fn rule_id(&self) -> Option<u64> {
        match self.cause {
            Cause::Rule(id) => Some(id),
            _ => None,
        }
    }
}

/// How a transaction is stopped. ModSecurity v3 reference, "Actions", disruptive actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterventionKind {
    /// Answer with the status.
    Deny,
    /// Close the connection without an answer where the host can; else as [`InterventionKind::Deny`].
    Drop,
    /// Answer with the status and this `Location`.
    Redirect(Vec<u8>),
}

/// What stopped a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The rule of this id.
    Rule(u64),
    /// The request body is larger than `SecRequestBodyLimit`, and `SecRequestBodyLimitAction` is `Reject`.
    RequestBodyLimit,
    /// The response body is larger than `SecResponseBodyLimit`, and `SecResponseBodyLimitAction` is `Reject`.
    ResponseBodyLimit,
    /// The transaction needs more memory than [`Limits::memory`](crate::Limits::memory), or there are more headers or cookies
    /// than its limits allow: not everything could be inspected.
    Memory,
}
