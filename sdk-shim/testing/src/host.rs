mod callouts;

pub use callouts::{CalloutAnswer, SentStream};

use crate::Message;
use crate::script::{Alarm, CalloutScript, Event, Owner, Pending};
use sdk_shim::stream::Transport;
use sdk_shim::{
    BodyKind, CalloutId, Counter, Gauge, GrpcCall, GrpcEvent, GrpcStreamCall, GrpcStreamId, HeaderWrite,
    Headers, Histogram, Host, HostError, HttpCall, Level, MAX_SHARED_KEY_BYTES, MAX_SHARED_VALUE_BYTES,
    MapKind, MetricDefinition, QueueId, Reply, SharedValue, TimerId,
};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// A host that is a plain struct. It behaves as Envoy does where filters can see it: a request's headers are out of
/// reach once they have gone upstream, a local reply ends the exchange. Time stands still until something waits for it:
/// then it jumps there.
///
/// ```
/// use sdk_shim_testing::{CalloutScript, Message, TestHost};
///
/// let mut host = TestHost::new().with_callout(CalloutScript::new("auth", Message::response(204)));
/// host.properties.insert("source.address".into(), b"198.51.100.7:1".into());
/// host.refusals.insert("random", 10);
/// ```
#[derive(Debug, Default)]
pub struct TestHost {
    /// The properties by their path, joined with dots: `source.address`.
    pub properties: BTreeMap<String, Vec<u8>>,
    /// The time since 1970-01-01 UTC.
    pub now: Duration,
    /// The seed of the random bytes; each call goes on from the last.
    pub seed: u64,
    /// The answers to callouts, in the order of the calls. They go before [`TestHost::script`]. A call without an answer
    /// is refused, as one to an unknown cluster.
    pub callout_answers: VecDeque<CalloutAnswer>,
    /// What callouts are answered with, by their cluster and path: the first that fits, any number of times.
    pub script: Vec<CalloutScript>,
    /// The HTTP callouts that were made.
    pub calls: Vec<HttpCall>,
    /// The gRPC callouts that were made.
    pub grpc_calls: Vec<GrpcCall>,
    /// The gRPC streams that were opened, in the order of their ids.
    pub grpc_streams: Vec<SentStream>,
    /// The values that VMs share.
    pub shared: BTreeMap<String, SharedValue>,
    /// The queues by name, in the order of their ids, with what is in them.
    pub queues: Vec<(String, VecDeque<Vec<u8>>)>,
    /// The functions that the host offers by name.
    pub foreign_functions: BTreeMap<String, ForeignFunction>,
    /// Calls of [`Host`] that are refused, by the method's name, and the status that they are refused with.
    pub refusals: BTreeMap<&'static str, u32>,
    /// How long an exchange may wait in all before it counts as hung: an hour, unless said otherwise. Nobody really waits.
    pub patience: Option<Duration>,
    /// The filter state that was set.
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// The messages that were logged.
    pub logs: Vec<(Level, String)>,
    /// How often each method of [`Host`] was called, by its name. In Envoy a call costs from a microsecond up to some: a test
    /// that expects them exactly notices one more. Messages count whatever level the host would log.
    pub host_calls: BTreeMap<&'static str, usize>,
    /// How often the route was chosen again because the filter asked.
    pub route_cache_clears: usize,
    pub(crate) metrics: Vec<(MetricDefinition, u64)>,
    pub(crate) request: Side,
    pub(crate) response: Side,
    pub(crate) reply: Option<Reply>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) owner: Owner,
    pub(crate) alarm: Arc<Alarm>,
    pub(crate) begun: bool,
    next: u32,
}

/// A function that the host offers by name: its arguments, and what it returns.
pub type ForeignFunction = fn(&[u8]) -> Result<Vec<u8>, HostError>;

/// One direction of the exchange, as the host has it.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// The message; its body is what has arrived and not gone on.
    pub(crate) message: Message,
    /// Whether the headers can be read and written: they have arrived, and not gone on.
    pub(crate) open: bool,
    /// Whether the trailers can be.
    pub(crate) trailers_open: bool,
    /// Whether it has a body, which can be replaced: to one without, none can be given.
    pub(crate) has_body: bool,
    /// Whether the host was told to let it go on.
    pub(crate) resumed: bool,
}

/// The proxy-wasm status for what the host does not have now.
const BAD_ARGUMENT: u32 = 2;

/// That for what it knows nothing of.
const NOT_FOUND: u32 = 1;

impl TestHost {
    /// A host at noon of 2026-01-01 whose client is 192.0.2.10 and whose upstream is 10.0.0.1:8080.
    pub fn new() -> Self {
        let properties = [("source.address", "192.0.2.10:40000"), ("upstream.address", "10.0.0.1:8080")];
        Self {
            properties: properties.map(|(path, value)| (path.to_owned(), value.into())).into(),
            now: Duration::from_secs(1_767_268_800),
            ..Self::default()
        }
    }

