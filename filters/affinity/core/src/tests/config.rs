use super::*;

#[test]
fn refuses_configurations() {
    let key = format!(r#""keys": ["{NEW}"]"#);
    let cases = [
        ("{}".to_owned(), "keys: found nothing, expected a value: the field is required"),
        (format!("{{{key}}}"), "audience: found nothing, expected a value: the field is required"),
        (r#"{"keys": [], "audience": "shop"}"#.to_owned(), "keys: found 0 secrets, expected 1 to 8"),
        (
            format!(r#"{{"keys": [{}], "audience": "shop"}}"#, [r#""short""#; 9].join(", ")),
            "keys: found 9 secrets, expected 1 to 8\n\
             keys[0]: found a secret of 5 characters, expected at least 32: `openssl rand -base64 32` makes one",
        ),
        (
            r#"{"keys": ["", "   \n", "${AFFINITY}", "${SHORT}", "${FILE}"], "audience": ""}"#.to_owned(),
            "keys[0]: found a secret of 0 characters, expected at least 32: `openssl rand -base64 32` makes one\n\
             keys[1]: found a secret of 0 characters, expected at least 32: `openssl rand -base64 32` makes one\n\
             keys[2]: found a reference to the environment variable AFFINITY, which is not set, expected a variable that vm_config.environment_variables sets, or $${…} for the text\n\
             keys[3]: found a secret of 31 characters, expected at least 32: `openssl rand -base64 32` makes one\n\
             audience: found 0 bytes, expected the application's name, in 1 to 256 bytes",
        ),
        (
            format!(
                r#"{{"keys": ["{0}", "changemechangemechangemechangemechangeme", "{1}", " {0}\n"], "audience": "shop"}}"#,
                NEW,
                "0".repeat(64)
            ),
            "keys[1]: found a secret of few different characters, expected random text: `openssl rand -base64 32` makes one\n\
             keys[2]: found a secret of few different characters, expected random text: `openssl rand -base64 32` makes one\n\
             keys[3]: found the same secret again, expected each secret once",
        ),
        (
            r#"{"keys": ["file:/etc/portcullis/affinity/keys/current"], "audience": "shop"}"#.to_owned(),
            "keys[0]: found the name of a file, expected the secret itself or ${NAME}: Envoy lets a module read no files, but can take all of this configuration from one",
        ),
        (
            format!(
                r#"{{{key}, "audience": "shop", "ignore_persist": [{{}}, {{"path_prefix": "static"}}, {{"path_suffix": ""}}, {{"methods": ["GET "], "header": {{"name": ""}}}}]}}"#
            ),
            "ignore_persist[0]: found nothing, expected a test, such as `path_prefix`: this would be every request\n\
             ignore_persist[1].path_prefix: found no path, expected a path that starts with /, without a query\n\
             ignore_persist[2].path_suffix: found no end of a path, expected a text such as .css, without a query\n\
             ignore_persist[3].methods[0]: found \"GET \", expected a method such as GET\n\
             ignore_persist[3].header.name: found \"\", expected a header's name: a token",
        ),
        (format!(r#"{{{key}, "audience": 3}}"#), "audience: found integer `3`, expected a string"),
        (
            format!(r#"{{{key}, "audience": "shop", "cookies": {{}}}}"#),
            "cookies: found unknown field `cookies`, expected one of `keys`, `audience`, `cookie`, `mode`, `header`, `scope`, `clusters`, `cluster_header`, `identity`, `change_on_failure`, `ignore_persist`, `dry_run`, `absolute_timeout`, `idle_timeout`",
        ),
        (
            format!(r#"{{{key}, "audience": "shop", "header": "x endpoint"}}"#),
            "header: found \"x endpoint\", expected the name of a header that has no other use",
        ),
        (
            format!(r#"{{{key}, "audience": "shop", "header": "Cookie"}}"#),
            "header: found \"Cookie\", expected the name of a header that has no other use",
        ),
        (
            format!(r#"{{{key}, "audience": "shop", "absolute_timeout": "1 day", "idle_timeout": "0s"}}"#),
            "absolute_timeout: found \"1 day\", expected a duration of at least 1s, such as `8h`, `90m` or `1h30m`\n\
             idle_timeout: found \"0s\", expected a duration of at least 1s, such as `8h`, `90m` or `1h30m`",
        ),
        (
            format!(
                r#"{{{key}, "audience": "shop", "absolute_timeout": "1h", "idle_timeout": "61m", "cookie": {{"max_age": "2h"}}}}"#
            ),
            "cookie.max_age: found 7200s, expected at most the absolute_timeout\n\
             idle_timeout: found 3660s, expected at most the absolute_timeout",
        ),
    ];
    let env = |name: &str| match name {
        "SHORT" => Some("0123456789abcdef0123456789abcde".to_owned()),
        "FILE" => Some(format!("{OTHER}\n")),
        _ => None,
    };
    for (config, expected) in cases {
        let errors = sdk_shim_config::parse(config.as_bytes())
            .and_then(|config| Affinity::new(config, &env))
            .expect_err(&config)
            .to_string();
        let shown = errors.lines().take(expected.lines().count()).collect::<Vec<_>>().join("\n");
        assert_eq!(shown, expected, "{config}");
        assert!(!errors.contains(NEW), "a secret shows: {errors}");
    }
}

#[test]
fn refuses_cookies_that_browsers_would() {
    let cases = [
        (
            r#""name": """#,
            "cookie.name: found \"\", expected a token: 1 to 256 letters, digits and !#$%&'*+-.^_`|~",
        ),
        (r#""name": "a b""#, "cookie.name: found \"a b\", expected a token"),
        (r#""name": "a;b""#, "cookie.name: found \"a;b\", expected a token"),
        (r#""name": "ä""#, "cookie.name: found \"ä\", expected a token"),
        (r#""name": "__secure-a""#, "cookie.name: found \"__secure-a\" without `secure: always`"),
        (
            r#""name": "__Host-a", "secure": "always", "path": "/x""#,
            "cookie.name: found \"__Host-a\" without them",
        ),
        (r#""path": "shop""#, "cookie.path: found \"shop\", expected a path that starts with `/`"),
        (r#""path": "/a;b""#, "cookie.path: found \"Path\" with \"/a;b\", expected a token as name"),
        (
            r#""path": "/a\r\nx: y""#,
            "cookie.path: found \"Path\" with \"/a\\r\\nx: y\", expected a token as name",
        ),
        (r#""domain": """#, "cookie.domain: found \"\", expected a host name in ASCII"),
        (r#""domain": "com""#, "cookie.domain: found \"com\", expected a name with a dot"),
        (r#""domain": ".com""#, "cookie.domain: found \".com\", expected a name with a dot"),
        (r#""domain": "10.1.2.3""#, "cookie.domain: found \"10.1.2.3\", expected a host name"),
        (r#""domain": "*.example.com""#, "cookie.domain: found \"*.example.com\", expected a host name"),
        (r#""domain": "example.com:443""#, "cookie.domain: found \"example.com:443\", expected a host name"),
        (r#""domain": "exämple.com""#, "cookie.domain: found \"exämple.com\", expected a host name"),
        (r#""domain": "example..com""#, "cookie.domain: found \"example..com\", expected a host name"),
        (r#""max_age": "-1s""#, "cookie.max_age: found \"-1s\", expected a duration"),
        (
            r#""secure": "yes""#,
            "cookie.secure: found unknown variant `yes`, expected one of `auto`, `always`, `never`",
        ),
        (
            r#""same_site": "none""#,
            "cookie.secure: found `auto` beside `same_site: none`, expected `always`: browsers refuse the cookie without Secure",
        ),
        (
            r#""same_site": "none", "secure": "never""#,
            "cookie.secure: found `never` beside `same_site: none`",
        ),
        (r#""partitioned": true"#, "cookie.secure: found `auto` beside `partitioned: true`"),
        (
            r#""attributes": [{"name": "a b"}]"#,
            "cookie.attributes[0]: found \"a b\", expected a token as name",
        ),
        (
            r#""attributes": [{"name": "a"}, {"name": "b", "value": "c;d"}]"#,
            "cookie.attributes[1]: found \"b\" with \"c;d\", expected a token as name",
        ),
        (
            r#""attributes": [{"name": "secure"}]"#,
            "cookie.attributes[0].name: found \"Secure\", expected the field `secure` for that attribute",
        ),
    ];
    for (cookie, expected) in cases {
        let config = format!(r#"{{"keys": ["{NEW}"], "audience": "shop", "cookie": {{{cookie}}}}}"#);
        let errors = sdk_shim_config::parse(config.as_bytes())
            .and_then(|config| Affinity::new(config, &|_| None))
            .expect_err(&config)
            .to_string();
        assert!(errors.lines().any(|line| line.starts_with(expected)), "{cookie}: {errors}");
    }
}

#[test]
fn reads_durations() {
    let cases = [
        ("1s", Some(1)),
        ("90m", Some(5400)),
        ("1h30m", Some(5400)),
        ("1h1m1s", Some(3661)),
        ("30m1h", Some(5400)),
        ("99999h", Some(359_996_400)),
        ("0s", None),
        ("0h0m", None),
        ("", None),
        ("1", None),
        ("s", None),
        ("1d", None),
        ("1.5h", None),
        ("100000s", None),
        ("1s1s1s1s1s", None),
        ("1h ", None),
        ("1hs", None),
        ("١s", None),
        ("1ms", None),
    ];
    for (text, expected) in cases {
        let mut errors = sdk_shim_config::ConfigErrors::new();
        let seconds = interval::seconds(text, &sdk_shim_config::Path::root(), &mut errors);
        assert_eq!(seconds, expected, "{text:?}");
        assert_eq!(errors.is_empty(), expected.is_some(), "{text:?}");
    }
}

#[test]
fn writes_the_attributes() {
    let cases = [
        ("", false, "Path=/; HttpOnly; SameSite=Lax"),
        ("", true, "Path=/; HttpOnly; SameSite=Lax; Secure"),
        (r#""secure": "never""#, true, "Path=/; HttpOnly; SameSite=Lax"),
        (r#""secure": "always""#, false, "Path=/; Secure; HttpOnly; SameSite=Lax"),
        (r#""same_site": "strict", "http_only": false"#, false, "Path=/; SameSite=Strict"),
        (r#""same_site": "unset", "path": "/shop/a b""#, false, "Path=/shop/a b; HttpOnly"),
        (
            r#""domain": ".Shop.example.com""#,
            false,
            "Path=/; Domain=Shop.example.com; HttpOnly; SameSite=Lax",
        ),
        (r#""max_age": "12h""#, true, "Path=/; HttpOnly; SameSite=Lax; Max-Age=43200; Secure"),
        (
            r#""same_site": "none", "secure": "always", "partitioned": true"#,
            false,
            "Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
        ),
        (
            r#""attributes": [{"name": "Priority", "value": "High"}, {"name": "SameParty"}]"#,
            false,
            "Path=/; HttpOnly; SameSite=Lax; Priority=High; SameParty",
        ),
        (r#""name": "__Host-pin", "secure": "always""#, false, "Path=/; Secure; HttpOnly; SameSite=Lax"),
    ];
    for (cookie, https, expected) in cases {
        let affinity = load(&[NEW], &format!(r#", "audience": "shop", "cookie": {{{cookie}}}"#));
        let text = set_cookie(&affinity, "10.1.2.3:8080", NOW, https);
        assert_eq!(text.split_once("; ").map(|(_, attributes)| attributes), Some(expected), "{cookie}");
    }
}
