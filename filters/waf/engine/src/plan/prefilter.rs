//! The scan: one pass over a value that tells which operators can match it at all.
//!
//! Every operator with a constant argument says what a value must hold for it to match: one of some literals, a byte of
//! some class, or both. All literals of a rule set are in one index, all classes in one table. A value is scanned
//! once, whatever the number of rules that look at it, and the result is a set of *checks*: the operators that have to
//! be asked.

use portcullis_seclang::ast::VariableName;

use super::chains::{ALWAYS, NEWLINE, Triggers, UPPER, of_whole};
use super::literals::Literals;
use super::recall::Recall;
use crate::collections::sorted;
use crate::operators::{ByteSet, Requirement, byte_frequency};

/// The bit of an operator in the result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckId(pub(crate) u16);

impl CheckId {
    /// Whether the bit is set.
    pub(crate) fn is_in(self, words: &[u64]) -> bool {
        words.get(usize::from(self.0) / 64).is_some_and(|word| word >> (self.0 % 64) & 1 == 1)
    }

    /// Clears the bit.
    pub(crate) fn take_from(self, words: &mut [u64]) {
        if let Some(word) = words.get_mut(usize::from(self.0) / 64) {
            *word &= !(1 << (self.0 % 64));
        }
    }
}

/// The compiled scan.
#[derive(Debug)]
pub(crate) struct Prefilter {
    /// Words in a result.
    words: usize,
    /// The literals of operators that look at requests, and those of operators that look at responses: lists of error
    /// messages, above all, which are most of the literals of the Core Rule Set.
    request: Filed,
    response: Filed,
    /// For each byte the classes that it belongs to, and what transformations make of it.
    bytes: Box<[ByteInfo; 256]>,
    /// The classes that have checks in `fulfils`.
    fulfilling: u128,
    /// For each class the checks that a byte of it fulfils, as a literal would: which of `fulfils`.
    by_class: Vec<(u32, u32)>,
    /// The classes whose absence fulfils checks, in a value of one line: which of `fulfils`.
    lacking: u128,
    by_lack: Vec<(u32, u32)>,
    fulfils: Vec<(u16, u64)>,
    /// All checks that the absence of a class fulfils.
    base: Vec<u64>,
    /// The checks that have further conditions, and for each check which.
    conditional: Vec<u64>,
    conditions: Vec<Conditions>,
    recall: Recall,
}

/// Literals and their checks.
#[derive(Debug)]
struct Filed {
    literals: Literals,
    /// For each literal the end of its checks in `checks`; they start where the last ones end.
    ends: Vec<u32>,
    checks: Vec<u16>,
}

/// Which values an operator looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) request: bool,
    pub(crate) response: bool,
}

/// What one look at a byte tells.
#[derive(Debug, Clone, Copy, Default)]
struct ByteInfo {
    classes: u128,
    triggers: Triggers,
}

/// What a value must have besides a literal.
#[derive(Debug, Clone, Copy, Default)]
struct Conditions {
    /// A byte of each of these classes.
    needed: u128,
    /// No byte of this class, unless there is a newline.
    forbidden: u128,
    min_length: u32,
}

/// What all bytes of a value together tell, found in one pass.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Profile {
    /// The classes of [`Prefilter`] that occur.
    classes: u128,
    /// The classes of bytes and pairs that transformations ask for; see [`Triggers`].
    pub(crate) summary: u32,
}

/// There are as many classes as a word of the table has bits.
const MAX_CLASSES: usize = u128::BITS as usize;

impl Default for Prefilter {
    /// Looks for nothing.
    fn default() -> Self {
        Prefilter {
            words: 0,
            request: Filed::default(),
            response: Filed::default(),
            bytes: bytes_of(&[]),
            fulfilling: 0,
            by_class: Vec::new(),
            lacking: 0,
            by_lack: Vec::new(),
            fulfils: Vec::new(),
            base: Vec::new(),
            conditional: Vec::new(),
            conditions: Vec::new(),
            recall: Recall::default(),
        }
    }
}

impl Prefilter {
    /// The number of words in a result.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// Looks at every byte once.
    pub(crate) fn profile(&self, bytes: &[u8]) -> Profile {
        let mut classes = 0;
        let mut summary = ALWAYS;
        let mut before = 0;
        for byte in bytes {
            let Some(info) = self.bytes.get(usize::from(*byte)) else { continue };
            classes |= info.classes;
            summary |= info.triggers.alone | before & info.triggers.second;
            before = info.triggers.first;
        }
        Profile { classes, summary: summary | of_whole(bytes, summary) }
    }