    /// The value of a metric by its name with labels; 0 where nothing counted it. For a histogram, the sum of its
    /// values.
    pub fn metric(&self, name: &str) -> u64 {
        self.metrics.iter().find(|(metric, _)| metric.name == name).map_or(0, |(_, value)| *value)
    }

    fn map(&mut self, map: MapKind) -> Option<&mut Vec<(String, Vec<u8>)>> {
        let side = match map {
            MapKind::RequestHeaders | MapKind::RequestTrailers => &mut self.request,
            MapKind::ResponseHeaders | MapKind::ResponseTrailers => &mut self.response,
        };
        match map {
            MapKind::RequestHeaders | MapKind::ResponseHeaders => {
                side.open.then_some(&mut side.message.headers)
            }
            MapKind::RequestTrailers | MapKind::ResponseTrailers => {
                side.trailers_open.then_some(&mut side.message.trailers)
            }
        }
    }

    pub(crate) fn side(&mut self, which: BodyKind) -> &mut Side {
        match which {
            BodyKind::Request => &mut self.request,
            BodyKind::Response => &mut self.response,
        }
    }

    /// Answers callouts to a cluster so.
    #[must_use]
    pub fn with_callout(mut self, script: CalloutScript) -> Self {
        self.script.push(script);
        self
    }

    fn allowed(&mut self, call: &'static str) -> Result<(), HostError> {
        self.asked(call);
        self.refusals.get(call).map_or(Ok(()), |status| Err(HostError::Refused(*status)))
    }

    fn asked(&mut self, call: &'static str) {
        *self.host_calls.entry(call).or_default() += 1;
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn wait(&mut self, due: Duration, event: Event) {
        let number = self.number();
        self.pending.push(Pending { due, number, owner: self.owner, event });
    }

    fn measure(&mut self, index: usize, change: impl FnOnce(&mut u64)) {
        if let Some((_, value)) = self.metrics.get_mut(index) {
            change(value);
        }
    }
}

impl Host for TestHost {
    fn headers(&mut self, map: MapKind) -> Headers {
        if self.allowed("headers").is_err() {
            return Headers::default();
        }
        self.map(map).into_iter().flatten().map(|(name, value)| (name.as_bytes(), &value[..])).collect()
    }

    fn header(&mut self, map: MapKind, name: &str) -> Option<Vec<u8>> {
        self.allowed("header").ok()?;
        let headers = self.map(map)?;
        headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.clone())
    }

    fn write_header(&mut self, map: MapKind, write: HeaderWrite<'_>) -> Result<(), HostError> {
        self.allowed("write_header")?;
        let headers = self.map(map).ok_or(HostError::Refused(BAD_ARGUMENT))?;
        match write {
            HeaderWrite::Set(name, value) => {
                let first = headers.iter().position(|(candidate, _)| candidate == name);
                headers.retain(|(candidate, _)| candidate != name);
                let place = first.unwrap_or(headers.len()).min(headers.len());
                headers.insert(place, (name.to_owned(), value.to_vec()));
            }
            HeaderWrite::Add(name, value) => headers.push((name.to_owned(), value.to_vec())),
            HeaderWrite::Remove(name) => headers.retain(|(candidate, _)| candidate != name),
        }
        Ok(())
    }

