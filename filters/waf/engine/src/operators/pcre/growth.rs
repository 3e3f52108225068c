//! Whether an automaton takes more memory than when that was counted last.
//!
//! Its states are made as they are needed. To count them after each search took forty lines of the caches for a request that
//! makes none.

use regex_automata::hybrid::LazyStateID;

/// What has been seen since then.
#[derive(Debug, Default)]
pub(super) struct Growth {
    has_grown: bool,
    /// How many states may have been made unseen.
    unseen: u32,
}

impl Growth {
    /// So many states are not missed.
    const FEW: u32 = 64;

    /// Something was made, or may have been.
    pub(super) fn note(&mut self) {
        self.has_grown = true;
    }

    /// One step was taken that is not seen to make a state, if it does.
    #[inline]
    pub(super) fn note_unseen(&mut self) {
        self.unseen = self.unseen.saturating_add(1);
    }

    /// What the table has is to be gone on to.
    #[inline]
    pub(super) fn note_next(&mut self, next: LazyStateID) {
        self.has_grown |= next.is_unknown();
    }

    /// Whether it may take more, but for few states. Begins anew.
    pub(super) fn take(&mut self) -> bool {
        let is_due = self.has_grown || self.unseen >= Self::FEW;
        if is_due {
            *self = Self::default();
        }
        is_due
    }
}
