//! `cookie open` reads what the filters write.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use portcullis_affinity_core::{Affinity, Client, Endpoint, Outcome, Session};
use std::process::Command;
use std::time::Duration;

const CONFIG: &str = r#"{"keys": ["a key for the examples of this page, no other"], "audience": "shop"}"#;
const ISSUED: u64 = 1_790_000_000;

fn cookie() -> String {
    let affinity = Affinity::new(sdk_shim_config::parse(CONFIG.as_bytes()).unwrap(), &|_| None).unwrap();
    let now = Duration::from_secs(ISSUED);
    let endpoint = Endpoint::parse(b"10.1.2.3:8080").unwrap();
    let Outcome::New(pin) = affinity.answered(&Session::Absent, endpoint, now) else { panic!() };
    let cookie = affinity.seal(&pin, [7; 24], now, &Client::default()).unwrap();
    String::from_utf8(cookie).unwrap().split(';').next().unwrap().to_owned()
}

/// Arguments, the exit status, and what the result says.
const CASES: &[(&[&str], i32, &[&str])] = &[
    (&[], 0, &["\"verdict\": \"valid\"", "10.1.2.3:8080", "2026-09-21T14:13:20Z"]),
    (&["--audience", "other"], 1, &["\"verdict\": \"tampered\"", "\"content\": null"]),
    (&["--key", "another key, with which it was never sealed"], 1, &["\"verdict\": \"unknown_key\""]),
    (&["--now", "2026-01-01T00:00:00Z"], 1, &["\"verdict\": \"future\""]),
    (&["--name", "session"], 2, &["no cookie session in there"]),
];

#[test]
fn affinitys_cookies_are_opened() {
    let cookie = cookie();
    let defaults = [
        ("--key", "a key for the examples of this page, no other"),
        ("--audience", "shop"),
        ("--now", "1790000060"),
    ];
    for (arguments, status, said) in CASES {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["--json", "cookie", "open", &cookie]).args(*arguments);
        for (name, value) in defaults.iter().filter(|(name, _)| !arguments.contains(name)) {
            command.args([name, value]);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(*status), "{arguments:?}: {text}");
        assert!(said.iter().all(|part| text.contains(part)), "{arguments:?}: {text}");
    }
}
