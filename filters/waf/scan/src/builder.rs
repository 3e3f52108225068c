//! Building the scan: what operators require becomes literals, classes of bytes and conditions.

use super::{
    ByteInfo, CheckId, ClassChecks, Conditions, Edges, Filed, Prefilter, Probe, Scope, Scopes, Triggers, set,
};
use portcullis_collections::{Map, insert, sorted};
use portcullis_patterns::{ByteSet, Requirement, byte_frequency};

/// Collects the operators of a rule set.
#[derive(Debug, Default)]
pub struct PrefilterBuilder {
    /// Each with its checks.
    literals: Map<Vec<u8>, Vec<u16>>,
    classes: Vec<Class>,
    base: Vec<u16>,
    /// One for each check.
    conditions: Vec<Conditions>,
    scopes: Vec<Scopes>,
    /// Sets of which a check needs a byte each.
    needed: Vec<(u16, ByteSet)>,
    probes: Vec<(u16, Probe)>,
}

#[derive(Debug)]
pub(super) struct Class {
    bytes: ByteSet,
    fulfils: Vec<u16>,
    lack_fulfils: Vec<u16>,
}

/// There are as many classes as a word of the table has bits.
const MAX_CLASSES: usize = u128::BITS as usize;

impl PrefilterBuilder {
    /// Adds an operator. `None`: there are too many, or it requires nothing that most values lack, so that it must always
    /// be asked.
    ///
    /// The classes are without case, so that a value and the same in lower case have the same result.
    ///
    /// Those [of bytes](PrefilterBuilder::is_of_bytes) are best added first.
    #[inline(never)]
    pub fn add(&mut self, requirement: &Requirement, scopes: Scopes) -> Option<CheckId> {
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
        let forbidden = forbidden.and_then(|bytes| self.class(bytes));
        if base {
            // Without a place for the class there is no condition.
            let class = self.classes.get_mut(forbidden?)?;
            class.lack_fulfils.push(check);
            self.base.push(check);
        }
        let conditions = Conditions {
            needed: 0,
            forbidden: forbidden.filter(|_| !base).and_then(|class| u8::try_from(class).ok()),
            min_length: u32::try_from(requirement.min_length).unwrap_or(u32::MAX),
            max_length: requirement.max_length.and_then(|most| u32::try_from(most).ok()),
        };
        self.needed.extend(needed.into_iter().map(|bytes| (check, bytes)));
        if let Some(class) = fulfilling.and_then(|at| self.classes.get_mut(at)) {
            class.fulfils.push(check);
        }
        for literal in long {
            self.literals.change(literal.to_ascii_lowercase(), |checks| insert(checks, check));
        }
        // Responses have one scope, whatever makes their forms, and most of what looks at them has hundreds of literals.
        let is_one_of_few = scopes.contain(Scope::Response) && requirement.literals.len() <= 4;
        if scopes.contain(Scope::Derived) || is_one_of_few {
            self.probes.extend(Probe::new(&requirement.literals).map(|probe| (check, probe)));
        }
        self.conditions.push(conditions);
        self.scopes.push(scopes);
        Some(CheckId(check))
    }

    /// Whether a class of bytes may fulfil the check of such an operator, or its absence. The fewer words of a result have these, the less is
    /// to be gone through for each class.
    #[must_use]
    pub fn is_of_bytes(requirement: &Requirement) -> bool {
        requirement.literals.is_empty() || requirement.literals.iter().any(|literal| literal.len() == 1)
    }

