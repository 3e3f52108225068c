use crate::Affinity;
use crate::config::{Config, Identity, Lifetime, MAX_KEYS, MIN_SECRET_CHARACTERS, Mode, Rule, Scope};
use crate::cookie::{Cookie, is_token};
use crate::ignored::Ignored;
use crate::interval;
use crate::token::Keyring;
use sdk_shim_config::{ConfigErrors, Environment, Path, Secret};

impl Affinity {
    /// Checks a configuration and derives its keys.
    ///
    /// # Errors
    /// All violations, each with its path.
    pub fn new(mut config: Config, env: &Environment<'_>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let root = Path::root();
        let secrets = resolve(&config.keys, env, &root.field("keys"), &mut errors);
        if !(1..=MAX_AUDIENCE_BYTES).contains(&config.audience.len()) {
            let found = format!("{} bytes", config.audience.len());
            errors.add(&root.field("audience"), found, "the application's name, in 1 to 256 bytes");
        }
        check_headers(&mut config, &root, &mut errors);
        check_clusters(&config, &root, &mut errors);
        let is_scoped = config.scope != Scope::None;
        let ignored = Ignored::new(&config.ignore_persist, &root.field("ignore_persist"), &mut errors);
        let cookie = Cookie::new(&config.cookie, is_scoped, &root.field("cookie"), &mut errors);
        let mut timeout = |text: &Option<String>, field| {
            text.as_ref().and_then(|text| interval::seconds(text, &root.field(field), &mut errors))
        };
        let absolute_timeout = timeout(&config.absolute_timeout, "absolute_timeout");
        let idle_timeout = timeout(&config.idle_timeout, "idle_timeout");
        let times = [
            ("cookie.max_age", cookie.max_age),
            ("cookie.expires", cookie.expires),
            ("idle_timeout", idle_timeout),
        ];
        for (field, timeout) in times {
            if let (Some(absolute), Some(timeout)) = (absolute_timeout, timeout)
                && timeout > absolute
            {
                errors.add(&root.field(field), format!("{timeout}s"), "at most the absolute_timeout");
            }
        }
        check_lifetime(&config, &root.field("cookie"), &mut errors);
        check_modes(&config, &root, &mut errors);
        let is_extended = !config.clusters.is_empty() || config.identity.is_some();
        // Browsers go by `Max-Age` where both are there (RFC 6265 5.3).
        let kept_by_browsers = cookie.max_age.or(cookie.expires);
        errors.into_result(Self {
            keyring: Keyring::new(&secrets, &config.audience, &config.cookie.name, is_extended),
            absolute_timeout: absolute_timeout.or(kept_by_browsers),
            idle_timeout,
            cookie,
            ignored,
            identity: config.identity.as_ref().map(|Identity { namespace, key }| {
                ["xds", "upstream_host_metadata", "filter_metadata", namespace, key].map(str::to_owned)
            }),
            config,
        })
    }
}

const MAX_AUDIENCE_BYTES: usize = 256;
const MAX_CLUSTERS: usize = 64;
/// A password repeated to the length is no secret; hexadecimal text has up to 16.
const MIN_DISTINCT_CHARACTERS: usize = 8;
/// The filter removes its headers from requests.
const RESERVED_HEADERS: [&str; 3] = ["cookie", "host", "set-cookie"];

/// And writes them in lower case, as the host does.
fn check_headers(config: &mut Config, root: &Path, errors: &mut ConfigErrors) {
    let mut check = |field, name: &mut String, other: Option<&str>| {
        let lower = name.to_ascii_lowercase();
        if !is_token(&lower) || RESERVED_HEADERS.contains(&lower.as_str()) || other == Some(lower.as_str()) {
            errors.add(&root.field(field), format!("{name:?}"), "the name of a header that has no other use");
        }
        *name = lower;
    };
    check("header", &mut config.header, None);
    if let Some(name) = &mut config.cluster_header {
        check("cluster_header", name, Some(&config.header));
    }
}

fn check_clusters(config: &Config, root: &Path, errors: &mut ConfigErrors) {
    let clusters = root.field("clusters");
    if config.clusters.len() > MAX_CLUSTERS {
        errors.add(
            &clusters,
            format!("{} clusters", config.clusters.len()),
            format!("at most {MAX_CLUSTERS}"),
        );
    }
    for (index, name) in config.clusters.iter().enumerate().take(MAX_CLUSTERS) {
        let is_header_safe = name.bytes().all(|byte| matches!(byte, b'!'..=b'~'));
        if name.is_empty() || !is_header_safe {
            errors.add(&clusters.index(index), format!("{name:?}"), "the name of a cluster");
        } else if config.clusters.iter().take(index).any(|known| known == name) {
            errors.add(&clusters.index(index), format!("{name:?} again"), "each cluster once");
        }
    }
    if config.cluster_header.is_some() && config.clusters.is_empty() {
        errors.add(&clusters, "no clusters beside `cluster_header`", "the clusters that it may name");
    }
}

