//! Values that differ in one word have the same scans, in all their forms, where that word says nothing.

use std::ops::Range;

use super::summary::ALL_PAIRS;
use super::{Prefilter, Scope, Seen};
use portcullis_collections::Map;
use portcullis_collections::beginnings::{are_same, common};

/// The letters and digits in literals that stand beside a border, each with the bytes before and behind it: which of them there are, by
/// hash, as bits.
#[derive(Debug)]
pub(super) struct Edges(Box<[u64; EDGE_WORDS]>);

const EDGE_WORDS: usize = 1 << 10;

/// Where a literal or a value ends.
const NOTHING: u8 = 0;

/// A word of more bytes is not looked at.
const LONGEST: usize = 32;

impl Prefilter {
    /// Whether a scan finds the same in each form of both values that transformations make which keep words.
    ///
    /// They are of one length and differ in nothing but a word, behind a byte that all transformations leave where it is, and before
    /// another one or the end. The bytes of both words belong to the same classes, and no literal has any byte of them.
    #[must_use]
    pub fn are_twins(&self, one: &[u8], other: &[u8], scope: Scope) -> bool {
        let Some(word) = differing_word(one, other) else { return false };
        let [one_seen, other_seen] =
            [one, other].map(|value| self.look(Seen::default(), value.get(word.clone()).unwrap_or_default()));
        one_seen.classes == other_seen.classes
            && one_seen.summary == other_seen.summary
            && one_seen.summary & ALL_PAIRS == 0
            && [one, other].iter().all(|value| self.is_plain(value, &word, scope))
    }

    /// Whether it is a word, and no literal can have any byte of it in whatever form of the value.
    fn is_plain(&self, value: &[u8], word: &Range<usize>, scope: Scope) -> bool {
        let text = value.get(word.clone()).unwrap_or_default();
        let Some(before) = word.start.checked_sub(1).and_then(|at| value.get(at)).copied() else {
            return false;
        };
        let after = value.get(word.end).copied().unwrap_or(NOTHING);
        let ([first, ..], [.., last]) = (text, text) else { return false };
        let is_open = is_border(before)
            && (word.end == value.len() || is_border(after))
            && text.iter().all(u8::is_ascii_alphanumeric)
            && !self.edges.have([before, *first, NOTHING])
            && !self.edges.have([NOTHING, *last, after])
            && !self.edges.have([before, *first, text.get(1).copied().unwrap_or(after)])
            && !self.edges.have([text.iter().rev().nth(1).copied().unwrap_or(before), *last, after]);
        // Literals within the word.
        let mut hits = Vec::new();
        if is_open {
            for scope in [scope, Scope::Derived] {
                self.find_literals((text, 0), 0, scope, &mut [], Some(&mut hits));
            }
        }
        is_open && hits.is_empty()
    }
}

/// Whether a byte stays where it is whatever transformations do that keep words, as long as what stands beside it does: none of
/// them writes something else for it, takes it away or reads beyond it what it begins on the other side.
#[must_use]
pub const fn is_border(byte: u8) -> bool {
    matches!(
        byte,
        b'_' | b'.'
            | b':'
            | b'='
            | b'$'
            | b'@'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'('
            | b')'
            | b'|'
            | b'~'
            | b'?'
            | b'`'
    )
}

/// The letters and digits around all bytes in which two values differ.
fn differing_word(one: &[u8], other: &[u8]) -> Option<Range<usize>> {
    let first = common(one, other);
    let last = one.len().min(first + LONGEST);
    if one.len() != other.len() || !are_same(one.get(last..)?, other.get(last..)?) {
        return None;
    }
    let mut both = one.get(first..last)?.iter().zip(other.get(first..last)?);
    let end = first + both.rposition(|(one, other)| one != other)? + 1;
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric();
    let before = one.get(..first)?.iter().rev().take(LONGEST).take_while(is_part).count();
    let after = one.get(end..)?.iter().take(LONGEST).take_while(is_part).count();
    Some(first - before..end + after)
}

impl Edges {
    pub(super) fn of(literals: &Map<Vec<u8>, Vec<u16>>) -> Self {
        let mut edges = Edges(Box::new([0; EDGE_WORDS]));
        for (literal, _) in literals.iter() {
            let (mut before, mut bytes) = (NOTHING, literal.iter().copied().peekable());
            while let Some(byte) = bytes.next() {
                let after = bytes.peek().copied().unwrap_or(NOTHING);
                if byte.is_ascii_alphanumeric() && (is_border(before) || is_border(after)) {
                    let (word, bit) = Self::place([before, byte, after]);
                    edges.0.get_mut(word).into_iter().for_each(|bits| *bits |= 1 << bit);
                }
                before = byte;
            }
        }
        edges
    }

    /// Whether these may stand beside each other in a literal, or begin or end it.
    fn have(&self, bytes: [u8; 3]) -> bool {
        let (word, bit) = Self::place(bytes.map(|byte| byte.to_ascii_lowercase()));
        self.0.get(word).is_none_or(|bits| bits >> bit & 1 == 1)
    }

    fn place([before, byte, after]: [u8; 3]) -> (usize, u32) {
        let hash = u32::from_be_bytes([0, before, byte, after]).wrapping_mul(0x9e37_79b9);
        ((hash >> 22) as usize % EDGE_WORDS, hash >> 16 & 63)
    }
}
