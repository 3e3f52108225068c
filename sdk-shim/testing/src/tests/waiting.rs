//! Callouts, timers and tasks on the test host.

use crate::{CalloutScript, Chunking, Message, Outcome, Settings, TestHost, run};
use sdk_shim::{
    CalloutError, CalloutId, CalloutResponse, ConfigErrors, Filter, Flow, GrpcCall, GrpcEvent, GrpcStatus,
    GrpcStream, GrpcStreamCall, GrpcStreamId, Host, HostError, HttpCall, MapKind, OnError, Reply, Setup,
    TimerId, Watch, load,
};
use std::time::Duration;

/// Does what the request's path says.
struct Waits {
    never: Watch<()>,
    ticks: Watch<u32>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {}

impl Filter for Waits {
    const NAME: &'static str = "waits";
    type Config = Config;
    type Request = u32;

    fn new(_: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        setup.shared_data("waits.count", "a");
        let ticks = Watch::default();
        let ticking = ticks.clone();
        setup.spawn(async move |host| {
            for tick in 1.. {
                if host.sleep(Duration::from_secs(60)).await.is_err() {
                    return;
                }
                ticking.set(tick);
            }
        });
        Ok(Self { never: Watch::default(), ticks })
    }

    fn request_headers(&self, _: &mut u32, host: &mut dyn Host) -> Flow {
        let path = host.header(MapKind::RequestHeaders, ":path").unwrap_or_default();
        match path.as_slice() {
            b"/sleep" => Flow::run_for(Duration::from_secs(200), OnError::Deny, async |host| {
                host.sleep(Duration::from_secs(150)).await.map(|()| Flow::Continue)
            }),
            b"/too-long" => task(async |host| host.sleep(Duration::from_secs(150)).await.map_err(Into::into)),
            b"/allowed" => {
                let never = self.never.wait();
                Flow::run(OnError::Allow, async move |_| {
                    never.await;
                    Ok::<_, HostError>(Reply::new(500, "unreachable").into())
                })
            }
            b"/for-ever" => {
                let never = self.never.wait();
                Flow::run_for(Duration::MAX, OnError::Deny, async move |_| {
                    never.await;
                    Ok::<_, HostError>(Flow::Continue)
                })
            }
            // What a task has given up is not taken for what the callbacks wait for.
            b"/abandoned" | b"/nothing-left" => {
                let timers = if path == b"/abandoned" { 2 } else { 0 };
                Flow::run(OnError::Deny, async move |host| {
                    let given_up =
                        host.timeout(Duration::from_secs(1), host.call(HttpCall::get("slow", "/"))).await;
                    assert!(matches!(given_up, Err(CalloutError::Timeout)));
                    for seconds in 0..timers {
                        host.with(move |host| host.wake_after(Duration::from_secs(10 + seconds))).await?;
                    }
                    Ok::<_, HostError>(Flow::Await)
                })
            }
            b"/grpc-stream" => stream("stream", async |stream| {
                for message in [&b"a"[..], b"b"] {
                    stream.send(message).await?;
                    let answers = [stream.receive().await?, stream.receive().await?];
                    assert_eq!(answers, [Some(message.to_vec()), Some([message, message].concat())]);
                }
                stream.finish().await?;
                assert_eq!(stream.send(b"c").await, Err(HostError::Refused(1)));
                assert_eq!((stream.receive().await?, stream.receive().await?), (None, None));
                Ok(())
            }),
            b"/grpc-stream-unread" => task(async |host| {
                let stream = host.open_grpc(GrpcStreamCall::new("stream", "a.B", "Talk")).await?;
                for _ in 0..20 {
                    stream.send(vec![0; 100_000]).await?;
                }
                host.sleep(Duration::from_secs(1)).await?;
                while stream.receive().await?.is_some() {}
                Ok(())
            }),
            b"/grpc-stream-dropped" => stream("stream", async |stream| {
                stream.send(b"a").await?;
                stream.receive().await.map(drop)
            }),
            b"/grpc-stream-down" => stream("down", async |stream| stream.receive().await.map(drop)),
            b"/grpc-stream-denied" => stream("denied", async |stream| {
                stream.finish().await?;
                stream.receive().await.map(drop)
            }),
            b"/grpc-stream-unknown" => stream("nowhere", async |_| Ok(())),
            b"/grpc-callbacks" => {
                let opened = host.open_grpc(&GrpcStreamCall::new("stream", "a.B", "Talk"));
                match opened.and_then(|stream| host.grpc_send(stream, b"a")) {
                    Ok(()) => Flow::Await,
                    Err(error) => Reply::new(500, "not_opened").with_body(error.to_string()).into(),
                }
            }
            b"/never" => {
                let never = self.never.wait();
                task(async move |_| {
                    never.await;
                    Ok(())
                })
            }
            b"/limited" => {
                let never = self.never.wait();
                task(async move |host| host.timeout(Duration::from_secs(5), never).await.map(drop))
            }
            b"/late" => task(async |host| {
                let call = host.call(HttpCall::get("slow", "/").timeout(Duration::from_secs(1)));
                call.await?.success().map(drop)
            }),
            b"/given-up" => task(async |host| host.call(HttpCall::get("broken", "/")).await.map(drop)),
            b"/grpc" => task(async |host| {
                let message = host.call_grpc(GrpcCall::new("grpc", "a.B", "C", b"")).await?;
                if message == b"m" { Ok(()) } else { Err(CalloutError::NoAnswer) }
            }),
            b"/grpc-down" => {
                task(async |host| host.call_grpc(GrpcCall::new("down", "a.B", "C", b"")).await.map(drop))
            }
            b"/split" => task(async |host| {
                let call = HttpCall::get("slow", "/").header("x", "a\r\nb: c");
                host.call(call).await.map(drop)
            }),
            b"/callbacks" => {
                let started = [
                    host.wake_after(Duration::from_secs(1)).is_ok(),
                    host.send(&HttpCall::get("slow", "/")).is_ok(),
                ];
                if started == [true; 2] { Flow::Await } else { Reply::new(500, "not_started").into() }
            }
            b"/count" => match host.update_shared_data("waits.count", &mut |value| [value, b"b"].concat()) {
                Ok(value) => Reply::new(200, "count").with_body(value).into(),
                Err(error) => Reply::new(500, "count").with_body(error.to_string()).into(),
            },
            _ => Flow::Continue,
        }
    }

