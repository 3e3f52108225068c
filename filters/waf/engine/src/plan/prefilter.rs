//! The scan: one pass over a value that tells which operators can match it at all.
//!
//! Every operator with a constant argument says what a value must hold for it to match: one of some literals, a byte of
//! some class, or both. All literals of a rule set are in one index, all classes in one table. A value is scanned
//! once, whatever the number of rules that look at it, and the result is a set of *checks*: the operators that have to
//! be asked.

use std::collections::{BTreeSet, HashMap};

use super::literals::Literals;
use crate::operators::{ByteSet, Requirement, byte_frequency};

/// The bit of an operator in the result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckId(pub(crate) u16);

impl CheckId {
    /// Whether the bit is set.
    pub(crate) fn is_in(self, words: &[u64]) -> bool {
        words.get(usize::from(self.0) / 64).is_some_and(|word| word >> (self.0 % 64) & 1 == 1)
    }
}

/// The compiled scan.
#[derive(Debug)]
pub(crate) struct Prefilter {
    /// Words in a result.
    words: usize,
    literals: Literals,
    /// For each literal the end of its checks in `checks`; they start where the last ones end.
    ends: Vec<u32>,
    checks: Vec<u16>,
    /// For each byte the classes that it belongs to.
    classes: Box<[u128; 256]>,
    /// The classes that `fulfils` has checks for, and `needed_by`.
    fulfilling: u128,
    needed: u128,
    /// For each class the checks that a byte of it fulfils, as a literal would.
    fulfils: Vec<u64>,
    /// For each class the checks that need a byte of it besides.
    needed_by: Vec<u64>,
    /// The checks that need no class besides.
    free: Vec<u64>,
}

/// There are as many classes as a word of the table has bits.
const MAX_CLASSES: usize = u128::BITS as usize;

impl Prefilter {
    /// The number of words in a result.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// Appends the result for `bytes` to `results`. `buffer` is scratch memory.
    pub(crate) fn scan(&self, bytes: &[u8], buffer: &mut Vec<u8>, results: &mut Vec<u64>) {
        let at = results.len();
        results.resize(at + self.words, 0);
        let Some(words) = results.get_mut(at..) else { return };
        let mut classes = 0;
        let mut upper = false;
        for byte in bytes {
            classes |= self.classes.get(usize::from(*byte)).copied().unwrap_or(0);
            upper |= byte.is_ascii_uppercase();
        }
        for class in ones(classes & self.fulfilling) {
            let fulfilled = self.fulfils.get(class * self.words..(class + 1) * self.words).unwrap_or(&[]);
            for (word, fulfilled) in words.iter_mut().zip(fulfilled) {
                *word |= fulfilled;
            }
        }
        // Lowering the value is cheaper than looking for both cases of every literal.
        let haystack = if upper {
            buffer.clear();
            buffer.extend(bytes.iter().map(u8::to_ascii_lowercase));
            &**buffer
        } else {
            bytes
        };
        self.literals.scan(haystack, |literal| self.add_checks(literal, words));
        for (index, word) in words.iter_mut().enumerate() {
            let mut kept = self.free.get(index).copied().unwrap_or(u64::MAX);
            if *word & !kept == 0 {
                continue;
            }
            for class in ones(classes & self.needed) {
                kept |= self.needed_by.get(class * self.words + index).copied().unwrap_or(u64::MAX);
            }
            *word &= kept;
        }
    }

    fn add_checks(&self, literal: usize, words: &mut [u64]) {
        let start =
            literal.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |end| *end as usize);
        let end = self.ends.get(literal).map_or(0, |end| *end as usize);
        for check in self.checks.get(start..end).unwrap_or(&[]) {
            set(words, *check);
        }
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.literals.memory()
            + self.ends.len() * 4
            + self.checks.len() * 2
            + (self.fulfils.len() + self.needed_by.len() + self.free.len()) * 8
            + size_of::<[u128; 256]>()
    }

    /// The number of literals that it looks for.
    pub(crate) fn literal_count(&self) -> usize {
        self.ends.len()
    }
}

/// Collects the operators of a rule set.
#[derive(Debug, Default)]
pub(crate) struct PrefilterBuilder {
    count: usize,
    literals: HashMap<Vec<u8>, BTreeSet<u16>>,
    classes: Vec<Class>,
    free: Vec<u16>,
}

#[derive(Debug)]
struct Class {
    bytes: ByteSet,
    fulfils: Vec<u16>,
    needed_by: Vec<u16>,
}

