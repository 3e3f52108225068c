//! Modes, scopes, clusters and the rules of the cookie.

use super::*;

/// The cookie of the first exchange, with its attributes.
fn set_cookie(loaded: &Loaded<AffinityFilter>, host: TestHost, request: Message) -> String {
    let outcome = exchange(loaded, host, request);
    let [cookie] = &set_cookies(&outcome)[..] else { panic!("no cookie: {:?}", outcome.response) };
    cookie.clone()
}

fn pair(set_cookie: &str) -> &str {
    set_cookie.split(';').next().unwrap()
}

fn with(mut host: TestHost, property: &str, value: &str) -> TestHost {
    host.properties.insert(property.into(), value.into());
    host
}

/// The upstream's answer with these `set-cookie` headers.
fn answer(loaded: &Loaded<AffinityFilter>, host: TestHost, request: Message, cookies: &[&str]) -> Outcome {
    let response =
        cookies.iter().fold(Message::response(200), |rs, value| rs.with_header("set-cookie", *value));
    run(loaded, host, request, response, Settings::default())
}

#[test]
fn override_host_gets_the_address_as_it_is() {
    let loaded = loaded(r#", "mode": "override_host""#);
    let cookie = cookie_for(&loaded, ONE);
    let kept = exchange(&loaded, host(ONE), get(&cookie));
    assert_eq!(kept.upstream.as_ref().unwrap().header("x-portcullis-endpoint"), Some(ONE.as_bytes()));
    assert_eq!((set_cookies(&kept).len(), sessions(&kept, "kept")), (0, 1));
    let moved = exchange(&loaded, host(TWO), get(&cookie));
    assert_eq!((set_cookies(&moved).len(), sessions(&moved, "moved")), (1, 1), "nothing else reports it");
}

#[test]
fn hash_gives_each_session_a_key() {
    let hashing = loaded(r#", "mode": "hash", "header": "x-key", "idle_timeout": "100s""#);
    let first = exchange(&hashing, host(ONE), get(""));
    let key = first.upstream.as_ref().unwrap().header("x-key").unwrap().to_vec();
    assert!(key.len() == 32 && key.iter().all(u8::is_ascii_hexdigit), "{}", key.escape_ascii());
    let cookie = set_cookies(&first).concat();
    // Whoever answers, the key stays; also when the cookie is sealed again.
    for (address, later, outcome) in [(ONE, 0, "kept"), (TWO, 0, "kept"), (TWO, 20, "renewed")] {
        let mut host = host(address);
        host.now += Duration::from_secs(later);
        let next = exchange(&hashing, host, get(pair(&cookie)));
        assert_eq!(next.upstream.as_ref().unwrap().header("x-key"), Some(&key[..]));
        assert_eq!(sessions(&next, outcome), 1, "{address} after {later}s");
    }
    let other = exchange(
        &hashing,
        {
            let mut other = host(ONE);
            other.seed += 1;
            other
        },
        get(""),
    );
    assert_ne!(other.upstream.unwrap().header("x-key"), Some(&key[..]));
    let failed = exchange(&hashing, with(host(ONE), "response.code_details", "no_healthy_upstream"), get(""));
    assert_eq!(set_cookies(&failed).len(), 0);
    // A cookie of another mode is none.
    let pinning = loaded("");
    let outcome = exchange(&pinning, host(ONE), get(pair(&cookie)));
    assert_eq!(outcome.host.metric("affinity_rejected_total;reason=malformed"), 1);
}

#[test]
fn each_scope_has_a_session_of_its_own() {
    for (scope, property) in
        [("route", "xds.route_name"), ("cluster", "xds.cluster_name"), ("canary", "canary")]
    {
        let loaded = loaded(&format!(r#", "scope": "{scope}""#));
        let at = |address, name| with(host(address), property, name);
        let a = set_cookie(&loaded, at(ONE, "a"), get(""));
        let b = set_cookie(&loaded, at(TWO, "b"), get(pair(&a)));
        let both = format!("x=1; {}; {}", pair(&a), pair(&b));
        for (name, address, value) in [("a", ONE, "MTAuMC4wLjE6ODA4MA=="), ("b", TWO, "MTAuMC4wLjI6ODA4MA==")]
        {
            let outcome = exchange(&loaded, at(address, name), get(&both));
            let upstream = outcome.upstream.as_ref().unwrap();
            assert_eq!(upstream.header("x-portcullis-endpoint"), Some(value.as_bytes()), "{scope} {name}");
            assert_eq!(upstream.header("cookie"), Some(b"x=1".as_slice()), "all of ours are hidden");
            assert_eq!((set_cookies(&outcome).len(), sessions(&outcome, "kept")), (0, 1));
        }
        let (name_a, name_b) = (pair(&a).split('=').next().unwrap(), pair(&b).split('=').next().unwrap());
        assert_ne!(name_a, name_b);
        // One scope's cookie is worthless in another.
        let replayed = pair(&a).replace(name_a, name_b);
        let outcome = exchange(&loaded, at(TWO, "b"), get(&replayed));
        assert_eq!(outcome.host.metric("affinity_rejected_total;reason=tampered"), 1, "{scope}");
    }
}

#[test]
fn a_session_names_its_cluster() {
    let loaded = loaded(r#", "clusters": ["stable", "canary"], "cluster_header": "X-Cluster""#);
    for (cluster, address) in [("stable", ONE), ("canary", TWO)] {
        let at = |cluster| with(host(address), "xds.cluster_name", cluster);
        let cookie = set_cookie(&loaded, at(cluster), get("").with_header("x-cluster", "forged"));
        let kept = exchange(&loaded, at(cluster), get(pair(&cookie)).with_header("x-cluster", "forged"));
        let upstream = kept.upstream.as_ref().unwrap();
        let named: Vec<_> = upstream.headers.iter().filter(|(name, _)| name == "x-cluster").collect();
        assert_eq!(named.len(), 1);
        assert_eq!(named[0].1, cluster.as_bytes());
        assert_eq!((set_cookies(&kept).len(), sessions(&kept, "kept")), (0, 1));
        let moved =
            moved(&loaded, with(host("10.0.0.9:1"), "xds.cluster_name", "canary"), get(pair(&cookie)));
        assert_eq!(sessions(&moved, "moved"), 1);
    }
    let new = exchange(
        &loaded,
        with(host(ONE), "xds.cluster_name", "canary"),
        get("").with_header("x-cluster", "x"),
    );
    assert_eq!(new.upstream.unwrap().header("x-cluster"), None, "only sessions name one");
}

#[test]
fn clusters_that_are_not_listed_set_no_cookie() {
    let loaded = loaded(r#", "clusters": ["stable"]"#);
    let at = |address, cluster| with(host(address), "xds.cluster_name", cluster);
    let cookie = set_cookie(&loaded, at(ONE, "stable"), get(""));
    for cookies in ["", pair(&cookie)] {
        let outcome = moved(&loaded, at(TWO, "canary"), get(cookies));
        assert_eq!(set_cookies(&outcome), [""; 0], "{cookies}");
        assert_eq!(sessions(&outcome, "moved") + sessions(&outcome, "new"), 0);
    }
}

#[test]
fn another_endpoint_with_the_address_does_not_inherit_the_session() {
    let loaded = loaded(r#", "identity": {"key": "pod"}"#);
    let pod = |uid| with(host(ONE), "xds.upstream_host_metadata.filter_metadata.envoy.lb.pod", uid);
    let cookie = set_cookie(&loaded, pod("a"), get(""));
    let kept = exchange(&loaded, pod("a"), get(pair(&cookie)));
    assert_eq!((set_cookies(&kept).len(), sessions(&kept, "kept")), (0, 1));
    let replaced = exchange(&loaded, pod("b"), get(pair(&cookie)));
    assert_eq!((set_cookies(&replaced).len(), sessions(&replaced, "replaced")), (1, 1));
    let unknown = exchange(&loaded, host(ONE), get(pair(&cookie)));
    assert_eq!(
        (set_cookies(&unknown).len(), sessions(&unknown, "kept")),
        (0, 1),
        "nothing is known against it"
    );
}

#[test]
fn change_on_failure_ends_the_session() {
    for (change, details, status, ends) in [
        (false, "no_healthy_upstream", 503, false),
        (true, "no_healthy_upstream", 503, true),
        (true, "upstream_reset_before_response_started{connection_failure}", 503, true),
        (true, "via_upstream", 503, false),
        (true, "ext_authz_denied", 403, false),
    ] {
        let loaded = loaded(&format!(r#", "change_on_failure": {change}, "cookie": {{"expires": "1h"}}"#));
        let cookie = cookie_for(&loaded, ONE);
        let host = with(host(ONE), "response.code_details", details);
        let outcome = run(&loaded, host, get(&cookie), Message::response(status), Settings::default());
        let set = set_cookies(&outcome);
        assert_eq!(set.len(), usize::from(ends), "{details}: {set:?}");
        assert_eq!(sessions(&outcome, "ended"), u64::from(ends));
        if let [set] = &set[..] {
            assert!(set.starts_with("portcullis_affinity=; Path=/"), "{set}");
            assert!(set.ends_with("; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"), "{set}");
        }
    }
}

#[test]
fn a_dry_run_watches() {
    let loaded = loaded(r#", "dry_run": true, "cluster_header": "x-cluster", "clusters": ["a"]"#);
    let at = |address| with(host(address), "xds.cluster_name", "a");
    let cookie = set_cookie(&loaded, at(ONE), get(""));
    for (address, outcome) in [(ONE, "kept"), (TWO, "moved")] {
        let exchanged =
            exchange(&loaded, at(address), get(pair(&cookie)).with_header("x-portcullis-endpoint", "x"));
        let upstream = exchanged.upstream.as_ref().unwrap();
        for header in ["x-portcullis-endpoint", "x-cluster", "cookie"] {
            assert_eq!(upstream.header(header), None, "{header}");
        }
        assert_eq!((set_cookies(&exchanged).len(), sessions(&exchanged, outcome)), (0, 1));
    }
}

#[test]
fn rewrite_puts_the_token_into_the_upstreams_cookie() {
    let loaded = loaded(r#", "cookie": {"name": "SID", "rule": "rewrite"}"#);
    let none = answer(&loaded, host(ONE), get(""), &["a=1"]);
    assert_eq!((set_cookies(&none), sessions(&none, "new")), (vec!["a=1".to_owned()], 0));
    let own = ["a=1", "SID=abc; Path=/shop; HttpOnly", "b=2"];
    let first = answer(&loaded, host(ONE), get(""), &own);
    let set = set_cookies(&first);
    assert_eq!((set.len(), set[0].as_str(), set[2].as_str()), (3, "a=1", "b=2"));
    assert!(set[1].starts_with("SID=A") && set[1].ends_with("; Path=/shop; HttpOnly"), "{}", set[1]);
    assert_eq!(sessions(&first, "new"), 1);
    let again = answer(&loaded, host(ONE), get(pair(&set[1])), &own);
    assert!(again.upstream.as_ref().unwrap().header("x-portcullis-endpoint").is_some());
    assert_eq!(again.upstream.as_ref().unwrap().header("cookie"), Some(pair(&set[1]).as_bytes()));
    assert!(!set_cookies(&again)[1].contains("abc"), "also where the session is kept");
    assert_eq!(sessions(&again, "kept"), 1);
}

#[test]
fn prefix_goes_before_the_upstreams_value() {
    let loaded = loaded(r#", "cookie": {"name": "SID", "rule": "prefix"}"#);
    let first = answer(&loaded, host(ONE), get(""), &["SID=a~c; Path=/shop"]);
    let set = set_cookies(&first).concat();
    assert!(set.ends_with("~a~c; Path=/shop"), "{set}");
    let cookies = format!("x=1; {}; y=2", pair(&set));
    let next = exchange(&loaded, host(ONE), get(&cookies));
    let upstream = next.upstream.as_ref().unwrap();
    assert!(upstream.header("x-portcullis-endpoint").is_some());
    assert_eq!(upstream.header("cookie"), Some(b"x=1; SID=a~c; y=2".as_slice()));
    let plain = exchange(&loaded, host(ONE), get("SID=abc"));
    assert_eq!(
        plain.upstream.unwrap().header("cookie"),
        Some(b"SID=abc".as_slice()),
        "before the first answer"
    );
}

#[test]
fn the_upstreams_cookie_of_our_name_goes_or_stays() {
    let cases = [("", 1, false), (r#""preserve": true"#, 1, true), (r#""indirect": false"#, 2, true)];
    for (cookie, expected, stays) in cases {
        let loaded = loaded(&format!(r#", "cookie": {{{cookie}}}"#));
        let outcome = answer(&loaded, host(ONE), get(""), &["portcullis_affinity=; Max-Age=0"]);
        let set = set_cookies(&outcome);
        assert_eq!(set.len(), expected, "{cookie}: {set:?}");
        assert_eq!(set.iter().any(|value| value == "portcullis_affinity=; Max-Age=0"), stays, "{cookie}");
    }
    // A logout: the session is kept, and the upstream ends it.
    let loaded = loaded(r#", "cookie": {"preserve": true}"#);
    let cookie = cookie_for(&loaded, ONE);
    let outcome = answer(&loaded, host(ONE), get(&cookie), &["portcullis_affinity=; Max-Age=0"]);
    assert_eq!(set_cookies(&outcome), ["portcullis_affinity=; Max-Age=0"]);
}

#[test]
fn indirect_hides_the_cookie() {
    for indirect in [false, true] {
        let loaded = loaded(&format!(r#", "cookie": {{"indirect": {indirect}}}"#));
        let cookie = cookie_for(&loaded, ONE);
        let outcome = exchange(&loaded, host(ONE), get(&cookie));
        assert_eq!(outcome.upstream.unwrap().header("cookie").is_none(), indirect);
    }
}

#[test]
fn nocache_marks_what_sets_the_cookie() {
    for (nocache, value) in [(false, None), (true, Some(b"private".as_slice()))] {
        let loaded = loaded(&format!(r#", "cookie": {{"nocache": {nocache}}}"#));
        let first = exchange(&loaded, host(ONE), get(""));
        assert_eq!(first.response.as_ref().unwrap().header("cache-control"), value);
        let cookie = set_cookies(&first).concat();
        let next = exchange(&loaded, host(ONE), get(pair(&cookie)));
        assert_eq!(next.response.unwrap().header("cache-control"), None, "nothing is set");
    }
}

#[test]
fn postonly_sets_the_cookie_on_posts() {
    let loaded = loaded(r#", "cookie": {"postonly": true}"#);
    for (method, expected) in [("GET", 0), ("POST", 1), ("PUT", 0)] {
        let outcome = exchange(&loaded, host(ONE), Message::request(method, "/"));
        assert_eq!(set_cookies(&outcome).len(), expected, "{method}");
        assert_eq!(sessions(&outcome, "new"), expected as u64, "{method}");
    }
}

#[test]
fn passive_reads_and_never_sets() {
    let cookie = cookie_for(&loaded(""), ONE);
    let passive = loaded(r#", "cookie": {"lifetime": "passive"}"#);
    assert_eq!(set_cookies(&exchange(&passive, host(ONE), get(""))).len(), 0);
    let kept = exchange(&passive, host(ONE), get(&cookie));
    assert!(kept.upstream.as_ref().unwrap().header("x-portcullis-endpoint").is_some());
    assert_eq!((set_cookies(&kept).len(), sessions(&kept, "kept")), (0, 1));
    assert_eq!(set_cookies(&moved(&passive, host(TWO), get(&cookie))).len(), 0);
}

#[test]
fn requests_that_the_cookies_path_does_not_cover_have_no_session() {
    let loaded = loaded(r#", "cookie": {"path": "/shop"}"#);
    let cookie = set_cookie(&loaded, host(ONE), Message::request("GET", "/shop?a=1"));
    for (path, covered) in [("/shop", true), ("/shop/x", true), ("/shopping", false), ("/", false)] {
        let request = Message::request("GET", path)
            .with_header("cookie", pair(&cookie))
            .with_header("x-portcullis-endpoint", "x");
        let outcome = exchange(&loaded, host(ONE), request);
        let header = outcome.upstream.as_ref().unwrap().header("x-portcullis-endpoint");
        assert_eq!(header, covered.then_some(b"MTAuMC4wLjE6ODA4MA==".as_slice()), "{path}");
        assert_eq!(
            set_cookies(&exchange(&loaded, host(ONE), Message::request("GET", path))).len(),
            usize::from(covered)
        );
    }
}

#[test]
fn same_site_none_is_left_out_for_browsers_that_break_on_it() {
    let loaded = loaded(
        r#", "cookie": {"same_site": "none", "secure": "always", "conditional_same_site_none": true}"#,
    );
    for (agent, none) in [("Mozilla/5.0 Chrome/51.0.2704.103 Safari/537.36", false), ("curl/8", true)] {
        let set = set_cookie(&loaded, host(ONE), get("").with_header("user-agent", agent));
        assert_eq!(set.contains("SameSite=None"), none, "{set}");
        assert_eq!(set.contains("SameSite"), none, "{set}");
    }
    assert!(set_cookie(&loaded, host(ONE), get("")).contains("SameSite=None"), "no user agent");
}

#[test]
fn requests_that_are_ignored_have_no_session() {
    let loaded = loaded(
        r#", "ignore_persist": [
            {"path_suffix": ".css"}, {"path_prefix": "/static/", "methods": ["GET"]}, {"header": {"name": "X-Probe"}},
            {"header": {"name": "x-kind", "value": "asset"}}
        ]"#,
    );
    let cookie = cookie_for(&loaded, ONE);
    let send = |method: &str, path: &str, header: Option<(&str, &str)>, cookies: &str| {
        let mut request = Message::request(method, path);
        if !cookies.is_empty() {
            request = request.with_header("cookie", cookies);
        }
        if let Some((name, value)) = header {
            request = request.with_header(name, value);
        }
        exchange(&loaded, host(TWO), request)
    };
    let cases = [
        ("GET", "/a.css", None, true),
        ("GET", "/a.css?x=1", None, true),
        ("GET", "/a.css/x", None, false),
        ("GET", "/?x=a.css", None, false),
        ("GET", "/static/x", None, true),
        ("POST", "/static/x", None, false),
        ("GET", "/", Some(("x-probe", "")), true),
        ("GET", "/", Some(("x-kind", "asset")), true),
        ("GET", "/", Some(("x-kind", "page")), false),
    ];
    for (method, path, header, is_ignored) in cases {
        let what = format!("{method} {path} {header:?}");
        let new = send(method, path, header, "");
        assert_eq!(set_cookies(&new).is_empty(), is_ignored, "{what}");
        let known = send(method, path, header, &format!("{cookie}; theme=dark"));
        let request = known.upstream.as_ref().unwrap();
        assert_eq!(request.header("x-portcullis-endpoint").is_none(), is_ignored, "{what}");
        // The upstream sees our cookie in no case.
        assert_eq!(request.header("cookie"), Some(b"theme=dark".as_slice()), "{what}");
    }
}
