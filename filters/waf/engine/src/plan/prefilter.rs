//! The scan: one pass over a value that tells which operators can match it at all.
//!
//! Every operator with a constant argument says what a value must hold for it to match: one of some literals, or
//! a byte of some class. All literals of a rule set are in one automaton. A value is scanned once, whatever the
//! number of rules that look at it, and the result is a set of *checks*: the operators that have to be asked.

use std::collections::{BTreeSet, HashMap};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::operators::{ByteSet, Requirement};

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
    automaton: Option<AhoCorasick>,
    /// For each pattern of the automaton the end of its checks in `checks`; they start where the last ones end.
    ends: Vec<u32>,
    checks: Vec<u16>,
    /// For each byte the classes that it belongs to.
    classes: Box<[u64; 256]>,
    /// For each class the words of its checks.
    class_checks: Vec<u64>,
    /// The checks of an empty value and of every other.
    always: Vec<u64>,
}

/// There are as many classes as a word has bits. Checks beyond that are always asked.
const MAX_CLASSES: usize = 64;

impl Prefilter {
    /// The number of words in a result.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// Appends the result for `bytes` to `results`. `buffer` is scratch memory.
    pub(crate) fn scan(&self, bytes: &[u8], buffer: &mut Vec<u8>, results: &mut Vec<u64>) {
        let at = results.len();
        results.extend_from_slice(&self.always);
        let mut classes = 0;
        let mut upper = false;
        for byte in bytes {
            classes |= self.classes.get(usize::from(*byte)).copied().unwrap_or(0);
            upper |= byte.is_ascii_uppercase();
        }
        let Some(words) = results.get_mut(at..) else { return };
        while classes != 0 {
            let class = classes.trailing_zeros() as usize;
            classes &= classes - 1;
            let checks = self.class_checks.get(class * self.words..(class + 1) * self.words);
            for (word, checks) in words.iter_mut().zip(checks.unwrap_or(&[])) {
                *word |= checks;
            }
        }
        let Some(automaton) = &self.automaton else { return };
        // Lowering the value is cheaper than an automaton that knows both cases of every literal.
        let haystack = if upper {
            buffer.clear();
            buffer.extend(bytes.iter().map(u8::to_ascii_lowercase));
            &**buffer
        } else {
            bytes
        };
        for found in automaton.find_overlapping_iter(haystack) {
            let pattern = found.pattern().as_usize();
            let start =
                pattern.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |end| *end as usize);
            let end = self.ends.get(pattern).map_or(0, |end| *end as usize);
            for check in self.checks.get(start..end).unwrap_or(&[]) {
                if let Some(word) = words.get_mut(usize::from(*check) / 64) {
                    *word |= 1 << (check % 64);
                }
            }
        }
    }

    /// Bytes that the automaton and its tables take.
    pub(crate) fn memory(&self) -> usize {
        self.automaton.as_ref().map_or(0, AhoCorasick::memory_usage)
            + self.ends.len() * 4
            + self.checks.len() * 2
            + (self.class_checks.len() + self.always.len()) * 8
            + size_of::<[u64; 256]>()
    }

    /// The number of literals in the automaton.
    pub(crate) fn literals(&self) -> usize {
        self.ends.len()
    }
}

/// Collects the operators of a rule set.
#[derive(Debug, Default)]
pub(crate) struct PrefilterBuilder {
    count: usize,
    literals: HashMap<Vec<u8>, BTreeSet<u16>>,
    classes: Vec<(ByteSet, Vec<u16>)>,
    always: Vec<u16>,
}

impl PrefilterBuilder {
    /// Adds an operator. `None`: there are too many, or nothing is required, so that it must always be asked.
    pub(crate) fn add(&mut self, requirement: &Requirement) -> Option<CheckId> {
        let check = u16::try_from(self.count).ok()?;
        // Literals of one byte are all in the set of bytes, and that is the faster test.
        let literals = requirement.literals.iter().any(|literal| literal.len() > 1);
        if literals {
            for literal in &requirement.literals {
                self.literals.entry(literal.to_ascii_lowercase()).or_default().insert(check);
            }
        } else {
            let class = requirement.bytes?;
            if let Some((_, checks)) = self.classes.iter_mut().find(|(known, _)| *known == class) {
                checks.push(check);
            } else if self.classes.len() < MAX_CLASSES {
                self.classes.push((class, vec![check]));
            } else {
                self.always.push(check);
            }
        }
        self.count += 1;
        Some(CheckId(check))
    }

    /// Builds the automaton. `None` if it would be too large.
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
        let automaton = if patterns.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder()
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .match_kind(MatchKind::Standard)
                .build(patterns.iter().map(|(literal, _)| literal))
                .ok()?;
            Some(built)
        };
        let mut classes = Box::new([0u64; 256]);
        let mut class_checks = vec![0; self.classes.len() * words];
        for (index, (class, checks)) in self.classes.iter().enumerate() {
            for (byte, slot) in (0..=u8::MAX).zip(classes.iter_mut()) {
                if class.contains(byte) {
                    *slot |= 1 << index;
                }
            }
            for check in checks {
                set(class_checks.get_mut(index * words..).unwrap_or(&mut []), *check);
            }
        }
        let mut always = vec![0; words];
        for check in &self.always {
            set(&mut always, *check);
        }
        Some(Prefilter { words, automaton, ends, checks, classes, class_checks, always })
    }
}

fn set(words: &mut [u64], check: u16) {
    if let Some(word) = words.get_mut(usize::from(check) / 64) {
        *word |= 1 << (check % 64);
    }
}