fn check_lifetime(config: &Config, path: &Path, errors: &mut ConfigErrors) {
    let cookie = &config.cookie;
    let limits = [("max_age", &cookie.max_age), ("expires", &cookie.expires)];
    match cookie.lifetime {
        None => {}
        Some(Lifetime::Permanent) => {
            if config.absolute_timeout.is_none() {
                let expected = "an `absolute_timeout` beside it, which becomes its `Max-Age`";
                errors.add(&path.field("lifetime"), "`permanent`", expected);
            }
            if let Some(value) = &cookie.max_age {
                let found = format!("{value:?} beside `lifetime: permanent`");
                errors.add(&path.field("max_age"), found, "nothing: `absolute_timeout` says it");
            }
        }
        Some(lifetime @ (Lifetime::Session | Lifetime::Passive)) => {
            let name = if lifetime == Lifetime::Session { "session" } else { "passive" };
            for (field, value) in limits.iter().filter_map(|(field, value)| Some((field, value.as_ref()?))) {
                let found = format!("{value:?} beside `lifetime: {name}`");
                errors.add(&path.field(field), found, "nothing: such a cookie has no `Max-Age` or `Expires`");
            }
        }
    }
    if cookie.rule != Rule::Insert && cookie.lifetime.is_some_and(|lifetime| lifetime != Lifetime::Passive) {
        let expected = "`rule: insert`: otherwise the upstream says how long its cookie lives";
        errors.add(&path.field("lifetime"), "a lifetime of the filter's own", expected);
    }
}

/// What no two of can be had.
fn check_modes(config: &Config, root: &Path, errors: &mut ConfigErrors) {
    let is_insert = config.cookie.rule == Rule::Insert;
    if !is_insert && config.scope != Scope::None {
        let expected = "`none`: with `rule: rewrite` or `prefix` the upstream's cookie has one name";
        errors.add(&root.field("scope"), "a scope", expected);
    }
    if config.mode == Mode::Hash {
        if !is_insert {
            errors.add(
                &root.field("cookie").field("rule"),
                "another than `insert`",
                "`insert` beside `mode: hash`",
            );
        }
        if config.identity.is_some() {
            let expected = "nothing: with `mode: hash` a session is not bound to an endpoint";
            errors.add(&root.field("identity"), "an identity", expected);
        }
    }
}

/// The secrets themselves, in order. After an error some may be missing.
fn resolve(keys: &[Secret], env: &Environment<'_>, path: &Path, errors: &mut ConfigErrors) -> Vec<String> {
    if !(1..=MAX_KEYS).contains(&keys.len()) {
        errors.add(path, format!("{} secrets", keys.len()), format!("1 to {MAX_KEYS}"));
    }
    let mut secrets: Vec<String> = Vec::with_capacity(keys.len().min(MAX_KEYS));
    for (index, key) in keys.iter().enumerate().take(MAX_KEYS) {
        let path = path.index(index);
        let Some(secret) = key.resolve(env, &path, errors) else { continue };
        let secret = secret.trim_ascii();
        let characters = secret.chars().count();
        if secret.starts_with("file:") {
            let expected = "the secret itself or ${NAME}: Envoy lets a module read no files, but can take all of this \
                configuration from one";
            errors.add(&path, "the name of a file", expected);
        } else if characters < MIN_SECRET_CHARACTERS {
            let expected = format!("at least {MIN_SECRET_CHARACTERS}: `openssl rand -base64 32` makes one");
            errors.add(&path, format!("a secret of {characters} characters"), expected);
        } else if distinct_bytes(secret) < MIN_DISTINCT_CHARACTERS {
            let expected = "random text: `openssl rand -base64 32` makes one";
            errors.add(&path, "a secret of few different characters", expected);
        } else if secrets.iter().any(|known| known == secret) {
            errors.add(&path, "the same secret again", "each secret once");
        } else {
            secrets.push(secret.to_owned());
        }
    }
    secrets
}

fn distinct_bytes(text: &str) -> usize {
    let mut bytes = text.as_bytes().to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    bytes.len()
}
