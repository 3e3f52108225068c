use super::*;
use crate::config::CredentialKind;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Hashes of `open sesame`, made with `openssl passwd`, crypt(3) and, for the SHA-1 ones, by hand.
const SESAME: &[(&str, &str)] = &[
    ("bcrypt", "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"),
    ("bcrypt-y", "$2y$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"),
    ("sha", "{SHA}W8r/fyL/UzygmbNAjq2HbA67qac="),
    ("ssha", "{SSHA}hNYeQ/3/SXXXY9MY8GjJRoIGc95wZXBwZXI="),
    ("apr1", "$apr1$saltsalt$HIDXe7D36X22w1CH4M1cQ."),
    ("md5", "$1$saltsalt$Yo6tRKYGO/jWyb1etwHDS/"),
    ("sha256", "$5$saltsalt$yrhPKxCqiWcCE9h0g86j6Ugz7SDFdFm.BjU.d8RaQnC"),
    (
        "sha512",
        "$6$saltsalt$e/5XKibXPLqVcfjpD.ouauaJrAOL5V0uo80Lt7n7EbRdRiCx3HbQ90yjOHr.G0T.mx79PEMRy8nmtr0qSYhQp1",
    ),
];

/// Other passwords: long, empty, not ASCII.
const OTHERS: &[(&str, &[u8], &str)] = &[
    ("long-bcrypt", &[b'x'; 80], "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"),
    ("empty-bcrypt", b"", "$2y$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq"),
    (
        "utf8-bcrypt",
        "\u{e4}\u{e4}\u{e4}".as_bytes(),
        "$2a$04$abcdefghijklmnopqrstuuWW1QluvYE5WRwy99nYHkAvPgio9Zk9K",
    ),
    (
        "long-sha512",
        &[b'x'; 40],
        "$6$rounds=1000$abc$6hlHAinFRbwTqF7vEh1hy262mCR.b8RacLacWNAg8byTb9PNpWSpVVxKyluSG5iBclbmJtC6PM5BJP9//RC0S.",
    ),
    ("long-sha256", &[b'x'; 40], "$5$rounds=1000$abc$Z7dnwo5jCPZXbHLMH0Kht3RBk0EpUbaz8GXUz8x7CW2"),
    ("long-md5", &[b'x'; 40], "$1$abc$b/oSMeDNO7QqHD3W/TXaY0"),
    ("empty-apr1", b"", "$apr1$12345678$sHuPAw7VA9xjRbJz7zKV7/"),
];

fn users() -> String {
    let sesame = SESAME.iter().map(|(name, hash)| format!("{name}:{hash}"));
    sesame
        .chain(OTHERS.iter().map(|(name, _, hash)| format!("{name}:{hash}:a comment")))
        .collect::<Vec<_>>()
        .join("\n")
}

fn basic(options: &str) -> Authz {
    let json = format!("{{\"basic\": {{\"users\": {:?}{options}}}}}", users());
    Authz::new(&sdk_shim_config::parse(json.as_bytes()).unwrap(), &environment).unwrap()
}

fn of(name: &str, password: &[u8]) -> Headers {
    let text = STANDARD.encode([name.as_bytes(), b":", password].concat());
    [(":method", "GET"), (":path", "/"), ("authorization", &format!("Basic {text}"))].into_iter().collect()
}

fn outcome(authz: &Authz, headers: &Headers) -> (Outcome, Option<String>) {
    let decision = authz.check(headers, &mut Client::default());
    (decision.outcome, decision.consumer.map(str::to_owned))
}

const INVALID: Outcome = Outcome::DenyCredential(CredentialKind::Basic, Problem::Invalid);

#[test]
fn every_kind_of_hash() {
    let authz = basic(", \"work_per_second\": 1000000");
    let sesame = SESAME.iter().map(|(name, _)| (*name, &b"open sesame"[..]));
    for (name, password) in sesame.chain(OTHERS.iter().map(|(name, password, _)| (*name, *password))) {
        // Once computed, once remembered.
        for _ in 0..2 {
            let found = outcome(&authz, &of(name, password));
            assert_eq!(found, (Outcome::Allow(None), Some(name.to_owned())), "{name}");
        }
        for wrong in [&[password, b"x"].concat()[..], b"wrong", &[b"x", password].concat()] {
            // bcrypt does not look behind 72 bytes.
            if name != "long-bcrypt" || wrong == b"wrong" {
                assert_eq!(outcome(&authz, &of(name, wrong)), (INVALID, None), "{name}");
            }
        }
    }
    for name in ["", "nobody", "Bcrypt", "bcrypt\0"] {
        assert_eq!(outcome(&authz, &of(name, b"open sesame")), (INVALID, None), "{name:?}");
    }
}

