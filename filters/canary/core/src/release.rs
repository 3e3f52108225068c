use crate::config::{ReleaseAffinity, ReleaseConfig};
use crate::edit::VersionEdits;
use crate::inputs::Inputs;
use crate::loading::Loading;
use crate::names::quote;
use crate::patterns::Subject;
use crate::scope::Scope;
use crate::share::Share;
use crate::token::Tokens;
use crate::wish::{By, Verdict, Wish};
use crate::{Reason, STABLE, names};
use sdk_shim_config::Path;

/// A compiled release: whom it concerns, and the rules that take requests into it.
#[derive(Debug)]
pub struct Release {
    name: String,
    index: usize,
    is_enabled: bool,
    pub(crate) scope: Scope,
    by_header: Option<Wish>,
    by_cookie: Option<Wish>,
    pub(crate) share: Share,
    /// Why its share is taken: by a weight, or all that match.
    pub(crate) share_reason: Reason,
    pub(crate) is_sticky: bool,
    pub(crate) bucket_version: u32,
    pub(crate) cluster: Option<String>,
    pub(crate) edits: VersionEdits,
}

impl Release {
    pub(crate) fn new(config: &ReleaseConfig, index: usize, path: &Path, loading: &mut Loading) -> Self {
        let errors = &mut loading.errors;
        names::check_label(&config.name, &path.field("name"), errors);
        if config.name == STABLE {
            errors.add(&path.field("name"), quote(STABLE), "another name: it stands for no release");
        }
        let draws = config.matches.is_some() || config.namespace.is_some() || config.weight.is_some();
        if config.by_header.is_none() && config.by_cookie.is_none() && !draws {
            errors.add(path, "a release without a rule", "`by_header`, `by_cookie`, `match` or `weight`");
        }
        let scope = Scope::new(config, path, errors);
        let by_header = config.by_header.as_ref().map(|wish| {
            let path = path.field("by_header");
            let name = names::check_header(&wish.name, &path.field("name"), &mut loading.errors);
            Wish::new(wish, Subject::Header(loading.headers.id(&name)), &path, loading)
        });
        let by_cookie = config.by_cookie.as_ref().map(|wish| {
            let path = path.field("by_cookie");
            names::check_cookie(&wish.name, &path.field("name"), &mut loading.errors);
            Wish::new(wish, Subject::Cookie(loading.cookies.id(&wish.name)), &path, loading)
        });
        let share = Share::new(config, path, loading);
        let errors = &mut loading.errors;
        Self {
            name: config.name.clone(),
            index,
            is_enabled: config.enabled,
            scope,
            by_header,
            by_cookie,
            share,
            share_reason: if config.weight.is_some() { Reason::Weight } else { Reason::Match },
            is_sticky: config.affinity == ReleaseAffinity::Sticky,
            bucket_version: config.bucket_version,
            cluster: config.cluster.clone(),
            edits: VersionEdits::new(&config.request_headers, &config.response_headers, path, errors),
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

    /// Whether the release is on and not over.
    pub(crate) fn is_alive(&self, inputs: &mut Inputs<'_>) -> bool {
        self.is_enabled && !self.share.has_ended(inputs)
    }

    /// Whether an operator has ended the release.
    pub(crate) fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// The header and the cookie that ask for it.
    pub(crate) fn asked_by(&self) -> impl Iterator<Item = Subject> {
        [&self.by_header, &self.by_cookie].into_iter().flatten().map(Wish::subject)
    }

    #[cfg(feature = "trace")]
    pub(crate) fn has_header(&self) -> bool {
        self.by_header.is_some()
    }

    #[cfg(feature = "trace")]
    pub(crate) fn has_cookie(&self) -> bool {
        self.by_cookie.is_some()
    }

    pub(crate) fn by_header(&self, inputs: &mut Inputs<'_>, tokens: &Tokens) -> Option<(Verdict, Reason)> {
        let (verdict, by) = self.by_header.as_ref()?.read(inputs, &self.name, tokens)?;
        Some((verdict, header_reason(by)))
    }

    pub(crate) fn by_cookie(&self, inputs: &mut Inputs<'_>, tokens: &Tokens) -> Option<(Verdict, Reason)> {
        let (verdict, by) = self.by_cookie.as_ref()?.read(inputs, &self.name, tokens)?;
        Some((verdict, cookie_reason(by)))
    }

    /// What the rules can come to, with the reason.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = (Verdict, Reason)> {
        let header = self.by_header.iter().flat_map(Wish::outcomes);
        let cookie = self.by_cookie.iter().flat_map(Wish::outcomes);
        let weight = [Verdict::In, Verdict::Out].into_iter().filter(|_| self.share.is_drawn());
        header
            .map(|(verdict, by)| (verdict, header_reason(by)))
            .chain(cookie.map(|(verdict, by)| (verdict, cookie_reason(by))))
            .chain(weight.map(|verdict| (verdict, self.share_reason)))
    }
}

fn header_reason(by: By) -> Reason {
    match by {
        By::Always => Reason::HeaderAlways,
        By::Never => Reason::HeaderNever,
        By::Value => Reason::HeaderValue,
        By::Pattern => Reason::HeaderPattern,
        By::Token => Reason::HeaderToken,
    }
}

fn cookie_reason(by: By) -> Reason {
    match by {
        By::Always => Reason::CookieAlways,
        By::Never => Reason::CookieNever,
        By::Value => Reason::CookieValue,
        By::Pattern => Reason::CookiePattern,
        By::Token => Reason::CookieToken,
    }
}
