//! How the phases of a stream become calls of a filter: the one state machine that the module and the test host share.
//!
//! A host implements [`Transport`] and calls [`Stream`] with what happens; filter authors need neither.

use crate::task::Abandoned;
use crate::{
    Body, BodyKind, BodyMode, CalloutId, CalloutResponse, Filter, Flow, GrpcEvent, GrpcStreamId, Host, Level,
    OverLimit, Reply, Task, TimerId,
};
use std::task::{Poll, Waker};

/// What [`Stream`] asks of the host besides what filters may.
pub trait Transport: Host {
    /// The bytes of a body that the host holds in the current phase, from `start`, at most `max`.
    fn body(&mut self, body: BodyKind, start: usize, max: usize) -> Vec<u8>;

    /// Sends a response in place of the upstream's.
    fn send_reply(&mut self, reply: &Reply);

    /// How many callouts and timers of this stream are under way, and how many of its gRPC streams open.
    fn callouts_under_way(&self) -> usize;

    /// What a task of this stream wakes, so that the host calls [`Stream::poll`].
    fn waker(&self) -> Waker {
        Waker::noop().clone()
    }

    /// Lets a paused direction go on.
    fn resume(&mut self, direction: BodyKind);

    /// This host as filters see it.
    fn as_host(&mut self) -> &mut dyn Host;
}

/// What the host does with the stream after a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pass it on.
    Continue,
    /// Hold it, this phase and what comes, until a later phase or [`Transport::resume`] lets it go.
    Pause,
}

/// One stream through a filter.
#[derive(Debug)]
pub struct Stream<F: Filter> {
    state: F::Request,
    request: Direction,
    response: Direction,
    replied: bool,
    /// What tasks that are over have left under way: no callback of the filter is for it.
    abandoned: Vec<Abandoned>,
}

/// One direction of a stream.
#[derive(Debug, Default)]
struct Direction {
    hold: Hold,
    /// How much of the body the host holds for us, and whether it has ended.
    held_bytes: usize,
    /// How much of that the filter has seen, of a body that it sees chunk by chunk.
    seen_bytes: usize,
    seen_end: bool,
    ended: bool,
    trailers: bool,
    seen: Option<Phase>,
    /// What this direction waits for, where it is a task.
    task: Option<Task>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Hold {
    /// Nothing is held, and the body is nobody's business.
    #[default]
    Open,
    /// Chunks go through the filter.
    Streaming,
    /// The headers wait for the body.
    Buffering,
    /// All waits for a callout, a timer or a task.
    Awaiting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Headers,
    Body,
    Trailers,
}

/// The response first: where both wait, it is what an answer is for.
const DIRECTIONS: [BodyKind; 2] = [BodyKind::Response, BodyKind::Request];

/// The reason of the replies that the SDK gives where a filter is at fault.
const FAULT: &str = "The filter asked for what cannot be.\n";

impl<F: Filter> Default for Stream<F> {
    fn default() -> Self {
        Self {
            state: F::Request::default(),
            request: Direction::default(),
            response: Direction::default(),
            replied: false,
            abandoned: Vec::new(),
        }
    }
}

impl<F: Filter> Stream<F> {
    /// The headers of one direction have arrived, and end the message or not.
    pub fn headers(&mut self, filter: &F, which: BodyKind, end: bool, host: &mut dyn Transport) -> Action {
        if self.replied {
            return Action::Continue;
        }
        let direction = self.direction(which);
        direction.ended = end;
        direction.seen = Some(Phase::Headers);
        let flow = match which {
            BodyKind::Request => {
                filter.request_starts(&mut self.state, !end);
                filter.request_headers(&mut self.state, host.as_host())
            }
            BodyKind::Response => filter.response_headers(&mut self.state, host.as_host()),
        };
        self.apply(filter, which, flow, host)
    }

