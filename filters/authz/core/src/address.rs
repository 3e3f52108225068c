use sdk_shim_http::Cidr;
use std::net::IpAddr;

/// Blocks of addresses, searched in time logarithmic in their number: as ranges, sorted, merged where they overlap.
#[derive(Debug, Default)]
pub(crate) struct CidrSet {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl CidrSet {
    pub(crate) fn new(blocks: impl IntoIterator<Item = Cidr>) -> Self {
        let mut set = Self::default();
        for block in blocks {
            let free = |bits: u8| u32::from(bits.saturating_sub(block.prefix_len()));
            match block.network() {
                IpAddr::V4(network) => {
                    let first = network.to_bits();
                    set.v4.push((first, first | !u32::MAX.checked_shl(free(32)).unwrap_or(0)));
                }
                IpAddr::V6(network) => {
                    let first = network.to_bits();
                    set.v6.push((first, first | !u128::MAX.checked_shl(free(128)).unwrap_or(0)));
                }
            }
        }
        set.v4 = merge(set.v4);
        set.v6 = merge(set.v6);
        set
    }

    /// Whether one of the blocks contains `address`. An IPv4 address that is mapped into IPv6 counts as the IPv4 address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => contains(&self.v4, address.to_bits()),
            IpAddr::V6(address) => contains(&self.v6, address.to_bits()),
        }
    }
}

fn merge<T: Copy + Ord>(mut ranges: Vec<(T, T)>) -> Vec<(T, T)> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

fn contains<T: Copy + Ord>(ranges: &[(T, T)], address: T) -> bool {
    let end = ranges.partition_point(|(first, _)| *first <= address);
    end.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| address <= *last)
}
