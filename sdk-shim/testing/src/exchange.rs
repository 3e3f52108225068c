use crate::script::{Event, Owner, Pending};
use crate::{Message, TestHost};
use sdk_shim::stream::{Action, Stream, Transport};
use sdk_shim::{BodyKind, Filter, Loaded, SharedValue};
use std::time::Duration;

/// How a body arrives.
///
/// ```
/// use sdk_shim_testing::{Chunking, Message, Settings, TestHost, run};
/// # use sdk_shim::{ConfigErrors, Filter, Flow, Host, Reply, Setup, load};
/// # struct Mine;
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # struct Config {}
/// # impl Filter for Mine {
/// #     const NAME: &'static str = "mine";
/// #     type Config = Config;
/// #     type Request = ();
/// #     fn new(_: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> { Ok(Self) }
/// #     fn request_headers(&self, _: &mut (), _: &mut dyn Host) -> Flow { Reply::new(403, "closed").into() }
/// # }
/// # let loaded = load::<Mine>(b"", &|_| None).unwrap();
///
/// let request = Message::request("POST", "/").with_body("abc");
/// for chunking in Chunking::ALL {
///     let settings = Settings { chunking, late_answers: true };
///     let outcome = run(&loaded, TestHost::new(), request.clone(), Message::response(200), settings);
///     assert_eq!(outcome.status(), 403, "{chunking:?}");
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// At once, and with the end of the stream: as from HTTP/2.
    Whole,
    /// At once, the end of the stream behind it in a call of its own: as from HTTP/1.1.
    WholeThenEnd,
    /// In pieces of so many bytes, the end behind the last.
    Pieces(usize),
}

impl Chunking {
    /// The ways that tests should try: filters meet each of them in Envoy.
    pub const ALL: [Self; 4] = [Self::Whole, Self::WholeThenEnd, Self::Pieces(1), Self::Pieces(3)];
}

/// How an exchange is played.
///
/// ```
/// use sdk_shim_testing::{Chunking, Settings};
///
/// let late = Settings { chunking: Chunking::Pieces(1), ..Settings::default() };
/// assert!(!late.late_answers);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How bodies arrive.
    pub chunking: Chunking,
    /// Whether callouts are answered, and timers end, only when the whole message has arrived, not at once.
    pub late_answers: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { chunking: Chunking::WholeThenEnd, late_answers: false }
    }
}

/// What came of an exchange.
///
/// ```
/// use sdk_shim_testing::{Chunking, Message, Settings, TestHost, run};
/// # use sdk_shim::{ConfigErrors, Filter, Flow, Host, Reply, Setup, load};
/// # struct Mine;
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # struct Config {}
/// # impl Filter for Mine {
/// #     const NAME: &'static str = "mine";
/// #     type Config = Config;
/// #     type Request = ();
/// #     fn new(_: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> { Ok(Self) }
/// #     fn request_headers(&self, _: &mut (), _: &mut dyn Host) -> Flow { Reply::new(403, "closed").into() }
/// # }
/// # let loaded = load::<Mine>(b"", &|_| None).unwrap();
///
/// let request = Message::request("POST", "/").with_body("abc");
/// let outcome = run(&loaded, TestHost::new(), request, Message::response(200), Settings::default());
/// assert!(!outcome.hangs() && outcome.upstream.is_none());
/// assert_eq!(outcome.host.metric("mine_total"), 0);
/// ```
#[derive(Debug)]
pub struct Outcome {
    /// What went upstream: whole, or what had gone when the filter replied. `None` where nothing did.
    pub upstream: Option<Message>,
    /// What the client got. `None` where the stream hangs.
    pub response: Option<Message>,
    /// The details of the filter's own reply, where it gave one.
    pub details: Option<String>,
    /// How long the client waited, by the host's clock, which stands still but where something waits for it.
    pub waited: Duration,
    /// The host as it is now, with filter state, metrics and logs.
    pub host: TestHost,
}

impl Outcome {
    /// Whether something waits for ever.
    pub fn hangs(&self) -> bool {
        self.response.is_none()
    }

    /// The status that the client got; 0 where the stream hangs.
    pub fn status(&self) -> u16 {
        self.response.as_ref().map(Message::status).unwrap_or_default()
    }
}

