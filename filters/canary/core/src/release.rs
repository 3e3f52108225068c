use crate::config::ReleaseConfig;
use crate::inputs::{CookieId, Inputs};
use crate::loading::Loading;
use crate::names::quote;
use crate::scope::Scope;
use crate::share::Share;
use crate::wish::{By, Verdict, Wish};
use crate::{Reason, STABLE, names};
use sdk_shim_config::Path;

/// A compiled release: whom it concerns, and the rules that take requests into it.
#[derive(Debug)]
pub struct Release {
    name: String,
    index: usize,
    pub(crate) scope: Scope,
    by_header: Option<(String, Wish)>,
    by_cookie: Option<(CookieId, Wish)>,
    pub(crate) share: Share,
}

impl Release {
    pub(crate) fn new(config: &ReleaseConfig, index: usize, path: &Path, loading: &mut Loading) -> Self {
        let errors = &mut loading.errors;
        names::check_label(&config.name, &path.field("name"), errors);
        if config.name == STABLE {
            errors.add(&path.field("name"), quote(STABLE), "another name: it stands for no release");
        }
        if config.by_header.is_none() && config.by_cookie.is_none() && config.weight.is_none() {
            errors.add(path, "a release without a rule", "`by_header`, `by_cookie` or `weight`");
        }
        let scope = Scope::new(config, path, errors);
        let by_header = config.by_header.as_ref().map(|wish| {
            let path = path.field("by_header");
            let name = names::check_header(&wish.name, &path.field("name"), &mut loading.errors);
            (name, Wish::new(wish, &path, loading))
        });
        let by_cookie = config.by_cookie.as_ref().and_then(|config| {
            let path = path.field("by_cookie");
            names::check_cookie(&config.name, &path.field("name"), &mut loading.errors);
            let wish = Wish::new(config, &path, loading);
            Some((loading.cookie_names.find(config.name.as_bytes())?, wish))
        });
        let share = Share::new(config, path, loading);
        Self { name: config.name.clone(), index, scope, by_header, by_cookie, share }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The place among the configured releases, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn by_header(&self, inputs: &Inputs<'_>) -> Option<(Verdict, Reason)> {
        let (name, wish) = self.by_header.as_ref()?;
        let (verdict, by) = wish.read(&inputs.header(name)?)?;
        Some((verdict, header_reason(by)))
    }

    pub(crate) fn by_cookie(&self, inputs: &mut Inputs<'_>) -> Option<(Verdict, Reason)> {
        let (id, wish) = self.by_cookie.as_ref()?;
        let (verdict, by) = wish.read(inputs.cookie(*id)?)?;
        Some((verdict, cookie_reason(by)))
    }

    /// What the rules can come to, with the reason.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = (Verdict, Reason)> {
        let header = self.by_header.iter().flat_map(|(_, wish)| wish.outcomes());
        let cookie = self.by_cookie.iter().flat_map(|(_, wish)| wish.outcomes());
        let weight = [Verdict::In, Verdict::Out].into_iter().filter(|_| self.share.is_drawn());
        header
            .map(|(verdict, by)| (verdict, header_reason(by)))
            .chain(cookie.map(|(verdict, by)| (verdict, cookie_reason(by))))
            .chain(weight.map(|verdict| (verdict, Reason::Weight)))
    }
}

fn header_reason(by: By) -> Reason {
    match by {
        By::Always => Reason::HeaderAlways,
        By::Never => Reason::HeaderNever,
        By::Value => Reason::HeaderValue,
        By::Pattern => Reason::HeaderPattern,
    }
}

fn cookie_reason(by: By) -> Reason {
    match by {
        By::Always => Reason::CookieAlways,
        By::Never => Reason::CookieNever,
        By::Value => Reason::CookieValue,
        By::Pattern => Reason::CookiePattern,
    }
}
