//! Callouts and gRPC streams, as the services see them.

use std::time::Duration;

use sdk_shim::{CalloutId, CalloutResponse, GrpcEvent, GrpcStreamCall, GrpcStreamId};

use super::TestHost;
use crate::Message;
use crate::script::{CalloutScript, Event, Owner, Pending};

/// What a callout is answered with, and what it was asked.
///
/// ```
/// use sdk_shim_testing::{CalloutAnswer, Message, TestHost};
///
/// let mut host = TestHost::new();
/// host.callout_answers.push_back(CalloutAnswer { cluster: "auth".into(), response: Message::response(204) });
/// ```
#[derive(Clone, Debug)]
pub struct CalloutAnswer {
    /// The cluster that the call must go to.
    pub cluster: String,
    /// The answer.
    pub response: Message,
}

/// A gRPC stream that the filter opened, as the service sees it.
///
/// ```
/// use sdk_shim::{GrpcStatus, GrpcStreamCall, Host};
/// use sdk_shim_testing::{CalloutScript, TestHost};
///
/// let ok = GrpcStatus { code: 0, message: Vec::new() };
/// let mut host = TestHost::new().with_callout(CalloutScript::grpc_stream("limits", |_| Vec::new(), ok));
/// let stream = host.open_grpc(&GrpcStreamCall::new("limits", "limits.v1.Limits", "Watch")).unwrap();
/// host.grpc_send(stream, b"a").unwrap();
/// assert_eq!(host.grpc_streams[0].messages, [b"a"]);
/// ```
#[derive(Clone, Debug)]
pub struct SentStream {
    /// What it was opened with.
    pub call: GrpcStreamCall,
    /// The messages that were sent.
    pub messages: Vec<Vec<u8>>,
    /// Whether the filter has said that it sends no more.
    pub finished: bool,
    /// Whether it was broken off, by the filter or because the exchange is over.
    pub cancelled: bool,
    pub(crate) owner: Owner,
    pub(super) script: CalloutScript,
    /// Whether the service has closed it.
    pub(crate) closed: bool,
}

impl CalloutAnswer {
    pub(crate) fn to_response(&self) -> CalloutResponse {
        crate::script::response(&self.response)
    }
}

impl TestHost {
    pub(super) fn answer_later(&mut self, response: CalloutResponse, delay: Duration) -> CalloutId {
        let callout = CalloutId(self.number());
        self.wait(self.now.saturating_add(delay), Event::Callout(callout, response));
        callout
    }

    pub(super) fn open_stream(&mut self, stream: GrpcStreamId) -> Option<&mut SentStream> {
        let found = self.grpc_streams.get_mut(stream.0 as usize);
        found.filter(|stream| !stream.cancelled && !stream.closed)
    }

    pub(super) fn grpc_later(
        &mut self,
        stream: GrpcStreamId,
        events: impl IntoIterator<Item = GrpcEvent>,
        delay: Duration,
    ) {
        let owner = self.grpc_streams.get(stream.0 as usize).map_or(self.owner, |stream| stream.owner);
        for event in events {
            let (due, number) = (self.now.saturating_add(delay), self.number());
            self.pending.push(Pending { due, number, owner, event: Event::Grpc(stream, event) });
        }
    }

    /// The exchange is over: what it has open is broken off.
    pub(crate) fn cancel_streams(&mut self) {
        for stream in &mut self.grpc_streams {
            stream.cancelled |= stream.owner == Owner::Stream && !stream.closed;
        }
    }
}
