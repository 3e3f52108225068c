use crate::metrics::{MetricDefinition, MetricKind};
use crate::task::{Background, Task};
use crate::{ConfigErrors, Counter, Environment, Filter, Flow, Gauge, Handle, Histogram, Path, Secret};
use std::future::Future;

/// Loads a filter from its configuration. The module, the linter and the tests all load with this, so they agree.
///
/// ```
/// use sdk_shim::load;
/// # use sdk_shim::{ConfigErrors, Filter, Setup};
/// # #[derive(Debug)] struct Mine;
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # #[serde(deny_unknown_fields)]
/// # struct Config { #[serde(default)] header: String }
/// # impl Filter for Mine {
/// #     const NAME: &'static str = "mine";
/// #     type Config = Config;
/// #     type Request = ();
/// #     fn new(_: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> { Ok(Self) }
/// # }
///
/// let errors = load::<Mine>(br#"{"heeder": "x"}"#, &|_| None).unwrap_err();
/// assert_eq!(errors.to_string(), "heeder: found unknown field `heeder`, expected `header`");
/// ```
///
/// # Errors
/// Every violation that was found, each with its path.
#[cold]
pub fn load<F: Filter>(config: &[u8], env: &Environment<'_>) -> Result<Loaded<F>, ConfigErrors> {
    load_from(config, env)
}

/// As [`load`]. A text that is handed over is dropped when it is read, so that what is made of it finds its place: a module
/// never gives memory back.
#[cold]
#[inline(never)]
pub(crate) fn load_from<F: Filter>(
    text: impl AsRef<[u8]>,
    env: &Environment<'_>,
) -> Result<Loaded<F>, ConfigErrors> {
    let mut missing = ConfigErrors::new();
    let config = sdk_shim_config::parse_with::<F::Config>(text.as_ref(), env, &mut missing);
    drop(text);
    let Some(config) = config else {
        return Err(missing);
    };
    let mut setup = Setup {
        env,
        metrics: Vec::new(),
        warnings: Vec::new(),
        notices: Vec::new(),
        shared: Vec::new(),
        background: Background::default(),
    };
    let filter = match F::new(config, &mut setup) {
        Ok(_) if F::HEADERS_ONLY && !setup.background.is_empty() => {
            missing.add(
                &Path::root(),
                "a task in a filter with `HEADERS_ONLY`",
                "none: nothing would answer it",
            );
            return Err(missing);
        }
        Ok(filter) => missing.into_result(filter)?,
        Err(mut found) => {
            // What is wrong with a value for want of its variable has been said.
            found.retain(|error| !missing.iter().any(|missing| missing.path() == error.path()));
            missing.extend(found);
            return Err(missing);
        }
    };
    let Setup { metrics, warnings, notices, shared, background, .. } = setup;
    Ok(Loaded { filter, metrics, warnings, notices, shared, background })
}

/// A filter that is ready to serve.
///
/// ```
/// use sdk_shim::{Filter, Loaded};
///
/// fn series<F: Filter>(loaded: &Loaded<F>) -> Vec<&str> {
///     loaded.metrics.iter().map(|metric| metric.name.as_str()).collect()
/// }
/// ```
#[derive(Debug)]
pub struct Loaded<F> {
    /// The filter.
    pub filter: F,
    /// The metrics that it defined, in the order of their indexes.
    pub metrics: Vec<MetricDefinition>,
    /// What it warned of. The module logs them when it loads.
    pub warnings: Vec<String>,
    /// What it said of itself. The module logs them when it loads.
    pub notices: Vec<String>,
    /// The shared values that it needs, with what they are at first.
    pub shared: Vec<(String, Vec<u8>)>,
    /// The tasks that it started. The module begins them when it has loaded.
    pub background: Background,
}

/// What a filter has while it loads: it knows no host, so that loading is the same everywhere.
///
/// ```
/// use sdk_shim::{HttpCall, Setup, Watch};
///
/// /// Fetches something in the background, for requests to wait for.
/// fn fetch(setup: &mut Setup<'_>) -> Watch<Vec<u8>> {
///     setup.notice("fetching the list");
///     let list = Watch::default();
///     let fetched = list.clone();
///     setup.spawn(async move |host| {
///         if let Ok(answer) = host.call(HttpCall::get("lists", "/")).await {
///             fetched.set(answer.body);
///         }
///     });
///     list
/// }
/// ```
pub struct Setup<'a> {
    env: &'a Environment<'a>,
    metrics: Vec<MetricDefinition>,
    warnings: Vec<String>,
    notices: Vec<String>,
    shared: Vec<(String, Vec<u8>)>,
    background: Background,
}

impl<'a> Setup<'a> {
    /// Defines a counter. Its labels are fixed here and never taken from a request: each set of values is a series that
    /// the host keeps for ever. The same definition twice is the same counter.
    pub fn counter(&mut self, name: &str, labels: &[(&str, &str)]) -> Counter {
        Counter(self.define(MetricKind::Counter, name, labels))
    }

    /// Defines a gauge.
    pub fn gauge(&mut self, name: &str, labels: &[(&str, &str)]) -> Gauge {
        Gauge(self.define(MetricKind::Gauge, name, labels))
    }

    /// Defines a histogram.
    pub fn histogram(&mut self, name: &str, labels: &[(&str, &str)]) -> Histogram {
        Histogram(self.define(MetricKind::Histogram, name, labels))
    }

    /// Records what the operator should know of a configuration that is legal all the same.
    pub fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Records what the operator may like to read of a start, such as versions. Logged at level `info`.
    pub fn notice(&mut self, notice: impl Into<String>) {
        self.notices.push(notice.into());
    }

    /// Has a shared value be there before the first request, as `initial` unless it is there already:
    /// [`update_shared_data`](trait.Host.html#method.update_shared_data) then loses nothing. Two workers that both found none
    /// would both begin anew.
    pub fn shared_data(&mut self, key: impl Into<String>, initial: impl Into<Vec<u8>>) {
        self.shared.push((key.into(), initial.into()));
    }

    /// Starts a task that belongs to no stream: it begins when the filter has loaded, in each VM (in Envoy one for each
    /// worker, and one for the main thread), and ends with this configuration. What it finds it puts into a
    /// [`Watch`](crate::Watch), or into cells that it shares with the filter.
    pub fn spawn<T: Future<Output = ()> + 'static>(&mut self, task: impl FnOnce(Handle) -> T) {
        self.background.push(Task::new(|handle| {
            let future = task(handle);
            async move {
                future.await;
                Flow::Continue
            }
        }));
    }

    /// The environment that the host gives to the filter, which secrets refer to.
    pub fn env(&self) -> &'a Environment<'a> {
        self.env
    }

    /// Resolves a secret; see [`Secret::resolve`].
    pub fn secret(&self, secret: &Secret, path: &Path, errors: &mut ConfigErrors) -> Option<String> {
        secret.resolve(self.env, path, errors)
    }

    fn define(&mut self, kind: MetricKind, name: &str, labels: &[(&str, &str)]) -> usize {
        let definition = MetricDefinition::new(kind, name, labels);
        if let Some(index) = self.metrics.iter().position(|known| *known == definition) {
            return index;
        }
        self.metrics.push(definition);
        self.metrics.len() - 1
    }
}
