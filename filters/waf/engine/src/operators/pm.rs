//! `@pm`, `@pmf`, `@pmFromFile`, Coraza's `@pmFromDataset`: any of many phrases, ASCII case ignored; captures the phrase that ends first.
//!
//! Source: `pm.cc`, `pm_from_file.cc`, `acmp.cc`. Departures: bytes above 127 match themselves (ModSecurity's never
//! match, because it reads phrases as signed characters), `|41 42|` is hexadecimal only if all of it is (ModSecurity
//! reads no decimal digits there), and the phrase captured is the one that matched, as the rule writes it.

use std::cell::RefCell;

use super::on_demand::{Key, Measured, Store};
use super::phrases::Phrases;
use super::{Captures, OperatorError, Place, Requirement};
use crate::transformations::is_space;

/// The longest list, in bytes of its phrases.
const SIZE_LIMIT: usize = 1 << 20;
/// How many bytes the automaton takes for each of a phrase, about.
const EXPECTED: usize = 12;

thread_local! {
    static STORE: RefCell<Store<Phrases>> = Store::new(1 << 20);
}

#[derive(Clone, Debug)]
pub(super) struct Pm {
    /// The phrases, one after the other.
    text: Box<[u8]>,
    /// Where each phrase ends.
    ends: Box<[u32]>,
    automaton: Key<Phrases>,
}

impl Pm {
    /// Phrases separated by white space, all of them in double quotes if the rule says so.
    ///
    /// In a phrase `|41 42|` writes bytes in hexadecimal, and `\` keeps the meaning of `:`, `;`, `\` and `"`; if it
    /// stands before anything else, no escape is read at all, as in ModSecurity.
    pub(super) fn from_phrases(argument: &[u8]) -> Result<Self, OperatorError> {
        match unescape(argument) {
            Some(phrases) => Self::new(&mut phrases.iter().map(AsRef::as_ref)),
            None => Self::new(&mut argument.split(|&byte| is_space(byte))),
        }
    }

    /// One phrase on each line; empty lines and lines whose first visible byte is `#` are skipped.
    pub(super) fn from_file(content: &[u8]) -> Result<Self, OperatorError> {
        let lines = content.split(|&byte| byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        Self::new(&mut lines.filter(|line| line.iter().find(|&&byte| !is_space(byte)) != Some(&b'#')))
    }

    /// One phrase each.
    pub(super) fn from_items(items: &[Vec<u8>]) -> Result<Self, OperatorError> {
        Self::new(&mut items.iter().map(Vec::as_slice))
    }

    #[inline(never)]
    pub(super) fn matches(&self, input: &[u8], captures: Option<&mut Captures>) -> bool {
        let Some((number, _)) = self.find(input) else { return false };
        if let Some(captures) = captures
            && let Some(phrase) = self.phrases().nth(number)
        {
            captures.set_only(phrase);
        }
        true
    }

    pub(super) fn place(&self, input: &[u8]) -> Option<Place> {
        let (number, end) = self.find(input)?;
        let length = self.phrases().nth(number)?.len();
        Some((end.checked_sub(length)?, length))
    }

    pub(super) fn requirement(&self) -> Requirement {
        Requirement::any_of(self.phrases())
    }

    #[inline(never)]
    fn new(phrases: &mut dyn Iterator<Item = &[u8]>) -> Result<Self, OperatorError> {
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        for phrase in phrases.filter(|phrase| !phrase.is_empty()) {
            text.extend_from_slice(phrase);
            ends.push(text.len() as u32);
        }
        match ends.is_empty() {
            true => Err(OperatorError::NoPhrases),
            false if text.len() > SIZE_LIMIT => Err(OperatorError::TooManyPhrases),
            false => {
                let automaton = Key::new(&STORE, text.len() * EXPECTED);
                Ok(Self { text: text.into(), ends: ends.into(), automaton })
            }
        }
    }

    fn phrases(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let from = std::mem::replace(&mut start, *end as usize);
            self.text.get(from..*end as usize).unwrap_or_default()
        })
    }

    /// The number of a phrase and where it ends.
    fn find(&self, input: &[u8]) -> Option<(usize, usize)> {
        self.automaton.with(|| Some(Phrases::new(self.phrases())), |automaton| automaton.find(input))?
    }
}

impl Measured for Phrases {
    fn memory(&self) -> usize {
        self.memory()
    }
}

#[inline(never)]
fn unescape(argument: &[u8]) -> Option<Vec<Box<[u8]>>> {
    let start = argument.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mut rest = match argument.get(start..)? {
        [b'"', inside @ .., b'"'] => inside,
        whole => whole,
    };
    let mut phrases = Vec::new();
    let mut phrase = Vec::new();
    loop {
        rest = match rest {
            [] => break,
            [b'\\', byte @ (b':' | b';' | b'\\' | b'"'), tail @ ..] => {
                phrase.push(*byte);
                tail
            }
            [b'\\', ..] => return None,
            [b'|', tail @ ..] => match hexadecimal(tail) {
                Some((bytes, tail)) => {
                    phrase.extend(bytes);
                    tail
                }
                None => {
                    phrase.push(b'|');
                    tail
                }
            },
            [space, tail @ ..] if is_space(*space) => {
                phrases.push(std::mem::take(&mut phrase).into());
                tail
            }
            [byte, tail @ ..] => {
                phrase.push(*byte);
                tail
            }
        };
    }
    phrases.push(phrase.into());
    Some(phrases)
}

/// `41 42|`: pairs of digits and blanks up to a bar.
fn hexadecimal(input: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let end = crate::find::byte(b'|', input)?;
    let digits: Vec<u8> = input.get(..end)?.iter().copied().filter(|&byte| byte != b' ').collect();
    let (pairs, odd) = digits.as_chunks::<2>();
    if pairs.is_empty() || !odd.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = pairs.iter().map(|&[high, low]| u8::try_from(digit(high)? << 4 | digit(low)?).ok());
    Some((bytes.collect::<Option<_>>()?, input.get(end + 1..)?))
}
