//! Dates as the proleptic Gregorian calendar has them, without a library: days from 1970-01-01 in both directions.

/// A time, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: i64,
    /// 1 to 31.
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    /// 0 is Sunday.
    pub(crate) weekday: i64,
    /// 0 is January 1.
    pub(crate) day_of_year: i64,
}

const DAY: i64 = 86_400;

impl Civil {
    pub(crate) fn new(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        // Years that begin in March, in eras of 400 of them (howardhinnant.github.io/date_algorithms.html, civil_from_days).
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            year,
            month,
            day,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
            weekday: (days + 4).rem_euclid(7),
            day_of_year: days - days_of(year, 1, 1),
        }
    }
}

fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// A time as RFC 3339 5.6 writes it, in seconds since 1970. A fraction of a second is cut off.
pub(crate) fn timestamp(text: &str) -> Option<i64> {
    let mut rest = text;
    let year = digits(&mut rest, 4)?;
    let month = digits(expect(&mut rest, '-')?, 2)?;
    let day = digits(expect(&mut rest, '-')?, 2)?;
    rest = rest.strip_prefix(['T', 't'])?;
    let hour = digits(&mut rest, 2)?;
    let minute = digits(expect(&mut rest, ':')?, 2)?;
    let second = digits(expect(&mut rest, ':')?, 2)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let offset = offset(rest)?;
    let days = days_of(year, month, day);
    let civil = Civil::new(days * DAY);
    // The calendar has such a day.
    let exists = (civil.year, civil.month, civil.day) == (year, month, day) && (1..=12).contains(&month);
    (exists && hour < 24 && minute < 60 && second < 60)
        .then_some(days * DAY + hour * 3600 + minute * 60 + second - offset)
}

/// A zone, in seconds east of UTC: `UTC`, `Z`, `+02:00`.
pub(crate) fn offset(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text {
        "Z" | "z" | "UTC" | "GMT" => return Some(0),
        _ => match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        },
    };
    let hours = digits(&mut rest, 2)?;
    let minutes = digits(expect(&mut rest, ':')?, 2)?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// A length of time as `1h30m`, in seconds. CEL has fractions and parts of seconds as well.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut sum: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(end)?;
        let number: i64 = number.parse().ok()?;
        let (unit, behind) = match behind.strip_prefix('h') {
            Some(behind) => (3600, behind),
            None => match behind.strip_prefix('m') {
                Some(behind) => (60, behind),
                None => (1, behind.strip_prefix('s')?),
            },
        };
        sum = sum.checked_add(number.checked_mul(unit)?)?;
        rest = behind;
    }
    Some(sign * sum)
}

fn digits(text: &mut &str, count: usize) -> Option<i64> {
    let (digits, rest) = text.split_at_checked(count)?;
    *text = rest;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn expect<'t, 's>(text: &'t mut &'s str, symbol: char) -> Option<&'t mut &'s str> {
    *text = text.strip_prefix(symbol)?;
    Some(text)
}
