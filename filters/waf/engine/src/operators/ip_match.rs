//! `@ipMatch`, `@ipMatchF`, `@ipMatchFromFile`, Coraza's `@ipMatchFromDataset`: addresses and networks, IPv4 and IPv6.
//!
//! Departures from ModSecurity (`ip_match.cc`, `msc_tree.cc`): a prefix length of 0 is a network of all addresses, not
//! an error; blanks around an entry are ignored; in files, empty lines and lines that start with `#` too.

use std::net::IpAddr;
use std::str::FromStr;

use super::OperatorError;
use portcullis_collections::sorted;

/// A set of networks, as sorted ranges that do not overlap.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Networks {
    /// Entries separated by commas.
    pub(super) fn from_list(list: &[u8]) -> Result<Self, OperatorError> {
        Self::new(&mut list.split(|&byte| byte == b','))
    }

    /// Entries separated by commas and line ends.
    #[inline(never)]
    pub(super) fn from_file(content: &[u8]) -> Result<Self, OperatorError> {
        let lines = content.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
        Self::new(&mut lines.flat_map(|line| line.split(|&byte| byte == b',')))
    }

    /// One entry each.
    pub(super) fn from_items(items: &[Vec<u8>]) -> Result<Self, OperatorError> {
        Self::new(&mut items.iter().map(Vec::as_slice))
    }

    /// Whether `input` is an address of one of the networks; what is no address is not.
    #[inline(never)]
    pub(super) fn matches(&self, input: &[u8]) -> bool {
        match parse(input) {
            Some(IpAddr::V4(address)) => contains(&self.v4, address.to_bits()),
            Some(IpAddr::V6(address)) => contains(&self.v6, address.to_bits()),
            None => false,
        }
    }

    #[inline(never)]
    fn new(entries: &mut dyn Iterator<Item = &[u8]>) -> Result<Self, OperatorError> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for entry in entries {
            let entry = entry.trim_ascii();
            let bad = || OperatorError::BadNetwork(String::from_utf8_lossy(entry).into_owned());
            let slash = crate::find::byte(b'/', entry);
            let (address, length) = entry.split_at_checked(slash.unwrap_or(entry.len())).ok_or_else(bad)?;
            let length: Option<u32> = match length {
                [b'/', digits @ ..] => Some(parse(digits).ok_or_else(bad)?),
                _ => None,
            };
            match parse(address).ok_or_else(bad)? {
                IpAddr::V4(address) => {
                    let hosts = u32::MAX.checked_shr(length.unwrap_or(32)).unwrap_or(0);
                    let bits = address.to_bits();
                    v4.push((bits & !hosts, bits | hosts));
                    length.is_none_or(|length| length <= 32)
                }
                IpAddr::V6(address) => {
                    let hosts = u128::MAX.checked_shr(length.unwrap_or(128)).unwrap_or(0);
                    let bits = address.to_bits();
                    v6.push((bits & !hosts, bits | hosts));
                    length.is_none_or(|length| length <= 128)
                }
            }
            .then_some(())
            .ok_or_else(bad)?;
        }
        Ok(Self { v4: merge(v4), v6: merge(v6) })
    }
}

fn parse<T: FromStr>(text: &[u8]) -> Option<T> {
    str::from_utf8(text).ok()?.parse().ok()
}

fn contains<T: Ord>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).and_then(|index| ranges.get(index)).is_some_and(|(_, last)| address <= *last)
}

fn merge<T: Ord + Copy>(ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    let mut merged: Vec<(T, T)> = Vec::new();
    for (first, last) in sorted(ranges) {
        match merged.last_mut() {
            Some((_, end)) if first <= *end => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    merged
}
