use crate::Message;
use sdk_shim::stream::Transport;
use sdk_shim::{
    BodyKind, Callout, CalloutId, CalloutResponse, Counter, Gauge, HeaderWrite, Headers, Histogram, Host,
    HostError, Level, MapKind, MetricDefinition, Reply,
};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

/// A host that is a plain struct. It behaves as Envoy does where filters can see it: a request's headers are out of
/// reach once they have gone upstream, a local reply ends the exchange, time stands still unless a test moves it.
#[derive(Debug, Default)]
pub struct TestHost {
    /// The properties by their path, joined with dots: `source.address`.
    pub properties: BTreeMap<String, Vec<u8>>,
    /// The time since 1970-01-01 UTC.
    pub now: Duration,
    /// The seed of the random bytes; each call goes on from the last.
    pub seed: u64,
    /// The answers to callouts, in the order of the calls. A call without one is refused, as one to an unknown cluster.
    pub callout_answers: VecDeque<CalloutAnswer>,
    /// The filter state that was set.
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// The messages that were logged.
    pub logs: Vec<(Level, String)>,
    /// How often the route was chosen again because the filter asked.
    pub route_cache_clears: usize,
    pub(crate) metrics: Vec<(MetricDefinition, u64)>,
    pub(crate) request: Side,
    pub(crate) response: Side,
    pub(crate) reply: Option<Reply>,
    pub(crate) pending: VecDeque<(CalloutId, CalloutAnswer)>,
    next_callout: u32,
}

/// What a callout is answered with, and what it was asked.
#[derive(Clone, Debug)]
pub struct CalloutAnswer {
    /// The cluster that the call must go to.
    pub cluster: String,
    /// The answer.
    pub response: Message,
}

/// One direction of the exchange, as the host has it.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// The message; its body is what has arrived and not gone on.
    pub(crate) message: Message,
    /// Whether the headers can be read and written: they have arrived, and not gone on.
    pub(crate) open: bool,
    /// Whether the trailers can be.
    pub(crate) trailers_open: bool,
    /// Whether the host was told to let it go on.
    pub(crate) resumed: bool,
}

/// The proxy-wasm status for what the host does not have now.
const BAD_ARGUMENT: u32 = 2;

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

    fn measure(&mut self, index: usize, change: impl FnOnce(&mut u64)) {
        if let Some((_, value)) = self.metrics.get_mut(index) {
            change(value);
        }
    }
}

impl Host for TestHost {
    fn headers(&mut self, map: MapKind) -> Headers {
        self.map(map).into_iter().flatten().map(|(name, value)| (name.as_bytes(), &value[..])).collect()
    }

    fn header(&mut self, map: MapKind, name: &str) -> Option<Vec<u8>> {
        self.headers(map).get(name).map(<[u8]>::to_vec)
    }

    fn write_header(&mut self, map: MapKind, write: HeaderWrite<'_>) -> Result<(), HostError> {
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
        self.side(body).message.body = bytes.to_vec();
        Ok(())
    }

    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        self.properties.get(&path.join(".")).cloned()
    }

    fn set_filter_state(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
        self.filter_state.insert(key.to_owned(), value.to_vec());
        Ok(())
    }

    fn clear_route_cache(&mut self) {
        self.route_cache_clears += 1;
    }

    fn now(&mut self) -> Duration {
        self.now
    }

    fn random(&mut self, buffer: &mut [u8]) -> Result<(), HostError> {
        for byte in buffer {
            // SplitMix64: every seed gives another sequence, the same on every machine.
            self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (mixed >> 56) as u8;
        }
        Ok(())
    }

    fn increment(&mut self, counter: Counter, by: u32) {
        self.measure(counter.index(), |value| *value += u64::from(by));
    }

    fn set_gauge(&mut self, gauge: Gauge, value: u64) {
        self.measure(gauge.index(), |current| *current = value);
    }

    fn record(&mut self, histogram: Histogram, value: u64) {
        self.measure(histogram.index(), |sum| *sum += value);
    }

    fn logs(&mut self, _: Level) -> bool {
        true
    }

    fn write_log(&mut self, level: Level, message: fmt::Arguments<'_>) {
        self.logs.push((level, message.to_string()));
    }

    fn call(&mut self, callout: &Callout<'_>) -> Result<CalloutId, HostError> {
        let known = self.callout_answers.front().is_some_and(|answer| answer.cluster == callout.cluster);
        let answer = self.callout_answers.pop_front().filter(|_| known);
        let answer = answer.ok_or(HostError::Refused(BAD_ARGUMENT))?;
        self.next_callout += 1;
        self.pending.push_back((CalloutId(self.next_callout), answer));
        Ok(CalloutId(self.next_callout))
    }
}

impl Transport for TestHost {
    fn body(&mut self, body: BodyKind, start: usize, max: usize) -> Vec<u8> {
        self.side(body).message.body.iter().skip(start).take(max).copied().collect()
    }

    fn send_reply(&mut self, reply: &Reply) {
        self.reply = Some(reply.clone());
    }

    fn callouts_under_way(&self) -> usize {
        self.pending.len()
    }

    fn resume(&mut self, direction: BodyKind) {
        self.side(direction).resumed = true;
    }

    fn as_host(&mut self) -> &mut dyn Host {
        self
    }
}

impl CalloutAnswer {
    pub(crate) fn to_response(&self) -> CalloutResponse {
        let headers = self.response.headers.iter().map(|(name, value)| (name.as_bytes(), &value[..]));
        CalloutResponse { headers: headers.collect(), body: self.response.body.clone() }
    }
}