    fn woken(&self, events: &mut u32, _: TimerId, _: &mut dyn Host) -> Flow {
        *events += 1;
        if *events < 2 { Flow::Await } else { Flow::Continue }
    }

    fn grpc_event(&self, _: &mut u32, _: GrpcStreamId, event: GrpcEvent, _: &mut dyn Host) -> Flow {
        match event {
            GrpcEvent::Message(message) if message == b"aa" => Flow::Continue,
            _ => Flow::Await,
        }
    }

    fn callout_response(&self, events: &mut u32, _: CalloutId, _: CalloutResponse, _: &mut dyn Host) -> Flow {
        *events += 1;
        if *events < 2 { Flow::Await } else { Flow::Continue }
    }
}

fn task<T: Future<Output = Result<(), CalloutError>> + 'static>(
    work: impl FnOnce(sdk_shim::Handle) -> T,
) -> Flow {
    Flow::run(OnError::Deny, |host| {
        let work = work(host);
        async move { work.await.map(|()| Flow::Continue) }
    })
}

/// Talks on a gRPC stream, which is dropped then.
fn stream(
    cluster: &'static str,
    talk: impl AsyncFnOnce(&GrpcStream) -> Result<(), CalloutError> + 'static,
) -> Flow {
    task(async move |host| {
        let stream = host.open_grpc(GrpcStreamCall::new(cluster, "a.B", "Talk").metadata("x", "y")).await?;
        talk(&stream).await
    })
}

fn host() -> TestHost {
    let seven = GrpcStatus { code: 7, message: b"no".to_vec() };
    TestHost::new()
        .with_callout(CalloutScript::new("slow", Message::response(200)).after(Duration::from_secs(3)))
        .with_callout(CalloutScript::given_up("broken"))
        .with_callout(CalloutScript::grpc("grpc", Ok(b"m")).path("/a.B/C"))
        .with_callout(CalloutScript::grpc("grpc", Err(seven)))
        .with_callout(CalloutScript::down("down"))
        .with_callout(CalloutScript::grpc_stream(
            "stream",
            twice,
            GrpcStatus { code: 0, message: Vec::new() },
        ))
        .with_callout(CalloutScript::grpc_stream(
            "denied",
            twice,
            GrpcStatus { code: 7, message: Vec::new() },
        ))
}

fn twice(message: &[u8]) -> Vec<Vec<u8>> {
    vec![message.to_vec(), [message, message].concat()]
}

fn play(path: &str, host: TestHost, settings: Settings) -> Outcome {
    let loaded = load::<Waits>(b"{}", &|_| None).unwrap();
    let outcome =
        run(&loaded, host, Message::request("POST", path).with_body("abc"), Message::response(200), settings);
    let minutes = u32::try_from(outcome.waited.as_secs() / 60).unwrap();
    assert_eq!(
        loaded.filter.ticks.get().map_or(0, |ticks| *ticks),
        minutes,
        "what runs in the background, runs"
    );
    outcome
}

