//! Filters that are entered less often than others.

use super::*;

/// Says what it may not: that it waits.
#[derive(Debug)]
struct HeadersOnly;

impl Filter for HeadersOnly {
    const NAME: &'static str = "headers_only";
    const HEADERS_ONLY: bool = true;
    type Config = Config;
    type Request = ();

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        if config.fetch {
            setup.spawn(async |_| {});
        }
        Ok(Self)
    }

    fn response_headers(&self, (): &mut (), _: &mut dyn Host) -> Flow {
        Flow::Await
    }
}

#[test]
fn a_filter_for_headers_never_waits() {
    let vm = started::<HeadersOnly>("{}");
    vm.create(2, 1);
    assert_eq!(vm.headers(2, BodyKind::Request, false), CONTINUE);
    assert_eq!(vm.body(2, BodyKind::Request, 4, true), CONTINUE);
    assert_eq!(vm.headers(2, BodyKind::Response, false), PAUSE);
    assert_eq!(fake::calls("proxy_send_local_response"), ["sdk_waits_in_headers_only"]);
    let errors = load::<HeadersOnly>(br#"{"fetch": true}"#, &|_| None).unwrap_err();
    assert!(errors.to_string().contains("a task in a filter"), "{errors}");
}

/// Waits in each headers' phase, and would note what comes behind the response's.
#[derive(Debug)]
struct UntilResponse;

impl Filter for UntilResponse {
    const NAME: &'static str = "until_response";
    const UNTIL_RESPONSE: bool = true;
    type Config = Config;
    type Request = ();

    fn new(_: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        Ok(Self)
    }

    fn request_headers(&self, (): &mut (), host: &mut dyn Host) -> Flow {
        host.wake_after(Duration::from_secs(9)).unwrap();
        Flow::Await
    }

    fn woken(&self, (): &mut (), _: TimerId, _: &mut dyn Host) -> Flow {
        Flow::Continue
    }

    fn response_headers(&self, (): &mut (), _: &mut dyn Host) -> Flow {
        Flow::Buffer
    }

    fn done(&self, (): &mut (), host: &mut dyn Host) {
        host.log(Level::Error, format_args!("done"));
    }
}

#[test]
fn a_filter_until_the_response_waits_in_requests_alone() {
    let vm = started::<UntilResponse>("{}");
    vm.create(2, 1);
    assert_eq!(vm.headers(2, BodyKind::Request, false), PAUSE);
    assert_eq!(vm.body(2, BodyKind::Request, 4, true), PAUSE);
    assert_eq!(vm.body(2, BodyKind::Response, 4, true), CONTINUE);
    assert_eq!(vm.trailers(2, BodyKind::Response), CONTINUE);
    assert_eq!(vm.headers(2, BodyKind::Response, false), PAUSE);
    assert_eq!(fake::calls("proxy_send_local_response"), ["sdk_waits_in_response"]);
    let core = vm.root(1).unwrap().core.clone();
    assert_eq!(core.under_way().1, 1);
    vm.delete(2);
    assert_eq!(core.under_way().1, 0, "what it waited for is forgotten with it");
    assert!(!fake::calls("proxy_log").iter().any(|line| line.contains("done")));
}
