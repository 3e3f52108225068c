/// How much a message matters (proxy-wasm `LogLevel`).
///
/// ```
/// use sdk_shim::{Host, Level};
///
/// fn warn(host: &mut dyn Host, text: &str) {
///     host.log(Level::Warn, format_args!("{text}"));
/// }
/// assert!(Level::Debug < Level::Warn);
/// # warn(&mut sdk_shim_testing::TestHost::new(), "");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Each step.
    Trace,
    /// Each decision.
    Debug,
    /// What an operator wants to see.
    Info,
    /// What an operator should look at.
    Warn,
    /// What went wrong.
    Error,
}
