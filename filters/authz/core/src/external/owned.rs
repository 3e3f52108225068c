use super::{is_free, names};
use crate::changes::with_hyphens;
use crate::pattern::{Pattern, PatternSet};
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::Headers;

/// The headers of a request that only a service writes: it may set these and no others, and the client's own never go on.
#[derive(Debug)]
pub(super) struct Owned(PatternSet);

/// What the rest of the configuration does with headers, in lower case.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    /// Those that credentials are read from.
    pub(crate) read: Vec<&'a str>,
    /// Those that the filter itself writes.
    pub(crate) written: Vec<&'a str>,
}

/// These carry credentials that other servers ask for as well: where a service is not asked, they are the client's.
const SHARED: [&str; 2] = ["authorization", "cookie"];

impl Owned {
    pub(super) fn new(list: &[String], taken: &Taken<'_>, path: &Path, errors: &mut ConfigErrors) -> Self {
        for (index, name) in list.iter().enumerate() {
            let lower = name.to_ascii_lowercase();
            let only = PatternSet::new(&[Pattern::new(&lower)]);
            let takes = |name: &&&str| !SHARED.contains(*name) && only.matches_text(name.as_bytes());
            let mut refuse =
                |expected: &str| errors.add(&path.index(index), format!("{name:?}"), expected.to_owned());
            if name == "*" {
                refuse("names or prefixes: all headers of the client would be removed");
            } else if !is_free(lower.as_bytes()) {
                refuse("the name of a header that is not one of the connection");
            } else if let Some(other) = taken.read.iter().find(takes) {
                refuse(&format!("not {other}, which credentials are read from"));
            } else if let Some(other) = taken.written.iter().find(takes) {
                refuse(&format!("not {other}, which the filter itself writes"));
            }
        }
        Self(names(list, path, errors))
    }

    /// Whether the service may set a header, by its name in lower case.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        is_free(name) && self.0.matches_text(name)
    }

    /// Which of a request's headers are the service's, in their spellings with underscores, too. `is_asked`: whether the service is
    /// asked about it.
    pub(super) fn of<'h>(&self, request: &'h Headers, is_asked: bool) -> impl Iterator<Item = &'h str> {
        let names = request.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok());
        names.filter(move |name| {
            let is_owned = || {
                let spelt: Vec<u8> = with_hyphens(name.as_bytes()).collect();
                self.0.matches_text(name.as_bytes()) || self.0.matches_text(&spelt)
            };
            is_free(name.as_bytes()) && (is_asked || !SHARED.contains(name)) && is_owned()
        })
    }
}
