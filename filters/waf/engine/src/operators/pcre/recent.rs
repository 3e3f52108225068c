//! What a pattern was asked about last, so that a search of what begins alike need not begin anew.
//!
//! JSON spells a long key out in the name of each value under it, and a rule is asked about these names one after the other. Where an
//! automaton is at a place depends on the bytes before it alone.

use std::cell::RefCell;

use portcullis_collections::beginnings::common;

/// Inputs of more bytes are not kept: memory.
const LONGEST: usize = 64 << 10;
/// A smaller part of the input is not worth it.
const LEAST_PART: usize = 4;
/// The most states that are kept.
const MOST: usize = 16;
/// How far apart they are at least, where inputs do not part, and how far the last one is from the end. Inputs of tests are short.
const APART: usize = if cfg!(test) { 8 } else { 128 };
const BEFORE_END: usize = APART / 8;

thread_local! {
    static LAST: RefCell<Last> = const { RefCell::new(Last { text: Vec::new(), of: 0 }) };
}

/// The long input of the last search.
struct Last {
    text: Vec<u8>,
    /// The number of the matcher that searched it.
    of: u64,
}

/// With how many bytes an input begins that are those of the last one, if it was searched by the matcher of that number, which is not
/// 0. `None` for an input that is not kept, as those of fewer than `shortest` bytes: the last one is the last one still.
#[inline]
pub(super) fn shared(of: u64, input: &[u8], shortest: usize) -> Option<usize> {
    if input.len() < shortest { None } else { shared_by_long(of, input, shortest / 2) }
}

#[inline(never)]
fn shared_by_long(of: u64, input: &[u8], least: usize) -> Option<usize> {
    if input.len() > LONGEST {
        return None;
    }
    LAST.with_borrow_mut(|last| {
        let shared = if last.of == of { common(&last.text, input) } else { 0 };
        last.of = of;
        last.text.truncate(shared);
        last.text.extend_from_slice(input.get(shared..).unwrap_or(b""));
        Some(if shared < least.max(input.len() / LEAST_PART) { 0 } else { shared })
    })
}

pub(in crate::operators) fn forget_inputs() {
    LAST.with_borrow_mut(|last| last.text.clear());
}

/// States of an automaton at places of the last input.
#[derive(Debug)]
pub(super) struct Marks<T> {
    places: Vec<(usize, T)>,
    /// How often the automaton's table had been cleared.
    clears: usize,
}

/// Whether it is worth it to mark places of an input of whose beginning nothing is known.
pub(super) fn is_marked(input: &[u8]) -> bool {
    input.len() >= 4 * APART
}

/// The next place after `at` to be marked in an input of `length` bytes that begins with `shared` of the last one: the next input may
/// part from it anywhere, most likely near its end.
pub(super) fn next_mark(at: usize, shared: usize, length: usize) -> Option<usize> {
    if at < shared {
        return Some(shared);
    }
    let end = length.checked_sub(BEFORE_END)?;
    match end.checked_sub(at)? {
        left if left < BEFORE_END => None,
        left if left < 2 * APART => Some(end),
        left => Some(at + left / 2),
    }
}

impl<T> Marks<T> {
    pub(super) const NONE: Self = Self { places: Vec::new(), clears: 0 };

    /// The last one within the first `shared` bytes, which the next input has, too. Others are forgotten, and all if the table has been
    /// cleared since.
    pub(super) fn last(&mut self, shared: usize, clears: usize) -> Option<&(usize, T)> {
        self.know(clears);
        while self.places.last().is_some_and(|(at, _)| *at > shared) {
            self.places.pop();
        }
        self.places.last()
    }

    /// Adds the last one. If there are too many, every other is forgotten.
    pub(super) fn push(&mut self, at: usize, state: T, clears: usize) {
        self.know(clears);
        if self.places.len() == MOST {
            let mut is_kept = true;
            self.places.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
        }
        self.places.push((at, state));
    }

    pub(super) fn forget(&mut self) {
        self.places.clear();
    }

    fn know(&mut self, clears: usize) {
        if self.clears != clears {
            self.places.clear();
            self.clears = clears;
        }
    }
}
