mod browser;
mod check;
mod date;
mod suffix;

pub(crate) use self::browser::takes_same_site_none;
#[cfg(test)]
pub(crate) use self::date::http_date;
use crate::Client;
use crate::config::{CookieConfig, Rule, SameSite, Secure};
use crate::fingerprint;
use crate::interval;
use memchr::memmem::Finder;
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::{Cookies, SetCookie, split_target};
use std::borrow::Cow;

/// The cookie's name and attributes, checked and written out once.
pub(crate) struct Cookie {
    name: String,
    finder: Finder<'static>,
    is_scoped: bool,
    rule: Rule,
    is_hidden: bool,
    /// All attributes but `Max-Age`, `Expires` and a `Secure` that depends on the request: `; Path=/; HttpOnly`.
    attributes: Vec<u8>,
    /// The same for browsers that take no `SameSite=None`, where those are asked for.
    other_attributes: Option<Vec<u8>>,
    secure: Secure,
    /// How long browsers keep it, in seconds.
    pub(crate) max_age: Option<u32>,
    /// The same for `Expires`.
    pub(crate) expires: Option<u32>,
}

impl Cookie {
    /// Checks the configuration at `path`. After an error the answer is of no use.
    pub(crate) fn new(
        config: &CookieConfig,
        is_scoped: bool,
        path: &Path,
        errors: &mut ConfigErrors,
    ) -> Self {
        check::check(config, path, errors);
        let mut duration = |text: &Option<String>, field| {
            text.as_ref().and_then(|text| interval::seconds(text, &path.field(field), errors))
        };
        let (max_age, expires) = (duration(&config.max_age, "max_age"), duration(&config.expires, "expires"));
        let attributes =
            |same_site, errors: &mut ConfigErrors| check::write_attributes(config, same_site, path, errors);
        Self {
            name: config.name.clone(),
            finder: Finder::new(&config.name).into_owned(),
            is_scoped,
            rule: config.rule,
            is_hidden: config.indirect,
            attributes: attributes(config.same_site, errors),
            other_attributes: config
                .conditional_same_site_none
                .then(|| attributes(SameSite::Unset, &mut ConfigErrors::new())),
            secure: config.secure,
            max_age,
            expires,
        }
    }

