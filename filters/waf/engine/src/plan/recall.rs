//! Which conditions a member of a variable may meet, for members that come again from one request to the next: names of headers,
//! cookies and arguments, the headers that tell a browser, the method; and what follows from a request line, once that has come twice.
//!
//! A member that is here is neither looked at nor scanned nor transformed; and conditions that it did not meet are not asked again.
//! Bounded: there are four places for a member, and where all are taken, one of them goes to the next. Values that may be secret
//! are not kept here: no cookies, no authorization, no arguments of bodies. Request lines are in everybody's logs.

use std::sync::{Mutex, MutexGuard};

use portcullis_seclang::ast::VariableName;

use super::{CheckId, Recurs, recurs};
use portcullis_collections::beginnings::are_same;
use portcullis_collections::hash;

/// How many members are kept: names of arguments, of which a client may send many, what follows from request lines, and all others. None of
/// these take another's places. With what is known of them, they take 0.8 MB for each rule set that has had requests.
const FOR_ARGUMENTS: usize = 1536;
const FOR_LINES: usize = 1024;
const PLACES: usize = FOR_ARGUMENTS + FOR_LINES + 512;
/// How long each may be, name and value together, in bytes, so that three lines of the processor's caches have it.
const MAX_LENGTH: usize = 3 * 64 - size_of::<Tag>();
/// How many places a member has to choose from.
const CHOICE: usize = 4;
/// Of how many texts it is known that they have come before, which is a power of two.
const TEXTS: usize = 4096;

/// See the module. Transactions of a rule set share it.
#[derive(Debug, Default)]
pub(crate) struct Recall(Mutex<Places>);

/// A member of a variable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recurring<'m> {
    pub(crate) variable: VariableName,
    /// Empty where it is the value itself, or the variable is no collection.
    pub(crate) name: &'m [u8],
    pub(crate) value: &'m [u8],
}

/// The members that are kept.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Empty until a member is kept.
    kept_at: Vec<Place>,
    /// For each place as many words as there are for conditions.
    bits: Vec<u64>,
    /// Counts the members that were kept.
    kept: usize,
    /// Parts of the hashes of texts that have come before, each row from the last one on. Empty until there is one.
    texts: Vec<[u32; CHOICE]>,
}

/// What tells most members apart and the first bytes are in one line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Place {
    tag: Tag,
    /// The name, and the value behind it.
    bytes: [u8; MAX_LENGTH],
}

/// What tells most members apart.
#[derive(Debug, Clone, Copy)]
struct Tag {
    /// A part of the member's hash.
    hash: u32,
    /// The variable, and the lengths of name and value. None while the place is free.
    kind: Option<Kind>,
    /// It meets no condition.
    is_idle: bool,
    /// Where the member is that came behind this one the last time: clients send the like of what they sent before.
    next: u16,
}

type Kind = (VariableName, u8, u8);

const FREE: Tag = Tag { hash: 0, kind: None, is_idle: false, next: u16::MAX };

impl Recurring<'_> {
    /// Whether there is room for it.
    pub(crate) fn fits(&self) -> bool {
        self.name.len() + self.value.len() <= MAX_LENGTH
    }

    /// That of the place that keeps it. `None` if it does not fit.
    #[inline]
    fn kind(&self) -> Option<Kind> {
        let (name, value) = (u8::try_from(self.name.len()).ok()?, u8::try_from(self.value.len()).ok()?);
        Some((self.variable, name, value))
    }
}

impl Recall {
    /// For many questions at once.
    pub(crate) fn lock(&self) -> Option<MutexGuard<'_, Places>> {
        self.0.lock().ok()
    }

    /// Keeps what is known of a member that fits, and came behind the one of the place `before`. Its place.
    #[inline(never)]
    pub(crate) fn keep(&self, before: usize, member: Recurring<'_>, bits: &[u64]) -> usize {
        let Recurring { variable, name, value } = member;
        let Ok(mut places) = self.0.lock() else { return usize::MAX };
        if places.kept_at.is_empty() {
            places.kept_at.resize(PLACES, Place { tag: FREE, bytes: [0; MAX_LENGTH] });
            places.bits.resize(PLACES * bits.len(), 0);
        }
        let (first, hash) = place_of(member);
        let free = places
            .kept_at
            .get(first..first + CHOICE)
            .and_then(|places| places.iter().position(|place| place.tag.kind.is_none()));
        places.kept = places.kept.wrapping_add(1);
        let place = places.find(member).unwrap_or(first + free.unwrap_or(places.kept % CHOICE));
        let Places { kept_at, bits: all, .. } = &mut *places;
        if let Some(Place { tag, bytes }) = kept_at.get_mut(place)
            && let Some((kept_name, kept_value)) = bytes.split_at_mut_checked(name.len())
            && let Some(kept_value) = kept_value.get_mut(..value.len())
            && let Some(found) = all.get_mut(place * bits.len()..(place + 1) * bits.len())
        {
            let kind = Some((variable, name.len() as u8, value.len() as u8));
            *tag = Tag { hash, kind, is_idle: is_empty(bits), ..FREE };
            kept_name.copy_from_slice(name);
            kept_value.copy_from_slice(value);
            found.copy_from_slice(bits);
        }
        places.put_behind(before, place);
        place
    }

    /// Notes that a member does not meet a condition, if it is kept.
    pub(crate) fn rule_out(&self, member: Recurring<'_>, words: usize, condition: CheckId) {
        let Ok(mut places) = self.0.lock() else { return };
        let Some(place) = places.find(member) else { return };
        let Places { kept_at, bits, .. } = &mut *places;
        if let Some(bits) = bits.get_mut(place * words..(place + 1) * words) {
            condition.take_from(bits);
            kept_at.get_mut(place).into_iter().for_each(|place| place.tag.is_idle = is_empty(bits));
        }
    }
}

