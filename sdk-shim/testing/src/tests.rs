//! The state machine of sdk-shim, by a filter that does what its configuration says.

mod waiting;

use super::*;
use sdk_shim::{
    Body, BodyMode, Callout, CalloutId, CalloutResponse, ConfigErrors, Counter, Filter, Flow, Host, Loaded,
    MapKind, OverLimit, Reply, Setup, load,
};
use std::time::Duration;

/// What to do, a word for each phase: `continue`, `buffer`, `await`, `reply`, `streaming`, `call+buffer` …
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Config {
    request_headers: String,
    request_body: String,
    request_trailers: String,
    response_headers: String,
    response_body: String,
    callout: String,
    mode: String,
    limit: usize,
}

#[derive(Debug)]
struct Scripted {
    config: Config,
    phases: Counter,
}

#[derive(Default)]
struct Seen {
    bodies: Vec<(String, bool)>,
}

impl Scripted {
    fn act(&self, word: &str, host: &mut dyn Host) -> Flow {
        host.increment(self.phases, 1);
        match word {
            "buffer" => Flow::Buffer,
            "await" => Flow::Await,
            "call+await" => {
                let callout =
                    Callout { cluster: "check", headers: &[], body: b"", timeout: Duration::from_secs(1) };
                match host.call(&callout) {
                    Ok(_) => Flow::Await,
                    Err(_) => Reply::new(503, "no_cluster").into(),
                }
            }
            "call once+await" => {
                let callout =
                    Callout { cluster: "check", headers: &[], body: b"", timeout: Duration::from_secs(1) };
                if host.call(&callout).is_ok() { Flow::Await } else { Flow::Continue }
            }
            "reply" => Reply::new(418, "scripted").into(),
            _ => Flow::Continue,
        }
    }

    fn mode(&self) -> BodyMode {
        match self.config.mode.as_str() {
            "reject" => BodyMode::Buffered { limit: self.config.limit, over: OverLimit::Reject },
            "partial" => BodyMode::Buffered { limit: self.config.limit, over: OverLimit::Partial },
            "streaming" => BodyMode::Streaming,
            _ => BodyMode::None,
        }
    }
}

impl Filter for Scripted {
    const NAME: &'static str = "scripted";
    type Config = Config;
    type Request = Seen;

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        Ok(Self { config, phases: setup.counter("phases_total", &[("kind", "a b;c")]) })
    }

    fn request_body_mode(&self, _: &Seen) -> BodyMode {
        self.mode()
    }

    fn response_body_mode(&self, _: &Seen) -> BodyMode {
        self.mode()
    }

    fn request_headers(&self, _: &mut Seen, host: &mut dyn Host) -> Flow {
        self.act(&self.config.request_headers, host)
    }

    fn request_body(&self, seen: &mut Seen, body: Body<'_>, host: &mut dyn Host) -> Flow {
        seen.bodies.push((String::from_utf8_lossy(body.bytes).into_owned(), body.end));
        self.act(&self.config.request_body, host)
    }

    fn request_trailers(&self, seen: &mut Seen, host: &mut dyn Host) -> Flow {
        seen.bodies.push(("trailers".into(), true));
        self.act(&self.config.request_trailers, host)
    }

    fn response_headers(&self, _: &mut Seen, host: &mut dyn Host) -> Flow {
        self.act(&self.config.response_headers, host)
    }

    fn response_body(&self, seen: &mut Seen, body: Body<'_>, host: &mut dyn Host) -> Flow {
        seen.bodies.push((String::from_utf8_lossy(body.bytes).into_owned(), body.end));
        self.act(&self.config.response_body, host)
    }

    fn callout_response(
        &self,
        _: &mut Seen,
        _: CalloutId,
        answer: CalloutResponse,
        host: &mut dyn Host,
    ) -> Flow {
        let _ = host.set_header(MapKind::RequestHeaders, "x-checked", b"yes");
        if answer.status() == Some(200) {
            self.act(&self.config.callout, host)
        } else {
            Reply::new(403, "callout_denied").into()
        }
    }

    fn done(&self, seen: &mut Seen, host: &mut dyn Host) {
        let text = seen.bodies.iter().map(|(body, end)| format!("{body}{}", if *end { "." } else { "+" }));
        let _ = host.set_filter_state("seen", text.collect::<String>().as_bytes());
    }
}

fn loaded(config: &str) -> Loaded<Scripted> {
    load(config.as_bytes(), &|_| None).unwrap()
}

