//! `@pm`, `@pmf`, `@pmFromFile`, Coraza's `@pmFromDataset`: any of many phrases, ASCII case ignored; captures the phrase that ends first.
//!
//! Source: `pm.cc`, `pm_from_file.cc`, `acmp.cc`. Departures: bytes above 127 match themselves (ModSecurity's never
//! match, because it reads phrases as signed characters), `|41 42|` is hexadecimal only if all of it is (ModSecurity
//! reads no decimal digits there), and the phrase captured is the one that matched, as the rule writes it.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::{Captures, OperatorError, Requirement};
use crate::transformations::is_space;

#[derive(Clone, Debug)]
pub(super) struct Pm {
    automaton: AhoCorasick,
    phrases: Vec<Box<[u8]>>,
}

impl Pm {
    /// Phrases separated by white space, all of them in double quotes if the rule says so.
    ///
    /// In a phrase `|41 42|` writes bytes in hexadecimal, and `\` keeps the meaning of `:`, `;`, `\` and `"`; if it
    /// stands before anything else, no escape is read at all, as in ModSecurity.
    pub(super) fn from_phrases(argument: &[u8]) -> Result<Self, OperatorError> {
        let raw = || argument.split(|&byte| is_space(byte)).map(Box::from).collect();
        Self::new(unescape(argument).unwrap_or_else(raw))
    }

    /// One phrase on each line; empty lines and lines whose first visible byte is `#` are skipped.
    pub(super) fn from_file(content: &[u8]) -> Result<Self, OperatorError> {
        let lines = content.split(|&byte| byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let lines = lines.filter(|line| line.iter().find(|&&byte| !is_space(byte)) != Some(&b'#'));
        Self::new(lines.map(Box::from).collect())
    }

    /// One phrase each.
    pub(super) fn from_items(items: &[Vec<u8>]) -> Result<Self, OperatorError> {
        Self::new(items.iter().map(|item| item.as_slice().into()).collect())
    }

    pub(super) fn matches(&self, input: &[u8], captures: Option<&mut Captures>) -> bool {
        let Some(captures) = captures else { return self.automaton.is_match(input) };
        let Some(found) = self.automaton.find(input) else { return false };
        if let Some(phrase) = self.phrases.get(found.pattern().as_usize()) {
            captures.set_only(phrase);
        }
        true
    }

    pub(super) fn requirement(&self) -> Requirement {
        Requirement::any_of(self.phrases.iter().map(AsRef::as_ref))
    }

    fn new(mut phrases: Vec<Box<[u8]>>) -> Result<Self, OperatorError> {
        phrases.retain(|phrase| !phrase.is_empty());
        if phrases.is_empty() {
            return Err(OperatorError::NoPhrases);
        }
        // The automaton with one array is a tenth of the size of the one with a full table, and nearly as fast.
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&phrases)
            .map_err(|_| OperatorError::TooManyPhrases)?;
        Ok(Self { automaton, phrases })
    }
}

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
    let end = memchr::memchr(b'|', input)?;
    let digits: Vec<u8> = input.get(..end)?.iter().copied().filter(|&byte| byte != b' ').collect();
    let (pairs, odd) = digits.as_chunks::<2>();
    if pairs.is_empty() || !odd.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = pairs.iter().map(|&[high, low]| u8::try_from(digit(high)? << 4 | digit(low)?).ok());
    Some((bytes.collect::<Option<_>>()?, input.get(end + 1..)?))
}
