use crate::task::Mailbox;
use crate::{CalloutError, GrpcStatus, Handle, Headers, Host, HostError};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A gRPC stream of the filter's own, to be opened: messages go in both directions until both sides have finished.
///
/// ```
/// use sdk_shim::GrpcStreamCall;
///
/// let call = GrpcStreamCall::new("limits", "limits.v1.Limits", "Watch").metadata("x-tenant", "a");
/// assert_eq!(call.service, "limits.v1.Limits");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcStreamCall {
    /// The cluster that it goes to; it has to speak HTTP/2.
    pub cluster: String,
    /// The service with its package: `envoy.service.auth.v3.Authorization`.
    pub service: String,
    /// The method.
    pub method: String,
    /// The metadata that it begins with.
    pub metadata: Vec<(String, Vec<u8>)>,
}

impl GrpcStreamCall {
    /// A stream without metadata.
    pub fn new(cluster: &str, service: &str, method: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            service: service.to_owned(),
            method: method.to_owned(),
            metadata: Vec::new(),
        }
    }

    /// Adds metadata.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.metadata.push((name.to_owned(), value.into()));
        self
    }
}

/// A gRPC stream that is open. Its number is the host's token.
///
/// ```
/// use sdk_shim::{Flow, GrpcStreamCall, Host, HostError};
///
/// fn begin(host: &mut dyn Host) -> Result<Flow, HostError> {
///     let stream = host.open_grpc(&GrpcStreamCall::new("limits", "limits.v1.Limits", "Watch"))?;
///     host.grpc_send(stream, b"\x0a\x01a")?;
///     host.grpc_finish(stream)?;
///     Ok(Flow::Await)
/// }
/// # assert!(begin(&mut sdk_shim_testing::TestHost::new()).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GrpcStreamId(pub u32);

/// What comes on a gRPC stream.
///
/// ```
/// use sdk_shim::{Flow, GrpcEvent, Reply};
///
/// fn heard(event: GrpcEvent) -> Flow {
///     match event {
///         GrpcEvent::Message(message) if message == b"go" => Flow::Continue,
///         GrpcEvent::Closed(_) => Reply::new(503, "no_verdict").into(),
///         _ => Flow::Await,
///     }
/// }
/// assert_eq!(heard(GrpcEvent::Message(b"go".to_vec())), Flow::Continue);
/// ```
#[derive(Clone, Debug)]
pub enum GrpcEvent {
    /// The metadata that the service begins with.
    Metadata(Headers),
    /// A message, in its serialised form.
    Message(Vec<u8>),
    /// The metadata that the service ends with.
    Trailers(Headers),
    /// The service has closed the stream, or the host in its place: code 14 where it cannot be reached. Nothing comes
    /// after it.
    Closed(GrpcStatus),
}

/// A gRPC stream in a task: what [`Handle::open_grpc`] opens. Dropping it cancels it, unless the service has closed it.
///
/// The host cannot be told to wait, so messages that come faster than they are received are kept: up to
/// [`GrpcStream::MAX_UNREAD_BYTES`], after which the stream is cancelled.
///
/// ```
/// use sdk_shim::{CalloutError, GrpcStreamCall, Handle};
///
/// async fn last_word(host: &Handle) -> Result<Vec<u8>, CalloutError> {
///     let stream = host.open_grpc(GrpcStreamCall::new("limits", "limits.v1.Limits", "Watch")).await?;
///     stream.send(b"\x0a\x01a").await?;
///     stream.finish().await?;
///     let mut last = Vec::new();
///     while let Some(message) = stream.receive().await? {
///         last = message;
///     }
///     Ok(last)
/// }
/// ```
pub struct GrpcStream {
    id: GrpcStreamId,
    inbox: Rc<Inbox>,
    mailbox: Rc<Mailbox>,
}

/// What has come on a stream and was not received.
#[derive(Default)]
pub(crate) struct Inbox {
    messages: RefCell<VecDeque<Vec<u8>>>,
    unread: Cell<usize>,
    metadata: RefCell<Headers>,
    trailers: RefCell<Headers>,
    closed: RefCell<Option<Result<(), CalloutError>>>,
    waker: Cell<Option<Waker>>,
}

