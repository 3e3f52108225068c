use super::outputs::Outputs;
use crate::changes::Changes;
use crate::compile::is_header_name;
use crate::config::JwtRule;
use crate::search;
use crate::sorted;
use portcullis_jwt::Jwks;
use sdk_shim_config::{ConfigErrors, Environment, Path, Secret};
use sdk_shim_http::{Cookies, Headers, Query, is_token, split_target};
use std::borrow::Cow;
use std::rc::Rc;

/// Where a rule's keys are.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    /// In the configuration.
    Own(Rc<Jwks>),
    /// They are fetched: an index into the sources.
    Remote(usize),
}

/// A rule, compiled: what Envoy calls a provider.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) issuer: String,
    pub(super) keys: Keys,
    pub(super) outputs: Outputs,
    /// Empty: any.
    audiences: Vec<String>,
    /// Names in lower case with prefixes, sorted as Envoy goes through them.
    headers: Vec<(String, String)>,
    params: Vec<String>,
    cookies: Vec<String>,
    forward: bool,
    /// The claims whose text policies take for a list.
    pub(super) space_delimited: Rc<[String]>,
}

impl Provider {
    pub(super) fn new(
        rule: &JwtRule,
        keys: Option<Keys>,
        path: &Path,
        errors: &mut ConfigErrors,
    ) -> Option<Self> {
        if rule.issuer.is_empty() {
            errors.add(&path.field("issuer"), "an empty text", "the `iss` of the tokens");
        }
        let mut texts =
            |name: &str, list: &Option<Vec<String>>, valid: &dyn Fn(&str) -> bool, expected: &'static str| {
                let path = path.field(name);
                if list.as_ref().is_some_and(Vec::is_empty) {
                    errors.add(&path, "an empty list", "at least one item, or no such field");
                }
                for (index, item) in list.iter().flatten().enumerate() {
                    if !valid(item) {
                        errors.add(&path.index(index), format!("{item:?}"), expected);
                    }
                }
                let mut sorted: Vec<String> = Vec::new();
                for item in list.iter().flatten() {
                    sorted::insert(&mut sorted, item.clone());
                }
                sorted
            };
        let is_some = |text: &str| !text.is_empty();
        let audiences = texts("audiences", &rule.audiences, &is_some, "an audience");
        let mut params = texts("fromParams", &rule.from_params, &is_some, "the name of a query parameter");
        let is_cookie = |text: &str| is_token(text.as_bytes());
        let cookies =
            texts("fromCookies", &rule.from_cookies, &is_cookie, "the name of a cookie (RFC 6265, token)");
        let mut space_delimited =
            texts("spaceDelimitedClaims", &rule.space_delimited_claims, &is_some, "the name of a claim");
        space_delimited.extend(["scope".to_owned(), "permission".to_owned()]);
        let mut headers = Vec::new();
        if rule.from_headers.as_ref().is_some_and(Vec::is_empty) {
            errors.add(&path.field("fromHeaders"), "an empty list", "at least one item, or no such field");
        }
        for (index, header) in rule.from_headers.iter().flatten().enumerate() {
            if !is_header_name(&header.name) || is_reserved(&header.name) {
                let path = path.field("fromHeaders").index(index).field("name");
                errors.add(
                    &path,
                    format!("{:?}", header.name),
                    "the name of a header, but not host or cookie",
                );
            }
            let header = (header.name.to_ascii_lowercase(), header.prefix.clone());
            if !headers.contains(&header) {
                let text = |(name, prefix): &(String, String)| [name.as_str(), prefix].concat();
                let at = headers.partition_point(|other| text(other) <= text(&header));
                headers.insert(at, header);
            }
        }
        if headers.is_empty() && params.is_empty() && cookies.is_empty() {
            headers.push(("authorization".to_owned(), "Bearer ".to_owned()));
            params.push("access_token".to_owned());
        }
        let mut names = sorted::Names::default();
        for (name, path) in written_headers(rule, path) {
            if !is_header_name(&name) || is_reserved(&name) || is_framing(&name) {
                let expected = "the name of a header, but not host, cookie or one of the connection";
                errors.add(&path, format!("{name:?}"), expected);
            }
            if names.insert(&name).is_err() {
                errors.add(&path, format!("{name:?} for a second time"), "each header once in a rule");
            }
        }
        for (index, output) in rule.output_claim_to_headers.iter().flatten().enumerate() {
            if output.claim.split('.').any(str::is_empty) {
                let path = path.field("outputClaimToHeaders").index(index).field("claim");
                errors.add(&path, format!("{:?}", output.claim), "the name of a claim");
            }
        }
        Some(Self {
            issuer: rule.issuer.clone(),
            keys: keys?,
            outputs: Outputs::new(rule),
            audiences: audiences.iter().map(|audience| bare_audience(audience).to_owned()).collect(),
            headers,
            params,
            cookies,
            forward: rule.forward_original_token,
            space_delimited: space_delimited.into(),
        })
    }

    /// The tokens in this provider's locations, in Envoy's order. Where Envoy looks at the first parameter or cookie of a name
    /// only, all of them count here: the upstream may look at another one.
    pub(super) fn tokens<'a>(&'a self, headers: &'a Headers) -> impl Iterator<Item = Cow<'a, [u8]>> + 'a {
        let from_headers = self.headers.iter().flat_map(move |(name, prefix)| {
            headers.get_all(name.as_bytes()).filter_map(move |value| behind(value, prefix.as_bytes()))
        });
        let query = headers.get(":path").filter(|_| !self.params.is_empty());
        let query = query.and_then(|target| split_target(target).1).unwrap_or_default();
        let from_params = self.params.iter().flat_map(move |wanted| {
            let is_wanted = move |name: &[u8]| percent_encoding::percent_decode(name).eq(wanted.bytes());
            let pairs = Query::new(query).iter().filter(move |(name, _)| is_wanted(name));
            pairs.map(|(_, value)| percent_encoding::percent_decode(value).into())
        });
        let from_cookies = self.cookies.iter().flat_map(move |wanted| {
            let pairs = Cookies::new(headers).iter().filter(move |(name, _)| *name == wanted.as_bytes());
            pairs.map(|(_, value)| Cow::Borrowed(value))
        });
        from_headers.map(Cow::Borrowed).chain(from_params).chain(from_cookies)
    }

    /// Envoy `source/common/jwt/check_audience.cc`.
    pub(super) fn takes_audience(&self, audiences: &[String]) -> bool {
        let takes = |audience: &String| self.audiences.iter().any(|own| own == bare_audience(audience));
        self.audiences.is_empty() || audiences.iter().any(takes)
    }

    /// Takes the tokens out of the request, unless they are to be forwarded. Those in cookies stay, as in Envoy.
    pub(super) fn hide<'a>(&'a self, changes: &mut Changes<'a>) {
        if !self.forward {
            self.headers.iter().for_each(|(name, _)| changes.hide_header(name));
            self.params.iter().for_each(|name| changes.hide_param(name));
        }
    }

    /// The names of the query parameters that tokens are read from.
    pub(super) fn param_names(&self) -> impl Iterator<Item = &str> {
        self.params.iter().map(String::as_str)
    }

    /// The names of the headers that tokens are read from.
    pub(super) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }
}

