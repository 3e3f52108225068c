use crate::sorted;
use sdk_shim_http::Cidr;
use std::net::IpAddr;

/// Blocks of addresses, searched in time logarithmic in their number: as ranges, sorted, merged where they overlap.
#[derive(Debug, Default)]
pub(crate) struct CidrSet {
    v4: Vec<Range>,
    v6: Vec<Range>,
}

/// The first and the last address. Both families have the same type, so that the module has the code once.
type Range = (u128, u128);

impl CidrSet {
    pub(crate) fn new(blocks: impl IntoIterator<Item = Cidr>) -> Self {
        let mut set = Self::default();
        for block in blocks {
            let (first, bits, ranges) = match block.network() {
                IpAddr::V4(network) => (network.to_bits().into(), 32_u32, &mut set.v4),
                IpAddr::V6(network) => (network.to_bits(), 128, &mut set.v6),
            };
            let free = bits.saturating_sub(block.prefix_len().into());
            let count_minus_1 = u128::MAX.checked_shr(128_u32.saturating_sub(free)).unwrap_or(0);
            ranges.push((first, first | count_minus_1));
        }
        set.v4 = merge(set.v4);
        set.v6 = merge(set.v6);
        set
    }

    /// Whether one of the blocks contains `address`. An IPv4 address that is mapped into IPv6 counts as the IPv4 address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let (ranges, address) = match address.to_canonical() {
            IpAddr::V4(address) => (&self.v4, address.to_bits().into()),
            IpAddr::V6(address) => (&self.v6, address.to_bits()),
        };
        let end = ranges.partition_point(|(first, _)| *first <= address);
        end.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| address <= *last)
    }
}

fn merge(ranges: Vec<Range>) -> Vec<Range> {
    let mut ranges = sorted::sort(ranges);
    ranges.dedup_by(|next, before| {
        let overlap = next.0 <= before.1;
        if overlap {
            before.1 = before.1.max(next.1);
        }
        overlap
    });
    ranges
}
