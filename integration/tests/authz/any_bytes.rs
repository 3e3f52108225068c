//! Every byte in every credential: 401 or 403, or Envoy does not take the request at all.

use super::credentials::{SECRET, date, signed};
use super::native_jwt::{KEYS, token};
use integration::prelude::*;
use std::collections::BTreeSet;

type Requesting = dyn Fn(&[u8]) -> Request;

/// A place where a credential stands: what is good there, and a request with something there.
struct Place {
    name: &'static str,
    good: Vec<u8>,
    request: Box<Requesting>,
    /// Whether it stands in the path.
    in_path: bool,
}

impl Place {
    fn header(
        name: &'static str,
        header: &'static str,
        before: &'static str,
        good: &str,
        after: &'static str,
    ) -> Self {
        let request = move |value: &[u8]| {
            Request::get("/").header(header, [before.as_bytes(), value, after.as_bytes()].concat())
        };
        Self { name, good: good.into(), request: Box::new(request), in_path: false }
    }

    fn query(name: &'static str, parameter: &'static str, good: &str) -> Self {
        let request =
            move |value: &[u8]| Request::get([b"/?", parameter.as_bytes(), b"=", value, b"&z"].concat());
        Self { name, good: good.into(), request: Box::new(request), in_path: true }
    }
}

/// A good signature in which what stands between `before` and the next quote is replaced.
fn signature(name: &'static str, before: &'static str) -> Place {
    let request = signed("", "", &date("now"));
    let at = request.headers.iter().position(|(name, _)| name == "authorization").unwrap();
    let value = String::from_utf8(request.headers[at].1.clone()).unwrap();
    let (start, rest) = value.split_once(before).unwrap();
    let (good, end) = rest.split_once('"').unwrap();
    let (start, end) = (format!("{start}{before}"), format!("\"{end}"));
    let good = good.as_bytes().to_vec();
    let request = move |value: &[u8]| {
        let mut request = request.clone();
        request.headers[at].1 = [start.as_bytes(), value, end.as_bytes()].concat();
        request
    };
    Place { name, good, request: Box::new(request), in_path: false }
}

fn places() -> Vec<Place> {
    let (bearer, basic) = (token("rs"), "YWRhOm9wZW4gc2VzYW1l");
    vec![
        Place::header("bearer token", "authorization", "Bearer ", bearer, ""),
        Place::header("token in a header", "x-token", "", bearer, ""),
        Place::header("token in a cookie", "cookie", "a=b; token=", bearer, "; c=d"),
        Place::query("token in the query", "token", bearer),
        Place::header("basic", "authorization", "Basic ", basic, ""),
        Place::header("key in a header", "x-api-key", "", "key-of-web", ""),
        Place::header("key in a cookie", "cookie", "a=b; key=", "key-of-web", "; c=d"),
        Place::query("key in the query", "key", "key-of-web"),
        signature("HMAC signature", "signature=\""),
        signature("HMAC key", "username=\""),
    ]
}

/// The bytes that Envoy's parser of HTTP/1.1 answers with 400 before any filter sees the request: in a header's value, and in a path.
/// Without [`LINE_FEED`].
fn refused_by_envoy(in_path: bool) -> BTreeSet<u8> {
    if in_path {
        (0..=b' ').chain([b'#']).chain(0x7f..=0xff).filter(|byte| *byte != LINE_FEED).collect()
    } else {
        let controls = (0..=0x1f).chain([0x7f]);
        controls.filter(|byte| ![b'\t', LINE_FEED, DROPPED_BY_ENVOY].contains(byte)).collect()
    }
}

/// The byte that Envoy takes out of a header's value, so that no filter and no upstream sees it: a carriage return.
const DROPPED_BY_ENVOY: u8 = b'\r';

/// It ends the line: what is behind it is another header, or nothing that is HTTP/1.1, and then the answer is 400 or 426.
const LINE_FEED: u8 = b'\n';

