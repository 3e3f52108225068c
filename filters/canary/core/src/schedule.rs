use crate::config::ScheduleConfig;
use crate::loading::Loading;
use crate::names::quote;
use crate::share::buckets;
use sdk_shim_config::{ConfigErrors, Path, duration};
use std::time::{Duration, UNIX_EPOCH};

const MAX_ENTRIES: usize = 64;

/// How a share grows with time. All times are since 1970-01-01 UTC.
#[derive(Debug)]
pub(crate) struct Schedule {
    start: Option<Duration>,
    growth: Growth,
    /// In order, not overlapping.
    pauses: Vec<(Duration, Duration)>,
    end: Option<Duration>,
}

#[derive(Debug)]
enum Growth {
    None,
    Linear(Duration),
    /// The time since the start, without pauses, and the buckets from then on.
    Steps(Vec<(Duration, u32)>),
}

impl Schedule {
    /// `target` is how many buckets `weight` is.
    pub(crate) fn new(
        config: &ScheduleConfig,
        total: u32,
        target: u32,
        path: &Path,
        loading: &mut Loading,
    ) -> Self {
        let errors = &mut loading.errors;
        let start = config.start.as_ref().and_then(|text| time(text, &path.field("start"), errors));
        let end = config.end.as_ref().and_then(|text| time(text, &path.field("end"), errors));
        if let (Some(start), Some(end)) = (start, end)
            && end <= start
        {
            errors.add(&path.field("end"), "a time before `start`", "a later one");
        }
        let grows = [
            ("duration", config.duration.is_some()),
            ("steps", !config.steps.is_empty()),
            ("pauses", !config.pauses.is_empty()),
        ];
        for (name, _) in grows.iter().filter(|(_, grows)| *grows && config.start.is_none()) {
            errors.add(&path.field(name), "a value", format!("`start` beside `{name}`"));
        }
        if config.duration.is_some() && !config.steps.is_empty() {
            errors.add(path, "both `duration` and `steps`", "one of them");
        }
        for (name, count) in [("steps", config.steps.len()), ("pauses", config.pauses.len())] {
            if count > MAX_ENTRIES {
                let found = format!("{count} entries");
                errors.add(&path.field(name), found, format!("at most {MAX_ENTRIES}"));
            }
        }
        let growth = match &config.duration {
            Some(text) => match duration(text, &path.field("duration"), errors) {
                Some(Duration::ZERO) | None => Growth::None,
                Some(duration) => Growth::Linear(duration),
            },
            None if config.steps.is_empty() => Growth::None,
            None => Growth::Steps(steps(config, total, target, &path.field("steps"), errors)),
        };
        Self { start, growth, pauses: pauses(config, &path.field("pauses"), errors), end }
    }

    /// How many buckets of `target` are in.
    pub(crate) fn buckets(&self, target: u32, now: Duration) -> u32 {
        let start = self.start.unwrap_or_default();
        if now < start {
            return 0;
        }
        let paused = |(from, to): &(Duration, Duration)| (*to).min(now).saturating_sub((*from).max(start));
        let elapsed = (now - start).saturating_sub(self.pauses.iter().map(paused).sum());
        match &self.growth {
            Growth::None => target,
            Growth::Linear(duration) if elapsed >= *duration => target,
            Growth::Linear(duration) => {
                // A part of `target`, so it fits.
                (u128::from(target) * elapsed.as_nanos() / duration.as_nanos().max(1)) as u32
            }
            Growth::Steps(steps) => {
                let done = steps.partition_point(|(after, _)| *after <= elapsed);
                done.checked_sub(1).and_then(|last| steps.get(last)).map_or(0, |(_, buckets)| *buckets)
            }
        }
    }

    /// Whether the release has an end, so that time has to be asked for.
    pub(crate) fn has_end(&self) -> bool {
        self.end.is_some()
    }

    /// Whether the release is over.
    pub(crate) fn has_ended(&self, now: Duration) -> bool {
        self.end.is_some_and(|end| end <= now)
    }
}

fn steps(
    config: &ScheduleConfig,
    total: u32,
    target: u32,
    path: &Path,
    errors: &mut ConfigErrors,
) -> Vec<(Duration, u32)> {
    let mut steps: Vec<(Duration, u32)> = Vec::with_capacity(config.steps.len());
    for (index, step) in config.steps.iter().enumerate() {
        let path = path.index(index);
        let after = duration(&step.after, &path.field("after"), errors);
        let Some(weight) = buckets(step.weight, total, &path.field("weight"), errors) else { continue };
        if weight > target {
            let found = step.weight.to_string();
            errors.add(&path.field("weight"), found, "at most the release's `weight`");
        }
        let Some(after) = after else { continue };
        if let Some((before, lower)) = steps.last() {
            if after <= *before {
                errors.add(&path.field("after"), quote(&step.after), "a later time than the step before");
            }
            if weight < *lower {
                let found = step.weight.to_string();
                errors.add(&path.field("weight"), found, "no less than the step before");
            }
        }
        steps.push((after, weight));
    }
    steps
}

fn pauses(config: &ScheduleConfig, path: &Path, errors: &mut ConfigErrors) -> Vec<(Duration, Duration)> {
    let mut pauses: Vec<(Duration, Duration)> = Vec::with_capacity(config.pauses.len());
    for (index, pause) in config.pauses.iter().enumerate() {
        let path = path.index(index);
        let from = time(&pause.from, &path.field("from"), errors);
        let to = time(&pause.to, &path.field("to"), errors);
        let (Some(from), Some(to)) = (from, to) else { continue };
        if to <= from {
            errors.add(&path.field("to"), quote(&pause.to), "a later time than `from`");
        }
        if pauses.last().is_some_and(|(_, before)| from < *before) {
            errors.add(&path.field("from"), quote(&pause.from), "a time after the window before");
        }
        pauses.push((from, to));
    }
    pauses
}

fn time(text: &str, path: &Path, errors: &mut ConfigErrors) -> Option<Duration> {
    let time = humantime::parse_rfc3339(text).ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    if time.is_none() {
        errors.add(path, quote(text), "a time in UTC from 1970 on, such as 2026-03-01T09:00:00Z");
    }
    time
}
