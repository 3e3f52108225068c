//! What a backtracking search has tried without success, so that it need not be tried again.
//!
//! In a program that is regular, what follows depends on nothing but the instruction and the position. (Where a loop's last turn
//! began does play a part, but only a turn that began there can come to the place again before all other ways from it have
//! failed.) Forgetting costs time only.

/// Nothing is remembered until [`Tried::begin`].
#[derive(Debug, Default)]
pub(super) struct Tried {
    /// Instructions that lead more than one way and the positions that they were run at, the last of each hash.
    forks: Vec<u64>,
    /// Where loops over single bytes have ended, the last loop of each hash.
    exits: Vec<Exits>,
}

/// Positions one after the other at which a loop has ended. Each but the last has a byte that it takes.
#[derive(Debug, Clone, Copy, Default)]
struct Exits {
    /// The instruction behind the loop.
    pc: usize,
    first: usize,
    /// Behind the last.
    end: usize,
}

/// How many places are remembered at most, and how many for each byte: 32 KB.
const FORKS: usize = 4_096;
const FORKS_FOR_EACH_BYTE: usize = 8;
/// How many loops: 6 KB.
const LOOPS: usize = 256;

impl Tried {
    /// Remembers from now on, for an input of so many bytes.
    pub(super) fn begin(&mut self, len: usize) {
        let forks = (len * FORKS_FOR_EACH_BYTE).clamp(1, FORKS);
        self.forks.resize(forks.next_power_of_two(), u64::MAX);
        self.exits.resize(LOOPS, Exits::default());
    }

    /// Whether it does.
    #[inline]
    pub(super) fn remembers(&self) -> bool {
        !self.forks.is_empty()
    }

    /// Whether the instruction was run there. It was, from now on.
    pub(super) fn fork(&mut self, pc: usize, at: usize) -> bool {
        let place = (pc as u64) << 32 | at as u64;
        let hash = (place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (self.forks.len() - 1);
        let Some(known) = self.forks.get_mut(hash) else { return false };
        std::mem::replace(known, place) == place
    }

    /// Notes that the loop before `pc` has ended at all positions from `first` to `last`, all of which one turn of it came by.
    #[inline]
    pub(super) fn note_exits(&mut self, pc: usize, first: usize, last: usize) {
        let Some(known) = self.exits.get_mut(pc % LOOPS) else { return };
        if known.pc == pc && first < known.end && known.first <= last {
            (known.first, known.end) = (known.first.min(first), known.end.max(last + 1));
        } else if known.pc != pc || last + 1 - first >= known.end - known.first {
            *known = Exits { pc, first, end: last + 1 };
        }
    }

    /// If the loop before `pc` has ended there: the first and the last of the positions around it at which it has.
    #[inline]
    pub(super) fn exits_around(&self, pc: usize, at: usize) -> Option<(usize, usize)> {
        let known = self.exits.get(pc % LOOPS)?;
        (known.pc == pc && (known.first..known.end).contains(&at)).then(|| (known.first, known.end - 1))
    }
}
