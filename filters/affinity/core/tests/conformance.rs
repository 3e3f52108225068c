//! The cases of others, from the test data.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use portcullis_affinity_core::{Affinity, Client, Config, Endpoint, Outcome, Session};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use suites::{Known, Outcome as Suite};

const NOW: Duration = Duration::from_secs(1_800_000_000);

#[test]
fn user_agents_of_ingress_nginx() {
    #[derive(Deserialize)]
    struct Case {
        user_agent: Option<String>,
        samesite_none_ok: bool,
    }
    let Some(Cases { cases }) = read::<Cases<Case>>("derived/ingress-nginx-samesite-none-ua.json") else {
        return;
    };
    let affinity =
        load(r#"{"same_site": "none", "secure": "always", "conditional_same_site_none": true}"#).unwrap();
    let mut suite = Suite::default();
    for case in cases {
        let rejects = affinity.rejects_same_site_none(case.user_agent.as_deref().map(str::as_bytes));
        suite.add(format!("{:?}", case.user_agent), check(rejects != case.samesite_none_ok));
    }
    suite.finish("SameSite=None (ingress-nginx)", &Known::default());
}

#[test]
fn cookie_paths_of_envoy() {
    #[derive(Deserialize)]
    struct Case {
        cookie_path: String,
        applies: Vec<String>,
        does_not_apply: Vec<String>,
    }
    let Some(Cases { cases }) = read::<Cases<Case>>("derived/envoy-session-cookie-path.json") else { return };
    let mut suite = Suite::default();
    for case in cases {
        let path = serde_json::to_string(&case.cookie_path).unwrap();
        let Some(affinity) = load(&format!(r#"{{"path": {path}}}"#)) else {
            // Envoy takes it for all paths, which is `/` here.
            assert_eq!(case.cookie_path, "", "only an empty path is refused");
            suite.skip(case.applies.len() + case.does_not_apply.len());
            continue;
        };
        for (targets, expected) in [(&case.applies, true), (&case.does_not_apply, false)] {
            for target in targets {
                let applies = affinity.applies_to(target.as_bytes());
                suite.add(format!("{path} and {target:?}"), check(applies == expected));
            }
        }
    }
    suite.finish("cookie path (Envoy)", &Known::default());
}

/// The `cookie` headers that browsers send in http-state's cases: ours beside them is found at every place, and taken
/// out without a trace.
#[test]
fn cookie_headers_of_http_state() {
    #[derive(Deserialize)]
    struct Case {
        test: String,
        received: Vec<String>,
        sent: Vec<Pair>,
    }
    #[derive(Deserialize)]
    struct Pair {
        name: String,
        value: String,
    }
    let Some(cases) = read::<Vec<Case>>("http-state/tests/data/parser.json") else { return };
    let affinity = load("{}").unwrap();
    let ours = cookie(&affinity);
    let mut suite = Suite::default();
    for Case { test, received, sent } in cases {
        // What a server set is no `cookie` header, but a client may send anything.
        let pairs = sent.iter().map(|pair| format!("{}={}", pair.name, pair.value)).collect::<Vec<_>>();
        let mut holds = true;
        for pairs in [pairs, received] {
            let header = pairs.join("; ");
            holds &= affinity.open([header.as_bytes()], NOW) == Session::Absent;
            holds &= affinity.for_upstream(header.as_bytes()).is_none();
            for at in 0..=pairs.len() {
                let (before, behind) = pairs.split_at(at);
                let mixed = [before, std::slice::from_ref(&ours), behind].concat().join("; ");
                holds &= matches!(affinity.open([mixed.as_bytes()], NOW), Session::Pinned(_));
                let expected = if at == 0 { header.trim_ascii_start() } else { &header };
                holds &=
                    affinity.for_upstream(mixed.as_bytes()).is_some_and(|rest| rest == expected.as_bytes());
            }
        }
        // Each cookie of the case is found by its name, once that is ours. One that cannot be ours is refused.
        for pair in &sent {
            let name = serde_json::to_string(&pair.name).unwrap();
            let Some(affinity) = load(&format!(r#"{{"name": {name}}}"#)) else { continue };
            let header = format!("{}={}", pair.name, pair.value);
            holds &= matches!(affinity.open([header.as_bytes()], NOW), Session::Rejected(_));
        }
        suite.add(test, check(holds));
    }
    suite.finish("cookie headers (http-state)", &Known::default());
}

#[derive(Deserialize)]
struct Cases<T> {
    cases: Vec<T>,
}

/// The filter with these cookie settings; `None` where they are refused.
fn load(cookie: &str) -> Option<Affinity> {
    let config = format!(
        r#"{{"keys": ["0123456789abcdef0123456789abcdef"], "audience": "shop", "cookie": {cookie}}}"#
    );
    let config: Config = sdk_shim_config::parse(config.as_bytes()).ok()?;
    Affinity::new(config, &|_| None).ok()
}

/// What a client sends back of a new session.
fn cookie(affinity: &Affinity) -> String {
    let endpoint = Endpoint::parse(b"10.1.2.3:8080").unwrap();
    let Outcome::New(pin) = affinity.answered(&Session::Absent, endpoint, NOW) else { panic!("not new") };
    let set_cookie = affinity.seal(&pin, [7; 24], NOW, &Client::default()).unwrap();
    String::from_utf8(set_cookie).unwrap().split(';').next().unwrap().to_owned()
}

fn read<T: DeserializeOwned>(file: &str) -> Option<T> {
    suites::data(file).map(|path| suites::json(&path))
}

fn check(holds: bool) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err("does not hold") }
}
