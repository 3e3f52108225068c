//! Points in time, on the command line and in results.

use crate::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time that is meant: seconds since 1970, or as `2026-11-22T12:00:00Z`; without a text, now.
pub(crate) fn parse(text: Option<&str>) -> Result<Duration, Error> {
    let Some(text) = text else { return Ok(since_1970(SystemTime::now())) };
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let time = humantime::parse_rfc3339_weak(text);
    let expected = "expected seconds since 1970, or a time such as 2026-11-22T12:00:00Z";
    time.map(since_1970).map_err(|_| Error::misuse(format!("--now: found {text:?}, {expected}")))
}

/// A time in seconds since 1970 as text.
pub(crate) fn format(seconds: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    // Beyond the year 9999 there is no such form.
    match time.filter(|_| seconds < 253_402_300_800) {
        Some(time) => humantime::format_rfc3339_seconds(time).to_string(),
        None => format!("{seconds} s since 1970"),
    }
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}
