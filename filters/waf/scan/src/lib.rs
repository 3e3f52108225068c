//! The scan: one pass over a value that tells which operators can match it at all.
//!
//! Every operator with a constant argument says what a value must hold for it to match: one of some literals, a byte of
//! some class, or both. All literals of a rule set are in one index, all classes in one table. A value is scanned
//! once, whatever the number of rules that look at it, and the result is a set of *checks*: the operators that have to
//! be asked.
//!
//! A crate of its own because these are loops over bytes, which stay compiled for speed whatever the engine is compiled for.

mod builder;
mod literals;
mod probe;
mod scan;
mod settled;
pub mod summary;
mod words;

use std::ops::Range;

use portcullis_collections::Map;

pub use builder::PrefilterBuilder;
use builder::bytes_of;
use literals::{Few, Literals};
use probe::Probe;
pub use scan::Scanned;
pub use settled::Settled;
use summary::{ALWAYS, NEWLINE, PAIRS, Triggers, of_pairs, of_whole};
use words::Edges;
pub use words::is_border;

/// The bit of an operator in the result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckId(pub u16);

impl CheckId {
    /// Whether the bit is set.
    #[inline]
    #[must_use]
    pub fn is_in(self, words: &[u64]) -> bool {
        words.get(usize::from(self.0) / 64).is_some_and(|word| word >> (self.0 % 64) & 1 == 1)
    }

    /// Clears the bit.
    #[inline]
    pub fn take_from(self, words: &mut [u64]) {
        if let Some(word) = words.get_mut(usize::from(self.0) / 64) {
            *word &= !(1 << (self.0 % 64));
        }
    }
}

/// The compiled scan.
#[derive(Debug)]
pub struct Prefilter {
    /// Words in a result.
    words: usize,
    /// For each [`Scope`] the literals of the operators that look at such values. Empty where there is no scan: bitmaps without a
    /// literal are as large as others.
    scopes: Vec<Filed>,
    /// For each byte the classes that it belongs to, and what transformations make of it.
    bytes: Box<[ByteInfo; 256]>,
    /// The classes of which a byte fulfils checks, as a literal would, and those.
    fulfilling: u128,
    by_class: ClassChecks,
    /// The classes whose absence fulfils checks, in a value of one line, and those.
    lacking: u128,
    by_lack: ClassChecks,
    /// The checks that the absence of a class fulfils.
    base: Vec<u64>,
    /// The checks that have further conditions, and for each check which.
    conditional: Vec<u64>,
    conditions: Vec<Conditions>,
    /// Those whose values are looked at for pairs of bytes; of others no transformation waits for one.
    pub paired: Scopes,
    /// By check, in order: for those that look at what rare transformations make of values.
    probes: Vec<(u16, Probe)>,
    edges: Edges,
}

/// Checks by class.
#[derive(Debug, Default)]
struct ClassChecks {
    /// So many words have all of them: they have the lowest numbers.
    words: usize,
    /// So many for each class.
    bits: Vec<u64>,
}

/// Literals and their checks.
#[derive(Debug)]
struct Filed {
    literals: Literals,
    /// The same, if there are so few that most bytes of a value need not be looked at.
    few: Option<Few>,
    /// For each literal the end of its checks in `checks`; they start where the last ones end.
    ends: Vec<u32>,
    checks: Vec<u16>,
}

/// Values that are searched for the same literals. Which one a value has is known when it is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// Any other value.
    #[default]
    Request,
    /// Of the response. Lists of error messages are most of the literals of the Core Rule Set.
    Response,
    /// `REQUEST_BODY`. It is as long as all arguments together, and few rules look at it.
    Body,
    /// What a transformation that few rules have has made of one of the request.
    Derived,
}

/// Those that the values of an operator have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

/// Where a literal is.
#[derive(Debug, Clone, Copy)]
pub struct Hit {
    literal: u32,
    start: u32,
    end: u32,
}

impl Hit {
    /// The most in a value that is worth it to go through them for its parts.
    pub const MOST: usize = 64;
}

/// What one look at a byte tells.
#[derive(Debug, Clone, Copy, Default)]
struct ByteInfo {
    classes: u128,
    triggers: Triggers,
}

/// Values from this length on, in bytes, have most of their bytes more than once.
const LONG: usize = 512;

/// What a value must have besides a literal.
#[derive(Debug, Clone, Copy, Default)]
struct Conditions {
    /// A byte of each of these classes.
    needed: u128,
    /// No byte of this class, by its number, unless there is a newline.
    forbidden: Option<u8>,
    min_length: u32,
    max_length: Option<u32>,
}

/// What all bytes of a value together tell, found in one pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Profile {
    /// The classes of [`Prefilter`] that occur.
    classes: u128,
    /// The classes of bytes and pairs that transformations ask for; see [`Triggers`].
    pub summary: u32,
}

