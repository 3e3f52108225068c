use crate::claims;
use crate::config::KeyConfig;
use crate::fields::FieldId;
use crate::inputs::Inputs;
use crate::loading::Loading;
use crate::names;
use crate::names::quote;
#[cfg(feature = "trace")]
use crate::trace;
use hash32::{Hasher as _, Murmur3Hasher};
use sdk_shim_config::Path;
use smallvec::SmallVec;
use std::hash::Hasher as _;

/// The most keys that one release may name.
pub const MAX_KEYS: usize = 8;

const MAX_SEED_BYTES: usize = 256;

/// What tells users apart: the first of these sources that the request has.
#[derive(Debug)]
pub(crate) struct Keys {
    sources: Vec<Key>,
    /// The same for the same sources.
    number: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Header(FieldId),
    Cookie(FieldId),
    /// The cookie that the filter issues.
    IdCookie(FieldId),
    Claim(FieldId),
    SourceIp,
    Random,
}

/// An id that the filter issues: 128 bits, as 22 letters of the base64url alphabet.
pub(crate) type Id = [u8; 22];

/// What draws are made by: the request, and the id that it was given where it had none.
pub(crate) struct Drawn<'i, 'a> {
    pub(crate) inputs: &'i mut Inputs<'a>,
    pub(crate) issued: Option<Id>,
    /// The key that was found last, and by which sources: most releases have the same.
    found: Option<(usize, SmallVec<[u8; 64]>)>,
}

impl<'i, 'a> Drawn<'i, 'a> {
    pub(crate) fn new(inputs: &'i mut Inputs<'a>) -> Self {
        Self { inputs, issued: None, found: None }
    }
}

