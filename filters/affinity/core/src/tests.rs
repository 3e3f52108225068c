mod config;
mod cookies;
mod rules;

use super::*;
use crate::token::TOKEN_CHARACTERS;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

/// A request in plain text.
const HTTP: Client<'_> = Client { https: false, rejects_same_site_none: false, scope: b"" };
const NOW: Duration = Duration::from_secs(1_800_000_000);
const OLD: &str = "an old secret, of more than 32 characters";
const NEW: &str = "K7Jm0b2v9QeXn4TzRk1ys8dUw3fGhLpA5cVoE6iHtjM=";
const OTHER: &str = "f3a9c1d27b604e58a1b2c3d4e5f60718293a4b5c6d7e8f90";

/// A configuration of these secrets, and of further members.
fn load(keys: &[&str], more: &str) -> Affinity {
    let keys = serde_json::to_string(keys).unwrap();
    let config = format!(r#"{{"keys": {keys}{more}}}"#);
    Affinity::new(sdk_shim_config::parse(config.as_bytes()).unwrap(), &|_| None).unwrap()
}

fn shop() -> Affinity {
    load(&[NEW], r#", "audience": "shop""#)
}

fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text.as_bytes()).unwrap()
}

fn nonce(seed: u8) -> [u8; NONCE_BYTES] {
    std::array::from_fn(|index| seed.wrapping_mul(31).wrapping_add(index as u8))
}

/// The whole `set-cookie` value of a new session.
fn set_cookie(affinity: &Affinity, text: &str, now: Duration, https: bool) -> String {
    let Outcome::New(pin) = affinity.answered(&Session::Absent, endpoint(text), now) else {
        panic!("not new")
    };
    String::from_utf8(affinity.seal(&pin, nonce(1), now, &Client { https, ..Client::default() }).unwrap())
        .unwrap()
}

/// The `name=value` that a client sends back.
fn cookie(affinity: &Affinity, text: &str, now: Duration) -> String {
    set_cookie(affinity, text, now, false).split(';').next().unwrap().to_owned()
}

/// The endpoint that a cookie header pins to, or why not.
fn opened(affinity: &Affinity, header: impl AsRef<[u8]>, now: Duration) -> String {
    match affinity.open([header.as_ref()], now) {
        Session::Absent => "absent".to_owned(),
        Session::Pinned(pin) => pin.endpoint().unwrap().to_string(),
        Session::Rejected(rejection) => rejection.as_str().to_owned(),
    }
}

fn after(seconds: u64) -> Duration {
    NOW + Duration::from_secs(seconds)
}

fn before(seconds: u64) -> Duration {
    NOW - Duration::from_secs(seconds)
}

#[test]
fn seals_and_opens_every_endpoint() {
    let affinity = shop();
    let cases = [
        "10.1.2.3:8080",
        "0.0.0.1:1",
        "255.255.255.255:65535",
        "[2001:db8::1]:80",
        "[::]:443",
        "[::ffff:1.2.3.4]:5",
    ];
    for text in cases {
        let cookie = cookie(&affinity, text, NOW);
        assert_eq!(
            cookie.len(),
            "portcullis_affinity=".len() + TOKEN_CHARACTERS,
            "{text}: all of one length"
        );
        assert_eq!(opened(&affinity, &cookie, NOW), text);
    }
}

#[test]
fn reads_endpoints_that_the_host_knows_by_the_same_text() {
    let cases: &[(&[u8], Option<&str>)] = &[
        (b"10.1.2.3:8080", Some("MTAuMS4yLjM6ODA4MA==")),
        (b"[2001:db8::1]:80", Some("WzIwMDE6ZGI4OjoxXTo4MA==")),
        (b"", None),
        (b"10.1.2.3", None),
        (b"10.1.2.3:0", None),
        (b"10.1.2.3:70000", None),
        (b"10.1.2.3:08080", None),
        (b"[2001:DB8::1]:80", None),
        (b"[fe80::1%2]:80", None),
        (b"/var/run/upstream.sock", None),
        (b"example.com:80", None),
        (b"\xff\xfe:80", None),
    ];
    for (text, expected) in cases {
        let value = Endpoint::parse(text).map(Endpoint::header_value);
        assert_eq!(value.as_deref(), *expected, "{}", text.escape_ascii());
    }
}

