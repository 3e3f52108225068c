//! Values that differ in a word that says nothing, as the names that JSON makes of one key do in their last number: what groups find
//! in one they find in all.

use super::{ValueId, Values};
use crate::plan::{Prefilter, Profile};

/// The values of a source that were different from all others.
#[derive(Debug, Default)]
pub(super) struct Twins {
    kept: Vec<Kept>,
    /// The place for the next one.
    next: usize,
}

#[derive(Debug)]
struct Kept {
    value: ValueId,
    len: usize,
    profile: Profile,
}

/// Among fewer values too few are alike.
const MANY: usize = 512;
const MOST: usize = 64;

impl Twins {
    /// For so many values.
    #[inline]
    pub(super) fn among(values: usize) -> Option<Self> {
        (values >= MANY).then(Self::default)
    }

    /// The place of a value that was kept of which this one is a twin, in all forms that chains which keep words make. Otherwise the
    /// place where this one is kept from now on.
    #[inline(never)]
    pub(super) fn find(
        &mut self,
        values: &mut Values,
        prefilter: &Prefilter,
        value: ValueId,
    ) -> Result<usize, usize> {
        let (len, profile, scope) =
            (values.len(value), values.profile(value, prefilter), values.scope(value));
        let bytes = values.bytes(value);
        let is_twin = |kept: &Kept| {
            kept.len == len
                && kept.profile == profile
                && values.scope(kept.value) == scope
                && prefilter.are_twins(bytes, values.bytes(kept.value), scope)
        };
        if let Some(place) = self.kept.iter().position(is_twin) {
            return Ok(place);
        }
        let (kept, place) = (Kept { value, len, profile }, self.next);
        match self.kept.get_mut(place) {
            Some(known) => *known = kept,
            None => self.kept.push(kept),
        }
        self.next = (place + 1) % MOST;
        Err(place)
    }
}

#[cfg(test)]
mod tests;
