//! The right-hand sides of docs/sdk/from-proxy-wasm.md. Each stands in the page as it stands here: between a line
//! `// pair: name` and the next `// end`.

#![allow(clippy::unwrap_used, reason = "tests")]

use sdk_shim::{
    Body, BodyMode, CalloutError, ConfigErrors, Counter, Filter, Flow, Host, HttpCall, Level, MapKind,
    OnError, OverLimit, Path, Property, Reply, Setup, Watch, export_filter,
};
use sdk_shim_testing::{CalloutScript, Message, Settings, TestHost, run};
use std::time::Duration;

/// Everything at once.
pub struct Guard {
    config: Config,
    denied: Counter,
    seconds: Watch<u64>,
}

// pair: configuration
/// What is configured.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The longest body, in bytes.
    limit: usize,
}
// end

impl Filter for Guard {
    const NAME: &'static str = "guard";
    type Config = Config;
    type Request = ();

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        if config.limit == 0 {
            errors.add(&Path::root().field("limit"), "0", "at least 1");
        }
        let seconds = Watch::default();
        let ticking = seconds.clone();
        // pair: timer
        setup.spawn(async move |host| {
            let mut count = 0;
            while host.sleep(Duration::from_secs(1)).await.is_ok() {
                count += 1;
                ticking.set(count);
            }
        });
        // end
        errors.into_result(Self {
            config,
            // pair: metric
            denied: setup.counter("denied_total", &[("reason", "header")]),
            // end
            seconds,
        })
    }

    fn request_headers(&self, (): &mut (), host: &mut dyn Host) -> Flow {
        // pair: header
        if host.header(MapKind::RequestHeaders, "x-deny").is_some() {
            host.increment(self.denied, 1);
            return self.denial();
        }
        // end
        // pair: headers
        let headers = host.headers(MapKind::RequestHeaders);
        let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        // end
        // pair: property
        let address = host.address(Property::SourceAddress);
        let port = host.number(Property::DestinationPort);
        // end
        host.log(Level::Debug, format_args!("{size} bytes from {address:?} to {port:?}"));
        if headers.get(":method") == Some(b"POST") { Flow::Buffer } else { self.ask() }
    }

    // pair: body
    fn request_body_mode(&self, (): &()) -> BodyMode {
        BodyMode::Buffered { limit: self.config.limit, over: OverLimit::Reject }
    }

    fn request_body(&self, (): &mut (), body: Body<'_>, _: &mut dyn Host) -> Flow {
        if body.bytes.starts_with(b"bad") { self.denial() } else { Flow::Continue }
    }
    // end
}

impl Guard {
    fn denial(&self) -> Flow {
        // pair: reply
        Reply::new(403, "guard_denied").with_header("x-reason", "no").with_body("Denied.\n").into()
        // end
    }

    fn ask(&self) -> Flow {
        // pair: callout
        Flow::run(OnError::Deny, async |host| {
            let call = HttpCall::get("auth", "/check").timeout(Duration::from_secs(1));
            let answer = host.call(call).await?;
            let allowed = answer.status() == Some(200);
            Ok::<_, CalloutError>(if allowed { Flow::Continue } else { Reply::new(403, "guard_auth").into() })
        })
        // end
    }
}

// pair: module
export_filter!(Guard);
// end

fn play(request: Message) -> (u16, Option<String>, u64) {
    let loaded = sdk_shim::load::<Guard>(br#"{"limit": 8}"#, &|_| None).unwrap();
    let slow = CalloutScript::new("auth", Message::response(200)).after(Duration::from_millis(900));
    let outcome = run(
        &loaded,
        TestHost::new().with_callout(slow),
        request,
        Message::response(200),
        Settings::default(),
    );
    let denied = outcome.host.metric("denied_total;reason=header");
    assert!(loaded.filter.seconds.get().is_none_or(|seconds| *seconds < 2));
    (outcome.status(), outcome.details, denied)
}

// pair: test
#[test]
fn a_request_with_the_header_is_denied() {
    let loaded = sdk_shim::load::<Guard>(br#"{"limit": 8}"#, &|_| None).unwrap();
    let request = Message::request("GET", "/").with_header("x-deny", b"\xff");
    let outcome = run(&loaded, TestHost::new(), request, Message::response(200), Settings::default());
    assert_eq!((outcome.status(), outcome.details.as_deref()), (403, Some("guard_denied")));
}
// end

#[test]
fn the_pairs_do_what_the_page_says() {
    let post = |body: &str| Message::request("POST", "/").with_body(body);
    assert_eq!(play(post("good")), (200, None, 0));
    assert_eq!(play(post("bad")), (403, Some("guard_denied".into()), 0));
    assert_eq!(play(post("too long a body")), (413, Some("sdk_request_body_too_large".into()), 0));
    assert_eq!(play(Message::request("GET", "/")), (200, None, 0));
    assert_eq!(play(post("").with_header("x-deny", "")), (403, Some("guard_denied".into()), 1));
    assert!(sdk_shim::load::<Guard>(br#"{"limit": 0}"#, &|_| None).is_err());
}

#[test]
fn the_page_shows_these_pairs() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/sdk/from-proxy-wasm.md")).unwrap();
    let sides = [
        ("rust", "sdk-shim/tests/from_proxy_wasm.rs", 11),
        ("rust,ignore", "integration/proxy-wasm/examples/guard.rs", 10),
    ];
    for (language, file, count) in sides {
        let fence = format!("```{language}\n");
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let pairs = pairs(&text);
        for (name, code) in &pairs {
            assert!(page.contains(&format!("{fence}{code}\n```")), "{file}: {name} is not so in the page");
        }
        assert_eq!(pairs.len(), count, "{file}");
        assert_eq!(page.matches(&fence).count(), count, "{language}");
    }
}

/// The marked parts of a file, with their names.
fn pairs(file: &str) -> Vec<(&str, String)> {
    let mut pairs = Vec::new();
    let mut lines = file.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.trim().strip_prefix("// pair: ") else { continue };
        let indent = line.len() - line.trim_start().len();
        let block = lines.by_ref().take_while(|line| line.trim() != "// end");
        let block: Vec<_> = block.map(|line| line.get(indent..).unwrap_or_default()).collect();
        pairs.push((name, block.join("\n")));
    }
    pairs
}
