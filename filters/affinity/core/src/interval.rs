use sdk_shim_config::{ConfigErrors, Path};

/// Reads a duration in Gateway API's format (GEP-2257), of whole seconds: one to four numbers of up to five digits, each
/// with `h`, `m` or `s` behind it. The answer is in seconds, at least 1.
pub(crate) fn seconds(text: &str, path: &Path, errors: &mut ConfigErrors) -> Option<u32> {
    let seconds = parse(text).filter(|seconds| *seconds > 0);
    if seconds.is_none() {
        errors.add(path, format!("{text:?}"), "a duration of at least 1s, such as `8h`, `90m` or `1h30m`");
    }
    seconds
}

fn parse(text: &str) -> Option<u32> {
    let mut total: u32 = 0;
    let mut parts = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, unit_and_rest) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let mut unit_and_rest = unit_and_rest.chars();
        let unit = match unit_and_rest.next()? {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        rest = unit_and_rest.as_str();
        parts += 1;
        if number.len() > 5 || parts > 4 {
            return None;
        }
        total = total.checked_add(number.parse::<u32>().ok()?.checked_mul(unit)?)?;
    }
    (parts > 0).then_some(total)
}
