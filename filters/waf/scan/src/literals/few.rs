//! Finds few literals in one pass over a text, ASCII case ignored, without a look at each byte.
//!
//! A window of six bytes moves over the text. Of each literal six bytes that are rare are filed, and what the last two bytes in the
//! window are tells how far it can move before it can have one of these; Wu and Manber, "A Fast Algorithm for Multi-Pattern Searching", 1994.
//! Shorter literals are searched for by a rare byte, or there is no such search.

use std::ops::Range;

use super::{Filing, Runs, class_of, run_key, run_of};
use portcullis_patterns::byte_frequency as frequency;

/// See the module.
#[derive(Debug)]
pub(crate) struct Few {
    /// How far the window can move, by the classes of its last two bytes.
    moves: Box<[u8; PAIRS]>,
    /// Those that have the window's last four bytes there.
    long: Filing,
    short: Vec<Short>,
}

/// Literals that are shorter than the window and have a byte in common.
#[derive(Debug)]
struct Short {
    byte: u8,
    /// Where the byte is in a literal, the literal and its number.
    literals: Vec<(usize, Vec<u8>, usize)>,
}

const WINDOW: usize = 6;
const PAIRS: usize = 64 * 64;
/// With more literals the window hardly moves.
const MOST: usize = 256;
/// A text is gone through once for each of these, of which ordinary text has no more than this share.
const MOST_SHORT: usize = 3;
const RARE: f32 = 1.0 / 40.0;

impl Few {
    /// For literals of two bytes or more in lower case. `None` if they are too many, or some too short.
    #[inline(never)]
    pub(crate) fn new(literals: &[&[u8]]) -> Option<Self> {
        if literals.len() > MOST {
            return None;
        }
        let mut few =
            Few { moves: Box::new([WINDOW as u8 - 1; PAIRS]), long: Filing::default(), short: Vec::new() };
        let mut runs = Runs::default();
        for (number, literal) in literals.iter().enumerate() {
            // As few as possible under the same four bytes, so that no text has many compared at each place.
            let key = |part: &[u8]| run_key(4, run_of(part.get(WINDOW - 4..).unwrap_or_default()));
            let cost = |part: &[u8]| {
                let filed = runs.get(&key(part)).map_or(0, Vec::len) as f32;
                part.iter().rev().take(4).map(|byte| frequency(*byte)).product::<f32>() * (1.0 + filed)
            };
            let parts = literal.windows(WINDOW).enumerate();
            let rarest = parts.min_by(|(_, one), (_, other)| cost(one).total_cmp(&cost(other)));
            let Some((at, part)) = rarest else {
                few.add_short(literal, number)?;
                continue;
            };
            let entry = few.long.add(literal, at + WINDOW, number);
            runs.change(key(part), |entries| entries.push(entry));
            for (before, pair) in part.windows(2).rev().enumerate() {
                if let Some(moves) = few.moves.get_mut(place_of(pair)) {
                    *moves = (*moves).min(before as u8);
                }
            }
        }
        few.long.file(&runs);
        Some(few)
    }

    fn add_short(&mut self, literal: &[u8], number: usize) -> Option<()> {
        let bytes = literal.iter().enumerate();
        let (at, byte) =
            bytes.min_by(|(_, one), (_, other)| frequency(**one).total_cmp(&frequency(**other)))?;
        let literal = (at, literal.to_vec(), number);
        let count = self.short.len();
        match self.short.iter_mut().find(|short| short.byte == *byte) {
            Some(short) => short.literals.push(literal),
            None if count < MOST_SHORT && frequency(*byte) < RARE => {
                self.short.push(Short { byte: *byte, literals: vec![literal] });
            }
            None => return None,
        }
        Some(())
    }

