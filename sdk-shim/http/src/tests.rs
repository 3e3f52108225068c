use super::*;
use std::net::IpAddr;

fn serialize(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut data = (pairs.len() as u32).to_le_bytes().to_vec();
    for (name, value) in pairs {
        data.extend((name.len() as u32).to_le_bytes());
        data.extend((value.len() as u32).to_le_bytes());
    }
    for (name, value) in pairs {
        data.extend([name, b"\0".as_slice(), value, b"\0"].concat());
    }
    data
}

#[test]
fn reads_serialized_maps() {
    let pairs: &[(&[u8], &[u8])] =
        &[(b":path", b"/"), (b"x", b"\xff\x00y"), (b"x", b""), (b"cookie", b"a=1")];
    let headers = Headers::from_serialized(serialize(pairs)).unwrap();
    assert_eq!(headers.iter().collect::<Vec<_>>(), pairs);
    assert_eq!(headers.get("x"), Some(b"\xff\x00y".as_slice()));
    assert_eq!(headers.get("X"), None);
    assert_eq!(headers.get_all(b"x").count(), 2);
    assert_eq!(headers.get_joined(b"x").unwrap().as_ref(), b"\xff\x00y,");
    assert_eq!(headers.get_joined(b":path").unwrap().as_ref(), b"/");
    assert_eq!(headers.get_joined(b"y"), None);
    assert!(Headers::from_serialized(Vec::new()).unwrap().is_empty());
}

#[test]
fn refuses_maps_that_do_not_fit() {
    let whole = serialize(&[(b"name", b"value"), (b"x", b"y")]);
    for length in 1..whole.len() {
        assert!(Headers::from_serialized(whole[..length].to_vec()).is_none(), "cut to {length}");
    }
    for count in [3_u32, 0x2000_0000, u32::MAX] {
        let mut data = whole.clone();
        data[..4].copy_from_slice(&count.to_le_bytes());
        assert!(Headers::from_serialized(data).is_none(), "count {count}");
    }
    for at in 0..4 {
        let mut data = whole.clone();
        data[4 + at * 4..8 + at * 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Headers::from_serialized(data).is_none(), "length {at}");
    }
}

#[test]
fn reads_cookies() {
    type Pair = (&'static [u8], &'static [u8]);
    let cases: &[(&[u8], &[Pair])] = &[
        (b"", &[]),
        (b"a=1", &[(b"a", b"1")]),
        (b"a=1; b=2;c=3 ; d = 4", &[(b"a", b"1"), (b"b", b"2"), (b"c", b"3"), (b"d", b"4")]),
        (b"a=x=y==", &[(b"a", b"x=y==")]),
        (b";; ;a=", &[(b"a", b"")]),
        (b"flag; =v", &[(b"", b"flag"), (b"", b"v")]),
        (b"a=\"q;b\"", &[(b"a", b"\"q"), (b"", b"b\"")]),
        (b"\xff=\x00", &[(b"\xff", b"\x00")]),
    ];
    for (header, expected) in cases {
        let headers = Headers::from_iter([(b"cookie", header)]);
        let cookies = Cookies::new(&headers).iter().collect::<Vec<_>>();
        assert_eq!(&cookies, expected, "{:?}", header.escape_ascii().to_string());
    }
    let headers = Headers::from_iter([("cookie", "a=1; A=3"), ("cookie", "a=2; b=2")]);
    let cookies = Cookies::new(&headers);
    assert_eq!(cookies.get("a"), Some(b"1".as_slice()));
    assert_eq!(cookies.get("b"), Some(b"2".as_slice()));
    assert_eq!(cookies.get("c"), None);
}

#[test]
fn writes_cookies_and_refuses_to_split_headers() {
    let cookie = SetCookie::new("sid", b"AZaz09-_.~")
        .and_then(|cookie| cookie.attribute("Path", Some(b"/shop")))
        .and_then(|cookie| cookie.attribute("Secure", None))
        .unwrap();
    assert_eq!(cookie.as_bytes(), b"sid=AZaz09-_.~; Path=/shop; Secure");
    for name in ["", "a b", "a=b", "a;b", "ä", "a\r\n"] {
        assert_eq!(SetCookie::new(name, b""), Err(SetCookieError::Name), "{name:?}");
    }
    for value in [b"a b".as_slice(), b"\"", b",", b";", b"\\", b"\r\nx: y", b"\xff", b"\0"] {
        assert_eq!(SetCookie::new("a", value), Err(SetCookieError::Value), "{value:?}");
    }
    for value in [b"/;x".as_slice(), b"/\r\nx: y", b"/\0", b"\xff"] {
        let cookie = SetCookie::new("a", b"b").unwrap();
        assert_eq!(cookie.attribute("Path", Some(value)), Err(SetCookieError::Attribute), "{value:?}");
    }
}

#[test]
fn splits_targets_and_queries() {
    let cases: &[(&str, &str, Option<&str>)] = &[
        ("/", "/", None),
        ("/a?b=c?d", "/a", Some("b=c?d")),
        ("/a?", "/a", Some("")),
        ("/a#f?x", "/a", None),
        ("/a?b#f", "/a", Some("b")),
        ("", "", None),
    ];
    for (target, path, query) in cases {
        assert_eq!(split_target(target.as_bytes()), (path.as_bytes(), query.map(str::as_bytes)), "{target}");
    }
    let query = Query::new(b"a=1&b&&c==&a=2&=x");
    assert_eq!(query.iter().count(), 5);
    assert_eq!(query.get("a"), Some(b"1".as_slice()));
    assert_eq!(query.get("b"), Some(b"".as_slice()));
    assert_eq!(query.get("c"), Some(b"=".as_slice()));
    assert_eq!(query.get("A"), None);
}

#[test]
fn reads_addresses() {
    let cases = [
        ("192.0.2.1:443", Some("192.0.2.1:443")),
        ("192.0.2.1", Some("192.0.2.1:0")),
        ("[2001:db8::1]:80", Some("[2001:db8::1]:80")),
        ("2001:db8::1", Some("[2001:db8::1]:0")),
        ("/var/run/x.sock", None),
        ("", None),
    ];
    for (text, expected) in cases {
        let address = socket_address(text.as_bytes()).map(|address| address.to_string());
        assert_eq!(address.as_deref(), expected, "{text}");
    }
    assert_eq!(socket_address(b"\xff"), None);
}

#[test]
fn matches_blocks() {
    let cases = [
        ("10.1.2.3/8", "10.255.0.1", true),
        ("10.0.0.0/8", "11.0.0.1", false),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "::1", false),
        ("::/0", "2001:db8::1", true),
        ("::/0", "192.0.2.1", false),
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("192.0.2.0/31", "::ffff:192.0.2.1", true),
        ("::ffff:192.0.2.0/127", "192.0.2.1", true),
        ("2001:db8::/33", "2001:db8:8000::1", false),
        ("2001:db8::/33", "2001:db8:7fff::1", true),
    ];
    for (block, address, expected) in cases {
        let cidr: Cidr = block.parse().unwrap();
        assert_eq!(cidr.contains(address.parse::<IpAddr>().unwrap()), expected, "{address} in {block}");
    }
    for block in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/08", "a"] {
        assert!(block.parse::<Cidr>().is_err(), "{block}");
    }
    assert_eq!("10.1.2.3/8".parse::<Cidr>().unwrap().to_string(), "10.0.0.0/8");
}
