//! What inputs that begin alike share: what was read and folded of their beginnings.
//!
//! JSON spells a long key out in the name of each value under it, and a rule is asked about these names, and what it makes of them,
//! one after the other. How far a beginning is folded depends on it alone, and on a few bytes behind it.

use portcullis_collections::beginnings::common;

use super::fold::{Folded, Place};
use super::tokenizer::{Dialect, Quote, Tokenizer};
use super::{Fingerprint, in_any_context, is_plain};

/// The last inputs of SQL injection detection, and how far they were folded at some of their places.
///
/// [`Recent::sqli`] answers as [`sqli`] does, sooner where inputs are the same or begin alike. It keeps up to four inputs of up to
/// 16 KB, and up to 13 KB about each.
///
/// [`sqli`]: crate::sqli
#[derive(Debug)]
pub struct Recent {
    inputs: [Known; MOST],
    /// Which of them the next one replaces that begins like none of them.
    oldest: usize,
}

/// An input and what it is, and places of it, in order, for each context.
#[derive(Debug)]
struct Known {
    text: Vec<u8>,
    answer: Option<Fingerprint>,
    places: [Vec<Place>; CONTEXTS],
}

/// Folding fewer bytes costs no more than looking for what they share. Of more not so many names fit into a request.
const SHORTEST: usize = 32;
const LONGEST: usize = 16 << 10;
/// A shorter beginning is not worth it.
const LEAST_SHARED: usize = SHORTEST / 2;
/// The most inputs that are kept: a rule may ask about a few forms of each value.
const MOST: usize = 4;
/// Quotes and dialects that inputs are read in.
const CONTEXTS: usize = 5;
/// The most places of an input in a context, some 330 bytes each, and how far they are apart at least.
const MOST_PLACES: usize = 8;
const APART: usize = 4;

impl Recent {
    /// No input yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { inputs: [const { Known::NONE }; MOST], oldest: 0 }
    }

    /// As [`sqli`](crate::sqli).
    pub fn sqli(&mut self, input: &[u8]) -> Option<Fingerprint> {
        if is_plain(input) {
            return None;
        }
        let is_kept = (SHORTEST..=LONGEST).contains(&input.len());
        let Some((known, shared)) = is_kept.then(|| self.most_alike(input)).flatten() else {
            return in_any_context(input, &mut Folded::new);
        };
        if shared < input.len() || shared < known.text.len() {
            known.keep(input, shared);
            let places = &mut known.places;
            known.answer = in_any_context(input, &mut |source| fold(source, shared, places));
        }
        known.answer
    }

    /// Forgets all inputs.
    pub fn forget(&mut self) {
        self.inputs.iter_mut().for_each(|known| known.text.clear());
    }

    /// The kept input that begins most like this one, or that is to be replaced by it, and how many bytes they share.
    fn most_alike(&mut self, input: &[u8]) -> Option<(&mut Known, usize)> {
        let lengths = self.inputs.iter().map(|known| common(&known.text, input)).enumerate();
        let (mut at, mut shared) = lengths.max_by_key(|(_, shared)| *shared)?;
        if shared < LEAST_SHARED {
            (at, shared) = (self.oldest, 0);
            self.oldest = (at + 1) % MOST;
        }
        Some((self.inputs.get_mut(at)?, shared))
    }
}

impl Known {
    const NONE: Self = Self { text: Vec::new(), answer: None, places: [const { Vec::new() }; CONTEXTS] };

    /// Keeps an input in the place of one with which it shares so many bytes.
    fn keep(&mut self, input: &[u8], shared: usize) {
        self.text.truncate(shared);
        self.text.extend_from_slice(input.get(shared..).unwrap_or_default());
        for places in &mut self.places {
            while places.pop_if(|place| place.depends_on() > shared).is_some() {}
        }
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::new()
    }
}

/// Folds an input of which `shared` bytes are those of the last one, from the last place on that is known of them. Adds places, each
/// half as far from the end of these bytes as the one before it.
fn fold<'a>(source: Tokenizer<'a>, shared: usize, places: &mut [Vec<Place>; CONTEXTS]) -> Folded<'a> {
    let Some(places) = places.get_mut(context(&source)) else { return Folded::new(source) };
    let (mut folded, mut from) = match places.last() {
        Some(place) => (Folded::resume(source, place), place.position()),
        None => (Folded::start(source), 0),
    };
    while shared - from >= 2 * APART {
        if folded.go_on(from + (shared - from) / 2) {
            return folded;
        }
        let place = folded.place();
        if place.depends_on() > shared {
            break;
        }
        from = place.position();
        if places.len() == MOST_PLACES {
            places.pop();
        }
        places.push(place);
    }
    folded.go_on(usize::MAX);
    folded
}

fn context(source: &Tokenizer<'_>) -> usize {
    match source.context() {
        (Quote::None, Dialect::Ansi) => 0,
        (Quote::None, Dialect::MySql) => 1,
        (Quote::Single, Dialect::Ansi) => 2,
        (Quote::Single, Dialect::MySql) => 3,
        (Quote::Double, _) => 4,
    }
}

#[cfg(test)]
mod tests;
