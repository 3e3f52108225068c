use crate::Release;
use crate::config::{NamespaceConfig, NamespaceShare, ReleaseConfig};
use crate::inputs::Inputs;
use crate::key::{Drawn, Hasher, note_seed};
use crate::loading::Loading;
use crate::names::{self, quote};
use crate::schedule::Schedule;
#[cfg(feature = "trace")]
use crate::trace;
use sdk_shim_config::{ConfigErrors, Path};
use std::ops::Range;

/// The steps in which a share is kept: 100 % are 100,000 buckets, so one is 0.001 %.
pub const BUCKETS: u32 = 100_000;

const MAX_NAMESPACES: usize = 64;

/// The share of requests that a release takes, and how they are drawn.
#[derive(Debug)]
pub(crate) struct Share {
    /// The buckets below this one are in, at the end of the schedule. 0: there is no draw.
    threshold: u32,
    hasher: Hasher,
    /// The namespace, and the buckets of it that the share draws from.
    namespace: Option<(usize, Range<u32>)>,
    schedule: Option<Schedule>,
}

/// What a draw comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Draw {
    pub(crate) is_in: bool,
    /// The bucket that was drawn, where one had to be.
    pub(crate) bucket: Option<u32>,
}

/// The bucket, below [`BUCKETS`], of the key whose hash this is.
///
/// Unleash takes `hash % 100`. Here those hundred stay and each is divided into a thousand, by digits of the hash that
/// the hundred does not depend on. So a whole percentage takes in exactly the users that Unleash takes in
/// (Unleash client specification, "gradual rollout": `hash % 100 + 1 <= percentage`). As the buckets that are in are
/// always the lowest ones, a higher share takes nobody out.
pub fn bucket(hash: u32) -> u32 {
    (hash % 100) * 1000 + (hash / 100) % 1000
}

impl Share {
    pub(crate) fn new(config: &ReleaseConfig, path: &Path, loading: &mut Loading) -> Self {
        let seed = config.seed.as_deref();
        let hasher = Hasher::new(seed, &config.name, &config.key, path, loading);
        let (threshold, total) = threshold(config, path, loading);
        if threshold > 0 && config.weight.is_some() {
            note_seed(seed.unwrap_or(&config.name), path, loading);
        }
        let schedule = config
            .schedule
            .as_ref()
            .map(|schedule| Schedule::new(schedule, total, threshold, &path.field("schedule"), loading));
        let namespace = config
            .namespace
            .as_ref()
            .and_then(|part| loading.namespaces.take(part, path, &mut loading.errors));
        Self { threshold, hasher, namespace, schedule }
    }

    /// Whether there is a draw at all.
    pub(crate) fn is_drawn(&self) -> bool {
        self.threshold > 0
    }

    /// Whether there is a time at which the release is over.
    pub(crate) fn has_end(&self) -> bool {
        self.schedule.as_ref().is_some_and(Schedule::has_end)
    }

    /// Whether the release is over. Asks for the time only where it depends on it.
    pub(crate) fn has_ended(&self, inputs: &mut Inputs<'_>) -> bool {
        let ending = self.schedule.as_ref().filter(|schedule| schedule.has_end());
        ending.is_some_and(|schedule| schedule.has_ended(inputs.now()))
    }

    #[cfg(test)]
    pub(crate) fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Draws: `None` where the share is 0 or the request is in another part of the namespace. A request without a key is
    /// not in.
    pub(crate) fn draw(
        &self,
        #[cfg(feature = "trace")] release: &crate::Release,
        namespaces: &[Hasher],
        drawn: &mut Drawn<'_, '_>,
    ) -> Option<Draw> {
        let threshold = match &self.schedule {
            Some(schedule) => schedule.buckets(self.threshold, drawn.inputs.now()),
            None => self.threshold,
        };
        if threshold == 0 {
            #[cfg(feature = "trace")]
            trace::release(release, "share", "out", "its share is 0 now: its schedule has not begun");
            return None;
        }
        if let Some((namespace, range)) = &self.namespace {
            let hash = namespaces.get(*namespace)?.hash(drawn)?;
            if !range.contains(&bucket(hash)) {
                #[cfg(feature = "trace")]
                trace::release(release, "namespace", "out", "its part of the namespace is another");
                return None;
            }
        }
        if threshold == BUCKETS && self.hasher.keys.never_fail() {
            #[cfg(feature = "trace")]
            self.trace(release, None, threshold);
            return Some(Draw { is_in: true, bucket: None });
        }
        let bucket = self.hasher.hash(drawn).map(bucket);
        #[cfg(feature = "trace")]
        self.trace(release, bucket, threshold);
        Some(Draw { is_in: bucket.is_some_and(|bucket| bucket < threshold), bucket })
    }
}

/// Refuses weights of the same requests that come to more than all of them. Releases of one seed draw the same users, so the
/// largest of these counts; those with a `match`, a namespace or a schedule need not meet the others.
pub(crate) fn check_sums(
    configs: &[ReleaseConfig],
    releases: &[Release],
    path: &Path,
    loading: &mut Loading,
) {
    let mut groups: Vec<(&Release, Vec<(&str, u32)>)> = Vec::new();
    for (config, release) in configs.iter().zip(releases) {
        let meets_all = config.matches.is_none() && config.namespace.is_none() && config.schedule.is_none();
        if !meets_all || !config.enabled || release.share.threshold == 0 {
            continue;
        }
        let group = match groups.iter().position(|(first, _)| first.scope == release.scope) {
            Some(known) => groups.get_mut(known),
            None => {
                groups.push((release, Vec::new()));
                groups.last_mut()
            }
        };
        let Some((_, shares)) = group else { continue };
        let sum = |shares: &[(&str, u32)]| shares.iter().map(|(_, share)| share).sum::<u32>();
        let before = sum(shares);
        let seed = config.seed.as_deref().unwrap_or(&config.name);
        match shares.iter_mut().find(|(known, _)| *known == seed) {
            Some((_, share)) => *share = release.share.threshold.max(*share),
            None => shares.push((seed, release.share.threshold)),
        }
        // Once for a group is enough. Behind releases that take all there is nothing to add up to: the linter warns of it.
        if before < BUCKETS && sum(shares) > BUCKETS {
            let percent = f64::from(sum(shares)) / 1000.0;
            let found = format!("{percent} % with the releases before it");
            let expected = "100 % at most of the same requests";
            loading.errors.add(&path.index(release.index()).field("weight"), found, expected);
        }
    }
}