    /// Appends the result for `bytes`, whose profile is given, to `results`. `buffer` is scratch memory. For a value of the
    /// response, as [`is_of_response`] has it, the checks are those of operators that look at such.
    pub(crate) fn scan(
        &self,
        bytes: &[u8],
        of_response: bool,
        profile: Profile,
        buffer: &mut Vec<u8>,
        results: &mut Vec<u64>,
    ) {
        let at = results.len();
        results.resize(at + self.words, 0);
        let Some(words) = results.get_mut(at..) else { return };
        if profile.summary & NEWLINE != 0 {
            words.copy_from_slice(&self.base);
        } else {
            for class in ones(!profile.classes & self.lacking) {
                self.fulfil(self.by_lack.get(class), words);
            }
        }
        for class in ones(profile.classes & self.fulfilling) {
            self.fulfil(self.by_class.get(class), words);
        }
        // Lowering the value is cheaper than looking for both cases of every literal.
        let haystack = if profile.summary & UPPER != 0 {
            buffer.clear();
            buffer.extend(bytes.iter().map(u8::to_ascii_lowercase));
            &**buffer
        } else {
            bytes
        };
        let filed = if of_response { &self.response } else { &self.request };
        filed.literals.scan(haystack, |literal| filed.add_checks(literal, words));
        for (index, (word, conditional)) in words.iter_mut().zip(&self.conditional).enumerate() {
            let mut open = *word & conditional;
            while open != 0 {
                let bit = open.trailing_zeros() as usize;
                open &= open - 1;
                let conditions = self.conditions.get(index * 64 + bit);
                if conditions.is_some_and(|conditions| !conditions.hold(profile, bytes.len())) {
                    *word &= !(1 << bit);
                }
            }
        }
    }

    /// What is known of a value that was kept, whose result is then appended to `results`.
    pub(crate) fn recall(&self, bytes: &[u8], results: &mut Vec<u64>) -> Option<Profile> {
        self.recall.find(bytes, self.words, results)
    }

    /// Keeps what is known of a value for other transactions. `result` is that of its scan.
    pub(crate) fn keep(&self, bytes: &[u8], profile: Profile, result: &[u64]) {
        self.recall.keep(bytes, profile, result);
    }

    /// Notes for other transactions that the operator of `check` does not match a value, if that is kept.
    pub(crate) fn rule_out(&self, bytes: &[u8], check: CheckId) {
        self.recall.rule_out(bytes, self.words, check);
    }

    fn fulfil(&self, range: Option<&(u32, u32)>, words: &mut [u64]) {
        let (start, end) = range.copied().unwrap_or_default();
        for (word, bits) in self.fulfils.get(start as usize..end as usize).unwrap_or(&[]) {
            if let Some(word) = words.get_mut(usize::from(*word)) {
                *word |= bits;
            }
        }
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.request.memory()
            + self.response.memory()
            + self.fulfils.len() * size_of::<(u16, u64)>()
            + self.conditions.len() * size_of::<Conditions>()
            + size_of::<[ByteInfo; 256]>()
    }

    /// The number of literals that it looks for.
    pub(crate) fn literal_count(&self) -> usize {
        self.request.ends.len() + self.response.ends.len()
    }
}

impl Filed {
    /// `None` if there would be too many.
    fn new<'l>(literals: impl Iterator<Item = (&'l [u8], Vec<u16>)>) -> Option<Self> {
        let (mut texts, mut ends, mut checks) = (Vec::new(), Vec::new(), Vec::new());
        for (literal, wanted) in literals.filter(|(_, wanted)| !wanted.is_empty()) {
            texts.push(literal);
            checks.extend(wanted);
            ends.push(u32::try_from(checks.len()).ok()?);
        }
        Some(Filed { literals: Literals::new(texts.into_iter()), ends, checks })
    }

    fn add_checks(&self, literal: usize, words: &mut [u64]) {
        let start =
            literal.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |end| *end as usize);
        let end = self.ends.get(literal).map_or(0, |end| *end as usize);
        for check in self.checks.get(start..end).unwrap_or(&[]) {
            set(words, *check);
        }
    }

    fn memory(&self) -> usize {
        self.literals.memory() + self.ends.len() * 4 + self.checks.len() * 2
    }
}

impl Default for Filed {
    fn default() -> Self {
        Filed { literals: Literals::new([].into_iter()), ends: Vec::new(), checks: Vec::new() }
    }
}

