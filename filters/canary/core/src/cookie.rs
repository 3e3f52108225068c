use crate::config::{CookieConfig, SameSite, Secure};
use crate::names::{self, quote};
use sdk_shim_config::{ConfigErrors, Path, duration};
use sdk_shim_http::SetCookie;

/// Browsers keep no cookie longer (RFC 6265bis 5.5).
const MAX_AGE_SECONDS: u64 = 400 * 24 * 3600;

/// A cookie that the filter sets.
#[derive(Debug)]
pub(crate) struct Cookie {
    name: String,
    max_age: Option<u64>,
    path: String,
    domain: Option<String>,
    same_site: SameSite,
    secure: Secure,
    http_only: bool,
}

impl Cookie {
    pub(crate) fn new(config: &CookieConfig, path: &Path, errors: &mut ConfigErrors) -> Self {
        names::check_cookie(&config.name, &path.field("name"), errors);
        let starts = |prefix: &str| {
            config.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        // Browsers drop a cookie that breaks the promise of its prefix (RFC 6265bis 4.1.3).
        let is_secure = config.secure == Secure::Always;
        let is_host_only = config.path == "/" && config.domain.is_none();
        if starts("__Secure-") && !is_secure {
            errors.add(&path.field("name"), quote(&config.name), "`secure: always` beside this prefix");
        }
        if starts("__Host-") && !(is_secure && is_host_only) {
            let expected = "`secure: always`, `path: /` and no `domain` beside this prefix";
            errors.add(&path.field("name"), quote(&config.name), expected);
        }
        if config.same_site == SameSite::None && !is_secure {
            errors.add(&path.field("same_site"), "`none`", "`secure: always` beside it");
        }
        let is_value =
            |text: &str| SetCookie::new("a", b"").and_then(|it| it.attribute("a", Some(text.as_bytes())));
        if !config.path.starts_with('/') || is_value(&config.path).is_err() {
            errors.add(
                &path.field("path"),
                quote(&config.path),
                "a path that starts with /, without semicolon",
            );
        }
        let is_domain = |text: &&String| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
        };
        if let Some(domain) = config.domain.as_ref().filter(|domain| !is_domain(domain)) {
            errors.add(&path.field("domain"), quote(domain), "a host name");
        }
        let max_age = config.max_age.as_ref().and_then(|text| {
            let path = path.field("max_age");
            let seconds = duration(text, &path, errors)?.as_secs();
            if !(1..=MAX_AGE_SECONDS).contains(&seconds) {
                errors.add(&path, quote(text), "a duration from 1s to 400days");
            }
            Some(seconds)
        });
        Self {
            name: config.name.clone(),
            max_age,
            path: config.path.clone(),
            domain: config.domain.clone(),
            same_site: config.same_site,
            secure: config.secure,
            http_only: config.http_only,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The value of a `set-cookie` header that sets the cookie. All parts were checked at load, so there is one.
    pub(crate) fn set(&self, value: &[u8], is_https: bool) -> Option<Vec<u8>> {
        self.write(value, self.max_age, is_https)
    }

    /// The value of a `set-cookie` header that removes the cookie.
    pub(crate) fn remove(&self, is_https: bool) -> Option<Vec<u8>> {
        self.write(b"", Some(0), is_https)
    }

    fn write(&self, value: &[u8], max_age: Option<u64>, is_https: bool) -> Option<Vec<u8>> {
        let mut cookie = SetCookie::new(&self.name, value).ok()?;
        cookie = cookie.attribute("Path", Some(self.path.as_bytes())).ok()?;
        if let Some(domain) = &self.domain {
            cookie = cookie.attribute("Domain", Some(domain.as_bytes())).ok()?;
        }
        if let Some(max_age) = max_age {
            cookie = cookie.attribute("Max-Age", Some(max_age.to_string().as_bytes())).ok()?;
        }
        if self.http_only {
            cookie = cookie.attribute("HttpOnly", None).ok()?;
        }
        if self.secure == Secure::Always || self.secure == Secure::Auto && is_https {
            cookie = cookie.attribute("Secure", None).ok()?;
        }
        let same_site: &[u8] = match self.same_site {
            SameSite::None => b"None",
            SameSite::Lax => b"Lax",
            SameSite::Strict => b"Strict",
        };
        cookie = cookie.attribute("SameSite", Some(same_site)).ok()?;
        Some(cookie.as_bytes().to_vec())
    }
}
