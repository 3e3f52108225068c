//! Texts that rules set whatever the request is, in one place: a TX variable that has one of them is its number, until somebody asks
//! for it as a value.

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Constants {
    texts: Vec<u8>,
    /// Where each of them ends, and the next begins.
    ends: Vec<u32>,
}

/// An index into [`Constants`]. Different ones have different texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConstantId(pub(crate) u32);

impl Constants {
    pub(crate) fn get(&self, ConstantId(id): ConstantId) -> &[u8] {
        let end_of = |id| self.ends.get(id as usize).map_or(0, |end| *end as usize);
        let start = id.checked_sub(1).map_or(0, end_of);
        self.texts.get(start..end_of(id)).unwrap_or(b"")
    }

    pub(super) fn intern(&mut self, text: &[u8]) -> ConstantId {
        let count = self.ends.len() as u32;
        let known = (0..count).map(ConstantId).find(|known| self.get(*known) == text);
        known.unwrap_or_else(|| {
            self.texts.extend_from_slice(text);
            self.ends.push(self.texts.len() as u32);
            ConstantId(count)
        })
    }
}
