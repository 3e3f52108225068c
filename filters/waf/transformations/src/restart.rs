//! Where transformations can begin anew, so that values that begin alike share what is made of their beginnings.

use super::Transformation;
use super::scan::is_space;

/// A place is looked for so far back.
const BACK: usize = 32;

impl Transformation {
    /// A place of at most `at` at which any value that has the first `at` bytes of `input` can be cut in two: what is made of it is what
    /// is made of the one part and then of the other. `None` if none is known.
    #[must_use]
    pub fn restart(self, input: &[u8], at: usize) -> Option<usize> {
        let known = input.get(..at)?;
        let can_cut: fn(&[u8], &[u8]) -> bool = match self {
            Self::Lowercase
            | Self::Uppercase
            | Self::RemoveNulls
            | Self::ReplaceNulls
            | Self::RemoveWhitespace
            | Self::ParityEven7bit
            | Self::ParityOdd7bit
            | Self::ParityZero7bit => |_, _| true,
            // What an escape starts with stands nowhere else in one.
            Self::UrlDecode | Self::UrlDecodeUni(_) => {
                |before, after| after.first() == Some(&b'%') || !ends_with_any(before, 5, b"%")
            }
            Self::HtmlEntityDecode => |_, after| {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b';');
                after.first().is_some_and(|byte| !is_part(byte))
            },
            // A backslash may escape one.
            Self::JsDecode | Self::CssDecode | Self::EscapeSeqDecode => |before, after| {
                !ends_with_any(before, 7, b"\\")
                    || after.first() == Some(&b'\\') && !ends_with_any(before, 1, b"\\")
            },
            Self::CmdLine => |before, _| !ends_with_any(before, 1, b"\"'\\^ ,;\t\r\n"),
            Self::CompressWhitespace => |before, _| !before.last().is_some_and(|byte| is_space(*byte)),
            Self::RemoveCommentsChar => |before, _| !ends_with_any(before, 3, b"/*<!-"),
            Self::Utf8ToUnicode => |before, after| {
                let is_start = |byte: &u8| !(0x80..0xc0).contains(byte);
                after.first().is_some_and(is_start) || before.last().is_some_and(u8::is_ascii)
            },
            _ => return None,
        };
        let cut =
            |at: &usize| known.split_at_checked(*at).is_some_and(|(before, after)| can_cut(before, after));
        (at.saturating_sub(BACK)..=at).rev().find(cut)
    }
}

/// Whether any of the last bytes is one of these.
fn ends_with_any(bytes: &[u8], last: usize, wanted: &[u8]) -> bool {
    bytes.iter().rev().take(last).any(|byte| wanted.contains(byte))
}
