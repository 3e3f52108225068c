//! What is outside of the module: its log, the time, the services that it calls.

use proxy_wasm_host::abi::v0_2_1::types::{LogLevel, Status};
use proxy_wasm_host::abi::v0_2_1::{
    CalloutId, Callouts, Clock, ContextId, GrpcCall, GrpcOpenRefusal, GrpcStream, HttpCall, HttpCallRefusal,
    Invocation, LogContext, LogSink,
};
use sdk_shim_testing::Message;
use sdk_shim_testing::scenario::{Callout, File};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nothing of it takes time but what the scenario says.
pub struct Outside {
    pub logs: Mutex<Vec<String>>,
    nanoseconds: AtomicU64,
    services: Vec<Callout>,
    coming: Mutex<Vec<Coming>>,
    streams: Mutex<BTreeMap<CalloutId, Callout>>,
}

/// An answer that is under way.
pub struct Coming {
    /// When it arrives, since 1970.
    pub due: Duration,
    pub callout: CalloutId,
    pub caller: ContextId,
    pub answer: Answer,
}

pub enum Answer {
    Http(Message),
    /// A message of a gRPC service.
    Grpc(Vec<u8>),
    /// The end of a gRPC call or stream, with its status.
    Closed(u32),
}

impl Outside {
    pub fn new(file: &File) -> Self {
        Self {
            logs: Mutex::default(),
            nanoseconds: AtomicU64::new(1_767_268_800_000_000_000),
            services: file.callouts.clone(),
            coming: Mutex::default(),
            streams: Mutex::default(),
        }
    }

    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    pub fn wait_until(&self, time: Duration) {
        self.nanoseconds.fetch_max(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Takes what arrives next, if that is before `limit`.
    pub fn next(&self, limit: Option<Duration>) -> Option<Coming> {
        let mut coming = self.coming.lock().unwrap();
        // Of those that arrive at a time, the first that was asked for.
        let first = (0..coming.len()).min_by_key(|at| coming[*at].due)?;
        limit.is_none_or(|limit| coming[first].due < limit).then(|| coming.remove(first))
    }

    fn service(&self, cluster: &[u8], path: &str) -> Option<&Callout> {
        let path = path.split('?').next();
        self.services.iter().find(|it| it.cluster.as_bytes() == cluster && Some(it.path.as_str()) == path)
    }

    fn is_known(&self, cluster: &[u8]) -> bool {
        self.services.iter().any(|service| service.cluster.as_bytes() == cluster)
    }

    fn arrive(&self, call: Invocation, callout: CalloutId, after: Duration, answer: Answer) {
        let coming = Coming { due: self.now() + after, callout, caller: call.context, answer };
        self.coming.lock().unwrap().push(coming);
    }
}

impl LogSink for Outside {
    fn log(&self, _: LogContext<'_>, level: LogLevel, message: &[u8]) {
        self.logs.lock().unwrap().push(format!("{level:?}: {}", message.escape_ascii()));
    }
}

impl Clock for Outside {
    fn realtime_nanos(&self) -> u64 {
        self.nanoseconds.load(Ordering::Relaxed)
    }

    fn monotonic_nanos(&self) -> u64 {
        self.realtime_nanos()
    }
}

impl Callouts for Outside {
    fn http_call(
        &self,
        call: Invocation,
        callout: CalloutId,
        request: HttpCall<'_>,
    ) -> Result<(), HttpCallRefusal> {
        if !self.is_known(&request.upstream) {
            return Err(HttpCallRefusal::Failed);
        }
        let path = request.headers.iter().find(|(name, _)| &**name == b":path");
        let path = path.map_or(String::new(), |(_, path)| String::from_utf8_lossy(path).into_owned());
        let service = self.service(&request.upstream, &path);
        let after = service.map_or(Duration::ZERO, |service| Duration::from_millis(service.after_ms));
        let answer = match service {
            Some(service) if service.down => Message::response(503),
            Some(service) => service.response.message(),
            None => Message::response(404),
        };
        if after > request.timeout {
            self.arrive(call, callout, request.timeout, Answer::Http(Message::response(504)));
        } else {
            self.arrive(call, callout, after, Answer::Http(answer));
        }
        Ok(())
    }

    fn grpc_call(
        &self,
        call: Invocation,
        callout: CalloutId,
        request: GrpcCall<'_>,
    ) -> Result<(), GrpcOpenRefusal> {
        if !self.is_known(&request.upstream) {
            return Err(GrpcOpenRefusal::UnknownUpstream);
        }
        let service = self.service(&request.upstream, &path(&request.service, &request.method));
        let after = service.map_or(Duration::ZERO, |service| Duration::from_millis(service.after_ms));
        let answer = match service.and_then(|service| service.grpc.as_ref()) {
            _ if service.is_some_and(|service| service.down) => Answer::Closed(UNAVAILABLE),
            Some(grpc) if grpc.status == 0 => {
                Answer::Grpc(grpc.messages.first().map(|message| message.0.clone()).unwrap_or_default())
            }
            Some(grpc) => Answer::Closed(grpc.status),
            None => Answer::Closed(UNIMPLEMENTED),
        };
        self.arrive(call, callout, after, answer);
        Ok(())
    }

    fn grpc_stream(
        &self,
        call: Invocation,
        callout: CalloutId,
        request: GrpcStream<'_>,
    ) -> Result<(), GrpcOpenRefusal> {
        if !self.is_known(&request.upstream) {
            return Err(GrpcOpenRefusal::UnknownUpstream);
        }
        match self.service(&request.upstream, &path(&request.service, &request.method)) {
            Some(service) if service.down => {
                self.arrive(call, callout, Duration::ZERO, Answer::Closed(UNAVAILABLE));
            }
            Some(service) if service.grpc.is_some() => {
                self.streams.lock().unwrap().insert(callout, service.clone());
            }
            _ => self.arrive(call, callout, Duration::ZERO, Answer::Closed(UNIMPLEMENTED)),
        }
        Ok(())
    }

    fn grpc_send(
        &self,
        call: Invocation,
        callout: CalloutId,
        message: &[u8],
        end_of_stream: bool,
    ) -> Result<(), Status> {
        let service = self.streams.lock().unwrap().get(&callout).cloned();
        let Some(Callout { grpc: Some(grpc), after_ms, .. }) = service else { return Ok(()) };
        if !message.is_empty() || !end_of_stream {
            for message in grpc.messages {
                self.arrive(call, callout, Duration::from_millis(after_ms), Answer::Grpc(message.0));
            }
        }
        if end_of_stream {
            self.grpc_close(call, callout);
        }
        Ok(())
    }

    fn grpc_cancel(&self, _: Invocation, callout: CalloutId) {
        self.streams.lock().unwrap().remove(&callout);
        self.coming.lock().unwrap().retain(|coming| coming.callout != callout);
    }

    fn grpc_close(&self, call: Invocation, callout: CalloutId) {
        let service = self.streams.lock().unwrap().remove(&callout);
        let Some(Callout { grpc: Some(grpc), after_ms, .. }) = service else { return };
        self.arrive(call, callout, Duration::from_millis(after_ms), Answer::Closed(grpc.status));
    }
}

/// gRPC's code for a method that the service has not.
const UNIMPLEMENTED: u32 = 12;

/// That for a service that cannot be reached.
const UNAVAILABLE: u32 = 14;

fn path(service: &[u8], method: &[u8]) -> String {
    format!("/{}/{}", String::from_utf8_lossy(service), String::from_utf8_lossy(method))
}
