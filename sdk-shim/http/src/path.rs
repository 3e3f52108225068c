/// Splits a request target (`:path`) into path and query, without the `?` and without a fragment. Nothing is decoded.
///
/// ```
/// use sdk_shim_http::split_target;
///
/// assert_eq!(split_target(b"/search?q=a"), (&b"/search"[..], Some(&b"q=a"[..])));
/// assert_eq!(split_target(b"/"), (&b"/"[..], None));
/// ```
pub fn split_target(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let target = split_once(target, b'#').map_or(target, |(before, _)| before);
    match split_once(target, b'?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// The parameters of a query string, in order, as raw bytes: nothing is percent-decoded and `+` stays `+`.
///
/// ```
/// use sdk_shim_http::Query;
///
/// assert_eq!(Query::new(b"q=a&page=2").get("page"), Some(&b"2"[..]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Query<'a>(&'a [u8]);

impl<'a> Query<'a> {
    /// The parameters of `query`, which stands behind the `?`.
    pub fn new(query: &'a [u8]) -> Self {
        Self(query)
    }

    /// All pairs; a parameter without `=` has an empty value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.0
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| split_once(pair, b'=').unwrap_or((pair, b"")))
    }

    /// The first value of `name`, which is case-sensitive (Gateway API, HTTPQueryParamMatch).
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&'a [u8]> {
        let name = name.as_ref();
        self.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value)
    }
}

fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}
