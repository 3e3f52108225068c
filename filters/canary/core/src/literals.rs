use regex_syntax::hir::{Class, Hir, HirKind};

/// The literals of which a value contains one, in any case, where any of some patterns matches it. Looked for as Wu and
/// Manber do ("A Fast Algorithm for Multi-Pattern Searching", 1994): where no literal can end, several bytes are passed at once.
/// Of each literal only the first bytes count, as many as the shortest has.
#[derive(Debug)]
pub(crate) struct Literals {
    width: usize,
    /// By the hash of two bytes, how much further a literal that contains them can end at the least.
    shifts: Box<[u8; HASHES]>,
    /// Whether a literal begins with two bytes of this hash.
    begins: Box<[bool; HASHES]>,
}

/// Shorter literals are in nearly every value.
const SHORTEST: usize = 4;

const WIDEST: usize = 16;

const HASHES: usize = 256;

/// The most literals of a set. More are in nearly every value.
const MAX_LITERALS: usize = 128;

impl Literals {
    /// Those of these patterns. `None` where one of them has none, or too short a one.
    pub(crate) fn of(patterns: &[&Hir]) -> Option<Self> {
        let literals: Option<Vec<_>> = patterns.iter().map(|pattern| required(pattern)).collect();
        let literals = literals?.concat();
        let width = shortest(&literals).min(WIDEST);
        if width < SHORTEST || literals.len() > MAX_LITERALS {
            return None;
        }
        let mut shifts = Box::new([u8::try_from(width - 1).unwrap_or(1); HASHES]);
        let mut begins = Box::new([false; HASHES]);
        for pairs in literals.iter().map(|literal| literal.windows(2).take(width - 1)) {
            for (at, pair) in pairs.enumerate() {
                let further = u8::try_from(width - 2 - at).unwrap_or(0);
                shifts.get_mut(hash(pair)).into_iter().for_each(|shift| *shift = further.min(*shift));
                begins.get_mut(hash(pair)).into_iter().for_each(|begins| *begins |= at == 0);
            }
        }
        Some(Self { width, shifts, begins })
    }

    /// Whether one of them is in the value; sometimes true where none is.
    pub(crate) fn may_be_in(&self, value: &[u8]) -> bool {
        let mut start = 0;
        while let Some(window) = value.get(start..start + self.width) {
            let [first, second, .., last_but_one, last] = window else { return true };
            let shift = self.shifts.get(hash(&[*last_but_one, *last])).copied().unwrap_or(0);
            if shift == 0 && self.begins.get(hash(&[*first, *second])).copied().unwrap_or(true) {
                return true;
            }
            start += usize::from(shift.max(1));
        }
        false
    }
}

/// The literals of which each match contains one, in lower case, as long as can be.
fn required(pattern: &Hir) -> Option<Vec<Vec<u8>>> {
    match pattern.kind() {
        HirKind::Literal(_) | HirKind::Class(_) => bytes(pattern).map(|bytes| vec![bytes]),
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Alternation(branches) => {
            let all: Option<Vec<_>> = branches.iter().map(required).collect();
            all.map(|all| all.concat())
        }
        HirKind::Concat(parts) => {
            let mut found = Vec::new();
            let mut run = Vec::new();
            for part in parts {
                match bytes(part) {
                    Some(bytes) => run.extend(bytes),
                    None => {
                        found.push(vec![std::mem::take(&mut run)]);
                        found.extend(required(part));
                    }
                }
            }
            found.push(vec![run]);
            found.into_iter().max_by_key(|literals| shortest(literals))
        }
        _ => None,
    }
}

/// What a part matches in any case, where that is one text.
fn bytes(part: &Hir) -> Option<Vec<u8>> {
    match part.kind() {
        HirKind::Literal(literal) => Some(literal.0.to_ascii_lowercase()),
        HirKind::Class(Class::Bytes(class)) => {
            let letter = class.iter().next()?.start().to_ascii_lowercase();
            let is_it = |byte: u8| byte.to_ascii_lowercase() == letter;
            let mut ranges = class.iter();
            ranges.all(|range| range.start() == range.end() && is_it(range.start())).then(|| vec![letter])
        }
        _ => None,
    }
}

fn shortest(literals: &[Vec<u8>]) -> usize {
    literals.iter().map(Vec::len).min().unwrap_or(0)
}

/// The same for a letter in either case.
fn hash(pair: &[u8]) -> usize {
    match pair {
        [first, second] => usize::from((first | 0x20).wrapping_mul(7) ^ (second | 0x20)) % HASHES,
        _ => 0,
    }
}
