use crate::config::{PathNormalization, PathParameters};
use crate::search;
use sdk_shim_http::split_target;
use std::borrow::Cow;

/// Brings request targets into the form that policies are compared with and that the upstream sees, as Envoy's connection
/// manager does (source/common/http/path_utility.cc; the order is that of `maybeNormalizePath` in conn_manager_utility.cc).
/// Once only: what was encoded twice stays encoded once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Normalizer {
    pub(crate) level: PathNormalization,
    pub(crate) parameters: PathParameters,
}

/// Why a path is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// It has an encoded NUL, which Envoy refuses as well.
    Nul,
    /// It has path parameters, which the configuration rejects.
    Parameters,
}

impl PathError {
    /// In a word, for details and logs.
    pub fn text(self) -> &'static str {
        match self {
            Self::Nul => "nul",
            Self::Parameters => "parameters",
        }
    }
}

impl Normalizer {
    /// The target to serve in place of `target`. Query and fragment are left as they are; a target without a path, as that of
    /// `OPTIONS *`, too.
    pub(crate) fn target<'a>(&self, target: &'a [u8]) -> Result<Cow<'a, [u8]>, PathError> {
        let (path, _) = split_target(target);
        if !path.starts_with(b"/") {
            return Ok(Cow::Borrowed(target));
        }
        let normal = self.path(path)?;
        if *normal == *path {
            return Ok(Cow::Borrowed(target));
        }
        let rest = target.get(path.len()..).unwrap_or_default();
        Ok(Cow::Owned([&*normal, rest].concat()))
    }

    fn path<'a>(&self, path: &'a [u8]) -> Result<Cow<'a, [u8]>, PathError> {
        let mut path = Cow::Borrowed(path);
        match self.parameters {
            PathParameters::Keep => {}
            PathParameters::Reject if has_parameters(&path) => return Err(PathError::Parameters),
            PathParameters::Reject => {}
            PathParameters::Remove if path.contains(&b';') => path = without_parameters(&path).into(),
            PathParameters::Remove => {}
        }
        if self.level >= PathNormalization::DecodeAndMergeSlashes && path.contains(&b'%') {
            path = unescape_slashes(&path).into();
        }
        if self.level >= PathNormalization::Base {
            path = resolve_dots(&canonical(&path)?).into();
        }
        if self.level >= PathNormalization::MergeSlashes && search::find(&path, b"//").is_some() {
            path.to_mut().dedup_by(|next, before| *next == b'/' && *before == b'/');
        }
        Ok(path)
    }
}

fn has_parameters(path: &[u8]) -> bool {
    path.contains(&b';') || path.windows(3).any(|three| three.eq_ignore_ascii_case(b"%3b"))
}

fn without_parameters(path: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(path.len());
    let mut is_parameter = false;
    for byte in path {
        match byte {
            b'/' => is_parameter = false,
            b';' => is_parameter = true,
            _ => {}
        }
        if !is_parameter {
            kept.push(*byte);
        }
    }
    kept
}

fn unescape_slashes(path: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, behind)) = rest.split_first() {
        let (byte, behind) = match rest {
            [b'%', b'2', b'f' | b'F', behind @ ..] => (b'/', behind),
            [b'%', b'5', b'c' | b'C', behind @ ..] => (b'\\', behind),
            _ => (*byte, behind),
        };
        plain.push(byte);
        rest = behind;
    }
    plain
}

/// Decodes and encodes, byte by byte, as `CanonicalizePath` of googleurl does, which Envoy calls (url_canon_path.cc). An escape
/// that is none stays as it is, unless what is decoded behind it would make it one.
fn canonical(path: &[u8]) -> Result<Vec<u8>, PathError> {
    let mut canonical = Vec::with_capacity(path.len());
    let mut rest = path;
    // The last percent sign that begins no escape, in what has been written.
    let mut lone = None;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, escaped(behind)) {
            (0, _) | (b'%', Some(0)) => return Err(PathError::Nul),
            (b'%', Some(decoded)) if is_unreserved(decoded) => {
                canonical.push(decoded);
                rest = behind.get(2..).unwrap_or_default();
                if let Some(percent) = lone {
                    keep_apart(&mut canonical, percent, rest);
                }
            }
            (b'%', None) => {
                lone = Some(canonical.len());
                canonical.push(b'%');
            }
            (b'\\', _) => canonical.push(b'/'),
            (byte, _) if is_passed(*byte) => canonical.push(*byte),
            (byte, _) => {
                const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
                let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
                canonical.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    Ok(canonical)
}

/// Where the last byte, which was just decoded, makes an escape of the lone percent sign before it, encodes that: `%%34%31` is
/// `%2541`, not `%41`, which the next to decode would take for an `A` (`CheckForNestedEscapes` of googleurl).
fn keep_apart(canonical: &mut Vec<u8>, percent: usize, rest: &[u8]) {
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
    let is_escape = match canonical.get(percent + 1..) {
        Some([high]) => is_digit(high) && rest.first().is_some_and(is_digit),
        Some([high, low]) => is_digit(high) && is_digit(low),
        _ => false,
    };
    if is_escape {
        canonical.splice(percent + 1..percent + 1, *b"25");
    }
}

/// RFC 3986 5.2.4, on a path that begins with a slash.
fn resolve_dots(path: &[u8]) -> Vec<u8> {
    let mut resolved: Vec<u8> = Vec::with_capacity(path.len());
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"." | b".." => {
                if segment == b".." {
                    let parent = resolved.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                    resolved.truncate(parent);
                }
                if is_last {
                    resolved.push(b'/');
                }
            }
            _ => {
                resolved.push(b'/');
                resolved.extend_from_slice(segment);
            }
        }
    }
    resolved
}

/// The byte that stands behind a percent sign.
fn escaped(behind: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let [high, low] = behind.first_chunk()?;
    Some(digit(*high)? << 4 | digit(*low)?)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What googleurl leaves in a path as it is.
fn is_passed(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"<>?`{|}^#".contains(&byte)
}
