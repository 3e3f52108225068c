use crate::config::{Act, Config};
use crate::inputs::{CookieNames, Facts, Inputs};
use crate::loading::Loading;
use crate::names::quote;
use crate::wish::Verdict;
use crate::{Decision, Reason, Release, names};
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::Headers;
use std::collections::HashSet;

/// The most releases that one configuration may have.
pub const MAX_RELEASES: usize = 256;

/// A compiled configuration, which decides where requests go.
#[derive(Debug)]
pub struct Canary {
    releases: Vec<Release>,
    cookie_names: CookieNames,
    act: Act,
    warnings: ConfigErrors,
}

impl Canary {
    /// Checks and compiles a configuration.
    ///
    /// # Errors
    /// Every violation, with the path to it.
    pub fn new(config: Config) -> Result<Self, ConfigErrors> {
        let mut loading = Loading::new(&config);
        let root = Path::root();
        let path = root.field("releases");
        if config.releases.len() > MAX_RELEASES {
            let found = format!("{} releases", config.releases.len());
            loading.errors.add(&path, found, format!("at most {MAX_RELEASES}"));
        }
        let mut seen = HashSet::new();
        let mut releases = Vec::with_capacity(config.releases.len());
        for (index, release) in config.releases.iter().enumerate() {
            let path = path.index(index);
            if !seen.insert(&release.name) {
                loading.errors.add(
                    &path.field("name"),
                    format!("{} again", quote(&release.name)),
                    "each name once",
                );
            }
            releases.push(Release::new(release, index, &path, &mut loading));
        }
        let Loading { cookie_names, mut errors, warnings, .. } = loading;
        let act = check_act(config.act, &root.field("act"), &mut errors);
        errors.into_result(Self { releases, cookie_names, act, warnings })
    }

    /// Where the request with these headers goes, and why.
    ///
    /// A header of any release beats every cookie, and a cookie every weight; among equals the first release wins.
    /// `never` keeps the request out of its own release only. Each weight is drawn for itself, so a release takes its
    /// share of the requests that no release before it took.
    pub fn decide(&self, headers: &Headers, facts: &mut dyn Facts) -> Decision<'_> {
        let mut inputs = Inputs::new(headers, &self.cookie_names, facts);
        let mut by_cookie = None;
        let mut by_weight = None;
        let mut why_stable = Reason::Default;
        for release in &self.releases {
            if !release.scope.covers(&inputs) {
                continue;
            }
            match release.by_header(&inputs) {
                Some((Verdict::In, reason)) => return Decision { release: Some(release), reason },
                Some((Verdict::Out, reason)) => {
                    why_stable = why_stable.min(reason);
                    continue;
                }
                None => {}
            }
            if by_cookie.is_some() {
                continue;
            }
            match release.by_cookie(&mut inputs) {
                Some((Verdict::In, reason)) => by_cookie = Some((release, reason)),
                Some((Verdict::Out, reason)) => why_stable = why_stable.min(reason),
                None if by_weight.is_none() => match release.share.draw(&mut inputs) {
                    Some(true) => by_weight = Some((release, Reason::Weight)),
                    Some(false) => why_stable = why_stable.min(Reason::Weight),
                    None => {}
                },
                None => {}
            }
        }
        match by_cookie.or(by_weight) {
            Some((release, reason)) => Decision { release: Some(release), reason },
            None => Decision { release: None, reason: why_stable },
        }
    }

    /// The releases, in the order of the configuration.
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// All pairs of release (`None` for stable) and reason that [`Canary::decide`] can return, so that metrics can be
    /// defined at load.
    pub fn outcomes(&self) -> Vec<(Option<&Release>, Reason)> {
        let rules =
            || self.releases.iter().flat_map(|release| release.reasons().map(move |it| (release, it)));
        let into = rules().filter(|(_, (verdict, _))| *verdict == Verdict::In);
        let out: HashSet<Reason> = rules()
            .filter(|(_, (verdict, _))| *verdict == Verdict::Out)
            .map(|(_, (_, reason))| reason)
            .collect();
        let stable =
            Reason::ALL.into_iter().filter(|reason| *reason == Reason::Default || out.contains(reason));
        into.map(|(release, (_, reason))| (Some(release), reason))
            .chain(stable.map(|reason| (None, reason)))
            .collect()
    }

    /// How Envoy is to learn the decision.
    pub fn act(&self) -> &Act {
        &self.act
    }

    /// What is accepted only because `compatibility` says so, and will hardly do what was meant.
    pub fn warnings(&self) -> &ConfigErrors {
        &self.warnings
    }
}

fn check_act(act: Act, path: &Path, errors: &mut ConfigErrors) -> Act {
    match act {
        Act::FilterState { key } => {
            names::check_label(&key, &path.field("filter_state").field("key"), errors);
            Act::FilterState { key }
        }
        Act::Header { name } => {
            let name = names::check_header(&name, &path.field("header").field("name"), errors);
            Act::Header { name }
        }
    }
}
