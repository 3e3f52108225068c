use crate::config::{KeyConfig, ReleaseConfig};
use sdk_shim_http::{Cookies, Headers, split_target};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::net::IpAddr;

/// What a decision may have to ask of the host, each at most once for a request and only where a draw depends on it.
pub trait Facts {
    /// The client's address. `None` where the host knows none, as on a Unix socket.
    fn source_ip(&mut self) -> Option<IpAddr>;

    /// 64 random bits.
    fn random(&mut self) -> u64;
}

/// All that rules can ask about one request. What takes work is done once, when it is first asked for.
pub(crate) struct Inputs<'a> {
    headers: &'a Headers,
    cookie_names: &'a CookieNames,
    facts: &'a mut dyn Facts,
    host: &'a [u8],
    path: &'a [u8],
    cookies: Option<SmallVec<[Option<&'a [u8]>; 4]>>,
    source_ip: Option<Option<IpAddr>>,
    random: Option<u64>,
}

impl<'a> Inputs<'a> {
    pub(crate) fn new(headers: &'a Headers, cookie_names: &'a CookieNames, facts: &'a mut dyn Facts) -> Self {
        let host = headers.get(":authority").map(without_port).unwrap_or_default();
        let path = headers.get(":path").map(|target| split_target(target).0).unwrap_or_default();
        Self { headers, cookie_names, facts, host, path, cookies: None, source_ip: None, random: None }
    }

    /// The host without its port, as the client wrote it; empty where there is none.
    pub(crate) fn host(&self) -> &'a [u8] {
        self.host
    }

    /// The path without the query; empty where there is none.
    pub(crate) fn path(&self) -> &'a [u8] {
        self.path
    }

    /// A header's value; repeated ones are joined with commas, as Envoy's own matchers see them.
    pub(crate) fn header(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        self.headers.get_joined(name.as_bytes())
    }

    /// The first value of a cookie.
    ///
    /// All cookies that any rule names are found in one pass, so that a request with thousands of cookies costs one
    /// pass however many releases there are.
    pub(crate) fn cookie(&mut self, id: CookieId) -> Option<&'a [u8]> {
        let (headers, names) = (self.headers, self.cookie_names);
        let values = self.cookies.get_or_insert_with(|| {
            let mut values = SmallVec::from_elem(None, names.0.len());
            for (name, value) in Cookies::new(headers).iter() {
                let slot = names.find(name).and_then(|id| values.get_mut(id.0));
                if let Some(slot @ None) = slot {
                    *slot = Some(value);
                }
            }
            values
        });
        values.get(id.0).copied().flatten()
    }

    pub(crate) fn source_ip(&mut self) -> Option<IpAddr> {
        *self.source_ip.get_or_insert_with(|| self.facts.source_ip())
    }

    pub(crate) fn random(&mut self) -> u64 {
        *self.random.get_or_insert_with(|| self.facts.random())
    }
}

/// The names of all cookies that rules ask for, sorted.
#[derive(Debug)]
pub(crate) struct CookieNames(Vec<Vec<u8>>);

/// A cookie's place in [`CookieNames`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct CookieId(usize);

impl CookieNames {
    pub(crate) fn of(releases: &[ReleaseConfig]) -> Self {
        let by_cookie =
            releases.iter().filter_map(|release| release.by_cookie.as_ref()).map(|wish| &wish.name);
        let keys = releases.iter().flat_map(|release| &release.key).filter_map(|key| match key {
            KeyConfig::Cookie(name) => Some(name),
            _ => None,
        });
        let mut names: Vec<Vec<u8>> = by_cookie.chain(keys).map(|name| name.clone().into_bytes()).collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    pub(crate) fn find(&self, name: &[u8]) -> Option<CookieId> {
        self.0.binary_search_by(|candidate| candidate.as_slice().cmp(name)).ok().map(CookieId)
    }
}

/// `[::1]:80` and `example.com:80` without the port.
fn without_port(authority: &[u8]) -> &[u8] {
    let Some(at) = authority.iter().rposition(|byte| *byte == b':') else { return authority };
    match authority.split_at_checked(at) {
        Some((host, [_, port @ ..])) if port.iter().all(u8::is_ascii_digit) => host,
        _ => authority,
    }
}
