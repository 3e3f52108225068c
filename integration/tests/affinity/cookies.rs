//! What the cookie says, to whom, and for how long.

use super::*;

#[test]
fn a_cookie_that_is_not_ours_is_none() {
    let site = SITE.get();
    let mut browser = site.browser("shop");
    browser.get();
    let cookie = browser.cookie.unwrap();
    let of = |listener| {
        let mut browser = site.browser(listener);
        browser.get();
        browser.cookie.unwrap()
    };
    let address = site.upstreams[0].address().to_string();
    let forged = [
        ("another audience", of("bank")),
        ("another key", of("old")),
        ("altered", cookie.replacen("=A", "=B", 1)),
        (
            "altered at its end",
            if cookie.ends_with('A') {
                cookie.replacen('A', "B", 9)
            } else {
                format!("{}A", &cookie[..cookie.len() - 1])
            },
        ),
        ("cut", cookie[..cookie.len() - 1].to_owned()),
        ("longer", format!("{cookie}A")),
        ("an address", format!("{NAME}={address}")),
        ("as stateful_session has it", format!("{NAME}=MTI3LjAuMC4xOjE4MDgx")),
        ("empty", format!("{NAME}=")),
        ("thousands", format!("{NAME}=x; ").repeat(2000)),
        ("hundreds that look right", format!("{}; ", of("old")).repeat(400)),
    ];
    for (what, cookie) in forged {
        let send = |_| browser.client.send(Request::get("/").header("cookie", &cookie));
        let answers: Vec<_> = (0..12).map(send).collect();
        assert!(answers.iter().all(|answer| answer.status == 200), "{what}");
        let spread: BTreeSet<_> = answers.iter().filter_map(Response::upstream).collect();
        assert!(spread.len() > 1, "{what}: pinned to {spread:?}");
        for answer in answers {
            assert_eq!(answer.header_values("set-cookie").len(), 1, "{what}: a new session");
        }
    }
    let stays = browser.client.send(Request::get("/").header("cookie", format!("{NAME}=x; {cookie}")));
    assert_eq!(stays.header("set-cookie"), None, "the valid one of two");
}

#[test]
fn keys_rotate_without_losing_a_session() {
    let site = SITE.get();
    let mut browser = site.browser("old");
    let bound = browser.get().upstream();
    let old_cookie = browser.cookie.clone();
    browser.client = site.envoy.client_of("rotating");
    let renewed = browser.get();
    assert_eq!(renewed.upstream(), bound);
    assert_ne!(browser.cookie, old_cookie, "sealed again with the first key");
    assert_eq!(browser.get().header("set-cookie"), None, "once");
    browser.client = site.envoy.client_of("shop");
    let after = browser.get();
    assert_eq!((after.upstream(), after.header("set-cookie")), (bound, None));
}

#[test]
fn timeouts_are_enforced_by_the_clock() {
    let site = SITE.get();
    let mut short = site.browser("short");
    short.get();
    assert_eq!(short.get().header("set-cookie"), None);
    std::thread::sleep(Duration::from_millis(4100));
    assert_eq!(short.get().header_values("set-cookie").len(), 1, "a new session");

    let mut idle = site.browser("idle");
    let first = idle.get();
    assert!(first.header("set-cookie").unwrap().contains("; Max-Age=3600"));
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(1100));
        let answer = idle.get();
        assert_eq!(answer.upstream(), first.upstream(), "in use, so not idle");
        let renewed = answer.header("set-cookie").unwrap();
        let max_age = renewed.split("; Max-Age=").nth(1).and_then(|rest| rest.split(';').next());
        assert!((3500..3600).contains(&max_age.unwrap().parse::<u32>().unwrap()), "{renewed}");
    }
}

#[test]
fn the_cookie_has_its_attributes() {
    let app = Upstream::start("app");
    let authority = Authority::new();
    let server = authority.server(&["shop.example"]);
    let with = |name: &str, cookie: Value| {
        let wasm = Wasm::module("affinity").env("AFFINITY_KEY", KEY);
        let config = json!({"keys": ["${AFFINITY_KEY}"], "audience": "shop", "cookie": cookie});
        listener(name, wasm.config(config), "app")
    };
    let full = json!({
        "name": "__Secure-pin", "path": "/shop", "domain": "shop.example", "max_age": "1h30m", "secure": "always",
        "same_site": "none", "http_only": false, "partitioned": true,
        "attributes": [{"name": "Priority", "value": "High"}],
    });
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .listener(with("plain", json!({})))
        .listener(with("tls", json!({})).tls(authority.downstream(&server, false)))
        .listener(with("full", full))
        .start();
    let tls = Tls::new(authority.certificate(), "shop.example", None);
    let cases = [
        (envoy.client_of("plain"), NAME, "Path=/; HttpOnly; SameSite=Lax"),
        (envoy.client_of("tls").tls(tls.clone()), NAME, "Path=/; HttpOnly; SameSite=Lax; Secure"),
        (envoy.client_of("tls").tls(tls).http2(), NAME, "Path=/; HttpOnly; SameSite=Lax; Secure"),
        (
            envoy.client_of("full"),
            "__Secure-pin",
            "Path=/shop; Domain=shop.example; Secure; SameSite=None; Partitioned; Priority=High; Max-Age=5400",
        ),
    ];
    for (client, name, attributes) in cases {
        let set_cookie = client.send(Request::get("/shop/x")).header("set-cookie").unwrap();
        let (pair, rest) = set_cookie.split_once("; ").unwrap();
        assert_eq!(pair.split_once('=').unwrap().0, name);
        assert_eq!(rest, attributes);
    }
}

#[test]
fn replicas_honour_each_others_cookies() {
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let start = || Config::bootstrap("affinity.yaml").upstreams("app", &upstreams).concurrency(2).start();
    let (one, two) = (start(), start());
    let mut browser = Browser { client: one.client(), cookie: None };
    let bound = browser.get().upstream();
    for client in [two.client(), one.client(), two.client().http2()] {
        browser.client = client;
        for _ in 0..6 {
            let answer = browser.get();
            assert_eq!((answer.upstream(), answer.header("set-cookie")), (bound.clone(), None));
        }
    }
}
