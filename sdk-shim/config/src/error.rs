use std::borrow::Cow;
use std::fmt;

/// One violation in a configuration.
///
/// ```
/// use sdk_shim_config::{ConfigError, Path};
///
/// let error = ConfigError::new(Path::root().field("weight"), "101", "0 to 100");
/// assert_eq!(error.to_string(), "weight: found 101, expected 0 to 100");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: Path,
    found: Cow<'static, str>,
    expected: Cow<'static, str>,
}

impl ConfigError {
    /// A violation at `path`: what stands there, and what was expected instead.
    pub fn new(
        path: Path,
        found: impl Into<Cow<'static, str>>,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { path, found: found.into(), expected: expected.into() }
    }

    /// Where: `policies[2].rules[0].to`. Empty for the whole configuration.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What stands there.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What was expected there. Empty where [`ConfigError::found`] is a whole explanation.
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_root() {
            f.write_str("configuration")?;
        } else {
            f.write_str(self.path.as_str())?;
        }
        if self.expected.is_empty() {
            return write!(f, ": {}", self.found);
        }
        write!(f, ": found {}, expected {}", self.found, self.expected)
    }
}

impl std::error::Error for ConfigError {}

/// Every violation that was found in a configuration, in the order found. `Display` prints one a line.
///
/// ```
/// use sdk_shim_config::{ConfigErrors, Path};
///
/// let mut errors = ConfigErrors::new();
/// for (index, weight) in [10, 101, 200].into_iter().enumerate() {
///     if weight > 100 {
///         errors.add(&Path::root().field("weights").index(index), weight.to_string(), "0 to 100");
///     }
/// }
/// assert_eq!(errors.into_result(()).unwrap_err().iter().count(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// No violation yet: the collector that semantic checks add to.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a violation.
    pub fn add(
        &mut self,
        path: &Path,
        found: impl Into<Cow<'static, str>>,
        expected: impl Into<Cow<'static, str>>,
    ) {
        self.0.push(ConfigError::new(path.clone(), found, expected));
    }

    /// Records a violation that a language of its own explains, such as a rule that does not parse: the text says what
    /// was found and what was expected.
    pub fn explain(&mut self, path: &Path, text: impl Into<Cow<'static, str>>) {
        self.0.push(ConfigError { path: path.clone(), found: text.into(), expected: Cow::Borrowed("") });
    }

    /// Records all violations of `other`.
    pub fn extend(&mut self, other: ConfigErrors) {
        self.0.extend(other.0);
    }

    /// Keeps the violations that this is true of.
    pub fn retain(&mut self, keep: impl FnMut(&ConfigError) -> bool) {
        self.0.retain(keep);
    }

    /// Whether nothing was violated.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The violations.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.0.iter()
    }

    /// `Ok(value)` where nothing was violated.
    pub fn into_result<T>(self, value: T) -> Result<T, ConfigErrors> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// A place in a configuration, written as in JavaScript: `policies[2].rules[0].to`.
///
/// ```
/// use sdk_shim_config::Path;
///
/// assert_eq!(Path::root().field("policies").index(2).field("to").as_str(), "policies[2].to");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    /// The whole configuration.
    pub fn root() -> Self {
        Self::default()
    }

    /// The member `name` of the object here.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        Self(if self.0.is_empty() { name.to_owned() } else { format!("{}.{name}", self.0) })
    }

    /// The element `index` of the list here, counted from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    /// Whether this is the whole configuration.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as text, empty for the whole configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
