use crate::fields::{FieldId, Fields, Found};
use crate::patterns::{PatternId, PatternSet, Subject};
use crate::trust::Trust;
use sdk_shim_http::{Cookies, Headers, Query, split_target};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

/// What a decision may have to ask of the host, each only where a decision depends on it. All but random numbers are asked
/// for at most once for a request.
pub trait Facts {
    /// The client's address. `None` where the host knows none, as on a Unix socket.
    fn source_ip(&mut self) -> Option<IpAddr>;

    /// 64 random bits, others each time.
    fn random(&mut self) -> u64;

    /// The time since 1970-01-01 UTC.
    fn now(&mut self) -> Duration;

    /// The first URI SAN of the client's verified certificate.
    fn principal(&mut self) -> Option<Vec<u8>>;

    /// The verified claim that the host has under this property.
    fn claim(&mut self, property: &[String]) -> Option<Vec<u8>>;
}

/// All that rules ask for, by name, and the patterns that they match.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) headers: Fields,
    pub(crate) cookies: Fields,
    pub(crate) queries: Fields,
    /// By property.
    pub(crate) claims: Vec<Vec<String>>,
    pub(crate) patterns: Vec<PatternSet>,
    pub(crate) trust: Trust,
}

/// All that rules can ask about one request. What takes work is done once, when it is first asked for.
pub(crate) struct Inputs<'a> {
    request: &'a Headers,
    asked: &'a Asked,
    facts: &'a mut dyn Facts,
    host: &'a [u8],
    path: &'a [u8],
    query: &'a [u8],
    method: &'a [u8],
    headers: Found<Cow<'a, [u8]>>,
    /// The values of the `cookie` headers.
    cookie_headers: SmallVec<[&'a [u8]; 4]>,
    cookies: Option<Found<&'a [u8]>>,
    queries: Option<Found<&'a [u8]>>,
    /// Those that were asked for.
    claims: SmallVec<[(FieldId, Option<Vec<u8>>); 4]>,
    matched: SmallVec<[Option<u64>; 4]>,
    source_ip: Option<Option<IpAddr>>,
    source_ip_text: Option<IpText>,
    trusted: Option<bool>,
    random: Option<u64>,
    now: Option<Duration>,
}

/// At most 39 bytes: an IPv4 address in an IPv6 one is written as IPv4.
type IpText = SmallVec<[u8; 64]>;

impl<'a> Inputs<'a> {
    pub(crate) fn new(request: &'a Headers, asked: &'a Asked, facts: &'a mut dyn Facts) -> Self {
        let mut inputs = Self {
            request,
            asked,
            facts,
            host: b"",
            path: b"",
            query: b"",
            method: b"",
            headers: Found::new(),
            cookie_headers: SmallVec::new(),
            cookies: None,
            queries: None,
            claims: SmallVec::new(),
            matched: SmallVec::from_elem(None, asked.patterns.len()),
            source_ip: None,
            source_ip_text: None,
            trusted: None,
            random: None,
            now: None,
        };
        for (name, value) in request.iter() {
            if let [b':', pseudo @ ..] = name {
                match pseudo {
                    b"authority" if inputs.host.is_empty() => inputs.host = without_port(value),
                    b"path" if inputs.path.is_empty() => {
                        let (path, query) = split_target(value);
                        inputs.path = path;
                        inputs.query = query.unwrap_or_default();
                    }
                    b"method" if inputs.method.is_empty() => inputs.method = value,
                    _ => inputs.keep(name, value),
                }
            } else {
                if name == b"cookie" {
                    inputs.cookie_headers.push(value);
                }
                inputs.keep(name, value);
            }
        }
        inputs
    }

    /// Repeated headers are joined with commas, as Envoy's own matchers see them.
    #[inline]
    fn keep(&mut self, name: &[u8], value: &'a [u8]) {
        let Some(id) = self.asked.headers.find(name) else { return };
        self.headers.add(id, Cow::Borrowed(value), |joined, value| {
            let joined = joined.to_mut();
            joined.push(b',');
            joined.extend_from_slice(&value);
        });
    }

    /// Which of the headers that any rule names the request has.
    pub(crate) fn headers_there(&self) -> impl Iterator<Item = FieldId> {
        self.headers.ids()
    }

    /// Which of the cookies.
    pub(crate) fn cookies_there(&mut self) -> impl Iterator<Item = FieldId> {
        self.cookies().ids()
    }

    /// Which of the query parameters.
    pub(crate) fn queries_there(&mut self) -> impl Iterator<Item = FieldId> {
        self.queries().ids()
    }

