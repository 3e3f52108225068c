//! Asynchronous handlers: futures that the SDK drives on one thread, between the calls of the host.
//!
//! A future cannot keep the host: it is there only while the host calls the module. So a task asks its [`Handle`], the
//! executor does what was asked as soon as the future waits, and lets it go on with the outcome.

mod background;

pub use background::Background;

use crate::grpc::Inbox;
use crate::{
    CalloutError, CalloutId, CalloutResponse, Flow, GrpcCall, GrpcEvent, GrpcStream, GrpcStreamCall,
    GrpcStreamId, Host, HostError, HttpCall, Level, QueueId, Reply, TimerId,
};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// What becomes of a stream whose task ends with an error.
///
/// ```
/// use sdk_shim::{Flow, HttpCall, OnError};
///
/// let counted = Flow::run(OnError::Allow, async |host| {
///     host.call(HttpCall::get("statistics", "/hit")).await.map(|_| Flow::Continue)
/// });
/// # assert!(matches!(counted, Flow::Run(_)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The client gets 503, with the details `sdk_task_failed`.
    Deny,
    /// The stream goes on.
    Allow,
}

/// A task that [`Flow::run`] or [`Setup::spawn`](crate::Setup::spawn) made. Dropping it drops the future.
///
/// ```
/// use sdk_shim::{Flow, HostError, OnError};
///
/// let flow = Flow::run(OnError::Deny, async |_| Ok::<_, HostError>(Flow::Continue));
/// assert!(matches!(flow, Flow::Run(_)));
/// ```
#[derive(Clone)]
pub struct Task(Rc<Inner>);

struct Inner {
    mailbox: Rc<Mailbox>,
    future: RefCell<Option<Pin<Box<dyn Future<Output = Flow>>>>>,
    alarm: RefCell<Option<Arc<Alarm>>>,
}

/// A task's way to the host. Clones are the same task's.
///
/// ```
/// use sdk_shim::{CalloutError, Handle, HttpCall};
/// use std::time::Duration;
///
/// /// Asks twice, with a pause between.
/// async fn ask(host: &Handle) -> Result<Vec<u8>, CalloutError> {
///     let first = host.timeout(Duration::from_millis(200), host.call(HttpCall::get("auth", "/"))).await;
///     if let Ok(Ok(answer)) = first {
///         return Ok(answer.body);
///     }
///     host.sleep(Duration::from_millis(50)).await?;
///     host.call(HttpCall::get("auth", "/")).await.map(|answer| answer.body)
/// }
/// ```
#[derive(Clone)]
pub struct Handle(Rc<Mailbox>);

/// What goes between a future and the executor.
#[derive(Default)]
pub(crate) struct Mailbox {
    pub(crate) jobs: RefCell<Vec<Job>>,
    /// What is under way, also where the future has given up waiting: whose it is has to be known when it comes.
    callouts: Waiting<CalloutId, CalloutResponse>,
    timers: Waiting<TimerId, ()>,
    queues: Waiting<QueueId, ()>,
    pub(crate) grpc: RefCell<Vec<(GrpcStreamId, Rc<Inbox>)>>,
}

/// Something that a task started and is over without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abandoned {
    Callout(CalloutId),
    Timer(TimerId),
}

type Waiting<K, T> = RefCell<Vec<(K, Rc<Slot<T>>)>>;

pub(crate) type Job = Box<dyn FnOnce(&mut dyn Host)>;

