mod beat;
mod exports;

use super::core::{Core, MAX_TIMERS};
use super::fake;
use super::host::{self, EnvoyHost};
use super::*;
use crate::{
    CalloutId, Counter, FilterStateLife, Flow, Gauge, GrpcCall, GrpcStreamCall, HeaderWrite, Histogram, Host,
    HostError, HttpCall, MapKind, MetricDefinition, OnError, Setup, SharedValue, SignatureHash, TimerId,
    Watch, load,
};
use std::time::Duration;

/// Every status of the ABI, those of other versions, and numbers that are none.
const STATUSES: [u32; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 255, u32::MAX];

fn with_host<T>(test: impl FnOnce(&mut EnvoyHost<'_>) -> T) -> T {
    let under_way = Cell::new(0);
    let core = Core::new(1);
    let metrics = Rc::new(Metrics::new([5]));
    test(&mut EnvoyHost {
        name: "test",
        context_id: 2,
        metrics: &metrics,
        core: &core,
        under_way: &under_way,
    })
}

/// A header map with one pair, `a: b`.
const PAIRS: &[u8] = b"\x01\0\0\0\x01\0\0\0\x01\0\0\0a\0b\0";

#[test]
fn every_status_of_every_call_has_its_result() {
    for status in STATUSES {
        fake::answer("", status);
        let ok = status == 0;
        let result = if ok { Ok(()) } else { Err(HostError::Refused(status)) };
        let given = |call: &'static str, bytes: &[u8]| fake::value(call, bytes);
        with_host(|host| {
            given("proxy_get_header_map_pairs", PAIRS);
            assert_eq!(host.headers(MapKind::RequestHeaders).len(), usize::from(ok));
            given("proxy_get_header_map_value", b"v");
            assert_eq!(host.header(MapKind::ResponseTrailers, "x"), ok.then(|| b"v".to_vec()));
            for write in [HeaderWrite::Set("x", b"1"), HeaderWrite::Add("x", b"1"), HeaderWrite::Remove("x")]
            {
                assert_eq!(host.write_header(MapKind::RequestTrailers, write), result);
            }
            assert_eq!(host.replace_body(BodyKind::Response, b"x"), result);
            given("proxy_get_property", b"p");
            assert_eq!(host.property(&["a", "b"]), ok.then(|| b"p".to_vec()));
            assert_eq!(host.as_host().filter_state("k"), ok.then(|| b"p".to_vec()));
            assert_eq!(host.set_filter_state("k", b"v"), result);
            host.clear_route_cache();
            host.now();
            assert_eq!(host.random(&mut [0; 4]), result);
            host.increment(Counter(0), 1);
            host.increment(Counter(9), 1);
            host.set_gauge(Gauge(0), 1);
            host.record(Histogram(0), 1);
            host.log(Level::Info, format_args!("x"));
            let callout = host.send(&HttpCall::get("c", "/"));
            assert_eq!(callout.map(drop), result);
            assert_eq!(host.send_grpc(&GrpcCall::new("c", "s", "m", b"")).map(drop), result);
            let opened = host.open_grpc(&GrpcStreamCall::new("c", "s", "m"));
            assert_eq!(opened.map(drop), result);
            assert_eq!(host.callouts_under_way(), if ok { 3 } else { 0 });
            // A stream that is not open is none, whatever the host says.
            let refused = |result| if ok { result } else { Err(HostError::Refused(1)) };
            let stream = opened.unwrap_or(GrpcStreamId(99));
            assert_eq!(host.grpc_send(stream, b"x"), refused(Ok(())));
            assert_eq!(host.grpc_finish(stream), refused(Ok(())));
            assert_eq!(host.grpc_send(stream, b"x"), Err(HostError::Refused(1)), "finished");
            assert_eq!(host.grpc_finish(stream), Err(HostError::Refused(1)), "finished");
            assert_eq!(host.grpc_cancel(stream), refused(Ok(())));
            assert_eq!(host.grpc_cancel(stream), Err(HostError::Refused(1)), "cancelled");
            assert_eq!(host.callouts_under_way(), if ok { 2 } else { 0 });
            fake::answer("", 0);
            let stream = host.open_grpc(&GrpcStreamCall::new("c", "s", "m")).unwrap();
            fake::answer("", status);
            assert_eq!(host.grpc_send(stream, b"x"), result);
            assert_eq!(host.grpc_finish(stream), result);
            assert_eq!(host.grpc_cancel(stream), result);
            assert_eq!(
                host.wake_after(Duration::from_secs(1)).map(drop),
                if ok { Ok(()) } else { Err(HostError::Refused(host::INTERNAL_FAILURE)) }
            );
            given("proxy_get_shared_data", b"s");
            let shared = SharedValue { bytes: b"s".to_vec(), version: 7 };
            let found = |value| match status {
                0 => Ok(Some(value)),
                1 | 7 => Ok(None),
                other => Err(HostError::Refused(other)),
            };
            assert_eq!(host.shared_data("k"), found(shared));
            let conflict = if status == 8 { Err(HostError::Conflict) } else { result };
            assert_eq!(host.set_shared_data("k", b"v", Some(7)), conflict);
            let updated = match status {
                0 => Ok(b"sx".to_vec()),
                1 | 7 | 8 => Err(HostError::Refused(status)),
                other => Err(HostError::Refused(other)),
            };
            assert_eq!(host.as_host().update_shared_data("k", &mut |value| [value, b"x"].concat()), updated);
            assert_eq!(host.register_queue("q").map(drop), result);
            assert_eq!(host.resolve_queue("vm", "q").map(drop), result);
            assert_eq!(host.enqueue(QueueId(1), b"i"), result);
            given("proxy_dequeue_shared_queue", b"i");
            let item = match status {
                0 => Ok(Some(b"i".to_vec())),
                1 | 7 => Ok(None),
                other => Err(HostError::Refused(other)),
            };
            assert_eq!(host.dequeue(QueueId(1)), item);
            given("proxy_call_foreign_function", b"\x08\x01");
            assert_eq!(host.foreign("f", b"").map(drop), result);
            let verified = host.as_host().verify_signature(SignatureHash::Sha256, b"k", b"s", b"t");
            assert_eq!(verified, result.map(|()| true));
            assert_eq!(host.as_host().set_envoy_filter_state("k", b"v", FilterStateLife::Request), result);
            send_reply(&Reply::new(403, "x"));
            host.resume(BodyKind::Request);
            given("proxy_get_buffer_bytes", b"body");
            assert_eq!(host.body(BodyKind::Request, 0, 4), if ok { b"body".to_vec() } else { Vec::new() });
            assert_eq!(host::define_metric(0, "m") == u32::MAX, !ok);
            assert_eq!(host::set_effective_context(3), ok);
        });
    }
}

#[test]
fn limits_hold_before_the_host_is_asked() {
    with_host(|host| {
        let (key, value) = ("k".repeat(257), vec![0; (64 << 10) + 1]);
        assert_eq!(host.set_shared_data(&key, b"", None), Err(HostError::TooLarge));
        assert_eq!(host.set_shared_data("k", &value, None), Err(HostError::TooLarge));
        assert_eq!(host.enqueue(QueueId(1), &value), Err(HostError::TooLarge));
        let splitting = HttpCall::get("c", "/ HTTP/1.1\r\nhost: other");
        assert_eq!(host.send(&splitting), Err(HostError::InvalidHeader));
        assert!(fake::calls("proxy_http_call").is_empty());
        for _ in 0..MAX_TIMERS {
            host.wake_after(Duration::from_secs(9)).unwrap();
        }
        assert!(host.wake_after(Duration::from_secs(9)).is_err());
        assert_eq!(fake::calls("proxy_set_tick_period_milliseconds"), ["9000"], "armed once");
    });
}

#[test]
fn a_signature_is_valid_only_where_the_host_says_so() {
    // The answers of Envoy 1.40: field 1 is the result, field 2 the error.
    let cases: [(&[u8], bool); 5] = [
        (b"\x08\x01", true),
        (b"", false),
        (b"\x12\x05wrong", false),
        (b"\x08\x00", false),
        (b"\x08\x01\x12\x01x", false),
    ];
    for (answer, expected) in cases {
        fake::value("proxy_call_foreign_function", answer);
        let verified =
            with_host(|host| host.as_host().verify_signature(SignatureHash::Sha256, b"", b"", b""));
        assert_eq!(verified, Ok(expected), "{}", answer.escape_ascii());
    }
    let long = vec![b's'; 300];
    let message = crate::foreign::verify_signature_arguments(SignatureHash::Sha1, b"k", &long, b"t");
    assert_eq!(message.get(..14).unwrap(), b"\x0a\x04sha1\x12\x01k\x1a\xac\x02ss");
    assert_eq!(crate::foreign::grpc_service("authz"), b"\x0a\x07\x0a\x05authz");
    let state = crate::foreign::filter_state_arguments("k", b"v", FilterStateLife::Connection);
    assert_eq!(state, b"\x0a\x01k\x12\x01v\x18\x02");
}

/// Does in its request's headers what the configuration says; notes in the log what happens to it.
struct Scripted {
    config: Config,
    keys: Watch<Vec<u8>>,
    _metric: Counter,
}

#[derive(Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Config {
    headers: String,
    fetch: bool,
}

