//! Headers that Envoy takes out of requests before any filter, and an early header mutation keeps under another name.

use crate::by_name::ByName;
use sdk_shim::{ConfigErrors, Headers, Host, Level, MapKind, Path};

/// Each header, and the name under which it is kept.
pub(crate) struct OriginalHeaders(Vec<(String, String)>);

impl OriginalHeaders {
    pub(crate) fn new(config: &ByName<String>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let path = Path::root().field("original_headers");
        let is_name = |name: &str| {
            let is_token =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
            !name.is_empty() && name.bytes().all(is_token)
        };
        let mut kept = Vec::new();
        for (header, name) in config.iter() {
            let at = path.field(header);
            if !is_name(header) {
                errors.add(&at, format!("{header:?}"), "the name of a header, in lower case");
            }
            if !is_name(name) {
                errors.add(&at, format!("{name:?}"), "the name of a header, in lower case");
            } else if config.get(name).is_some() || kept.contains(&name) {
                errors.add(&at, format!("{name:?}"), "a name of its own");
            }
            kept.push(name);
        }
        let pairs = config.iter().map(|(header, name)| (header.to_owned(), name.clone()));
        errors.into_result(Self(pairs.collect()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The header that is kept under this name, if any is.
    pub(crate) fn original(&self, name: &[u8]) -> Option<&str> {
        let found = self.0.iter().find(|(_, kept)| kept.as_bytes() == name)?;
        Some(&found.0)
    }

    /// Takes the copies out: they are no business of the upstream.
    pub(crate) fn remove_copies(&self, headers: &Headers, host: &mut dyn Host) {
        for (_, name) in self.0.iter().filter(|(_, name)| headers.get(name).is_some()) {
            if let Err(error) = host.remove_header(MapKind::RequestHeaders, name) {
                host.log(Level::Warn, format_args!("{name} is not taken out: {error}"));
            }
        }
    }
}
