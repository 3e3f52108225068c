use crate::Severity;
use crate::check::{Part, Report};
use portcullis_canary_core::{Config, KeyConfig, Precedence, ReleaseConfig};

/// Releases whose weight decides nothing, as one before them takes every request that they could draw.
pub(crate) fn releases(json: &[u8], report: &mut Report<'_>) {
    let Ok(config) = serde_json::from_slice::<Config>(json) else { return };
    if config.precedence != Precedence::Listed {
        return;
    }
    for (index, release) in config.releases.iter().enumerate() {
        if !release.enabled || !draws(release) {
            continue;
        }
        let before = config.releases.iter().take(index);
        let Some(other) = before.into_iter().find(|other| takes_all(other) && covers(other, release)) else {
            continue;
        };
        let message = format!("never drawn: the release {} before it takes every request", other.name);
        let rest = if release.by_header.is_some() || release.by_cookie.is_some() {
            "; only its by_header and by_cookie count"
        } else {
            ""
        };
        let help = "put it first, or give the other a weight below 100, a `match`, `hosts` or `paths`";
        let path = format!("releases[{index}].name");
        report.at_path(Severity::Warning, "shadowed", &path, Part::Value, format!("{message}{rest}"), help);
    }
}

fn draws(release: &ReleaseConfig) -> bool {
    release.matches.is_some()
        || release.namespace.is_some()
        || release.weight.is_some_and(|weight| weight > 0.0)
}

fn takes_all(release: &ReleaseConfig) -> bool {
    let is_for_all = release.matches.is_none() && release.namespace.is_none() && release.schedule.is_none();
    let is_everybody = release.key.last() != Some(&KeyConfig::None);
    let total = f64::from(release.weight_total.unwrap_or(100));
    release.enabled && is_for_all && is_everybody && release.weight.is_some_and(|weight| weight >= total)
}

/// Whether the one concerns all requests that the other does.
fn covers(wide: &ReleaseConfig, narrow: &ReleaseConfig) -> bool {
    let all = |wide: &[String], narrow: &[String]| {
        wide.is_empty() || !narrow.is_empty() && narrow.iter().all(|it| wide.contains(it))
    };
    all(&wide.hosts, &narrow.hosts) && all(&wide.paths, &narrow.paths)
}
