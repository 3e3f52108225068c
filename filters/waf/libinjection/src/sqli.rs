//! SQL injection detection (`libinjection_sqli.c`).

mod bytes;
mod fingerprint;
mod fingerprint_automaton;
pub(crate) mod fold;
mod keyword_list;
mod keywords;
mod literals;
mod recent;
#[cfg(test)]
mod tests;
pub(crate) mod token;
pub(crate) mod tokenizer;
mod verdict;

use memchr::memchr;

pub use self::fingerprint::Fingerprint;
use self::fold::Folded;
pub use self::recent::Recent;
use self::tokenizer::{Dialect, Quote, Tokenizer};

/// The fingerprint of the attack that `input` is, if it is one.
///
/// The input is tried as it stands, then as if it began inside single quotes and inside double quotes; where
/// MySQL reads comments differently from ANSI SQL, both readings are tried. The first that is an attack is
/// returned. Source: `libinjection_is_sqli`.
#[must_use]
pub fn sqli(input: &[u8]) -> Option<Fingerprint> {
    if is_plain(input) { None } else { in_any_context(input, &mut Folded::new) }
}

/// Whether the input is so plain that no context makes an attack of it.
fn is_plain(input: &[u8]) -> bool {
    bytes::is_one_word(input) || is_one_name(input) || is_joined(input) || is_words(input)
}

/// Whether the input is words and numbers with single dashes between them, such as `SKU-1001`, `2026-11-22` or `1.75`: a
/// subtraction, which folds to its first operand.
///
/// Words that mean something are none of these, nor numbers with an exponent or another radix.
fn is_joined(input: &[u8]) -> bool {
    input.len() <= token::MAX_TEXT && input.split(|byte| *byte == b'-').all(is_operand)
}

/// Whether the input is words and numbers with blanks between them, such as `Wooden chair 2`: these stay as they are when they are
/// folded, and no fingerprint that is listed has nothing else.
///
/// Words that mean something are none of these, nor two that do so together.
fn is_words(input: &[u8]) -> bool {
    // Where the last word starts, if it may begin a phrase, and the next one.
    let (mut phrase, mut start) = (None, 0);
    for word in input.split(|byte| *byte == b' ') {
        let end = start + word.len();
        let is_phrase = |from| {
            word.is_empty() || input.get(from..end).is_some_and(|both| keywords::lookup(both).is_some())
        };
        if !(word.is_empty() || word.len() <= token::MAX_TEXT && is_operand(word))
            || phrase.is_some_and(is_phrase)
        {
            return false;
        }
        let may_begin = word.first().is_some_and(u8::is_ascii_alphabetic) && keywords::begins_phrase(word);
        phrase = may_begin.then_some(start);
        start = end + 1;
    }
    true
}

/// Whether it is one word that means nothing, or one decimal number without an exponent.
fn is_operand(part: &[u8]) -> bool {
    match part {
        [b'0'..=b'9', ..] => {
            let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
            match part.iter().position(|byte| *byte == b'.').and_then(|dot| part.split_at_checked(dot)) {
                Some((whole, [_, fraction @ ..])) => digits(whole) && digits(fraction),
                _ => digits(part),
            }
        }
        [first, ..] if first.is_ascii_alphabetic() => {
            part.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                && !keywords::is_keyword(part)
        }
        _ => false,
    }
}

/// Whether the input is a name with dots in it, such as `json.items.array_0`, that is one token: as little an attack as one word.
///
/// See [`tokenizer::word`]: a dot ends a token where what stands before it means something.
fn is_one_name(input: &[u8]) -> bool {
    let goes_on = |(at, byte): (usize, &u8)| match byte {
        b'.' => at > token::MAX_TEXT || input.get(..at).is_some_and(|before| !keywords::is_keyword(before)),
        _ => bytes::is_plain(*byte),
    };
    input.first().is_some_and(u8::is_ascii_alphabetic) && input.iter().enumerate().all(goes_on)
}

/// Whether an input of such bytes alone is no SQL injection, unless it begins with `0b`: it is a word, a number, or both.
/// For callers that look at many inputs' bytes anyway.
#[must_use]
pub fn is_word_byte(byte: u8) -> bool {
    bytes::is_plain(byte)
}

/// Tries all contexts, of which `fold` is asked to fold what they make of the input.
fn in_any_context<'a>(input: &'a [u8], fold: Fold<'a, '_>) -> Option<Fingerprint> {
    in_both_dialects(input, Quote::None, fold)
        .or_else(|| memchr(b'\'', input).and_then(|_| in_both_dialects(input, Quote::Single, fold)))
        .or_else(|| {
            let double = Tokenizer::new(input, Quote::Double, Dialect::MySql);
            memchr(b'"', input).and_then(|_| attack(&fold(double)))
        })
}

fn in_both_dialects<'a>(input: &'a [u8], quote: Quote, fold: Fold<'a, '_>) -> Option<Fingerprint> {
    let folded = fold(Tokenizer::new(input, quote, Dialect::Ansi));
    attack(&folded).or_else(|| {
        let differs = folded.source().mysql_differs();
        differs.then(|| fold(Tokenizer::new(input, quote, Dialect::MySql))).as_ref().and_then(attack)
    })
}

type Fold<'a, 'f> = &'f mut dyn FnMut(Tokenizer<'a>) -> Folded<'a>;

fn attack(folded: &Folded<'_>) -> Option<Fingerprint> {
    let fingerprint = Fingerprint::of(folded)?;
    (fingerprint.is_listed() && verdict::is_attack(folded, fingerprint)).then_some(fingerprint)
}
