use super::*;

fn read(text: &[u8]) -> Request {
    parse(text, &|name| {
        if name == "body.json" { Ok(b"{\"a\":\n1}".to_vec()) } else { Err("no such file".into()) }
    })
    .unwrap_or_else(|error| panic!("{error}\n{}", text.escape_ascii()))
}

fn error(text: &[u8]) -> String {
    parse(text, &|_| Err("no such file".into())).unwrap_err()
}

/// Method, scheme, authority, path, a header, body.
type Case<'a> = (&'a str, [&'a str; 4], (&'a str, &'a str), &'a str);

#[test]
fn requests_are_read_as_a_proxy_has_them() {
    let cases: &[Case<'_>] = &[
        ("GET /a?b HTTP/1.1\nHost: h\nX-Y: 1\n\n", ["GET", "http", "h", "/a?b"], ("x-y", "1"), ""),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\n",
            ["POST", "http", "h", "/"],
            ("content-length", "3"),
            "abc",
        ),
        (
            "POST / HTTP/1.1\nhost: h\ntransfer-encoding: chunked\n\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            ["POST", "http", "h", "/"],
            ("x-forwarded-proto", "http"),
            "abcde",
        ),
        (
            "GET https://h:8443/x HTTP/2\n:authority: other\naccept: a\n",
            ["GET", "https", "h:8443", "/x"],
            ("accept", "a"),
            "",
        ),
        (
            "* Connected\n> GET /v HTTP/1.1\n> Host: h\n> Accept: */*\n>\n< HTTP/1.1 200 OK\n< server: s\n",
            ["GET", "http", "h", "/v"],
            ("accept", "*/*"),
            "",
        ),
        ("GET /folded HTTP/1.1\nhost: h\nx-y: 1\n  2\n", ["GET", "http", "h", "/folded"], ("x-y", "1 2"), ""),
        ("curl http://h/p", ["GET", "http", "h", "/p"], ("user-agent", "curl/8.14.1"), ""),
        ("curl h", ["GET", "http", "h", "/"], ("accept", "*/*"), ""),
        (
            "curl 'https://u:p@h/' -d a=1 --data b=2",
            ["POST", "https", "h", "/"],
            ("authorization", "Basic dTpw"),
            "a=1&b=2",
        ),
        ("curl -G h/s -d q=1", ["GET", "http", "h", "/s?q=1"], ("accept", "*/*"), ""),
        (
            "curl -XPUT h --json '{\"a\":1}'",
            ["PUT", "http", "h", "/"],
            ("content-type", "application/json"),
            "{\"a\":1}",
        ),
        (
            "curl h --data-binary @body.json -H 'content-type: application/json'",
            ["POST", "http", "h", "/"],
            ("content-type", "application/json"),
            "{\"a\":\n1}",
        ),
        (
            "curl h -d @body.json",
            ["POST", "http", "h", "/"],
            ("content-type", "application/x-www-form-urlencoded"),
            "{\"a\":1}",
        ),
        (
            "curl h --data-urlencode 'q=a b&c'",
            ["POST", "http", "h", "/"],
            ("content-length", "11"),
            "q=a%20b%26c",
        ),
        (
            "curl 'h/' \\\n  -H 'X-A: it'\\''s' \\\n  --data-raw $'a\\nb\\u0021' --compressed",
            ["POST", "http", "h", "/"],
            ("x-a", "it's"),
            "a\nb!",
        ),
        ("curl h/a/../b/./c", ["GET", "http", "h", "/b/c"], ("accept", "*/*"), ""),
        ("curl --path-as-is h/a/../b", ["GET", "http", "h", "/a/../b"], ("accept", "*/*"), ""),
        (
            "curl -sSkI https://h -b 'a=1; b=2' | jq .",
            ["HEAD", "https", "h", "/"],
            ("cookie", "a=1; b=2"),
            "",
        ),
        (
            "curl h -H 'Host: other.example' -H 'user-agent:' -A mine",
            ["GET", "http", "other.example", "/"],
            ("user-agent", "mine"),
            "",
        ),
    ];
    for (text, [method, scheme, authority, path], (name, value), body) in cases {
        let Request { message, .. } = read(text.as_bytes());
        let of = |name: &str| String::from_utf8_lossy(message.header(name).unwrap_or(b"(none)")).into_owned();
        let found = [of(":method"), of(":scheme"), of(":authority"), of(":path"), of(name)];
        assert_eq!(found, [*method, *scheme, *authority, *path, *value], "{text}");
        assert_eq!(String::from_utf8_lossy(&message.body), *body, "{text}");
    }
}

#[test]
fn a_form_is_sent_in_parts() {
    let Request { message, .. } = read(b"curl h -F 'a=1' -F 'f=@body.json;type=text/x'");
    let body = String::from_utf8(message.body.clone()).unwrap();
    assert!(body.contains("name=\"a\"\r\n\r\n1\r\n"), "{body}");
    assert!(body.contains("filename=\"body.json\"\r\nContent-Type: text/x\r\n\r\n{\"a\":\n1}"), "{body}");
    assert!(message.header("content-type").unwrap().starts_with(b"multipart/form-data; boundary="));
}

#[test]
fn bytes_stay_as_they_are() {
    let Request { message, .. } = read(b"GET /\xff HTTP/1.1\nhost: h\nx: \xfe\n\n\x00\xff");
    assert_eq!(message.header(":path"), Some(&b"/\xff"[..]));
    assert_eq!(message.header("x"), Some(&b"\xfe"[..]));
    assert_eq!(message.body, b"\x00\xff");
}

#[test]
fn what_is_no_request_is_refused_with_its_line() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "found nothing"),
        (b"\x7fELF\x02\x01 /", "line 1: found a binary"),
        (b"Include other.conf\n", "line 1"),
        (b"Dear Sir, dear Madam\n", "line 1"),
        (b"hello", "line 1"),
        (b"GET / HTTP/1.1\nhost: h\nnonsense\n", "line 3"),
        (b"GET / HTTP/1.1\nho st: h\n", "line 2"),
        (b"curl -X", "expected its value"),
        (b"curl --frobnicate h", "--frobnicate"),
        (b"curl -d @gone h", "no such file"),
        (b"curl 'h", "not closed"),
        (b"curl -s", "found no URL"),
        (b"curl ftp://h/", "expected one of http or https"),
        (b"curl h -b jar.txt", "expected `name=value`"),
        (b"curl h -H nonsense", "expected `name: value`"),
    ];
    for (text, expected) in cases {
        let found = error(text);
        assert!(found.contains(expected), "{}: {found}", text.escape_ascii());
    }
    assert!(error(&vec![b'a'; MAX_REQUEST_BYTES + 1]).contains("at most"));
}
