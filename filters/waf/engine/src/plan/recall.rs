//! What scans have found in values that come again from one request to the next: names of headers, cookies and arguments, and the
//! headers that tell a browser.
//!
//! A value that is here is neither looked at nor scanned; and operators that were asked about it in vain are not asked again.
//! Bounded: there are four places for a value, and where all are taken, one of them goes to the next. Values that may be secret
//! are not kept here.

use std::sync::Mutex;

use super::{CheckId, Profile, Scope};
use crate::hash::hash;

/// How many values are kept, and how long each may be, in bytes. With what is known of them, these take 0.5 MB for each rule set
/// that has had requests.
const PLACES: usize = 2048;
const MAX_LENGTH: usize = 128;
/// How many places a value has to choose from.
const CHOICE: usize = 4;

/// See the module. Transactions of a rule set share it.
#[derive(Debug, Default)]
pub(super) struct Recall(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    /// A part of each value's hash. Empty until a value is kept.
    tags: Vec<u32>,
    /// Its length and its scope, which tells what it was searched for. 0 is a free place.
    lengths: Vec<(u8, Scope)>,
    bytes: Vec<[u8; MAX_LENGTH]>,
    profiles: Vec<Profile>,
    /// For each place as many words as a scan's result has.
    bits: Vec<u64>,
    /// Counts the values that were kept.
    kept: usize,
}

impl Recall {
    /// What is known of a value, and appends its scan's result to `results`.
    pub(super) fn find(
        &self,
        value: (&[u8], Scope),
        words: usize,
        results: &mut Vec<u64>,
    ) -> Option<Profile> {
        if value.0.len() > MAX_LENGTH {
            return None;
        }
        let places = self.0.lock().ok()?;
        let place = places.find(value)?;
        results.extend_from_slice(places.bits.get(place * words..(place + 1) * words)?);
        places.profiles.get(place).copied()
    }

    /// Keeps what is known of a value. `bits` is its scan's result.
    pub(super) fn keep(&self, value: (&[u8], Scope), profile: Profile, bits: &[u64]) {
        let (bytes, scope) = value;
        if bytes.is_empty() || bytes.len() > MAX_LENGTH {
            return;
        }
        let Ok(mut places) = self.0.lock() else { return };
        if places.lengths.is_empty() {
            places.tags.resize(PLACES, 0);
            places.lengths.resize(PLACES, (0, Scope::Request));
            places.bytes.resize(PLACES, [0; MAX_LENGTH]);
            places.profiles.resize(PLACES, Profile::default());
            places.bits.resize(PLACES * bits.len(), 0);
        }
        let (first, tag) = place_of(bytes);
        let free = places
            .lengths
            .get(first..first + CHOICE)
            .and_then(|lengths| lengths.iter().position(|(length, _)| *length == 0));
        places.kept = places.kept.wrapping_add(1);
        let place = places.find(value).unwrap_or(first + free.unwrap_or(places.kept % CHOICE));
        let Places { tags, lengths, bytes: kept, profiles, bits: all, .. } = &mut *places;
        if let Some(known_tag) = tags.get_mut(place)
            && let Some(length) = lengths.get_mut(place)
            && let Some(kept) = kept.get_mut(place).and_then(|kept| kept.get_mut(..bytes.len()))
            && let Some(known) = profiles.get_mut(place)
            && let Some(found) = all.get_mut(place * bits.len()..(place + 1) * bits.len())
        {
            *known_tag = tag;
            *length = (bytes.len() as u8, scope);
            kept.copy_from_slice(bytes);
            *known = profile;
            found.copy_from_slice(bits);
        }
    }

    /// Notes that the operator of `check` does not match a value, if that is kept.
    pub(super) fn rule_out(&self, value: (&[u8], Scope), words: usize, check: CheckId) {
        let Ok(mut places) = self.0.lock() else { return };
        if let Some(place) = places.find(value)
            && let Some(bits) = places.bits.get_mut(place * words..(place + 1) * words)
        {
            check.take_from(bits);
        }
    }
}

impl Places {
    fn find(&self, (value, scope): (&[u8], Scope)) -> Option<usize> {
        let (first, tag) = place_of(value);
        let tags = self.tags.get(first..first + CHOICE)?;
        let is_kept = |place: &usize| {
            let Some(known) = self.lengths.get(*place).copied() else { return false };
            let kept = self.bytes.get(*place).and_then(|bytes| bytes.get(..value.len()));
            known == (value.len() as u8, scope) && known.0 > 0 && kept == Some(value)
        };
        let known = tags.iter().zip(first..).filter(|(known, _)| **known == tag);
        known.map(|(_, place)| place).find(is_kept)
    }
}

/// The first of the places for a value, and its tag.
fn place_of(value: &[u8]) -> (usize, u32) {
    let hash = hash(value);
    ((hash >> 40) as usize % (PLACES / CHOICE) * CHOICE, hash as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_it_has_kept_and_nothing_else() {
        let recall = Recall::default();
        let profile = Profile::default();
        let bits = |value: &[u8]| {
            let mut results = vec![7];
            recall.find((value, Scope::Request), 2, &mut results).map(|_| results)
        };
        assert_eq!(bits(b"host"), None);
        recall.keep((b"host", Scope::Request), profile, &[0b111, 1 << 63]);
        assert_eq!(bits(b"host"), Some(vec![7, 0b111, 1 << 63]));
        // Searched for other literals, so not the same.
        assert_eq!(recall.find((b"host", Scope::Derived), 2, &mut Vec::new()).map(|_| ()), None);
        assert_eq!((bits(b"Host"), bits(b"hos"), bits(b"")), (None, None, None));
        recall.rule_out((b"host", Scope::Request), 2, CheckId(1));
        recall.rule_out((b"host", Scope::Request), 2, CheckId(127));
        recall.rule_out((b"other", Scope::Request), 2, CheckId(0));
        assert_eq!(bits(b"host"), Some(vec![7, 0b101, 0]));
        for long in [MAX_LENGTH, MAX_LENGTH + 1] {
            let value = vec![b'a'; long];
            recall.keep((&value, Scope::Request), profile, &[1, 2]);
            assert_eq!(bits(&value).is_some(), long == MAX_LENGTH);
        }
        // More than there are places for: the older ones go.
        let names: Vec<String> = (0..PLACES * 8).map(|number| format!("name{number}")).collect();
        names.iter().for_each(|name| recall.keep((name.as_bytes(), Scope::Request), profile, &[3, 4]));
        let known = names.iter().filter(|name| bits(name.as_bytes()) == Some(vec![7, 3, 4])).count();
        assert!((PLACES / 2..=PLACES).contains(&known), "{known}");
    }
}
