use crate::config::{AffinityConfig, AffinityOrder};
use crate::cookie::Cookie;
use crate::fields::FieldId;
use crate::inputs::Inputs;
use crate::loading::Loading;
use crate::set::ReleaseSet;
use crate::token::Tokens;
use crate::{MAX_RELEASES, Release};
use sdk_shim_config::Path;
use std::io::Write;

/// The cookie that keeps users on their version: who is in which release, and who was kept out of which. Its value is a
/// list of `release:bucket_version`, for being kept out with `-` before it, with `|` between them. Where overrides have to
/// be signed so has this: a point and a signature follow.
#[derive(Debug)]
pub(crate) struct Affinity {
    field: FieldId,
    pub(crate) cookie: Cookie,
    pub(crate) order: AffinityOrder,
    keeps_stable: bool,
    is_signed: bool,
}

/// What the signature is for, so that a token is none.
pub(crate) const PURPOSE: &[u8] = b"portcullis-canary-affinity:";

/// Browsers keep no longer cookie (RFC 6265 6.1).
const MAX_SIGNED_BYTES: usize = 4096;

/// Of which releases the user is, and of which not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pins {
    pub(crate) into: ReleaseSet,
    pub(crate) out_of: ReleaseSet,
}

/// What was read from the cookie.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pinned {
    pub(crate) pins: Pins,
    /// Whether the request has the cookie.
    is_there: bool,
    /// Whether it says more than counts: of releases that are over, or of other versions of them.
    is_stale: bool,
}

/// What becomes of the cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PinChange {
    #[default]
    None,
    Set(Pins),
    Remove,
}

impl Affinity {
    pub(crate) fn new(config: &AffinityConfig, path: &Path, loading: &mut Loading) -> Self {
        Self {
            field: loading.cookies.id(&config.cookie.name),
            cookie: Cookie::new(&config.cookie, &path.field("cookie"), &mut loading.errors),
            order: config.order,
            keeps_stable: config.stable,
            is_signed: loading.has_tokens,
        }
    }

    pub(crate) fn read(&self, releases: &[Release], tokens: &Tokens, inputs: &mut Inputs<'_>) -> Pinned {
        let Some(value) = inputs.cookie(self.field) else { return Pinned::default() };
        let mut pinned = Pinned { is_there: true, ..Pinned::default() };
        let Some(value) = self.verified(value, tokens) else { return Pinned { is_stale: true, ..pinned } };
        for (count, entry) in value.split(|byte| *byte == b'|').enumerate() {
            let (is_out, entry) = match entry {
                [b'-', rest @ ..] => (true, rest),
                _ => (false, entry),
            };
            let found = (count < MAX_RELEASES).then(|| find(entry, releases)).flatten();
            match found.filter(|release| release.is_alive(inputs)) {
                Some(release) if is_out => pinned.pins.out_of.insert(release.index()),
                Some(release) if release.is_sticky => pinned.pins.into.insert(release.index()),
                _ => pinned.is_stale = true,
            }
        }
        pinned
    }

    /// What becomes of the cookie after a decision for `taken` among the releases that concern the request.
    pub(crate) fn change(
        &self,
        pinned: &Pinned,
        taken: Option<&Release>,
        concerning: impl Iterator<Item = usize>,
    ) -> PinChange {
        let mut pins = pinned.pins;
        for index in concerning {
            match taken {
                Some(taken) if taken.index() == index && taken.is_sticky => {
                    pins.into.insert(index);
                    pins.out_of.remove(index);
                }
                Some(_) => pins.into.remove(index),
                None => {
                    pins.into.remove(index);
                    if self.keeps_stable {
                        pins.out_of.insert(index);
                    }
                }
            }
        }
        if pins == pinned.pins && !pinned.is_stale {
            PinChange::None
        } else if pins != Pins::default() {
            PinChange::Set(pins)
        } else if pinned.is_there {
            PinChange::Remove
        } else {
            PinChange::None
        }
    }

    /// The list in the cookie's value.
    fn verified<'a>(&self, value: &'a [u8], tokens: &Tokens) -> Option<&'a [u8]> {
        if !self.is_signed {
            return Some(value);
        }
        let at = value.iter().rposition(|byte| *byte == b'.')?;
        let (list, signature) = (value.get(..at)?, value.get(at + 1..)?);
        (list.len() <= MAX_SIGNED_BYTES && tokens.verify(PURPOSE, list, signature)).then_some(list)
    }

    /// The cookie's value.
    pub(crate) fn write(&self, pins: &Pins, releases: &[Release], tokens: &Tokens) -> Vec<u8> {
        let mut value = Vec::new();
        for release in releases {
            let sign = match release.index() {
                index if pins.into.contains(index) => "",
                index if pins.out_of.contains(index) => "-",
                _ => continue,
            };
            let separator = if value.is_empty() { "" } else { "|" };
            // Writing to memory does not fail.
            let _ = write!(value, "{separator}{sign}{}:{}", release.name(), release.bucket_version);
        }
        if self.is_signed {
            let signature = tokens.sign(PURPOSE, &value).unwrap_or_default();
            value.push(b'.');
            value.extend_from_slice(signature.as_bytes());
        }
        value
    }
}

impl Pinned {
    /// Whether the request has the cookie.
    pub(crate) fn is_there(&self) -> bool {
        self.is_there
    }
}

fn find<'a>(entry: &[u8], releases: &'a [Release]) -> Option<&'a Release> {
    let text = std::str::from_utf8(entry).ok()?;
    let (name, version) = text.rsplit_once(':')?;
    releases.iter().find(|release| {
        release.name() == name && version.parse::<u32>().is_ok_and(|it| it == release.bucket_version)
    })
}
