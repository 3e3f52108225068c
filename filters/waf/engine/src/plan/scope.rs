//! Which literals the values of a variable are searched for.

use portcullis_seclang::ast::VariableName;

use super::{Scope, Step};

/// The scope of the values of a variable.
pub(crate) fn scope_of(variable: VariableName) -> Scope {
    use VariableName as V;
    match variable {
        V::RequestBody => Scope::Body,
        V::ResponseBody
        | V::ResponseContentLength
        | V::ResponseContentType
        | V::ResponseHeaders
        | V::ResponseHeadersNames
        | V::ResponseProtocol
        | V::ResponseStatus
        | V::Status
        | V::StatusLine => Scope::Response,
        _ => Scope::Request,
    }
}

impl Step {
    /// The scope of what the transformation makes of a value of `scope`.
    pub(crate) fn scope_after(&self, scope: Scope) -> Scope {
        if self.is_rare && scope != Scope::Response { Scope::Derived } else { scope }
    }
}
