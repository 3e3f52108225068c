//! Audit log entries on their way to an HTTP service: in batches, in the background, in bounded memory.
//!
//! An entry stays until the service has answered 2xx, or refuses it with a 4xx other than 408 and 429. So it arrives at least once
//! while Envoy runs, unless the buffer is full: then entries are dropped, and counted. What is in the buffer when the configuration
//! changes or Envoy ends is lost; Envoy's own log has it where `to_envoy_log` is on.

use crate::by_name::ByName;
use schemars::JsonSchema;
use sdk_shim::{CalloutError, ConfigErrors, Counter, Handle, Host, HttpCall, Level, Path, Secret, Setup};
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// An HTTP service that takes audit log entries: `POST`, one JSON object on each line (`application/x-ndjson`). It answers 2xx
/// when it has them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectorConfig {
    /// The cluster, as Envoy's configuration names it.
    pub cluster: String,
    /// The authority of the requests. By default the cluster's name.
    #[serde(default)]
    pub authority: Option<String>,
    /// The path of the requests.
    #[serde(default = "default_path")]
    pub path: String,
    /// More headers, such as `authorization`. A value may be `${NAME}`, for an environment variable.
    #[serde(default)]
    pub headers: ByName<Secret>,
    /// How long to gather entries before they are sent, in milliseconds.
    #[serde(default = "default_interval")]
    pub interval_ms: u32,
    /// The most entries in a request.
    #[serde(default = "default_batch")]
    pub max_batch_entries: usize,
    /// The most bytes of entries that wait, in each Envoy worker. More are dropped, and counted in
    /// `waf_audit_entries_total;outcome=dropped`.
    #[serde(default = "default_buffer")]
    pub max_buffer_bytes: usize,
    /// How long an answer may take, in milliseconds. What is not answered, or with a 5xx, is sent again, after a time that doubles
    /// from `interval_ms` to 30 seconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u32,
}

fn default_path() -> String {
    "/".to_owned()
}

fn default_interval() -> u32 {
    1000
}

fn default_batch() -> usize {
    100
}

fn default_buffer() -> usize {
    1 << 20
}

fn default_timeout() -> u32 {
    5000
}

/// The longest time between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The way to the service.
pub(crate) struct Collector {
    queue: Rc<RefCell<Queue>>,
    dropped: Counter,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<String>,
    bytes: usize,
    max_bytes: usize,
    /// Who waits for an entry.
    waiting: Option<Waker>,
}

/// What the task in the background needs.
struct Sender {
    queue: Rc<RefCell<Queue>>,
    call: HttpCall,
    interval: Duration,
    max_entries: usize,
    sent: Counter,
    refused: Counter,
}

