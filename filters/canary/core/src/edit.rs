use crate::config::{HeaderConfig, HeaderEdits};
use crate::names::{self, quote};
use sdk_shim_config::{ConfigErrors, Path};

const MAX_EDITS: usize = 64;
const MAX_VALUE_BYTES: usize = 4096;

/// A change of a header map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// Replace all values of the name.
    Set(&'a str, &'a [u8]),
    /// Add a value.
    Add(&'a str, &'a [u8]),
    /// Remove all values of the name.
    Remove(&'a str),
}

/// Changes of headers that the configuration names.
#[derive(Debug)]
pub(crate) struct Edits {
    set: Vec<(String, String)>,
    add: Vec<(String, String)>,
    remove: Vec<String>,
}

/// What the configuration changes for a version: a release, or stable.
#[derive(Debug)]
pub(crate) struct VersionEdits {
    pub(crate) request: Edits,
    pub(crate) response: Edits,
}

impl VersionEdits {
    /// `path` is that of the version.
    pub(crate) fn new(
        request: &HeaderEdits,
        response: &HeaderEdits,
        path: &Path,
        errors: &mut ConfigErrors,
    ) -> Self {
        Self {
            request: Edits::new(request, &path.field("request_headers"), errors),
            response: Edits::new(response, &path.field("response_headers"), errors),
        }
    }
}

impl Edits {
    fn new(config: &HeaderEdits, path: &Path, errors: &mut ConfigErrors) -> Self {
        let count = config.set.len() + config.add.len() + config.remove.len();
        if count > MAX_EDITS {
            errors.add(path, format!("{count} changes"), format!("at most {MAX_EDITS}"));
        }
        let mut list = |headers: &[HeaderConfig], path: &Path| {
            let read = |(index, header)| self::header(header, &path.index(index), errors);
            headers.iter().enumerate().map(read).collect()
        };
        let set = list(&config.set, &path.field("set"));
        let add = list(&config.add, &path.field("add"));
        let path = path.field("remove");
        let read = |(index, name): (usize, &String)| names::check_header(name, &path.index(index), errors);
        Self { set, add, remove: config.remove.iter().enumerate().map(read).collect() }
    }

    /// The changes in the order of Gateway API's `HTTPHeaderFilter`.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Edit<'_>> {
        let set = self.set.iter().map(|(name, value)| Edit::Set(name, value.as_bytes()));
        let add = self.add.iter().map(|(name, value)| Edit::Add(name, value.as_bytes()));
        set.chain(add).chain(self.remove.iter().map(|name| Edit::Remove(name)))
    }
}

fn header(header: &HeaderConfig, path: &Path, errors: &mut ConfigErrors) -> (String, String) {
    let name = names::check_header(&header.name, &path.field("name"), errors);
    let value = &header.value;
    if value.len() > MAX_VALUE_BYTES || value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        let expected = format!("a value without control characters, at most {MAX_VALUE_BYTES} bytes");
        errors.add(&path.field("value"), quote(&value.escape_debug().to_string()), expected);
    }
    (name, value.clone())
}
