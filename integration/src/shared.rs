//! Environments that a group of tests shares: starting an Envoy with a module takes a second, a request a millisecond.
//!
//! ```no_run
//! use integration::prelude::*;
//! use std::borrow::Borrow;
//!
//! struct Site {
//!     app: Upstream,
//!     envoy: Envoy,
//! }
//!
//! static SITE: Shared<Site> = Shared::new(|| {
//!     let app = Upstream::start("app");
//!     let cluster = Cluster::new("app", [&app]);
//!     let envoy = Config::new().cluster(cluster).listener(Listener::new("main").route_to("app")).start();
//!     Site { app, envoy }
//! });
//!
//! impl Borrow<Envoy> for Site {
//!     fn borrow(&self) -> &Envoy {
//!         &self.envoy
//!     }
//! }
//!
//! // #[test]
//! fn answers() {
//!     let site = SITE.get();
//!     assert_eq!(site.envoy.send(Request::get("/")).status, 200);
//! }
//! ```

use std::any::Any;
use std::borrow::Borrow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::envoy::Envoy;

/// How many environments that no test is using stay up, waiting for the next test of their group.
const IDLE: usize = 3;

static RECENT: Mutex<VecDeque<Arc<dyn Any + Send + Sync>>> = Mutex::new(VecDeque::new());

/// An environment that is started by the first test that wants it. It ends some time after the last has let go, when other
/// groups need the room.
#[derive(Debug)]
pub struct Shared<T> {
    start: fn() -> T,
    current: Mutex<Weak<T>>,
}

impl<T: Borrow<Envoy> + Send + Sync + 'static> Shared<T> {
    /// One that is started so.
    pub const fn new(start: fn() -> T) -> Self {
        Self { start, current: Mutex::new(Weak::new()) }
    }

    /// The running environment. If its Envoy has ended meanwhile, a new one is started.
    pub fn get(&self) -> Lease<T> {
        // A start that panicked fails its own test; the next test tries again.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let running = current.upgrade().filter(|site| envoy(site.as_ref()).running());
        let site = running.unwrap_or_else(|| Arc::new((self.start)()));
        *current = Arc::downgrade(&site);
        drop(current);
        keep(Arc::clone(&site) as _);
        Lease { log_start: envoy(site.as_ref()).log().len(), site }
    }
}

/// One test's use of a [`Shared`] environment. If the test fails, Envoy's log is printed from where the use began.
pub struct Lease<T: Borrow<Envoy>> {
    site: Arc<T>,
    log_start: usize,
}

impl<T: Borrow<Envoy>> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.site
    }
}

impl<T: Borrow<Envoy>> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("envoy", envoy(self.site.as_ref())).finish_non_exhaustive()
    }
}

impl<T: Borrow<Envoy>> Drop for Lease<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            envoy(self.site.as_ref()).report(self.log_start);
        }
    }
}

fn envoy<T: Borrow<Envoy>>(site: &T) -> &Envoy {
    site.borrow()
}

fn keep(site: Arc<dyn Any + Send + Sync>) {
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    recent.retain(|other| !Arc::ptr_eq(other, &site));
    recent.push_back(site);
    let evicted = if recent.len() > IDLE { recent.pop_front() } else { None };
    // Stopping an Envoy takes a moment, in which the others need not wait.
    drop(recent);
    drop(evicted);
}