/// What a message takes besides its bytes, so that empty ones have a limit too.
const MESSAGE_OVERHEAD: usize = 64;

impl GrpcStream {
    /// The most that is kept of messages nobody has received, 64 bytes for each counted with them: 1 MiB.
    pub const MAX_UNREAD_BYTES: usize = 1 << 20;

    /// Sends a message.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the stream is closed.
    pub async fn send(&self, message: impl Into<Vec<u8>>) -> Result<(), HostError> {
        let (id, message) = (self.id, message.into());
        self.handle().with(move |host| host.grpc_send(id, &message)).await
    }

    /// Says that no more messages are sent. What the service sends still comes.
    ///
    /// # Errors
    /// As [`GrpcStream::send`].
    pub async fn finish(&self) -> Result<(), HostError> {
        let id = self.id;
        self.handle().with(move |host| host.grpc_finish(id)).await
    }

    /// Waits for the next message; `None` where the service has closed the stream, and all is well.
    ///
    /// # Errors
    /// [`CalloutError::Grpc`] where it was closed with another code than 0, [`CalloutError::Unread`] where too many
    /// messages came.
    pub async fn receive(&self) -> Result<Option<Vec<u8>>, CalloutError> {
        poll_fn(|context| self.inbox.poll(context.waker())).await
    }

    /// The metadata that the service began with; empty until it has come.
    pub fn metadata(&self) -> Headers {
        self.inbox.metadata.borrow().clone()
    }

    /// The metadata that the service ended with; empty until it has come.
    pub fn trailers(&self) -> Headers {
        self.inbox.trailers.borrow().clone()
    }

    pub(crate) fn new(id: GrpcStreamId, mailbox: Rc<Mailbox>) -> Self {
        let inbox = Rc::<Inbox>::default();
        mailbox.grpc.borrow_mut().push((id, Rc::clone(&inbox)));
        Self { id, inbox, mailbox }
    }

    fn handle(&self) -> Handle {
        Handle::of(Rc::clone(&self.mailbox))
    }
}

impl Drop for GrpcStream {
    fn drop(&mut self) {
        let id = self.id;
        self.mailbox.grpc.borrow_mut().retain(|(open, _)| *open != id);
        if self.inbox.closed.borrow().is_none() {
            // Refused where the host has closed it meanwhile.
            let cancel = move |host: &mut dyn Host| {
                let _ = host.grpc_cancel(id);
            };
            self.mailbox.jobs.borrow_mut().push(Box::new(cancel));
        }
    }
}

impl fmt::Debug for GrpcStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GrpcStream").field(&self.id).finish()
    }
}

impl Inbox {
    /// Takes what has come. False where there is no room for it: the stream has then to be cancelled.
    pub(crate) fn take(&self, event: GrpcEvent) -> bool {
        let mut has_room = true;
        match event {
            GrpcEvent::Metadata(metadata) => drop(self.metadata.replace(metadata)),
            GrpcEvent::Trailers(trailers) => drop(self.trailers.replace(trailers)),
            GrpcEvent::Message(message) => {
                let unread = self.unread.get() + message.len() + MESSAGE_OVERHEAD;
                has_room = unread <= GrpcStream::MAX_UNREAD_BYTES;
                if has_room {
                    self.unread.set(unread);
                    self.messages.borrow_mut().push_back(message);
                } else {
                    self.closed.replace(Some(Err(CalloutError::Unread)));
                }
            }
            GrpcEvent::Closed(status) => {
                let outcome = if status.code == 0 { Ok(()) } else { Err(CalloutError::Grpc(status)) };
                self.closed.replace(Some(outcome));
            }
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        has_room
    }

    fn poll(&self, waker: &Waker) -> Poll<Result<Option<Vec<u8>>, CalloutError>> {
        if let Some(message) = self.messages.borrow_mut().pop_front() {
            self.unread.set(self.unread.get().saturating_sub(message.len() + MESSAGE_OVERHEAD));
            return Poll::Ready(Ok(Some(message)));
        }
        match &*self.closed.borrow() {
            Some(outcome) => Poll::Ready(outcome.clone().map(|()| None)),
            None => {
                self.waker.set(Some(waker.clone()));
                Poll::Pending
            }
        }
    }
}
