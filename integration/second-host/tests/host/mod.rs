//! Exchanges through a module in the crate `proxy-wasm-host`: bodies come whole or in pieces, services answer as a scenario file
//! says, time passes when nothing else can happen.

mod outside;
mod traffic;

use outside::{Answer, Outside};
use proxy_wasm_host::abi::v0_2_1::types::{Action, LogLevel};
use proxy_wasm_host::abi::v0_2_1::{
    CallScope, Callouts, Clock, ContextId, GrpcStatus, Guest, HeaderPairs, Host, HttpCallResponse,
    InMemoryStore, LogSink, PluginConfig, Started, StreamKind, VmServices,
};
use proxy_wasm_host::{Engine, Limits, Module};
use sdk_shim_testing::Message;
use sdk_shim_testing::scenario::{File, Scenario};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use traffic::{Side, Traffic};

/// A module with one configuration.
pub struct Vm {
    guest: Guest,
    root: ContextId,
    outside: Arc<Outside>,
    /// The period of the module's ticks, and since when it is so.
    ticks: Option<(Duration, Duration)>,
}

impl Vm {
    /// The error is what the module logged when it refused the configuration.
    pub fn start(engine: &Engine, module: &Module, config: &str, file: &File) -> Result<Self, String> {
        let outside = Arc::new(Outside::new(file));
        let env =
            file.env.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes()));
        let services = VmServices::new(Arc::clone(&outside) as Arc<dyn LogSink>)
            .with_log_level(LogLevel::Info)
            .with_clock(Arc::clone(&outside) as Arc<dyn Clock>)
            .with_callouts(Arc::clone(&outside) as Arc<dyn Callouts>)
            .with_shared(Arc::new(InMemoryStore::new()))
            .with_environment(env.collect());
        let limits = Limits::default().with_cpu_time(Duration::from_secs(120)).with_memory_bytes(1 << 30);
        let host = Host::new(engine).unwrap();
        let mut guest = Guest::new(&host, module, services, &limits).unwrap();
        match guest.start(PluginConfig::new().with_name("filter").with_configuration(config)).unwrap() {
            Started::Serving(root) => Ok(Self { guest, root, outside, ticks: None }),
            _ => Err(outside.logs.lock().unwrap().join("\n")),
        }
    }

    /// What differs from what the scenario expects, where bodies come so.
    pub fn differences(&mut self, scenario: &Scenario, bodies: Bodies) -> Vec<String> {
        let (root, begun) = (self.root, self.outside.now());
        let outside = Arc::clone(&self.outside);
        let ticks = &mut self.ticks;
        let (request, response) = (scenario.request.message(), scenario.response.message());
        let ((upstream, answer, waited), traffic) =
            self.guest.with(Traffic::from(scenario.request.source.as_deref()), |scope| {
                let stream = scope.on_context_create(Some(root)).unwrap();
                scope.expect_stream_kind(stream, StreamKind::Http).unwrap();
                let mut play = Play { scope, stream, root, outside: &outside, ticks, bodies };
                let (mut upstream, mut answer) = (None, None);
                if play.pass(Side::Request, &request) {
                    upstream = Some(play.traffic().message(Side::Request));
                    if play.pass(Side::Response, &response) {
                        answer = Some(play.traffic().message(Side::Response));
                    }
                }
                if let Some(reply) = play.reply() {
                    answer = Some(reply);
                }
                let waited = outside.now() - begun;
                play.end();
                (upstream, answer, waited)
            });
        let state = |key: &str| traffic.state.get(key).cloned();
        let details = traffic.reply.as_ref().map(|(details, _)| details.as_str());
        let (upstream, answer) = (upstream.as_ref(), answer.as_ref());
        let mut differences = scenario.expect.compare(upstream, answer, details, state);
        differences.extend(scenario.expect.too_fast(waited));
        differences
    }
}

/// How bodies come.
#[derive(Clone, Copy, Debug)]
pub enum Bodies {
    /// At once, with the end.
    Whole,
    /// In pieces of three bytes, the end in a call of its own.
    Pieces,
}

