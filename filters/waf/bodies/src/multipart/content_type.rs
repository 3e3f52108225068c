//! The boundary in a Content-Type header. Source: `Multipart::init`.

use super::MultipartFlags;
use crate::{BodyError, is_space};

/// The longest Content-Type header that is read.
const MAX_LENGTH: usize = 1024;
const MIME_TYPE: &[u8] = b"multipart/form-data";
const NAME: &[u8] = b"boundary";

/// The boundary, and whether a parameter follows it.
pub(super) fn boundary<'h>(
    header: &'h [u8],
    flags: &mut MultipartFlags,
) -> Result<(&'h [u8], bool), BodyError> {
    if header.is_empty() {
        return Err(BodyError::MultipartNoContentType);
    }
    if header.len() > MAX_LENGTH {
        return Err(BodyError::MultipartContentTypeTooLong);
    }
    let is_multipart =
        header.get(..MIME_TYPE.len()).is_some_and(|start| start.eq_ignore_ascii_case(MIME_TYPE));
    if !is_multipart {
        return Err(BodyError::MultipartContentType);
    }
    let lower = header.to_ascii_lowercase();
    let count = memchr::memmem::find_iter(&lower, NAME)
        .filter(|at| lower.get(at + NAME.len()..).is_some_and(|rest| rest.contains(&b'=')))
        .count();
    if count > 1 {
        return Err(BodyError::MultipartManyBoundaries);
    }
    let parameters = header.get(MIME_TYPE.len()..).unwrap_or_default();
    let Some(at) = memchr::memmem::find(parameters, NAME) else {
        return Err(if count > 0 {
            BodyError::MultipartBoundaryCase
        } else {
            BodyError::MultipartNoBoundary
        });
    };
    let (before, parameter) = parameters.split_at_checked(at).unwrap_or_default();
    match before.trim_ascii() {
        b";" => {}
        b"" => flags.missing_semicolon = true,
        _ => return Err(BodyError::MultipartBoundaryMalformed),
    }
    let parameter = parameter.get(NAME.len()..).unwrap_or_default();
    let (between, value) = memchr::memchr(b'=', parameter)
        .and_then(|equals| parameter.split_at_checked(equals))
        .ok_or(BodyError::MultipartBoundaryMalformed)?;
    if !between.iter().all(|&byte| is_space(byte)) {
        return Err(BodyError::MultipartBoundaryParameter);
    }
    let value = value.get(1..).unwrap_or_default();
    flags.boundary_whitespace = !between.is_empty() || value.first().is_some_and(|&byte| is_space(byte));
    // Parameters after the boundary are wrong, but common.
    let end = memchr::memchr(b';', value);
    let value = end.and_then(|end| value.get(..end)).unwrap_or(value);
    let value = match value {
        [b'"', inside @ .., b'"'] => {
            flags.boundary_quoted = true;
            inside
        }
        [b'"', ..] | [.., b'"'] => return Err(BodyError::MultipartBoundaryQuote),
        plain => plain,
    };
    if value.is_empty() {
        return Err(BodyError::MultipartBoundaryEmpty);
    }
    if value.last() == Some(&b' ') || !value.iter().all(|&byte| is_allowed(byte)) {
        return Err(BodyError::MultipartBoundaryCharacters);
    }
    Ok((value, end.is_some()))
}

/// RFC 2046, section 5.1.1: `bchars`.
const fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b' ' | b'\'' | b'(' | b')' | b'+' | b'_' | b',' | b'-' | b'.' | b'/' | b':' | b'=' | b'?'
        )
}
