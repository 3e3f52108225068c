//! Text with macros, as in `msg:'Score %{TX.anomaly_score}'`.

use super::VariableName;

/// Text that may hold macros, parsed once. ModSecurity v3 reference, "Macro Expansion".
///
/// `%{` that no variable name and `}` follow is literal text, as in ModSecurity v2, so that a pattern such as
/// `%{2,}` keeps its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    /// The text as written, without its quotes and unescaped.
    pub raw: Vec<u8>,
    /// The text in pieces. Neighbouring literals are joined; text without macros has no parts.
    pub parts: Vec<Part>,
}

impl Template {
    /// The text, if it holds no macro.
    pub fn as_literal(&self) -> Option<&[u8]> {
        self.parts.is_empty().then_some(&self.raw)
    }
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text that stands for itself.
    Literal(Vec<u8>),
    /// `%{NAME}`, `%{NAME.key}` or `%{NAME:key}`.
    Macro(Macro),
}

/// A variable inside a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Macro {
    /// The variable or collection.
    pub variable: VariableName,
    /// The key inside a collection, in the case that it was written in.
    pub key: Option<Vec<u8>>,
}