    /// Calls `on` with the number of each literal that occurs in `text`, and where; once for each place.
    #[inline]
    pub(crate) fn scan(&self, text: &[u8], mut on: impl FnMut(usize, Range<usize>)) {
        let mut last_two = WINDOW - 2;
        while let Some(pair) = text.get(last_two..).and_then(<[u8]>::first_chunk::<2>) {
            match self.moves.get(place_of(pair)).map_or(1, |moves| usize::from(*moves)) {
                0 => {
                    self.look(text, last_two + 2, &mut on);
                    last_two += 1;
                }
                moves => last_two += moves,
            }
        }
        for Short { byte, literals } in &self.short {
            let mut from = 0;
            while let Some(rest) = text.get(from..)
                && let Some(offset) = memchr::memchr2(*byte, byte.to_ascii_uppercase(), rest)
            {
                let at = from + offset;
                from = at + 1;
                for (before, literal, number) in literals {
                    let Some(start) = at.checked_sub(*before) else { continue };
                    let place = start..start + literal.len();
                    if text.get(place.clone()).is_some_and(|part| part.eq_ignore_ascii_case(literal)) {
                        on(*number, place);
                    }
                }
            }
        }
    }

    /// Compares the literals whose part ends at `end`.
    #[inline(never)]
    fn look(&self, text: &[u8], end: usize, on: &mut impl FnMut(usize, Range<usize>)) {
        let run = run_of(text.get(end - 4..end).unwrap_or_default());
        self.long.compare((text, false), end, 4, run, on);
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        let short = self.short.iter().flat_map(|short| &short.literals);
        PAIRS + self.long.memory() + short.map(|(_, literal, _)| literal.len()).sum::<usize>()
    }
}

/// That of two bytes in the table.
#[inline(always)]
fn place_of(pair: &[u8]) -> usize {
    pair.iter().fold(0, |place, byte| place << 6 | usize::from(class_of(*byte))) % PAIRS
}

#[cfg(test)]
mod tests {
    use super::Few;
    use suites::Random;

    /// Finds what a search for each literal by itself finds.
    #[test]
    fn finds_what_is_there() {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let mut next = |bound| random.below(bound);
        let alphabet = b"ab/\0[{2";
        let mut count = 0;
        for _ in 0..300 {
            let mut word = |least: usize, most: usize| {
                (0..least + next(most - least)).map(|_| alphabet[next(7)]).collect::<Vec<u8>>()
            };
            let mut literals: Vec<Vec<u8>> = (0..30).map(|_| word(6, 9)).collect();
            literals.push([&b"~"[..], &word(1, 4)].concat());
            literals.push([&word(1, 3), &b"~"[..]].concat());
            let few = Few::new(&literals.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
            for _ in 0..20 {
                // What ordinary text would have by chance once in a long time.
                let mut text = word(0, 20);
                for _ in 0..4 {
                    let literal = &literals[text.len() * 7 % literals.len()];
                    text.extend_from_slice(&literal[text.len() % 2..]);
                    text.extend(word(0, 8));
                }
                text.iter_mut().step_by(2).for_each(u8::make_ascii_uppercase);
                let lower = text.to_ascii_lowercase();
                let mut wanted = Vec::new();
                for (number, literal) in literals.iter().enumerate() {
                    let places = lower.windows(literal.len()).enumerate();
                    let places = places.filter(|(_, part)| part == literal);
                    wanted.extend(places.map(|(at, _)| (number, at..at + literal.len())));
                }
                let mut found = Vec::new();
                few.scan(&text, |number, place| found.push((number, place)));
                let order = |(number, place): &(usize, std::ops::Range<usize>)| (*number, place.start);
                found.sort_by_key(order);
                assert_eq!(found, wanted, "{literals:?} in {text:?}");
                count += found.len();
            }
        }
        assert!(count > 10_000, "{count}");
    }

    #[test]
    fn is_for_few_literals_that_are_long_or_rare() {
        assert!(Few::new(&[b"runtime", b"%uff", b"__"]).is_some());
        let many = vec![&b"union_"[..]; 257];
        for literals in [&[&b"or"[..]][..], &[b"~a", b"^a", b"{a", b"|a"], &many] {
            assert!(Few::new(literals).is_none(), "{literals:?}");
        }
        let nothing = Few::new(&[]).unwrap();
        nothing.scan(b"anything at all", |literal, _| panic!("{literal}"));
    }
}