#[test]
fn time_passes_only_where_something_waits_for_it() {
    // Path, status, seconds, what the log ends with.
    let cases = [
        ("/", 200, 0, ""),
        ("/sleep", 200, 150, ""),
        ("/limited", 503, 5, "the time was over"),
        ("/never", 503, 60, "it took longer than 60s"),
        ("/too-long", 503, 60, "it took longer than 60s"),
        ("/allowed", 200, 60, "it took longer than 60s"),
        ("/abandoned", 200, 12, ""),
        ("/nothing-left", 500, 1, "answering 500"),
        ("/grpc-stream", 200, 0, ""),
        ("/grpc-stream-unread", 503, 1, "more messages came than were received"),
        ("/grpc-stream-dropped", 200, 0, ""),
        ("/grpc-stream-down", 503, 0, "the answer has gRPC status 14 "),
        ("/grpc-stream-denied", 503, 0, "the answer has gRPC status 7 "),
        ("/grpc-stream-unknown", 503, 0, "the host refused the call (status 2)"),
        ("/grpc-callbacks", 200, 0, ""),
        ("/late", 503, 1, "the answer has status 504"),
        ("/given-up", 503, 0, "the host gave up on the answer"),
        ("/grpc", 200, 0, ""),
        ("/grpc-down", 503, 0, "the answer has gRPC status 14 "),
        ("/split", 503, 0, "it holds a CR, LF or NUL"),
        ("/callbacks", 200, 3, ""),
    ];
    for (path, status, seconds, logged) in cases {
        for (chunking, late_answers) in Chunking::ALL.into_iter().flat_map(|way| [(way, false), (way, true)])
        {
            let outcome = play(path, host(), Settings { chunking, late_answers });
            let place = || format!("{path} {chunking:?} {late_answers}: {outcome:#?}");
            assert_eq!((outcome.status(), outcome.waited.as_secs()), (status, seconds), "{}", place());
            assert!(outcome.host.logs.last().map_or("", |(_, text)| text).ends_with(logged), "{}", place());
            let passed = outcome.upstream.as_ref().map(|message| message.body.clone());
            assert_eq!(passed, (status == 200).then(|| b"abc".to_vec()), "{}", place());
        }
    }
}

#[test]
fn a_request_that_hangs_is_reported() {
    let outcome = play("/for-ever", host(), Settings::default());
    assert!(outcome.hangs() && outcome.upstream.is_none());
    let mut impatient = host();
    impatient.patience = Some(Duration::from_secs(100));
    assert!(play("/sleep", impatient, Settings::default()).hangs());
}

#[test]
fn what_the_host_refuses_is_answered() {
    let cases = [
        ("/late", "send", 503),
        ("/grpc", "send_grpc", 503),
        ("/sleep", "wake_after", 503),
        ("/limited", "wake_after", 503),
        ("/callbacks", "send", 500),
        ("/callbacks", "wake_after", 500),
        ("/grpc-stream", "open_grpc", 503),
        ("/grpc-stream", "grpc_send", 503),
        ("/grpc-stream", "grpc_finish", 503),
        ("/grpc-stream-dropped", "grpc_cancel", 200),
        ("/grpc-callbacks", "open_grpc", 500),
        ("/grpc-callbacks", "grpc_send", 500),
        ("/count", "shared_data", 500),
        ("/count", "set_shared_data", 500),
    ];
    for (path, call, expected) in cases {
        for status in 1..=13 {
            let mut host = host();
            host.refusals.insert(call, status);
            // Without timers the background ends at once, too.
            let outcome = play(path, host, Settings::default());
            assert_eq!(outcome.status(), expected, "{path} {call} {status}");
        }
    }
    assert!(TestHost::new().send(&HttpCall::get("unknown", "/")) == Err(HostError::Refused(2)));
}

#[test]
fn shared_values_are_there_at_load_and_stay_with_the_host() {
    let first = play("/count", host(), Settings::default());
    assert_eq!(first.response.unwrap().body, b"ab");
    let second = play("/count", first.host, Settings::default());
    assert_eq!(second.response.unwrap().body, b"abb");
}

#[test]
fn a_grpc_stream_ends_with_whoever_opened_it() {
    // Path, messages, finished, cancelled.
    let cases = [
        ("/grpc-stream", 2, true, false),
        ("/grpc-stream-dropped", 1, false, true),
        ("/grpc-callbacks", 1, false, true),
    ];
    for (path, messages, finished, cancelled) in cases {
        let outcome = play(path, host(), Settings::default());
        let [stream] = &outcome.host.grpc_streams[..] else { panic!("{path}: {outcome:#?}") };
        assert_eq!(
            (stream.messages.len(), stream.finished, stream.cancelled),
            (messages, finished, cancelled),
            "{path}"
        );
    }
}
