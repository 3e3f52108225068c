use std::collections::HashMap;

/// The names of the headers, cookies or query parameters that rules ask for, so that a request's are gone through once.
#[derive(Debug)]
pub(crate) struct Fields {
    by_name: Vec<(Box<[u8]>, FieldId)>,
    /// A bit for each length of a name, modulo 64: most names of a request are told apart by it.
    lengths: u64,
}

/// The place of a field's value among the values of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FieldId(pub(crate) usize);

/// Fields in the making.
#[derive(Debug, Default)]
pub(crate) struct FieldNames(HashMap<Box<[u8]>, FieldId>);

impl FieldNames {
    pub(crate) fn id(&mut self, name: &str) -> FieldId {
        let next = FieldId(self.0.len());
        *self.0.entry(name.as_bytes().into()).or_insert(next)
    }

    pub(crate) fn build(self) -> Fields {
        let mut by_name: Vec<_> = self.0.into_iter().collect();
        by_name.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let lengths = by_name.iter().fold(0, |lengths, (name, _)| lengths | length_bit(name));
        Fields { by_name, lengths }
    }
}

impl Fields {
    pub(crate) fn find(&self, name: &[u8]) -> Option<FieldId> {
        if self.lengths & length_bit(name) == 0 {
            return None;
        }
        let at = self.by_name.binary_search_by(|(candidate, _)| candidate.as_ref().cmp(name)).ok()?;
        self.by_name.get(at).map(|(_, id)| *id)
    }

    /// The names, in order. They were text.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok())
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }
}

fn length_bit(name: &[u8]) -> u64 {
    1 << (name.len() % 64)
}