/// What the bytes so far tell.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    classes: u128,
    summary: u32,
    /// The pairs that the last byte is the first of.
    before: u32,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { classes: 0, summary: ALWAYS, before: 0 }
    }
}

impl Seen {
    /// The same as numbers.
    #[inline]
    #[must_use]
    pub fn words(self) -> [u64; 3] {
        [
            self.classes as u64,
            (self.classes >> 64) as u64,
            u64::from(self.summary) << 32 | u64::from(self.before),
        ]
    }

    /// What [`Seen::words`] says.
    #[inline]
    #[must_use]
    pub fn of(words: &[u64]) -> Self {
        let [low, high, bits] = words else { return Seen::default() };
        let classes = u128::from(*high) << 64 | u128::from(*low);
        Seen { classes, summary: (bits >> 32) as u32, before: *bits as u32 }
    }

    /// That of the whole value.
    #[inline]
    pub fn profile(self, bytes: &[u8]) -> Profile {
        Profile { classes: self.classes, summary: self.summary | of_whole(bytes, self.summary) }
    }
}

impl Default for Prefilter {
    /// Looks for nothing.
    fn default() -> Self {
        Prefilter {
            words: 0,
            scopes: Vec::new(),
            bytes: bytes_of(&[]),
            fulfilling: 0,
            by_class: ClassChecks::default(),
            lacking: 0,
            by_lack: ClassChecks::default(),
            base: Vec::new(),
            conditional: Vec::new(),
            conditions: Vec::new(),
            paired: Scopes::ALL,
            probes: Vec::new(),
            edges: Edges::of(&Map::default()),
        }
    }
}

impl Prefilter {
    /// The number of words in a result.
    #[inline]
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// Looks at every byte of a value of `scope` once.
    pub fn profile(&self, bytes: &[u8], scope: Scope) -> Profile {
        let seen = match (bytes.len() < LONG, self.paired.contain(scope)) {
            (true, _) => self.look(Seen::default(), bytes),
            (false, true) => self.look_at_long::<true>(bytes),
            (false, false) => self.look_at_long::<false>(bytes),
        };
        seen.profile(bytes)
    }

    /// Looks at every byte of what follows what was seen.
    #[inline(never)]
    pub fn look(&self, seen: Seen, bytes: &[u8]) -> Seen {
        let (fours, rest) = bytes.as_chunks::<4>();
        let mut seen = seen;
        for four in fours {
            four.iter().for_each(|byte| self.look_at(*byte, &mut seen));
        }
        rest.iter().for_each(|byte| self.look_at(*byte, &mut seen));
        seen
    }

    #[inline]
    fn look_at(&self, byte: u8, seen: &mut Seen) {
        let Some(info) = self.bytes.get(usize::from(byte)) else { return };
        seen.classes |= info.classes;
        seen.summary |= info.triggers.alone | seen.before & info.triggers.second;
        seen.before = info.triggers.first;
    }

