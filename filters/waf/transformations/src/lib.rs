//! SecLang transformations: pure functions from bytes to bytes.
//!
//! Source of the semantics: ModSecurity v3, `src/actions/transformations/`, except `phpArgsNames`, which only the
//! SecRules language tests define. Each file names its departures, if any.
//!
//! Every transformation first scans for a byte that it could act on. Ordinary values have none, so most calls return
//! `false` without a copy and the caller keeps using the value that it has.
//!
//! A crate of its own because these are loops over bytes, which stay compiled for speed whatever the engine is compiled for.

mod base64_decode;
mod base64_decode_ext;
mod base64_encode;
mod cmd_line;
mod compress_whitespace;
mod css_decode;
mod digest;
mod escape_seq_decode;
mod hex;
mod hex_decode;
mod hex_encode;
mod html_entity_decode;
mod js_decode;
mod length;
mod lowercase;
mod normalise_path;
mod parity_7bit;
mod php_args_names;
mod remove_comments;
mod remove_comments_char;
mod remove_nulls;
mod remove_whitespace;
mod replace_comments;
mod replace_nulls;
mod restart;
mod scan;
mod sql_hex_decode;
mod trim;
mod unicode_map;
mod uppercase;
mod url_decode;
mod url_decode_uni;
mod url_encode;
mod utf8_to_unicode;

#[cfg(test)]
mod tests;

use portcullis_collections::find;
pub use unicode_map::UnicodeMap;

/// One transformation, as named by the action `t:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transformation {
    /// Decodes Base64; leaves a value that is not Base64 as it is.
    Base64Decode,
    /// Decodes Base64, skipping every byte outside the alphabet.
    Base64DecodeExt,
    /// Encodes as Base64.
    Base64Encode,
    /// Undoes command-line obfuscation: quotes, carets, doubled blanks, case.
    CmdLine,
    /// Replaces each run of white space with one space.
    CompressWhitespace,
    /// Decodes CSS 2 escapes.
    CssDecode,
    /// Decodes ANSI C escapes.
    EscapeSeqDecode,
    /// Decodes pairs of hexadecimal digits.
    HexDecode,
    /// Encodes each byte as two lower-case hexadecimal digits.
    HexEncode,
    /// Decodes HTML entities.
    HtmlEntityDecode,
    /// Decodes JavaScript escapes.
    JsDecode,
    /// Replaces the value with its length in bytes, in decimal.
    Length,
    /// ASCII lower case.
    Lowercase,
    /// The MD5 digest, 16 raw bytes.
    Md5,
    /// Removes the transformations before it from the chain; by itself it changes nothing.
    None,
    /// Removes empty segments, self references and back references from a path.
    NormalisePath,
    /// The same, after turning backslashes into slashes.
    NormalisePathWin,
    /// Sets the top bit of each byte for even parity.
    ParityEven7bit,
    /// Sets the top bit of each byte for odd parity.
    ParityOdd7bit,
    /// Clears the top bit of each byte.
    ParityZero7bit,
    /// Rewrites a parameter's name as PHP does.
    PhpArgsNames,
    /// Removes comments: `/* */`, `<!-- -->`, and all that follows `--` or `#`.
    RemoveComments,
    /// Removes the comment marks only.
    RemoveCommentsChar,
    /// Removes NUL bytes.
    RemoveNulls,
    /// Removes white space and the byte 0xA0.
    RemoveWhitespace,
    /// Replaces each `/* */` comment with one space.
    ReplaceComments,
    /// Replaces NUL bytes with spaces.
    ReplaceNulls,
    /// The SHA-1 digest, 20 raw bytes.
    Sha1,
    /// Decodes SQL hexadecimal literals such as `0x414243`.
    SqlHexDecode,
    /// Removes white space at both ends.
    Trim,
    /// Removes white space at the start.
    TrimLeft,
    /// Removes white space at the end.
    TrimRight,
    /// ASCII upper case.
    Uppercase,
    /// Decodes percent encoding and `+`.
    UrlDecode,
    /// Decodes percent encoding, `+` and `%uXXXX`.
    UrlDecodeUni(UnicodeMap),
    /// Percent-encodes all but letters, digits and `*`; a space becomes `+`.
    UrlEncode,
    /// Replaces UTF-8 sequences with `%uXXXX`.
    Utf8ToUnicode,
}

