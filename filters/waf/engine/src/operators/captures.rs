//! What an operator captured.

use std::ops::Range;

use super::Place;
use super::pcre::{GROUPS, Groups};

/// The values of `TX.0` to `TX.9`. Reuse one: it keeps its memory.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    bytes: Vec<u8>,
    ranges: [Option<Range<usize>>; GROUPS],
    /// Where the groups of a pattern were.
    places: Vec<Place>,
}

impl Captures {
    /// The value captured under `index`; `None` if there is none, or `index` is above 9.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.bytes.get(self.ranges.get(index)?.clone()?)
    }

    /// One more than the largest index that has a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.iter().rposition(Option::is_some).map_or(0, |last| last + 1)
    }

    /// Whether nothing was captured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        (0..GROUPS).filter_map(|index| self.get(index).map(|value| (index, value)))
    }

    /// Where in the input the groups of the pattern were that took part in its last match.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
        self.ranges = Default::default();
    }

    /// Stores a value; an `index` above 9 is ignored.
    pub(super) fn set(&mut self, index: usize, value: &[u8]) {
        if let Some(range) = self.ranges.get_mut(index) {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(value);
            *range = Some(start..self.bytes.len());
        }
    }

    /// Replaces all values with this one.
    pub(super) fn set_only(&mut self, value: &[u8]) {
        self.clear();
        self.set(0, value);
    }

    /// Stores the groups of a match from `index` on; returns the index after them.
    pub(super) fn add_groups(&mut self, index: usize, groups: &Groups, input: &[u8]) -> usize {
        self.places.extend(groups.iter().flatten().map(|(from, to)| (*from, to.saturating_sub(*from))));
        let used = groups.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        for (offset, group) in groups.iter().take(used).enumerate() {
            if let Some(value) = group.and_then(|(start, end)| input.get(start..end)) {
                self.set(index + offset, value);
            }
        }
        index + used
    }
}