    /// The same, for values in which most bytes were there before: notes them, and gathers afterwards what each is. What the last byte
    /// begins is not told.
    #[inline(never)]
    fn look_at_long<const PAIRED: bool>(&self, bytes: &[u8]) -> Seen {
        let mut seen = [0; 256];
        let (mut pairs, mut before) = (0, 0);
        let mut look = |byte: u8| {
            let at = usize::from(byte);
            seen.get_mut(at).into_iter().for_each(|seen| *seen = 1);
            if PAIRED {
                let [first, second] = PAIRS.get(at).copied().unwrap_or_default();
                pairs |= before & second;
                before = first;
            }
        };
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            eight.iter().for_each(|byte| look(*byte));
        }
        rest.iter().for_each(|byte| look(*byte));
        let (mut classes, mut summary) = (0, ALWAYS | of_pairs(pairs));
        for (seen, infos) in seen.as_chunks::<8>().0.iter().zip(self.bytes.as_chunks::<8>().0) {
            if u64::from_ne_bytes(*seen) == 0 {
                continue;
            }
            for (_, info) in seen.iter().zip(infos).filter(|(seen, _)| **seen != 0) {
                classes |= info.classes;
                summary |= info.triggers.alone;
            }
        }
        Seen { classes, summary, before: 0 }
    }

    /// Adds to `words` the checks that literals of `bytes` fulfil, and where these are to `hits`, with `start` added and no more than one
    /// too many. Literals that end before `from` are left out. Without `hits`: where a longer text that begins like this one has to be
    /// searched from.
    pub fn find_literals(
        &self,
        (bytes, start): (&[u8], usize),
        from: usize,
        scope: Scope,
        words: &mut [u64],
        mut hits: Option<&mut Vec<Hit>>,
    ) -> usize {
        let mut next = bytes.len();
        let Some(filed) = self.scopes.get(scope as usize) else { return next };
        let most = hits.as_ref().map_or(0, |hits| hits.len() + Hit::MOST);
        filed.literals.scan(bytes, from, hits.is_none(), |literal, place| {
            if place.end > bytes.len() {
                next = next.min(place.start);
                return;
            }
            filed.note(literal, place, start, words, (hits.as_deref_mut(), most));
        });
        next
    }

    /// Whether a form of a value can fulfil the conditions of one of the checks. The form has no other bytes than the value but
    /// blanks, and is no longer, unless it has at most so many bytes as [`Chain::longest`] says, whatever they are.
    ///
    /// [`Chain::longest`]: super::Chain::longest
    #[inline]
    pub fn can_fulfil(
        &self,
        checks: &[CheckId],
        profile: Profile,
        len: usize,
        longest: Option<usize>,
    ) -> bool {
        // Groups of four bytes that are not whole don't count, but where all are kept.
        let longest = longest.map_or(usize::MAX, |quarters| match quarters {
            4 => len,
            quarters => len / 4 * quarters,
        });
        let blank = self.bytes.get(usize::from(b' ')).map_or(0, |info| info.classes);
        let classes = profile.classes | blank;
        checks.iter().any(|check| {
            let Some(Conditions { needed, min_length, .. }) = self.conditions.get(usize::from(check.0))
            else {
                return true;
            };
            let min_length = *min_length as usize;
            longest > 0 && longest >= min_length || len >= min_length && classes & needed == *needed
        })
    }

    /// Whether [`Prefilter::probe`] can tell about a check and a form of a value of so many bytes, and takes less than a scan.
    #[inline]
    pub fn has_probe(&self, check: CheckId, len: usize) -> bool {
        self.find_probe(check).is_some_and(|probe| len >= probe.shortest())
    }

    /// Whether a value without a profile may fulfil a check, by its length and the literals of that check alone. `None`: not known.
    pub fn probe(&self, check: CheckId, bytes: &[u8]) -> Option<bool> {
        let Conditions { min_length, .. } = self.conditions.get(usize::from(check.0))?;
        if bytes.len() < *min_length as usize {
            return Some(false);
        }
        self.find_probe(check)?.is_in(bytes)
    }

    #[inline]
    fn find_probe(&self, check: CheckId) -> Option<&Probe> {
        let at = self.probes.binary_search_by_key(&check.0, |(check, _)| *check).ok()?;
        self.probes.get(at).map(|(_, probe)| probe)
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.scopes.iter().map(Filed::memory).sum::<usize>()
            + (self.by_class.bits.len() + self.by_lack.bits.len()) * size_of::<u64>()
            + self.conditions.len() * size_of::<Conditions>()
            + size_of::<[ByteInfo; 256]>()
    }

    /// The number of literals that it looks for.
    pub fn literal_count(&self) -> usize {
        self.scopes.iter().map(|filed| filed.ends.len()).sum()
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
        Some(Filed { literals: Literals::new(&texts), few: Few::new(&texts), ends, checks })
    }

    /// Notes a literal: its checks in `words`, and where it is, with `start` added, in `hits`, of which there are no more than `most` and one.
    fn note(
        &self,
        literal: usize,
        place: Range<usize>,
        start: usize,
        words: &mut [u64],
        (hits, most): (Option<&mut Vec<Hit>>, usize),
    ) {
        self.add_checks(literal, words);
        if let Some(hits) = hits.filter(|hits| hits.len() <= most) {
            let (start, end) = ((start + place.start) as u32, (start + place.end) as u32);
            hits.push(Hit { literal: literal as u32, start, end });
        }
    }

    #[inline]
    fn add_checks(&self, literal: usize, words: &mut [u64]) {
        let start =
            literal.checked_sub(1).and_then(|last| self.ends.get(last)).map_or(0, |end| *end as usize);
        let end = self.ends.get(literal).map_or(0, |end| *end as usize);
        for check in self.checks.get(start..end).unwrap_or(&[]) {
            set(words, *check);
        }
    }

    fn memory(&self) -> usize {
        let few = self.few.as_ref().map_or(0, Few::memory);
        self.literals.memory() + few + self.ends.len() * 4 + self.checks.len() * 2
    }
}

impl Scopes {
    /// Each of them.
    pub const ALL: Self = Scopes(u8::MAX);

    /// Adds one.
    pub fn insert(&mut self, scope: Scope) {
        self.0 |= 1 << scope as u8;
    }

    /// Whether one is among them.
    #[must_use]
    pub fn contain(self, scope: Scope) -> bool {
        self.0 >> scope as u8 & 1 == 1
    }
}

impl Conditions {
    fn hold(&self, profile: Profile, length: usize) -> bool {
        profile.classes & self.needed == self.needed
            && (self.forbidden.is_none_or(|class| profile.classes >> class & 1 == 0)
                || profile.summary & NEWLINE != 0)
            && length >= self.min_length as usize
            && self.max_length.is_none_or(|most| length <= most as usize)
    }
}

fn set(words: &mut [u64], check: u16) {
    if let Some(word) = words.get_mut(usize::from(check) / 64) {
        *word |= 1 << (check % 64);
    }
}

#[cfg(test)]
mod tests;
