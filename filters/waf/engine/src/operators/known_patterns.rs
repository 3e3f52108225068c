//! What was found out about patterns beforehand, so that loading a rule set that is known when a module is built does not
//! analyse them again: what they require, and that they are right.

use super::{ByteSet, Requirement};

/// A table of patterns, made by [`Waf::known_patterns`](crate::Waf::known_patterns). The default one is empty.
///
/// A pattern is recognised by its length and a hash of 64 bits. A table belongs to the version of this crate that made it.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownPatterns(&'static [u8]);

/// What is known of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// About how many bytes its automaton takes.
    pub(super) size: usize,
    pub(super) requirement: Requirement,
}

impl KnownPatterns {
    /// Reads a table. What is no table knows no pattern.
    #[must_use]
    pub const fn new(table: &'static [u8]) -> Self {
        Self(table)
    }

    /// The table.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        self.0
    }

    /// The table of these patterns: for each its text and what is known of it.
    pub(crate) fn write<'a>(patterns: impl Iterator<Item = (&'a [u8], usize, Requirement)>) -> Vec<u8> {
        let entry = |(pattern, size, requirement): (&[u8], usize, Requirement)| {
            Some((hash(pattern), record(pattern, &Known { size, requirement })?))
        };
        let mut entries: Vec<(u64, Vec<u8>)> = patterns.filter_map(entry).collect();
        entries.sort();
        entries.dedup_by_key(|(hash, _)| *hash);
        let mut index = Vec::new();
        let mut records: Vec<u8> = Vec::new();
        for (hash, record) in &entries {
            let (Ok(start), Ok(len)) = (u32::try_from(records.len()), u32::try_from(record.len())) else {
                break;
            };
            index.extend(hash.to_le_bytes());
            index.extend(start.to_le_bytes());
            index.extend(len.to_le_bytes());
            records.extend(record);
        }
        let mut table = ((index.len() / ENTRY) as u32).to_le_bytes().to_vec();
        table.extend(index);
        table.extend(records);
        table
    }

    pub(super) fn find(self, pattern: &[u8]) -> Option<Known> {
        let mut table = Reader(self.0);
        let count = table.number()?;
        let index = table.bytes(count.checked_mul(ENTRY)?)?;
        let wanted = hash(pattern);
        let (entries, _) = index.as_chunks::<ENTRY>();
        let hash_of = |entry: &[u8; ENTRY]| entry.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let at = entries.binary_search_by_key(&wanted, hash_of).ok()?;
        let mut place = Reader(entries.get(at)?.get(8..)?);
        table.bytes(place.number()?)?;
        Known::read(&mut Reader(table.bytes(place.number()?)?), pattern.len())
    }
}

/// A hash, where the record begins among the records, and its length.
const ENTRY: usize = 16;

/// FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn hash(pattern: &[u8]) -> u64 {
    pattern.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// `None` for a pattern that is too large for the format.
fn record(pattern: &[u8], known: &Known) -> Option<Vec<u8>> {
    // Only other operators tell how long an input is at most.
    let Requirement { literals, bytes, more_bytes, only, min_length, max_length: _ } = &known.requirement;
    let mut record = Vec::new();
    for number in [pattern.len(), known.size, *min_length, literals.len()] {
        record.extend(u32::try_from(number).ok()?.to_le_bytes());
    }
    for sets in [bytes.as_slice(), only.as_slice(), more_bytes] {
        record.push(u8::try_from(sets.len()).ok()?);
        for set in sets {
            let ranges = set.ranges();
            record.push(u8::try_from(ranges.len()).ok()?);
            record.extend(ranges.into_iter().flat_map(|(first, last)| [first, last]));
        }
    }
    for literal in literals {
        record.push(u8::try_from(literal.len()).ok()?);
        record.extend(literal);
    }
    Some(record)
}

impl Known {
    fn read(record: &mut Reader<'_>, length: usize) -> Option<Self> {
        if record.number()? != length {
            return None;
        }
        let (size, min_length, count) = (record.number()?, record.number()?, record.number()?);
        let mut sets = || -> Option<Vec<ByteSet>> {
            let count = record.byte()?;
            (0..count).map(|_| record.set()).collect()
        };
        let (bytes, only, more_bytes) = (sets()?.pop(), sets()?.pop(), sets()?);
        let literal = |_| {
            let length = record.byte()?;
            Some(record.bytes(length.into())?.to_vec())
        };
        let literals = (0..count).map(literal).collect::<Option<_>>()?;
        let requirement = Requirement { literals, bytes, more_bytes, only, min_length, max_length: None };
        Some(Known { size, requirement })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    fn set(&mut self) -> Option<ByteSet> {
        let mut set = ByteSet::EMPTY;
        for _ in 0..self.byte()? {
            set = set.union(ByteSet::range(self.byte()?, self.byte()?));
        }
        Some(set)
    }

    fn number(&mut self) -> Option<usize> {
        let bytes = self.bytes(4)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::pcre::Pattern;

    const PATTERNS: [&str; 7] = [
        r"^(?:[\d.]+|[a-f:]+)$",
        "j\\s*a\\s*v\\s*a:",
        "union.*select",
        "(?i)[^a-z]x{3,}",
        r#"s["^]*e["^]*t"#,
        r"[\x00-\x08\xff]",
        "^$",
    ];

    #[test]
    fn a_table_gives_back_what_was_written() {
        let patterns: Vec<Pattern> =
            PATTERNS.iter().map(|text| Pattern::new(text.as_bytes()).expect(text)).collect();
        let entries = patterns.iter().filter_map(Pattern::facts);
        let known = KnownPatterns::new(KnownPatterns::write(entries).leak());
        for (text, pattern) in PATTERNS.iter().zip(&patterns) {
            let found = known.find(text.as_bytes()).expect(text);
            assert_eq!(found.requirement, pattern.requirement(), "{text}");
            let again = Pattern::known(text.as_bytes(), known).expect(text);
            assert_eq!(again.requirement(), pattern.requirement(), "{text}");
            for input in [&b"union select"[..], b"!xxx", b"s^et", b"\xff", b""] {
                assert_eq!(again.find_at(input, 0), pattern.find_at(input, 0), "{text}");
            }
        }
        assert_eq!(known.find(b"another"), None);
        assert_eq!(KnownPatterns::default().find(b"another"), None);
        // Patterns that need backtracking are compiled at once, so nothing of them is known.
        assert!(Pattern::new(b"a(?=b)").expect("a pattern").facts().is_none());
    }

    #[test]
    fn what_is_no_table_knows_nothing() {
        let pattern = Pattern::new(b"union.*select").expect("a pattern");
        let table = KnownPatterns::write(pattern.facts().into_iter()).leak();
        for end in 0..table.len() {
            assert_eq!(KnownPatterns::new(&table[..end]).find(b"union.*select"), None, "{end}");
        }
        assert_eq!(KnownPatterns::new(&[0xff; 64]).find(b"union.*select"), None);
    }
}
