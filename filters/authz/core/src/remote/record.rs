use super::{Answer, FetchError, Fetched, Source};
use std::time::Duration;

/// What all workers know of a source: its keys as they were fetched, how long they may be used, and who fetches now. The
/// workers share it as a value of the host, in the form of [`Record::encode`]. Times are since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Until when one of the workers fetches. Zero: nobody does.
    leased_until: Duration,
    /// When the last fetch ended. Zero: there was none.
    attempted: Duration,
    /// How many fetches have failed since the last that did not.
    failures: u32,
    /// When the keys were fetched, or found not to be modified. Zero: there are none.
    fetched: Duration,
    /// Until when they are fresh.
    fresh_until: Duration,
    etag: Vec<u8>,
    jwks: Vec<u8>,
}

/// What a worker does next about a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It fetches.
    Fetch,
    /// It waits, and looks again.
    Wait(Duration),
}

impl Record {
    /// What to do next. `wanted`: whether a token has asked for a key that there is not.
    pub fn next(&self, source: &Source, now: Duration, wanted: bool) -> Step {
        // A lease or an attempt in the future is that of a clock that was set back since.
        if self.leased_until > now && self.leased_until <= now + source.lease() {
            let waits = wanted || !self.has_keys();
            return Step::Wait(if waits { LOOK_AGAIN } else { self.leased_until - now });
        }
        if self.attempted.is_zero() || self.attempted > now {
            return Step::Fetch;
        }
        let mut due =
            if self.failures > 0 { self.attempted + backoff(self.failures) } else { self.refresh_at() };
        if wanted {
            due = due.min(self.attempted + source.unknown_kid_interval);
        }
        // Not for ever, so that a clock that is set does not matter for longer.
        if due <= now { Step::Fetch } else { Step::Wait((due - now).min(LOOK_AT_LEAST)) }
    }

    /// Whether a token with an unknown key may have the keys fetched anew, or they are being fetched.
    pub fn may_refetch(&self, source: &Source, now: Duration) -> bool {
        match self.next(source, now, true) {
            Step::Fetch => true,
            Step::Wait(_) => self.leased_until > now,
        }
    }

    /// The record while this worker fetches.
    #[must_use]
    pub fn leased(&self, source: &Source, now: Duration) -> Self {
        Self { leased_until: now + source.lease(), ..self.clone() }
    }

    /// The record after a fetch.
    #[must_use]
    pub fn fetched(
        &self,
        source: &Source,
        now: Duration,
        answer: &Answer<'_>,
        result: &Result<Fetched, FetchError>,
    ) -> Self {
        let attempt = Self { leased_until: Duration::ZERO, attempted: now, ..self.clone() };
        let fresh_until = now + source.freshness(answer.max_age());
        let success = Self { failures: 0, fetched: now, fresh_until, ..attempt.clone() };
        match result {
            Ok(Fetched::Keys(_)) => Self {
                etag: answer.etag().unwrap_or_default().to_vec(),
                jwks: answer.body.to_vec(),
                ..success
            },
            Ok(Fetched::NotModified) => success,
            Err(_) => Self { failures: self.failures.saturating_add(1), ..attempt },
        }
    }

    /// Whether there are keys.
    pub fn has_keys(&self) -> bool {
        !self.fetched.is_zero()
    }

    /// Whether a fetch has ended, well or not.
    pub fn is_answered(&self) -> bool {
        !self.attempted.is_zero()
    }

    /// When the last fetch ended.
    pub fn attempted(&self) -> Duration {
        self.attempted
    }

    /// The key set as it was fetched, unless it is too old to be used.
    pub fn jwks(&self, source: &Source, now: Duration) -> Option<&[u8]> {
        let usable = self.has_keys() && now <= self.fresh_until + source.max_staleness;
        usable.then_some(&self.jwks)
    }

    /// The validator of the keys.
    pub fn etag(&self) -> Option<&[u8]> {
        (self.has_keys() && !self.etag.is_empty()).then_some(&self.etag)
    }

    /// How old the keys are. `None` where there are none.
    pub fn age(&self, now: Duration) -> Option<Duration> {
        self.has_keys().then(|| now.saturating_sub(self.fetched))
    }

    /// How long they are fresh from when they were fetched, in whole seconds, for the log.
    pub fn fresh_for(&self) -> Duration {
        Duration::from_secs(self.fresh_until.saturating_sub(self.fetched).as_secs())
    }

    /// The form in which workers share it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        for time in [self.leased_until, self.attempted, self.fetched, self.fresh_until] {
            bytes.extend_from_slice(&u64::try_from(time.as_millis()).unwrap_or(u64::MAX).to_le_bytes());
        }
        bytes.extend_from_slice(&self.failures.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(self.etag.len()).unwrap_or_default().to_le_bytes());
        bytes.extend_from_slice(&self.etag);
        bytes.extend_from_slice(&self.jwks);
        bytes
    }

    /// Reads what [`Record::encode`] wrote. Anything else, such as what another version wrote, reads as that nothing is known.
    pub fn decode(bytes: &[u8]) -> Self {
        Self::read(bytes).unwrap_or_default()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[FORMAT])?;
        let mut take = |count: usize| {
            let (taken, behind) = rest.split_at_checked(count)?;
            rest = behind;
            Some(taken)
        };
        let mut time = || Some(Duration::from_millis(u64::from_le_bytes(take(8)?.try_into().ok()?)));
        let [leased_until, attempted, fetched, fresh_until] = [time()?, time()?, time()?, time()?];
        let failures = u32::from_le_bytes(take(4)?.try_into().ok()?);
        let etag = u32::from_le_bytes(take(4)?.try_into().ok()?);
        let etag = take(usize::try_from(etag).ok()?)?.to_vec();
        Some(Self { leased_until, attempted, failures, fetched, fresh_until, etag, jwks: rest.to_vec() })
    }

    fn refresh_at(&self) -> Duration {
        self.fetched + self.fresh_until.saturating_sub(self.fetched) * 9 / 10
    }
}

/// The first byte of a record: another one is that of another version.
const FORMAT: u8 = 1;

/// How often a worker looks whether another has fetched what requests wait for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

const LOOK_AT_LEAST: Duration = Duration::from_secs(60);

/// How long after so many failures the next attempt is made: one second, then twice as long each time, up to a minute.
fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.saturating_sub(1).min(6)).min(Duration::from_secs(60))
}