/// Compiles a module of `dist/`, which `make modules` builds.
pub fn module(engine: &Engine, name: &str) -> Module {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dist").join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}: run `make modules`", path.display()));
    Module::new(engine, &bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

struct Play<'a, 'g> {
    scope: &'a mut CallScope<'g, Traffic>,
    stream: ContextId,
    root: ContextId,
    outside: &'a Outside,
    ticks: &'a mut Option<(Duration, Duration)>,
    bodies: Bodies,
}

impl Play<'_, '_> {
    /// Whether the message came through.
    fn pass(&mut self, side: Side, message: &Message) -> bool {
        let stream = self.stream;
        let (bodiless, trailers) = (message.body.is_empty(), message.trailers.len() as u32);
        let ends = bodiless && trailers == 0;
        let count = self.traffic().receive(side, message);
        let mut action = match side {
            Side::Request => self.scope.on_request_headers(stream, count, ends),
            Side::Response => self.scope.on_response_headers(stream, count, ends),
        }
        .unwrap();
        let pieces: Vec<&[u8]> = match self.bodies {
            _ if bodiless => Vec::new(),
            Bodies::Whole => vec![&message.body],
            Bodies::Pieces => message.body.chunks(3).chain([&b""[..]]).collect(),
        };
        for (index, piece) in pieces.iter().enumerate() {
            if self.reply().is_some() {
                return false;
            }
            let size = self.traffic().part(side).receive_body(piece);
            let end = trailers == 0 && index + 1 == pieces.len();
            action = match side {
                Side::Request => self.scope.on_request_body(stream, size, end),
                Side::Response => self.scope.on_response_body(stream, size, end),
            }
            .unwrap();
            if action == Action::Continue && self.reply().is_none() {
                self.traffic().part(side).let_go();
            }
        }
        if trailers > 0 && self.reply().is_none() {
            self.traffic().part(side).receive_trailers(message);
            action = match side {
                Side::Request => self.scope.on_request_trailers(stream, trailers),
                Side::Response => self.scope.on_response_trailers(stream, trailers),
            }
            .unwrap();
        }
        let mut patience = 1000;
        while action == Action::Pause && self.reply().is_none() {
            if std::mem::take(&mut self.traffic().part(side).resumed) {
                action = Action::Continue;
            } else if patience == 0 || !self.something_happens() {
                return false;
            }
            patience -= 1;
        }
        self.reply().is_none()
    }

    fn end(&mut self) {
        self.scope.on_done(self.stream).unwrap();
        self.scope.on_log(self.stream).unwrap();
        self.scope.on_delete(self.stream).unwrap();
    }

    fn traffic(&mut self) -> &mut Traffic {
        self.scope.stream_mut()
    }

    fn reply(&mut self) -> Option<Message> {
        self.traffic().reply.as_ref().map(|(_, message)| message.clone())
    }

    /// An answer arrives, or the module's timer ticks, whichever is first. False where nothing is to be waited for.
    fn something_happens(&mut self) -> bool {
        let period = self.scope.guest().tick_period(self.root);
        *self.ticks = match (period, *self.ticks) {
            (Some(period), Some((known, since))) if known == period => Some((period, since)),
            (period, _) => period.map(|period| (period, self.outside.now())),
        };
        let tick = self.ticks.map(|(period, since)| since + period);
        if let Some(coming) = self.outside.next(tick) {
            self.outside.wait_until(coming.due);
            let (caller, callout) = (coming.caller, coming.callout);
            match coming.answer {
                Answer::Http(message) => {
                    let answer = HttpCallResponse::received(pairs(&message.headers))
                        .with_body(message.body.clone())
                        .with_trailers(pairs(&message.trailers));
                    self.scope.on_http_call_response(caller, callout, answer)
                }
                Answer::Grpc(message) => self.scope.on_grpc_receive(caller, callout, message.into()),
                Answer::Closed(code) => self.scope.on_grpc_close(caller, callout, GrpcStatus::new(code, "")),
            }
            .unwrap();
            return true;
        }
        let Some(tick) = tick else { return false };
        self.outside.wait_until(tick);
        // The next period begins now, unless the module sets another.
        *self.ticks = self.ticks.map(|(period, _)| (period, tick));
        self.scope.on_tick(self.root).unwrap();
        true
    }
}

fn pairs(list: &[(String, Vec<u8>)]) -> HeaderPairs<'_> {
    list.iter().map(|(name, value)| (name.as_bytes().into(), value.into())).collect()
}
