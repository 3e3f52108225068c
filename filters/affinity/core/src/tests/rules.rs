use super::*;
use crate::token::EXTENDED_TOKEN_CHARACTERS;

#[test]
fn knows_the_browsers_that_break_on_same_site_none() {
    let affinity = load(
        &[NEW],
        r#", "audience": "shop", "cookie": {"same_site": "none", "secure": "always", "conditional_same_site_none": true}"#,
    );
    let rejects = |agent: Option<&str>| affinity.rejects_same_site_none(agent.map(str::as_bytes));
    let cases = [
        ("", false),
        ("Chrome/", false),
        ("Chrome/39.0", false),
        ("Chrome/40.0", true),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/55.0 Safari/537.36",
            true,
        ),
        ("Chrome/66.0", true),
        ("Chrome/69.0", true),
        ("Chrome/70.0", false),
        ("Chrome/400.0", false),
        ("Chrome/4999999999999999999999", false),
    ];
    for (agent, expected) in cases {
        assert_eq!(rejects(Some(agent)), expected, "{agent}");
    }
    assert!(!shop().rejects_same_site_none(Some(b"Chrome/55.0")), "only where it is asked for");
}

#[test]
fn covers_paths() {
    let cases = [
        ("/", "/", true),
        ("/", "/a?b", true),
        ("/a", "/a", true),
        ("/a", "/a?b", true),
        ("/a", "/a#b", true),
        ("/a", "/a/b", true),
        ("/a", "/ab", false),
        ("/a", "/A", false),
        ("/a", "/", false),
        ("/a", "", false),
        ("/a", "*", false),
        ("/a/", "/a", false),
        ("/a/", "/a/", true),
        ("/a/", "/a/b", true),
        ("/a?", "/a?", false),
    ];
    for (path, target, expected) in cases {
        let affinity = load(&[NEW], &format!(r#", "audience": "shop", "cookie": {{"path": "{path}"}}"#));
        assert_eq!(affinity.applies_to(target.as_bytes()), expected, "{path:?} and {target:?}");
    }
}

#[test]
fn an_extended_token_carries_cluster_and_identity() {
    let affinity =
        load(&[NEW], r#", "audience": "shop", "clusters": ["a", "b"], "identity": {"key": "uid"}"#);
    let target = Target::Endpoint(endpoint("10.1.2.3:8080"));
    let answer = |cluster, identity| Answer { target, cluster: Some(cluster), identity: Some(identity) };
    let Outcome::New(pin) = affinity.answered(&Session::Absent, answer(b"a", b"u1"), NOW) else {
        panic!("not new")
    };
    let set_cookie = String::from_utf8(affinity.seal(&pin, nonce(1), NOW, &HTTP).unwrap()).unwrap();
    let cookie = set_cookie.split(';').next().unwrap();
    let token = cookie.split_once('=').unwrap().1;
    assert_eq!(token.len(), EXTENDED_TOKEN_CHARACTERS);
    let session = affinity.open([cookie.as_bytes()], NOW);
    assert_eq!(session, Session::Pinned(pin));
    assert_eq!(affinity.cluster(&pin), Some("a"));
    let nothing = Answer::from(endpoint("10.1.2.3:8080"));
    let cases = [
        (answer(b"a", b"u1"), Outcome::Kept),
        (nothing, Outcome::Kept),
        (answer(b"a", b"u2"), Outcome::Replaced(Pin { identity: fingerprint(b"u2"), ..pin })),
        (answer(b"b", b"u1"), Outcome::Moved(Pin { cluster: fingerprint(b"b"), ..pin })),
    ];
    for (answer, expected) in cases {
        assert_eq!(affinity.answered(&session, answer, NOW), expected, "{answer:?}");
    }
    // A cookie from before the configuration is completed.
    let old = affinity.open([cookie_of_shop().as_bytes()], NOW);
    assert_eq!(affinity.answered(&old, answer(b"a", b"u1"), NOW), Outcome::Renewed(pin));
    assert_eq!(opened(&shop(), cookie, NOW), "10.1.2.3:8080", "and an extended one is read without it");

    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let header = format!("portcullis_affinity={}", URL_SAFE_NO_PAD.encode(altered));
        assert!(matches!(affinity.open([header.as_bytes()], NOW), Session::Rejected(_)), "bit {bit}");
    }
    for length in 0..token.len() {
        let header = format!("portcullis_affinity={}", token.get(..length).unwrap());
        assert!(matches!(affinity.open([header.as_bytes()], NOW), Session::Rejected(_)), "cut to {length}");
    }
}

fn cookie_of_shop() -> String {
    cookie(&shop(), "10.1.2.3:8080", NOW)
}

#[test]
fn binds_to_the_scope() {
    let affinity = load(&[NEW], r#", "audience": "shop", "scope": "route""#);
    let Outcome::New(pin) = affinity.answered(&Session::Absent, endpoint("10.1.2.3:8080"), NOW) else {
        panic!("not new")
    };
    let client = Client { scope: b"checkout", ..HTTP };
    let set_cookie = affinity.seal(&pin, nonce(1), NOW, &client).unwrap();
    let cookie = set_cookie.split(|byte| *byte == b';').next().unwrap();
    assert_eq!(affinity.open_in(b"checkout", [cookie], NOW), Session::Pinned(pin));
    assert_eq!(affinity.open_in(b"search", [cookie], NOW), Session::Absent);
    assert_eq!(affinity.open_in(b"", [cookie], NOW), Session::Absent);
    assert_eq!(affinity.for_upstream(cookie), Some(Vec::new()), "hidden in every scope");
    // Without scopes, names that look like ours are others'.
    assert_eq!(shop().for_upstream(b"portcullis_affinity_deadbeef=1"), None);
}

#[test]
fn writes_max_age_and_expires() {
    let gmt = "Fri, 15 Jan 2027";
    let cases = [
        (r#""cookie": {"expires": "12h"}"#, format!("; Expires={gmt} 20:00:00 GMT")),
        (
            r#""cookie": {"max_age": "1h", "expires": "2h"}"#,
            format!("; Max-Age=3600; Expires={gmt} 09:00:00 GMT"),
        ),
        (r#""absolute_timeout": "1h", "cookie": {"lifetime": "permanent"}"#, "; Max-Age=3600".to_owned()),
        (
            r#""absolute_timeout": "1h", "cookie": {"lifetime": "permanent", "expires": "1h"}"#,
            format!("; Max-Age=3600; Expires={gmt} 09:00:00 GMT"),
        ),
        (r#""absolute_timeout": "1h", "cookie": {"lifetime": "session"}"#, String::new()),
    ];
    for (more, expected) in cases {
        let affinity = load(&[NEW], &format!(r#", "audience": "shop", {more}"#));
        let text = set_cookie(&affinity, "10.1.2.3:8080", NOW, false);
        let (_, attributes) = text.split_once("; Path=/; HttpOnly; SameSite=Lax").unwrap();
        assert_eq!(attributes, expected, "{more}");
    }
    // What browsers keep is enforced here, too.
    let affinity = load(&[NEW], r#", "audience": "shop", "cookie": {"expires": "1h"}"#);
    let header = cookie(&affinity, "10.1.2.3:8080", NOW);
    assert_eq!(opened(&affinity, &header, after(3599)), "10.1.2.3:8080");
    assert_eq!(opened(&affinity, &header, after(3600)), "expired");
}

#[test]
fn writes_dates() {
    let cases = [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (978_307_199, "Sun, 31 Dec 2000 23:59:59 GMT"),
        (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (4_294_967_295, "Sun, 07 Feb 2106 06:28:15 GMT"),
    ];
    for (seconds, expected) in cases {
        assert_eq!(crate::cookie::http_date(seconds), expected);
    }
}

#[test]
fn refuses_contradictions() {
    let cases = [
        (r#""mode": "ring""#, "mode: found unknown variant `ring`"),
        (r#""cluster_header": "x""#, "clusters: found no clusters beside `cluster_header`"),
        (
            r#""clusters": ["a"], "cluster_header": "X-Portcullis-Endpoint""#,
            "cluster_header: found \"X-Portcullis-Endpoint\", expected the name of a header that has no other use",
        ),
        (r#""clusters": ["a", "", "a b", "a"]"#, "clusters[1]: found \"\", expected the name of a cluster"),
        (
            r#""clusters": ["a", "", "a b", "a"]"#,
            "clusters[2]: found \"a b\", expected the name of a cluster",
        ),
        (
            r#""clusters": ["a", "", "a b", "a"]"#,
            "clusters[3]: found \"a\" again, expected each cluster once",
        ),
        (r#""mode": "hash", "identity": {"key": "uid"}"#, "identity: found an identity"),
        (r#""mode": "hash", "cookie": {"rule": "prefix"}"#, "cookie.rule: found another than `insert`"),
        (r#""scope": "route", "cookie": {"rule": "rewrite"}"#, "scope: found a scope, expected `none`"),
        (
            r#""cookie": {"rule": "rewrite", "preserve": true}"#,
            "cookie.preserve: found true beside `rule: rewrite`",
        ),
        (
            r#""cookie": {"rule": "prefix", "postonly": true}"#,
            "cookie.postonly: found true beside `rule: prefix`",
        ),
        (
            r#""cookie": {"rule": "prefix", "max_age": "1h"}"#,
            "cookie.max_age: found \"1h\" beside `rule: prefix`",
        ),
        (
            r#""cookie": {"rule": "prefix", "lifetime": "session"}"#,
            "cookie.lifetime: found a lifetime of the filter's own",
        ),
        (
            r#""cookie": {"lifetime": "permanent"}"#,
            "cookie.lifetime: found `permanent`, expected an `absolute_timeout` beside it",
        ),
        (
            r#""absolute_timeout": "1h", "cookie": {"lifetime": "permanent", "max_age": "1h"}"#,
            "cookie.max_age: found \"1h\" beside `lifetime: permanent`",
        ),
        (
            r#""cookie": {"lifetime": "session", "expires": "1h"}"#,
            "cookie.expires: found \"1h\" beside `lifetime: session`",
        ),
        (
            r#""cookie": {"lifetime": "passive", "max_age": "1h"}"#,
            "cookie.max_age: found \"1h\" beside `lifetime: passive`",
        ),
        (r#""absolute_timeout": "1h", "cookie": {"expires": "2h"}"#, "cookie.expires: found 7200s"),
        (
            r#""cookie": {"conditional_same_site_none": true}"#,
            "cookie.conditional_same_site_none: found true, expected `same_site: none` beside it",
        ),
        (r#""cookie": {"domain": "co.uk"}"#, "cookie.domain: found \"co.uk\", expected a domain of your own"),
        (
            r#""cookie": {"domain": ".GitHub.io"}"#,
            "cookie.domain: found \".GitHub.io\", expected a domain of your own",
        ),
    ];
    for (more, expected) in cases {
        let config = format!(r#"{{"keys": ["{NEW}"], "audience": "shop", {more}}}"#);
        let errors = sdk_shim_config::parse(config.as_bytes())
            .and_then(|config| Affinity::new(config, &|_| None))
            .expect_err(&config)
            .to_string();
        assert!(errors.lines().any(|line| line.starts_with(expected)), "{more}: {errors}");
    }
    for domain in ["example.co.uk", "uk.com", "me.github.io"] {
        load(&[NEW], &format!(r#", "audience": "shop", "cookie": {{"domain": "{domain}"}}"#));
    }
}
