use crate::config::RequestMatch;
use crate::cookie::is_token;
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::{Headers, split_target};

const MAX_MATCHES: usize = 64;

/// The requests without a session.
#[derive(Debug, Default)]
pub(crate) struct Ignored(Vec<RequestMatch>);

impl Ignored {
    pub(crate) fn new(matches: &[RequestMatch], path: &Path, errors: &mut ConfigErrors) -> Self {
        if matches.len() > MAX_MATCHES {
            errors.add(path, format!("{} entries", matches.len()), format!("at most {MAX_MATCHES}"));
        }
        let mut compiled = Vec::with_capacity(matches.len());
        for (index, entry) in matches.iter().enumerate() {
            let path = path.index(index);
            let RequestMatch { path_prefix, path_suffix, methods, header } = entry;
            if path_prefix.is_none() && path_suffix.is_none() && methods.is_empty() && header.is_none() {
                errors.add(&path, "nothing", "a test, such as `path_prefix`: this would be every request");
            }
            if path_prefix.as_ref().is_some_and(|prefix| !prefix.starts_with('/') || prefix.contains('?')) {
                errors.add(
                    &path.field("path_prefix"),
                    "no path",
                    "a path that starts with /, without a query",
                );
            }
            if path_suffix.as_ref().is_some_and(|suffix| suffix.is_empty() || suffix.contains('?')) {
                errors.add(
                    &path.field("path_suffix"),
                    "no end of a path",
                    "a text such as .css, without a query",
                );
            }
            for (index, method) in methods.iter().enumerate().filter(|(_, method)| !is_token(method)) {
                let path = path.field("methods").index(index);
                errors.add(&path, format!("{method:?}"), "a method such as GET");
            }
            let mut entry = entry.clone();
            if let Some(header) = &mut entry.header {
                if !is_token(&header.name) {
                    let path = path.field("header").field("name");
                    errors.add(&path, format!("{:?}", header.name), "a header's name: a token");
                }
                header.name.make_ascii_lowercase();
            }
            compiled.push(entry);
        }
        Self(compiled)
    }

    pub(crate) fn has(&self, request: &Headers) -> bool {
        self.0.iter().any(|entry| entry.covers(request))
    }
}

impl RequestMatch {
    fn covers(&self, request: &Headers) -> bool {
        let (path, _) = split_target(request.get(":path").unwrap_or_default());
        let is_method = |method: &[u8]| self.methods.iter().any(|known| known.as_bytes() == method);
        self.path_prefix.as_ref().is_none_or(|prefix| path.starts_with(prefix.as_bytes()))
            && self.path_suffix.as_ref().is_none_or(|suffix| path.ends_with(suffix.as_bytes()))
            && (self.methods.is_empty() || request.get(":method").is_some_and(is_method))
            && self.header.as_ref().is_none_or(|header| {
                let mut values = request.get_all(header.name.as_bytes());
                values.any(|value| header.value.as_ref().is_none_or(|wanted| wanted.as_bytes() == value))
            })
    }
}
