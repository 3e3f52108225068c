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
