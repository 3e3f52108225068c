use super::suffix::is_public_suffix;
use crate::config::{CookieConfig, Rule, SameSite, Secure};
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::SetCookie;

/// Checks the configuration at `path` by what browsers take, and for contradictions.
pub(super) fn check(config: &CookieConfig, path: &Path, errors: &mut ConfigErrors) {
    check_name(config, path, errors);
    check_path(config, path, errors);
    check_domain(config, path, errors);
    check_secure(config, path, errors);
    check_rule(config, path, errors);
    if config.conditional_same_site_none && config.same_site != SameSite::None {
        let expected = "`same_site: none` beside it";
        errors.add(&path.field("conditional_same_site_none"), "true", expected);
    }
}

/// The attributes that have fields of their own.
const FIELDS: [(&str, &str); 8] = [
    ("Path", "path"),
    ("Domain", "domain"),
    ("Expires", "expires"),
    ("Max-Age", "max_age"),
    ("Secure", "secure"),
    ("HttpOnly", "http_only"),
    ("SameSite", "same_site"),
    ("Partitioned", "partitioned"),
];

/// Browsers ignore longer ones (RFC 6265bis 5.6).
const MAX_ATTRIBUTE_BYTES: usize = 1024;
/// Name and value may have 4096 in browsers; the rest is the sealed token's, with room to grow.
const MAX_NAME_BYTES: usize = 256;

fn check_name(config: &CookieConfig, path: &Path, errors: &mut ConfigErrors) {
    let name = &config.name;
    let path = path.field("name");
    if !super::is_token(name) || name.len() > MAX_NAME_BYTES {
        let expected = "a token: 1 to 256 letters, digits and !#$%&'*+-.^_`|~";
        errors.add(&path, format!("{name:?}"), expected);
    }
    // RFC 6265bis 4.1.3: browsers drop a cookie that breaks the promise of its prefix.
    let has_prefix =
        |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let is_host_only = config.path == "/" && config.domain.is_none();
    if has_prefix("__Secure-") && config.secure != Secure::Always {
        errors.add(
            &path,
            format!("{name:?} without `secure: always`"),
            "`secure: always` beside this prefix",
        );
    }
    if has_prefix("__Host-") && !(config.secure == Secure::Always && is_host_only) {
        let expected = "`secure: always`, `path: /` and no `domain` beside this prefix";
        errors.add(&path, format!("{name:?} without them"), expected);
    }
}

fn check_path(config: &CookieConfig, path: &Path, errors: &mut ConfigErrors) {
    if !config.path.starts_with('/') {
        errors.add(&path.field("path"), format!("{:?}", config.path), "a path that starts with `/`");
    }
}

/// A domain that browsers take (RFC 6265bis 5.7): a host name of at least two labels, and no public suffix that we know.
fn check_domain(config: &CookieConfig, path: &Path, errors: &mut ConfigErrors) {
    let Some(domain) = &config.domain else { return };
    let host = domain.strip_prefix('.').unwrap_or(domain);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_number =
        host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let expected = if is_number || !host.split('.').all(is_label) || host.len() > 253 {
        "a host name in ASCII, such as `example.com`"
    } else if !host.contains('.') {
        "a name with a dot: browsers refuse a cookie for a whole top-level domain; leave `domain` out for one host"
    } else if is_public_suffix(host) {
        "a domain of your own: browsers refuse a cookie for a public suffix; leave `domain` out for one host"
    } else {
        return;
    };
    errors.add(&path.field("domain"), format!("{domain:?}"), expected);
}

fn check_secure(config: &CookieConfig, path: &Path, errors: &mut ConfigErrors) {
    if config.secure == Secure::Always {
        return;
    }
    let found = if config.secure == Secure::Auto { "`auto`" } else { "`never`" };
    let expected = "`always`: browsers refuse the cookie without Secure";
    if config.same_site == SameSite::None {
        errors.add(&path.field("secure"), format!("{found} beside `same_site: none`"), expected);
    }
    if config.partitioned {
        errors.add(&path.field("secure"), format!("{found} beside `partitioned: true`"), expected);
    }
}

/// What only makes sense where the filter itself sets the cookie.
fn check_rule(config: &CookieConfig, path: &Path, errors: &mut ConfigErrors) {
    let name = match config.rule {
        Rule::Insert => return,
        Rule::Rewrite => "rewrite",
        Rule::Prefix => "prefix",
    };
    for (field, is_set) in [("preserve", config.preserve), ("postonly", config.postonly)] {
        if is_set {
            errors.add(
                &path.field(field),
                format!("true beside `rule: {name}`"),
                "it with `rule: insert` only",
            );
        }
    }
    for (field, value) in [("max_age", &config.max_age), ("expires", &config.expires)] {
        if let Some(value) = value {
            let found = format!("{value:?} beside `rule: {name}`");
            errors.add(&path.field(field), found, "nothing: the upstream says how long its cookie lives");
        }
    }
}

/// The attributes as they stand behind the value, each with `; ` before it.
pub(super) fn write_attributes(
    config: &CookieConfig,
    same_site: SameSite,
    path: &Path,
    errors: &mut ConfigErrors,
) -> Vec<u8> {
    let same_site = match same_site {
        SameSite::None => Some("None"),
        SameSite::Lax => Some("Lax"),
        SameSite::Strict => Some("Strict"),
        SameSite::Unset => None,
    };
    // A leading dot has no meaning to browsers (RFC 6265 5.2.3).
    let domain = config.domain.as_deref().map(|domain| domain.strip_prefix('.').unwrap_or(domain));
    let mut text = Vec::new();
    let mut write = |place: Path, name: &str, value: Option<&str>| {
        let cookie = SetCookie::new("a", b"")
            .and_then(|cookie| cookie.attribute(name, value.map(str::as_bytes)))
            .ok()
            .filter(|_| value.is_none_or(|value| value.len() <= MAX_ATTRIBUTE_BYTES));
        match cookie.as_ref().and_then(|cookie| cookie.as_bytes().strip_prefix(b"a=")) {
            Some(attribute) => text.extend_from_slice(attribute),
            None => errors.add(
                &place,
                value.map_or_else(|| format!("{name:?}"), |value| format!("{name:?} with {value:?}")),
                "a token as name, and as value at most 1024 printable ASCII characters without `;`",
            ),
        }
    };
    write(path.field("path"), "Path", Some(&config.path));
    if domain.is_some() {
        write(path.field("domain"), "Domain", domain);
    }
    if config.secure == Secure::Always {
        write(path.field("secure"), "Secure", None);
    }
    if config.http_only {
        write(path.field("http_only"), "HttpOnly", None);
    }
    if same_site.is_some() {
        write(path.field("same_site"), "SameSite", same_site);
    }
    if config.partitioned {
        write(path.field("partitioned"), "Partitioned", None);
    }
    for (index, attribute) in config.attributes.iter().enumerate() {
        write(path.field("attributes").index(index), &attribute.name, attribute.value.as_deref());
    }
    for (index, attribute) in config.attributes.iter().enumerate() {
        if let Some((name, field)) =
            FIELDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&attribute.name))
        {
            let place = path.field("attributes").index(index).field("name");
            errors.add(&place, format!("{name:?}"), format!("the field `{field}` for that attribute"));
        }
    }
    text
}
