use crate::metrics::{MetricDefinition, MetricKind};
use crate::{ConfigErrors, Counter, Environment, Filter, Gauge, Histogram, Path, Secret};

/// Loads a filter from its configuration. The module, the linter and the tests all load with this, so they agree.
///
/// # Errors
/// Every violation that was found, each with its path.
pub fn load<F: Filter>(config: &[u8], env: &Environment<'_>) -> Result<Loaded<F>, ConfigErrors> {
    let config = sdk_shim_config::parse::<F::Config>(config)?;
    let mut setup = Setup { env, metrics: Vec::new(), warnings: Vec::new(), notices: Vec::new() };
    let filter = F::new(config, &mut setup)?;
    Ok(Loaded { filter, metrics: setup.metrics, warnings: setup.warnings, notices: setup.notices })
}

/// A filter that is ready to serve.
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
}

/// What a filter has while it loads: it knows no host, so that loading is the same everywhere.
pub struct Setup<'a> {
    env: &'a Environment<'a>,
    metrics: Vec<MetricDefinition>,
    warnings: Vec<String>,
    notices: Vec<String>,
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
