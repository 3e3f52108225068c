use crate::config::ReleaseConfig;
use crate::inputs::Inputs;
use crate::names::quote;
use sdk_shim_config::{ConfigErrors, Path};
use std::net::Ipv6Addr;

/// The most hosts, and the most paths, that one release may name.
pub const MAX_SCOPE_ENTRIES: usize = 64;

/// The requests that a release concerns: one of the hosts (if any are given) and one of the paths (likewise).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    hosts: Vec<Host>,
    paths: Vec<PathPrefix>,
}

impl Scope {
    pub(crate) fn new(config: &ReleaseConfig, path: &Path, errors: &mut ConfigErrors) -> Self {
        let hosts = entries(&config.hosts, &path.field("hosts"), errors, Host::new);
        let paths = entries(&config.paths, &path.field("paths"), errors, PathPrefix::new);
        Self { hosts, paths }
    }

    /// How specific each host is, with its place: a greater one goes first. As in Gateway API's `HTTPRoute`, "hostnames":
    /// an exact name, then the longest wildcard. Without hosts there is one entry, for all.
    pub(crate) fn host_ranks(&self) -> Vec<(HostRank, Option<usize>)> {
        if self.hosts.is_empty() {
            return vec![(HostRank::default(), None)];
        }
        let rank = |(place, host): (usize, &Host)| match host {
            Host::Exact(name) => (HostRank { is_exact: true, length: name.len() }, Some(place)),
            Host::Below(suffix) => (HostRank { is_exact: false, length: suffix.len() }, Some(place)),
        };
        self.hosts.iter().enumerate().map(rank).collect()
    }

    /// Whether the request is for the host at this place.
    pub(crate) fn covers_host(&self, place: usize, inputs: &Inputs<'_>) -> bool {
        self.hosts.get(place).is_some_and(|host| host.matches(inputs.host()))
    }

    pub(crate) fn covers(&self, inputs: &Inputs<'_>) -> bool {
        (self.hosts.is_empty() || self.hosts.iter().any(|host| host.matches(inputs.host())))
            && (self.paths.is_empty() || self.paths.iter().any(|prefix| prefix.matches(inputs.path())))
    }
}

/// How specific a host is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HostRank {
    is_exact: bool,
    length: usize,
}

/// A host as Gateway API's `Hostname` has it: a wildcard stands for one or more labels, so `*.example.com` covers
/// `a.example.com` and `a.b.example.com`, not `example.com`.
#[derive(Debug, PartialEq, Eq)]
enum Host {
    Exact(String),
    /// What stands behind the `*`: `.example.com`.
    Below(String),
}

impl Host {
    fn new(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "a host name without port, such as shop.example.com or *.example.com";
        let (is_wildcard, rest) = match text.strip_prefix('*') {
            Some(rest) => (true, rest.strip_prefix('.').ok_or(EXPECTED)?),
            None => (false, text),
        };
        let ipv6 = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_ipv6 = !is_wildcard && ipv6.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !is_ipv6 && (rest.is_empty() || rest.starts_with('.') || !rest.bytes().all(is_valid)) {
            return Err(EXPECTED);
        }
        Ok(if is_wildcard { Self::Below(format!(".{rest}")) } else { Self::Exact(rest.to_owned()) })
    }

    fn matches(&self, host: &[u8]) -> bool {
        match self {
            Self::Exact(name) => host.eq_ignore_ascii_case(name.as_bytes()),
            Self::Below(suffix) => host
                .len()
                .checked_sub(suffix.len())
                .filter(|labels| *labels > 0)
                .and_then(|at| host.get(at..))
                .is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes())),
        }
    }
}

/// A path prefix by whole segments, as Gateway API's `PathPrefix` and Ingress' `Prefix` compare it: a slash at its end
/// is ignored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PathPrefix(String);

impl PathPrefix {
    pub(crate) fn new(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with('/') || text.contains(['?', '#']) {
            return Err("a path that starts with /, without query or fragment");
        }
        Ok(Self(text.strip_suffix('/').unwrap_or(text).to_owned()))
    }

    /// What a path must start with, up to the end of a segment.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(crate) fn matches(&self, path: &[u8]) -> bool {
        match path.strip_prefix(self.0.as_bytes()) {
            Some([b'/', ..]) => true,
            Some([]) => !path.is_empty(),
            _ => false,
        }
    }
}

fn entries<T>(
    texts: &[String],
    path: &Path,
    errors: &mut ConfigErrors,
    read: impl Fn(&str) -> Result<T, &'static str>,
) -> Vec<T> {
    if texts.len() > MAX_SCOPE_ENTRIES {
        errors.add(path, format!("{} entries", texts.len()), format!("at most {MAX_SCOPE_ENTRIES}"));
    }
    let mut read_entry = |(index, text): (usize, &String)| {
        read(text).map_err(|expected| errors.add(&path.index(index), quote(text), expected)).ok()
    };
    texts.iter().enumerate().filter_map(&mut read_entry).collect()
}
