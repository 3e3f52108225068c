//! What the contexts of one configuration share, and knows no filter: who waits for which answer and which timer, and
//! which tasks were woken.

use super::beat::{BEAT, Beat, Metrics};
use super::host;
use super::random::Pool;
use crate::{CalloutId, Counter, HostError, TimerId};
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

pub(super) struct Core {
    /// The id of the root context.
    pub(super) root: u32,
    calls: RefCell<HashMap<Call, Asked, BuildHasherDefault<IdHasher>>>,
    timers: RefCell<BinaryHeap<Reverse<Wake>>>,
    /// The period of the host's ticks, in milliseconds; 0 for none.
    tick: Cell<u32>,
    next: Cell<u32>,
    woken: Arc<Woken>,
    beat: Beat,
    pub(super) random: Pool,
}

/// A call that the host has not answered, by its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    Http(u32),
    Grpc(u32),
    Stream(u32),
}

/// Who made a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    context: u32,
    callout: CalloutId,
    /// Of a gRPC stream, whether the filter has said that it sends no more.
    finished: bool,
}

/// A gRPC stream that is open, by the host's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GrpcStream {
    pub(super) context: u32,
    /// Whether the filter has said that it sends no more.
    pub(super) finished: bool,
}

/// A timer under way. Ordered by when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wake {
    pub(super) due: Duration,
    pub(super) timer: TimerId,
    pub(super) context: u32,
}

/// The most timers that may be under way in a VM for one configuration.
pub(super) const MAX_TIMERS: usize = 65_536;

impl Core {
    pub(super) fn new(root: u32) -> Rc<Self> {
        Rc::new(Self {
            root,
            calls: RefCell::default(),
            timers: RefCell::default(),
            tick: Cell::new(0),
            next: Cell::new(0),
            woken: Arc::default(),
            beat: Beat::default(),
            random: Pool::default(),
        })
    }

    /// A call of this context was started.
    pub(super) fn started(&self, call: Call, context: u32) -> CalloutId {
        let callout = CalloutId(self.number());
        if let Ok(mut calls) = self.calls.try_borrow_mut() {
            calls.insert(call, Asked { context, callout, finished: false });
        }
        callout
    }

    /// Who made a call that was answered.
    pub(super) fn answered(&self, call: Call) -> Option<(u32, CalloutId)> {
        let asked = self.calls.try_borrow_mut().ok()?.remove(&call)?;
        Some((asked.context, asked.callout))
    }

    /// A gRPC stream of this context was opened.
    pub(super) fn opened(&self, token: u32, context: u32) {
        self.started(Call::Stream(token), context);
    }

    /// A gRPC stream that is open.
    pub(super) fn stream(&self, token: u32) -> Option<GrpcStream> {
        let Asked { context, finished, .. } = *self.calls.try_borrow().ok()?.get(&Call::Stream(token))?;
        Some(GrpcStream { context, finished })
    }

    /// The filter sends no more on a gRPC stream.
    pub(super) fn finished(&self, token: u32) {
        if let Ok(mut calls) = self.calls.try_borrow_mut()
            && let Some(stream) = calls.get_mut(&Call::Stream(token))
        {
            stream.finished = true;
        }
    }

    /// A gRPC stream is open no more.
    pub(super) fn closed(&self, token: u32) {
        self.answered(Call::Stream(token));
    }

    /// Takes the gRPC streams that are open for this context.
    pub(super) fn take_streams(&self, context: u32) -> Vec<u32> {
        let mut taken = Vec::new();
        if let Ok(mut calls) = self.calls.try_borrow_mut() {
            calls.retain(|call, asked| match call {
                Call::Stream(token) if asked.context == context => {
                    taken.push(*token);
                    false
                }
                _ => true,
            });
        }
        taken
    }

    /// Starts a timer for this context.
    pub(super) fn start_timer(&self, time: Duration, context: u32) -> Result<TimerId, HostError> {
        self.start_timer_at(host::now(), time, context)
    }

    fn start_timer_at(&self, now: Duration, time: Duration, context: u32) -> Result<TimerId, HostError> {
        let timer = TimerId(self.number());
        let mut timers =
            self.timers.try_borrow_mut().map_err(|_| HostError::Refused(host::INTERNAL_FAILURE))?;
        if timers.len() >= MAX_TIMERS {
            return Err(HostError::Refused(host::INTERNAL_FAILURE));
        }
        let due = now.saturating_add(time);
        let soonest = timers.peek().is_none_or(|Reverse(first)| due < first.due);
        timers.push(Reverse(Wake { due, timer, context }));
        drop(timers);
        if soonest && !self.arm(now) {
            self.forget_timer(timer);
            return Err(HostError::Refused(host::INTERNAL_FAILURE));
        }
        Ok(timer)
    }

    /// The next timer that has ended.
    pub(super) fn due(&self, now: Duration) -> Option<Wake> {
        let mut timers = self.timers.try_borrow_mut().ok()?;
        let Reverse(first) = *timers.peek()?;
        if first.due > now {
            return None;
        }
        timers.pop();
        Some(first)
    }