impl Places {
    /// Whether a text has come before, most likely. So what comes only once takes no place of what comes often.
    pub(crate) fn comes_again(&mut self, text: &[u8]) -> bool {
        if self.texts.is_empty() {
            self.texts.resize(TEXTS / CHOICE, [0; CHOICE]);
        }
        let hash = hash(text);
        let part = hash as u32;
        let Some(row) = self.texts.get_mut((hash >> 32) as usize % (TEXTS / CHOICE)) else { return false };
        let is_known = row.contains(&part);
        if !is_known {
            row.rotate_right(1);
            row[0] = part;
        }
        is_known
    }

    /// The place of a member, which came behind the one of the place `before` if there is such a one.
    pub(crate) fn find_after(&mut self, before: usize, member: Recurring<'_>) -> Option<usize> {
        let guess = usize::from(self.tag(before).map_or(u16::MAX, |tag| tag.next));
        let kind = Some(member.kind()?);
        if self.is_kept(guess, kind, member) {
            return Some(guess);
        }
        let place = self.find(member)?;
        self.put_behind(before, place);
        Some(place)
    }

    fn put_behind(&mut self, before: usize, place: usize) {
        if let Some(before) = self.kept_at.get_mut(before) {
            before.tag.next = place as u16;
        }
    }

    fn tag(&self, place: usize) -> Option<&Tag> {
        self.kept_at.get(place).map(|place| &place.tag)
    }

    /// Whether the member of a place meets no condition.
    pub(crate) fn is_idle(&self, place: usize) -> bool {
        self.tag(place).is_some_and(|tag| tag.is_idle)
    }

    /// What is known of the member of a place: as many words as there are for conditions.
    pub(crate) fn bits(&self, place: usize, words: usize) -> &[u64] {
        self.bits.get(place * words..(place + 1) * words).unwrap_or(&[])
    }

    #[inline(never)]
    fn find(&self, member: Recurring<'_>) -> Option<usize> {
        let (first, hash) = place_of(member);
        let kind = Some(member.kind()?);
        let choice = first..first + CHOICE;
        choice
            .filter(|place| self.tag(*place).is_some_and(|tag| tag.hash == hash))
            .find(|place| self.is_kept(*place, kind, member))
    }

    /// Whether a place keeps a member of this kind.
    #[inline]
    fn is_kept(
        &self,
        place: usize,
        kind: Option<Kind>,
        Recurring { name, value, .. }: Recurring<'_>,
    ) -> bool {
        let Some(Place { tag, bytes }) = self.kept_at.get(place) else { return false };
        let kept = bytes.split_at_checked(name.len()).filter(|_| tag.kind == kind);
        kept.is_some_and(|(kept_name, rest)| {
            are_same(kept_name, name) && rest.get(..value.len()).is_some_and(|kept| are_same(kept, value))
        })
    }
}

fn is_empty(bits: &[u64]) -> bool {
    bits.iter().all(|word| *word == 0)
}