    /// The host has `held` bytes of a body for this phase: with those of earlier calls where they were held, and the
    /// body ends with them or not.
    pub fn body(
        &mut self,
        filter: &F,
        which: BodyKind,
        held: usize,
        end: bool,
        host: &mut dyn Transport,
    ) -> Action {
        if self.replied {
            return if which == BodyKind::Request { Action::Pause } else { Action::Continue };
        }
        let direction = self.direction(which);
        if is_over::<F>(which) {
            return Action::Continue;
        }
        direction.held_bytes = held;
        direction.ended |= end;
        match direction.hold {
            Hold::Open => Action::Continue,
            Hold::Awaiting => Action::Pause,
            Hold::Streaming | Hold::Buffering => self.deliver_body(filter, which, host),
        }
    }

    /// The trailers of one direction have arrived; they end the message.
    pub fn trailers(&mut self, filter: &F, which: BodyKind, host: &mut dyn Transport) -> Action {
        if self.replied {
            return if which == BodyKind::Request { Action::Pause } else { Action::Continue };
        }
        let direction = self.direction(which);
        if is_over::<F>(which) {
            return Action::Continue;
        }
        direction.ended = true;
        direction.trailers = true;
        match direction.hold {
            Hold::Awaiting => Action::Pause,
            Hold::Buffering => self.deliver_body(filter, which, host),
            Hold::Open | Hold::Streaming => self.deliver_trailers(filter, which, host),
        }
    }

    /// A callout was answered, and is under way no more. Resumes what waits for it, as the filter says.
    pub fn callout_response(
        &mut self,
        filter: &F,
        callout: CalloutId,
        response: CalloutResponse,
        host: &mut dyn Transport,
    ) {
        if self.replied || self.was_abandoned(Abandoned::Callout(callout)) {
            return;
        }
        for which in DIRECTIONS {
            if let Some(task) = self.direction(which).task.as_ref().filter(|task| task.made_callout(callout))
            {
                task.answer(callout, response);
                return self.poll_task(filter, which, host);
            }
        }
        let flow = filter.callout_response(&mut self.state, callout, response, host.as_host());
        self.called_back(filter, flow, host);
    }

    /// Something has come on a gRPC stream; where that is its end, it is open no more. Resumes what waits for it, as the
    /// filter says.
    pub fn grpc_event(
        &mut self,
        filter: &F,
        stream: GrpcStreamId,
        event: GrpcEvent,
        host: &mut dyn Transport,
    ) {
        if self.replied {
            return;
        }
        let mut event = Some(event);
        for which in DIRECTIONS {
            let task = self.direction(which).task.clone();
            if task.is_some_and(|task| task.grpc_event(stream, &mut event, host.as_host())) {
                return self.poll_task(filter, which, host);
            }
        }
        let Some(event) = event else { return };
        let flow = filter.grpc_event(&mut self.state, stream, event, host.as_host());
        self.called_back(filter, flow, host);
    }

    /// A timer has ended, and is under way no more. Resumes what waits for it, as the filter says.
    pub fn woken(&mut self, filter: &F, timer: TimerId, host: &mut dyn Transport) {
        if self.replied || self.was_abandoned(Abandoned::Timer(timer)) {
            return;
        }
        for which in DIRECTIONS {
            if self.direction(which).task.as_ref().is_some_and(|task| task.wake(timer)) {
                return self.poll_task(filter, which, host);
            }
        }
        let flow = filter.woken(&mut self.state, timer, host.as_host());
        self.called_back(filter, flow, host);
    }

    /// Lets tasks go on that were woken.
    pub fn poll(&mut self, filter: &F, host: &mut dyn Transport) {
        for which in DIRECTIONS {
            if self.direction(which).task.as_ref().is_some_and(Task::is_woken) {
                self.poll_task(filter, which, host);
            }
        }
    }

    /// Whether something waits for a callout, a timer or a task.
    pub fn is_waiting(&self) -> bool {
        !self.replied
            && [&self.request, &self.response].iter().any(|direction| direction.hold == Hold::Awaiting)
    }

    /// The stream has ended. What it waits for is dropped.
    pub fn done(&mut self, filter: &F, host: &mut dyn Transport) {
        if F::HEADERS_ONLY {
            return;
        }
        self.drop_tasks(host);
        if !F::UNTIL_RESPONSE {
            filter.done(&mut self.state, host.as_host());
        }
    }