    /// Has the host tick when the next timer ends. Whether it does.
    pub(super) fn arm(&self, now: Duration) -> bool {
        let next =
            self.timers.try_borrow().ok().and_then(|timers| timers.peek().map(|Reverse(first)| first.due));
        let period = next.map_or(0, |due| {
            // A tick that comes too soon would be one for nothing.
            let left = due.saturating_sub(now);
            let rest = u64::from(left.subsec_nanos().div_ceil(1_000_000));
            let milliseconds = left.as_secs().saturating_mul(1000).saturating_add(rest);
            u32::try_from(milliseconds).unwrap_or(u32::MAX).max(1)
        });
        if period != self.tick.get() {
            if !host::set_tick_period(period) {
                return false;
            }
            self.tick.set(period);
        }
        true
    }

    /// The lowest level that the host logs, as it was less than [`BEAT`] ago.
    pub(super) fn log_level(&self) -> u32 {
        if self.has_beat() { self.beat.log_level() } else { host::log_level() }
    }

    /// The time as it was less than [`BEAT`] ago.
    pub(super) fn coarse_now(&self) -> Duration {
        if self.has_beat() { self.beat.now() } else { host::now() }
    }

    /// Adds to a counter, of which the host learns within [`BEAT`].
    pub(super) fn count(&self, metrics: &Rc<Metrics>, counter: Counter, by: u32) {
        if metrics.count(counter, by) {
            if self.has_beat() { self.beat.gather(metrics) } else { metrics.flush() }
        }
    }

    /// Whether this is the timer that ends the beat, which has then ended.
    pub(super) fn ends_beat(&self, timer: TimerId) -> bool {
        let ends = self.beat.is_ended_by(timer);
        if ends {
            self.beat.end();
        }
        ends
    }

    /// Gives the host what was gathered: the configuration goes.
    pub(super) fn close(&self) {
        self.beat.end();
    }

    /// Whether there is a beat. Begins one, unless the host has no timers.
    fn has_beat(&self) -> bool {
        self.beat.is_on() || self.begin_beat()
    }

    #[cold]
    fn begin_beat(&self) -> bool {
        let now = host::now();
        let timer = self.start_timer_at(now, BEAT, self.root);
        timer.map(|timer| self.beat.begin(timer, now)).is_ok()
    }

    /// A context is gone, and with it what it waits for.
    pub(super) fn forget(&self, context: u32) {
        if let Ok(mut calls) = self.calls.try_borrow_mut() {
            calls.retain(|_, asked| asked.context != context);
        }
        if let Ok(mut timers) = self.timers.try_borrow_mut() {
            timers.retain(|Reverse(wake)| wake.context != context);
        }
    }

    /// What a task of this context wakes.
    pub(super) fn waker(&self, context: u32) -> Waker {
        Waker::from(Arc::new(Alarm { context, woken: Arc::clone(&self.woken) }))
    }

    /// Whether any task was woken since.
    pub(super) fn has_woken(&self) -> bool {
        !self.woken.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The contexts whose tasks were woken since.
    pub(super) fn take_woken(&self) -> Vec<u32> {
        std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    pub(super) fn under_way(&self) -> (usize, usize) {
        let of_beat = usize::from(self.beat.is_on());
        (self.calls.borrow().len(), self.timers.borrow().len() - of_beat)
    }

    fn forget_timer(&self, timer: TimerId) {
        if let Ok(mut timers) = self.timers.try_borrow_mut() {
            timers.retain(|Reverse(wake)| wake.timer != timer);
        }
    }

    fn number(&self) -> u32 {
        let number = self.next.get().wrapping_add(1);
        self.next.set(number);
        number
    }
}

/// The executor is one thread, but wakers have to be `Send`: a mutex that nobody contends for.
type Woken = Mutex<Vec<u32>>;

struct Alarm {
    context: u32,
    woken: Arc<Woken>,
}

impl std::task::Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        if !woken.contains(&self.context) {
            woken.push(self.context);
        }
    }
}

/// Contexts by their ids.
pub(super) type Map<T> = HashMap<u32, T, BuildHasherDefault<IdHasher>>;

pub(super) const fn map<T>() -> Map<T> {
    HashMap::with_hasher(BuildHasherDefault::new())
}

// The host calls a module for one thing at a time. Should it not, nothing is found, and the call refused.

pub(super) fn get<T: Clone>(map: &RefCell<Map<T>>, id: u32) -> Option<T> {
    map.try_borrow().ok()?.get(&id).cloned()
}

pub(super) fn insert<T>(map: &RefCell<Map<T>>, id: u32, value: T) {
    if let Ok(mut map) = map.try_borrow_mut() {
        map.insert(id, value);
    }
}

pub(super) fn remove<T>(map: &RefCell<Map<T>>, id: u32) -> Option<T> {
    map.try_borrow_mut().ok()?.remove(&id)
}

/// Spreads numbers that the host counts up: no client chooses them.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