    /// All headers.
    pub(crate) fn request(&self) -> &'a Headers {
        self.request
    }

    /// The host without its port, as the client wrote it; empty where there is none.
    pub(crate) fn host(&self) -> &'a [u8] {
        self.host
    }

    /// The path without the query; empty where there is none.
    pub(crate) fn path(&self) -> &'a [u8] {
        self.path
    }

    /// The method; empty where there is none.
    pub(crate) fn method(&self) -> &'a [u8] {
        self.method
    }

    /// A header's value.
    pub(crate) fn header(&self, id: FieldId) -> Option<&[u8]> {
        self.headers.get(id).map(|value| &**value)
    }

    /// The first value of a cookie.
    pub(crate) fn cookie(&mut self, id: FieldId) -> Option<&'a [u8]> {
        self.cookies().get(id).copied()
    }

    /// All cookies that any rule names are found in one pass, so that a request with thousands of cookies costs one
    /// pass however many releases there are.
    fn cookies(&mut self) -> &Found<&'a [u8]> {
        let (headers, fields) = (&self.cookie_headers, &self.asked.cookies);
        let pairs = headers.iter().flat_map(|header| Cookies::parse(header));
        self.cookies.get_or_insert_with(|| first_values(pairs, fields))
    }

    /// The first value of a query parameter.
    pub(crate) fn query(&mut self, id: FieldId) -> Option<&'a [u8]> {
        self.queries().get(id).copied()
    }

    fn queries(&mut self) -> &Found<&'a [u8]> {
        let (query, fields) = (self.query, &self.asked.queries);
        self.queries.get_or_insert_with(|| first_values(Query::new(query).iter(), fields))
    }

    /// A verified claim.
    pub(crate) fn claim(&mut self, id: FieldId) -> Option<&[u8]> {
        let known = self.claims.iter().position(|(known, _)| *known == id);
        let at = known.unwrap_or_else(|| {
            let property = self.asked.claims.get(id.0);
            self.claims.push((id, property.and_then(|property| self.facts.claim(property))));
            self.claims.len() - 1
        });
        self.claims.get(at)?.1.as_deref()
    }

    /// Whether the subject of a pattern is there and matches it.
    pub(crate) fn matches(&mut self, pattern: PatternId) -> bool {
        self.matched(pattern.set) & pattern.bit != 0
    }

    /// The bits of the patterns of a set that match.
    pub(crate) fn matched(&mut self, set: usize) -> u64 {
        if let Some(Some(known)) = self.matched.get(set) {
            return *known;
        }
        let matched = self.search(set);
        if let Some(slot) = self.matched.get_mut(set) {
            *slot = Some(matched);
        }
        matched
    }

    fn search(&mut self, set: usize) -> u64 {
        let asked = self.asked;
        let Some(set) = asked.patterns.get(set) else { return 0 };
        self.value(set.subject).map_or(0, |value| set.matches(value))
    }

    /// The name of what a rule is about.
    #[cfg(feature = "trace")]
    pub(crate) fn name(&self, subject: Subject) -> String {
        let of = |fields: &Fields, id: FieldId| {
            let found = fields.iter().find(|(_, candidate)| *candidate == id);
            found.map_or_else(String::new, |(name, _)| name.to_owned())
        };
        match subject {
            Subject::Header(id) => of(&self.asked.headers, id),
            Subject::Cookie(id) => of(&self.asked.cookies, id),
            Subject::Query(id) => of(&self.asked.queries, id),
            Subject::Claim(id) => self.asked.claims.get(id.0).map_or_else(String::new, |path| path.join(".")),
            Subject::Path => String::new(),
        }
    }

    /// The value that a rule is about.
    pub(crate) fn value(&mut self, subject: Subject) -> Option<&[u8]> {
        match subject {
            Subject::Header(id) => self.header(id),
            Subject::Cookie(id) => self.cookie(id),
            Subject::Query(id) => self.query(id),
            Subject::Claim(id) => self.claim(id),
            Subject::Path => Some(self.path),
        }
    }

    pub(crate) fn source_ip(&mut self) -> Option<IpAddr> {
        *self.source_ip.get_or_insert_with(|| self.facts.source_ip())
    }

    /// The client's address as text, so that others can compute the same draws.
    pub(crate) fn source_ip_text(&mut self) -> Option<&[u8]> {
        let address = self.source_ip()?.to_canonical();
        let text = self.source_ip_text.get_or_insert_with(|| {
            let mut text = IpText::new();
            // Writing to memory does not fail.
            let _ = write!(text, "{address}");
            text
        });
        Some(text)
    }

    /// Whether the client is a trusted source.
    pub(crate) fn is_trusted(&mut self) -> bool {
        let trust = &self.asked.trust;
        if let Some(known) = self.trusted {
            return known;
        }
        let by_address = trust.has_addresses() && self.source_ip().is_some_and(|ip| trust.has_address(ip));
        let is_trusted = by_address
            || trust.has_principals()
                && self.facts.principal().is_some_and(|principal| trust.has_principal(&principal));
        self.trusted = Some(is_trusted);
        is_trusted
    }

    /// Whether the country header counts: where nobody is named as trusted, everybody's does.
    pub(crate) fn may_name_country(&mut self) -> bool {
        self.asked.trust.is_empty() || self.is_trusted()
    }

    /// A number that is the same for the whole request.
    pub(crate) fn random(&mut self) -> u64 {
        *self.random.get_or_insert_with(|| self.facts.random())
    }

    /// 128 random bits, others each time.
    pub(crate) fn new_id(&mut self) -> u128 {
        u128::from(self.facts.random()) << 64 | u128::from(self.facts.random())
    }

    /// The time since 1970-01-01 UTC.
    pub(crate) fn now(&mut self) -> Duration {
        *self.now.get_or_insert_with(|| self.facts.now())
    }
}

fn first_values<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>, fields: &Fields) -> Found<&'a [u8]> {
    let mut found = Found::new();
    for (name, value) in pairs {
        if let Some(id) = fields.find(name) {
            found.add(id, value, |_, _| {});
        }
    }
    found
}

/// `[::1]:80` and `example.com:80` without the port.
fn without_port(authority: &[u8]) -> &[u8] {
    let Some(at) = authority.iter().rposition(|byte| *byte == b':') else { return authority };
    match authority.split_at_checked(at) {
        Some((host, [_, port @ ..])) if port.iter().all(u8::is_ascii_digit) => host,
        _ => authority,
    }
}