impl Keys {
    pub(crate) fn new(config: &[KeyConfig], path: &Path, loading: &mut Loading) -> Self {
        if config.len() > MAX_KEYS {
            loading.errors.add(path, format!("{} keys", config.len()), format!("at most {MAX_KEYS}"));
        }
        let mut sources = Vec::with_capacity(config.len() + 2);
        for (index, key) in config.iter().enumerate() {
            let path = path.index(index);
            let is_last = index + 1 == config.len();
            let errors = &mut loading.errors;
            match key {
                KeyConfig::Header(name) => {
                    let name = names::check_header(name, &path.field("header"), errors);
                    sources.push(Key::Header(loading.headers.id(&name)));
                }
                KeyConfig::Cookie(name) => {
                    names::check_cookie(name, &path.field("cookie"), errors);
                    sources.push(Key::Cookie(loading.cookies.id(name)));
                }
                KeyConfig::IdCookie => match &loading.id_cookie {
                    Some(name) => sources.push(Key::IdCookie(loading.cookies.id(name))),
                    None => errors.add(&path, "`id_cookie`", "the top level's `id_cookie` beside it"),
                },
                KeyConfig::Claim(name) => {
                    sources.extend(claims::ask(name, &path.field("claim"), loading).map(Key::Claim));
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
        let known = loading.keys.iter().position(|known| *known == sources);
        let number = known.unwrap_or_else(|| {
            loading.keys.push(sources.clone());
            loading.keys.len() - 1
        });
        Self { sources, number }
    }

    /// Whether every request has a key.
    pub(crate) fn never_fail(&self) -> bool {
        self.sources.iter().any(|key| matches!(key, Key::Random | Key::IdCookie(_)))
    }

    /// Calls `use_key` with the request's key; `None` where it has none.
    fn with<T>(&self, drawn: &mut Drawn<'_, '_>, use_key: impl FnOnce(&[u8]) -> T) -> Option<T> {
        for source in &self.sources {
            match source {
                Key::Header(id) => {
                    if let Some(value) = drawn.inputs.header(*id).filter(|value| !value.is_empty()) {
                        #[cfg(feature = "trace")]
                        trace::key(source, drawn.inputs, value);
                        return Some(use_key(value));
                    }
                }
                Key::Cookie(id) => {
                    if let Some(value) = drawn.inputs.cookie(*id).filter(|value| !value.is_empty()) {
                        #[cfg(feature = "trace")]
                        trace::key(source, drawn.inputs, value);
                        return Some(use_key(value));
                    }
                }
                Key::Claim(id) => {
                    #[cfg(feature = "trace")]
                    if trace::is_heard()
                        && let Some(value) = drawn.inputs.claim(*id).filter(|value| !value.is_empty())
                    {
                        let value = value.to_vec();
                        trace::key(source, drawn.inputs, &value);
                    }
                    if let Some(value) = drawn.inputs.claim(*id).filter(|value| !value.is_empty()) {
                        return Some(use_key(value));
                    }
                }
                Key::IdCookie(id) => {
                    #[cfg(feature = "trace")]
                    {
                        let known = drawn.inputs.cookie(*id).filter(|value| is_id(value));
                        trace::key(source, drawn.inputs, known.unwrap_or(b"a new one"));
                    }
                    return Some(match drawn.inputs.cookie(*id).filter(|value| is_id(value)) {
                        Some(value) => use_key(value),
                        None => {
                            let inputs = &mut *drawn.inputs;
                            use_key(drawn.issued.get_or_insert_with(|| id_of(inputs.new_id())))
                        }
                    });
                }
                Key::SourceIp => {
                    #[cfg(feature = "trace")]
                    if trace::is_heard()
                        && let Some(text) = drawn.inputs.source_ip_text().map(<[u8]>::to_vec)
                    {
                        trace::key(source, drawn.inputs, &text);
                    }
                    if let Some(text) = drawn.inputs.source_ip_text() {
                        return Some(use_key(text));
                    }
                }
                Key::Random => {
                    #[cfg(feature = "trace")]
                    trace::key(source, drawn.inputs, b"");
                    return Some(use_key(&drawn.inputs.random().to_le_bytes()));
                }
            }
        }
        None
    }
}

/// A seed, and what tells users apart.
#[derive(Debug)]
pub(crate) struct Hasher {
    /// What has been hashed at load: the seed and a colon, as Unleash joins its group id and the user's id.
    seeded: Murmur3Hasher,
    pub(crate) keys: Keys,
}

impl Hasher {
    /// `seed` stands at `path.seed`, unless it is `default_seed`; the keys stand at `path.key`.
    pub(crate) fn new(
        seed: Option<&str>,
        default_seed: &str,
        keys: &[KeyConfig],
        path: &Path,
        loading: &mut Loading,
    ) -> Self {
        let keys = Keys::new(keys, &path.field("key"), loading);
        if let Some(seed) = seed.filter(|seed| !(1..=MAX_SEED_BYTES).contains(&seed.len())) {
            loading.errors.add(&path.field("seed"), quote(seed), format!("1 to {MAX_SEED_BYTES} bytes"));
        }
        let mut seeded = Murmur3Hasher::default();
        seeded.write(seed.unwrap_or(default_seed).as_bytes());
        seeded.write(b":");
        Self { seeded, keys }
    }

    /// `murmur3(seed:key)`; `None` where the request has no key.
    pub(crate) fn hash(&self, drawn: &mut Drawn<'_, '_>) -> Option<u32> {
        let hash = |key: &[u8]| {
            let mut hasher = self.seeded.clone();
            hasher.write(key);
            hasher.finish32()
        };
        // Tools are told for each release.
        if !cfg!(feature = "trace")
            && let Some((_, key)) = drawn.found.as_ref().filter(|(number, _)| *number == self.keys.number)
        {
            return Some(hash(key));
        }
        let key = self.keys.with(drawn, SmallVec::from_slice)?;
        let hash = hash(&key);
        drawn.found = Some((self.keys.number, key));
        Some(hash)
    }
}

/// Warns where the seed of what stands at `path` is another's: both then draw the same users, which is rarely meant.
pub(crate) fn note_seed(seed: &str, path: &Path, loading: &mut Loading) {
    if let Some((_, other)) = loading.seeds.iter().find(|(known, _)| known == seed) {
        let found = format!("{}, the seed of {other} too", quote(seed));
        let expected = "one of its own, unless both are to draw the same users";
        loading.warnings.add(&path.field("seed"), found, expected);
    }
    loading.seeds.push((seed.to_owned(), path.clone()));
}

/// Whether a cookie's value is an id as the filter issues them.
fn is_id(value: &[u8]) -> bool {
    value.len() == ID_BYTES
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

const ID_BYTES: usize = size_of::<Id>();

fn id_of(bits: u128) -> Id {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut id = [b'A'; ID_BYTES];
    let mut rest = bits;
    for letter in &mut id {
        *letter = LETTERS.get((rest % 64) as usize).copied().unwrap_or(b'A');
        rest /= 64;
    }
    id
}
