//! What every filter must stand, as one table for each filter.
//!
//! ```no_run
//! use integration::prelude::*;
//!
//! fn keys() -> Battery {
//!     Battery::new("authz", json!({"api_keys": {"header": "x-api-key"}}))
//!         .lets_through(Case::new("a public page", Request::get("/public")).reaches("v1"))
//!         .steps_in(Case::new("no key", Request::get("/admin")).stopped(403).details("authz_denied"))
//!         .upload(Request::new("POST", "/upload").header("x-api-key", "secret"))
//!         .refuses(json!({"api_kes": {}}), "unknown field `api_kes`")
//! }
//!
//! integration::battery!(keys);
//! # fn main() {}
//! ```
//!
//! The macro makes a module of the same name with tests that share one Envoy: what is let through and what is not, over HTTP/1.1 and HTTP/2;
//! broken configurations, each refused with its reason; bytes that are not UTF-8; a body of 1 MB, whole; clients that go away
//! half way. Around the filter stand the upstreams of [`Site`]; a filter that needs other routes or companions says so with
//! [`Battery::site`].

mod case;
mod site;

use std::time::Duration;

use serde_json::Value;

pub use self::case::Case;
pub use self::site::{Site, Upstreams, plain};
use crate::client::Client;
use crate::config::{Config, Wasm};
use crate::envoy::Envoy;
use crate::raw;
use crate::request::{Body, Request};
use crate::upstream::Reply;

/// The table of one filter.
#[derive(Clone, Debug)]
pub struct Battery {
    module: String,
    config: Value,
    site: fn(Wasm, &Upstreams) -> Config,
    lets_through: Vec<Case>,
    steps_in: Vec<Case>,
    refuses: Vec<(String, String)>,
    upload: Request,
}

impl Battery {
    /// For this module with this configuration.
    pub fn new(module: &str, config: Value) -> Self {
        Self {
            module: module.to_owned(),
            config,
            site: plain,
            lets_through: Vec::new(),
            steps_in: Vec::new(),
            refuses: Vec::new(),
            upload: Request::new("POST", "/"),
        }
    }

    /// How the filter is built into an Envoy, if not as [`plain`] does. The listener that requests go to comes first.
    #[must_use]
    pub fn site(mut self, site: fn(Wasm, &Upstreams) -> Config) -> Self {
        self.site = site;
        self
    }

    /// A request that the filter leaves alone. The first is also the one that other tests build on.
    #[must_use]
    pub fn lets_through(mut self, case: Case) -> Self {
        self.lets_through.push(case);
        self
    }

    /// A request that the filter stops or changes.
    #[must_use]
    pub fn steps_in(mut self, case: Case) -> Self {
        self.steps_in.push(case);
        self
    }

    /// A configuration that is refused, and what Envoy's log says about it. A string is taken as the configuration's text.
    #[must_use]
    pub fn refuses(mut self, config: impl Into<Value>, reason: &str) -> Self {
        let text = match config.into() {
            Value::String(text) => text,
            json => json.to_string(),
        };
        self.refuses.push((text, reason.to_owned()));
        self
    }

    /// A request without a body that is let through with any body. By default `POST /`.
    #[must_use]
    pub fn upload(mut self, request: Request) -> Self {
        self.upload = request;
        self
    }

    fn baseline(&self) -> &Case {
        self.lets_through.first().expect("a battery has a request that is let through")
    }
}

/// Makes the tests of a battery, in a module named as the function that returns it.
#[macro_export]
macro_rules! battery {
    ($plan:ident) => {
        mod $plan {
            use $crate::battery as harness;

            static SITE: $crate::shared::Shared<harness::Site> =
                $crate::shared::Shared::new(|| harness::Site::start(&super::$plan()));

            #[test]
            fn lets_through() {
                harness::lets_through(&SITE.get(), &super::$plan());
            }

            #[test]
            fn steps_in() {
                harness::steps_in(&SITE.get(), &super::$plan());
            }

            #[test]
            fn http2_in_and_out() {
                harness::http2_in_and_out(&SITE.get(), &super::$plan());
            }

            #[test]
            fn bytes_that_are_not_utf8_survive() {
                harness::bytes_that_are_not_utf8_survive(&SITE.get(), &super::$plan());
            }

            #[test]
            fn a_body_of_1_mb_passes_whole() {
                harness::a_body_of_1_mb_passes_whole(&SITE.get(), &super::$plan());
            }

            #[test]
            fn clients_that_go_away_do_no_harm() {
                harness::clients_that_go_away_do_no_harm(&SITE.get(), &super::$plan());
            }

            #[test]
            fn broken_configurations_are_refused() {
                harness::broken_configurations_are_refused(&super::$plan());
            }
        }
    };
}

/// Every case of [`Battery::lets_through`].
pub fn lets_through(site: &Site, battery: &Battery) {
    check_all(&battery.lets_through, &site.envoy.client(), site);
}

/// Every case of [`Battery::steps_in`].
pub fn steps_in(site: &Site, battery: &Battery) {
    check_all(&battery.steps_in, &site.envoy.client(), site);
}

/// The same cases over HTTP/2, to the client and to the upstream.
pub fn http2_in_and_out(site: &Site, battery: &Battery) {
    let client = site.envoy.client().http2();
    let answer = battery.baseline().check(&client, site).unwrap_or_else(|e| panic!("{e}"));
    let reached = site.upstreams.reached(&answer.id);
    assert!(
        reached.iter().all(|upstream| upstream.only(&answer.id).http2),
        "the upstream was asked over HTTP/1.1"
    );
    check_all(&battery.lets_through, &client, site);
    check_all(&battery.steps_in, &client, site);
}

