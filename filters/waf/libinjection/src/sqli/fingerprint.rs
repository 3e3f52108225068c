//! The fingerprint of an input and the list of those that are attacks.

use std::fmt;

use super::fingerprint_automaton::{EDGES, NODES};
use super::fold::{Folded, MAX_TOKENS};
use super::token::Kind;

/// What an attack looks like: the types of its folded tokens, one ASCII character each, at most five.
///
/// The characters are those of [`Kind`]. [`Kind::Evil`] anywhere makes it `X`.
///
/// [`Kind`]: crate::tokens::Kind
/// [`Kind::Evil`]: crate::tokens::Kind::Evil
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    letters: [u8; MAX_TOKENS],
    length: u8,
}

impl Fingerprint {
    pub(super) fn of(folded: &Folded<'_>) -> Option<Self> {
        if folded.tokens().any(|token| token.kind == Kind::Evil) {
            return Some(Self { letters: [Kind::Evil.letter(), 0, 0, 0, 0], length: 1 });
        }
        let mut letters = [0; MAX_TOKENS];
        for (letter, token) in letters.iter_mut().zip(folded.tokens()) {
            *letter = token.kind.letter();
        }
        let length = u8::try_from(folded.tokens().len()).ok().filter(|length| *length > 0)?;
        // An unclosed empty name in backticks at the end acts as a comment, to PHP with MySQL.
        if let (3.., Some(last)) = (length, folded.tokens().last())
            && (last.kind, last.open.map(u8::from), last.close) == (Kind::Bareword, Some(b'`'), None)
            && last.text.is_empty()
            && let Some(letter) = letters.get_mut(usize::from(length) - 1)
        {
            *letter = Kind::Comment.letter();
        }
        Some(Self { letters, length })
    }

    /// That of tokens with these letters.
    #[cfg(test)]
    pub(super) fn from_letters(text: &[u8]) -> Self {
        let mut letters = [0; MAX_TOKENS];
        letters.iter_mut().zip(text).for_each(|(letter, wanted)| *letter = *wanted);
        Self { letters, length: text.len() as u8 }
    }

    /// Whether libinjection lists it as an attack (`libinjection_sqli_blacklist`).
    ///
    /// As there, types that differ only in case, which are [`Kind::SqlType`] and [`Kind::Tsql`], count as one.
    ///
    /// [`Kind::SqlType`]: crate::tokens::Kind::SqlType
    /// [`Kind::Tsql`]: crate::tokens::Kind::Tsql
    pub(super) fn is_listed(self) -> bool {
        let mut edge = 0;
        for letter in self.as_ref() {
            let node = NODES.get(usize::from(edge & !ACCEPTS)).copied().unwrap_or(0);
            let Some(letter) = ALPHABET.iter().position(|listed| *listed == letter.to_ascii_uppercase())
            else {
                return false;
            };
            if node >> letter & 1 == 0 {
                return false;
            }
            let before = (node & ((1 << letter) - 1)).count_ones();
            edge = EDGES.get((node >> ALPHABET.len()) as usize + before as usize).copied().unwrap_or(0);
        }
        edge & ACCEPTS != 0
    }
}

impl AsRef<[u8]> for Fingerprint {
    fn as_ref(&self) -> &[u8] {
        self.letters.get(..usize::from(self.length)).unwrap_or(&self.letters)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().escape_ascii().fmt(f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The letters of listed fingerprints, in the order of the bits in a node.
const ALPHABET: [u8; 20] = *b"&(),1:;ABCEFKNOSTUVX";
/// Set in an edge after whose letter a listed fingerprint may end.
const ACCEPTS: u16 = 1 << 15;
