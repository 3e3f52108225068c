mod rules;

use super::*;
use sdk_shim::{Loaded, load};
use sdk_shim_testing::scenario::File;
use sdk_shim_testing::{Message, Outcome, Settings, TestHost, run};
use std::time::Duration;

const ONE: &str = "10.0.0.1:8080";
const TWO: &str = "10.0.0.2:8080";

fn loaded(more: &str) -> Loaded<AffinityFilter> {
    let config = format!(r#"{{"keys": ["${{KEY}}"], "audience": "shop"{more}}}"#);
    load(config.as_bytes(), &|_| Some("0123456789abcdef0123456789abcdef".into())).unwrap()
}

/// A host whose upstream `address` has answered.
fn host(address: &str) -> TestHost {
    let mut host = TestHost::new();
    host.properties.insert("upstream.address".into(), address.into());
    host.properties.insert("response.code_details".into(), b"via_upstream".to_vec());
    host
}

fn get(cookies: &str) -> Message {
    let request = Message::request("GET", "/");
    if cookies.is_empty() { request } else { request.with_header("cookie", cookies) }
}

/// An exchange in which another endpoint answers than the one named, which `stateful_session` reports.
fn moved(loaded: &Loaded<AffinityFilter>, host: TestHost, request: Message) -> Outcome {
    let response = Message::response(200).with_header("x-portcullis-endpoint", "MTAuMC4wLjI6ODA4MA==");
    run(loaded, host, request, response, Settings::default())
}

fn exchange(loaded: &Loaded<AffinityFilter>, host: TestHost, request: Message) -> Outcome {
    run(loaded, host, request, Message::response(200), Settings::default())
}

fn set_cookies(outcome: &Outcome) -> Vec<String> {
    let headers = &outcome.response.as_ref().unwrap().headers;
    let values = headers.iter().filter(|(name, _)| name == "set-cookie");
    values.map(|(_, value)| String::from_utf8(value.clone()).unwrap()).collect()
}

/// The cookie that a new client gets from `address`.
fn cookie_for(loaded: &Loaded<AffinityFilter>, address: &str) -> String {
    let outcome = exchange(loaded, host(address), get(""));
    let [cookie] = &set_cookies(&outcome)[..] else { panic!("no cookie: {outcome:#?}") };
    cookie.split(';').next().unwrap().to_owned()
}

fn sessions(outcome: &Outcome, name: &str) -> u64 {
    outcome.host.metric(&format!("affinity_sessions_total;outcome={name}"))
}

/// What Envoy makes of the response of `TWO` to a request that names no endpoint.
fn from_two() -> Message {
    Message::response(200)
        .with_header("x-envoy-upstream-service-time", "3")
        .with_header("x-portcullis-endpoint", "MTAuMC4wLjI6ODA4MA==")
}

/// In Envoy each is one to four microseconds, so none may come unnoticed. Counts are gathered there, and the time and random
/// numbers asked once for many requests.
#[test]
fn a_request_makes_these_calls_of_the_host() {
    let loaded = loaded("");
    let guest = run(&loaded, host(TWO), get(""), from_two(), Settings::default());
    let expected = [
        ("coarse_now", 1),
        ("headers", 2),
        ("increment", 1),
        ("random", 1),
        ("set_filter_state", 1),
        ("write_header", 2),
    ];
    assert_eq!(guest.host.host_calls, expected.into(), "without a cookie");
    let cookie = cookie_for(&loaded, ONE);
    let pinned = exchange(&loaded, host(ONE), get(&cookie));
    let expected = [
        ("coarse_now", 1),
        ("header", 2),
        ("headers", 1),
        ("increment", 1),
        ("set_filter_state", 1),
        ("write_header", 2),
    ];
    assert_eq!(pinned.host.host_calls, expected.into(), "with its cookie");
}

/// An endpoint that says which one it is, or that it has taken its time, is not believed.
#[test]
fn what_stateful_session_names_counts_where_only_it_can_have_named_it() {
    let endpoint = ("x-portcullis-endpoint", "MTAuMC4wLjI6ODA4MA==");
    let time = ("x-envoy-upstream-service-time", "3");
    let other = ("x-portcullis-endpoint", "MTAuMC4wLjM6ODA4MA==");
    let cases = [
        ("", vec![endpoint, time], TWO),
        ("", vec![endpoint], ONE),
        ("", vec![time], ONE),
        ("", vec![endpoint, other, time], ONE),
        (r#", "mode": "override_host""#, vec![endpoint, time], ONE),
    ];
    for (more, headers, expected) in cases {
        let loaded = loaded(more);
        let response =
            headers.iter().fold(Message::response(200), |it, (name, value)| it.with_header(name, *value));
        let outcome = run(&loaded, host(ONE), get(""), response, Settings::default());
        let cookie = set_cookies(&outcome).concat();
        let again = exchange(&loaded, host(expected), get(cookie.split(';').next().unwrap()));
        assert_eq!(sessions(&again, "kept"), 1, "{more} {headers:?}");
        assert_eq!(outcome.response.unwrap().header("x-portcullis-endpoint"), None, "{more} {headers:?}");
    }
}

#[test]
fn scenarios() {
    let failures = File::parse(include_str!("../../scenarios.toml")).unwrap().check::<AffinityFilter>();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_session_is_bound_kept_and_moved() {
    let loaded = loaded("");
    let first = exchange(&loaded, host(ONE), get("theme=dark"));
    let [set_cookie] = &set_cookies(&first)[..] else { panic!("{first:#?}") };
    assert!(set_cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{set_cookie}");
    assert_eq!(first.upstream.as_ref().unwrap().header("x-portcullis-endpoint"), None);
    assert_eq!(sessions(&first, "new"), 1);

    let cookie = set_cookie.split(';').next().unwrap();
    let cookies = format!("theme=dark; {cookie}; a=\"b;c\"");
    let second = exchange(&loaded, host(ONE), get(&cookies));
    let upstream = second.upstream.as_ref().unwrap();
    assert_eq!(upstream.header("x-portcullis-endpoint"), Some(b"MTAuMC4wLjE6ODA4MA==".as_slice()));
    assert_eq!(upstream.header("cookie"), Some(b"theme=dark; a=\"b;c\"".as_slice()));
    assert_eq!(set_cookies(&second), [""; 0], "not sent again");
    assert_eq!(sessions(&second, "kept"), 1);

    let third = moved(&loaded, host(TWO), get(&cookies));
    let [set_cookie] = &set_cookies(&third)[..] else { panic!("{third:#?}") };
    assert_ne!(set_cookie.split(';').next(), Some(cookie));
    assert_eq!(sessions(&third, "moved"), 1);
    let fourth = exchange(&loaded, host(TWO), get(set_cookie.split(';').next().unwrap()));
    assert_eq!(sessions(&fourth, "kept"), 1);
    assert_eq!(fourth.upstream.unwrap().header("cookie"), None, "nothing but ours");
}

#[test]
fn only_our_cookie_is_hidden() {
    let loaded = loaded("");
    let ours = cookie_for(&loaded, ONE);
    let cases: &[(&[&str], &[&str])] = &[
        (&["a=1"], &["a=1"]),
        (&["", "a=1"], &["", "a=1"]),
        (&["OURS"], &[]),
        (&["", "OURS"], &[]),
        (&["OURS", ""], &[]),
        (&["a=1", "OURS", "b=2"], &["a=1", "b=2"]),
        (&["OURS; a=1", "b=2; OURS; c=3", "OURS"], &["a=1", "b=2; c=3"]),
    ];
    for (sent, expected) in cases {
        let request =
            sent.iter().fold(get(""), |rq, value| rq.with_header("cookie", value.replace("OURS", &ours)));
        let outcome = exchange(&loaded, host(ONE), request);
        let headers = &outcome.upstream.as_ref().unwrap().headers;
        let cookies = headers.iter().filter(|(name, _)| name == "cookie");
        let cookies: Vec<_> = cookies.map(|(_, value)| String::from_utf8_lossy(value)).collect();
        assert_eq!(cookies, *expected, "{sent:?}");
    }
}

#[test]
fn every_cookie_has_a_nonce_of_its_own() {
    let loaded = loaded("");
    let first = exchange(&loaded, host(ONE), get(""));
    let mut again = host(ONE);
    again.seed = first.host.seed;
    assert_ne!(set_cookies(&first), set_cookies(&exchange(&loaded, again, get(""))));
}

#[test]
fn no_cookie_without_an_endpoint_that_answered() {
    let loaded = loaded("");
    let pinned = cookie_for(&loaded, TWO);
    let cases = [
        (None, Some("via_upstream")),
        (Some("/var/run/app.sock"), Some("via_upstream")),
        (Some(ONE), Some("upstream_reset_before_response_started{connection_failure}")),
        (Some(ONE), None),
    ];
    for (address, details) in cases {
        for cookies in ["", &pinned] {
            let mut host = TestHost::new();
            host.properties.clear();
            let properties = [("upstream.address", address), ("response.code_details", details)];
            for (path, value) in properties.into_iter().filter_map(|(path, value)| Some((path, value?))) {
                host.properties.insert(path.into(), value.into());
            }
            let outcome = exchange(&loaded, host, get(cookies));
            assert_eq!(set_cookies(&outcome), [""; 0], "{address:?} {details:?} {cookies}");
            assert_eq!(sessions(&outcome, "new") + sessions(&outcome, "moved"), 0);
        }
    }
}

#[test]
fn what_the_client_and_stateful_session_say_is_removed() {
    let loaded = loaded("");
    for cookies in ["".to_owned(), cookie_for(&loaded, ONE), "portcullis_affinity=forged".to_owned()] {
        let mut request = get(&cookies);
        for endpoint in ["MTAuMC4wLjI6ODA4MA==", "10.0.0.2:8080"] {
            request = request.with_header("x-portcullis-endpoint", endpoint);
        }
        let response = Message::response(200).with_header("x-portcullis-endpoint", "MTAuMC4wLjI6ODA4MA==");
        let outcome = run(&loaded, host(ONE), request, response, Settings::default());
        let upstream = outcome.upstream.as_ref().unwrap();
        let named: Vec<_> =
            upstream.headers.iter().filter(|(name, _)| name == "x-portcullis-endpoint").collect();
        let pinned = cookies.len() > 40;
        assert_eq!(named.len(), usize::from(pinned), "{cookies}: {named:?}");
        assert!(named.iter().all(|(_, value)| value == b"MTAuMC4wLjE6ODA4MA=="), "{named:?}");
        assert_eq!(outcome.response.as_ref().unwrap().header("x-portcullis-endpoint"), None);
    }
}

#[test]
fn rejections_are_counted_and_look_like_no_cookie() {
    let loaded = loaded(r#", "absolute_timeout": "1h""#);
    let foreign = load::<AffinityFilter>(br#"{"keys": ["${KEY}"], "audience": "bank"}"#, &|_| {
        Some("0123456789abcdef0123456789abcdef".into())
    });
    let good = cookie_for(&loaded, ONE);
    let late = TestHost::new().now + Duration::from_secs(3600);
    let early = TestHost::new().now - Duration::from_secs(100_000);
    let now = TestHost::new().now;
    let cases = [
        ("portcullis_affinity=MTAuMC4wLjI6ODA4MA==".to_owned(), now, "malformed"),
        (cookie_for(&foreign.unwrap(), ONE), now, "tampered"),
        (format!("{good}x"), now, "malformed"),
        (good.clone(), late, "expired"),
        (good, early, "future"),
    ];
    for (cookies, now, reason) in cases {
        let mut host = host(ONE);
        host.now = now;
        let outcome = exchange(&loaded, host, get(&cookies));
        assert_eq!(outcome.status(), 200);
        assert_eq!(outcome.upstream.as_ref().unwrap().headers, get("").headers, "{reason}: {cookies}");
        assert_eq!(set_cookies(&outcome).len(), 1, "{reason}");
        assert_eq!(sessions(&outcome, "new"), 1, "{reason}");
        assert_eq!(outcome.host.metric(&format!("affinity_rejected_total;reason={reason}")), 1, "{reason}");
    }
}

#[test]
fn secure_follows_the_scheme() {
    let cases = [
        ("http", "auto", false),
        ("https", "auto", true),
        ("http", "always", true),
        ("https", "never", false),
    ];
    for (scheme, secure, expected) in cases {
        let loaded = loaded(&format!(r#", "cookie": {{"secure": "{secure}"}}"#));
        let mut request = get("");
        request
            .headers
            .iter_mut()
            .filter(|(name, _)| name == ":scheme")
            .for_each(|(_, value)| *value = scheme.into());
        let cookie = set_cookies(&exchange(&loaded, host(ONE), request)).concat();
        assert_eq!(cookie.contains("; Secure"), expected, "{scheme} {secure}: {cookie}");
    }
}

#[test]
fn the_upstreams_cookies_stay() {
    let response = Message::response(200).with_header("set-cookie", "a=1").with_header("set-cookie", "b=2");
    let outcome = run(&loaded(""), host(ONE), get(""), response, Settings::default());
    let cookies = set_cookies(&outcome);
    assert_eq!(cookies.len(), 3);
    assert_eq!(&cookies[..2], ["a=1", "b=2"]);
}

#[test]
fn refuses_configurations_with_every_reason() {
    let Err(errors) = load::<AffinityFilter>(
        br#"{"keys": ["${KEY}", "short"], "audience": "", "cookie": {"same_site": "none", "name": "a b"}}"#,
        &|_| None,
    ) else {
        panic!("accepted")
    };
    let paths: Vec<_> = errors.iter().map(|error| error.path().as_str()).collect();
    assert_eq!(paths, ["keys[0]", "keys[1]", "audience", "cookie.name", "cookie.secure"]);
}

#[test]
fn the_configurations_of_the_page_load() {
    let page = include_str!("../../../../docs/affinity.md");
    let blocks: Vec<&str> =
        page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 2);
    for config in blocks {
        let key =
            |name: &str| (name == "AFFINITY_KEY").then(|| "0123456789abcdef0123456789abcdef".to_owned());
        if let Err(errors) = load::<AffinityFilter>(config.as_bytes(), &key) {
            panic!("{config}\n{errors}");
        }
    }
}
