//! An automaton that finds any of many phrases: Aho and Corasick, "Efficient string matching", 1975.
//!
//! The crate of that name chooses among three kinds of it and has prefilters, for which the scan leaves no use here: 35 KB of code.

use portcullis_collections::sorted;

/// Finds phrases without regard to ASCII case.
#[derive(Debug)]
pub(super) struct Phrases {
    /// In the order of their lengths, so that the children of one stand beside each other.
    states: Vec<State>,
    /// The byte that leads to each state.
    bytes: Vec<u8>,
    /// The states behind the first one, by their bytes; 0 where there is none.
    first: Box<[u16; 256]>,
}

/// The end of what was read, as far as it begins phrases.
#[derive(Debug, Clone, Copy)]
struct State {
    /// Where its children begin. They end where those of the next state begin.
    children: u32,
    /// The longest end of it that begins phrases, too.
    shorter: u32,
    /// The longest phrase that it ends with, counted from 1, or 0.
    phrase: u32,
}

impl Phrases {
    #[inline(never)]
    pub(super) fn new<'a>(phrases: impl Iterator<Item = &'a [u8]>) -> Self {
        let phrases = phrases.zip(1_u32..).map(|(phrase, number)| (phrase.to_ascii_lowercase(), number));
        let phrases = sorted(phrases.collect());
        let mut found = Phrases { states: Vec::new(), bytes: Vec::new(), first: Box::new([0; 256]) };
        found.push(0, 0);
        // For each state the phrases that begin with what it stands for, and how long that is.
        let mut pending = vec![(0, phrases.len(), 0)];
        let mut at = 0;
        while let Some((start, end, length)) = pending.get(at).copied() {
            let mut rest = phrases.get(start..end).unwrap_or_default();
            let mut own = 0;
            while let Some(((text, number), tail)) = rest.split_first()
                && text.len() == length
            {
                // Of the same phrases the first one counts.
                own = if own == 0 { *number } else { own };
                rest = tail;
            }
            let mut from = end - rest.len();
            let children = found.states.len() as u32;
            let shorter = found.states.get(at).map_or(0, |state| state.shorter);
            let phrase = match own {
                0 => found.states.get(shorter as usize).map_or(0, |state| state.phrase),
                own => own,
            };
            if let Some(state) = found.states.get_mut(at) {
                *state = State { children, shorter, phrase };
            }
            while let Some((text, _)) = rest.first() {
                let byte = text.get(length).copied().unwrap_or_default();
                let same = rest.iter().take_while(|(text, _)| text.get(length) == Some(&byte)).count();
                match found.first.get_mut(usize::from(byte)) {
                    Some(first) if at == 0 => {
                        *first = found.states.len() as u16;
                        found.push(byte, 0);
                    }
                    _ => found.push(byte, found.step(shorter, byte)),
                }
                pending.push((from, from + same, length + 1));
                from += same;
                rest = rest.get(same..).unwrap_or_default();
            }
            at += 1;
        }
        found
    }

    /// The phrase that ends first, and of several that end there the longest: its number, from 0, and where it ends.
    pub(super) fn find(&self, input: &[u8]) -> Option<(usize, usize)> {
        let mut at = 0;
        for (end, byte) in input.iter().enumerate() {
            at = self.step(at, byte.to_ascii_lowercase());
            if let Some(phrase) = self.states.get(at as usize)?.phrase.checked_sub(1) {
                return Some((phrase as usize, end + 1));
            }
        }
        None
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.states.capacity() * size_of::<State>() + self.bytes.capacity() + size_of_val(&*self.first)
    }

    fn step(&self, mut state: u32, byte: u8) -> u32 {
        while state != 0 {
            let place = state as usize;
            let Some(State { children, shorter, .. }) = self.states.get(place).copied() else { return 0 };
            let end = self.states.get(place + 1).map_or(self.bytes.len(), |next| next.children as usize);
            let children = children as usize;
            let known = self.bytes.get(children..end).unwrap_or_default();
            if let Some(child) = known.iter().position(|known| *known == byte) {
                return (children + child) as u32;
            }
            state = shorter;
        }
        self.first.get(usize::from(byte)).map_or(0, |first| (*first).into())
    }

    fn push(&mut self, byte: u8, shorter: u32) {
        self.states.push(State { children: u32::MAX, shorter, phrase: 0 });
        self.bytes.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_ends_first() {
        type Case<'a> = (&'a [&'a str], &'a str, Option<(usize, usize)>);
        let cases: [Case; 12] = [
            (&["he", "she", "hers"], "ushers", Some((1, 4))),
            (&["he", "hers"], "ushers", Some((0, 4))),
            (&["abcd", "bc"], "abcd", Some((1, 3))),
            (&["abcd", "bd", "c"], "abd", Some((1, 3))),
            (&["abcde", "bcdf", "cdg"], "abcdg", Some((2, 5))),
            (&["aab"], "aaaab", Some((0, 5))),
            (&["B", "b"], "aB", Some((0, 2))),
            (&["Union", "SELECT"], "1 sElEcT", Some((1, 8))),
            (&["\u{e9}"], "\u{c9}", None),
            (&["ab"], "a b", None),
            (&["ab"], "", None),
            (&[], "ab", None),
        ];
        for (phrases, input, expected) in cases {
            let automaton = Phrases::new(phrases.iter().map(|phrase| phrase.as_bytes()));
            assert_eq!(automaton.find(input.as_bytes()), expected, "{phrases:?} in {input}");
        }
    }

    #[test]
    fn agrees_with_a_plain_search() {
        let mut seed = 1_u32;
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % below
        };
        for _ in 0..2000 {
            let mut text = |longest| {
                (0..1 + random(longest)).map(|_| b"abC\xff"[random(4) as usize]).collect::<Vec<u8>>()
            };
            let phrases: Vec<Vec<u8>> = (0..6).map(|_| text(5)).collect();
            let input = text(20);
            let ends = |end: usize| {
                let before = input[..end].to_ascii_lowercase();
                let found =
                    phrases.iter().enumerate().filter(|(_, it)| before.ends_with(&it.to_ascii_lowercase()));
                found
                    .max_by_key(|(number, it)| (it.len(), usize::MAX - number))
                    .map(|(number, _)| (number, end))
            };
            let expected = (1..=input.len()).find_map(ends);
            assert_eq!(
                Phrases::new(phrases.iter().map(Vec::as_slice)).find(&input),
                expected,
                "{phrases:?} in {input:?}"
            );
        }
    }
}
