//! Words that transformations leave as they are, so that values which differ in one have forms which differ in it alone.

use portcullis_seclang::ast;

/// Whether a transformation keeps a word, letters and digits that stand behind a [border](portcullis_scan::is_border) and before another one or at the end, but for its
/// case; or takes it away, border and all, whatever its letters and digits are. What it makes of the rest does not depend on the
/// word, but on its length. `0x` is no part of such a word.
pub(super) fn keeps_words(name: ast::Transformation) -> bool {
    use ast::Transformation as T;
    matches!(
        name,
        T::None
            | T::Lowercase
            | T::Uppercase
            | T::UrlDecode
            | T::UrlDecodeUni
            | T::HtmlEntityDecode
            | T::JsDecode
            | T::CssDecode
            | T::EscapeSeqDecode
            | T::RemoveNulls
            | T::ReplaceNulls
            | T::RemoveWhitespace
            | T::CompressWhitespace
            | T::Trim
            | T::TrimLeft
            | T::TrimRight
            | T::NormalizePath
            | T::NormalizePathWin
            | T::RemoveComments
            | T::RemoveCommentsChar
            | T::ReplaceComments
            | T::CmdLine
            | T::ParityZero7bit
            // A border is none of its bytes, so a word is only ever in what it leaves as it is.
            | T::Base64Decode
            | T::SqlHexDecode
            | T::Utf8ToUnicode
    )
}
