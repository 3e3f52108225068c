use crate::{ConfigErrors, Path};
use std::time::Duration;

/// Reads a duration such as `90m`, `2days 6h` or `250ms`. One that cannot be read is recorded in `errors` under `path`, and
/// `None` returned.
pub fn duration(text: &str, path: &Path, errors: &mut ConfigErrors) -> Option<Duration> {
    let duration = humantime::parse_duration(text);
    if duration.is_err() {
        let shown: String = text.chars().take(80).collect();
        errors.add(path, format!("`{shown}`"), "a duration that is not negative, such as 90m or 2days 6h");
    }
    duration.ok()
}
