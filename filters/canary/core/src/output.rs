use crate::affinity::PinChange;
use crate::config::{Act, Config};
use crate::cookie::Cookie;
use crate::edit::{Edit, VersionEdits};
use crate::inputs::Asked;
use crate::loading::Loading;
use crate::names::{self, quote};
use crate::trust::Inherit;
use crate::{Canary, Decision, Release, STABLE, baggage};
use sdk_shim_config::Path;
use sdk_shim_http::{Cookies, Headers};

/// The key of filter state for the reason.
pub const REASON_KEY: &str = "canary_reason";

/// The key of filter state for what a dry run would decide.
pub const DRY_RUN_KEY: &str = "canary_dry_run";

/// How decisions are acted on.
#[derive(Debug)]
pub(crate) struct Output {
    act: Act,
    random_header: Option<String>,
    /// A header of the client that is removed unless it is a trusted source's.
    inherited_header: Option<String>,
    inherited_baggage: Option<String>,
    header: Option<String>,
    baggage: Option<String>,
    cookie: Option<Cookie>,
    id_cookie: Option<Cookie>,
    debug_header: Option<String>,
    stable: VersionEdits,
    wants_vary: bool,
    vary: Option<String>,
}

/// What is to be done to a response, as far as it depends on the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponsePlan {
    release: Option<usize>,
    set_cookies: Vec<Vec<u8>>,
    is_concerned: bool,
    debug: Option<Vec<u8>>,
}

impl Output {
    pub(crate) fn new(
        config: &Config,
        releases: &[Release],
        inherit: Option<&Inherit>,
        loading: &mut Loading,
    ) -> Self {
        let root = Path::root();
        let act = check_act(&config.act, releases, &root.field("act"), loading);
        let errors = &mut loading.errors;
        let mut header =
            |name: Option<&String>, path: &Path| name.map(|name| names::check_header(name, path, errors));
        let random_header = header(
            config.random_value.as_ref().map(|it| &it.header),
            &root.field("random_value").field("header"),
        );
        let debug_header = header(config.debug_header.as_ref(), &root.field("debug_header"));
        let propagate = root.field("propagate");
        let propagated = header(config.propagate.header.as_ref(), &propagate.field("header"));
        if let Some(country) = &config.country {
            names::check_header(&country.header, &root.field("country").field("header"), errors);
        }
        let baggage = config.propagate.baggage.as_ref().map(|member| {
            let path = propagate.field("baggage").field("key");
            names::check_token(&member.key, &path, "a baggage key: a token", errors);
            member.key.clone()
        });
        let mut cookie =
            |config: &Option<_>, path: &Path| config.as_ref().map(|config| Cookie::new(config, path, errors));
        let id_cookie = cookie(&config.id_cookie, &root.field("id_cookie"));
        let version_cookie = cookie(&config.propagate.cookie, &propagate.field("cookie"));
        let (inherited_header, inherited_baggage) = match inherit {
            Some(Inherit::Header(name)) => (Some(name.clone()), None),
            Some(Inherit::Baggage(key)) => (None, Some(key.clone())),
            None => (None, None),
        };
        Self {
            act,
            random_header,
            inherited_header,
            inherited_baggage,
            header: propagated,
            baggage,
            cookie: version_cookie,
            id_cookie,
            debug_header,
            stable: VersionEdits::new(
                &config.stable.request_headers,
                &config.stable.response_headers,
                &root.field("stable"),
                errors,
            ),
            wants_vary: config.vary,
            vary: None,
        }
    }

    /// Names the headers that decisions hang on.
    pub(crate) fn with_vary(mut self, asked: &Asked) -> Self {
        let cookie = (asked.cookies.len() > 0).then_some("cookie");
        // Where tokens come from as a rule.
        let token = (!asked.claims.is_empty()).then_some("authorization");
        let names: Vec<&str> = asked.headers.names().chain(cookie).chain(token).collect();
        self.vary = (self.wants_vary && !names.is_empty()).then(|| names.join(", "));
        self
    }