    fn replace_body(&mut self, body: BodyKind, bytes: &[u8]) -> Result<(), HostError> {
        self.allowed("replace_body")?;
        if !self.side(body).has_body {
            return Err(HostError::Refused(BAD_ARGUMENT));
        }
        self.side(body).message.body = bytes.to_vec();
        Ok(())
    }

    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        self.allowed("property").ok()?;
        let known = self.properties.get(&path.join(".")).cloned();
        known.or_else(|| if let [key] = path { self.filter_state.get(*key).cloned() } else { None })
    }

    fn set_filter_state(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
        self.allowed("set_filter_state")?;
        self.filter_state.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn clear_route_cache(&mut self) {
        self.asked("clear_route_cache");
        self.route_cache_clears += 1;
    }

    fn now(&mut self) -> Duration {
        self.asked("now");
        self.now
    }

    fn coarse_now(&mut self) -> Duration {
        self.asked("coarse_now");
        self.now
    }

    fn random(&mut self, buffer: &mut [u8]) -> Result<(), HostError> {
        self.allowed("random")?;
        for byte in buffer {
            // SplitMix64: every seed gives another sequence, the same on every machine.
            self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (mixed >> 56) as u8;
        }
        Ok(())
    }

    fn increment(&mut self, counter: Counter, by: u32) {
        self.asked("increment");
        self.measure(counter.index(), |value| *value += u64::from(by));
    }

    fn set_gauge(&mut self, gauge: Gauge, value: u64) {
        self.asked("set_gauge");
        self.measure(gauge.index(), |current| *current = value);
    }

    fn record(&mut self, histogram: Histogram, value: u64) {
        self.asked("record");
        self.measure(histogram.index(), |sum| *sum += value);
    }

    fn logs(&mut self, _: Level) -> bool {
        true
    }

    fn write_log(&mut self, level: Level, message: fmt::Arguments<'_>) {
        self.asked("write_log");
        self.logs.push((level, message.to_string()));
    }

    fn send(&mut self, call: &HttpCall) -> Result<CalloutId, HostError> {
        self.allowed("send")?;
        check_headers(call.headers.iter().chain(&call.trailers))?;
        self.calls.push(call.clone());
        let (response, delay) = match self.callout_answers.front() {
            Some(answer) if answer.cluster == call.cluster => {
                let response = answer.to_response();
                self.callout_answers.pop_front();
                (response, Duration::ZERO)
            }
            _ => {
                let path =
                    call.headers.iter().find(|(name, _)| name == ":path").map(|(_, path)| path.as_slice());
                let script =
                    self.script.iter().find(|script| script.fits(&call.cluster, path.unwrap_or_default()));
                script
                    .map(|script| script.http_answer(call.timeout))
                    .ok_or(HostError::Refused(BAD_ARGUMENT))?
            }
        };
        Ok(self.answer_later(response, delay))
    }

    fn send_grpc(&mut self, call: &GrpcCall) -> Result<CalloutId, HostError> {
        self.allowed("send_grpc")?;
        check_headers(call.metadata.iter())?;
        self.grpc_calls.push(call.clone());
        let path = format!("/{}/{}", call.service, call.method);
        let script = self.script.iter().find(|script| script.fits(&call.cluster, path.as_bytes()));
        let answer = script.map(|script| script.grpc_answer(&call.message, call.timeout));
        let (response, delay) = answer.ok_or(HostError::Refused(BAD_ARGUMENT))?;
        Ok(self.answer_later(response, delay))
    }

    fn open_grpc(&mut self, call: &GrpcStreamCall) -> Result<GrpcStreamId, HostError> {
        self.allowed("open_grpc")?;
        check_headers(call.metadata.iter())?;
        let path = format!("/{}/{}", call.service, call.method);
        let script = self.script.iter().find(|script| script.fits(&call.cluster, path.as_bytes()));
        let script = script.ok_or(HostError::Refused(BAD_ARGUMENT))?.clone();
        let stream = u32::try_from(self.grpc_streams.len()).map_err(|_| HostError::TooLarge)?;
        let (event, delay) = script.stream_opened();
        self.grpc_streams.push(SentStream {
            call: call.clone(),
            messages: Vec::new(),
            finished: false,
            cancelled: false,
            owner: self.owner,
            script,
            closed: false,
        });
        self.grpc_later(GrpcStreamId(stream), event, delay);
        Ok(GrpcStreamId(stream))
    }

    fn grpc_send(&mut self, stream: GrpcStreamId, message: &[u8]) -> Result<(), HostError> {
        self.allowed("grpc_send")?;
        let open = self.open_stream(stream).filter(|open| !open.finished);
        let open = open.ok_or(HostError::Refused(NOT_FOUND))?;
        open.messages.push(message.to_vec());
        let (events, delay) = open.script.stream_answers(Some(message));
        self.grpc_later(stream, events, delay);
        Ok(())
    }

    fn grpc_finish(&mut self, stream: GrpcStreamId) -> Result<(), HostError> {
        self.allowed("grpc_finish")?;
        let open = self.open_stream(stream).filter(|open| !open.finished);
        let open = open.ok_or(HostError::Refused(NOT_FOUND))?;
        open.finished = true;
        let (events, delay) = open.script.stream_answers(None);
        self.grpc_later(stream, events, delay);
        Ok(())
    }

    fn grpc_cancel(&mut self, stream: GrpcStreamId) -> Result<(), HostError> {
        self.allowed("grpc_cancel")?;
        self.open_stream(stream).ok_or(HostError::Refused(NOT_FOUND))?.cancelled = true;
        self.pending.retain(|pending| !matches!(pending.event, Event::Grpc(of, _) if of == stream));
        Ok(())
    }

    fn wake_after(&mut self, time: Duration) -> Result<TimerId, HostError> {
        self.allowed("wake_after")?;
        let timer = TimerId(self.number());
        self.wait(self.now.saturating_add(time), Event::Timer(timer));
        Ok(timer)
    }

    fn shared_data(&mut self, key: &str) -> Result<Option<SharedValue>, HostError> {
        self.allowed("shared_data")?;
        Ok(self.shared.get(key).cloned())
    }

    fn set_shared_data(&mut self, key: &str, value: &[u8], version: Option<u32>) -> Result<(), HostError> {
        self.allowed("set_shared_data")?;
        if key.len() > MAX_SHARED_KEY_BYTES || value.len() > MAX_SHARED_VALUE_BYTES {
            return Err(HostError::TooLarge);
        }
        let current = self.shared.get(key).map_or(0, |value| value.version);
        if version.is_some_and(|version| version != current) {
            return Err(HostError::Conflict);
        }
        self.shared.insert(key.to_owned(), SharedValue { bytes: value.to_vec(), version: current + 1 });
        Ok(())
    }

    fn register_queue(&mut self, name: &str) -> Result<QueueId, HostError> {
        self.allowed("register_queue")?;
        if self.queue(name).is_none() {
            self.queues.push((name.to_owned(), VecDeque::new()));
        }
        self.queue(name).ok_or(HostError::Refused(NOT_FOUND))
    }

    fn resolve_queue(&mut self, _: &str, name: &str) -> Result<QueueId, HostError> {
        self.allowed("resolve_queue")?;
        self.queue(name).ok_or(HostError::Refused(NOT_FOUND))
    }

    fn enqueue(&mut self, queue: QueueId, item: &[u8]) -> Result<(), HostError> {
        self.allowed("enqueue")?;
        if item.len() > MAX_SHARED_VALUE_BYTES {
            return Err(HostError::TooLarge);
        }
        let (_, items) = self.queues.get_mut(queue.0 as usize).ok_or(HostError::Refused(NOT_FOUND))?;
        items.push_back(item.to_vec());
        let number = self.number();
        // Whoever enqueues, it is the roots that are told.
        let pending = Pending { due: self.now, number, owner: Owner::Root, event: Event::Queue(queue) };
        self.pending.push(pending);
        Ok(())
    }

    fn dequeue(&mut self, queue: QueueId) -> Result<Option<Vec<u8>>, HostError> {
        self.allowed("dequeue")?;
        let (_, items) = self.queues.get_mut(queue.0 as usize).ok_or(HostError::Refused(NOT_FOUND))?;
        Ok(items.pop_front())
    }

    fn foreign(&mut self, name: &str, arguments: &[u8]) -> Result<Vec<u8>, HostError> {
        self.allowed("foreign")?;
        let function = self.foreign_functions.get(name).ok_or(HostError::Refused(NOT_FOUND))?;
        function(arguments)
    }
}

