use super::*;

const COOKIE: &str = r#""affinity": {"cookie": {"name": "pin"}"#;

/// Decides, and shows what becomes of the cookie: its new value, `removed`, or `kept`.
fn visit(canary: &Canary, lines: &str) -> (String, String) {
    let request = headers(lines);
    let decision = canary.decide(&request, &mut Given::default());
    let plan = canary.plan_response(&decision, &request, || false);
    let mut cookie = "kept".to_owned();
    let edit = |edit: crate::Edit<'_>| {
        if let crate::Edit::Add("set-cookie", value) = edit {
            let value = std::str::from_utf8(value).unwrap();
            let pair = value.split(';').next().unwrap().strip_prefix("pin=").unwrap();
            cookie = if value.contains("Max-Age=0") { "removed".into() } else { pair.into() };
        }
        Ok::<(), ()>(())
    };
    canary.edit_response(&plan, edit).unwrap();
    (format!("{} {}", decision.name(), decision.reason.as_str()), cookie)
}

type Row = (&'static str, &'static str, &'static str);

fn check(config: &str, rows: &[Row]) {
    let canary = canary(config);
    for (request, decision, cookie) in rows {
        assert_eq!(visit(&canary, request), ((*decision).into(), (*cookie).into()), "{config}\n{request}");
    }
}

#[test]
fn ingress_nginx_order() {
    check(
        &format!(
            r#"{{"releases": [{{"name": "v2", "by_header": {{"name": "x"}}, "weight": 0, "bucket_version": 3}}], {COOKIE}}}}}"#
        ),
        &[
            ("", "stable default", "-v2:3"),
            ("x: always", "v2 header_always", "v2:3"),
            ("cookie: pin=v2:3", "v2 affinity", "kept"),
            // Who is pinned to stable stays there, whatever the header says; and the other way round.
            ("cookie: pin=-v2:3\nx: always", "stable affinity", "kept"),
            ("cookie: pin=v2:3\nx: never", "v2 affinity", "kept"),
            // Of another version, of no release, of no use.
            ("cookie: pin=v2:2", "stable default", "-v2:3"),
            ("cookie: pin=v3:3", "stable default", "-v2:3"),
            ("cookie: pin=", "stable default", "-v2:3"),
            ("cookie: pin=|||", "stable default", "-v2:3"),
            ("cookie: pin=v2", "stable default", "-v2:3"),
            ("cookie: pin=v2:+3x", "stable default", "-v2:3"),
        ],
    );
}

#[test]
fn behind_header_and_cookie() {
    check(
        &format!(
            r#"{{"releases": [
                {{"name": "a", "by_header": {{"name": "x"}}, "weight": 100}},
                {{"name": "b", "by_header": {{"name": "y"}}, "by_cookie": {{"name": "b"}}}}
            ], {COOKIE}, "order": "before_weight"}}}}"#
        ),
        &[
            ("", "a weight", "a:0"),
            ("cookie: pin=b:0", "b affinity", "kept"),
            ("cookie: pin=b:0\nx: always", "a header_always", "a:0"),
            ("cookie: pin=a:0; b=always", "b cookie_always", "b:0"),
            ("cookie: pin=-a:0", "stable affinity", "-a:0|-b:0"),
            ("cookie: pin=-a:0\nx: always", "a header_always", "a:0"),
            ("cookie: pin=a:0\nx: never", "stable header_never", "-a:0|-b:0"),
        ],
    );
}

#[test]
fn legacy_releases_and_stable_that_keeps_nobody() {
    check(
        &format!(
            r#"{{"releases": [{{"name": "v2", "by_header": {{"name": "x"}}, "affinity": "legacy"}}], {COOKIE}}}}}"#
        ),
        &[
            ("x: always", "v2 header_always", "kept"),
            ("cookie: pin=v2:0", "stable default", "-v2:0"),
            ("", "stable default", "-v2:0"),
        ],
    );
    check(
        &format!(
            r#"{{"releases": [{{"name": "v2", "by_header": {{"name": "x"}}}}], {COOKIE}, "stable": false}}}}"#
        ),
        &[
            ("", "stable default", "kept"),
            ("x: always", "v2 header_always", "v2:0"),
            ("cookie: pin=v2:0\nx: other", "v2 affinity", "kept"),
        ],
    );
}

#[test]
fn releases_of_other_paths_keep_their_users() {
    check(
        &format!(
            r#"{{"releases": [
                {{"name": "a", "paths": ["/a"], "by_header": {{"name": "x"}}}},
                {{"name": "b", "paths": ["/b"], "by_header": {{"name": "x"}}}}
            ], {COOKIE}}}}}"#
        ),
        &[
            (":path: /a\ncookie: pin=b:0\nx: always", "a header_always", "a:0|b:0"),
            (":path: /b\ncookie: pin=a:0", "stable default", "a:0|-b:0"),
            (":path: /c\ncookie: pin=a:0|b:0", "stable default", "kept"),
            (":path: /a\ncookie: pin=a:0|b:0", "a affinity", "kept"),
        ],
    );
}

