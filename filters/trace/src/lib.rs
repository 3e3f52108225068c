//! What the filters' decisions say of themselves, step by step, while somebody listens.
//!
//! The core crates call [`note`] where something is decided, and only with their feature `trace`: the modules are built
//! without it, so that a request there pays nothing. A tool runs a filter within [`listen`]: what it hears comes from the
//! decision itself, and not from a second reading of the configuration that could disagree with it.

mod step;

pub use step::{Change, Match, PhaseEnd, PolicyStep, PolicyVerdict, RuleStep, Step};

use std::cell::{Cell, RefCell};
use std::time::Duration;

/// The most steps that are kept of one [`listen`].
pub const MAX_STEPS: usize = 20_000;

thread_local! {
    static STEPS: RefCell<Option<Vec<Step>>> = const { RefCell::new(None) };
    static NOW: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// Runs `run` with a clock that stands still at `now`, the time since 1970-01-01 UTC, for what would otherwise ask the
/// machine's, which is not there everywhere.
pub fn at<T>(now: Duration, run: impl FnOnce() -> T) -> T {
    let outer = NOW.replace(Some(now));
    let result = run();
    NOW.set(outer);
    result
}

/// The time within [`at`].
pub fn now() -> Option<Duration> {
    NOW.get()
}

/// Runs `run`, and returns what was noted on this thread meanwhile. One within another hears all, and the outer one what
/// came before and after.
pub fn listen<T>(run: impl FnOnce() -> T) -> (T, Vec<Step>) {
    let outer = STEPS.replace(Some(Vec::new()));
    let result = run();
    (result, STEPS.replace(outer).unwrap_or_default())
}

/// Whether somebody listens.
pub fn is_heard() -> bool {
    STEPS.with_borrow(Option::is_some)
}

/// Notes a step, where somebody listens.
pub fn note(step: impl FnOnce() -> Step) {
    if !is_heard() {
        return;
    }
    let step = step();
    STEPS.with_borrow_mut(|steps| {
        if let Some(steps) = steps.as_mut().filter(|steps| steps.len() < MAX_STEPS) {
            steps.push(step);
        }
    });
}

#[cfg(test)]
mod tests;