impl Transformation {
    /// The transformation called `name` after `t:`, in any case.
    ///
    /// `urlDecodeUni` comes with the mapping of code page 20127; see [`Transformation::with_unicode_map`].
    #[must_use]
    pub fn by_name(name: &[u8]) -> Option<Self> {
        NAMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name)).map(|&(_, found)| found)
    }

    /// The name as the ModSecurity manual spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        let plain = self.with_unicode_map(UnicodeMap::default());
        NAMES.iter().find(|&&(_, known)| known == plain).map_or("none", |&(name, _)| name)
    }

    /// The same transformation with the mapping that `SecUnicodeMapFile` selects; only `urlDecodeUni` uses one.
    #[must_use]
    pub fn with_unicode_map(self, map: UnicodeMap) -> Self {
        match self {
            Self::UrlDecodeUni(_) => Self::UrlDecodeUni(map),
            other => other,
        }
    }

    /// Appends the transformed `input` to `out` and returns `true`, or returns `false` and leaves `out` untouched if
    /// the transformed value equals `input`.
    ///
    /// The result is at most six times as long as the input (`utf8toUnicode` over overlong sequences), except for
    /// `length` and the digests, whose length is fixed. Nothing but `out` is allocated.
    pub fn apply(self, input: &[u8], out: &mut Vec<u8>) -> bool {
        // By a pointer: inlined into one, they would be the module's largest function, and V8 takes time and memory for that.
        let apply: fn(&[u8], &mut Vec<u8>) -> bool = match self {
            Self::Base64Decode => base64_decode::apply,
            Self::Base64DecodeExt => base64_decode_ext::apply,
            Self::Base64Encode => base64_encode::apply,
            Self::CmdLine => cmd_line::apply,
            Self::CompressWhitespace => compress_whitespace::apply,
            Self::CssDecode => css_decode::apply,
            Self::EscapeSeqDecode => escape_seq_decode::apply,
            Self::HexDecode => hex_decode::apply,
            Self::HexEncode => hex_encode::apply,
            Self::HtmlEntityDecode => html_entity_decode::apply,
            Self::JsDecode => js_decode::apply,
            Self::Length => length::apply,
            Self::Lowercase => lowercase::apply,
            Self::Md5 => digest::md5,
            Self::None => return false,
            Self::NormalisePath => normalise_path::apply,
            Self::NormalisePathWin => normalise_path::apply_win,
            Self::ParityEven7bit => parity_7bit::even,
            Self::ParityOdd7bit => parity_7bit::odd,
            Self::ParityZero7bit => parity_7bit::zero,
            Self::PhpArgsNames => php_args_names::apply,
            Self::RemoveComments => remove_comments::apply,
            Self::RemoveCommentsChar => remove_comments_char::apply,
            Self::RemoveNulls => remove_nulls::apply,
            Self::RemoveWhitespace => remove_whitespace::apply,
            Self::ReplaceComments => replace_comments::apply,
            Self::ReplaceNulls => replace_nulls::apply,
            Self::Sha1 => digest::sha1,
            Self::SqlHexDecode => sql_hex_decode::apply,
            Self::Trim => trim::both,
            Self::TrimLeft => trim::left,
            Self::TrimRight => trim::right,
            Self::Uppercase => uppercase::apply,
            Self::UrlDecode => url_decode::apply,
            Self::UrlDecodeUni(map) => return url_decode_uni::apply(input, map, out),
            Self::UrlEncode => url_encode::apply,
            Self::Utf8ToUnicode => utf8_to_unicode::apply,
        };
        apply(input, out)
    }

    /// All transformations with their names, the preferred spelling first.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        NAMES.iter().copied()
    }
}

pub use scan::is_space;
pub use url_decode::decode as url_decode;

static NAMES: &[(&str, Transformation)] = &[
    ("base64Decode", Transformation::Base64Decode),
    ("base64DecodeExt", Transformation::Base64DecodeExt),
    ("base64Encode", Transformation::Base64Encode),
    ("cmdLine", Transformation::CmdLine),
    ("compressWhitespace", Transformation::CompressWhitespace),
    ("cssDecode", Transformation::CssDecode),
    ("escapeSeqDecode", Transformation::EscapeSeqDecode),
    ("hexDecode", Transformation::HexDecode),
    ("hexEncode", Transformation::HexEncode),
    ("htmlEntityDecode", Transformation::HtmlEntityDecode),
    ("jsDecode", Transformation::JsDecode),
    ("length", Transformation::Length),
    ("lowercase", Transformation::Lowercase),
    ("md5", Transformation::Md5),
    ("none", Transformation::None),
    ("normalizePath", Transformation::NormalisePath),
    ("normalisePath", Transformation::NormalisePath),
    ("normalizePathWin", Transformation::NormalisePathWin),
    ("normalisePathWin", Transformation::NormalisePathWin),
    ("parityEven7bit", Transformation::ParityEven7bit),
    ("parityOdd7bit", Transformation::ParityOdd7bit),
    ("parityZero7bit", Transformation::ParityZero7bit),
    ("phpArgsNames", Transformation::PhpArgsNames),
    ("removeComments", Transformation::RemoveComments),
    ("removeCommentsChar", Transformation::RemoveCommentsChar),
    ("removeNulls", Transformation::RemoveNulls),
    ("removeWhitespace", Transformation::RemoveWhitespace),
    ("replaceComments", Transformation::ReplaceComments),
    ("replaceNulls", Transformation::ReplaceNulls),
    ("sha1", Transformation::Sha1),
    ("sqlHexDecode", Transformation::SqlHexDecode),
    ("trim", Transformation::Trim),
    ("trimLeft", Transformation::TrimLeft),
    ("trimRight", Transformation::TrimRight),
    ("uppercase", Transformation::Uppercase),
    ("urlDecode", Transformation::UrlDecode),
    ("urlDecodeUni", Transformation::UrlDecodeUni(UnicodeMap::UsAscii)),
    ("urlEncode", Transformation::UrlEncode),
    ("utf8toUnicode", Transformation::Utf8ToUnicode),
    // Spellings that ModSecurity v2 rules use.
    ("cmd_line", Transformation::CmdLine),
    ("compress_whitespace", Transformation::CompressWhitespace),
];
