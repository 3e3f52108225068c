/// Whether a browser takes `SameSite=None` for what it means, by its `user-agent`. Older ones drop the cookie (Chrome before
/// 67) or read it as `Strict` (all on iOS 12, Safari on macOS 10.14).
///
/// As ingress-nginx has it (`lua/util/same_site.lua`), but for Chrome's version, which is read as a number: there
/// `Chrome/4` is looked for, which newer versions may contain, too.
pub(crate) fn takes_same_site_none(user_agent: &[u8]) -> bool {
    let has = |text: &[u8]| memmem(user_agent, text).is_some();
    let is_old_chrome = memmem(user_agent, b"Chrome/").is_some_and(|rest| {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).take(4);
        let version = digits.fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'));
        matches!(version, 4..=6 | 40..=69)
    });
    let is_ios_12 = has(b"CPU iPhone OS 12") || has(b"iPad; CPU OS 12");
    let is_old_safari =
        has(b"Macintosh") && has(b"Intel Mac OS X 10_14") && has(b"Safari") && !has(b"Chrome");
    !(is_old_chrome || is_ios_12 || is_old_safari)
}

/// What stands behind the first occurrence of `needle`.
fn memmem<'a>(haystack: &'a [u8], needle: &[u8]) -> Option<&'a [u8]> {
    let at = haystack.windows(needle.len()).position(|window| window == needle)?;
    haystack.get(at + needle.len()..)
}