/// What these lists say, without the filter.
#[test]
fn bytes_that_envoy_keeps_for_itself() {
    let app = Upstream::start("app");
    let config = Config::new().cluster(Cluster::new("app", [&app]));
    let envoy = config.listener(Listener::new("main").route_to("app")).start();
    let text = |byte: u8| [b"ab", &[byte][..], b"cd"].concat();
    for in_path in [false, true] {
        let requests = (0..=u8::MAX).map(|byte| match in_path {
            true => Request::get([b"/?", &text(byte)[..]].concat()),
            false => Request::get("/").header("x-probe", text(byte)),
        });
        let mut refused = BTreeSet::new();
        for (byte, answer) in (0..=u8::MAX).zip(envoy.client().send_all(requests)) {
            let answer = answer.unwrap_or_else(|failure| panic!("{byte:#04x}: {failure}"));
            if byte == LINE_FEED {
                let seen = app.seen(&answer.id);
                assert!(seen.iter().all(|seen| !format!("{seen:?}").contains("\\n")), "{seen:?}");
            } else if answer.status == 400 {
                refused.insert(byte);
            } else if !in_path {
                let value =
                    app.only(&answer.id).headers.into_iter().find(|(name, _)| name == "x-probe").unwrap().1;
                let is_dropped = byte == DROPPED_BY_ENVOY;
                assert_eq!(value, if is_dropped { b"abcd".to_vec() } else { text(byte) }, "{byte:#04x}");
            }
        }
        assert_eq!(refused, refused_by_envoy(in_path), "in a path: {in_path}");
    }
}

/// How a byte comes into a credential.
type Variant<'a> = (&'a str, Box<dyn Fn(u8) -> Vec<u8> + 'a>);

#[test]
fn no_byte_comes_past() {
    let app = Upstream::start("app");
    let rule = json!({"issuer": "https://issuer.example", "jwks": KEYS, "fromParams": ["token"], "fromCookies": ["token"],
        "fromHeaders": [{"name": "authorization", "prefix": "Bearer "}, {"name": "x-token"}]});
    let config = json!({
        "api_keys": {"locations": [{"header": "x-api-key"}, {"query": "key"}, {"cookie": "key"}], "keys": [{"consumer": "web", "secret": "key-of-web"}]},
        "basic": {"users": "ada:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac="},
        "hmac": {"keys": [{"id": "billing", "secret": SECRET}], "clock_skew": 3600},
        "request_authentication": [{"name": "i", "spec": {"jwtRules": [rule]}}],
        "require": {"any": ["api_key", "basic", "hmac", "jwt"]},
    });
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .listener(Listener::new("main").filter(Wasm::module("authz").config(config)).route_to("app"))
        .start();
    for place in places() {
        let name = place.name;
        let good = envoy.send((place.request)(&place.good));
        assert_eq!(good.status, 200, "{name}: {}", envoy.access_log(&good.id));
        let (start, end) = place.good.split_at(place.good.len() / 2);
        let variants: [Variant<'_>; 3] = [
            ("in the middle", Box::new(move |byte| [start, &[byte], end].concat())),
            ("instead of one", Box::new(move |byte| [start, &[byte], &end[1..]].concat())),
            ("alone", Box::new(|byte| vec![byte])),
        ];
        for (variant, with) in variants {
            // What comes to the filter has to be wrong.
            let seen = |byte: u8| {
                let is_dropped = |other: &u8| !place.in_path && *other == DROPPED_BY_ENVOY;
                with(byte).into_iter().filter(|byte| !is_dropped(byte)).collect::<Vec<u8>>()
            };
            let bytes: Vec<u8> = (0..=u8::MAX).filter(|byte| seen(*byte) != place.good).collect();
            let requests: Vec<Request> = bytes.iter().map(|byte| (place.request)(&with(*byte))).collect();
            let mut by_envoy = BTreeSet::new();
            for (byte, answer) in bytes.iter().zip(envoy.client().send_all(requests)) {
                let answer =
                    answer.unwrap_or_else(|failure| panic!("{name}, {byte:#04x} {variant}: {failure}"));
                match answer.status {
                    400 | 426 if *byte == LINE_FEED => {}
                    400 => drop(by_envoy.insert(*byte)),
                    401 | 403 => {
                        assert!(
                            answer.header("www-authenticate").is_some() || answer.status == 403,
                            "{name}"
                        );
                    }
                    status => panic!("{name}, {byte:#04x} {variant}: {status}"),
                }
                assert!(app.seen(&answer.id).is_empty(), "{name}, {byte:#04x} {variant}");
            }
            assert_eq!(by_envoy, refused_by_envoy(place.in_path), "{name}, {variant}");
        }
    }
    envoy.assert_no_vm_failure();
}