    /// Does what a method says that was called for no direction: it speaks for the one that waits.
    fn called_back(&mut self, filter: &F, flow: Flow, host: &mut dyn Transport) {
        let waits = |direction: &Direction| direction.hold == Hold::Awaiting && direction.task.is_none();
        let waiting = DIRECTIONS.into_iter().find(|which| waits(self.direction(*which)));
        match (waiting, flow) {
            (Some(which), flow) => {
                if self.apply(filter, which, flow, host) == Action::Continue {
                    host.resume(which);
                }
            }
            // Nothing waits: only a reply can still change something.
            (None, Flow::Reply(reply)) => {
                self.reply(&reply, host);
            }
            (None, _) => {}
        }
    }

    fn poll_task(&mut self, filter: &F, which: BodyKind, host: &mut dyn Transport) {
        let Some(task) = self.direction(which).task.take() else { return };
        match task.poll(&host.waker(), host.as_host()) {
            Poll::Pending => self.direction(which).task = Some(task),
            Poll::Ready(flow) => {
                self.abandoned.extend(task.abandoned());
                if self.apply(filter, which, flow, host) == Action::Continue {
                    host.resume(which);
                }
            }
        }
    }

    /// Whether a task has left this under way, and is over. It comes once.
    fn was_abandoned(&mut self, what: Abandoned) -> bool {
        let found = self.abandoned.iter().position(|abandoned| *abandoned == what);
        found.map(|index| self.abandoned.swap_remove(index)).is_some()
    }

    /// How much of what is under way is no callback's business.
    fn tasks_under_way(&self) -> usize {
        let tasks = [&self.request.task, &self.response.task].into_iter().flatten();
        self.abandoned.len() + tasks.map(Task::under_way).sum::<usize>()
    }

    fn drop_tasks(&mut self, host: &mut dyn Transport) {
        for task in [self.request.task.take(), self.response.task.take()].into_iter().flatten() {
            task.cancel(host.as_host());
        }
    }

    /// Does what `flow` says in the phase that the direction is in.
    fn apply(&mut self, filter: &F, which: BodyKind, flow: Flow, host: &mut dyn Transport) -> Action {
        match flow {
            Flow::Reply(reply) => self.reply(&reply, host),
            Flow::Continue if F::HEADERS_ONLY => Action::Continue,
            _ if F::HEADERS_ONLY => self.fault("sdk_waits_in_headers_only", host),
            Flow::Buffer | Flow::Await | Flow::Run(_) if is_over::<F>(which) => {
                self.fault("sdk_waits_in_response", host)
            }
            Flow::Await if host.callouts_under_way() <= self.tasks_under_way() => {
                self.fault("sdk_await_without_callout", host)
            }
            Flow::Await => {
                self.direction(which).hold = Hold::Awaiting;
                Action::Pause
            }
            Flow::Run(task) => match task.poll(&host.waker(), host.as_host()) {
                Poll::Ready(flow) => {
                    self.abandoned.extend(task.abandoned());
                    self.apply(filter, which, flow, host)
                }
                Poll::Pending => {
                    let direction = self.direction(which);
                    direction.hold = Hold::Awaiting;
                    direction.task = Some(task);
                    Action::Pause
                }
            },
            Flow::Buffer => self.buffer(filter, which, host),
            Flow::Continue => self.go_on(filter, which, host),
        }
    }

    fn buffer(&mut self, filter: &F, which: BodyKind, host: &mut dyn Transport) -> Action {
        let in_headers = self.direction(which).seen == Some(Phase::Headers);
        if !in_headers || !matches!(self.body_mode(filter, which), BodyMode::Buffered { .. }) {
            return self.fault("sdk_buffer_without_buffered_mode", host);
        }
        let direction = self.direction(which);
        direction.hold = Hold::Buffering;
        // A body that ended, or grew, while a callout was awaited is not announced again.
        if direction.ended || direction.held_bytes > 0 {
            self.deliver_body(filter, which, host)
        } else {
            Action::Pause
        }
    }

