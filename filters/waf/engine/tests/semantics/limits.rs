//! What is over a limit.

use super::{compile, run};
use portcullis_engine::{Cause, Limits, Options};

/// What can't be inspected is not let through.
#[test]
fn running_out_of_memory_stops_the_request() {
    let limits = Limits { memory: 300, ..Limits::default() };
    let waf = compile(
        "SecRuleEngine On\nSecRule ARGS x 'id:1,phase:1,t:hexEncode'",
        &Options { limits, ..Options::default() },
    );
    let (_, found) = run(&waf, &format!("/?a={}", "b".repeat(100)), b"", b"");
    assert_eq!(found.unwrap().cause, Cause::Memory);
}

#[test]
fn headers_and_cookies_over_the_limit_stop_the_request() {
    let limits = Limits { headers: 3, cookies: 2, ..Limits::default() };
    let waf = compile("SecRuleEngine On", &Options { limits, ..Options::default() });
    for (headers, stops) in [
        (&["a", "b", "c"][..], false),
        (&["a", "b", "c", "d"], true),
        (&["cookie", "cookie"], false),
        (&["cookie", "cookie", "cookie"], true),
    ] {
        let mut tx = waf.transaction();
        tx.request_line(b"GET", b"/", b"HTTP/1.1");
        headers.iter().for_each(|name| tx.request_header(name.as_bytes(), b"x=1"));
        let cause = tx.process_request_headers().map(|found| found.cause);
        assert_eq!(cause, stops.then_some(Cause::Memory), "{headers:?}");
    }
}

#[test]
fn too_many_arguments_are_counted() {
    let waf = compile(
        "SecRuleEngine On\nSecArgumentsLimit 3\nSecRule &ARGS '@ge 3' 'id:1,phase:1,deny'",
        &Options::default(),
    );
    assert_eq!(run(&waf, "/?a&b&c&d&e", b"", b"").1.unwrap().rule_id(), Some(1));
}

/// What is inspected of a body that is cut is judged; that it has no end is no error. What is wrong before the cut is one.
#[test]
fn a_cut_body_is_no_malformed_one() {
    let rules = "SecRuleEngine On
         SecRequestBodyLimitAction ProcessPartial
         SecRule REQUEST_HEADERS:Content-Type json 'id:8,phase:1,nolog,ctl:requestBodyProcessor=JSON'
         SecRule REQUEST_HEADERS:Content-Type xml 'id:9,phase:1,nolog,ctl:requestBodyProcessor=XML'
         SecRule REQBODY_ERROR '@eq 1' 'id:1,phase:2'
         SecRule INBOUND_DATA_ERROR '@eq 1' 'id:2,phase:2'
         SecRule ARGS|XML:/* attack 'id:3,phase:2'";
    let form = "multipart/form-data; boundary=b";
    let part = "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nattack\r\n--b\r\nContent-Disp";
    let rows: [(&str, &str, &[u64]); 8] = [
        ("application/json", r#"{"a":"attack","b":["x"#, &[2, 3]),
        ("application/json", r#"{"a":"attack",,"b":["x"#, &[1, 2, 3]),
        ("text/xml", "<a><b>attack</b><c>x", &[2, 3]),
        ("text/xml", "<a><b>attack</b><c na", &[2, 3]),
        ("text/xml", "<a><b>attack</x><c>y", &[1, 2, 3]),
        (form, part, &[2, 3]),
        (form, "--b\r\nnonsense\r\n\r\nattack\r\n", &[1, 2]),
        ("application/x-www-form-urlencoded", "a=attack&b=x", &[2, 3]),
    ];
    for (content_type, start, ids) in rows {
        let waf = compile(&format!("SecRequestBodyLimit {}\n{rules}", start.len()), &Options::default());
        let body = format!("{start} and more");
        let (tx, _) = run(&waf, "/", content_type.as_bytes(), body.as_bytes());
        let found: Vec<u64> = tx.matches().iter().map(|matched| matched.id).collect();
        assert_eq!(found, ids, "{content_type}: {start}");
        // The same as a whole.
        let (tx, _) = run(
            &compile(&format!("SecRequestBodyLimit 1000\n{rules}"), &Options::default()),
            "/",
            content_type.as_bytes(),
            start.as_bytes(),
        );
        let is_form = content_type.ends_with("urlencoded");
        assert_eq!(tx.matches().iter().any(|matched| matched.id == 1), !is_form, "{content_type}: {start}");
    }
}
