//! Persistent collections: GLOBAL, IP, RESOURCE, SESSION and USER.
//!
//! They live in the memory of the compiled rule set, so each Envoy worker has its own and a restart empties them.
//! ModSecurity v3 reference, "Persistent Storage". Limits: [`MAX_RECORDS`] records, of which the one that was not used
//! for longest makes room; [`MAX_VARIABLES`] variables in one; values of [`MAX_VALUE`] bytes; a record that was
//! not used for `SecCollectionTimeout` (3600 s) is gone.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use portcullis_seclang::ast::Collection;

use crate::actions::number;

/// Records of all collections.
pub const MAX_RECORDS: usize = 4096;
/// Variables of one record.
pub const MAX_VARIABLES: usize = 64;
/// Bytes of a name or value. Longer values are cut, variables with longer names are not kept.
pub const MAX_VALUE: usize = 1024;

/// The store.
#[derive(Debug)]
pub(crate) struct Persistent {
    timeout: Duration,
    /// In the order of their collections and keys.
    records: Mutex<Vec<(Name, Box<Record>)>>,
}

/// A collection and a key.
type Name = (Collection, Vec<u8>);

#[derive(Debug, Default)]
struct Record {
    used: Duration,
    variables: Vec<Variable>,
}

#[derive(Debug)]
struct Variable {
    /// As it was written; compared without regard to case.
    name: Vec<u8>,
    value: Vec<u8>,
    expires: Option<Duration>,
    /// Since when `deprecatevar` has taken nothing off.
    fades_from: Duration,
}

impl Persistent {
    pub(crate) fn new(timeout: Duration) -> Self {
        Persistent { timeout, records: Mutex::default() }
    }

    pub(crate) fn get(
        &self,
        collection: Collection,
        record: &[u8],
        name: &[u8],
        now: Duration,
    ) -> Option<Vec<u8>> {
        self.with(collection, record, now, false, |record| {
            let found = record.variables.iter().find(|variable| variable.name.eq_ignore_ascii_case(name));
            found.map(|variable| variable.value.clone())
        })?
    }

    /// All variables of a record.
    pub(crate) fn list(
        &self,
        collection: Collection,
        record: &[u8],
        now: Duration,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let listed = self.with(collection, record, now, false, |record| {
            record.variables.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect()
        });
        listed.unwrap_or_default()
    }

    pub(crate) fn set(
        &self,
        collection: Collection,
        record: &[u8],
        name: &[u8],
        value: &[u8],
        now: Duration,
    ) {
        if name.len() > MAX_VALUE {
            return;
        }
        let value = value.get(..MAX_VALUE).unwrap_or(value);
        self.with(collection, record, now, true, |record| {
            let variables = &mut record.variables;
            if let Some(variable) =
                variables.iter_mut().find(|variable| variable.name.eq_ignore_ascii_case(name))
            {
                variable.value = value.to_vec();
            } else if variables.len() < MAX_VARIABLES {
                variables.push(Variable {
                    name: name.to_vec(),
                    value: value.to_vec(),
                    expires: None,
                    fades_from: now,
                });
            }
        });
    }

    pub(crate) fn remove(&self, collection: Collection, record: &[u8], name: &[u8]) {
        self.with(collection, record, Duration::ZERO, false, |record| {
            record.variables.retain(|variable| !variable.name.eq_ignore_ascii_case(name));
        });
    }

    pub(crate) fn expire(
        &self,
        collection: Collection,
        record: &[u8],
        name: &[u8],
        seconds: u64,
        now: Duration,
    ) {
        self.with(collection, record, now, false, |record| {
            for variable in &mut record.variables {
                if variable.name.eq_ignore_ascii_case(name) {
                    variable.expires = Some(now.saturating_add(Duration::from_secs(seconds)));
                }
            }
        });
    }

    /// Takes `amount` for all of `seconds` that have passed off a number, down to 0.
    pub(crate) fn fade(
        &self,
        collection: Collection,
        record: &[u8],
        name: &[u8],
        (amount, seconds): (u64, u64),
        now: Duration,
    ) {
        self.with(collection, record, now, false, |record| {
            let mut variables = record.variables.iter_mut();
            let Some(variable) = variables.find(|variable| variable.name.eq_ignore_ascii_case(name)) else {
                return;
            };
            let passed = now.saturating_sub(variable.fades_from).as_secs();
            let faded = passed.saturating_mul(amount) / seconds.max(1);
            if faded > 0 {
                let before = u64::try_from(number(&variable.value)).unwrap_or(0);
                variable.value = before.saturating_sub(faded).to_string().into_bytes();
                variable.fades_from = now;
            }
        });
    }

    fn with<T>(
        &self,
        collection: Collection,
        key: &[u8],
        now: Duration,
        create: bool,
        work: impl FnOnce(&mut Record) -> T,
    ) -> Option<T> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        self.record(&mut records, collection, key, now, create).map(work)
    }

    /// Without what has expired. Apart from what is done with it, or it would be there again for each of these.
    #[inline(never)]
    fn record<'r>(
        &self,
        records: &'r mut Vec<(Name, Box<Record>)>,
        collection: Collection,
        key: &[u8],
        now: Duration,
        create: bool,
    ) -> Option<&'r mut Record> {
        let key = key.get(..MAX_VALUE).unwrap_or(key);
        let place = |records: &[(Name, _)]| {
            records.binary_search_by(|((known, name), _)| (*known, name.as_slice()).cmp(&(collection, key)))
        };
        let mut found = place(records);
        if found.is_err() {
            if !create {
                return None;
            }
            if records.len() >= MAX_RECORDS {
                let oldest = records.iter().enumerate().min_by_key(|(_, (_, record))| record.used);
                if let Some((oldest, _)) = oldest {
                    records.remove(oldest);
                    found = place(records);
                }
            }
        }
        let at = found.unwrap_or_else(|at| {
            records.insert(at, ((collection, key.to_vec()), Box::default()));
            at
        });
        let (_, record) = records.get_mut(at)?;
        if record.used.saturating_add(self.timeout) < now {
            record.variables.clear();
        }
        record.used = record.used.max(now);
        record.variables.retain(|variable| variable.expires.is_none_or(|expires| now < expires));
        Some(record)
    }
}