/// Takes a request through a filter, has the upstream answer with `response`, and takes that back.
///
/// As in an Envoy with `allow_on_headers_stop_iteration`: paused headers wait, the body's calls come all the same, and a
/// body that is let go takes the headers with it. The tasks that the filter began at load go on from one exchange to the
/// next where the next gets the host of the last.
///
/// ```
/// use sdk_shim_testing::{Chunking, Message, Settings, TestHost, run};
/// # use sdk_shim::{ConfigErrors, Filter, Flow, Host, Reply, Setup, load};
/// # struct Mine;
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # struct Config {}
/// # impl Filter for Mine {
/// #     const NAME: &'static str = "mine";
/// #     type Config = Config;
/// #     type Request = ();
/// #     fn new(_: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> { Ok(Self) }
/// #     fn request_headers(&self, _: &mut (), _: &mut dyn Host) -> Flow { Reply::new(403, "closed").into() }
/// # }
/// # let loaded = load::<Mine>(b"", &|_| None).unwrap();
///
/// let request = Message::request("POST", "/").with_body("abc");
/// let outcome = run(&loaded, TestHost::new(), request, Message::response(200), Settings::default());
/// assert_eq!((outcome.status(), outcome.details.as_deref()), (403, Some("closed")));
/// ```
pub fn run<F: Filter>(
    loaded: &Loaded<F>,
    mut host: TestHost,
    request: Message,
    response: Message,
    settings: Settings,
) -> Outcome {
    if host.metrics.len() != loaded.metrics.len() {
        host.metrics = loaded.metrics.iter().map(|metric| (metric.clone(), 0)).collect();
    }
    host.reply = None;
    let until = host.now.saturating_add(host.patience.unwrap_or(PATIENCE));
    let stream = Stream::default();
    let mut exchange =
        Exchange { loaded, filter: &loaded.filter, stream, host, settings, until, held: false };
    exchange.begin();
    let begun = exchange.host.now;
    let upstream = exchange.pass(BodyKind::Request, request);
    let mut outcome_response = None;
    if exchange.host.reply.is_none() && upstream.complete {
        let downstream = exchange.pass(BodyKind::Response, response);
        outcome_response = downstream.message.filter(|_| downstream.complete);
    }
    if let Some(reply) = &exchange.host.reply {
        let mut message = Message::response(reply.status).with_body(&reply.body);
        message.headers.extend(reply.headers.iter().cloned());
        outcome_response = Some(message);
    }
    let details = exchange.host.reply.as_ref().map(|reply| reply.details.clone().into_owned());
    exchange.host.request.open = true;
    exchange.host.response.open = true;
    exchange.stream.done(exchange.filter, &mut exchange.host);
    exchange.host.pending.retain(|pending| pending.owner == Owner::Root);
    exchange.host.cancel_streams();
    let waited = exchange.host.now.saturating_sub(begun);
    Outcome { upstream: upstream.message, response: outcome_response, details, waited, host: exchange.host }
}

/// How long an exchange may wait in all, where the host does not say.
const PATIENCE: Duration = Duration::from_secs(3600);

struct Exchange<'a, F: Filter> {
    loaded: &'a Loaded<F>,
    filter: &'a F,
    stream: Stream<F>,
    host: TestHost,
    settings: Settings,
    /// When patience ends.
    until: Duration,
    /// Whether the last call of the filter held the stream and nothing let it go since.
    held: bool,
}

/// What came out at the other side of the filter.
#[derive(Default)]
struct Passed {
    message: Option<Message>,
    complete: bool,
}