/// Whether the values of a variable are those of the response: a value is one of these or not from when it is made.
pub(crate) fn is_of_response(variable: VariableName) -> bool {
    use VariableName as V;
    matches!(
        variable,
        V::ResponseBody
            | V::ResponseContentLength
            | V::ResponseContentType
            | V::ResponseHeaders
            | V::ResponseHeadersNames
            | V::ResponseProtocol
            | V::ResponseStatus
            | V::Status
            | V::StatusLine
    )
}

/// Collects the operators of a rule set.
#[derive(Debug, Default)]
pub(crate) struct PrefilterBuilder {
    /// Each with its check.
    literals: Vec<(Vec<u8>, u16)>,
    classes: Vec<Class>,
    base: Vec<u16>,
    /// One for each check.
    conditions: Vec<Conditions>,
    scopes: Vec<Scope>,
    /// Sets of which a check needs a byte each.
    needed: Vec<(u16, ByteSet)>,
}

#[derive(Debug)]
struct Class {
    bytes: ByteSet,
    fulfils: Vec<u16>,
    lack_fulfils: Vec<u16>,
}

impl Conditions {
    fn hold(&self, profile: Profile, length: usize) -> bool {
        profile.classes & self.needed == self.needed
            && (profile.classes & self.forbidden == 0 || profile.summary & NEWLINE != 0)
            && length >= self.min_length as usize
    }
}

impl PrefilterBuilder {
    /// Adds an operator. `None`: there are too many, or it requires nothing that most values lack, so that it must always
    /// be asked.
    ///
    /// The classes are without case, so that a value and the same in lower case have the same result.
    pub(crate) fn add(&mut self, requirement: &Requirement, scope: Scope) -> Option<CheckId> {
        let check = u16::try_from(self.conditions.len()).ok()?;
        let (single, long): (Vec<_>, Vec<_>) =
            requirement.literals.iter().partition(|literal| literal.len() == 1);
        // Literals of one byte are looked up as a class.
        let single = single.into_iter().flatten().copied().collect::<ByteSet>().fold_case();
        let bytes = requirement.bytes.map(ByteSet::fold_case);
        let needed = bytes.filter(|bytes| *bytes != single);
        // A newline is always allowed: it begins another line.
        let allowed = |only: ByteSet| only.fold_case().union(ByteSet::of(b"\n"));
        let forbidden =
            requirement.only.map(|only| allowed(only).complement()).filter(|bytes| is_likely(*bytes));
        let (fulfilling, base) = match (long.is_empty() && single.is_empty(), needed, forbidden) {
            // Nothing but a class.
            (true, Some(bytes), _) if !is_common(bytes) => (bytes, false),
            (true, _, Some(_)) => (ByteSet::EMPTY, true),
            (true, ..) => return None,
            (false, ..) => (single, false),
        };
        let needed = needed.into_iter().filter(|bytes| is_rare(*bytes));
        let more = requirement.more_bytes.iter().map(|bytes| bytes.fold_case());
        // What a single byte fulfils needs no class that has it, unless there are other ways.
        let adds =
            |bytes: &ByteSet| fulfilling.union(*bytes) != *bytes || fulfilling.is_empty() || !long.is_empty();
        let needed: Vec<ByteSet> = needed.chain(more).filter(adds).collect();
        if is_common(fulfilling) {
            return None;
        }
        let fulfilling = if fulfilling.is_empty() { None } else { Some(self.class(fulfilling)?) };
        let bit = |at: Option<usize>| at.map_or(0, |at| 1_u128 << at);
        let forbidden = forbidden.and_then(|bytes| self.class(bytes));
        if base {
            // Without a place for the class there is no condition.
            let class = self.classes.get_mut(forbidden?)?;
            class.lack_fulfils.push(check);
            self.base.push(check);
        }
        let conditions = Conditions {
            needed: 0,
            forbidden: if base { 0 } else { bit(forbidden) },
            min_length: u32::try_from(requirement.min_length).unwrap_or(u32::MAX),
        };
        self.needed.extend(needed.into_iter().map(|bytes| (check, bytes)));
        if let Some(class) = fulfilling.and_then(|at| self.classes.get_mut(at)) {
            class.fulfils.push(check);
        }
        for literal in long {
            self.literals.push((literal.to_ascii_lowercase(), check));
        }
        self.conditions.push(conditions);
        self.scopes.push(scope);
        Some(CheckId(check))
    }

