//! Variables that are there, empty, before anything sets them, as in ModSecurity v3 (`TransactionAnchoredVariables`) and Coraza
//! (`collections.Single`): `AUTH_TYPE "!@streq Basic"` matches a request without credentials.

use portcullis_seclang::ast::VariableName;

use super::{Condition, Operation, Plan};

/// All of them, but for those that every transaction sets. The addresses are not among them: hosts may leave out those that
/// nobody asks for.
pub(crate) const VARIABLES: [VariableName; 37] = {
    use VariableName as V;
    [
        V::AuthType,
        V::FilesCombinedSize,
        V::FullRequest,
        V::FullRequestLength,
        V::MscPcreError,
        V::MscPcreLimitsExceeded,
        V::MultipartBoundaryQuoted,
        V::MultipartBoundaryWhitespace,
        V::MultipartCrlfLfLines,
        V::MultipartDataAfter,
        V::MultipartDataBefore,
        V::MultipartFileLimitExceeded,
        V::MultipartHeaderFolding,
        V::MultipartInvalidHeaderFolding,
        V::MultipartInvalidPart,
        V::MultipartInvalidQuoting,
        V::MultipartLfLine,
        V::MultipartMissingSemicolon,
        V::MultipartStrictError,
        V::MultipartUnmatchedBoundary,
        V::ReqbodyError,
        V::ReqbodyErrorMsg,
        V::ReqbodyProcessor,
        V::ReqbodyProcessorError,
        V::ReqbodyProcessorErrorMsg,
        V::RequestBody,
        V::RequestBodyLength,
        V::ResponseBody,
        V::ResponseContentLength,
        V::ResponseContentType,
        V::ResponseProtocol,
        V::ResponseStatus,
        V::ServerName,
        V::SessionId,
        V::Status,
        V::StatusLine,
        V::UserId,
    ]
};

/// Those of which it makes a difference that they are there: an operator matches the empty value, or they are counted.
pub(super) fn that_matter(plan: &Plan) -> Vec<VariableName> {
    let mut found = Vec::new();
    for link in plan.rules.iter().flat_map(|rule| &rule.links) {
        let Some(condition) = &link.condition else { continue };
        let mut meets = None;
        for target in &condition.targets {
            let Some(variable) = plan.sources.get(target.source).map(|source| source.variable) else {
                continue;
            };
            if VARIABLES.contains(&variable)
                && !found.contains(&variable)
                && (target.count
                    || link.multi_match
                    || *meets.get_or_insert_with(|| may_meet_empty(plan, condition)))
            {
                found.push(variable);
            }
        }
    }
    found
}

/// Whether the empty value may meet a condition.
fn may_meet_empty(plan: &Plan, condition: &Condition) -> bool {
    let Operation::Fixed(operator) = &condition.operation else { return true };
    let mut value = Vec::new();
    for step in &plan.chains.get(condition.chain).steps {
        let mut changed = Vec::new();
        if step.transformation.apply(&value, &mut changed) {
            value = changed;
        }
    }
    operator.try_evaluate(&value, None) != Ok(condition.negated)
}
