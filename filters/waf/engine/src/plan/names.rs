//! Kinds of names: most sources by name have no value, which the kinds of the names that there are tell without a look at the source.

use super::{Select, Source};

/// The kind of a name. Names that differ in case alone are of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameKind(u8);

/// Some kinds of names, as bits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NameKinds(u64);

impl NameKind {
    /// Of any name.
    const ANY: Self = Self(u64::BITS as u8);

    pub(crate) fn of(name: &[u8]) -> Self {
        // Whatever `eq_ignore_ascii_case` takes for equal has the same ones.
        let byte = |byte: Option<&u8>| usize::from(byte.map_or(0, |byte| *byte | 0x20));
        let number = name.len() * 11 + byte(name.first()) * 3 + byte(name.last());
        Self((number % u64::BITS as usize) as u8)
    }

    /// Of the name that members of a source have.
    pub(super) fn of_source(source: &Source) -> Self {
        match &source.select {
            Select::Key(name) if source.variable.is_collection() => Self::of(name),
            _ => Self::ANY,
        }
    }
}

impl NameKinds {
    pub(crate) const ALL: Self = Self(u64::MAX);

    pub(crate) fn insert(&mut self, kind: NameKind) {
        self.0 |= 1u64.checked_shl(kind.0.into()).unwrap_or(u64::MAX);
    }

    /// Whether a name of a kind may be among those that were inserted.
    pub(crate) fn may_have(self, kind: NameKind) -> bool {
        kind == NameKind::ANY || self.0 >> kind.0 & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_alone_are_of_one_kind() {
        for name in [&b""[..], b"a", b"Content-Type", b"x_filename", b"\xc0[]", b"@Z"] {
            let mut kinds = NameKinds::default();
            assert!(!kinds.may_have(NameKind::of(name)) && kinds.may_have(NameKind::ANY));
            kinds.insert(NameKind::of(&name.to_ascii_uppercase()));
            assert!(kinds.may_have(NameKind::of(&name.to_ascii_lowercase())), "{name:?}");
        }
    }
}
