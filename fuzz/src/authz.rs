//! Paths: normalised, and compared with policies.

use std::net::{IpAddr, SocketAddr};

use crate::Input;
use portcullis_authz_core::{Attributes, Authz, Outcome, PeerAddress};
use sdk_shim_http::{Headers, split_target};
use serde_json::json;

/// The first byte chooses a level of normalisation, then come a path of a policy and a target, each on a line.
///
/// A normalised path is in normal form, so that normalising it again changes nothing. What a policy's path matches is what
/// a matcher without any cleverness says.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let level = input.choose(&["NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"]);
    let mut lines = input.rest().splitn(2, |byte| *byte == b'\n');
    let (pattern, target) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let Ok(pattern) = std::str::from_utf8(pattern) else { return };
    let config = json!({
        "path_normalization": level,
        "policies": [{"name": "p", "spec": {"rules": [{"to": [{"operation": {"paths": [pattern]}}]}]}}],
    });
    let config = sdk_shim_config::parse(config.to_string().as_bytes()).expect("a configuration");
    let policy = match Authz::new(&config, &|_| None) {
        Ok(policy) => policy,
        Err(errors) => return drop(errors.to_string()),
    };
    let mut headers: Headers =
        [(b":method".as_slice(), b"GET".as_slice()), (b":path", target)].into_iter().collect();
    if policy.normalize(&mut headers).is_err() {
        return;
    }
    let target = headers.get(":path").unwrap_or_default().to_vec();
    assert_eq!(policy.normalize(&mut headers), Ok(false), "{}", target.escape_ascii());
    let (path, _) = split_target(&target);
    if level != "NONE" && path.starts_with(b"/") {
        is_normal(path, level);
    }
    let allowed = matches!(policy.check(&headers, &mut Nobody).outcome, Outcome::Allow(_));
    assert_eq!(allowed, matches_path(pattern, path), "{pattern:?} on {}", path.escape_ascii());
}

fn is_normal(path: &[u8], level: &str) {
    let show = path.escape_ascii();
    assert!(path.starts_with(b"/"), "{show}");
    let mut segments = path.split(|byte| *byte == b'/');
    assert!(!segments.any(|segment| matches!(segment, b"." | b"..")), "{show}");
    assert!(path.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\'), "{show}");
    if level != "BASE" {
        assert!(!path.windows(2).any(|pair| pair == b"//"), "{show}");
    }
    if level == "DECODE_AND_MERGE_SLASHES" {
        let is_slash =
            |three: &[u8]| three.eq_ignore_ascii_case(b"%2f") || three.eq_ignore_ascii_case(b"%5c");
        assert!(!path.windows(3).any(is_slash), "{show}");
    }
}

/// Istio's paths: a template where there is `{*}` or `{**}`, else exact, a prefix, a suffix, or all.
fn matches_path(pattern: &str, path: &[u8]) -> bool {
    if pattern.contains("{*}") || pattern.contains("{**}") {
        return matches_template(pattern.as_bytes(), path);
    }
    match (pattern, pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        ("*", ..) => !path.is_empty(),
        (_, Some(suffix), _) => path.ends_with(suffix.as_bytes()),
        (_, _, Some(prefix)) => path.starts_with(prefix.as_bytes()),
        (exact, ..) => path == exact.as_bytes(),
    }
}

/// Tries every length for every wildcard.
fn matches_template(template: &[u8], path: &[u8]) -> bool {
    let is_wild = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;:@=".contains(byte);
    if let Some(rest) = template.strip_prefix(b"{**}") {
        let longest = path.iter().take_while(|byte| **byte == b'/' || is_wild(byte)).count();
        return (0..=longest).any(|length| matches_template(rest, &path[length..]));
    }
    if let Some(rest) = template.strip_prefix(b"{*}") {
        let longest = path.iter().take_while(|byte| is_wild(byte)).count();
        return (1..=longest).any(|length| matches_template(rest, &path[length..]));
    }
    match (template.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((a, template)), Some((b, path))) => a == b && matches_template(template, path),
        _ => false,
    }
}

/// A host that knows nothing.
struct Nobody;

impl Attributes for Nobody {
    fn peer_address(&mut self) -> PeerAddress {
        PeerAddress::Unknown
    }

    fn remote_address(&mut self) -> Option<IpAddr> {
        None
    }

    fn local_address(&mut self) -> Option<SocketAddr> {
        None
    }

    fn principal(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn server_name(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn now(&mut self) -> u64 {
        1_800_000_000
    }
}