#[test]
fn a_release_that_ends_takes_its_cookies_along() {
    for over in [r#""enabled": false"#, r#""schedule": {"end": "1970-01-01T00:00:00Z"}"#] {
        check(
            &format!(r#"{{"releases": [{{"name": "v2", "weight": 100, {over}}}], {COOKIE}}}}}"#),
            &[("cookie: pin=v2:0", "stable default", "removed"), ("", "stable default", "kept")],
        );
    }
    check(
        &format!(r#"{{"enabled": false, "releases": [{{"name": "v2", "weight": 100}}], {COOKIE}}}}}"#),
        &[("cookie: pin=v2:0", "stable kill_switch", "removed"), ("", "stable kill_switch", "kept")],
    );
}

#[test]
fn where_overrides_are_signed_the_cookie_lets_nobody_in_unsigned() {
    let config = |keys: &str| {
        format!(
            r#"{{"releases": [{{"name": "v2", "by_header": {{"name": "x", "signed": true}}}}], {COOKIE}}}, "token": {{"keys": [{keys}]}}}}"#
        )
    };
    let (key, other) = (r#""0123456789abcdef0123456789abcdef""#, r#""fedcba9876543210fedcba9876543210""#);
    let canary = canary(&config(key));
    // portcullis-canary:v2.4102444800, as the integration tests have it.
    let token = "v2.4102444800.4eBq_wxPasyDBGwppeynj3QiutKW8lnCDRoTY1PPnG0";
    let (decision, cookie) = visit(&canary, &format!("x: {token}"));
    assert_eq!(decision, "v2 header_token");
    assert!(cookie.starts_with("v2:0.") && cookie.len() == "v2:0.".len() + 43, "{cookie}");
    let back = |cookie: &str| visit(&canary, &format!("cookie: pin={cookie}"));
    assert_eq!(back(&cookie), ("v2 affinity".into(), "kept".into()));
    let (_, stable) = visit(&canary, "");
    assert!(stable.starts_with("-v2:0."), "{stable}");
    let forged = [
        "v2:0".to_owned(),
        "v2:0.".to_owned(),
        token.to_owned(),
        stable.trim_start_matches('-').to_owned(),
        cookie.replace("v2:0.", "v2:0|v2:0."),
        format!("{cookie}A"),
        cookie.chars().take(cookie.len() - 1).collect(),
    ];
    for forged in forged {
        let (decision, replaced) = back(&forged);
        assert_eq!((decision.as_str(), replaced), ("stable default", stable.clone()), "{forged}");
    }
    // A key is changed without anybody losing the version.
    let rotated = super::canary(&config(&format!("{other}, {key}")));
    assert_eq!(visit(&rotated, &format!("cookie: pin={cookie}")).0, "v2 affinity");
    let lost = super::canary(&config(other));
    assert_eq!(visit(&lost, &format!("cookie: pin={cookie}")).0, "stable default");
}

#[test]
fn hostile_cookies_are_read_in_time() {
    let releases: Vec<String> =
        (0..256).map(|n| format!(r#"{{"name": "r{n}", "by_header": {{"name": "x"}}}}"#)).collect();
    let canary = canary(&format!(r#"{{"releases": [{}], {COOKIE}}}}}"#, releases.join(",")));
    let start = std::time::Instant::now();
    for value in ["|".repeat(60_000), "r255:0|".repeat(9_000), "\u{ff}".repeat(30_000)] {
        visit(&canary, &format!("cookie: pin={value}"));
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn an_issued_id_is_the_key_from_the_first_request_on() {
    let canary = canary(
        r#"{"releases": [{"name": "v2", "weight": 50, "key": ["id_cookie"]}],
            "id_cookie": {"name": "uid", "max_age": "30days"}}"#,
    );
    let mut taken = 0;
    for seed in 0..400 {
        let mut facts = Given { random: seed, ..Given::default() };
        let request = headers("");
        let first = canary.decide(&request, &mut facts);
        let plan = canary.plan_response(&first, &request, || true);
        let mut cookies = Vec::new();
        let collect = |edit: crate::Edit<'_>| {
            if let crate::Edit::Add("set-cookie", value) = edit {
                cookies.push(String::from_utf8(value.to_vec()).unwrap());
            }
            Ok::<(), ()>(())
        };
        canary.edit_response(&plan, collect).unwrap();
        let [cookie] = cookies.as_slice() else { panic!("{cookies:?}") };
        let (pair, attributes) = cookie.split_once(';').unwrap();
        assert_eq!(attributes, " Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax");
        let request = headers(&format!("cookie: {pair}"));
        let again = canary.decide(&request, &mut Given::default());
        assert_eq!(again.name(), first.name(), "{cookie}");
        assert!(again.details.issued.is_none(), "{cookie}");
        taken += usize::from(first.release.is_some());
    }
    assert!((150..250).contains(&taken), "{taken} of 400");
    // What the filter has not issued is replaced.
    for value in ["", "short", "AAAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAAAAA"] {
        let decision_headers = headers(&format!("cookie: uid={value}"));
        let decision = canary.decide(&decision_headers, &mut Given::default());
        assert!(decision.details.issued.is_some(), "{value}");
    }
}