impl Collector {
    pub(super) fn start(
        config: &CollectorConfig,
        path: &Path,
        setup: &mut Setup<'_>,
    ) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        if config.cluster.is_empty() {
            errors.add(&path.field("cluster"), "nothing", "the name of a cluster");
        }
        if !config.path.starts_with('/') || config.path.contains(|c: char| c.is_control() || c == ' ') {
            errors.add(&path.field("path"), format!("{:?}", config.path), "a path that begins with `/`");
        }
        for (field, number) in [
            ("interval_ms", config.interval_ms as usize),
            ("max_batch_entries", config.max_batch_entries),
            ("max_buffer_bytes", config.max_buffer_bytes),
            ("timeout_ms", config.timeout_ms as usize),
        ] {
            if number == 0 {
                errors.add(&path.field(field), "0", "a number of 1 or more");
            }
        }
        let mut call = HttpCall::post(&config.cluster, config.path.as_bytes(), "")
            .header("content-type", "application/x-ndjson")
            .timeout(Duration::from_millis(config.timeout_ms.into()));
        if let Some(authority) = &config.authority {
            call = call.authority(authority.as_bytes());
        }
        for (name, secret) in config.headers.iter() {
            let at = path.field("headers").field(name);
            let is_name =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
            if name.is_empty() || !name.bytes().all(is_name) {
                errors.add(&at, format!("{name:?}"), "the name of a header, in lower case");
            }
            if let Some(value) = setup.secret(secret, &at, &mut errors) {
                if value.contains(['\r', '\n', '\0']) {
                    errors.add(&at, "a value with a line break or NUL", "a header's value");
                }
                call = call.header(name, value.into_bytes());
            }
        }
        let queue = Queue { max_bytes: config.max_buffer_bytes, ..Queue::default() };
        let queue = Rc::new(RefCell::new(queue));
        let mut counter = |outcome| setup.counter("waf_audit_entries_total", &[("outcome", outcome)]);
        let dropped = counter("dropped");
        let sender = Sender {
            queue: Rc::clone(&queue),
            call,
            interval: Duration::from_millis(config.interval_ms.into()),
            max_entries: config.max_batch_entries,
            sent: counter("sent"),
            refused: counter("refused"),
        };
        setup.spawn(async move |host| sender.run(&host).await);
        errors.into_result(Self { queue, dropped })
    }

    /// Puts an entry into the buffer.
    pub(super) fn send(&self, entry: String, host: &mut dyn Host) {
        let mut queue = self.queue.borrow_mut();
        if queue.bytes.saturating_add(entry.len()) > queue.max_bytes {
            drop(queue);
            host.increment(self.dropped, 1);
            return;
        }
        queue.bytes += entry.len();
        queue.entries.push_back(entry);
        let waiting = queue.waiting.take();
        drop(queue);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl Sender {
    async fn run(&self, host: &Handle) {
        let mut pause = self.interval;
        loop {
            self.filled().await;
            if host.sleep(pause).await.is_err() {
                let text = "without timers the audit log is not sent";
                return host.with(move |host| host.log(Level::Error, format_args!("{text}"))).await;
            }
            let (body, entries) = self.batch();
            let call = HttpCall { body, ..self.call.clone() };
            pause = match outcome(
                host.call(call).await.and_then(|answer| answer.status().ok_or(CalloutError::NoAnswer)),
            ) {
                Outcome::Done => {
                    self.done(self.sent, entries, host).await;
                    self.interval
                }
                Outcome::Refused(status) => {
                    let text = format!("the audit log's collector refused {entries} entries with {status}");
                    host.with(move |host| host.log(Level::Warn, format_args!("{text}"))).await;
                    self.done(self.refused, entries, host).await;
                    self.interval
                }
                Outcome::Failed(why) => {
                    // Once for each streak.
                    if pause == self.interval {
                        let text = format!(
                            "the audit log's collector does not take entries: {why}; they are sent again"
                        );
                        host.with(move |host| host.log(Level::Warn, format_args!("{text}"))).await;
                    }
                    pause.saturating_mul(2).min(LONGEST_PAUSE.max(self.interval))
                }
            };
        }
    }

    /// Waits until there is an entry.
    async fn filled(&self) {
        poll_fn(|context| {
            let mut queue = self.queue.borrow_mut();
            if !queue.entries.is_empty() {
                return Poll::Ready(());
            }
            queue.waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// The first entries, which stay until they have arrived.
    fn batch(&self) -> (Vec<u8>, usize) {
        let queue = self.queue.borrow();
        let mut body = Vec::new();
        let entries = queue.entries.iter().take(self.max_entries);
        let count = entries.map(|entry| body.extend(entry.bytes().chain([b'\n']))).count();
        (body, count)
    }

    async fn done(&self, counter: Counter, entries: usize, host: &Handle) {
        {
            let mut queue = self.queue.borrow_mut();
            let entries = entries.min(queue.entries.len());
            let bytes: usize = queue.entries.drain(..entries).map(|entry| entry.len()).sum();
            queue.bytes = queue.bytes.saturating_sub(bytes);
        }
        let by = u32::try_from(entries).unwrap_or(u32::MAX);
        host.with(move |host| host.increment(counter, by)).await;
    }
}

enum Outcome {
    Done,
    Refused(u16),
    Failed(String),
}

fn outcome(answer: Result<u16, CalloutError>) -> Outcome {
    match answer {
        Ok(200..=299) => Outcome::Done,
        Ok(status @ (408 | 429)) => Outcome::Failed(format!("it answers {status}")),
        Ok(status @ 400..=499) => Outcome::Refused(status),
        Ok(status) => Outcome::Failed(format!("it answers {status}")),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}
