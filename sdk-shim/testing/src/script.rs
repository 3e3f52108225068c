use crate::Message;
use sdk_shim::{CalloutId, CalloutResponse, GrpcEvent, GrpcStatus, GrpcStreamId, QueueId, TimerId};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::time::Duration;

/// What callouts to a cluster are answered with.
///
/// ```
/// use sdk_shim_testing::{CalloutScript, Message, TestHost};
/// use std::time::Duration;
///
/// let keys = Message::response(200).with_body(r#"{"keys": []}"#);
/// let host = TestHost::new()
///     .with_callout(CalloutScript::new("jwks", keys).path("/keys").after(Duration::from_millis(30)))
///     .with_callout(CalloutScript::down("jwks"));
/// assert_eq!(host.script.len(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct CalloutScript {
    cluster: String,
    path: Option<String>,
    delay: Duration,
    answer: Answer,
}

#[derive(Clone, Debug)]
enum Answer {
    Message(Message),
    Grpc(GrpcStatus, Vec<u8>),
    Stream(Answers, GrpcStatus),
    Down,
    GivenUp,
}

/// What a message is answered with.
#[derive(Clone)]
struct Answers(Rc<Answering>);

type Answering = dyn Fn(&[u8]) -> Vec<Vec<u8>>;

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

impl CalloutScript {
    /// Answers calls to this cluster with a response.
    pub fn new(cluster: &str, response: Message) -> Self {
        Self::answering(cluster, Answer::Message(response))
    }

    /// Answers gRPC calls with a message, or the status of a failure.
    pub fn grpc(cluster: &str, answer: Result<&[u8], GrpcStatus>) -> Self {
        let ok = GrpcStatus { code: 0, message: Vec::new() };
        let answer = answer.map_or_else(|status| (status, Vec::new()), |message| (ok, message.to_vec()));
        Self::answering(cluster, Answer::Grpc(answer.0, answer.1))
    }

    /// Answers each message on a gRPC stream with these messages, and closes the stream with this status when the filter
    /// has finished. A unary call gets the first of them.
    pub fn grpc_stream(
        cluster: &str,
        answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + 'static,
        status: GrpcStatus,
    ) -> Self {
        Self::answering(cluster, Answer::Stream(Answers(Rc::new(answers)), status))
    }

    /// Nobody listens there: Envoy answers 503, and gRPC calls with the code 14.
    pub fn down(cluster: &str) -> Self {
        Self::answering(cluster, Answer::Down)
    }

    /// The host gives up on the answer, as Envoy does on one that is too large.
    pub fn given_up(cluster: &str) -> Self {
        Self::answering(cluster, Answer::GivenUp)
    }

    /// Only for calls of this path, whatever their query unless this has one; for gRPC `/service/method`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Answers after this time. A call whose timeout is shorter is answered 504 then, a gRPC call with the code 4.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn answering(cluster: &str, answer: Answer) -> Self {
        Self { cluster: cluster.to_owned(), path: None, delay: Duration::ZERO, answer }
    }

    pub(crate) fn fits(&self, cluster: &str, path: &[u8]) -> bool {
        let bare = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        let is_path = |expected: &String| [path, bare].contains(&expected.as_bytes());
        self.cluster == cluster && self.path.as_ref().is_none_or(is_path)
    }

    pub(crate) fn http_answer(&self, timeout: Duration) -> (CalloutResponse, Duration) {
        if self.delay > timeout {
            return (response(&Message::response(504).with_body("upstream request timeout")), timeout);
        }
        let answer = match &self.answer {
            Answer::Message(message) => response(message),
            Answer::Down => response(&Message::response(503).with_body("upstream connect error")),
            Answer::Grpc(..) | Answer::Stream(..) | Answer::GivenUp => CalloutResponse::default(),
        };
        (answer, self.delay)
    }

    pub(crate) fn grpc_answer(&self, message: &[u8], timeout: Duration) -> (CalloutResponse, Duration) {
        const TIMEOUT: u32 = 4;
        let failed = |code| (GrpcStatus { code, message: Vec::new() }, Vec::new());
        let late = self.delay > timeout;
        let (status, body) = match &self.answer {
            _ if late => failed(TIMEOUT),
            Answer::Grpc(status, body) => (status.clone(), body.clone()),
            Answer::Stream(_, status) if status.code != 0 => (status.clone(), Vec::new()),
            Answer::Stream(answers, status) => {
                (status.clone(), answers.0(message).into_iter().next().unwrap_or_default())
            }
            Answer::Message(message) => failed(code_of(message.status())),
            Answer::Down | Answer::GivenUp => failed(UNAVAILABLE),
        };
        let answer = CalloutResponse { body, grpc: Some(status), ..CalloutResponse::default() };
        (answer, self.delay.min(timeout))
    }

    /// What comes of it that a gRPC stream is opened, and when.
    pub(crate) fn stream_opened(&self) -> (Option<GrpcEvent>, Duration) {
        let code = match &self.answer {
            Answer::Stream(..) => return (None, self.delay),
            Answer::Message(message) => code_of(message.status()),
            Answer::Grpc(..) | Answer::Down | Answer::GivenUp => UNAVAILABLE,
        };
        (Some(GrpcEvent::Closed(GrpcStatus { code, message: Vec::new() })), self.delay)
    }

    /// What comes of a message, or of the end of the messages, on a gRPC stream, and when.
    pub(crate) fn stream_answers(&self, message: Option<&[u8]>) -> (Vec<GrpcEvent>, Duration) {
        let Answer::Stream(answers, status) = &self.answer else { return (Vec::new(), self.delay) };
        let events = match message {
            Some(message) => answers.0(message).into_iter().map(GrpcEvent::Message).collect(),
            None => vec![GrpcEvent::Closed(status.clone())],
        };
        (events, self.delay)
    }
}

/// gRPC's code for a service that cannot be reached.
const UNAVAILABLE: u32 = 14;

/// gRPC's code for an answer that is no gRPC, by its status ("HTTP to gRPC Status Code Mapping").
fn code_of(status: u16) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => UNAVAILABLE,
        _ => 2,
    }
}

/// A message as the answer to a callout.
pub(crate) fn response(message: &Message) -> CalloutResponse {
    let pairs = |list: &[(String, Vec<u8>)]| {
        list.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.clone())).collect()
    };
    CalloutResponse {
        headers: pairs(&message.headers),
        body: message.body.clone(),
        trailers: pairs(&message.trailers),
        grpc: None,
    }
}

/// Something that will happen.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) due: Duration,
    /// What was started first happens first.
    pub(crate) number: u32,
    pub(crate) owner: Owner,
    pub(crate) event: Event,
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    Callout(CalloutId, CalloutResponse),
    Timer(TimerId),
    Queue(QueueId),
    Grpc(GrpcStreamId, GrpcEvent),
}

/// Whom the filter is called for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Owner {
    Root,
    #[default]
    Stream,
}

/// Whether any task was woken.
#[derive(Debug, Default)]
pub(crate) struct Alarm(AtomicBool);

impl Alarm {
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