/// The first of the places for a member, and the hash of its tag.
fn place_of(member: Recurring<'_>) -> (usize, u32) {
    use VariableName as V;
    let of_name = hash(member.name).wrapping_add(member.variable as u64);
    let hash = hash(member.value) ^ of_name.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (start, end) = match member.variable {
        V::ArgsNames | V::ArgsGetNames | V::ArgsPostNames => (0, FOR_ARGUMENTS),
        variable if recurs(variable, b"") == Recurs::WithLine => (FOR_ARGUMENTS, FOR_ARGUMENTS + FOR_LINES),
        _ => (FOR_ARGUMENTS + FOR_LINES, PLACES),
    };
    (start + (hash >> 40) as usize % ((end - start) / CHOICE) * CHOICE, hash as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_it_has_kept_and_nothing_else() {
        let recall = Recall::default();
        let header = |name, value| Recurring { variable: VariableName::RequestHeaders, name, value };
        let bits = |member: Recurring<'_>| {
            let places = recall.lock()?;
            Some(places.bits(places.find(member)?, 2).to_vec())
        };
        let host = header(b"host", b"a.example");
        assert_eq!(bits(host), None);
        recall.keep(usize::MAX, host, &[0b111, 1 << 63]);
        assert_eq!(bits(host), Some(vec![0b111, 1 << 63]));
        let others = [
            header(b"host", b"A.example"),
            header(b"hosta", b".example"),
            header(b"", b"hosta.example"),
            header(b"", b""),
            Recurring { variable: VariableName::RequestCookiesNames, ..host },
        ];
        others.iter().for_each(|other| assert_eq!(bits(*other), None, "{other:?}"));
        recall.rule_out(host, 2, CheckId(1));
        recall.rule_out(host, 2, CheckId(127));
        others.iter().for_each(|other| recall.rule_out(*other, 2, CheckId(0)));
        assert_eq!(bits(host), Some(vec![0b101, 0]));
        recall.keep(usize::MAX, header(b"", b""), &[1, 2]);
        assert_eq!(bits(header(b"", b"")), Some(vec![1, 2]));
        let long = vec![b'a'; MAX_LENGTH - 1];
        assert!(header(b"b", &long).fits() && !header(b"bc", &long).fits());
        recall.keep(usize::MAX, header(b"b", &long), &[3, 4]);
        assert_eq!(bits(header(b"b", &long)), Some(vec![3, 4]));
        // Of more arguments than there are places for the older ones go, and nothing else does.
        let names: Vec<String> = (0..PLACES * 8).map(|number| format!("name{number}")).collect();
        let argument = |value| Recurring { variable: VariableName::ArgsNames, name: b"", value };
        names.iter().fold(usize::MAX, |before, name| recall.keep(before, argument(name.as_bytes()), &[3, 4]));
        let known = names.iter().filter(|name| bits(argument(name.as_bytes())) == Some(vec![3, 4])).count();
        assert!((FOR_ARGUMENTS / 2..=FOR_ARGUMENTS).contains(&known), "{known}");
        assert_eq!(bits(host), Some(vec![0b101, 0]));
    }

    /// A text that comes once takes no place; one that comes often is known, whatever comes once in between.
    #[test]
    fn knows_texts_that_come_again() {
        let recall = Recall::default();
        let mut places = recall.lock().unwrap();
        let line = |number: usize| format!("GET /page/{number} HTTP/1.1").into_bytes();
        let often: Vec<Vec<u8>> = (0..200).map(line).collect();
        assert!(often.iter().all(|line| !places.comes_again(line)));
        assert!(often.iter().all(|line| places.comes_again(line)));
        let once = (1_000..TEXTS / 2).filter(|number| places.comes_again(&line(*number))).count();
        assert_eq!(once, 0);
        let still = often.iter().filter(|line| places.comes_again(line)).count();
        assert!(still > 190, "{still}");
        // Of many the older ones are forgotten.
        (0..TEXTS * 8).for_each(|number| {
            places.comes_again(&line(10_000 + number));
        });
        assert!(often.iter().filter(|line| places.comes_again(line)).count() < 20);
    }

    /// Whatever came behind a member the last time.
    #[test]
    fn finds_a_member_by_itself_and_behind_another() {
        let recall = Recall::default();
        let argument = |value| Recurring { variable: VariableName::ArgsNames, name: b"", value };
        let [a, b, c] = [b"a", b"b", b"c"].map(|name| argument(name));
        let [at_a, at_b, at_c] = [a, b, c].map(|member| recall.keep(usize::MAX, member, &[0, 0]));
        let mut places = recall.lock().unwrap();
        for (before, behind) in [(at_a, b), (at_a, b), (at_a, c), (at_b, c), (at_c, a), (at_a, b)] {
            assert_eq!(places.find_after(before, behind), places.find(behind));
            assert_eq!(places.find_after(before, argument(b"d")), None);
        }
        assert!(places.is_idle(at_a));
        drop(places);
        recall.keep(at_c, a, &[0, 2]);
        assert!(!recall.lock().unwrap().is_idle(at_a));
        recall.rule_out(a, 2, CheckId(65));
        assert!(recall.lock().unwrap().is_idle(at_a));
    }
}
