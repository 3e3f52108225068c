use crate::{ConfigErrors, Path};
use std::time::Duration;

/// Reads a duration such as `90m`, `2days 6h` or `250ms`. One that cannot be read is recorded in `errors` under `path`, and
/// `None` returned.
///
/// ```
/// use sdk_shim_config::{ConfigErrors, Path, duration};
///
/// let mut errors = ConfigErrors::new();
/// let path = Path::root().field("timeout");
/// assert_eq!(duration("90m", &path, &mut errors).unwrap().as_secs(), 5400);
/// assert!(duration("soon", &path, &mut errors).is_none());
/// assert!(errors.to_string().starts_with("timeout: found `soon`"));
/// ```
pub fn duration(text: &str, path: &Path, errors: &mut ConfigErrors) -> Option<Duration> {
    let duration = humantime::parse_duration(text);
    if duration.is_err() {
        let shown: String = text.chars().take(80).collect();
        errors.add(path, format!("`{shown}`"), "a duration that is not negative, such as 90m or 2days 6h");
    }
    duration.ok()
}
