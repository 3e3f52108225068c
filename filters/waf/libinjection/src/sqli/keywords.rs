//! The words and phrases that mean something in some SQL dialect (`sql_keywords`).

use super::keyword_list::{GROUPS, TEXT_LENGTH};
use super::token::Kind;

/// What `word` is, whatever its case. Words of a phrase have one blank between them.
pub(super) fn lookup(word: &[u8]) -> Option<Kind> {
    let mut slot = hash(word);
    loop {
        let entry = TABLE.slots.get(slot)?;
        if entry.length == 0 {
            return None;
        }
        let start = usize::from(entry.start);
        let text = TABLE.text.get(start..start + usize::from(entry.length))?;
        if text.eq_ignore_ascii_case(word) {
            return Some(entry.kind);
        }
        slot = (slot + 1) % SLOTS;
    }
}

/// Whether `word` means something, and is not merely listed.
pub(super) fn is_keyword(word: &[u8]) -> bool {
    lookup(word).is_some_and(|kind| kind != Kind::Bareword)
}

/// What two characters are as one operator.
pub(super) fn operator(pair: [u8; 2]) -> Option<Kind> {
    match &pair {
        b"&&" | b"||" => Some(Kind::LogicOperator),
        b"!!" | b"!<" | b"!=" | b"!>" | b"&=" | b"*=" | b"::" | b":=" | b"<<" | b"<=" | b"<>" | b"<@"
        | b">=" | b">>" | b"|/" | b"|=" => Some(Kind::Operator),
        _ => None,
    }
}

/// Whether a phrase may begin with this word: a quick test that is true of few words, and of all that matter.
pub(super) fn begins_phrase(word: &[u8]) -> bool {
    let [first, .., last] = word else { return false };
    // Phrases are joined word by word, so the first may be a phrase itself; its last letter is what it is tested by.
    let letters = TABLE.phrases.get(usize::from(first & 31)).copied().unwrap_or(0);
    letters >> (last & 31) & 1 != 0
}

/// How long the words of phrases are at least.
pub(super) const SHORTEST_OF_PHRASE: u8 = 2;

/// Names that are functions only before a parenthesis.
pub(super) fn is_function_with_parenthesis(word: &[u8]) -> bool {
    const NAMES: [&str; 11] = [
        "USER_ID",
        "USER_NAME",
        "DATABASE",
        "PASSWORD",
        "USER",
        "CURRENT_USER",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "LOCALTIME",
        "LOCALTIMESTAMP",
    ];
    NAMES.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(word))
}

/// A hash table with linear probing, made by the compiler.
struct Table {
    text: [u8; TEXT_LENGTH],
    slots: [Entry; SLOTS],
    /// For each first letter of a word that begins a phrase, the set of its last letters.
    phrases: [u32; 32],
}

#[derive(Clone, Copy)]
struct Entry {
    start: u16,
    /// 0 in a free slot.
    length: u8,
    kind: Kind,
}

static TABLE: Table = table();
const SLOTS: usize = 2048;

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, for which a bad index is an error")]
const fn table() -> Table {
    let free = Entry { start: 0, length: 0, kind: Kind::Unknown };
    let mut table = Table { text: [0; TEXT_LENGTH], slots: [free; SLOTS], phrases: [0; 32] };
    let (mut end, mut group) = (0, 0);
    while group < GROUPS.len() {
        let (kind, words) = GROUPS[group];
        let words = words.as_bytes();
        let (mut start, mut at) = (0, 0);
        while at <= words.len() {
            if at == words.len() || words[at] == b',' {
                let (_, word) = words.split_at(start);
                let (word, _) = word.split_at(at - start);
                table.insert(word, kind, end);
                end += word.len();
                start = at + 1;
            }
            at += 1;
        }
        group += 1;
    }
    assert!(end == TEXT_LENGTH);
    table
}

impl Table {
    #[allow(
        clippy::indexing_slicing,
        reason = "evaluated by the compiler, for which a bad index is an error"
    )]
    const fn insert(&mut self, word: &[u8], kind: Kind, start: usize) {
        let mut at = 0;
        while at < word.len() {
            self.text[start + at] = word[at];
            if word[at] == b' ' {
                self.phrases[(word[0] & 31) as usize] |= 1 << (word[at - 1] & 31);
            }
            at += 1;
        }
        let mut slot = hash(word);
        while self.slots[slot].length != 0 {
            slot = (slot + 1) % SLOTS;
        }
        self.slots[slot] = Entry { start: start as u16, length: word.len() as u8, kind };
    }
}

/// Of the length and the first and last eight bytes, whatever their case.
const fn hash(word: &[u8]) -> usize {
    let (head, tail) = match (word.first_chunk(), word.last_chunk()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => match (word.first_chunk(), word.last_chunk()) {
            (Some(head), Some(tail)) => (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64),
            _ => match word {
                [a, b, c] => (u32::from_le_bytes([*a, *b, *c, 0]) as u64, 0),
                [a, b] => (u32::from_le_bytes([*a, *b, 0, 0]) as u64, 0),
                [a] => (*a as u64, 0),
                _ => (0, 0),
            },
        },
    };
    // Clears the bit by which letters differ in case.
    const UPPER: u64 = 0xDFDF_DFDF_DFDF_DFDF;
    let mixed = (head & UPPER).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (tail & UPPER).wrapping_mul(0xC2B2_AE3D_27D4_EB4F).rotate_left(29)
        ^ (word.len() as u64).wrapping_mul(0x1656_67B1_9E37_79F9);
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SLOTS.trailing_zeros())) as usize
}