/// The headers that a rule writes, in lower case, each with its path.
pub(super) fn written_headers(rule: &JwtRule, path: &Path) -> Vec<(String, Path)> {
    let payload = rule.output_payload_to_header.iter();
    let payload = payload.map(|name| (name.to_ascii_lowercase(), path.field("outputPayloadToHeader")));
    let claims = rule.output_claim_to_headers.iter().flatten().enumerate().map(|(index, output)| {
        let path = path.field("outputClaimToHeaders").index(index).field("header");
        (output.header.to_ascii_lowercase(), path)
    });
    payload.chain(claims).collect()
}

/// The keys that stand in a rule.
pub(super) fn read_jwks(
    jwks: &Secret,
    env: &Environment<'_>,
    path: &Path,
    errors: &mut ConfigErrors,
    warnings: &mut Vec<String>,
) -> Option<Keys> {
    match Jwks::parse(jwks.resolve(env, path, errors)?.as_bytes()) {
        Ok(jwks) => {
            let skipped = jwks.skipped().iter();
            warnings
                .extend(skipped.map(|(index, error)| format!("{path}: keys[{index}] is not used: {error}")));
            Some(Keys::Own(Rc::new(jwks)))
        }
        Err(error) => {
            errors.add(path, error.to_string(), "a JWKS (RFC 7517) with a usable key");
            None
        }
    }
}

/// What stands behind a prefix, wherever in the value that is, from the first byte on that a token can have (Envoy
/// `source/extensions/filters/http/jwt_authn/extractor.cc`). The whole value where nothing does.
fn behind<'a>(value: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    if prefix.is_empty() {
        return Some(value);
    }
    let rest = value.get(search::find(value, prefix)? + prefix.len()..)?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    Some(rest.iter().position(is_token).and_then(|at| rest.get(at..)).unwrap_or(value))
}

/// An audience as it is compared: without `http://` or `https://` and without a slash at the end, as Envoy does.
pub fn bare_audience(audience: &str) -> &str {
    let bare = audience.strip_prefix("http://").or_else(|| audience.strip_prefix("https://"));
    let bare = bare.unwrap_or(audience);
    bare.strip_suffix('/').unwrap_or(bare)
}

fn is_reserved(name: &str) -> bool {
    ["host", "cookie"].iter().any(|reserved| name.eq_ignore_ascii_case(reserved))
}

fn is_framing(name: &str) -> bool {
    ["connection", "content-length", "te", "transfer-encoding", "upgrade"].contains(&name)
}
