//! The parameters of a part's Content-Disposition header. Source: `Multipart::parse_content_disposition`.

use super::MultipartFlags;

/// What was read, up to the error if there is one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Disposition {
    pub(super) name: Vec<u8>,
    pub(super) filename: Vec<u8>,
    /// Every `name` parameter, in order.
    pub(super) names: Vec<Vec<u8>>,
    /// Every `filename` parameter, in order.
    pub(super) filenames: Vec<Vec<u8>>,
    pub(super) error: bool,
}

pub(super) fn parse(header: &[u8], flags: &mut MultipartFlags) -> Disposition {
    let mut found = Disposition::default();
    found.error = parameters(header, flags, &mut found).is_none();
    // Some parsers look for the file name with crude methods: where they might not see it, refuse.
    found.error |= found.filenames.iter().any(|name| !name.is_empty())
        && memchr::memmem::find(header, b"filename=").is_none()
        && memchr::memmem::find(header, b"filename*=").is_none();
    found
}

fn parameters(header: &[u8], flags: &mut MultipartFlags, found: &mut Disposition) -> Option<()> {
    let mut rest = skip_blanks(header.strip_prefix(b"form-data")?);
    if rest.is_empty() {
        return Some(());
    }
    rest = rest.strip_prefix(b";")?;
    while !rest.is_empty() {
        rest = skip_blanks(rest);
        let length = rest.iter().position(|byte| matches!(byte, b'=' | b'\t' | b' '))?;
        let (name, tail) = rest.split_at_checked(length)?;
        rest = skip_blanks(skip_blanks(tail).strip_prefix(b"=")?);
        let (value, tail) = match (name, rest) {
            (b"filename*", _) => extended(rest)?,
            (_, [quote @ (b'"' | b'\''), inside @ ..]) => {
                flags.invalid_quoting |= *quote == b'\'';
                quoted(inside, *quote)?
            }
            (_, []) => return None,
            (_, _) => {
                let length = rest.iter().take_while(|&&byte| is_token(byte)).count();
                let (value, tail) = rest.split_at_checked(length)?;
                (value.to_vec(), tail)
            }
        };
        // Inside double quotes a single one means nothing.
        flags.invalid_quoting |=
            rest.first() != Some(&b'"') && name != b"filename*" && value.contains(&b'\'');
        match name {
            b"name" => {
                found.names.push(value.clone());
                if !found.name.is_empty() {
                    return None;
                }
                found.name = value;
            }
            b"filename" => {
                found.filenames.push(value.clone());
                if found.filenames.iter().filter(|name| !name.is_empty()).count() > 1 {
                    return None;
                }
                found.filename = value;
            }
            b"filename*" => {
                found.filenames.push(value.clone());
                if found.filename.is_empty() {
                    found.filename = value;
                }
            }
            _ => return None,
        }
        rest = skip_blanks(tail);
        if rest.is_empty() {
            break;
        }
        let Some(next) = rest.strip_prefix(b";") else {
            let before = header.strip_suffix(rest).unwrap_or_default();
            flags.invalid_quoting |= matches!(before.last(), Some(b'"' | b'\''));
            return None;
        };
        rest = next;
    }
    Some(())
}

/// A quoted value and what follows its closing quote. A backslash before anything but the quote or a backslash stands
/// for itself: browsers send Windows paths.
fn quoted(input: &[u8], quote: u8) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = input;
    loop {
        rest = match rest {
            [] | [b'\\'] => return None,
            [b'\\', byte, tail @ ..] if *byte == quote || *byte == b'\\' => {
                value.push(*byte);
                tail
            }
            [byte, tail @ ..] if *byte == quote => return Some((value, tail)),
            [byte, tail @ ..] => {
                value.push(*byte);
                tail
            }
        };
    }
}

/// RFC 5987: `charset'language'value`, the value percent-encoded and kept so.
fn extended(input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let charset = input.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
    let language = input.get(charset..)?.strip_prefix(b"'").filter(|_| charset > 0)?;
    let value = language.get(memchr::memchr(b'\'', language)? + 1..)?;
    let length = value.iter().position(|&byte| byte == b';').unwrap_or(value.len());
    let (value, tail) = value.split_at_checked(length)?;
    let value = value.trim_ascii_end();
    let mut rest = value;
    loop {
        rest = match rest {
            [] => return Some((value.to_vec(), tail)),
            [b'%', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => tail,
            [byte, tail @ ..] if *byte != b'%' && is_token(*byte) => tail,
            _ => return None,
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