    fn go_on(&mut self, filter: &F, which: BodyKind, host: &mut dyn Transport) -> Action {
        let streams = self.body_mode(filter, which) == BodyMode::Streaming;
        let direction = self.direction(which);
        let waited = direction.hold == Hold::Awaiting;
        direction.hold = if streams { Hold::Streaming } else { Hold::Open };
        // What arrived while a callout was awaited goes on with this, so the filter has to see it now.
        let unseen_end = direction.ended && !direction.seen_end && direction.seen == Some(Phase::Body);
        if waited && streams && (direction.held_bytes > direction.seen_bytes || unseen_end) {
            return self.deliver_body(filter, which, host);
        }
        (direction.held_bytes, direction.seen_bytes) = (0, 0);
        if direction.trailers && direction.seen != Some(Phase::Trailers) {
            return self.deliver_trailers(filter, which, host);
        }
        Action::Continue
    }

    /// Gives the filter the body, or what has come of it, if it is time.
    fn deliver_body(&mut self, filter: &F, which: BodyKind, host: &mut dyn Transport) -> Action {
        let direction = self.direction(which);
        let (held, start, mut end) = (direction.held_bytes, direction.seen_bytes, direction.ended);
        let hold = direction.hold;
        let mut max = held.saturating_sub(start);
        if hold == Hold::Buffering
            && let BodyMode::Buffered { limit, over } = self.body_mode(filter, which)
        {
            if held > limit && over == OverLimit::Reject {
                return self.too_large(which, limit, host);
            }
            if !end && held <= limit {
                return Action::Pause;
            }
            end &= held <= limit;
            max = held.min(limit);
        }
        let direction = self.direction(which);
        direction.seen = Some(Phase::Body);
        direction.seen_bytes = held;
        direction.seen_end = end;
        let bytes = if max == 0 { Vec::new() } else { host.body(which, start, max) };
        if bytes.len() != max {
            return self.fault("sdk_body_unreadable", host);
        }
        let body = Body { bytes: &bytes, end };
        let flow = match which {
            BodyKind::Request => filter.request_body(&mut self.state, body, host.as_host()),
            BodyKind::Response => filter.response_body(&mut self.state, body, host.as_host()),
        };
        self.apply(filter, which, flow, host)
    }

    fn deliver_trailers(&mut self, filter: &F, which: BodyKind, host: &mut dyn Transport) -> Action {
        let direction = self.direction(which);
        direction.seen = Some(Phase::Trailers);
        let flow = match which {
            BodyKind::Request => filter.request_trailers(&mut self.state, host.as_host()),
            BodyKind::Response => filter.response_trailers(&mut self.state, host.as_host()),
        };
        self.apply(filter, which, flow, host)
    }

    fn too_large(&mut self, which: BodyKind, limit: usize, host: &mut dyn Transport) -> Action {
        host.log(Level::Info, format_args!("a {which:?} body is over the limit of {limit} bytes"));
        let reply = match which {
            BodyKind::Request => Reply::new(413, "sdk_request_body_too_large"),
            BodyKind::Response => Reply::new(502, "sdk_response_body_too_large"),
        };
        self.reply(&reply.with_body("The body is too large.\n"), host)
    }

    fn fault(&mut self, details: &'static str, host: &mut dyn Transport) -> Action {
        host.log(Level::Error, format_args!("{details}: answering 500"));
        self.reply(&Reply::new(500, details).with_body(FAULT), host)
    }

    fn reply(&mut self, reply: &Reply, host: &mut dyn Transport) -> Action {
        self.replied = true;
        if !F::HEADERS_ONLY {
            self.drop_tasks(host);
        }
        host.send_reply(reply);
        Action::Pause
    }

    fn body_mode(&self, filter: &F, which: BodyKind) -> BodyMode {
        match which {
            BodyKind::Request => filter.request_body_mode(&self.state),
            BodyKind::Response => filter.response_body_mode(&self.state),
        }
    }

    fn direction(&mut self, which: BodyKind) -> &mut Direction {
        match which {
            BodyKind::Request => &mut self.request,
            BodyKind::Response => &mut self.response,
        }
    }
}

/// Whether what comes behind the headers of a direction is nobody's business.
fn is_over<F: Filter>(which: BodyKind) -> bool {
    F::HEADERS_ONLY || F::UNTIL_RESPONSE && which == BodyKind::Response
}