#[test]
fn gives_nothing_away() {
    let affinity = shop();
    let token = |text, seed| {
        let Outcome::New(pin) = affinity.answered(&Session::Absent, endpoint(text), NOW) else {
            panic!("not new")
        };
        let set_cookie = affinity.seal(&pin, nonce(seed), NOW, &HTTP).unwrap();
        let value = set_cookie.split(|byte| matches!(byte, b'=' | b';')).nth(1).unwrap();
        URL_SAFE_NO_PAD.decode(value).unwrap()
    };
    let (one, same) = (token("10.1.2.3:8080", 1), token("10.1.2.3:8080", 2));
    assert_ne!(one[5..], same[5..], "the same endpoint looks different each time");
    for (name, needle) in [("address", [10, 1, 2, 3].as_slice()), ("port", &8080_u16.to_be_bytes())] {
        let sealed = &one[29..];
        assert!(!sealed.windows(needle.len()).any(|window| window == needle), "the {name} shows");
    }
    assert!(!format!("{affinity:?}").contains("K7Jm"));
}

#[test]
fn refuses_every_altered_bit_and_every_cut() {
    let affinity = shop();
    let cookie = cookie(&affinity, "10.1.2.3:8080", NOW);
    let (name, token) = cookie.split_once('=').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0 => "malformed",
            1..5 => "unknown_key",
            _ => "tampered",
        };
        let header = format!("{name}={}", URL_SAFE_NO_PAD.encode(altered));
        assert_eq!(opened(&affinity, header, NOW), expected, "bit {bit}");
    }
    for at in 0..token.len() {
        for byte in 0..=255_u8 {
            let mut altered = token.as_bytes().to_vec();
            if altered[at] == byte {
                continue;
            }
            altered[at] = byte;
            let header = [name.as_bytes(), b"=", &altered].concat();
            let session = affinity.open([&header[..]], NOW);
            assert!(matches!(session, Session::Rejected(_)), "byte {at} as {byte:#04x}: {session:?}");
        }
    }
    for length in 0..token.len() {
        assert_eq!(
            opened(
                &affinity,
                format!("{name}={}", String::from_utf8_lossy(&token.as_bytes()[..length])),
                NOW
            ),
            "malformed",
            "cut to {length}"
        );
        assert_eq!(
            opened(
                &affinity,
                format!("{name}={}", String::from_utf8_lossy(&token.as_bytes()[length + 1..])),
                NOW
            ),
            "malformed",
            "cut off {length}"
        );
    }
    for padding in ["=", "==", "A", "AAAA", "%3D", "\""] {
        assert_eq!(opened(&affinity, format!("{cookie}{padding}"), NOW), "malformed", "{padding} behind it");
    }
}

