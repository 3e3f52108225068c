//! From which phase on a variable has a value.

use crate::ast::{Phase, VariableName};

/// The first phase in which the variable can have a value. ModSecurity v3 reference, "Variables" and "Processing
/// Phases".
pub(super) fn first_phase(variable: VariableName) -> Phase {
    use VariableName as V;
    match variable {
        V::ArgsPost
        | V::ArgsPostNames
        | V::ArgsPostNamesRaw
        | V::ArgsPostRaw
        | V::Files
        | V::FilesCombinedSize
        | V::FilesNames
        | V::FilesSizes
        | V::FilesTmpContent
        | V::FilesTmpNames
        | V::FullRequest
        | V::MultipartFilename
        | V::MultipartName
        | V::MultipartPartHeaders
        | V::MultipartStrictError
        | V::MultipartUnmatchedBoundary
        | V::ReqbodyError
        | V::ReqbodyErrorMsg
        | V::ReqbodyProcessorError
        | V::ReqbodyProcessorErrorMsg
        | V::RequestBody
        | V::RequestBodyLength
        | V::Xml => Phase::RequestBody,
        V::ResponseContentLength
        | V::ResponseContentType
        | V::ResponseHeaders
        | V::ResponseHeadersNames
        | V::ResponseProtocol
        | V::ResponseStatus
        | V::StatusLine => Phase::ResponseHeaders,
        V::OutboundDataError | V::ResponseBody => Phase::ResponseBody,
        _ => Phase::RequestHeaders,
    }
}