impl<F: Filter> Exchange<'_, F> {
    /// Begins what the filter began at load, on a host that has not done so yet.
    fn begin(&mut self) {
        if std::mem::replace(&mut self.host.begun, true) {
            return;
        }
        for (key, value) in &self.loaded.shared {
            let initial = SharedValue { bytes: value.clone(), version: 1 };
            self.host.shared.entry(key.clone()).or_insert(initial);
        }
        self.in_background(|loaded, host| loaded.background.poll(&host.waker(), host));
        if !self.settings.late_answers {
            let now = self.host.now;
            while let Some(pending) = self.host.next_event(now) {
                self.happen(pending);
            }
        }
    }

    fn in_background(&mut self, step: impl FnOnce(&Loaded<F>, &mut TestHost)) {
        self.host.owner = Owner::Root;
        step(self.loaded, &mut self.host);
        self.host.owner = Owner::Stream;
    }

    fn pass(&mut self, which: BodyKind, message: Message) -> Passed {
        let (body, trailers) = (message.body, message.trailers);
        let mut passed = Passed::default();
        let side = self.host.side(which);
        *side = crate::host::Side::default();
        side.message.headers = message.headers;
        side.open = true;
        let bodiless = body.is_empty() && trailers.is_empty();
        side.has_body = !bodiless;
        let action = self.stream.headers(self.filter, which, bodiless, &mut self.host);
        self.settle(which, action, &mut passed);
        if !bodiless {
            let ends_with_data = trailers.is_empty();
            for (chunk, end) in chunks(&body, self.settings.chunking, ends_with_data) {
                if self.host.reply.is_some() {
                    return passed;
                }
                let held = &mut self.host.side(which).message.body;
                held.extend_from_slice(chunk);
                let size = held.len();
                let action = self.stream.body(self.filter, which, size, end, &mut self.host);
                self.settle(which, action, &mut passed);
            }
        }
        if !trailers.is_empty() && self.host.reply.is_none() {
            let side = self.host.side(which);
            side.message.trailers = trailers;
            side.trailers_open = true;
            let action = self.stream.trailers(self.filter, which, &mut self.host);
            self.settle(which, action, &mut passed);
        }
        self.wait(which, &mut passed);
        // Complete is what has gone on with nothing left behind.
        let replied = self.host.reply.is_some();
        let side = self.host.side(which);
        let left_behind = side.open || !side.message.body.is_empty() || side.trailers_open;
        passed.complete = !replied && passed.message.is_some() && !left_behind && !self.held;
        passed
    }

    /// Lets go what may go after a call of the filter, and has happen what it waits for.
    fn settle(&mut self, which: BodyKind, action: Action, passed: &mut Passed) {
        self.held = action == Action::Pause;
        if !self.held {
            self.let_go(which, passed);
        }
        self.wake(which, passed);
        if !self.settings.late_answers {
            self.wait(which, passed);
        }
    }

    /// Has happen what is due now, and what is due later while the stream waits for it.
    fn wait(&mut self, which: BodyKind, passed: &mut Passed) {
        while self.host.reply.is_none() {
            let until = if self.stream.is_waiting() { self.until } else { self.host.now };
            let Some(pending) = self.host.next_event(until) else { return };
            self.happen(pending);
            self.wake(which, passed);
        }
    }

    fn happen(&mut self, pending: Pending) {
        match (pending.owner, pending.event) {
            (Owner::Root, event) => self.in_background(|loaded, host| {
                let waker = host.waker();
                match event {
                    Event::Callout(id, answer) => {
                        loaded.background.callout_response(id, answer, &waker, host)
                    }
                    Event::Timer(timer) => loaded.background.woken(timer, &waker, host),
                    Event::Queue(queue) => loaded.background.queue_ready(queue, &waker, host),
                    Event::Grpc(stream, event) => loaded.background.grpc_event(stream, event, &waker, host),
                }
            }),
            (Owner::Stream, Event::Callout(id, answer)) => {
                self.stream.callout_response(self.filter, id, answer, &mut self.host);
            }
            (Owner::Stream, Event::Timer(timer)) => self.stream.woken(self.filter, timer, &mut self.host),
            (Owner::Stream, Event::Grpc(stream, event)) => {
                self.stream.grpc_event(self.filter, stream, event, &mut self.host);
            }
            (Owner::Stream, Event::Queue(_)) => {}
        }
    }

    /// Lets tasks go on that others woke, and the message, if the filter has let it go since.
    fn wake(&mut self, which: BodyKind, passed: &mut Passed) {
        while self.host.alarm.take() {
            self.in_background(|loaded, host| loaded.background.poll(&host.waker(), host));
            self.stream.poll(self.filter, &mut self.host);
        }
        if std::mem::take(&mut self.host.side(which).resumed) {
            self.let_go(which, passed);
        }
    }

    fn let_go(&mut self, which: BodyKind, passed: &mut Passed) {
        if self.host.reply.is_some() {
            return;
        }
        self.held = false;
        let side = self.host.side(which);
        let message = passed.message.get_or_insert_default();
        if std::mem::take(&mut side.open) {
            message.headers = side.message.headers.clone();
        }
        message.body.append(&mut side.message.body);
        message.trailers.append(&mut side.message.trailers);
        side.trailers_open = false;
    }
}

fn chunks(body: &[u8], chunking: Chunking, ends_with_data: bool) -> Vec<(&[u8], bool)> {
    let mut chunks: Vec<(&[u8], bool)> = match chunking {
        _ if body.is_empty() => Vec::new(),
        Chunking::Whole | Chunking::WholeThenEnd => vec![(body, false)],
        Chunking::Pieces(size) => body.chunks(size.max(1)).map(|chunk| (chunk, false)).collect(),
    };
    match chunks.last_mut() {
        Some((_, end)) if chunking == Chunking::Whole => *end = ends_with_data,
        _ if ends_with_data => chunks.push((b"", true)),
        _ => {}
    }
    chunks
}
