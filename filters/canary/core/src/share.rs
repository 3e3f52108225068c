use crate::config::ReleaseConfig;
use crate::inputs::Inputs;
use crate::key::Keys;
use crate::loading::Loading;
use crate::names::quote;
use sdk_shim_config::Path;
use std::io::Read;

/// The steps in which a share is kept: 100 % are 100,000 buckets, so one is 0.001 %.
pub const BUCKETS: u32 = 100_000;

const MAX_SEED_BYTES: usize = 256;

/// The share of requests that a release takes, and how they are drawn.
#[derive(Debug)]
pub(crate) struct Share {
    /// The buckets below this one are in. 0: there is no draw.
    threshold: u32,
    keys: Keys,
    /// The seed and a colon, as Unleash joins its group id and the user's id.
    prefix: Vec<u8>,
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
        let keys = Keys::new(&config.key, &path.field("key"), loading);
        let seed = config.seed.as_deref().unwrap_or(&config.name);
        if config.seed.is_some() && !(1..=MAX_SEED_BYTES).contains(&seed.len()) {
            loading.errors.add(&path.field("seed"), quote(seed), format!("1 to {MAX_SEED_BYTES} bytes"));
        }
        let threshold = threshold(config, path, loading);
        Self { threshold, keys, prefix: format!("{seed}:").into_bytes() }
    }

    /// Whether there is a draw at all.
    pub(crate) fn is_drawn(&self) -> bool {
        self.threshold > 0
    }

    #[cfg(test)]
    pub(crate) fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Draws: `None` where the share is 0, else whether the request is in. A request without a key is not.
    pub(crate) fn draw(&self, inputs: &mut Inputs<'_>) -> Option<bool> {
        match self.threshold {
            0 => None,
            BUCKETS if self.keys.never_fail() => Some(true),
            _ => {
                let hash = self.keys.with(inputs, |key| hash(&self.prefix, key));
                Some(hash.is_some_and(|hash| bucket(hash) < self.threshold))
            }
        }
    }
}

fn hash(prefix: &[u8], key: &[u8]) -> u32 {
    // Reading from memory does not fail.
    murmur3::murmur3_32(&mut prefix.chain(key), 0).unwrap_or(u32::MAX)
}

/// The number of buckets that are in.
fn threshold(config: &ReleaseConfig, path: &Path, loading: &mut Loading) -> u32 {
    let Loading { compatibility, errors, .. } = loading;
    let Some(weight) = config.weight else {
        let given = [
            ("weight_total", config.weight_total.is_some()),
            ("key", !config.key.is_empty()),
            ("seed", config.seed.is_some()),
        ];
        for (name, _) in given.iter().filter(|(_, is_given)| *is_given) {
            errors.add(&path.field(name), "a value", format!("`weight` beside `{name}`; 0 draws nobody"));
        }
        return 0;
    };
    let path = path.field("weight");
    let total = match config.weight_total {
        Some(0) => {
            errors.add(&path, "weight_total 0", "a total from 1");
            return 0;
        }
        Some(total) if compatibility.weight_total_at_least_100 => total.max(100),
        Some(total) => total,
        None => 100,
    };
    if !(0.0..=f64::from(total)).contains(&weight) {
        errors.add(&path, weight.to_string(), format!("a number from 0 to {total}"));
        return 0;
    }
    let thousandths = weight * 1000.0;
    if (thousandths - thousandths.round()).abs() > 1e-4 {
        errors.add(&path, weight.to_string(), "at most three decimals");
        return 0;
    }
    // At most 1000 * u32::MAX, which both types hold exactly.
    let thousandths = thousandths.round() as u64;
    let buckets = thousandths * u64::from(BUCKETS / 1000) / u64::from(total);
    if buckets == 0 && thousandths > 0 {
        errors.add(&path, format!("{weight} of {total}"), "0, or at least 0.001 % of the total");
    }
    u32::try_from(buckets).unwrap_or(BUCKETS)
}
