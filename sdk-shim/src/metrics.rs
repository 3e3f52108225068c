/// A counter that [`Setup::counter`](crate::Setup::counter) defined.
///
/// ```
/// use sdk_shim::{Counter, Host, Setup};
///
/// fn define(setup: &mut Setup<'_>) -> Counter {
///     setup.counter("mine_size", &[("kind", "a")])
/// }
///
/// fn measure(host: &mut dyn Host, metric: Counter) {
///     host.increment(metric, 1);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(pub(crate) usize);

/// A gauge that [`Setup::gauge`](crate::Setup::gauge) defined.
///
/// ```
/// use sdk_shim::{Gauge, Host, Setup};
///
/// fn define(setup: &mut Setup<'_>) -> Gauge {
///     setup.gauge("mine_size", &[("kind", "a")])
/// }
///
/// fn measure(host: &mut dyn Host, metric: Gauge) {
///     host.set_gauge(metric, 7);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge(pub(crate) usize);

/// A histogram that [`Setup::histogram`](crate::Setup::histogram) defined.
///
/// ```
/// use sdk_shim::{Histogram, Host, Setup};
///
/// fn define(setup: &mut Setup<'_>) -> Histogram {
///     setup.histogram("mine_size", &[("kind", "a")])
/// }
///
/// fn measure(host: &mut dyn Host, metric: Histogram) {
///     host.record(metric, 7);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram(pub(crate) usize);

macro_rules! index {
    ($($metric:ty),*) => {
        $(impl $metric {
            /// Its place among the definitions of [`Loaded::metrics`](crate::Loaded::metrics): for hosts.
            pub fn index(self) -> usize {
                self.0
            }
        })*
    };
}
index!(Counter, Gauge, Histogram);

/// A metric as the host knows it.
///
/// ```
/// use sdk_shim::{MetricDefinition, MetricKind};
///
/// let metric = MetricDefinition { kind: MetricKind::Counter, name: "mine_total;decision=deny".into() };
/// assert!(metric.name.ends_with("decision=deny"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricDefinition {
    /// What it measures.
    pub kind: MetricKind,
    /// Its name with its labels: `authz_decisions_total;policy=admin;decision=deny`. Envoy has no labels for metrics of
    /// modules; a `stats_tags` pattern makes tags of these.
    pub name: String,
}

/// The kinds of metrics.
///
/// ```
/// assert_ne!(sdk_shim::MetricKind::Counter, sdk_shim::MetricKind::Gauge);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl MetricDefinition {
    /// A metric with these labels. A label's value may come from the configuration: what is not a letter, digit, `-`,
    /// `_`, `.` or `/` in it is percent-encoded, so that it can neither end the label nor forge another.
    pub(crate) fn new(kind: MetricKind, name: &str, labels: &[(&str, &str)]) -> Self {
        use std::fmt::Write;
        let mut text = name.to_owned();
        for (label, value) in labels {
            text.push(';');
            text.push_str(label);
            text.push('=');
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) {
                    text.push(char::from(byte));
                } else {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "%{byte:02X}");
                }
            }
        }
        Self { kind, name: text }
    }
}