impl PrefilterBuilder {
    /// Adds an operator. `None`: there are too many, or it requires nothing that most values lack, so that it must always
    /// be asked.
    pub(crate) fn add(&mut self, requirement: &Requirement) -> Option<CheckId> {
        let check = u16::try_from(self.count).ok()?;
        let (single, long): (Vec<_>, Vec<_>) =
            requirement.literals.iter().partition(|literal| literal.len() == 1);
        // Literals of one byte are looked up as a class.
        let single = single.into_iter().flatten().copied().collect::<ByteSet>().fold_case();
        let needed = requirement.bytes.filter(|bytes| *bytes != single);
        let fulfilling = match (long.is_empty() && single.is_empty(), needed) {
            // Nothing but a class.
            (true, Some(bytes)) => bytes,
            (true, None) => return None,
            (false, _) => single,
        };
        let needed = needed.filter(|bytes| is_rare(*bytes) && *bytes != fulfilling);
        if is_common(fulfilling) {
            return None;
        }
        if !fulfilling.is_empty() {
            self.class(fulfilling)?.fulfils.push(check);
        }
        match needed.and_then(|bytes| self.class(bytes)) {
            Some(class) => class.needed_by.push(check),
            None => self.free.push(check),
        }
        for literal in long {
            self.literals.entry(literal.to_ascii_lowercase()).or_default().insert(check);
        }
        self.count += 1;
        Some(CheckId(check))
    }

    /// The entry of a class. `None` if there are too many.
    fn class(&mut self, bytes: ByteSet) -> Option<&mut Class> {
        let at = match self.classes.iter().position(|class| class.bytes == bytes) {
            Some(at) => at,
            None if self.classes.len() < MAX_CLASSES => {
                self.classes.push(Class { bytes, fulfils: Vec::new(), needed_by: Vec::new() });
                self.classes.len() - 1
            }
            None => return None,
        };
        self.classes.get_mut(at)
    }

    /// Builds the scan. `None` if it would be too large.
    pub(crate) fn build(self) -> Option<Prefilter> {
        let words = self.count.div_ceil(64);
        let mut patterns: Vec<(Vec<u8>, BTreeSet<u16>)> = self.literals.into_iter().collect();
        patterns.sort();
        let mut ends = Vec::with_capacity(patterns.len());
        let mut checks = Vec::new();
        for (_, wanted) in &patterns {
            checks.extend(wanted.iter().copied());
            ends.push(u32::try_from(checks.len()).ok()?);
        }
        let literals = Literals::new(patterns.iter().map(|(literal, _)| literal.as_slice()));
        let mut classes = Box::new([0u128; 256]);
        let mut fulfils = Vec::with_capacity(self.classes.len() * words);
        let mut needed_by = Vec::with_capacity(self.classes.len() * words);
        let (mut fulfilling, mut needed) = (0, 0);
        for (index, class) in self.classes.iter().enumerate() {
            for (byte, slot) in (0..=u8::MAX).zip(classes.iter_mut()) {
                if class.bytes.contains(byte) {
                    *slot |= 1 << index;
                }
            }
            fulfilling |= u128::from(!class.fulfils.is_empty()) << index;
            needed |= u128::from(!class.needed_by.is_empty()) << index;
            fulfils.extend(bits(&class.fulfils, words));
            needed_by.extend(bits(&class.needed_by, words));
        }
        let free = bits(&self.free, words);
        Some(Prefilter {
            words,
            literals,
            ends,
            checks,
            classes,
            fulfilling,
            needed,
            fulfils,
            needed_by,
            free,
        })
    }
}

fn bits(checks: &[u16], words: usize) -> Vec<u64> {
    let mut bits = vec![0; words];
    checks.iter().for_each(|check| set(&mut bits, *check));
    bits
}

/// The positions of the bits that are set.
fn ones(mut bits: u128) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let next = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        next
    })
}

/// Whether hardly any value is without a byte of the class: nothing is gained by asking.
fn is_common(class: ByteSet) -> bool {
    frequency_of(class) > 0.25
}

/// Whether most values are without a byte of the class, so that it rules out an operator for which a literal was found.
fn is_rare(class: ByteSet) -> bool {
    frequency_of(class) <= 0.04
}

fn frequency_of(class: ByteSet) -> f32 {
    class.iter().filter(|byte| !byte.is_ascii_uppercase()).map(byte_frequency).sum()
}

fn set(words: &mut [u64], check: u16) {
    if let Some(word) = words.get_mut(usize::from(check) / 64) {
        *word |= 1 << (check % 64);
    }
}
