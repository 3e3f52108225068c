//! Fetches key sets, in the background, once for all workers: they share what is known of a source as a value of the
//! host, in which the one that fetches also says so. Requests whose token needs keys that are not there wait for them.

use portcullis_authz_core::Authz;
use portcullis_authz_core::remote::{Answer, FetchError, Fetched, Record, Source, Step, Target};
use sdk_shim::{
    CalloutError, CalloutResponse, Counter, Gauge, Handle, Host, HostError, HttpCall, Level, Setup, Watch,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// The sources of a configuration, in the order of [`Authz::sources`].
#[derive(Debug)]
pub(crate) struct KeySources {
    all: Vec<KeySource>,
    waiting: Rc<Cell<usize>>,
    max_waiting: usize,
    held: Held,
}

/// What this worker knows of a source, and who waits for it.
#[derive(Debug)]
struct KeySource {
    shared_key: String,
    record: RefCell<Record>,
    /// Whether a token has asked for a key that there is not.
    wanted: Cell<bool>,
    /// Wakes the task that fetches.
    asked: RefCell<Watch<()>>,
    /// Wakes the requests that wait.
    looked: RefCell<Watch<()>>,
    metrics: Metrics,
}

#[derive(Debug)]
struct Metrics {
    keys: Counter,
    not_modified: Counter,
    /// In the order of [`FetchError::OUTCOMES`].
    errors: Vec<Counter>,
    last_success: Gauge,
}

#[derive(Debug)]
struct Held {
    waited: Counter,
    timed_out: Counter,
    too_many: Counter,
}

/// The place of a request among those that wait.
struct Place(Rc<Cell<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl KeySources {
    /// Defines the metrics, and has the keys fetched.
    pub(crate) fn start(authz: &Rc<Authz>, max_waiting: usize, setup: &mut Setup<'_>) -> Rc<Self> {
        let all = authz.sources().iter().map(|source| KeySource::new(source, setup)).collect();
        let mut held = |outcome| setup.counter("authz_jwks_held_total", &[("outcome", outcome)]);
        let held = Held { waited: held("answered"), timed_out: held("timeout"), too_many: held("too_many") };
        let sources = Rc::new(Self { all, waiting: Rc::default(), max_waiting, held });
        for index in 0..authz.sources().len() {
            let (authz, sources) = (Rc::clone(authz), Rc::clone(&sources));
            setup.spawn(async move |host| {
                // Envoy first loads a configuration to try it, in a VM that gets no answers. It gets no ticks either.
                if host.sleep(Duration::from_millis(1)).await.is_ok()
                    && let (Some(own), Some(source)) = (sources.all.get(index), authz.sources().get(index))
                {
                    own.keep(&authz, index, source, &host).await;
                }
            });
        }
        sources
    }

    /// Whether a request may wait for keys: for the first fetch, or for one that it causes.
    pub(crate) fn may_wait(&self, authz: &Authz, index: usize, host: &mut dyn Host) -> bool {
        let (Some(own), Some(source)) = (self.all.get(index), authz.sources().get(index)) else {
            return false;
        };
        let now = host.now();
        if source.jwks().is_some() && !own.record.borrow().may_refetch(source, now) {
            return false;
        }
        if self.waiting.get() >= self.max_waiting {
            host.increment(self.held.too_many, 1);
            return false;
        }
        true
    }

    /// Waits until the source has been looked at, at most as long as a worker may take for it.
    pub(crate) fn wait(
        self: &Rc<Self>,
        authz: &Authz,
        index: usize,
        host: &Handle,
    ) -> impl Future<Output = ()> + use<> {
        self.waiting.set(self.waiting.get() + 1);
        let place = Place(Rc::clone(&self.waiting));
        let timeout = authz.sources().get(index).map(Source::lease).unwrap_or_default();
        let looked = self.all.get(index).map(|own| {
            own.wanted.set(true);
            own.asked.borrow().set(());
            own.looked.borrow().wait()
        });
        let (sources, host) = (Rc::clone(self), host.clone());
        async move {
            let _place = place;
            let Some(looked) = looked else { return };
            let waited = host.timeout(timeout, looked).await.is_ok();
            let counter = if waited { sources.held.waited } else { sources.held.timed_out };
            host.with(move |host| host.increment(counter, 1)).await;
        }
    }
}

impl KeySource {
    fn new(source: &Source, setup: &mut Setup<'_>) -> Self {
        let shared_key = source.shared_key();
        setup.shared_data(shared_key.as_str(), Record::default().encode());
        let mut fetches = |outcome: &str| {
            setup.counter("authz_jwks_fetches_total", &[("uri", &source.uri), ("outcome", outcome)])
        };
        let (keys, not_modified) = (fetches("keys"), fetches("not_modified"));
        let errors = FetchError::OUTCOMES.map(fetches).into();
        let last_success = setup.gauge("authz_jwks_last_success_timestamp_seconds", &[("uri", &source.uri)]);
        Self {
            shared_key,
            record: RefCell::default(),
            wanted: Cell::new(false),
            asked: RefCell::default(),
            looked: RefCell::default(),
            metrics: Metrics { keys, not_modified, errors, last_success },
        }
    }

    /// Looks after a source as long as the configuration lives.
    async fn keep(&self, authz: &Authz, index: usize, source: &Source, host: &Handle) {
        let mut local = Record::default();
        loop {
            let shared_key = self.shared_key.clone();
            let (now, shared) =
                host.with(move |host| (host.now(), host.shared_data(&shared_key).ok().flatten())).await;
            let version = shared.as_ref().map(|value| value.version);
            // A host without shared values leaves each worker to itself.
            let record = shared.map_or_else(|| local.clone(), |value| Record::decode(&value.bytes));
            let is_newer = record.attempted() != self.record.borrow().attempted();
            authz.adopt(index, &record, now);
            self.record.replace(record.clone());
            if is_newer {
                self.release();
            }
            match record.next(source, now, self.wanted.get()) {
                Step::Wait(time) => {
                    if !record.may_refetch(source, now) {
                        // What was asked for is not to be had now.
                        self.release();
                    }
                    let asked = self.asked.borrow().wait();
                    if let Err(CalloutError::Host(_)) = host.timeout(time, asked).await {
                        // Without timers nothing could be fetched at the right time.
                        return;
                    }
                    self.asked.replace(Watch::default());
                }
                Step::Fetch => {
                    let leased = record.leased(source, now);
                    if self.share(&leased, version, host).await == Err(HostError::Conflict) {
                        continue;
                    }
                    local = self.fetch(&leased, source, host).await;
                    let _ = self.share(&local, None, host).await;
                }
            }
        }
    }

    fn release(&self) {
        self.wanted.set(false);
        self.looked.replace(Watch::default()).set(());
    }

    async fn share(&self, record: &Record, version: Option<u32>, host: &Handle) -> Result<(), HostError> {
        let (key, bytes) = (self.shared_key.clone(), record.encode());
        host.with(move |host| host.set_shared_data(&key, &bytes, version)).await
    }

    /// Fetches the keys, and returns the record after it.
    async fn fetch(&self, record: &Record, source: &Source, host: &Handle) -> Record {
        let found = match source.issuer() {
            None => Ok(source.start.clone()),
            Some(_) => match get(&source.start, None, source.timeout, host).await {
                Ok(response) => answer(&response).jwks_uri(source),
                Err(error) => Err(error),
            },
        };
        let fetched = match found {
            Ok(target) => get(&target, record.etag(), source.timeout, host).await,
            Err(error) => Err(error),
        };
        let nothing = CalloutResponse::default();
        let (response, result) = match &fetched {
            Ok(response) => (response, answer(response).keys(record.etag().is_some())),
            Err(error) => (&nothing, Err(error.clone())),
        };
        let now = host.with(|host| host.now()).await;
        let next = record.fetched(source, now, &answer(response), &result);
        self.report(&result, &next, source, now, host).await;
        next
    }

    async fn report(
        &self,
        result: &Result<Fetched, FetchError>,
        record: &Record,
        source: &Source,
        now: Duration,
        host: &Handle,
    ) {
        let fresh = record.fresh_for();
        let (level, counter, text) = match result {
            Ok(Fetched::Keys(jwks)) => {
                let skipped = jwks.skipped().first().map_or_else(String::new, |(at, error)| {
                    format!(", {} not used: keys[{at}]: {error}", jwks.skipped().len())
                });
                let text = format!("{} keys{skipped}, fresh for {fresh:?}", jwks.keys().len());
                (Level::Info, Some(self.metrics.keys), text)
            }
            Ok(Fetched::NotModified) => {
                (Level::Info, Some(self.metrics.not_modified), format!("not modified, fresh for {fresh:?}"))
            }
            Err(error) => {
                let at = FetchError::OUTCOMES.iter().position(|outcome| *outcome == error.outcome());
                let kept = match record.age(now).map(|age| age.as_secs()) {
                    Some(age) if record.jwks(source, now).is_some() => {
                        format!("the keys of {age}s ago are kept")
                    }
                    Some(age) => format!("the keys of {age}s ago are too old, tokens are refused"),
                    None => "there are no keys, tokens are refused".to_owned(),
                };
                let counter = at.and_then(|at| self.metrics.errors.get(at)).copied();
                (Level::Warn, counter, format!("{error}; {kept}"))
            }
        };
        let (uri, gauge) = (source.uri.clone(), result.is_ok().then_some(self.metrics.last_success));
        host.with(move |host| {
            host.log(level, format_args!("keys from {uri}: {text}"));
            counter.into_iter().for_each(|counter| host.increment(counter, 1));
            gauge.into_iter().for_each(|gauge| host.set_gauge(gauge, now.as_secs()));
        })
        .await;
    }
}

fn answer(response: &CalloutResponse) -> Answer<'_> {
    Answer { status: response.status(), headers: &response.headers, body: &response.body }
}

async fn get(
    target: &Target,
    etag: Option<&[u8]>,
    timeout: Duration,
    host: &Handle,
) -> Result<CalloutResponse, FetchError> {
    let call = HttpCall::get(&target.cluster, target.path.as_str())
        .authority(target.authority.as_str())
        .header("accept", "application/json")
        .timeout(timeout);
    let call = match etag {
        Some(etag) => call.header("if-none-match", etag),
        None => call,
    };
    match host.call(call).await {
        Ok(response) => Ok(response),
        Err(CalloutError::NoAnswer) => Err(FetchError::NoAnswer),
        Err(error) => Err(FetchError::NotStarted(error.to_string())),
    }
}
