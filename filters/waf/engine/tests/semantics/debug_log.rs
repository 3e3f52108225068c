//! The debug log, in the words of ModSecurity v3.

use std::sync::{Arc, Mutex};

use super::compile;
use portcullis_engine::{Connection, Options};

#[test]
fn says_what_modsecurity_says() {
    let xml = "SecRequestBodyAccess On\nSecAction 'id:1,phase:1,ctl:requestBodyProcessor=XML'";
    let rows: &[(&str, &str, &[&str])] = &[
        (
            "SecAction 'id:1,phase:1,initcol:ip=%{REMOTE_ADDR}'",
            "",
            &[
                "[4] Transaction context created.",
                "[4] Starting phase CONNECTION. (SecRules 0)",
                "[4] Starting phase URI. (SecRules 0 + 1/2)",
                "[4] Starting phase REQUEST_HEADERS.  (SecRules 1)",
                "[5] Collection `ip' initialized with value: 192.0.2.1",
            ],
        ),
        (xml, "<a>b</a>", &["[4] XML: Initialising parser.", "[4] XML: Parsing complete (well_formed 1)."]),
        (xml, "<a>", &["[4] XML: Initialising parser.", "[4] XML: Parsing complete (well_formed 0)."]),
        (
            "SecRuleRemoveById 2\nSecRuleRemoveByTag t\nSecAction 'id:2,phase:1'\nSecAction 'id:3,phase:1,tag:t'\nSecAction 'id:4,phase:1,skip:1'",
            "",
            &[
                "[9] Skipped rule id '2'. Removed by an SecRuleRemove directive.",
                "[9] Skipped rule id '3'. Removed by a SecRuleRemoveByTag directive.",
                "[5] Skipping the next 1 rules.",
            ],
        ),
        (
            "SecAction 'id:1,phase:1,ctl:requestBodyProcessor=XML'\nSecRule XML:/p:a x 'id:2,xmlns:p=http://a.b/'",
            "<a xmlns='http://a.b/'>x</a>",
            &[
                "[4] Registered XML namespace href \"http://a.b/\" prefix \"p\"",
                "[9] Target value: \"x\" (Variable: XML:/p:a)",
            ],
        ),
        // A variable that nothing has set is there, and empty.
        (
            "SecRule AUTH_TYPE '@streq Basic' 'id:1,phase:1'",
            "",
            &["[9] Target value: \"\" (Variable: AUTH_TYPE)"],
        ),
    ];
    for (rules, body, expected) in rows {
        let waf = compile(&format!("SecRuleEngine On\n{rules}"), &Options::default());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let mut tx = waf.transaction();
        tx.set_debug_sink(
            9,
            Box::new(move |level: u8, line: &str| sink.lock().unwrap().push(format!("[{level}] {line}"))),
        );
        tx.connection(Connection { client_address: b"192.0.2.1", ..Connection::default() });
        tx.request_line(b"POST", b"/", b"HTTP/1.1");
        tx.process_request_headers();
        tx.process_request_body(body.as_bytes());
        let lines = lines.lock().unwrap();
        let mut rest = lines.iter();
        for wanted in *expected {
            assert!(
                rest.any(|line| line == wanted),
                "{rules}: {wanted} is not, in order, in\n{}",
                lines.join("\n")
            );
        }
    }
}
