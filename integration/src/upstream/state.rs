use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Reply, Seen};
use crate::request::Header;

/// What an upstream was told and what it has seen.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) name: String,
    script: Mutex<Script>,
}

type Handler = Box<dyn Fn(&Seen) -> Reply + Send>;

#[derive(Default)]
pub(super) struct Script {
    pub(super) handler: Option<Handler>,
    pub(super) always: Option<Reply>,
    pub(super) by_path: HashMap<String, Reply>,
    pub(super) by_id: HashMap<String, Reply>,
    pub(super) seen: Vec<Seen>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl State {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), script: Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Script> {
        // A test that failed while it held the lock must not fail the others.
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the headers at once, so that a test can see a request whose body never ends.
    pub(super) fn record(&self, seen: Seen) -> usize {
        let mut script = self.lock();
        script.seen.push(seen);
        script.seen.len() - 1
    }

    pub(super) fn record_body(&self, index: usize, part: &[u8]) {
        self.lock().seen[index].body.extend_from_slice(part);
    }

    pub(super) fn record_end(&self, index: usize, trailers: Vec<Header>) {
        let seen = &mut self.lock().seen[index];
        seen.trailers = trailers;
        seen.complete = true;
    }

    /// The answer to what was recorded there, as far as it has been recorded.
    pub(super) fn reply_to(&self, index: usize) -> Reply {
        let script = self.lock();
        let seen = &script.seen[index];
        if let Some(handler) = &script.handler {
            return handler(seen);
        }
        let path = seen.path.split('?').next().unwrap_or_default();
        let scripted =
            script.by_id.get(&seen.id()).or_else(|| script.by_path.get(path)).or(script.always.as_ref());
        scripted.cloned().unwrap_or_else(|| Reply::json(&seen.describe(&self.name)))
    }
}
