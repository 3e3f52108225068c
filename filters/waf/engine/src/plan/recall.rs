//! What scans have found in values that come again from one request to the next: names of headers, cookies and arguments, and the
//! headers that tell a browser.
//!
//! A value that is here is neither looked at nor scanned; and operators that were asked about it in vain are not asked again.
//! Bounded: each value has one place, and the next that is to have it takes it. Values that may be secret are not kept here.

use std::sync::Mutex;

use super::{CheckId, Profile};
use crate::hash::hash;

/// How many values are kept, and how long each may be, in bytes. With what is known of them, these take 0.2 MB for each rule set
/// that has had requests.
const PLACES: usize = 1024;
const MAX_LENGTH: usize = 128;

/// See the module. Transactions of a rule set share it.
#[derive(Debug, Default)]
pub(super) struct Recall(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    /// 0: free. Empty until a value is kept.
    lengths: Vec<u8>,
    bytes: Vec<[u8; MAX_LENGTH]>,
    profiles: Vec<Profile>,
    /// For each place as many words as a scan's result has.
    bits: Vec<u64>,
}

impl Recall {
    /// What is known of a value, and appends its scan's result to `results`.
    pub(super) fn find(&self, value: &[u8], words: usize, results: &mut Vec<u64>) -> Option<Profile> {
        if value.len() > MAX_LENGTH {
            return None;
        }
        let places = self.0.lock().ok()?;
        let place = places.find(value)?;
        results.extend_from_slice(places.bits.get(place * words..(place + 1) * words)?);
        places.profiles.get(place).copied()
    }

    /// Keeps what is known of a value. `bits` is its scan's result.
    pub(super) fn keep(&self, value: &[u8], profile: Profile, bits: &[u64]) {
        if value.is_empty() || value.len() > MAX_LENGTH {
            return;
        }
        let Ok(mut places) = self.0.lock() else { return };
        if places.lengths.is_empty() {
            places.lengths.resize(PLACES, 0);
            places.bytes.resize(PLACES, [0; MAX_LENGTH]);
            places.profiles.resize(PLACES, Profile::default());
            places.bits.resize(PLACES * bits.len(), 0);
        }
        let place = place_of(value);
        let Places { lengths, bytes, profiles, bits: all } = &mut *places;
        if let Some(length) = lengths.get_mut(place)
            && let Some(kept) = bytes.get_mut(place).and_then(|bytes| bytes.get_mut(..value.len()))
            && let Some(known) = profiles.get_mut(place)
            && let Some(found) = all.get_mut(place * bits.len()..(place + 1) * bits.len())
        {
            *length = value.len() as u8;
            kept.copy_from_slice(value);
            *known = profile;
            found.copy_from_slice(bits);
        }
    }

    /// Notes that the operator of `check` does not match a value.
    pub(super) fn rule_out(&self, value: &[u8], words: usize, check: CheckId) {
        let Ok(mut places) = self.0.lock() else { return };
        if let Some(place) = places.find(value)
            && let Some(bits) = places.bits.get_mut(place * words..(place + 1) * words)
        {
            check.take_from(bits);
        }
    }
}

impl Places {
    fn find(&self, value: &[u8]) -> Option<usize> {
        let place = place_of(value);
        let length = usize::from(*self.lengths.get(place)?);
        let is_kept = length == value.len() && length > 0 && self.bytes.get(place)?.get(..length)? == value;
        is_kept.then_some(place)
    }
}

fn place_of(value: &[u8]) -> usize {
    (hash(value) >> 40) as usize % PLACES
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
            recall.find(value, 2, &mut results).map(|_| results)
        };
        assert_eq!(bits(b"host"), None);
        recall.keep(b"host", profile, &[0b111, 1 << 63]);
        assert_eq!(bits(b"host"), Some(vec![7, 0b111, 1 << 63]));
        assert_eq!((bits(b"Host"), bits(b"hos"), bits(b"")), (None, None, None));
        recall.rule_out(b"host", 2, CheckId(1));
        recall.rule_out(b"host", 2, CheckId(127));
        recall.rule_out(b"other", 2, CheckId(0));
        assert_eq!(bits(b"host"), Some(vec![7, 0b101, 0]));
        for long in [MAX_LENGTH, MAX_LENGTH + 1] {
            let value = vec![b'a'; long];
            recall.keep(&value, profile, &[1, 2]);
            assert_eq!(bits(&value).is_some(), long == MAX_LENGTH);
        }
        // More than there are places for: the older ones go.
        let names: Vec<String> = (0..PLACES * 4).map(|number| format!("name{number}")).collect();
        names.iter().for_each(|name| recall.keep(name.as_bytes(), profile, &[3, 4]));
        let known = names.iter().filter(|name| bits(name.as_bytes()) == Some(vec![7, 3, 4])).count();
        assert!((PLACES / 2..=PLACES).contains(&known), "{known}");
    }
}