#[cfg(feature = "trace")]
impl Share {
    fn trace(&self, release: &crate::Release, bucket: Option<u32>, threshold: u32) {
        portcullis_trace::note(|| portcullis_trace::Step::Draw {
            release: release.name().to_owned(),
            bucket,
            threshold,
            target: self.threshold,
        });
    }
}

/// The namespaces of a configuration by their names, and what of them is taken.
#[derive(Debug, Default)]
pub(crate) struct Namespaces(Vec<(String, Vec<Range<u32>>)>);

impl Namespaces {
    /// Reads the namespaces. What draws from the `n`-th is at `n` in the answer.
    pub(crate) fn load(config: &[NamespaceConfig], path: &Path, loading: &mut Loading) -> Vec<Hasher> {
        if config.len() > MAX_NAMESPACES {
            let found = format!("{} namespaces", config.len());
            loading.errors.add(path, found, format!("at most {MAX_NAMESPACES}"));
        }
        let mut hashers = Vec::with_capacity(config.len());
        for (index, namespace) in config.iter().enumerate() {
            let path = path.index(index);
            names::check_label(&namespace.name, &path.field("name"), &mut loading.errors);
            let known = &mut loading.namespaces.0;
            if known.iter().any(|(name, _)| *name == namespace.name) {
                let found = format!("{} again", quote(&namespace.name));
                loading.errors.add(&path.field("name"), found, "each name once");
            }
            loading.namespaces.0.push((namespace.name.clone(), Vec::new()));
            let seed = namespace.seed.as_deref();
            note_seed(seed.unwrap_or(&namespace.name), &path, loading);
            hashers.push(Hasher::new(seed, &namespace.name, &namespace.key, &path, loading));
        }
        hashers
    }

    fn take(
        &mut self,
        part: &NamespaceShare,
        path: &Path,
        errors: &mut ConfigErrors,
    ) -> Option<(usize, Range<u32>)> {
        let path = path.field("namespace");
        let from = buckets(part.from, 100, &path.field("from"), errors)?;
        let to = buckets(part.to, 100, &path.field("to"), errors)?;
        if from >= to {
            errors.add(&path.field("to"), part.to.to_string(), "a number above `from`");
            return None;
        }
        let found = self.0.iter_mut().enumerate().find(|(_, (name, _))| *name == part.name);
        let Some((index, (_, taken))) = found else {
            let found = quote(&part.name);
            errors.add(&path.field("name"), found, "a namespace of the top level's `namespaces`");
            return None;
        };
        if let Some(other) = taken.iter().find(|other| from < other.end && other.start < to) {
            let percent = |bucket: u32| f64::from(bucket) / 1000.0;
            let expected = format!(
                "a range apart from {} to {}, which another release has",
                percent(other.start),
                percent(other.end)
            );
            errors.add(&path, format!("{} to {}", part.from, part.to), expected);
        }
        taken.push(from..to);
        Some((index, from..to))
    }
}

/// The number of buckets that are in, and what `weight` is a part of.
fn threshold(config: &ReleaseConfig, path: &Path, loading: &mut Loading) -> (u32, u32) {
    let Loading { compatibility, errors, .. } = loading;
    let Some(weight) = config.weight else {
        if config.matches.is_some() || config.namespace.is_some() {
            return (BUCKETS, 100);
        }
        let given = [
            ("weight_total", config.weight_total.is_some()),
            ("key", !config.key.is_empty()),
            ("seed", config.seed.is_some()),
        ];
        for (name, _) in given.iter().filter(|(_, is_given)| *is_given) {
            errors.add(&path.field(name), "a value", format!("`weight` beside `{name}`; 0 draws nobody"));
        }
        return (0, 100);
    };
    let path = path.field("weight");
    let total = match config.weight_total {
        Some(0) => {
            errors.add(&path, "weight_total 0", "a total from 1");
            return (0, 100);
        }
        Some(total) if compatibility.weight_total_at_least_100 => total.max(100),
        Some(total) => total,
        None => 100,
    };
    (buckets(weight, total, &path, errors).unwrap_or(0), total)
}

/// How many buckets a weight is.
pub(crate) fn buckets(weight: f64, total: u32, path: &Path, errors: &mut ConfigErrors) -> Option<u32> {
    if !(0.0..=f64::from(total)).contains(&weight) {
        errors.add(path, weight.to_string(), format!("a number from 0 to {total}"));
        return None;
    }
    let thousandths = weight * 1000.0;
    if (thousandths - thousandths.round()).abs() > 1e-4 {
        errors.add(path, weight.to_string(), "at most three decimals");
        return None;
    }
    // At most 1000 * u32::MAX, which both types hold exactly.
    let thousandths = thousandths.round() as u64;
    let buckets = thousandths * u64::from(BUCKETS / 1000) / u64::from(total);
    if buckets == 0 && thousandths > 0 {
        errors.add(path, format!("{weight} of {total}"), "0, or at least 0.001 % of the total");
    }
    Some(u32::try_from(buckets).unwrap_or(BUCKETS))
}