#[test]
fn headers() {
    let authz = basic("");
    let right = STANDARD.encode("sha:open sesame");
    let unpadded = right.trim_end_matches('=');
    let of_sha = (Outcome::Allow(None), Some("sha".to_owned()));
    let wrong = (INVALID, None);
    let missing = (Outcome::DenyCredential(CredentialKind::Basic, Problem::Missing), None);
    let cases = [
        (format!("GET /\nauthorization: Basic {right}"), &of_sha),
        (format!("GET /\nauthorization: bASIC   {right} "), &of_sha),
        (format!("GET /\nauthorization: Basic {unpadded}"), &of_sha),
        (format!("GET /\nauthorization: Basic {right}\nauthorization: Basic {right}"), &wrong),
        (format!("GET /\nauthorization: Basic {right},Basic {right}"), &wrong),
        (format!("GET /\nauthorization: Basic {right}\nauthorization: Basic x"), &wrong),
        ("GET /\nauthorization: Basic ".into(), &wrong),
        ("GET /\nauthorization: Basic".into(), &wrong),
        (format!("GET /\nauthorization: Basic {}", STANDARD.encode("sha")), &wrong),
        (format!("GET /\nauthorization: Basic {}", STANDARD.encode("sha:open sesame\0")), &wrong),
        (format!("GET /\nauthorization: Basic {}", STANDARD.encode([b'a'; 60_000])), &wrong),
        (format!("GET /\nauthorization: Basicx {right}"), &missing),
        (format!("GET /\nauthorization: Bearer {right}"), &missing),
        (format!("GET /\nproxy-authorization: Basic {right}"), &missing),
        ("GET /".into(), &missing),
    ];
    for (row, expected) in cases {
        assert_eq!(outcome(&authz, &request(&row)), *expected, "{row}");
    }
    assert_eq!(
        authz.challenges(missing.0, None, &request("GET /")),
        [b"Basic realm=\"portcullis\", charset=\"UTF-8\"".to_vec()]
    );
}

#[test]
fn the_upstream_gets_the_name_and_not_the_password() {
    let headers = of("sha", b"open sesame");
    for (options, hidden) in [("", true), (", \"hide_credentials\": false", false)] {
        let authz = basic(options);
        let decision = authz.check(&headers, &mut Client::default());
        let edits = authz.edits(&headers, &decision);
        assert_eq!(edits.contains(&Edit::Remove("authorization")), hidden, "{edits:?}");
        assert!(edits.contains(&Edit::Set("x-consumer", b"sha".to_vec())), "{edits:?}");
    }
    let bearer = request("GET /\nauthorization: Bearer x");
    let authz = basic(", \"required\": false");
    let decision = authz.check(&bearer, &mut Client::default());
    assert_eq!(authz.edits(&bearer, &decision), []);
}

/// 16 rounds for each check at cost 4, and 32 for a second: two checks, whoever they are of.
#[test]
fn guessing_is_bounded() {
    let (name, password, hash) = OTHERS[1];
    let json = format!("{{\"basic\": {{\"users\": \"{name}:{hash}\", \"work_per_second\": 32}}}}");
    let authz = Authz::new(&sdk_shim_config::parse(json.as_bytes()).unwrap(), &environment).unwrap();
    let busy = Outcome::DenyCredential(CredentialKind::Basic, Problem::Busy);
    let guess = |text: &str| outcome(&authz, &of(name, text.as_bytes())).0;
    assert_eq!([guess("a"), guess("b"), guess("c")], [INVALID, INVALID, busy]);
    // What was answered is remembered, and costs nothing.
    assert_eq!([guess("a"), guess("b")], [INVALID, INVALID]);
    // A name that is not there costs the same.
    assert_eq!(outcome(&authz, &of("nobody", b"a")).0, busy);
    assert_eq!(outcome(&authz, &of(name, password)).0, busy);
}

#[test]
fn refused() {
    let line = |text: &str| format!("basic: {{users: {text:?}}}");
    let cases = [
        (
            line("a:b:c"),
            "basic.users: found another hash in line 1, expected a hash that begins with $2y$, $2a$, $2b$, {SHA}, {SSHA}, $apr1$, $1$, $5$ or $6$",
        ),
        (
            line("# c\n\nsecret"),
            "basic.users: found no `:` in line 3, expected name:hash, as htpasswd writes it",
        ),
        (
            line("a b:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac="),
            "basic.users: found another name in line 1, expected 1 to 128 letters, digits, `.`, `_`, `-`, `@` and `/`",
        ),
        (
            line("a:{SHA}W8r="),
            "basic.users: found another hash in line 1, expected base64 of a SHA-1 digest behind {SHA} or {SSHA}",
        ),
        (
            line("a:$2y$13$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq"),
            "basic.users: found another hash in line 1, expected a cost from 4 to 12: a verification holds up a worker, and each step doubles its time",
        ),
        (
            line("a:$2y$04$short"),
            "basic.users: found another hash in line 1, expected $2y$, a cost of two digits, and 53 characters behind it",
        ),
        (
            line("a:$2x$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq"),
            "basic.users: found another hash in line 1, expected a bcrypt hash of the kind 2a, 2b or 2y: older ones are flawed",
        ),
        (
            line("a:$6$rounds=999999$abc$x"),
            "basic.users: found another hash in line 1, expected 1,000 to 100,000 rounds",
        ),
        (
            line("a:$6$abc$x"),
            "basic.users: found another hash in line 1, expected a salt of up to 16 characters, and a digest of 43 ($5$) or 86 ($6$)",
        ),
        (
            line("a:$apr1$abc$x"),
            "basic.users: found another hash in line 1, expected a salt of up to 8 characters and a digest of 22",
        ),
        (line(""), "basic.users: found no user, expected at least one line with name:hash"),
        (
            line("a:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=\na:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac="),
            "basic.users: found `a` for a second time in line 2, expected each name once",
        ),
    ];
    for (yaml, expected) in cases {
        assert_eq!(refusal(&yaml).to_string(), expected, "for {yaml}");
    }
}
