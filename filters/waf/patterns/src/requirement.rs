//! What an input must have for an operator to match at all, so that one pass over the input rules most rules out.

use portcullis_collections::sorted;

use crate::byte_set::ByteSet;

/// Conditions that every matching input fulfils: if one of them does not hold, the operator does not match.
///
/// They say nothing about an input that fulfils them. For a negated operator (`!@rx`) they are of no use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// At least one of these occurs in the input, ASCII case ignored. In lower case, none empty, sorted, no duplicates.
    /// No condition if empty.
    pub literals: Vec<Vec<u8>>,
    /// At least one of these bytes occurs in the input. `None`: no condition.
    pub bytes: Option<ByteSet>,
    /// One byte of each of these sets occurs in the input.
    pub more_bytes: Vec<ByteSet>,
    /// An input without a newline holds no other bytes than these. `None`: no condition.
    pub only: Option<ByteSet>,
    /// The input is at least this long.
    pub min_length: usize,
    /// The input is no longer than this. `None`: no condition.
    pub max_length: Option<usize>,
}

impl Requirement {
    /// The requirement that the input holds at least one of `literals`, in any case.
    pub fn any_of<'a>(literals: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self::any_lower(literals.into_iter().map(<[u8]>::to_ascii_lowercase).collect())
    }

    fn any_lower(literals: Vec<Vec<u8>>) -> Self {
        let mut literals = sorted(literals);
        literals.dedup();
        let min_length = literals.iter().map(Vec::len).min().unwrap_or(0);
        if min_length == 0 {
            return Self::default();
        }
        let first = literals.iter().filter_map(|literal| literal.first().copied()).collect::<ByteSet>();
        Self { literals, bytes: Some(first.fold_case()), min_length, ..Self::default() }
    }

    /// Whether `input` fulfils all conditions. Slow and simple: what a prefilter has to agree with.
    #[must_use]
    pub fn is_satisfied_by(&self, input: &[u8]) -> bool {
        let lower = input.to_ascii_lowercase();
        input.len() >= self.min_length
            && self.max_length.is_none_or(|most| input.len() <= most)
            && self
                .only
                .is_none_or(|set| input.contains(&b'\n') || input.iter().all(|&byte| set.contains(byte)))
            && self
                .bytes
                .iter()
                .chain(&self.more_bytes)
                .all(|set| input.iter().any(|&byte| set.contains(byte)))
            && (self.literals.is_empty()
                || self.literals.iter().any(|literal| memchr::memmem::find(&lower, literal).is_some()))
    }
}

/// How often a byte occurs in ordinary headers, arguments and JSON, roughly. Upper case counts as its lower case.
#[must_use]
#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte is below 256")]
pub const fn byte_frequency(byte: u8) -> f32 {
    FREQUENCIES[byte as usize]
}

/// The compiler of rules asks for some ten thousand.
const FREQUENCIES: [f32; 256] = {
    let mut table = [0.0; 256];
    let mut byte = 0;
    #[expect(clippy::indexing_slicing, reason = "when it is compiled")]
    while byte < table.len() {
        table[byte] = frequency(byte as u8);
        byte += 1;
    }
    table
};

const fn frequency(byte: u8) -> f32 {
    match byte.to_ascii_lowercase() {
        b'e' => 0.08,
        b'a' | b'i' | b'n' | b'o' | b'r' | b's' | b't' => 0.05,
        // All names of a JSON body begin with `json`.
        b'c' | b'd' | b'h' | b'j' | b'l' | b'm' | b'p' | b'u' => 0.03,
        b'b' | b'f' | b'g' | b'k' | b'v' | b'w' | b'y' => 0.015,
        b'q' | b'x' | b'z' => 0.004,
        b'0'..=b'9' => 0.03,
        b' ' => 0.08,
        b'-' | b'.' | b'/' | b'_' => 0.02,
        b',' | b':' | b'=' | b';' | b'+' => 0.01,
        b'"' | b'&' | b'%' | b'(' | b')' | b'@' | b'?' => 0.003,
        0x80.. => 0.0002,
        0..0x20 | 0x7f => 0.0005,
        _ => 0.001,
    }
}
