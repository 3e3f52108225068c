use sdk_shim_http::{Cookies, Headers, split_target};

/// A change to the headers of a request on its way upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// Remove all headers of this name.
    Remove(&'a str),
    /// Have exactly one header of this name, with this value.
    Set(&'a str, Vec<u8>),
}

/// What is to be hidden from the upstream and told to it, collected from all credentials: two that hide a parameter would
/// each write the target anew, and undo the other's.
#[derive(Debug, Default)]
pub(crate) struct Changes<'a> {
    headers: Vec<&'a str>,
    params: Vec<&'a str>,
    cookies: Vec<&'a str>,
    written: Vec<(&'a str, Option<Vec<u8>>)>,
}

impl<'a> Changes<'a> {
    /// Removes a header.
    pub(crate) fn hide_header(&mut self, name: &'a str) {
        self.headers.push(name);
    }

    /// Removes a query parameter, however its name is encoded.
    pub(crate) fn hide_param(&mut self, name: &'a str) {
        self.params.push(name);
    }

    /// Removes a cookie.
    pub(crate) fn hide_cookie(&mut self, name: &'a str) {
        self.cookies.push(name);
    }

    /// Has the request carry a header with this value, or without one no such header: never the client's own.
    pub(crate) fn write(&mut self, name: &'a str, value: Option<Vec<u8>>) {
        self.written.push((name, value));
    }

    /// The edits that these changes come to on a request's headers.
    pub(crate) fn edits(self, headers: &'a Headers) -> Vec<Edit<'a>> {
        let has = |name: &str| headers.get(name).is_some();
        let mut edits: Vec<Edit<'a>> = Vec::new();
        for name in &self.headers {
            if has(name) && !edits.contains(&Edit::Remove(name)) {
                edits.push(Edit::Remove(name));
            }
        }
        edits.extend(self.target(headers).map(|target| Edit::Set(":path", target)));
        edits.extend(self.cookies(headers));
        for (name, _) in headers.iter() {
            let is_taken = self.written.iter().any(|(written, _)| is_spelling(name, written.as_bytes()));
            let name = std::str::from_utf8(name).ok().filter(|_| is_taken);
            edits.extend(name.map(Edit::Remove).filter(|edit| !edits.contains(edit)));
        }
        edits.extend(self.written.into_iter().filter_map(|(name, value)| match value {
            Some(value) => Some(Edit::Set(name, value)),
            None => has(name).then_some(Edit::Remove(name)),
        }));
        edits
    }

    /// The target without the hidden parameters, if it has any.
    fn target(&self, headers: &Headers) -> Option<Vec<u8>> {
        if self.params.is_empty() {
            return None;
        }
        let (path, query) = split_target(headers.get(":path")?);
        let is_hidden = |pair: &[u8]| {
            let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
            self.params.iter().any(|hidden| percent_encoding::percent_decode(name).eq(hidden.bytes()))
        };
        let pairs = || query.unwrap_or_default().split(|byte| *byte == b'&');
        if !pairs().any(is_hidden) {
            return None;
        }
        let kept = join(pairs().filter(|pair| !is_hidden(pair)), b"&");
        Some(if kept.is_empty() { path.to_vec() } else { [path, b"?", &kept].concat() })
    }

    fn cookies(&self, headers: &Headers) -> Option<Edit<'a>> {
        let is_hidden = |name: &[u8]| self.cookies.iter().any(|hidden| hidden.as_bytes() == name);
        let cookies = Cookies::new(headers);
        if self.cookies.is_empty() || !cookies.iter().any(|(name, _)| is_hidden(name)) {
            return None;
        }
        let pairs: Vec<Vec<u8>> = cookies
            .iter()
            .filter(|(name, _)| !is_hidden(name))
            .map(|(name, value)| if name.is_empty() { value.to_vec() } else { [name, b"=", value].concat() })
            .collect();
        let kept = join(pairs.iter().map(Vec::as_slice), b"; ");
        Some(if kept.is_empty() { Edit::Remove("cookie") } else { Edit::Set("cookie", kept) })
    }
}

/// Whether two different names are one to servers that tell applications of headers as CGI does (RFC 3875 4.1.18), where `-` becomes `_`:
/// WSGI, FastCGI, PHP, Rack.
pub(crate) fn is_spelling(name: &[u8], written: &[u8]) -> bool {
    name.len() == written.len() && name != written && with_hyphens(name).eq(with_hyphens(written))
}

pub(crate) fn with_hyphens(name: &[u8]) -> impl Iterator<Item = u8> + '_ {
    name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte })
}

fn join<'a>(parts: impl Iterator<Item = &'a [u8]>, separator: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    for (index, part) in parts.enumerate() {
        if index > 0 {
            joined.extend_from_slice(separator);
        }
        joined.extend_from_slice(part);
    }
    joined
}
