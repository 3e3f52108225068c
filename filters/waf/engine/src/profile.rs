//! What the parts of a transaction cost, by rule, for tools: with the feature `profile` only.

#[cfg(feature = "profile")]
pub use on::{Cost, start, stop};

/// Runs `run`, and adds its time to what `what` names if this thread keeps count. Without the feature it only runs it.
#[inline(always)]
pub(crate) fn measure<T>(what: impl FnOnce() -> String, run: impl FnOnce() -> T) -> T {
    #[cfg(feature = "profile")]
    return on::measure(what, run);
    #[cfg(not(feature = "profile"))]
    {
        drop(what);
        run()
    }
}

#[cfg(feature = "profile")]
mod on {
    use std::cell::RefCell;
    use std::collections::HashMap;
    use std::time::{Duration, Instant};

    thread_local! {
        static COSTS: RefCell<Option<HashMap<String, (u64, Duration)>>> = const { RefCell::new(None) };
    }

    /// What one part of a transaction has cost.
    #[derive(Debug, Clone)]
    pub struct Cost {
        /// The rule and its operator, the transformation, or what else it is.
        pub what: String,
        /// How often it ran.
        pub calls: u64,
        /// How long that took.
        pub time: Duration,
    }

    /// Keeps count on this thread from now on.
    pub fn start() {
        COSTS.with_borrow_mut(|costs| *costs = Some(HashMap::new()));
    }

    /// What has been counted since [`start`].
    pub fn stop() -> Vec<Cost> {
        let costs = COSTS.with_borrow_mut(Option::take).unwrap_or_default();
        costs.into_iter().map(|(what, (calls, time))| Cost { what, calls, time }).collect()
    }

    pub(super) fn measure<T>(what: impl FnOnce() -> String, run: impl FnOnce() -> T) -> T {
        if COSTS.with_borrow(Option::is_none) {
            return run();
        }
        let start = Instant::now();
        let result = run();
        let time = start.elapsed();
        COSTS.with_borrow_mut(|costs| {
            let Some(costs) = costs else { return };
            let (calls, total) = costs.entry(what()).or_default();
            *calls += 1;
            *total += time;
        });
        result
    }
}
