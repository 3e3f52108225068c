use super::*;

#[test]
fn takes_its_cookie_out_and_leaves_the_rest() {
    let affinity = load(&[NEW], r#", "audience": "shop", "cookie": {"name": "pin"}"#);
    let cases: &[(&str, Option<&str>)] = &[
        ("", None),
        ("a=1; b=2", None),
        ("pins=1; PIN=2; pi=3; pin", None),
        ("a=pin=1", None),
        ("pin=1", Some("")),
        ("pin=", Some("")),
        ("pin=1;", Some("")),
        ("pin=1; pin=2;pin=3", Some("")),
        ("pin=1; a=1", Some("a=1")),
        ("a=1; pin=1", Some("a=1")),
        ("a=1; pin=1; b=2", Some("a=1; b=2")),
        ("a=1;pin=1;b=2", Some("a=1;b=2")),
        ("pin=1;  a=\"x y\" ;;b;=c; pin=2", Some("a=\"x y\" ;;b;=c")),
        (";a=1; pin = 1 ; b=2;", Some(";a=1; b=2;")),
        ("\t pin\t=1; a=1", Some("a=1")),
    ];
    for (header, expected) in cases {
        let rest = affinity.for_upstream(header.as_bytes());
        assert_eq!(rest.as_deref(), expected.map(str::as_bytes), "{header:?}");
    }
    let rest = affinity.for_upstream(b"a=\xff\x00; pin=\xff; \x80=1").unwrap();
    assert_eq!(rest, b"a=\xff\x00; \x80=1");
}

#[test]
fn the_first_valid_cookie_of_several_counts() {
    let affinity = shop();
    let one = cookie(&affinity, "10.0.0.1:80", NOW);
    let two = cookie(&affinity, "10.0.0.2:80", NOW);
    let forged = cookie(&load(&[NEW], r#", "audience": "bank""#), "10.0.0.3:80", NOW);
    let garbage = "portcullis_affinity=x";
    let many = |pair: &str, count: usize| format!("{pair}; ").repeat(count);
    let cases = [
        (format!("{one}; {two}"), "10.0.0.1:80"),
        (format!("{two}; {one}"), "10.0.0.2:80"),
        (format!("a=1; {forged}; {two}; b=2"), "10.0.0.2:80"),
        (format!("{garbage}; {forged}"), "malformed"),
        (format!("{forged}; {garbage}"), "tampered"),
        (many(garbage, 2600) + &one, "10.0.0.1:80"),
        (many(&forged, 7) + &one, "10.0.0.1:80"),
        (many(&forged, 8) + &one, "tampered"),
        (many(&forged, 500), "tampered"),
        (one.replace("portcullis_affinity", "Portcullis_Affinity"), "absent"),
        (one.replace('=', "=\"") + "\"", "malformed"),
    ];
    for (header, expected) in cases {
        assert_eq!(opened(&affinity, &header, NOW), expected, "{header}");
    }
}

#[test]
fn survives_any_bytes() {
    let affinity = shop();
    let valid = cookie(&affinity, "10.1.2.3:8080", NOW).into_bytes();
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for round in 0..20_000 {
        let mut header = match round % 3 {
            0 => Vec::new(),
            1 => b"portcullis_affinity=".to_vec(),
            _ => valid.clone(),
        };
        for _ in 0..random.next() % 120 {
            let byte = random.next() as u8;
            match random.next() % 4 {
                0 if !header.is_empty() => {
                    let at = random.next() as usize % header.len();
                    header[at] = byte;
                }
                1 if !header.is_empty() => {
                    let at = random.next() as usize % header.len();
                    header.remove(at);
                }
                _ => header.push(if byte < 16 { b';' } else { byte }),
            }
        }
        if let Session::Pinned(pin) = affinity.open([&header[..]], NOW) {
            assert_eq!(pin.endpoint(), Some(endpoint("10.1.2.3:8080")), "{}", header.escape_ascii());
        }
        if let Some(rest) = affinity.for_upstream(&header) {
            assert_eq!(affinity.open([&rest[..]], NOW), Session::Absent, "{}", header.escape_ascii());
            assert!(rest.len() < header.len());
        }
        let _ = Endpoint::parse(&header);
    }
}

/// The `cookie` headers that browsers send in http-state's cases: ours beside them is found at every place, and taken
/// out without a trace.
#[test]
fn reads_the_headers_of_http_state() {
    #[derive(serde::Deserialize)]
    struct Case {
        test: String,
        received: Vec<String>,
        sent: Vec<Pair>,
    }
    #[derive(serde::Deserialize)]
    struct Pair {
        name: String,
        value: String,
    }
    let Some(text) = data("http-state/tests/data/parser.json") else { return };
    let cases: Vec<Case> = serde_json::from_slice(&text).unwrap();
    assert!(cases.len() > 200, "{} cases", cases.len());
    let affinity = shop();
    let ours = cookie(&affinity, "10.1.2.3:8080", NOW);
    for Case { test, received, sent } in cases {
        // What a server set is no `cookie` header, but a client may send anything.
        let pairs = sent.iter().map(|pair| format!("{}={}", pair.name, pair.value)).collect::<Vec<_>>();
        for pairs in [pairs, received] {
            let header = pairs.join("; ");
            assert_eq!(opened(&affinity, &header, NOW), "absent", "{test}");
            assert_eq!(affinity.for_upstream(header.as_bytes()), None, "{test}");
            for at in 0..=pairs.len() {
                let (before, behind) = pairs.split_at(at);
                let mixed = [before, std::slice::from_ref(&ours), behind].concat().join("; ");
                assert_eq!(opened(&affinity, &mixed, NOW), "10.1.2.3:8080", "{test}: {mixed}");
                let rest = affinity.for_upstream(mixed.as_bytes()).unwrap();
                let expected = if at == 0 { header.trim_ascii_start() } else { &header };
                assert_eq!(rest, expected.as_bytes(), "{test}: {mixed}");
            }
        }
        // Each cookie of the case is found by its name, once that is ours.
        for pair in sent.iter().filter(|pair| crate::cookie::is_token(&pair.name)) {
            let name = serde_json::to_string(&pair.name).unwrap();
            let affinity = load(&[NEW], &format!(r#", "audience": "shop", "cookie": {{"name": {name}}}"#));
            let header = format!("{}={}", pair.name, pair.value);
            assert_eq!(opened(&affinity, &header, NOW), "malformed", "{test}: {header}");
        }
    }
}

/// Not random enough for anything but tests.
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
