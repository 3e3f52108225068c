use crate::config::{Compatibility, ReleaseConfig};
use crate::inputs::{CookieId, CookieNames, Inputs};
use crate::names::quote;
use crate::scope::Scope;
use crate::share::Share;
use crate::wish::{By, Verdict, Wish};
use crate::{Reason, STABLE, names};
use sdk_shim_config::{ConfigErrors, Path};

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
    pub(crate) fn new(
        config: &ReleaseConfig,
        index: usize,
        cookie_names: &CookieNames,
        compatibility: &Compatibility,
        path: &Path,
        errors: &mut ConfigErrors,
        warnings: &mut ConfigErrors,
    ) -> Self {
        names::check_label(&config.name, &path.field("name"), errors);
        if config.name == STABLE {
            errors.add(&path.field("name"), quote(STABLE), "another name: it stands for no release");
        }
        if config.by_header.is_none() && config.by_cookie.is_none() && config.weight.is_none() {
            errors.add(path, "a release without a rule", "`by_header`, `by_cookie` or `weight`");
        }
        let by_header = config.by_header.as_ref().map(|wish| {
            let path = path.field("by_header");
            let name = names::check_header(&wish.name, &path.field("name"), errors);
            (name, Wish::new(wish, compatibility, &path, errors, warnings))
        });
        let by_cookie = config.by_cookie.as_ref().and_then(|wish| {
            let path = path.field("by_cookie");
            names::check_cookie(&wish.name, &path.field("name"), errors);
            let wish_read = Wish::new(wish, compatibility, &path, errors, warnings);
            Some((cookie_names.find(wish.name.as_bytes())?, wish_read))
        });
        Self {
            name: config.name.clone(),
            index,
            scope: Scope::new(config, path, errors),
            by_header,
            by_cookie,
            share: Share::new(config, cookie_names, compatibility, path, errors),
        }
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