#[test]
fn binds_to_key_audience_and_name() {
    let sealed = cookie(&shop(), "10.1.2.3:8080", NOW);
    let cases = [
        ("the same", load(&[NEW], r#", "audience": "shop""#), "10.1.2.3:8080"),
        (
            "other attributes",
            load(&[NEW], r#", "audience": "shop", "cookie": {"path": "/x"}"#),
            "10.1.2.3:8080",
        ),
        ("other audience", load(&[NEW], r#", "audience": "shop2""#), "tampered"),
        ("other key", load(&[OTHER], r#", "audience": "shop""#), "unknown_key"),
        (
            "a secret in other encoding",
            load(&[&format!("{NEW} ")], r#", "audience": "shop""#),
            "10.1.2.3:8080",
        ),
    ];
    for (name, affinity, expected) in cases {
        assert_eq!(opened(&affinity, &sealed, NOW), expected, "{name}");
    }
    let renamed = load(&[NEW], r#", "audience": "shop", "cookie": {"name": "b"}"#);
    let header = sealed.replace("portcullis_affinity=", "b=");
    assert_eq!(opened(&renamed, header, NOW), "tampered", "other name");
    // Audience and name are kept apart.
    let one = load(&[NEW], r#", "audience": "ab", "cookie": {"name": "c"}"#);
    let two = load(&[NEW], r#", "audience": "a", "cookie": {"name": "bc"}"#);
    let header = cookie(&one, "10.1.2.3:8080", NOW).replacen("c=", "bc=", 1);
    assert_eq!(opened(&two, header, NOW), "tampered");
}

#[test]
fn rotates_keys_without_losing_a_session() {
    let steps: [(&str, &[&str]); 4] =
        [("before", &[OLD]), ("known", &[OLD, NEW]), ("sealing", &[NEW, OLD]), ("after", &[NEW])];
    let replicas = steps.map(|(name, keys)| (name, load(keys, r#", "audience": "shop""#)));
    // Replicas are at most one step apart.
    for pair in replicas.windows(2) {
        for (from, to) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
            if (from.0, to.0) == ("sealing", "after") {
                continue; // The old key goes once no cookie comes under it: below.
            }
            let header = cookie(&from.1, "10.1.2.3:8080", NOW);
            assert_eq!(opened(&to.1, header, NOW), "10.1.2.3:8080", "{} to {}", from.0, to.0);
        }
    }
    let [(_, old), _, (_, sealing), (_, after)] = &replicas;
    let session = sealing.open([cookie(old, "10.1.2.3:8080", before(60)).as_bytes()], NOW);
    let Outcome::Renewed(pin) = sealing.answered(&session, endpoint("10.1.2.3:8080"), NOW) else {
        panic!("{session:?} is not renewed")
    };
    let renewed = sealing.seal(&pin, nonce(3), NOW, &HTTP).unwrap();
    let Session::Pinned(pin) = after.open(renewed.split(|byte| *byte == b';').take(1), NOW) else {
        panic!("not under the new key")
    };
    assert!(!pin.under_old_key());
    assert_eq!(u64::from(pin.issued), before(60).as_secs(), "it stays the same session");
    assert_eq!(opened(after, cookie(old, "10.1.2.3:8080", NOW), NOW), "unknown_key");
}

#[test]
fn honours_the_clock() {
    const DAY: u64 = 24 * 3600;
    // (timeouts, issued, read, expected)
    let cases = [
        ("", NOW, after(50 * 365 * DAY), "10.1.2.3:8080"),
        (r#", "absolute_timeout": "1h""#, NOW, after(3599), "10.1.2.3:8080"),
        (r#", "absolute_timeout": "1h""#, NOW, after(3600), "expired"),
        (r#", "cookie": {"max_age": "1m30s"}"#, NOW, after(89), "10.1.2.3:8080"),
        (r#", "cookie": {"max_age": "1m30s"}"#, NOW, after(90), "expired"),
        (r#", "cookie": {"max_age": "1h"}, "absolute_timeout": "2h""#, NOW, after(3600), "10.1.2.3:8080"),
        (r#", "cookie": {"max_age": "1h"}, "absolute_timeout": "2h""#, NOW, after(7200), "expired"),
        (r#", "idle_timeout": "10m""#, NOW, after(599), "10.1.2.3:8080"),
        (r#", "idle_timeout": "10m""#, NOW, after(600), "idle"),
        (r#", "idle_timeout": "10m", "absolute_timeout": "10m""#, NOW, after(600), "expired"),
        // Clocks of replicas differ a little, or one is wrong.
        (r#", "absolute_timeout": "1h""#, NOW, before(10), "10.1.2.3:8080"),
        ("", NOW, before(DAY), "10.1.2.3:8080"),
        ("", NOW, before(DAY + 1), "future"),
        ("", NOW, Duration::ZERO, "future"),
        // Behind 2106 all times are the same.
        ("", NOW, Duration::MAX, "10.1.2.3:8080"),
        ("", Duration::MAX, Duration::MAX, "10.1.2.3:8080"),
        (r#", "absolute_timeout": "1h""#, NOW, Duration::MAX, "expired"),
    ];
    for (timeouts, issued, read, expected) in cases {
        let affinity = load(&[NEW], &format!(r#", "audience": "shop"{timeouts}"#));
        let header = cookie(&affinity, "10.1.2.3:8080", issued);
        assert_eq!(opened(&affinity, header, read), expected, "{timeouts} from {issued:?} at {read:?}");
    }
}

#[test]
fn decides_about_the_cookie() {
    // (timeouts, cookie sealed for, age, who answered, outcome, seconds that the new pin is old)
    let cases = [
        ("", None, 0, "10.1.2.3:8080", "new", 0),
        ("", Some("10.1.2.3:8080"), 0, "10.1.2.3:8080", "kept", 0),
        ("", Some("10.1.2.3:8080"), 1_000_000, "10.1.2.3:8080", "kept", 0),
        ("", Some("10.1.2.3:8080"), 5, "10.1.2.3:8081", "moved", 0),
        ("", Some("10.1.2.3:8080"), 5, "[::ffff:10.1.2.3]:8080", "moved", 0),
        (r#", "absolute_timeout": "1h""#, Some("10.1.2.3:8080"), 3000, "10.1.2.3:8080", "kept", 0),
        (r#", "absolute_timeout": "1h""#, Some("10.1.2.3:8080"), 3600, "10.1.2.3:8080", "new", 0),
        (r#", "idle_timeout": "10m""#, Some("10.1.2.3:8080"), 59, "10.1.2.3:8080", "kept", 0),
        (r#", "idle_timeout": "10m""#, Some("10.1.2.3:8080"), 60, "10.1.2.3:8080", "renewed", 60),
        (r#", "idle_timeout": "10m""#, Some("10.1.2.3:8080"), 60, "10.1.2.4:8080", "moved", 0),
        (r#", "idle_timeout": "5s""#, Some("10.1.2.3:8080"), 0, "10.1.2.3:8080", "kept", 0),
        (r#", "idle_timeout": "5s""#, Some("10.1.2.3:8080"), 1, "10.1.2.3:8080", "renewed", 1),
    ];
    for (timeouts, sealed, age, answered, expected, pin_age) in cases {
        let affinity = load(&[NEW], &format!(r#", "audience": "shop"{timeouts}"#));
        let header = sealed.map(|text| cookie(&affinity, text, before(age))).unwrap_or_default();
        let session = affinity.open([header.as_bytes()], NOW);
        let outcome = affinity.answered(&session, endpoint(answered), NOW);
        let (name, pin) = match outcome {
            Outcome::Kept => ("kept", None),
            Outcome::Renewed(pin) => ("renewed", Some(pin)),
            Outcome::Moved(pin) => ("moved", Some(pin)),
            Outcome::Replaced(pin) => ("replaced", Some(pin)),
            Outcome::New(pin) => ("new", Some(pin)),
        };
        assert_eq!(name, expected, "{timeouts} {sealed:?} {age} {answered}");
        if let Some(pin) = pin {
            assert_eq!(pin.endpoint(), Some(endpoint(answered)));
            assert_eq!(u64::from(pin.issued), before(pin_age).as_secs());
            assert_eq!(u64::from(pin.seen), NOW.as_secs());
        }
    }
}

#[test]
fn an_idle_session_that_is_used_lives_to_the_absolute_timeout() {
    let affinity = load(
        &[NEW],
        r#", "audience": "shop", "idle_timeout": "10m", "absolute_timeout": "1h", "cookie": {"max_age": "1h"}"#,
    );
    let pinned = endpoint("10.1.2.3:8080");
    let mut cookie = cookie(&affinity, "10.1.2.3:8080", NOW);
    for minute in (5..60).step_by(5) {
        let now = after(minute * 60);
        let session = affinity.open([cookie.as_bytes()], now);
        let Outcome::Renewed(pin) = affinity.answered(&session, pinned, now) else {
            panic!("minute {minute}")
        };
        let set_cookie = String::from_utf8(affinity.seal(&pin, nonce(9), now, &HTTP).unwrap()).unwrap();
        assert!(set_cookie.contains(&format!("; Max-Age={}", (60 - minute) * 60)), "{set_cookie}");
        cookie = set_cookie.split(';').next().unwrap().to_owned();
    }
    assert_eq!(opened(&affinity, &cookie, after(3600)), "expired");
}