    pub(crate) fn debug_header(&self) -> Option<&str> {
        self.debug_header.as_deref()
    }
}

impl Canary {
    /// How Envoy is to learn the decision.
    pub fn act(&self) -> &Act {
        &self.output.act
    }

    /// Applies what is to be done to the request's headers, which are given as the client sent them. Decisions are
    /// written behind the changes that the configuration names, so that those cannot forge them.
    ///
    /// # Errors
    /// That of `apply`, which then is not called again.
    pub fn edit_request<E>(
        &self,
        decision: &Decision<'_>,
        request: &Headers,
        mut apply: impl FnMut(Edit<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let output = &self.output;
        let release = if self.is_dry() { None } else { decision.release };
        let name = release.map_or(STABLE, Release::name);
        let edits = release.map_or(&output.stable, |release| &release.edits);
        edits.request.iter().try_for_each(&mut apply)?;
        let is_there = |name: &String| request.get(name).is_some();
        if let Some(header) = output.inherited_header.as_ref().filter(|name| is_there(name))
            && !decision.details.is_inheriting
        {
            apply(Edit::Remove(header))?;
        }
        match &output.act {
            Act::FilterState { .. } => {}
            Act::Header { name: header } => apply(Edit::Set(header, name.as_bytes()))?,
            Act::ClusterHeader { name: header, stable } => {
                let cluster = release.and_then(|release| release.cluster.as_ref()).unwrap_or(stable);
                apply(Edit::Set(header, cluster.as_bytes()))?;
            }
        }
        if let Some(header) = &output.random_header {
            match decision.details.random_value {
                Some(value) => apply(Edit::Set(header, value.to_string().as_bytes()))?,
                None if is_there(header) => apply(Edit::Remove(header))?,
                None => {}
            }
        }
        if let Some(header) = &output.header {
            apply(Edit::Set(header, name.as_bytes()))?;
        }
        self.edit_baggage(decision, name, request, apply)
    }

    fn edit_baggage<E>(
        &self,
        decision: &Decision<'_>,
        name: &str,
        request: &Headers,
        mut apply: impl FnMut(Edit<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let forged = self
            .output
            .inherited_baggage
            .as_ref()
            .filter(|key| !decision.details.is_inheriting && baggage::get(request, key).is_some());
        let cleaned: Headers;
        let request = match forged {
            Some(key) => {
                cleaned = Headers::from_iter([("baggage", baggage::with(request, key, None))]);
                &cleaned
            }
            None => request,
        };
        let line = match &self.output.baggage {
            Some(key) => baggage::with(request, key, Some(name)),
            None if forged.is_some() => request.get("baggage").unwrap_or_default().to_vec(),
            None => return Ok(()),
        };
        apply(if line.is_empty() { Edit::Remove("baggage") } else { Edit::Set("baggage", &line) })
    }

    /// What is to be done to the response, as far as it depends on the request. `is_https` is asked for only where a
    /// cookie is set.
    pub fn plan_response(
        &self,
        decision: &Decision<'_>,
        request: &Headers,
        is_https: impl FnOnce() -> bool,
    ) -> ResponsePlan {
        let details = &decision.details;
        let debug = details.is_debugged.then(|| debug(decision).into_bytes());
        if self.is_dry() {
            return ResponsePlan { debug, ..ResponsePlan::default() };
        }
        let id = self.output.id_cookie.as_ref().zip(details.issued);
        let pins = self.affinity().filter(|_| details.pins != PinChange::None);
        let version = self.output.cookie.as_ref().filter(|cookie| {
            // A user without the cookie is on stable.
            let before = Cookies::new(request).get(cookie.name());
            before != decision.release.map(|release| release.name().as_bytes())
        });
        let mut set_cookies = Vec::new();
        if id.is_some() || pins.is_some() || version.is_some() {
            let is_https = is_https();
            set_cookies.extend(id.and_then(|(cookie, id)| cookie.set(&id, is_https)));
            set_cookies.extend(pins.and_then(|affinity| match &details.pins {
                PinChange::Set(pins) => {
                    affinity.cookie.set(&affinity.write(pins, self.releases(), self.tokens()), is_https)
                }
                _ => affinity.cookie.remove(is_https),
            }));
            set_cookies.extend(version.and_then(|cookie| match decision.release {
                Some(release) => cookie.set(release.name().as_bytes(), is_https),
                None => cookie.remove(is_https),
            }));
        }
        ResponsePlan {
            release: decision.release.map(Release::index),
            set_cookies,
            is_concerned: details.is_concerned,
            debug,
        }
    }

    /// Applies what is to be done to the response's headers.
    ///
    /// # Errors
    /// That of `apply`, which then is not called again.
    pub fn edit_response<E>(
        &self,
        plan: &ResponsePlan,
        mut apply: impl FnMut(Edit<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let release = plan.release.and_then(|index| self.releases().get(index));
        let edits = release.map_or(&self.output.stable, |release| &release.edits);
        edits.response.iter().try_for_each(&mut apply)?;
        plan.set_cookies.iter().try_for_each(|cookie| apply(Edit::Add("set-cookie", cookie)))?;
        if let Some(vary) = self.output.vary.as_ref().filter(|_| plan.is_concerned) {
            apply(Edit::Add("vary", vary.as_bytes()))?;
        }
        match (&self.output.debug_header, &plan.debug) {
            (Some(header), Some(text)) => apply(Edit::Set(header, text)),
            _ => Ok(()),
        }
    }
}

fn debug(decision: &Decision<'_>) -> String {
    let mut text = format!("release={}; reason={}", decision.name(), decision.reason.as_str());
    if let Some(bucket) = decision.details.bucket {
        text.push_str(&format!("; bucket={bucket}"));
    }
    text
}

fn check_act(act: &Act, releases: &[Release], path: &Path, loading: &mut Loading) -> Act {
    let errors = &mut loading.errors;
    let named = releases.iter().filter(|release| release.cluster.is_some());
    if !matches!(act, Act::ClusterHeader { .. }) {
        for release in named {
            let path = Path::root().field("releases").index(release.index()).field("cluster");
            errors.add(&path, "a cluster", "`act: {cluster_header: …}` beside it");
        }
    }
    match act {
        Act::FilterState { key, .. } => {
            names::check_label(key, &path.field("filter_state").field("key"), errors);
            if [REASON_KEY, DRY_RUN_KEY].contains(&key.as_str()) {
                errors.add(&path.field("filter_state").field("key"), quote(key), "another key");
            }
            act.clone()
        }
        Act::Header { name } => {
            let name = names::check_header(name, &path.field("header").field("name"), errors);
            Act::Header { name }
        }
        Act::ClusterHeader { name, stable } => {
            let path = path.field("cluster_header");
            let name = names::check_header(name, &path.field("name"), errors);
            check_cluster(stable, &path.field("stable"), errors);
            for release in releases {
                let path = Path::root().field("releases").index(release.index()).field("cluster");
                match &release.cluster {
                    Some(cluster) => check_cluster(cluster, &path, errors),
                    None => errors.add(&path, "nothing", "a cluster, for `act: {cluster_header: …}`"),
                }
            }
            Act::ClusterHeader { name, stable: stable.clone() }
        }
    }
}

fn check_cluster(cluster: &str, path: &Path, errors: &mut sdk_shim_config::ConfigErrors) {
    if cluster.is_empty() || cluster.len() > 256 || !cluster.bytes().all(|byte| byte.is_ascii_graphic()) {
        errors.add(path, quote(cluster), "a cluster's name: 1 to 256 ASCII characters without blanks");
    }
}