/// A header that is not UTF-8 reaches the upstream as it is; where filters look closer it does them no harm.
pub fn bytes_that_are_not_utf8_survive(site: &Site, battery: &Battery) {
    let bad = b"\xff\xfe \x80 caf\xe9";
    let baseline = battery.baseline();
    for client in [site.envoy.client(), site.envoy.client().http2()] {
        let mut case = baseline.clone();
        case.request = case.request.header("x-bad", bad);
        let answer = case.check(&client, site).unwrap_or_else(|e| panic!("{e}"));
        for upstream in site.upstreams.reached(&answer.id) {
            assert_eq!(upstream.only(&answer.id).header_bytes("x-bad"), Some(&bad[..]));
        }
        for name in [
            "cookie",
            "authorization",
            "user-agent",
            "referer",
            "accept-language",
            "x-forwarded-for",
            "x-api-key",
        ] {
            // Any answer will do, but there must be one.
            client.send(baseline.request.clone().header(name, bad));
        }
    }
    still_serves(site, battery);
}

/// 1 MB, with a length, in chunks, and over HTTP/2.
pub fn a_body_of_1_mb_passes_whole(site: &Site, battery: &Battery) {
    let body: Vec<u8> =
        (0..1_000_000_u64).map(|i| b'a' + u8::try_from(i * i / 7 % 26).expect("small")).collect();
    let forms = [
        ("content-length", site.envoy.client(), Body::from(body.as_slice())),
        ("chunked", site.envoy.client(), Body::chunks(&body, 10_007)),
        ("HTTP/2", site.envoy.client().http2(), Body::chunks(&body, 10_007)),
    ];
    for (form, client, sent) in forms {
        let request = battery.upload.clone().header("content-type", "application/octet-stream").body(sent);
        let answer = client.send(request);
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
        let reached = site.upstreams.reached(&answer.id);
        let [upstream] = reached.as_slice() else { panic!("{form}: reached {} upstreams", reached.len()) };
        let seen = upstream.only(&answer.id);
        assert!(seen.complete, "{form}: the body broke off");
        assert_eq!(seen.body.len(), body.len(), "{form}: length");
        assert!(seen.body == body, "{form}: other bytes of the same length");
    }
    still_serves(site, battery);
}

/// Clients that leave in the headers, in the body, and while the upstream is still thinking.
pub fn clients_that_go_away_do_no_harm(site: &Site, battery: &Battery) {
    let upload = battery.upload.clone();
    let sized = raw::request_head(&upload.clone().header("content-length", "1000"), "");
    let chunked = raw::request_head(&upload.clone().header("transfer-encoding", "chunked"), "");
    let beginnings = [
        b"GET / HTTP/1.1\r\nhost: loc".to_vec(),
        sized.clone(),
        [sized, b"ten bytes.".to_vec()].concat(),
        [chunked.clone(), b"a\r\nten ".to_vec()].concat(),
        [chunked, b"a\r\nten bytes.\r\n".to_vec()].concat(),
    ];
    for beginning in &beginnings {
        for wait in [0, 20] {
            let mut connection = site.envoy.client().raw();
            connection.send(beginning);
            std::thread::sleep(Duration::from_millis(wait));
        }
    }
    let impatient = site.envoy.client().http2().patience(Duration::from_millis(50));
    let slow_body = Body::paced([b'x'; 1000], 10, Duration::from_millis(20));
    assert!(impatient.try_send(upload.body(slow_body)).is_err(), "the client was to leave before the end");
    let id = crate::request::unique_id();
    for upstream in site.upstreams.all() {
        upstream.answer_id(&id, Reply::new(200).delay(Duration::from_secs(5)));
    }
    let request = battery.baseline().request.clone().id(&id);
    assert!(impatient.try_send(request).is_err(), "the client was to leave before the answer");
    still_serves(site, battery);
}

/// Each broken configuration keeps Envoy from starting, with the reason in its log.
pub fn broken_configurations_are_refused(battery: &Battery) {
    let upstreams = Upstreams::new();
    let refuse = |(config, reason): &(String, String)| {
        let wasm = Wasm::module(&battery.module).config_text(config);
        let log = Envoy::expect_refused((battery.site)(wasm, &upstreams));
        assert!(log.contains(reason.as_str()), "the log does not say {reason:?} of {config}:\n{log}");
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = battery.refuses.iter().map(|each| scope.spawn(move || refuse(each))).collect();
        let failed = running.into_iter().filter_map(|thread| thread.join().err()).count();
        assert_eq!(
            failed,
            0,
            "{failed} of {} broken configurations were not refused as expected",
            battery.refuses.len()
        );
    });
}

fn still_serves(site: &Site, battery: &Battery) {
    battery.baseline().check(&site.envoy.client(), site).unwrap_or_else(|e| panic!("after that: {e}"));
    site.envoy.assert_no_vm_failure();
}

fn check_all(cases: &[Case], client: &Client, site: &Site) {
    assert!(!cases.is_empty(), "the battery has no such case");
    let failed: Vec<_> = cases.iter().filter_map(|case| case.check(client, site).err()).collect();
    assert!(failed.is_empty(), "{} of {} cases failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
    site.envoy.assert_no_vm_failure();
}