struct Noted;

impl Drop for Noted {
    fn drop(&mut self) {
        DROPPED.set(true);
    }
}

thread_local! {
    static DROPPED: Cell<bool> = const { Cell::new(false) };
}

impl Filter for Scripted {
    const NAME: &'static str = "scripted";
    type Config = Config;
    type Request = ();

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let keys = Watch::default();
        if config.fetch {
            let keys = keys.clone();
            setup.spawn(async move |handle: crate::Handle| {
                let answer = handle.call(HttpCall::get("keys", "/")).await;
                keys.set(answer.map(|answer| answer.body).unwrap_or_default());
            });
        }
        Ok(Self { config, keys, _metric: setup.counter("m", &[]) })
    }

    fn request_headers(&self, _: &mut (), host: &mut dyn Host) -> Flow {
        match self.config.headers.as_str() {
            "call" => host.send(&HttpCall::get("c", "/")).map_or(Flow::Continue, |_| Flow::Await),
            "sleep" => host.wake_after(Duration::from_millis(20)).map_or(Flow::Continue, |_| Flow::Await),
            "task" => Flow::run(OnError::Deny, async |handle| {
                let _noted = Noted;
                handle.call_grpc(GrpcCall::new("c", "s", "m", b"")).await?;
                handle.sleep(Duration::from_millis(5)).await?;
                Ok::<_, crate::CalloutError>(Flow::Continue)
            }),
            "stream" => Flow::run(OnError::Deny, async |handle| {
                let stream = handle.open_grpc(GrpcStreamCall::new("c", "s", "m")).await?;
                stream.send(b"question").await?;
                while let Some(message) = stream.receive().await? {
                    if message == b"enough" {
                        return Ok(Flow::Continue);
                    }
                }
                let ended = stream.trailers().get("a").map_or(0, <[u8]>::len) + stream.metadata().len();
                Ok::<_, crate::CalloutError>(Reply::new(403, format!("closed_{ended}")).into())
            }),
            "keys" => {
                let keys = self.keys.wait();
                Flow::run(OnError::Deny, async move |_| {
                    let keys = keys.await;
                    let allowed = keys.as_slice() == b"good";
                    Ok::<_, HostError>(if allowed { Flow::Continue } else { Reply::new(403, "keys").into() })
                })
            }
            _ => Flow::Continue,
        }
    }

    fn callout_response(&self, _: &mut (), _: CalloutId, answer: CalloutResponse, _: &mut dyn Host) -> Flow {
        Reply::new(403, format!("answered_{:?}", answer.status())).into()
    }

    fn woken(&self, _: &mut (), timer: TimerId, _: &mut dyn Host) -> Flow {
        Reply::new(403, format!("woken_{}", timer.0)).into()
    }
}

