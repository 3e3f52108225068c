//! The parameters of a part's Content-Disposition header. Source: `Multipart::parse_content_disposition`.

use super::MultipartFlags;
use crate::{BodyError, DispositionError};

/// What was read, up to the error if there is one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disposition {
    pub(super) name: Vec<u8>,
    pub(super) filename: Vec<u8>,
    /// Every `name` parameter, in order, each with the offset of what follows it.
    pub(super) names: Vec<(Vec<u8>, usize)>,
    /// Every `filename` parameter, in order.
    pub(super) filenames: Vec<(Vec<u8>, usize)>,
    /// A `filename*` stood before any `filename`.
    pub(super) only_extended: bool,
    pub(super) result: Result<(), BodyError>,
}

pub(super) fn parse(header: &[u8], flags: &mut MultipartFlags) -> Disposition {
    let mut found = Disposition {
        name: Vec::new(),
        filename: Vec::new(),
        names: Vec::new(),
        filenames: Vec::new(),
        only_extended: false,
        result: Ok(()),
    };
    found.result = parameters(header, flags, &mut found).map_err(BodyError::MultipartDisposition);
    // Some parsers look for the file name with crude methods: where they might not see it, refuse.
    let hidden = found.filenames.iter().any(|(name, _)| !name.is_empty())
        && memchr::memmem::find(header, b"filename=").is_none()
        && memchr::memmem::find(header, b"filename*=").is_none();
    if hidden && found.result.is_ok() {
        found.result = Err(BodyError::MultipartHiddenFilename);
    }
    found
}

fn parameters(
    header: &[u8],
    flags: &mut MultipartFlags,
    found: &mut Disposition,
) -> Result<(), DispositionError> {
    use DispositionError as E;
    let mut rest = skip_blanks(header.strip_prefix(b"form-data").ok_or(E::Type)?);
    if rest.is_empty() {
        return Ok(());
    }
    rest = rest.strip_prefix(b";").ok_or(E::TypeEnd)?;
    while !rest.is_empty() {
        rest = skip_blanks(rest);
        if rest.is_empty() {
            return Err(E::NoParameter);
        }
        let length = rest.iter().position(|byte| matches!(byte, b'=' | b'\t' | b' '));
        let (name, tail) = length.and_then(|length| rest.split_at_checked(length)).ok_or(E::NoEquals)?;
        rest = match skip_blanks(tail) {
            [] => return Err(E::NoEqualsAfterSpace),
            [b'=', value @ ..] => skip_blanks(value),
            _ => return Err(E::Equals),
        };
        let (value, tail) = match (name, rest) {
            (_, []) => return Err(E::NoValue),
            (b"filename*", _) => extended(rest)?,
            (_, [quote @ (b'"' | b'\''), inside @ ..]) => {
                flags.invalid_quoting |= *quote == b'\'';
                quoted(inside, *quote)?
            }
            (_, _) => {
                let length = rest.iter().take_while(|&&byte| is_token(byte)).count();
                let (value, tail) = rest.split_at_checked(length).unwrap_or_default();
                (value.to_vec(), tail)
            }
        };
        // Inside double quotes a single one means nothing.
        flags.invalid_quoting |=
            rest.first() != Some(&b'"') && name != b"filename*" && value.contains(&b'\'');
        let end = header.len() - tail.len();
        match name {
            b"name" => {
                found.names.push((value.clone(), end));
                if !found.name.is_empty() {
                    return Err(E::DuplicateName);
                }
                found.name = value;
            }
            b"filename" => {
                found.filenames.push((value.clone(), end));
                if found.filenames.iter().filter(|(name, _)| !name.is_empty()).count() > 1 {
                    return Err(E::DuplicateFilename);
                }
                found.filename = value;
            }
            b"filename*" => {
                found.filenames.push((value.clone(), end));
                if found.filename.is_empty() {
                    found.only_extended = true;
                    found.filename = value;
                }
            }
            _ => return Err(E::Unknown),
        }
        rest = skip_blanks(tail);
        if rest.is_empty() {
            break;
        }
        let Some(next) = rest.strip_prefix(b";") else {
            let before = header.strip_suffix(rest).unwrap_or_default();
            flags.invalid_quoting |= matches!(before.last(), Some(b'"' | b'\''));
            return Err(E::ValueEnd);
        };
        rest = next;
    }
    Ok(())
}

/// A quoted value and what follows its closing quote. A backslash before anything but the quote or a backslash stands
/// for itself: browsers send Windows paths.
fn quoted(input: &[u8], quote: u8) -> Result<(Vec<u8>, &[u8]), DispositionError> {
    let mut value = Vec::new();
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return Err(DispositionError::Unclosed),
            [b'\\'] => return Err(DispositionError::Escape),
            [b'\\', byte, tail @ ..] if *byte == quote || *byte == b'\\' => {
                value.push(*byte);
                tail
            }
            [byte, tail @ ..] if *byte == quote => return Ok((value, tail)),
            [byte, tail @ ..] => {
                value.push(*byte);
                tail
            }
        };
    }
}

/// RFC 5987: `charset'language'value`, the value percent-encoded and kept so.
fn extended(input: &[u8]) -> Result<(Vec<u8>, &[u8]), DispositionError> {
    use DispositionError as E;
    let charset = input.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
    let language = input.get(charset..).and_then(|rest| rest.strip_prefix(b"'")).filter(|_| charset > 0);
    let language = language.ok_or(E::Charset)?;
    let end = memchr::memchr(b'\'', language).ok_or(E::Language)?;
    let value = language.get(end + 1..).unwrap_or_default();
    let length = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
    let (value, tail) = value.split_at_checked(length).unwrap_or_default();
    let value = value.trim_ascii_end();
    let mut rest = value;
    loop {
        rest = match rest {
            [] => return Ok((value.to_vec(), tail)),
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => tail,
            [b'%', ..] => return Err(E::Percent),
            [byte, tail @ ..] if is_token(*byte) => tail,
            _ => return Err(E::Character),
        };
    }
}

fn skip_blanks(input: &[u8]) -> &[u8] {
    let blanks = input.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    input.get(blanks..).unwrap_or_default()
}

/// RFC 2045, section 5.1: `token`.
const fn is_token(byte: u8) -> bool {
    matches!(byte, 33..=126)
        && !matches!(
            byte,
            b'(' | b')'
                | b'<'
                | b'>'
                | b'@'
                | b','
                | b';'
                | b':'
                | b'\\'
                | b'"'
                | b'/'
                | b'['
                | b']'
                | b'?'
                | b'='
        )
}
