use crate::config::KeyConfig;
use crate::inputs::{CookieId, Inputs};
use crate::loading::Loading;
use crate::names;
use sdk_shim_config::Path;
use std::io::Write;

/// The most keys that one release may name.
pub const MAX_KEYS: usize = 8;

/// What tells users apart: the first of these sources that the request has.
#[derive(Debug)]
pub(crate) struct Keys {
    sources: Vec<Key>,
}

#[derive(Debug)]
enum Key {
    Header(String),
    Cookie(CookieId),
    SourceIp,
    Random,
}

impl Keys {
    pub(crate) fn new(config: &[KeyConfig], path: &Path, loading: &mut Loading) -> Self {
        let Loading { cookie_names, errors, .. } = loading;
        if config.len() > MAX_KEYS {
            errors.add(path, format!("{} keys", config.len()), format!("at most {MAX_KEYS}"));
        }
        let mut sources = Vec::with_capacity(config.len() + 2);
        for (index, key) in config.iter().enumerate() {
            let path = path.index(index);
            let is_last = index + 1 == config.len();
            match key {
                KeyConfig::Header(name) => {
                    let name = names::check_header(name, &path.field("header"), errors);
                    sources.push(Key::Header(name));
                }
                KeyConfig::Cookie(name) => {
                    names::check_cookie(name, &path.field("cookie"), errors);
                    sources.extend(cookie_names.find(name.as_bytes()).map(Key::Cookie));
                }
                KeyConfig::SourceIp => sources.push(Key::SourceIp),
                KeyConfig::Random if is_last => sources.push(Key::Random),
                KeyConfig::None if is_last => {}
                KeyConfig::Random => errors.add(&path, "`random`", "`random` only at the end of the list"),
                KeyConfig::None => errors.add(&path, "`none`", "`none` only at the end of the list"),
            }
        }
        if !matches!(config.last(), Some(KeyConfig::Random | KeyConfig::None)) {
            sources.extend([Key::SourceIp, Key::Random]);
        }
        Self { sources }
    }

    /// Whether every request has a key.
    pub(crate) fn never_fail(&self) -> bool {
        matches!(self.sources.last(), Some(Key::Random))
    }

    /// Calls `use_key` with the request's key; `None` where it has none.
    pub(crate) fn with<T>(&self, inputs: &mut Inputs<'_>, use_key: impl FnOnce(&[u8]) -> T) -> Option<T> {
        for source in &self.sources {
            match source {
                Key::Header(name) => {
                    if let Some(value) = inputs.header(name).filter(|value| !value.is_empty()) {
                        return Some(use_key(&value));
                    }
                }
                Key::Cookie(id) => {
                    if let Some(value) = inputs.cookie(*id).filter(|value| !value.is_empty()) {
                        return Some(use_key(value));
                    }
                }
                Key::SourceIp => {
                    if let Some(address) = inputs.source_ip() {
                        // The text, so that others can compute the same: at most 39 bytes, IPv4 in IPv6 as IPv4.
                        let mut text = [0; 48];
                        let mut rest = text.as_mut_slice();
                        let _fits = write!(rest, "{}", address.to_canonical());
                        let unused = rest.len();
                        let used = text.len() - unused;
                        return Some(use_key(text.get(..used).unwrap_or_default()));
                    }
                }
                Key::Random => return Some(use_key(&inputs.random().to_le_bytes())),
            }
        }
        None
    }
}