    /// The number of a class. `None` if there are too many.
    fn class(&mut self, bytes: ByteSet) -> Option<usize> {
        match self.classes.iter().position(|class| class.bytes == bytes) {
            Some(at) => Some(at),
            None if self.classes.len() < MAX_CLASSES => {
                self.classes.push(Class { bytes, fulfils: Vec::new(), lack_fulfils: Vec::new() });
                Some(self.classes.len() - 1)
            }
            None => None,
        }
    }

    /// Adds the conditions that can do without a class, now that those have theirs that can't.
    fn add_needed(&mut self) {
        for (check, bytes) in std::mem::take(&mut self.needed) {
            let Some(class) = self.class(bytes) else { continue };
            if let Some(conditions) = self.conditions.get_mut(usize::from(check)) {
                conditions.needed |= 1 << class;
            }
        }
    }

    /// Builds the scan. `None` if it would be too large.
    #[inline(never)]
    pub(crate) fn build(mut self) -> Option<Prefilter> {
        self.add_needed();
        let words = self.conditions.len().div_ceil(64);
        let mut literals = sorted(self.literals);
        literals.dedup();
        let file = |belongs: fn(&Scope) -> bool| {
            let is_in = |check: &u16| self.scopes.get(usize::from(*check)).is_some_and(belongs);
            let of_scope = literals.chunk_by(|(one, _), (other, _)| one == other).filter_map(|same| {
                let checks = same.iter().map(|(_, check)| *check).filter(is_in).collect();
                Some((same.first()?.0.as_slice(), checks))
            });
            Filed::new(of_scope)
        };
        let request = file(|scope| scope.request)?;
        let response = file(|scope| scope.response)?;
        let bytes = bytes_of(&self.classes);
        let mut fulfils = Vec::new();
        let (mut by_class, mut by_lack) = (Vec::new(), Vec::new());
        let (mut fulfilling, mut lacking) = (0, 0);
        for (index, class) in self.classes.iter().enumerate() {
            fulfilling |= u128::from(!class.fulfils.is_empty()) << index;
            lacking |= u128::from(!class.lack_fulfils.is_empty()) << index;
            for (checks, ranges) in [(&class.fulfils, &mut by_class), (&class.lack_fulfils, &mut by_lack)] {
                let start = fulfils.len() as u32;
                let bits = bits(checks, words).into_iter().enumerate().filter(|(_, bits)| *bits != 0);
                fulfils.extend(bits.map(|(word, bits)| (word as u16, bits)));
                ranges.push((start, fulfils.len() as u32));
            }
        }
        let conditional: Vec<u16> = self
            .conditions
            .iter()
            .enumerate()
            .filter_map(|(check, conditions)| {
                let Conditions { needed, forbidden, min_length } = *conditions;
                (needed != 0 || forbidden != 0 || min_length > 1).then_some(check as u16)
            })
            .collect();
        Some(Prefilter {
            words,
            request,
            response,
            bytes,
            fulfilling,
            by_class,
            lacking,
            by_lack,
            fulfils,
            base: bits(&self.base, words),
            conditional: bits(&conditional, words),
            conditions: self.conditions,
            recall: Recall::default(),
        })
    }
}

fn bytes_of(classes: &[Class]) -> Box<[ByteInfo; 256]> {
    let mut bytes = Box::new([ByteInfo::default(); 256]);
    for (byte, info) in (0..=u8::MAX).zip(bytes.iter_mut()) {
        info.triggers = Triggers::of(byte);
        let of = classes.iter().enumerate().filter(|(_, class)| class.bytes.contains(byte));
        info.classes = of.fold(0, |classes, (index, _)| classes | 1 << index);
    }
    bytes
}

fn bits(checks: &[u16], words: usize) -> Vec<u64> {
    let mut bits = vec![0; words];
    checks.iter().for_each(|check| set(&mut bits, *check));
    bits
}

/// The positions of the bits that are set.
fn ones(bits: u128) -> impl Iterator<Item = usize> {
    // Words that the machine has.
    [(0, bits as u64), (64, (bits >> 64) as u64)].into_iter().flat_map(|(first, mut bits)| {
        std::iter::from_fn(move || {
            let next = (bits != 0).then(|| first + bits.trailing_zeros() as usize);
            bits &= bits.wrapping_sub(1);
            next
        })
    })
}

/// Whether hardly any value is without a byte of the class: nothing is gained by asking.
fn is_common(class: ByteSet) -> bool {
    frequency_of(class) > 0.35
}

/// Whether many values have a byte of the class, so that its absence is worth asking for.
fn is_likely(class: ByteSet) -> bool {
    frequency_of(class) > 0.1
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

#[cfg(test)]
mod tests;
