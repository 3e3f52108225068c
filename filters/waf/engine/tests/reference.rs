//! Where a rule says that it matched: ModSecurity v3's `ref`. The numbers are counted by hand, as `src/transaction.cc` counts.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use portcullis_engine::{Transaction, Waf};

/// A form: the query is at 14, headers start at 37, the body at 112.
const FORM: Request = Request {
    target: "/p/a.php?x=1&long=a%41",
    headers: &[("Host", "h"), ("Cookie", "a=1; bb=2"), ("Content-Type", "application/x-www-form-urlencoded")],
    body: "p=q&r=s",
};

/// The header with the names has its value at 88 of the request, the file is at 67 of the body, which is at 62.
const UPLOAD: Request = Request {
    target: "/",
    headers: &[("Content-Type", "multipart/form-data; boundary=b")],
    body: "--b\r\nContent-Disposition: form-data; name=\"n\"; filename=\"f.txt\"\r\n\r\nhello\r\n\
           --b\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\nv\r\n--b--\r\n",
};

const JSON: Request = Request { target: "/", headers: &[], body: r#"{"a":"bc"}"# };

struct Request {
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

#[test]
fn references_name_the_bytes() {
    let rows: &[(&Request, &str, &str)] = &[
        (&FORM, "SecRule REQUEST_METHOD '@streq POST' id:1", "v0,4"),
        (&FORM, "SecRule REQUEST_LINE '@beginsWith POST' id:1", "o0,4v0,36"),
        (&FORM, "SecRule REQUEST_URI_RAW '@contains long' id:1", "o13,4v5,22"),
        (&FORM, "SecRule REQUEST_FILENAME '@endsWith .php' id:1", "o4,4v5,8"),
        (&FORM, r"SecRule REQUEST_BASENAME '@rx ^(a)\.(p)|(no)' id:1", "o0,3o0,1o2,1v8,5"),
        (&FORM, "SecRule QUERY_STRING '@rx x' id:1", "o0,1v14,13"),
        (&FORM, "SecRule QUERY_STRING '@rxGlobal a' id:1", "o9,1v14,13"),
        (&FORM, "SecRule QUERY_STRING '@validateUrlEncoding' 'id:1,t:removeWhitespace'", ""),
        (&FORM, "SecRule REQUEST_PROTOCOL '@within HTTP/1.0 HTTP/1.1' id:1", "o9,8v28,8"),
        (&FORM, "SecRule ARGS:x '@eq 1' id:1", "v16,1"),
        (&FORM, "SecRule ARGS_NAMES:long '@streq long' id:1", "v18,4"),
        (&FORM, "SecRule ARGS:long '@streq aa' 'id:1,t:none,t:lowercase,t:trim'", "v23,2t:lowercase,t:trim"),
        (&FORM, "SecRule ARGS_GET ^a 'id:1,multiMatch,t:trim,t:lowercase'", "o0,1v23,2o0,1v23,2t:lowercase"),
        (&FORM, "SecRule ARGS_POST:r '@streq s' id:1", "v118,1"),
        (&FORM, "SecRule REQUEST_HEADERS:Host '@pm x h' id:1", "o0,1v43,1"),
        (&FORM, "SecRule REQUEST_HEADERS_NAMES '@containsWord Cookie' id:1", "v45,6"),
        (&FORM, "SecRule REQUEST_COOKIES:bb '!@streq 1' id:1", "v61,1"),
        (&FORM, "SecRule REQUEST_COOKIES_NAMES '@streq a' id:1", "v53,1"),
        (&FORM, "SecRule REQUEST_BODY '@validateByteRange 32-111,113-126' id:1", "o0,1v112,7"),
        (&FORM, "SecRule ARGS_COMBINED_SIZE '@gt 0' id:1", "v14,1v16,1v18,4v23,2v112,1v114,1v116,1v118,1"),
        (&FORM, "SecRule ARGS:x 1 'id:1,chain'\nSecRule ARGS:long aA", "o0,1v16,1o0,2v23,2"),
        (
            &FORM,
            "SecAction 'id:2,nolog,setvar:tx.n=ong'\nSecRule ARGS_NAMES '@contains %{tx.n}' id:1",
            "o1,3v18,4",
        ),
        // Numbers of values, and what rules have set, are nowhere in the request.
        (&FORM, "SecRule &ARGS '@eq 4' id:1", ""),
        (&FORM, "SecAction 'id:2,nolog,setvar:tx.n=1'\nSecRule TX:n 1 id:1", "o0,1"),
        (&FORM, "SecAction id:1", ""),
        // What stops a request is reported although it has nolog.
        (&FORM, "SecRule ARGS:x '@eq 1' 'id:1,nolog,deny'", "v16,1"),
        (&UPLOAD, "SecRule FILES_NAMES '@streq n' id:1", "v106,1"),
        (&UPLOAD, "SecRule FILES '@contains .txt' id:1", "o1,4v120,5"),
        (&UPLOAD, "SecRule MULTIPART_FILENAME '@streq f.txt' id:1", "v120,5"),
        (&UPLOAD, "SecRule FILES_SIZES '@eq 5' id:1", "v131,5"),
        (&UPLOAD, "SecRule FILES_COMBINED_SIZE '@eq 5' id:1", "v131,5"),
        (&UPLOAD, "SecRule ARGS_POST '@streq v' id:1", "v186,1"),
        (
            &JSON,
            "SecAction 'id:2,phase:1,nolog,ctl:requestBodyProcessor=JSON'\nSecRule ARGS bc id:1",
            "o0,2v7,2",
        ),
    ];
    for (request, rules, expected) in rows {
        let tx = run(request, rules);
        let found = tx.matches().iter().find(|matched| matched.id == 1);
        let found = found.map_or_else(String::new, |rule| String::from_utf8(rule.reference.clone()).unwrap());
        assert_eq!(found, *expected, "{rules}");
    }
}

#[test]
fn references_have_a_limit() {
    let query: Vec<String> = (0..500).map(|number| format!("a{number}=x")).collect();
    let target = format!("/?{}", query.join("&"));
    let waf =
        Waf::from_text(b"SecRuleEngine On\nSecRule ARGS x 'id:1,phase:1'\n").expect("the rules are right");
    let mut tx = waf.transaction();
    tx.request_line(b"GET", target.as_bytes(), b"HTTP/1.1");
    tx.process_request_headers();
    let reference = &tx.matches().first().expect("the rule matches").reference;
    assert!((200..230).contains(&reference.len()), "{}", String::from_utf8_lossy(reference));
}

fn run(request: &Request, rules: &str) -> Transaction {
    let waf = Waf::from_text(format!("SecRuleEngine On\nSecRequestBodyAccess On\n{rules}\n").as_bytes());
    let mut tx = waf.expect("the rules are right").transaction();
    tx.request_line(b"POST", request.target.as_bytes(), b"HTTP/1.1");
    for (name, value) in request.headers {
        tx.request_header(name.as_bytes(), value.as_bytes());
    }
    if tx.process_request_headers().is_none() {
        tx.process_request_body(request.body.as_bytes());
    }
    tx
}