fn post(body: &str) -> Message {
    Message::request("POST", "/").with_body(body)
}

fn play(config: &str, request: Message, settings: Settings) -> Outcome {
    let mut host = TestHost::new();
    host.callout_answers
        .push_back(CalloutAnswer { cluster: "check".into(), response: Message::response(200) });
    run(&loaded(config), host, request, Message::response(200).with_body("answer"), settings)
}

fn all_settings() -> impl Iterator<Item = Settings> {
    Chunking::ALL
        .into_iter()
        .flat_map(|chunking| [false, true].map(|late_answers| Settings { chunking, late_answers }))
}

fn seen(outcome: &Outcome) -> String {
    String::from_utf8_lossy(&outcome.host.filter_state["seen"]).into_owned()
}

#[test]
fn plays_every_phase_with_every_chunking() {
    // Configuration, request, status, details, what the body methods saw (empty: depends on the chunking).
    let trailed = post("abcd").with_trailer("x-end", "1");
    let buffered = r#"{"request_headers": "buffer", "mode": "reject", "limit": 10}"#;
    let cases: &[(&str, Message, u16, Option<&str>, &str)] = &[
        ("{}", post("abcd"), 200, None, ""),
        ("{}", trailed.clone(), 200, None, "trailers."),
        (r#"{"request_headers": "reply"}"#, post("abcd"), 418, Some("scripted"), ""),
        (r#"{"response_headers": "reply"}"#, post("abcd"), 418, Some("scripted"), ""),
        (buffered, post("abcd"), 200, None, "abcd."),
        (buffered, post(""), 200, None, "."),
        (buffered, trailed.clone(), 200, None, "abcd.trailers."),
        (buffered, post("0123456789"), 200, None, "0123456789."),
        (buffered, post("0123456789a"), 413, Some("sdk_request_body_too_large"), ""),
        (r#"{"request_headers": "buffer", "mode": "partial", "limit": 3}"#, post("abcd"), 200, None, "abc+"),
        (
            r#"{"request_headers": "buffer", "request_body": "reply", "mode": "partial", "limit": 3}"#,
            post("abcd"),
            418,
            Some("scripted"),
            "abc+",
        ),
        (
            r#"{"response_headers": "buffer", "mode": "reject", "limit": 3}"#,
            post(""),
            502,
            Some("sdk_response_body_too_large"),
            "",
        ),
        (
            r#"{"response_headers": "buffer", "response_body": "reply", "mode": "reject", "limit": 6}"#,
            post(""),
            418,
            Some("scripted"),
            "answer.",
        ),
        (r#"{"request_trailers": "reply"}"#, trailed.clone(), 418, Some("scripted"), "trailers."),
        // What a filter cannot do right is answered, never left to hang or pass.
        (r#"{"request_headers": "buffer"}"#, post("abcd"), 500, Some("sdk_buffer_without_buffered_mode"), ""),
        (r#"{"request_headers": "await"}"#, post("abcd"), 500, Some("sdk_await_without_callout"), ""),
        (
            r#"{"request_headers": "buffer", "request_body": "buffer", "mode": "reject", "limit": 10}"#,
            post("abcd"),
            500,
            Some("sdk_buffer_without_buffered_mode"),
            "abcd.",
        ),
        (r#"{"request_headers": "call+await"}"#, post("abcd"), 200, None, ""),
        (
            r#"{"request_headers": "call+await", "callout": "reply"}"#,
            trailed.clone(),
            418,
            Some("scripted"),
            "",
        ),
        (
            r#"{"request_headers": "call+await", "callout": "buffer", "mode": "reject", "limit": 9}"#,
            post("abcd"),
            200,
            None,
            "abcd.",
        ),
        (
            r#"{"request_headers": "call+await", "callout": "buffer", "mode": "reject", "limit": 9}"#,
            trailed.clone(),
            200,
            None,
            "abcd.trailers.",
        ),
        (r#"{"request_headers": "call+await"}"#, trailed.clone(), 200, None, "trailers."),
        (
            r#"{"request_headers": "buffer", "request_body": "call+await", "mode": "reject", "limit": 9}"#,
            trailed,
            200,
            None,
            "abcd.trailers.",
        ),
        (r#"{"response_headers": "call+await"}"#, post(""), 200, None, ""),
    ];
    for (config, request, status, details, expected) in cases {
        for settings in all_settings() {
            let outcome = play(config, request.clone(), settings);
            let place =
                format!("{config} {settings:?} {:?} {:#?}", request.body.escape_ascii().to_string(), outcome);
            assert_eq!(outcome.status(), *status, "{place}");
            assert_eq!(outcome.details.as_deref(), *details, "{place}");
            if !expected.is_empty() || *status == 413 {
                assert_eq!(seen(&outcome), *expected, "{place}");
            }
            let called = ["request_headers", "request_body"]
                .iter()
                .any(|phase| config.contains(&format!("{phase}\": \"call")));
            if *status == 200 {
                let upstream = outcome.upstream.as_ref().expect(&place);
                assert_eq!(
                    (&upstream.body, &upstream.trailers),
                    (&request.body, &request.trailers),
                    "{place}"
                );
                assert_eq!(outcome.response.as_ref().expect(&place).body, b"answer", "{place}");
                assert_eq!(upstream.header("x-checked").is_some(), called, "{place}");
            }
            let may_have_passed = config.contains("trailers") || config.contains("response");
            if *status != 200 && !may_have_passed {
                assert_eq!(outcome.upstream, None, "{place}");
            }
        }
    }
}

#[test]
fn streams_every_byte_once() {
    for config in [
        r#"{"mode": "streaming"}"#,
        r#"{"mode": "streaming", "request_headers": "call+await"}"#,
        r#"{"mode": "streaming", "request_body": "call once+await"}"#,
        r#"{"mode": "streaming", "response_body": "call once+await"}"#,
    ] {
        for settings in all_settings() {
            let outcome = play(config, post("abcdefg"), settings);
            assert_eq!(outcome.status(), 200, "{config} {settings:?}");
            let text = seen(&outcome).replace(['+', '.'], "");
            assert_eq!(text, "abcdefganswer", "{config} {settings:?}");
            assert_eq!(seen(&outcome).matches('.').count(), 2, "{config} {settings:?}: each body ends once");
            assert_eq!(outcome.upstream.unwrap().body, b"abcdefg", "{config} {settings:?}");
        }
    }
}

#[test]
fn refuses_a_callout_to_an_unknown_cluster() {
    let outcome = run(
        &loaded(r#"{"request_headers": "call+await"}"#),
        TestHost::new(),
        post("abcd"),
        Message::response(200),
        Settings::default(),
    );
    assert_eq!((outcome.status(), outcome.details.as_deref()), (503, Some("no_cluster")));
}

#[test]
fn counts_with_fixed_labels() {
    let outcome = play("{}", post("abcd"), Settings::default());
    assert_eq!(outcome.host.metric("phases_total;kind=a%20b%3Bc"), 2);
}

#[test]
fn refuses_headers_that_would_split_the_message() {
    let mut host = TestHost::new();
    host.request.open = true;
    for (name, value) in [("x", "a\r\nb: c"), ("x", "\n"), ("x", "\0"), ("x\r\ny", ""), ("", "a")] {
        assert!(host.set_header(MapKind::RequestHeaders, name, value.as_bytes()).is_err(), "{name:?}");
        assert!(host.add_header(MapKind::RequestHeaders, name, value.as_bytes()).is_err(), "{name:?}");
    }
    assert!(host.headers(MapKind::RequestHeaders).is_empty());
    assert!(host.set_header(MapKind::ResponseHeaders, "x", b"late").is_err());
}

#[test]
fn reads_escapes() {
    assert_eq!(Bytes::unescape(r"a\xff\\\r\n\t\0é").unwrap().0, b"a\xff\\\r\n\t\0\xc3\xa9");
    for text in [r"\", r"\q", r"\x", r"\xg1", r"\x1"] {
        assert!(Bytes::unescape(text).is_err(), "{text}");
    }
}

#[test]
fn names_what_differs() {
    let file = scenario::File::parse(
        r#"
        config = "{}"
        [[scenario]]
        name = "wrong"
        expect = { status = 404, upstream = false, upstream_headers = ["x: y"], upstream_headers_absent = [":path"], response_body = "x", details = "d", filter_state = { k = "v" } }
        "#,
    );
    let failures = file.unwrap().check::<Scripted>();
    assert_eq!(failures.len(), 7 * Chunking::ALL.len(), "{failures:#?}");
    assert!(
        scenario::File::parse("config = '{}'\n[[scenario]]\nname = 'x'\nexpect = { stauts = 1 }").is_err()
    );
}