    /// The values of this cookie in a `cookie` header. Browsers send several once its path or domain was changed.
    pub(crate) fn values<'a>(&self, header: &'a [u8], scope: &[u8]) -> impl Iterator<Item = &'a [u8]> {
        let name = self.name_in(scope);
        let is_prefix = self.rule == Rule::Prefix;
        let header = if self.may_be_in(header) { header } else { b"" };
        Cookies::parse(header).filter(move |(candidate, _)| *candidate == name.as_bytes()).filter_map(
            move |(_, value)| {
                if is_prefix { split_at_delimiter(value).map(|(token, _)| token) } else { Some(value) }
            },
        )
    }

    /// What the upstream is to see of a `cookie` header, the other cookies byte for byte as they were; `None` where it may
    /// see it all.
    pub(crate) fn for_upstream(&self, header: &[u8]) -> Option<Vec<u8>> {
        match self.rule {
            Rule::Insert if self.is_hidden => self.edit(header, |_| None),
            Rule::Insert | Rule::Rewrite => None,
            Rule::Prefix => self.edit(header, |pair| {
                // The pair's own blanks stay: what precedes the token, and what follows the delimiter.
                let at = pair.iter().position(|byte| *byte == b'=')? + 1;
                let (name, value) = pair.split_at_checked(at)?;
                Some(split_at_delimiter(value).map_or_else(|| pair.to_vec(), |(_, own)| [name, own].concat()))
            }),
        }
    }

    /// The value of a `set-cookie` header.
    pub(crate) fn set(
        &self,
        value: &str,
        max_age: Option<u32>,
        expires: Option<u64>,
        client: &Client<'_>,
    ) -> Vec<u8> {
        let attributes = match &self.other_attributes {
            Some(attributes) if client.rejects_same_site_none => attributes,
            _ => &self.attributes,
        };
        let name = self.name_in(client.scope);
        let mut text = [name.as_bytes(), b"=", value.as_bytes(), attributes].concat();
        if let Some(max_age) = max_age {
            text.extend_from_slice(format!("; Max-Age={max_age}").as_bytes());
        }
        if let Some(expires) = expires {
            text.extend_from_slice(format!("; Expires={}", date::http_date(expires)).as_bytes());
        }
        if client.https && self.secure == Secure::Auto {
            text.extend_from_slice(b"; Secure");
        }
        text
    }

    /// Whether a `set-cookie` header of the upstream sets a cookie of our name.
    pub(crate) fn is_set_by(&self, set_cookie: &[u8]) -> bool {
        let name = set_cookie.split(|byte| matches!(byte, b'=' | b';')).next().unwrap_or_default();
        self.is_ours(name.trim_ascii())
    }

    /// A `set-cookie` header of the upstream that sets a cookie of our name, with the token in it.
    pub(crate) fn with_token(&self, set_cookie: &[u8], token: &str) -> Vec<u8> {
        let end = set_cookie.iter().position(|byte| *byte == b';').unwrap_or(set_cookie.len());
        let (pair, attributes) = set_cookie.split_at_checked(end).unwrap_or((set_cookie, b""));
        let value =
            pair.iter().position(|byte| *byte == b'=').and_then(|at| pair.get(at + 1..)).unwrap_or_default();
        let own: &[&[u8]] = if self.rule == Rule::Prefix { &[b"~", value.trim_ascii()] } else { &[] };
        [&[self.name.as_bytes(), b"=", token.as_bytes()], own, &[attributes]].concat().concat()
    }

    /// Each scope has a cookie of its own.
    fn name_in(&self, scope: &[u8]) -> Cow<'_, str> {
        if scope.is_empty() {
            Cow::Borrowed(&self.name)
        } else {
            Cow::Owned(format!("{}_{:08x}", self.name, fingerprint(scope)))
        }
    }

    /// Whether this is the cookie's name, in whatever scope.
    fn is_ours(&self, name: &[u8]) -> bool {
        match name.strip_prefix(self.name.as_bytes()) {
            Some([]) => true,
            Some([b'_', digits @ ..]) if self.is_scoped => {
                digits.len() == 8 && digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            }
            _ => false,
        }
    }

    /// Whether a header may have a cookie of our name: most that have not are not gone through.
    fn may_be_in(&self, header: &[u8]) -> bool {
        self.finder.find(header).is_some()
    }

    /// Replaces the pairs that are ours; `None` where there are none.
    fn edit(&self, header: &[u8], replacement: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
        if !self.may_be_in(header) {
            return None;
        }
        let mut rest = Vec::with_capacity(header.len());
        let (mut is_first, mut is_changed) = (true, false);
        for (index, pair) in header.split(|byte| *byte == b';').enumerate() {
            let is_ours = Cookies::parse(pair).next().is_some_and(|(name, _)| self.is_ours(name));
            is_changed |= is_ours;
            let pair = if is_ours { replacement(pair).map(Cow::Owned) } else { Some(Cow::Borrowed(pair)) };
            let Some(pair) = pair else { continue };
            if std::mem::take(&mut is_first) {
                // The blank before it stood between it and ours.
                rest.extend_from_slice(if index > 0 { pair.trim_ascii_start() } else { &pair });
            } else {
                rest.push(b';');
                rest.extend_from_slice(&pair);
            }
        }
        is_changed.then_some(rest)
    }
}

/// Whether `name` is a token (RFC 9110 5.6.2). A cookie's name is one by the same rule.
pub(crate) fn is_token(name: &str) -> bool {
    SetCookie::new(name, b"").is_ok()
}

/// Whether a cookie with this path goes with a request for `target` (RFC 6265 5.1.4).
pub(crate) fn covers(cookie_path: &[u8], target: &[u8]) -> bool {
    let (path, _) = split_target(target);
    match path.strip_prefix(cookie_path) {
        None => false,
        Some(rest) => {
            rest.is_empty() || rest.starts_with(b"/") || cookie_path.last().is_none_or(|last| *last == b'/')
        }
    }
}

/// Token and own value of a cookie with both (HAProxy, `cookie prefix`).
fn split_at_delimiter(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = value.iter().position(|byte| *byte == b'~')?;
    Some((value.get(..at)?, value.get(at + 1..)?))
}
