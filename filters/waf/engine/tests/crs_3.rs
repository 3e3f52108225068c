//! Debian's Core Rule Set, 3.3: it loads, and decides as the current one does. `make debian` unpacks it into `.tools/debian`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use portcullis_engine::{Connection, Document, Options, Waf};
use portcullis_seclang::loader::FileSystem;

const BEFORE: &str = r#"
SecRuleEngine On
SecRequestBodyAccess On
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,nolog,pass,ctl:requestBodyProcessor=JSON"
"#;

/// Method, target, header, body; the rule that finds something, or 0 where the request passes.
type Row = (&'static str, &'static str, (&'static str, &'static str), &'static str, u64);

const ROWS: &[Row] = &[
    ("GET", "/shop?q=boots&page=2", ("Accept-Language", "en"), "", 0),
    ("POST", "/shop", ("Content-Type", "application/x-www-form-urlencoded"), "name=Ann+Lee&city=Oslo", 0),
    ("POST", "/shop", ("Content-Type", "application/json"), r#"{"name":"Ann","tags":["a","b"]}"#, 0),
    ("GET", "/?q=1%27%20OR%20%271%27=%271", ("Accept-Language", "en"), "", 942_100),
    ("GET", "/?q=%3Cscript%3Ealert(1)%3C/script%3E", ("Accept-Language", "en"), "", 941_100),
    ("GET", "/?file=../../../../etc/passwd", ("Accept-Language", "en"), "", 930_110),
    ("POST", "/", ("Content-Type", "application/x-www-form-urlencoded"), "c=;cat+/etc/passwd", 932_160),
    ("POST", "/", ("Content-Type", "application/json"), r#"{"c":"<?php system('id');"}"#, 933_100),
    ("GET", "/", ("User-Agent", "sqlmap/1.4"), "", 913_100),
    ("GET", "/", ("X-Api", "java.lang.Runtime"), "", 944_130),
];

#[test]
fn debians_core_rule_set() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.tools/debian"));
    let Ok(setup) = std::fs::read(root.join("etc/modsecurity/crs/crs-setup.conf")) else {
        println!("skipped: modsecurity-crs is not present in .tools/debian");
        return;
    };
    let root = root.join("usr/share/modsecurity-crs");
    // What asks for GeoIP and DNS the module leaves out, too.
    let rules = std::fs::read_dir(root.join("rules")).unwrap();
    let mut rules: Vec<String> = rules
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".conf") && name != "REQUEST-910-IP-REPUTATION.conf")
        .map(|name| format!("Include rules/{name}\n"))
        .collect();
    rules.sort();
    let rules = rules.concat();
    let documents = [
        Document { name: "before.conf", text: BEFORE.as_bytes() },
        Document { name: "crs-setup.conf", text: &setup },
        Document { name: "crs.conf", text: rules.as_bytes() },
    ];
    let files = FileSystem::new(&root);
    let waf = Waf::compile(&documents, &files, &Options::default()).unwrap_or_else(|errors| {
        panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    });
    for (method, target, header, body, rule) in ROWS {
        let mut tx = waf.transaction();
        tx.connection(Connection { client_address: b"192.0.2.1", ..Connection::default() });
        tx.request_line(method.as_bytes(), target.as_bytes(), b"HTTP/1.1");
        let length = body.len().to_string();
        let agent = ("User-Agent", "Mozilla/5.0");
        let mut headers = vec![("Host", "shop.example.com"), ("Accept", "*/*"), *header];
        headers.extend([agent].iter().filter(|_| header.0 != "User-Agent"));
        headers.extend([("Content-Length", length.as_str())].iter().filter(|_| !body.is_empty()));
        for (name, value) in headers {
            tx.request_header(name.as_bytes(), value.as_bytes());
        }
        let stopped = tx.process_request_headers().or_else(|| tx.process_request_body(body.as_bytes()));
        let found: Vec<u64> = tx.matches().iter().map(|matched| matched.id).collect();
        let expected = (*rule != 0).then_some((403, Some(949_110)));
        assert_eq!(
            stopped.map(|stopped| (stopped.status, stopped.rule_id())),
            expected,
            "{method} {target} {body}: {found:?}"
        );
        assert!(*rule == 0 || found.contains(rule), "{method} {target} {body}: {found:?}");
    }
}
