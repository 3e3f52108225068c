//! What a configuration knows, or has gathered, since its last tick: a tenth of a second spares most requests the calls
//! of the host for it. Nothing ticks while nobody asks.

use super::host;
use crate::{Counter, TimerId};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// How late a count is with the host, how old the coarse time may be, and how soon a log level that is set at run time
/// counts.
pub(super) const BEAT: Duration = Duration::from_millis(100);

/// Between two ticks.
#[derive(Default)]
pub(super) struct Beat {
    /// Ends it. None where nothing is known or gathered.
    timer: Cell<Option<TimerId>>,
    now: Cell<Duration>,
    /// The lowest level that the host logs.
    log_level: Cell<Option<u32>>,
    /// What has counts that the host does not know yet.
    counted: RefCell<Vec<Rc<Metrics>>>,
}

/// The metrics of a loaded filter.
pub(super) struct Metrics {
    /// The host's numbers for them.
    ids: Box<[u32]>,
    /// What is not with the host yet.
    counts: Box<[Cell<u64>]>,
    is_counted: Cell<bool>,
}

impl Beat {
    pub(super) fn is_on(&self) -> bool {
        self.timer.get().is_some()
    }

    pub(super) fn begin(&self, timer: TimerId, now: Duration) {
        self.timer.set(Some(timer));
        self.now.set(now);
    }

    /// Whether this is the timer that ends it.
    pub(super) fn is_ended_by(&self, timer: TimerId) -> bool {
        self.timer.get() == Some(timer)
    }

    /// Forgets what is known, and gives the host what was gathered.
    pub(super) fn end(&self) {
        self.timer.set(None);
        self.log_level.set(None);
        let counted = self
            .counted
            .try_borrow_mut()
            .map(|mut counted| std::mem::take(&mut *counted))
            .unwrap_or_default();
        counted.iter().for_each(|metrics| metrics.flush());
    }

    /// The time when it began.
    pub(super) fn now(&self) -> Duration {
        self.now.get()
    }

    pub(super) fn log_level(&self) -> u32 {
        self.log_level.get().unwrap_or_else(|| {
            let level = host::log_level();
            self.log_level.set(Some(level));
            level
        })
    }

    /// Has these metrics flushed when it ends.
    pub(super) fn gather(&self, metrics: &Rc<Metrics>) {
        if let Ok(mut counted) = self.counted.try_borrow_mut() {
            counted.push(Rc::clone(metrics));
        }
    }
}

impl Metrics {
    pub(super) fn new(ids: impl IntoIterator<Item = u32>) -> Self {
        let ids: Box<[u32]> = ids.into_iter().collect();
        let counts = ids.iter().map(|_| Cell::new(0)).collect();
        Self { ids, counts, is_counted: Cell::new(false) }
    }

    /// The host's number.
    pub(super) fn id(&self, index: usize) -> Option<u32> {
        self.ids.get(index).copied()
    }

    /// Adds to a counter. Whether it is the first that the host does not know of.
    pub(super) fn count(&self, counter: Counter, by: u32) -> bool {
        let Some(count) = self.counts.get(counter.index()) else { return false };
        count.set(count.get().saturating_add(by.into()));
        !self.is_counted.replace(true)
    }

    /// Gives the host what it does not know yet.
    pub(super) fn flush(&self) {
        self.is_counted.set(false);
        for (id, count) in self.ids.iter().zip(&self.counts) {
            match count.take() {
                0 => {}
                by => host::increment_metric(*id, by),
            }
        }
    }
}
