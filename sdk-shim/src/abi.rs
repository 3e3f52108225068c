//! The host's side: what it calls in a module, and what a module calls of it. This folder is the only place with host
//! calls. The names and numbers are those of the proxy-wasm ABI 0.2.1.
//!
//! Nothing here panics, whatever the host calls or answers: a panic in a worker's VM is an outage. That is why neither
//! the wrappers nor the dispatcher of the proxy-wasm crate are used (see RATIONALE.md).

#![allow(unsafe_code, reason = "host calls are foreign functions")]

mod beat;
mod core;
mod exports;
#[cfg(not(target_os = "wasi"))]
mod fake;
mod host;
#[cfg(target_os = "wasi")]
mod imports;
mod random;
#[cfg(not(target_os = "wasi"))]
use fake as imports;

pub use self::exports::{allocate, initialize};

use self::beat::Metrics;
use self::core::{Call, Core, Map, Wake};
use self::host::{EnvoyHost, buffer, header_map, send_reply, write_log};
use crate::setup::load_from;
use crate::stream::{Action, Stream, Transport};
use crate::{
    BodyKind, CalloutResponse, ConfigErrors, Filter, GrpcEvent, GrpcStatus, GrpcStreamId, Level, Loaded,
    MetricKind, QueueId, Reply,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// All contexts of a VM that runs this filter. The exports of the module call its methods.
pub struct Vm<F: Filter> {
    /// One for each configuration: so few that they need no map.
    roots: RefCell<Vec<(u32, Rc<Root<F>>)>>,
    streams: RefCell<Map<Rc<Http<F>>>>,
}

/// One configuration of the filter.
struct Root<F: Filter> {
    core: Rc<Core>,
    running: RefCell<Option<Rc<Running<F>>>>,
    /// The background's callouts and timers: nobody asks how many there are.
    under_way: Cell<usize>,
}

/// A loaded filter with its metrics.
struct Running<F> {
    loaded: Loaded<F>,
    metrics: Rc<Metrics>,
}

/// One stream.
struct Http<F: Filter> {
    id: u32,
    core: Rc<Core>,
    /// Absent where the configuration was refused. Envoy sends such a VM no streams; should a host do so, they are
    /// refused.
    running: Option<Rc<Running<F>>>,
    stream: RefCell<Stream<F>>,
    under_way: Cell<usize>,
}

/// What a phase answers to the host.
const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;

/// Rounds of tasks that wake each other in one call of the host. Those after are left for the next call.
const MAX_ROUNDS: usize = 1000;

impl<F: Filter> Vm<F> {
    /// Without any context.
    pub const fn new() -> Self {
        Self { roots: RefCell::new(Vec::new()), streams: RefCell::new(core::map()) }
    }

    /// `proxy_on_context_create`. A stream without a known root is refused in its phases.
    pub fn create(&self, id: u32, root_id: u32) {
        if root_id == 0 {
            let root = Root { core: Core::new(id), running: RefCell::default(), under_way: Cell::new(0) };
            if let Ok(mut roots) = self.roots.try_borrow_mut() {
                roots.retain(|(known, _)| *known != id);
                roots.push((id, Rc::new(root)));
            }
        } else if let Some(root) = self.root(root_id) {
            let running = root.running.try_borrow().ok().and_then(|running| running.clone());
            let core = Rc::clone(&root.core);
            let http = Http { id, core, running, stream: RefCell::default(), under_way: Cell::new(0) };
            core::insert(&self.streams, id, Rc::new(http));
        }
    }

    /// `proxy_on_configure`: whether the configuration is taken.
    pub fn configure(&self, root_id: u32) -> bool {
        let Some(root) = self.root(root_id) else { return false };
        let config = buffer(host::PLUGIN_CONFIGURATION, 0, usize::MAX);
        let running = match load_from::<F>(config, &|name| std::env::var(name).ok()) {
            Ok(loaded) => Rc::new(run(loaded)),
            Err(errors) => {
                refuse(F::NAME, &errors);
                return false;
            }
        };
        if let Ok(mut place) = root.running.try_borrow_mut() {
            *place = Some(running);
        }
        self.begin(&root);
        self.settle(&root.core);
        true
    }

    /// `proxy_on_request_headers` and `proxy_on_response_headers`.
    pub fn headers(&self, id: u32, which: BodyKind, end: bool) -> u32 {
        self.phase(id, |stream, filter, host| stream.headers(filter, which, end, host))
    }

    /// `proxy_on_request_body` and `proxy_on_response_body`.
    pub fn body(&self, id: u32, which: BodyKind, size: usize, end: bool) -> u32 {
        self.phase(id, |stream, filter, host| stream.body(filter, which, size, end, host))
    }

    /// `proxy_on_request_trailers` and `proxy_on_response_trailers`.
    pub fn trailers(&self, id: u32, which: BodyKind) -> u32 {
        self.phase(id, |stream, filter, host| stream.trailers(filter, which, host))
    }

    /// `proxy_on_http_call_response`.
    pub fn http_call_response(&self, id: u32, token: u32, headers: usize, body: usize, trailers: usize) {
        let mut response = CalloutResponse::default();
        // Without headers the host gave up on the answer, and has no maps to read.
        if headers > 0 {
            response.headers = header_map(host::HTTP_CALL_RESPONSE_HEADERS);
            response.body = buffer(host::HTTP_CALL_RESPONSE_BODY, 0, body);
            if trailers > 0 {
                response.trailers = header_map(host::HTTP_CALL_RESPONSE_TRAILERS);
            }
        }
        self.answered(id, Call::Http(token), response);
    }

    /// `proxy_on_grpc_receive_initial_metadata` and `proxy_on_grpc_receive_trailing_metadata`, of a stream.
    pub fn grpc_metadata(&self, id: u32, token: u32, trailing: bool) {
        let event = if trailing {
            GrpcEvent::Trailers(header_map(host::GRPC_TRAILING_METADATA))
        } else {
            GrpcEvent::Metadata(header_map(host::GRPC_INITIAL_METADATA))
        };
        self.grpc_event(id, token, event);
    }

    /// `proxy_on_grpc_receive`: the answer to a unary call, or a message on a stream.
    pub fn grpc_receive(&self, id: u32, token: u32, size: usize) {
        let body = buffer(host::GRPC_RECEIVE_BUFFER, 0, size);
        if self.core_of(id).is_some_and(|core| core.stream(token).is_some()) {
            return self.grpc_event(id, token, GrpcEvent::Message(body));
        }
        let grpc = Some(GrpcStatus { code: 0, message: Vec::new() });
        self.answered(id, Call::Grpc(token), CalloutResponse { body, grpc, ..CalloutResponse::default() });
    }

    /// `proxy_on_grpc_close`: a call that was answered with a status only, or not at all; or a stream that is at its end.
    pub fn grpc_close(&self, id: u32, token: u32, code: u32) {
        let status = GrpcStatus { code, message: host::status_message() };
        if self.core_of(id).is_some_and(|core| core.stream(token).is_some()) {
            return self.grpc_event(id, token, GrpcEvent::Closed(status));
        }
        let response = CalloutResponse { grpc: Some(status), ..CalloutResponse::default() };
        self.answered(id, Call::Grpc(token), response);
    }

    /// `proxy_on_tick`.
    pub fn tick(&self, root_id: u32) {
        let Some(root) = self.root(root_id) else { return };
        let now = host::now();
        while let Some(Wake { timer, context, .. }) = root.core.due(now) {
            // A filter for headers has no other timers. To the compiler this says that it needs nothing of what follows.
            if root.core.ends_beat(timer) || F::HEADERS_ONLY {
                continue;
            }
            if context == root_id {
                self.in_background(&root, |loaded, host| {
                    loaded.background.woken(timer, &host.waker(), host.as_host());
                });
            } else if let Some(http) = self.other_stream(context) {
                http.under_way.set(http.under_way.get().saturating_sub(1));
                drive(&http, |stream, filter, host| stream.woken(filter, timer, host));
            }
        }
        root.core.arm(now);
        self.settle(&root.core);
    }

    /// `proxy_on_queue_ready`.
    pub fn queue_ready(&self, root_id: u32, queue: u32) {
        let Some(root) = self.root(root_id) else { return };
        self.in_background(&root, |loaded, host| {
            loaded.background.queue_ready(QueueId(queue), &host.waker(), host.as_host());
        });
        self.settle(&root.core);
    }

    /// `proxy_on_log`: the stream has ended.
    pub fn log(&self, id: u32) {
        if let Some(http) = core::get(&self.streams, id) {
            self.end(&http);
        }
    }

    /// `proxy_on_delete`: the context is gone, and what it waits for.
    pub fn delete(&self, id: u32) {
        if let Some(http) = core::remove(&self.streams, id) {
            if F::UNTIL_RESPONSE {
                self.end(&http);
            }
            if http.under_way.get() > 0 {
                http.core.forget(id);
            }
        } else {
            if let Some(root) = self.root(id) {
                root.core.close();
            }
            if let Ok(mut roots) = self.roots.try_borrow_mut() {
                roots.retain(|(known, _)| *known != id);
            }
        }
    }

    /// Ends what a stream has left under way.
    fn end(&self, http: &Http<F>) {
        if http.running.is_none() {
            return;
        }
        drive(http, |stream, filter, host| stream.done(filter, host));
        if http.under_way.get() > 0 {
            // Envoy 1.40 leaves them open when the context goes.
            for token in http.core.take_streams(http.id) {
                host::grpc_cancel(token);
            }
        }
        self.settle(&http.core);
    }

    fn phase(&self, id: u32, step: impl FnOnce(&mut Stream<F>, &F, &mut dyn Transport) -> Action) -> u32 {
        let Some(http) = core::get(&self.streams, id) else {
            send_reply(&Reply::new(500, "sdk_unknown_stream"));
            return PAUSE;
        };
        let action = drive(&http, step);
        self.settle(&http.core);
        match action {
            Some(Action::Continue) => CONTINUE,
            Some(Action::Pause) | None => PAUSE,
        }
    }

    /// Gives an answer to who asked, if it is still there.
    fn answered(&self, id: u32, call: Call, response: CalloutResponse) {
        let Some(core) = self.core_of(id) else { return };
        let Some((context, callout)) = core.answered(call) else { return };
        if context == core.root {
            self.in_root(context, |loaded, host| {
                loaded.background.callout_response(callout, response, &host.waker(), host.as_host());
            });
        } else if let Some(asked) = self.called_for(id, context) {
            asked.under_way.set(asked.under_way.get().saturating_sub(1));
            drive(&asked, |stream, filter, host| stream.callout_response(filter, callout, response, host));
        }
        self.settle(&core);
    }

    /// Gives what has come on a gRPC stream to who opened it, if it is still there.
    fn grpc_event(&self, id: u32, token: u32, event: GrpcEvent) {
        let Some(core) = self.core_of(id) else { return };
        let Some(open) = core.stream(token) else { return };
        let closed = matches!(event, GrpcEvent::Closed(_));
        if closed {
            core.closed(token);
            if !open.finished {
                host::grpc_forget(token);
            }
        }
        let stream_id = GrpcStreamId(token);
        if open.context == core.root {
            self.in_root(open.context, |loaded, host| {
                loaded.background.grpc_event(stream_id, event, &host.waker(), host.as_host());
            });
        } else if let Some(opener) = self.called_for(id, open.context) {
            if closed {
                opener.under_way.set(opener.under_way.get().saturating_sub(1));
            }
            drive(&opener, |stream, filter, host| stream.grpc_event(filter, stream_id, event, host));
        }
        self.settle(&core);
    }

    fn root(&self, id: u32) -> Option<Rc<Root<F>>> {
        let roots = self.roots.try_borrow().ok()?;
        roots.iter().find(|(known, _)| *known == id).map(|(_, root)| Rc::clone(root))
    }

    /// The configuration that a context belongs to.
    fn core_of(&self, id: u32) -> Option<Rc<Core>> {
        let of_stream = core::get(&self.streams, id).map(|http| Rc::clone(&http.core));
        of_stream.or_else(|| self.root(id).map(|root| Rc::clone(&root.core)))
    }

    fn in_root(&self, id: u32, step: impl FnOnce(&Loaded<F>, &mut dyn Transport)) {
        if let Some(root) = self.root(id) {
            self.in_background(&root, step);
        }
    }

    /// The stream that something has come for, where the host calls `called`.
    fn called_for(&self, called: u32, context: u32) -> Option<Rc<Http<F>>> {
        if called == context { core::get(&self.streams, context) } else { self.other_stream(context) }
    }

    /// A stream that the host does not call now: it becomes the one that host calls are for, if the host still has it.
    fn other_stream(&self, id: u32) -> Option<Rc<Http<F>>> {
        core::get(&self.streams, id).filter(|_| host::set_effective_context(id))
    }

    /// Begins what belongs to no stream.
    #[inline(never)]
    fn begin(&self, root: &Root<F>) {
        self.in_background(root, |loaded, host| {
            for (key, value) in &loaded.shared {
                if let Ok(None) = host.shared_data(key) {
                    let _ = host.set_shared_data(key, value, None);
                }
            }
            if !F::HEADERS_ONLY {
                loaded.background.poll(&host.waker(), host.as_host());
            }
        });
    }

    #[cold]
    fn in_background(&self, root: &Root<F>, step: impl FnOnce(&Loaded<F>, &mut dyn Transport)) {
        let running = root.running.try_borrow().ok().and_then(|running| running.clone());
        let Some(running) = running else { return };
        let mut host = EnvoyHost {
            name: F::NAME,
            context_id: root.core.root,
            metrics: &running.metrics,
            core: &root.core,
            under_way: &root.under_way,
        };
        step(&running.loaded, &mut host);
    }

    /// Lets tasks go on that others have woken.
    fn settle(&self, core: &Core) {
        if !F::HEADERS_ONLY && core.has_woken() {
            self.wake(core);
        }
    }

    #[cold]
    fn wake(&self, core: &Core) {
        for _ in 0..MAX_ROUNDS {
            let woken = core.take_woken();
            if woken.is_empty() {
                return;
            }
            for id in woken {
                if id == core.root {
                    host::set_effective_context(id);
                    if let Some(root) = self.root(id) {
                        self.in_background(&root, |loaded, host| {
                            loaded.background.poll(&host.waker(), host.as_host());
                        });
                    }
                } else if let Some(http) = self.other_stream(id) {
                    drive(&http, |stream, filter, host| stream.poll(filter, host));
                }
            }
        }
    }
}

impl<F: Filter> Default for Vm<F> {
    fn default() -> Self {
        Self::new()
    }
}

/// Takes a step of a stream. `None` where there is no filter to take it, or the stream is in a step already, which no
/// known host does.
fn drive<F: Filter, T>(
    http: &Http<F>,
    step: impl FnOnce(&mut Stream<F>, &F, &mut dyn Transport) -> T,
) -> Option<T> {
    let Some(running) = &http.running else {
        send_reply(&Reply::new(500, "sdk_not_configured"));
        return None;
    };
    let mut stream = http.stream.try_borrow_mut().ok()?;
    let mut host = EnvoyHost {
        name: F::NAME,
        context_id: http.id,
        metrics: &running.metrics,
        core: &http.core,
        under_way: &http.under_way,
    };
    Some(step(&mut stream, &running.loaded.filter, &mut host))
}

#[cold]
#[inline(never)]
fn run<F: Filter>(loaded: Loaded<F>) -> Running<F> {
    for warning in &loaded.warnings {
        write_log(Level::Warn, &format!("{}: {warning}", F::NAME));
    }
    for notice in &loaded.notices {
        write_log(Level::Info, &format!("{}: {notice}", F::NAME));
    }
    let metrics = loaded.metrics.iter().map(|metric| {
        let kind = match metric.kind {
            MetricKind::Counter => 0,
            MetricKind::Gauge => 1,
            MetricKind::Histogram => 2,
        };
        host::define_metric(kind, &metric.name)
    });
    Running { metrics: Rc::new(Metrics::new(metrics)), loaded }
}

#[cold]
fn refuse(name: &str, errors: &ConfigErrors) {
    let text = errors.to_string();
    write_log(Level::Error, &format!("{name}: configuration refused:\n  {}", text.replace('\n', "\n  ")));
}

#[cfg(test)]
mod tests;