impl Handle {
    /// Does something with the host as it is now: between two waits its headers may have gone on, and time has passed.
    pub async fn with<T: 'static>(&self, job: impl FnOnce(&mut dyn Host) -> T + 'static) -> T {
        let slot = Rc::new(Slot::default());
        let filled = Rc::clone(&slot);
        self.0.jobs.borrow_mut().push(Box::new(move |host| filled.fill(job(host))));
        slot.wait().await
    }

    /// Makes an HTTP callout and waits for its answer, whatever its status: [`CalloutResponse::success`] asks for a good
    /// one.
    ///
    /// # Errors
    /// [`CalloutError::Host`] where it cannot be started, [`CalloutError::NoAnswer`] where the host gives up on it.
    pub async fn call(&self, call: HttpCall) -> Result<CalloutResponse, CalloutError> {
        let answer = self.callout(move |host| host.send(&call)).await?;
        if answer.headers.is_empty() { Err(CalloutError::NoAnswer) } else { Ok(answer) }
    }

    /// Makes a unary gRPC callout and waits for the answer's message.
    ///
    /// # Errors
    /// [`CalloutError::Host`] where it cannot be started, [`CalloutError::Grpc`] for every code but 0.
    pub async fn call_grpc(&self, call: GrpcCall) -> Result<Vec<u8>, CalloutError> {
        let answer = self.callout(move |host| host.send_grpc(&call)).await?;
        answer.success().map(|answer| answer.body)
    }

    /// Opens a gRPC stream, on which messages go in both directions.
    ///
    /// # Errors
    /// [`CalloutError::Host`] where it cannot be opened.
    pub async fn open_grpc(&self, call: GrpcStreamCall) -> Result<GrpcStream, CalloutError> {
        let mailbox = Rc::clone(&self.0);
        let opened = self.with(move |host| Ok(GrpcStream::new(host.open_grpc(&call)?, mailbox))).await;
        opened.map_err(CalloutError::Host)
    }

    /// Waits; not at all for no time.
    ///
    /// # Errors
    /// As [`Host::wake_after`].
    pub async fn sleep(&self, time: Duration) -> Result<(), HostError> {
        if time.is_zero() {
            return Ok(());
        }
        self.start(|mailbox| &mailbox.timers, move |host| host.wake_after(time)).await?.wait().await;
        Ok(())
    }

    /// Waits for a future, but no longer than this.
    ///
    /// # Errors
    /// [`CalloutError::Timeout`] after it, [`CalloutError::Host`] where the host has no timers.
    pub async fn timeout<T>(
        &self,
        time: Duration,
        future: impl Future<Output = T>,
    ) -> Result<T, CalloutError> {
        let (mut future, mut timer) = (pin!(future), pin!(self.sleep(time)));
        poll_fn(|context| {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(value));
            }
            timer
                .as_mut()
                .poll(context)
                .map(|slept| Err(slept.err().map_or(CalloutError::Timeout, Into::into)))
        })
        .await
    }

    /// Waits for the next item of a queue that this VM has registered.
    ///
    /// # Errors
    /// As [`Host::dequeue`].
    pub async fn receive(&self, queue: QueueId) -> Result<Vec<u8>, HostError> {
        loop {
            if let Some(item) = self.with(move |host| host.dequeue(queue)).await? {
                return Ok(item);
            }
            self.0.waits_for(queue).wait().await;
        }
    }

    async fn callout(
        &self,
        start: impl FnOnce(&mut dyn Host) -> Result<CalloutId, HostError> + 'static,
    ) -> Result<CalloutResponse, CalloutError> {
        Ok(self.start(|mailbox| &mailbox.callouts, start).await?.wait().await)
    }

    /// Starts something, and notes in the same step whose it is: the future may give up before it is told.
    async fn start<K: 'static, T: 'static>(
        &self,
        list: fn(&Mailbox) -> &Waiting<K, T>,
        start: impl FnOnce(&mut dyn Host) -> Result<K, HostError> + 'static,
    ) -> Result<Rc<Slot<T>>, HostError> {
        let mailbox = Rc::clone(&self.0);
        self.with(move |host| {
            let slot = Rc::new(Slot::default());
            let started = start(host)?;
            list(&mailbox).borrow_mut().push((started, Rc::clone(&slot)));
            Ok(slot)
        })
        .await
    }

    pub(crate) fn of(mailbox: Rc<Mailbox>) -> Self {
        Self(mailbox)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl Flow {
    /// How long a task of [`Flow::run`] may take: a minute.
    pub const TASK_LIMIT: Duration = Duration::from_secs(60);

    /// Everything waits for a task, whose outcome then is the phase's: see [`Handle`] for what it can do. The future is
    /// dropped when the stream ends before it, and after [`Flow::TASK_LIMIT`]: that is an error of the task, too, so
    /// nothing waits for ever.
    ///
    /// The future outlives the call, so it cannot borrow the filter or the request's state: keep what it needs in an
    /// `Rc`, and clone that.
    pub fn run<T, E>(on_error: OnError, task: impl FnOnce(Handle) -> T) -> Self
    where
        T: Future<Output = Result<Flow, E>> + 'static,
        E: fmt::Display,
    {
        Self::run_for(Self::TASK_LIMIT, on_error, task)
    }

    /// [`Flow::run`] with another limit.
    pub fn run_for<T, E>(limit: Duration, on_error: OnError, task: impl FnOnce(Handle) -> T) -> Self
    where
        T: Future<Output = Result<Flow, E>> + 'static,
        E: fmt::Display,
    {
        Self::Run(Task::new(|handle| {
            let future = task(handle.clone());
            async move {
                let error = match handle.timeout(limit, future).await {
                    Ok(Ok(flow)) => return flow,
                    Ok(Err(error)) => error.to_string(),
                    Err(CalloutError::Timeout) => format!("it took longer than {limit:?}"),
                    Err(error) => error.to_string(),
                };
                handle.with(move |host| host.log(Level::Warn, format_args!("a task failed: {error}"))).await;
                match on_error {
                    OnError::Allow => Flow::Continue,
                    OnError::Deny => Reply::new(503, "sdk_task_failed").into(),
                }
            }
        }))
    }
}

impl Task {
    pub(crate) fn new<T: Future<Output = Flow> + 'static>(task: impl FnOnce(Handle) -> T) -> Self {
        let mailbox = Rc::new(Mailbox::default());
        let future: Pin<Box<dyn Future<Output = Flow>>> = Box::pin(task(Handle(Rc::clone(&mailbox))));
        Self(Rc::new(Inner { mailbox, future: RefCell::new(Some(future)), alarm: RefCell::default() }))
    }

    /// Lets the future go on as far as it can. `outer` is woken when it can go further for another reason than those
    /// below.
    pub(crate) fn poll(&self, outer: &Waker, host: &mut dyn Host) -> Poll<Flow> {
        // Taken out, so that a job that comes back here finds nothing to poll.
        let Some(mut future) = self.0.future.try_borrow_mut().ok().and_then(|mut future| future.take())
        else {
            return Poll::Pending;
        };
        let alarm = Arc::clone(self.0.alarm.borrow_mut().get_or_insert_with(|| Alarm::new(outer)));
        alarm.polling.store(true, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&alarm));
        let outcome = loop {
            alarm.rung.store(false, Ordering::Relaxed);
            if let Poll::Ready(flow) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                drop(future);
                self.0.mailbox.run_jobs(host);
                break Poll::Ready(flow);
            }
            self.0.mailbox.run_jobs(host);
            if !alarm.rung.load(Ordering::Relaxed) {
                *self.0.future.borrow_mut() = Some(future);
                break Poll::Pending;
            }
        };
        alarm.polling.store(false, Ordering::Relaxed);
        outcome
    }

    /// Drops the future, and does what that asks for.
    pub(crate) fn cancel(&self, host: &mut dyn Host) {
        let future = self.0.future.try_borrow_mut().ok().and_then(|mut future| future.take());
        drop(future);
        self.0.mailbox.run_jobs(host);
    }

    /// Whether it was woken since it was polled.
    pub(crate) fn is_woken(&self) -> bool {
        self.0.alarm.borrow().as_ref().is_some_and(|alarm| alarm.rung.load(Ordering::Relaxed))
    }

    /// Whether it made this callout.
    pub(crate) fn made_callout(&self, callout: CalloutId) -> bool {
        self.0.mailbox.callouts.borrow().iter().any(|(candidate, _)| *candidate == callout)
    }

    /// Gives it the answer that it waits for. The caller polls it then.
    pub(crate) fn answer(&self, callout: CalloutId, response: CalloutResponse) {
        self.expect_poll();
        if let Some(slot) = arrived(&self.0.mailbox.callouts, callout) {
            slot.fill(response);
        }
    }

    /// Whether it waits for this timer; the caller polls it then.
    pub(crate) fn wake(&self, timer: TimerId) -> bool {
        let Some(slot) = arrived(&self.0.mailbox.timers, timer) else { return false };
        self.expect_poll();
        slot.fill(());
        true
    }

    /// Whether it has this gRPC stream open; the caller polls it then.
    pub(crate) fn grpc_event(
        &self,
        stream: GrpcStreamId,
        event: &mut Option<GrpcEvent>,
        host: &mut dyn Host,
    ) -> bool {
        let open = self
            .0
            .mailbox
            .grpc
            .borrow()
            .iter()
            .find(|(open, _)| *open == stream)
            .map(|(_, inbox)| Rc::clone(inbox));
        let (Some(inbox), Some(event)) = (open, event.take()) else { return false };
        self.expect_poll();
        if !inbox.take(event) {
            // Refused where the host has closed it meanwhile.
            let _ = host.grpc_cancel(stream);
        }
        true
    }

    /// What it has under way.
    pub(crate) fn under_way(&self) -> usize {
        let Mailbox { callouts, timers, grpc, .. } = &*self.0.mailbox;
        callouts.borrow().len() + timers.borrow().len() + grpc.borrow().len()
    }

    /// What it is over without.
    pub(crate) fn abandoned(&self) -> Vec<Abandoned> {
        let (callouts, timers) = (self.0.mailbox.callouts.borrow(), self.0.mailbox.timers.borrow());
        let callouts = callouts.iter().map(|(callout, _)| Abandoned::Callout(*callout));
        callouts.chain(timers.iter().map(|(timer, _)| Abandoned::Timer(*timer))).collect()
    }

    /// Something has come into this queue. The caller polls it then.
    pub(crate) fn queue_ready(&self, queue: QueueId) {
        self.expect_poll();
        while let Some(slot) = arrived(&self.0.mailbox.queues, queue) {
            slot.fill(());
        }
    }

    /// Who polls it next need not be woken.
    fn expect_poll(&self) {
        if let Some(alarm) = &*self.0.alarm.borrow() {
            alarm.polling.store(true, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Task {}

/// A place for one value that somebody waits for.
struct Slot<T> {
    value: Cell<Option<T>>,
    waker: Cell<Option<Waker>>,
}

impl<T> Slot<T> {
    fn fill(&self, value: T) {
        self.value.set(Some(value));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    async fn wait(&self) -> T {
        poll_fn(|context| match self.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                self.waker.set(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { value: Cell::new(None), waker: Cell::new(None) }
    }
}

impl Mailbox {
    fn waits_for(&self, queue: QueueId) -> Rc<Slot<()>> {
        let slot = Rc::new(Slot::default());
        let mut queues = self.queues.borrow_mut();
        // Whoever gave up waiting holds its slot no more.
        queues.retain(|(_, slot)| Rc::strong_count(slot) > 1);
        queues.push((queue, Rc::clone(&slot)));
        slot
    }

    fn run_jobs(&self, host: &mut dyn Host) {
        let jobs = std::mem::take(&mut *self.jobs.borrow_mut());
        jobs.into_iter().for_each(|job| job(host));
    }
}

fn arrived<K: PartialEq, T>(list: &Waiting<K, T>, key: K) -> Option<Rc<Slot<T>>> {
    let mut list = list.borrow_mut();
    let index = list.iter().position(|(candidate, _)| *candidate == key)?;
    Some(list.swap_remove(index).1)
}

/// Rings when a task can go on. While it is polled, the executor looks itself.
struct Alarm {
    rung: AtomicBool,
    polling: AtomicBool,
    outer: Waker,
}

impl Alarm {
    fn new(outer: &Waker) -> Arc<Self> {
        Arc::new(Self { rung: AtomicBool::new(false), polling: AtomicBool::new(false), outer: outer.clone() })
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let rung = self.rung.swap(true, Ordering::Relaxed);
        if !rung && !self.polling.load(Ordering::Relaxed) {
            self.outer.wake_by_ref();
        }
    }
}
