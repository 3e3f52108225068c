//! What bodies are read as.

use super::{compile, run};
use portcullis_engine::{Cause, Options};

#[test]
fn bodies() {
    let json = "SecRule REQUEST_HEADERS:Content-Type ^application/json 'id:9,phase:1,nolog,ctl:requestBodyProcessor=JSON'";
    let rows: &[(&str, &str, &[u8], &[u64])] = &[
        ("SecRule ARGS:a 'x y' id:1", "application/x-www-form-urlencoded", b"a=x+y", &[1]),
        ("SecRule ARGS_POST:json.a.array_1 2 id:1", "application/json", br#"{"a":[1,2]}"#, &[1]),
        (
            "SecRule ARGS_POST_RAW:a '@streq x+%25' id:1",
            "application/x-www-form-urlencoded",
            b"a=x+%25",
            &[1],
        ),
        (
            "SecRule ARGS_POST_NAMES_RAW '@streq a%5B' id:1",
            "application/x-www-form-urlencoded",
            b"a%5B=",
            &[1],
        ),
        ("SecRule ARGS_RAW:json.a '@streq %25' id:1", "application/json", br#"{"a":"%25"}"#, &[1]),
        ("SecRule REQBODY_ERROR '@eq 1' id:1", "application/json", b"{", &[1]),
        ("SecRule REQUEST_BODY '@streq {}' id:1", "application/json", b"{}", &[1]),
        ("SecRule REQUEST_BODY_LENGTH '@eq 3' id:1", "text/plain", b"abc", &[1]),
        (
            "SecRule FILES '@streq f.php' id:1",
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=\"n\"; filename=\"f.php\"\r\n\r\nx\r\n--b--\r\n",
            &[1],
        ),
        (
            "SecRule MULTIPART_STRICT_ERROR '@eq 1' id:1",
            "multipart/form-data; boundary=b",
            b"--b\r\nnonsense",
            &[1],
        ),
    ];
    for (rule, content_type, body, ids) in rows {
        let waf = compile(&format!("SecRuleEngine On\n{json}\n{rule}"), &Options::default());
        let (tx, _) = run(&waf, "/", content_type.as_bytes(), body);
        let logged: Vec<u64> = tx.matches().iter().map(|matched| matched.id).collect();
        assert_eq!(logged, *ids, "{rule}");
    }
}

#[test]
fn a_body_over_the_limit_is_rejected_or_cut() {
    let rule =
        "SecRule REQUEST_BODY '@streq ab' 'id:1,phase:2'\nSecRule INBOUND_DATA_ERROR '@eq 1' 'id:2,phase:2'";
    let reject = compile(&format!("SecRuleEngine On\nSecRequestBodyLimit 2\n{rule}"), &Options::default());
    let (_, found) = run(&reject, "/", b"text/plain", b"abc");
    assert_eq!(found.unwrap().cause, Cause::RequestBodyLimit);
    let partial =
        format!("SecRuleEngine On\nSecRequestBodyLimit 2\nSecRequestBodyLimitAction ProcessPartial\n{rule}");
    let partial = compile(&partial, &Options::default());
    let (tx, found) = run(&partial, "/", b"text/plain", b"abc");
    assert_eq!((tx.matches().len(), found), (2, None));
}

#[test]
fn the_limit_without_files_is_a_body_error() {
    let waf = compile(
        "SecRuleEngine On
         SecRequestBodyNoFilesLimit 120
         SecRule REQBODY_ERROR '@eq 1' \"id:1,phase:2,logdata:'%{REQBODY_ERROR_MSG}'\"",
        &Options::default(),
    );
    let upload = |field: usize, file: usize| {
        let (field, file) = ("f".repeat(field), "x".repeat(file));
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"n\"\r\n\r\n{file}\r\n--b--\r\n"
        )
    };
    let form = "application/x-www-form-urlencoded";
    let rows = [
        (form, format!("a={}", "x".repeat(118)), 0),
        (form, format!("a={}", "x".repeat(119)), 1),
        ("multipart/form-data; boundary=b", upload(5, 5000), 0),
        ("multipart/form-data; boundary=b", upload(90, 5), 1),
    ];
    for (content_type, body, errors) in rows {
        let (tx, _) = run(&waf, "/", content_type.as_bytes(), body.as_bytes());
        assert_eq!(tx.matches().len(), errors, "{body}");
        if let [matched] = tx.matches() {
            assert_eq!(matched.data, b"Request body excluding files is bigger than the maximum expected.");
        }
    }
}

/// The names and values of all arguments, and whether `XML` and `REQBODY_ERROR` have something to say.
#[test]
fn xml_becomes_arguments_where_a_rule_set_asks_for_it() {
    let document = br#"<?xml version="1.0"?>
        <root><level1 id="7"><level2>foo</level2> <level2>b&amp;<![CDATA[ar]]></level2></level1><p:e xmlns:p="u"/></root>"#;
    let all = "xml.root.level1.level2=foo xml.root.level1.level2=b&ar xml.root.e=";
    let rows: &[(&str, &[u8], &str, &[u64])] = &[
        ("", document, "", &[1, 2, 3]),
        ("SecParseXmlIntoArgs On", document, all, &[1, 2, 3]),
        ("SecParseXmlIntoArgs OnlyArgs", document, all, &[]),
        ("SecAction id:9,phase:1,nolog,ctl:parseXmlIntoArgs=OnlyArgs", document, all, &[]),
        ("SecParseXmlIntoArgs On", b"<a>x</a>", "xml.a=x", &[1]),
        ("SecParseXmlIntoArgs On", b"<a>x<b/>y</a>", "xml.a.b=", &[1]),
        ("SecParseXmlIntoArgs OnlyArgs", b"<a><b>x</b>", "xml.a.b=x", &[4]),
        ("SecParseXmlIntoArgs OnlyArgs\nSecArgumentsLimit 2", b"<a><b/><b/></a>", "xml.a.b= xml.a.b=", &[]),
        (
            "SecParseXmlIntoArgs OnlyArgs\nSecArgumentsLimit 2",
            b"<a><b/><b/><b/></a>",
            "xml.a.b= xml.a.b=",
            &[4],
        ),
    ];
    for (setting, body, arguments, ids) in rows {
        let rules = "SecAction id:8,phase:1,nolog,ctl:requestBodyProcessor=XML
             SecRule XML:/* [a-z] id:1
             SecRule XML://@* 7 id:2
             SecRule XML:/root/level1/level2 foo id:3
             SecRule REQBODY_ERROR '@eq 1' id:4";
        let waf = compile(&format!("SecRuleEngine On\n{setting}\n{rules}"), &Options::default());
        let (tx, _) = run(&waf, "/", b"text/xml", body);
        let text = |(name, value): (&[u8], &[u8])| {
            format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        let shown = format!("{setting}: {}", String::from_utf8_lossy(body));
        assert_eq!(tx.arguments().map(text).collect::<Vec<_>>().join(" "), *arguments, "{shown}");
        assert_eq!(tx.matches().iter().map(|matched| matched.id).collect::<Vec<_>>(), *ids, "{shown}");
    }
    // Names are bounded: 8 KB of elements under a long name are no megabytes.
    let long = format!("<{0}>{1}</{0}>", "a".repeat(4000), "<b/>".repeat(900));
    let waf = compile(
        "SecRuleEngine On\nSecParseXmlIntoArgs On\nSecAction id:8,phase:1,nolog,ctl:requestBodyProcessor=XML\nSecRule REQBODY_ERROR '@eq 1' id:4",
        &Options::default(),
    );
    let (tx, _) = run(&waf, "/", b"text/xml", long.as_bytes());
    assert_eq!(tx.matches().len(), 1);
    assert!(tx.arguments().count() < 30, "{}", tx.arguments().count());
}
