//! Looks for the literals of one operator in a value that no other operator is asked about.
//!
//! What a rare transformation makes of a value is mostly of interest to one rule. A search for the few bytes of which each of
//! its literals has one passes over the value far faster than the scan for everybody's literals, which also needs the
//! value's profile.

use portcullis_patterns::{ByteSet, byte_frequency};

/// The literals of an operator, each filed under one of its bytes.
#[derive(Debug)]
pub(super) struct Probe {
    anchors: Vec<Anchor>,
}

#[derive(Debug)]
struct Anchor {
    /// In lower case.
    byte: u8,
    /// What can follow it.
    after: ByteSet,
    /// Where the byte is in a literal, and the literal.
    literals: Vec<(usize, Vec<u8>)>,
}

/// A value is gone through once for each anchor.
const MOST_ANCHORS: usize = 16;
const MOST_LITERALS: usize = 128;

impl Probe {
    /// For literals in lower case. `None` if there are none, or too many.
    #[inline(never)]
    pub(super) fn new(literals: &[Vec<u8>]) -> Option<Self> {
        if literals.is_empty() || literals.len() > MOST_LITERALS {
            return None;
        }
        let mut anchors: Vec<Anchor> = Vec::new();
        let mut open: Vec<&Vec<u8>> = literals.iter().collect();
        while !open.is_empty() && anchors.len() < MOST_ANCHORS {
            let mut counts = [0_u16; 256];
            for byte in open.iter().flat_map(|literal| ByteSet::of(literal).iter()) {
                counts.get_mut(usize::from(byte)).into_iter().for_each(|count| *count += 1);
            }
            // Instructions for each byte of a value and each literal: passing over it, and looking at its places.
            let cost = |(byte, count): (u8, u16)| {
                let count = f32::from(count);
                (0.2 + byte_frequency(byte) * (60.0 + 12.0 * count)) / count
            };
            let of_any = (0..=u8::MAX).zip(counts).filter(|(_, count)| *count > 0);
            let costs = of_any.map(|counted| (cost(counted), counted.0));
            let (_, byte) = costs.min_by(|(one, _), (other, _)| one.total_cmp(other))?;
            let place =
                |literal: &&Vec<u8>| Some((literal.iter().position(|of| *of == byte)?, literal.to_vec()));
            let literals: Vec<_> = open.iter().filter_map(place).collect();
            let after = literals.iter().fold(ByteSet::EMPTY, |all, (at, literal)| {
                all.union(literal.get(at + 1).map_or(ByteSet::FULL, |byte| ByteSet::of(&[*byte])))
            });
            anchors.push(Anchor { byte, after: after.fold_case(), literals });
            open.retain(|literal| !literal.contains(&byte));
        }
        open.is_empty().then_some(Probe { anchors })
    }

    /// The fewest bytes of a value that are not scanned as fast.
    pub(super) fn shortest(&self) -> usize {
        10 * self.anchors.len()
    }

    /// Whether one of the literals is in `text`, case ignored. `None` if `text` has so many of their bytes that a scan takes less.
    pub(super) fn is_in(&self, text: &[u8]) -> Option<bool> {
        let mut left = 64 + text.len() / 4;
        for Anchor { byte, after, literals } in &self.anchors {
            let mut from = 0;
            while let Some(rest) = text.get(from..)
                && let Some(offset) = memchr::memchr2(*byte, byte.to_ascii_uppercase(), rest)
            {
                let at = from + offset;
                from = at + 1;
                left = left.checked_sub(1)?;
                if text.get(from).is_some_and(|next| !after.contains(*next)) {
                    continue;
                }
                left = left.checked_sub(literals.len())?;
                let is_here = |(before, literal): &(usize, Vec<u8>)| {
                    let start = at.checked_sub(*before);
                    let place = start.and_then(|start| text.get(start..start + literal.len()));
                    place.is_some_and(|place| place.eq_ignore_ascii_case(literal))
                };
                if literals.iter().any(is_here) {
                    return Some(true);
                }
            }
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::Probe;
    use suites::Random;

    /// Finds what a search for each literal by itself finds, or says that it does not know.
    #[test]
    fn finds_what_is_there() {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let mut next = |bound| random.below(bound);
        let (mut found, mut not_found, mut unknown) = (0, 0, 0);
        for _ in 0..400 {
            // Of few bytes, or of many.
            let others = [0, 4][next(2)];
            let mut word = |longest: usize| -> Vec<u8> {
                let bytes = (0..1 + next(longest)).map(|_| match next(5) {
                    other if other < others => next(256) as u8,
                    _ => b"ae(\0\xc3{[zg"[next(9)],
                });
                bytes.collect()
            };
            let literals: Vec<Vec<u8>> = (0..6).map(|_| word(4).to_ascii_lowercase()).collect();
            let Some(probe) = Probe::new(&literals) else { continue };
            for _ in 0..20 {
                let mut text = word(300);
                text.iter_mut().step_by(2).for_each(u8::make_ascii_uppercase);
                let lower = text.to_ascii_lowercase();
                let is_in = literals.iter().any(|literal| memchr::memmem::find(&lower, literal).is_some());
                match probe.is_in(&text) {
                    None => unknown += 1,
                    Some(says) => {
                        assert_eq!(says, is_in, "{literals:?} in {text:?}");
                        if is_in { found += 1 } else { not_found += 1 }
                    }
                }
            }
        }
        assert!(found > 1_000 && not_found > 500 && unknown > 0, "{found}, {not_found}, {unknown}");
    }
}
