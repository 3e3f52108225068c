//! The scan of one value.

use super::settled::{Key, Settled};
use super::{ClassChecks, Hit, NEWLINE, Prefilter, Profile, Scope};

/// A value that is scanned. Places are those in the memory of a transaction.
pub enum Scanned<'v> {
    /// Where literals are in it is added to `hits`, but no more than one too many.
    Whole {
        /// The value.
        bytes: &'v [u8],
        /// Its place.
        start: usize,
        /// Where literals are.
        hits: &'v mut Vec<Hit>,
    },
    /// The checks that its literals fulfil are known, from [`Prefilter::find_literals`].
    Known {
        /// Of the value.
        len: usize,
        /// As the words of a result.
        checks: &'v [u64],
    },
    /// It stands within another one of its scope, which has these.
    Part {
        /// Its place.
        start: usize,
        /// Where it ends.
        end: usize,
        /// Those of the whole.
        hits: &'v [Hit],
    },
}

impl Scanned<'_> {
    fn len(&self) -> usize {
        match self {
            Scanned::Whole { bytes, .. } => bytes.len(),
            Scanned::Part { start, end, .. } => end - start,
            Scanned::Known { len, .. } => *len,
        }
    }
}

impl Prefilter {
    /// Appends the result for a value, whose profile is given, to `results`. It holds for operators that look at values of `scope`.
    /// `settled`, where there are many: what the bytes of others have told.
    #[inline]
    pub fn scan(
        &self,
        value: Scanned<'_>,
        scope: Scope,
        profile: Profile,
        settled: Option<&mut Settled>,
        results: &mut Vec<u64>,
    ) {
        match settled {
            Some(settled) => self.scan_of_many(value, scope, profile, settled, results),
            None => self.scan_alone(value, scope, profile, results),
        }
    }

    #[inline(never)]
    fn scan_alone(&self, value: Scanned<'_>, scope: Scope, profile: Profile, results: &mut Vec<u64>) {
        let (at, len) = (results.len(), value.len());
        results.extend_from_slice(&self.base);
        let Some(words) = results.get_mut(at..) else { return };
        self.add_classes(profile, words);
        self.add_literals(value, scope, words);
        self.drop_unfulfilled(profile, len, words);
    }

    #[inline(never)]
    fn scan_of_many(
        &self,
        value: Scanned<'_>,
        scope: Scope,
        profile: Profile,
        settled: &mut Settled,
        results: &mut Vec<u64>,
    ) {
        let (at, len) = (results.len(), value.len());
        let key = Key::of(profile, len);
        if let Some(known) = settled.find(key, self.words) {
            results.extend_from_slice(known);
        } else {
            results.extend_from_slice(&self.base);
            let words = results.get_mut(at..).unwrap_or(&mut []);
            self.add_classes(profile, words);
            self.drop_unfulfilled(profile, len, words);
            settled.keep(key, words);
        }
        results.resize(at + 2 * self.words, 0);
        let Some((words, more)) = results.get_mut(at..).and_then(|all| all.split_at_mut_checked(self.words))
        else {
            return;
        };
        self.add_literals(value, scope, more);
        more.iter_mut().zip(&*words).for_each(|(more, known)| *more &= !known);
        self.drop_unfulfilled(profile, len, more);
        words.iter_mut().zip(more).for_each(|(word, more)| *word |= *more);
        results.truncate(at + self.words);
    }

    /// Adds the checks that classes of bytes fulfil, or their absence.
    fn add_classes(&self, profile: Profile, words: &mut [u64]) {
        // Each of these checks waits for the absence of one class.
        if profile.summary & NEWLINE == 0 {
            for class in ones(profile.classes & self.lacking) {
                self.by_lack.change(class, words, |word, bits| *word &= !bits);
            }
        }
        for class in ones(profile.classes & self.fulfilling) {
            self.by_class.change(class, words, |word, bits| *word |= bits);
        }
    }

    /// Adds the checks that literals fulfil.
    fn add_literals(&self, value: Scanned<'_>, scope: Scope, words: &mut [u64]) {
        match value {
            Scanned::Whole { bytes, start, hits } => {
                let filed = self.scopes.get(scope as usize);
                if let Some((filed, few)) = filed.and_then(|filed| Some((filed, filed.few.as_ref()?))) {
                    let most = hits.len() + Hit::MOST;
                    few.scan(bytes, |literal, place| {
                        filed.note(literal, place, start, words, (Some(&mut *hits), most));
                    });
                } else {
                    self.find_literals((bytes, start), 0, scope, words, Some(hits));
                }
            }
            Scanned::Known { checks, .. } => {
                words.iter_mut().zip(checks).for_each(|(word, checks)| *word |= checks);
            }
            Scanned::Part { start, end, hits } => {
                let Some(filed) = self.scopes.get(scope as usize) else { return };
                let within = |hit: &&Hit| hit.start as usize >= start && hit.end as usize <= end;
                let within = hits.iter().filter(within);
                within.for_each(|hit| filed.add_checks(hit.literal as usize, words));
            }
        }
    }

    /// Takes the checks out that lack what they need besides.
    fn drop_unfulfilled(&self, profile: Profile, len: usize, words: &mut [u64]) {
        for (index, (word, conditional)) in words.iter_mut().zip(&self.conditional).enumerate() {
            let mut open = *word & conditional;
            while open != 0 {
                let bit = open.trailing_zeros() as usize;
                open &= open - 1;
                let conditions = self.conditions.get(index * 64 + bit);
                if conditions.is_some_and(|conditions| !conditions.hold(profile, len)) {
                    *word &= !(1 << bit);
                }
            }
        }
    }
}

impl ClassChecks {
    #[inline]
    fn change(&self, class: usize, words: &mut [u64], change: impl Fn(&mut u64, u64)) {
        let start = class * self.words;
        let bits = self.bits.get(start..start + self.words).unwrap_or(&[]);
        words.iter_mut().zip(bits).for_each(|(word, bits)| change(word, *bits));
    }
}

/// The positions of the bits that are set.
fn ones(bits: u128) -> Ones {
    // Words that the machine has.
    Ones { bits: bits as u64, first: 0, more: (bits >> 64) as u64 }
}

/// See [`ones`].
struct Ones {
    bits: u64,
    first: usize,
    more: u64,
}

impl Iterator for Ones {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.bits == 0 {
            (self.bits, self.first, self.more) = (self.more, 64, 0);
            if self.bits == 0 {
                return None;
            }
        }
        let next = self.first + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(next)
    }
}
