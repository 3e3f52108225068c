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