    /// The number of checks so far.
    pub fn check_count(&self) -> usize {
        self.conditions.len()
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

    /// Adds the conditions that can do without a class, now that those have theirs that can't. Each check's rarest set comes first, and
    /// of these those that many have.
    #[inline(never)]
    fn add_needed(&mut self) {
        let needed = std::mem::take(&mut self.needed);
        let mut wanted: Map<[u8; 32], usize> = Map::default();
        needed.iter().for_each(|(_, bytes)| wanted.change(bytes.to_bytes(), |wanted| *wanted += 1));
        let mut order = Vec::with_capacity(needed.len());
        for of_check in needed.chunk_by(|(one, _), (other, _)| one == other) {
            let frequencies: Vec<_> = of_check.iter().map(|(_, bytes)| frequency_of(*bytes)).collect();
            for ((_, bytes), frequency) in of_check.iter().zip(&frequencies) {
                let rarer = frequencies.iter().filter(|other| *other < frequency).count();
                let wanted = wanted.get(&bytes.to_bytes()).copied().unwrap_or_default();
                order.push((rarer, usize::MAX - wanted, order.len()));
            }
        }
        for (.., at) in sorted(order) {
            let Some((check, bytes)) = needed.get(at).copied() else { continue };
            let Some(class) = self.class(bytes).or_else(|| self.wider_class(bytes)) else { continue };
            if let Some(conditions) = self.conditions.get_mut(usize::from(check)) {
                conditions.needed |= 1 << class;
            }
        }
    }

    /// The rarest class that has all these bytes and others.
    fn wider_class(&self, bytes: ByteSet) -> Option<usize> {
        let classes = self.classes.iter().map(|class| class.bytes).enumerate();
        let wider = classes.filter(|(_, class)| class.union(bytes) == *class && is_rare(*class));
        wider.min_by(|(_, a), (_, b)| frequency_of(*a).total_cmp(&frequency_of(*b))).map(|(at, _)| at)
    }

    /// Builds the scan. `None` if it would be too large.
    #[inline(never)]
    pub fn build(mut self) -> Option<Prefilter> {
        self.add_needed();
        let words = self.conditions.len().div_ceil(64);
        let file = |scope| {
            let is_in = |check: &u16| {
                self.scopes.get(usize::from(*check)).is_some_and(|scopes| scopes.contain(scope))
            };
            let of_scope = self.literals.iter().map(|(literal, checks)| {
                (literal.as_slice(), checks.iter().copied().filter(is_in).collect())
            });
            Filed::new(of_scope)
        };
        let scopes = [Scope::Request, Scope::Response, Scope::Body, Scope::Derived];
        let scopes = scopes.into_iter().map(file).collect::<Option<_>>()?;
        let bytes = bytes_of(&self.classes);
        let by_class = ClassChecks::new(self.classes.iter().map(|class| &*class.fulfils));
        let by_lack = ClassChecks::new(self.classes.iter().map(|class| &*class.lack_fulfils));
        let classes_with = |has: fn(&Class) -> bool| {
            let with = self.classes.iter().enumerate().filter(|(_, class)| has(class));
            with.fold(0, |all, (index, _)| all | 1_u128 << index)
        };
        let fulfilling = classes_with(|class| !class.fulfils.is_empty());
        let lacking = classes_with(|class| !class.lack_fulfils.is_empty());
        let conditional: Vec<u16> = self
            .conditions
            .iter()
            .enumerate()
            .filter_map(|(check, conditions)| {
                let Conditions { needed, forbidden, min_length, max_length } = *conditions;
                let is_any = needed != 0 || forbidden.is_some() || min_length > 1 || max_length.is_some();
                is_any.then_some(check as u16)
            })
            .collect();
        Some(Prefilter {
            words,
            scopes,
            bytes,
            fulfilling,
            by_class,
            lacking,
            by_lack,
            base: bits(&self.base, words),
            conditional: bits(&conditional, words),
            conditions: self.conditions,
            paired: Scopes::ALL,
            probes: self.probes,
            edges: Edges::of(&self.literals),
        })
    }
}

impl ClassChecks {
    #[inline(never)]
    fn new<'c>(checks: impl Iterator<Item = &'c [u16]> + Clone) -> Self {
        let last = checks.clone().flatten().max();
        let words = last.map_or(0, |last| usize::from(*last) / 64 + 1);
        ClassChecks { words, bits: checks.flat_map(|checks| bits(checks, words)).collect() }
    }
}

pub(super) fn bytes_of(classes: &[Class]) -> Box<[ByteInfo; 256]> {
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