impl TestHost {
    fn queue(&self, name: &str) -> Option<QueueId> {
        let index = self.queues.iter().position(|(candidate, _)| candidate == name)?;
        u32::try_from(index).ok().map(QueueId)
    }

    /// What happens next, if it happens until then. Time jumps there.
    pub(crate) fn next_event(&mut self, until: Duration) -> Option<Pending> {
        let first = |pending: &Pending| (pending.due, pending.number);
        let index = self
            .pending
            .iter()
            .enumerate()
            .min_by_key(|(_, pending)| first(pending))
            .map(|(index, _)| index)?;
        if self.pending.get(index).is_some_and(|pending| pending.due > until) {
            return None;
        }
        let pending = self.pending.swap_remove(index);
        if let Event::Grpc(stream, GrpcEvent::Closed(_)) = pending.event
            && let Some(stream) = self.open_stream(stream)
        {
            stream.closed = true;
        }
        self.now = self.now.max(pending.due);
        Some(pending)
    }
}

fn check_headers<'a>(headers: impl Iterator<Item = &'a (String, Vec<u8>)>) -> Result<(), HostError> {
    let splits = |bytes: &[u8]| bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    for (name, value) in headers {
        if name.is_empty() || splits(name.as_bytes()) || splits(value) {
            return Err(HostError::InvalidHeader);
        }
    }
    Ok(())
}

impl Transport for TestHost {
    fn body(&mut self, body: BodyKind, start: usize, max: usize) -> Vec<u8> {
        self.side(body).message.body.iter().skip(start).take(max).copied().collect()
    }

    fn send_reply(&mut self, reply: &Reply) {
        self.reply = Some(reply.clone());
    }

    fn callouts_under_way(&self) -> usize {
        let ours =
            |pending: &&Pending| pending.owner == Owner::Stream && !matches!(pending.event, Event::Grpc(..));
        let open =
            |stream: &&SentStream| stream.owner == Owner::Stream && !stream.cancelled && !stream.closed;
        self.pending.iter().filter(ours).count() + self.grpc_streams.iter().filter(open).count()
    }

    fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.alarm))
    }

    fn resume(&mut self, direction: BodyKind) {
        self.side(direction).resumed = true;
    }

    fn as_host(&mut self) -> &mut dyn Host {
        self
    }
}