fn vm(config: &str) -> Vm<Scripted> {
    started(config)
}

fn started<F: Filter>(config: &str) -> Vm<F> {
    fake::value("proxy_get_buffer_bytes", config.as_bytes());
    let vm = Vm::new();
    vm.create(1, 0);
    assert!(vm.configure(1));
    vm
}

fn under_way(vm: &Vm<Scripted>) -> (usize, usize) {
    vm.root(1).unwrap().core.under_way()
}

#[test]
fn callouts_are_answered_and_those_of_streams_that_are_gone_forgotten() {
    let vm = vm(r#"{"headers": "call"}"#);
    for id in [2, 3] {
        vm.create(id, 1);
        assert_eq!(vm.headers(id, BodyKind::Request, true), PAUSE);
    }
    assert_eq!(under_way(&vm), (2, 0));
    // The tokens count from 1, and the first was the metric's.
    vm.log(2);
    vm.delete(2);
    assert_eq!(under_way(&vm), (1, 0), "the client of the first has gone");
    vm.http_call_response(2, 2, 0, 0, 0);
    assert!(fake::calls("proxy_send_local_response").is_empty());
    fake::value("proxy_get_header_map_pairs", b"\x01\0\0\0\x07\0\0\0\x03\0\0\0:status\x00200\x00");
    vm.http_call_response(3, 3, 1, 0, 1);
    assert_eq!(fake::calls("proxy_send_local_response"), ["answered_Some(200)"]);
    vm.http_call_response(3, 3, 1, 0, 0);
    assert!(fake::calls("proxy_send_local_response").is_empty(), "answered once");
    assert_eq!(under_way(&vm), (0, 0));
}

#[test]
fn timers_wake_their_stream_and_the_host_ticks_only_while_there_are_some() {
    fake::set_now(0);
    let vm = vm(r#"{"headers": "sleep"}"#);
    vm.create(2, 1);
    vm.headers(2, BodyKind::Request, true);
    fake::set_now(5_000_000);
    vm.create(3, 1);
    vm.headers(3, BodyKind::Request, true);
    vm.create(4, 1);
    vm.headers(4, BodyKind::Request, true);
    vm.delete(4);
    assert_eq!(fake::calls("proxy_set_tick_period_milliseconds"), ["20"]);
    fake::set_now(20_000_001);
    vm.tick(1);
    assert_eq!(fake::calls("proxy_send_local_response"), ["woken_1"]);
    assert_eq!(fake::calls("proxy_set_effective_context"), ["2"]);
    assert_eq!(fake::calls("proxy_set_tick_period_milliseconds"), ["5"], "the rest, rounded up");
    fake::set_now(26_000_000);
    vm.tick(1);
    assert_eq!(fake::calls("proxy_send_local_response"), ["woken_2"]);
    assert_eq!(fake::calls("proxy_set_tick_period_milliseconds"), ["0"]);
}

#[test]
fn a_stream_that_ends_drops_its_future() {
    let vm = vm(r#"{"headers": "task"}"#);
    for gone_after in 0..3 {
        DROPPED.set(false);
        let id = 10 + gone_after;
        vm.create(id, 1);
        assert_eq!(vm.headers(id, BodyKind::Request, false), PAUSE);
        assert_eq!(vm.body(id, BodyKind::Request, 3, false), PAUSE);
        let token = fake::calls("proxy_grpc_call").len() as u32;
        assert_eq!(token, 1);
        let token = 2 + gone_after;
        if gone_after > 0 {
            vm.grpc_receive(id, token, 0);
            assert_eq!(under_way(&vm), (0, 2), "the sleep and the task's limit");
        }
        if gone_after > 1 {
            fake::set_now(u64::from(gone_after) * 1_000_000_000);
            vm.tick(1);
            assert_eq!(fake::calls("proxy_continue_stream"), ["0"]);
            assert!(DROPPED.get());
        }
        assert_eq!(DROPPED.get(), gone_after > 1);
        vm.log(id);
        vm.delete(id);
        assert!(DROPPED.get(), "{gone_after}");
        assert_eq!(under_way(&vm), (0, 0), "{gone_after}");
    }
}

#[test]
fn a_grpc_stream_gets_what_comes_until_either_side_ends_it() {
    let vm = vm(r#"{"headers": "stream"}"#);
    // Tokens count from 1, and the first was the metric's; the clock stands at 0, so a limit's timer takes none.
    for (id, token) in [(2, 2), (3, 3), (4, 4), (5, 5)] {
        vm.create(id, 1);
        assert_eq!(vm.headers(id, BodyKind::Request, true), PAUSE);
        assert_eq!(fake::calls("proxy_grpc_stream").len(), 1);
        assert_eq!(fake::calls("proxy_grpc_send"), ["question"]);
        fake::value("proxy_get_header_map_pairs", PAIRS);
        fake::value("proxy_get_buffer_bytes", b"more");
        vm.grpc_metadata(id, token, false);
        vm.grpc_receive(id, token, 4);
    }
    assert_eq!(under_way(&vm), (4, 4));

    // The filter has enough: the stream is cancelled, and what comes on it is nobody's.
    fake::value("proxy_get_buffer_bytes", b"enough");
    vm.grpc_receive(2, 2, 6);
    assert_eq!(fake::calls("proxy_continue_stream"), ["0"]);
    assert_eq!(fake::calls("proxy_grpc_cancel"), ["2"]);
    vm.grpc_receive(2, 2, 6);
    vm.grpc_close(2, 2, 0);
    assert!(fake::calls("proxy_send_local_response").is_empty());

    // The service closes it. Envoy keeps it until we do, too.
    vm.grpc_metadata(3, 3, true);
    vm.grpc_close(3, 3, 0);
    assert_eq!(fake::calls("proxy_send_local_response"), ["closed_2"]);
    assert_eq!(fake::calls("proxy_grpc_close"), ["3"]);
    assert!(fake::calls("proxy_grpc_cancel").is_empty());

    // It fails.
    vm.grpc_close(4, 4, 14);
    assert_eq!(fake::calls("proxy_send_local_response"), ["sdk_task_failed"]);

    // The client leaves.
    for id in [2, 3, 4, 5] {
        vm.log(id);
        vm.delete(id);
    }
    assert_eq!(fake::calls("proxy_grpc_cancel"), ["5"]);
    assert_eq!(under_way(&vm), (0, 0));
    vm.grpc_receive(5, 5, 6);
    vm.grpc_close(5, 5, 14);
}

#[test]
fn a_host_that_reads_no_message_of_envoys_is_given_the_bare_name() {
    with_host(|host| {
        for (answer, expected) in [(0, 1), (2, 1), (4, 2), (10, 1)] {
            for name in ["proxy_grpc_call", "proxy_grpc_stream"] {
                fake::answer(name, answer);
            }
            let _ = host.send_grpc(&GrpcCall::new("authz", "s", "m", b""));
            let _ = host.open_grpc(&GrpcStreamCall::new("authz", "s", "m"));
            for name in ["proxy_grpc_call", "proxy_grpc_stream"] {
                let said = ["\\n\\x07\\n\\x05authz", "authz"];
                assert_eq!(fake::calls(name), said[..expected], "{name} answered with {answer}");
            }
        }
    });
}

#[test]
fn a_failed_grpc_call_is_denied_and_logged() {
    let vm = vm(r#"{"headers": "task"}"#);
    vm.create(2, 1);
    vm.headers(2, BodyKind::Request, true);
    fake::calls("proxy_log");
    fake::value("proxy_get_status", b"no \xff");
    vm.grpc_close(2, 2, 14);
    assert_eq!(fake::calls("proxy_send_local_response"), ["sdk_task_failed"]);
    assert_eq!(
        fake::calls("proxy_log"),
        [r"scripted[2]: a task failed: the answer has gRPC status 14 no \\xff"]
    );
}

#[test]
fn what_is_fetched_at_load_lets_requests_go_that_wait_for_it() {
    let vm = vm(r#"{"headers": "keys", "fetch": true}"#);
    for id in [2, 3, 4] {
        vm.create(id, 1);
        assert_eq!(vm.headers(id, BodyKind::Request, true), PAUSE);
    }
    vm.log(3);
    vm.delete(3);
    fake::value("proxy_get_header_map_pairs", PAIRS);
    fake::value("proxy_get_buffer_bytes", b"good");
    vm.http_call_response(1, 2, 1, 4, 0);
    assert_eq!(fake::calls("proxy_continue_stream"), ["0", "0"]);
    let mut entered = fake::calls("proxy_set_effective_context");
    entered.sort();
    assert_eq!(entered, ["2", "4"]);
    vm.create(5, 1);
    assert_eq!(vm.headers(5, BodyKind::Request, true), CONTINUE);
}

#[test]
fn nothing_panics_on_contexts_and_tokens_that_nobody_knows() {
    for status in STATUSES {
        let vm = vm(r#"{"headers": "task", "fetch": true}"#);
        fake::answer("", status);
        for id in [0, 1, 2, u32::MAX] {
            vm.create(id, 77);
            vm.create(id, id);
            vm.headers(id, BodyKind::Request, false);
            vm.headers(id, BodyKind::Request, true);
            vm.body(id, BodyKind::Response, usize::MAX, true);
            vm.trailers(id, BodyKind::Request);
            vm.http_call_response(id, 3, usize::MAX, usize::MAX, usize::MAX);
            vm.grpc_receive(id, 9, 0);
            vm.grpc_close(id, 9, 0);
            vm.grpc_metadata(id, 9, true);
            vm.tick(id);
            vm.queue_ready(id, 4);
            vm.log(id);
            vm.delete(id);
            vm.delete(id);
            vm.configure(id);
        }
        fake::answer("", 0);
    }
}

#[test]
fn a_refused_configuration_refuses_streams() {
    fake::value("proxy_get_buffer_bytes", b"{\"heders\": 1}");
    let vm = Vm::<Scripted>::new();
    vm.create(1, 0);
    assert!(!vm.configure(1));
    let logged = fake::calls("proxy_log").concat();
    assert!(logged.contains("heders: found unknown field `heders`"), "{logged}");
    vm.create(2, 1);
    assert_eq!(vm.headers(2, BodyKind::Request, true), PAUSE);
    assert_eq!(fake::calls("proxy_send_local_response"), ["sdk_not_configured"]);
    assert_eq!(vm.headers(9, BodyKind::Request, true), PAUSE);
    assert_eq!(fake::calls("proxy_send_local_response"), ["sdk_unknown_stream"]);
}

#[test]
fn metrics_and_shared_values_are_there_at_load() {
    assert_eq!(MetricDefinition { kind: MetricKind::Counter, name: "m".into() }.name, "m");
    let _vm = vm("{}");
    assert_eq!(fake::calls("proxy_define_metric"), ["m"]);
}
