use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Reads an address as Envoy's properties have it: `192.0.2.1:443`, `[2001:db8::1]:443`, or without a port, which
/// then is 0.
///
/// ```
/// use sdk_shim_http::socket_address;
///
/// assert_eq!(socket_address(b"192.0.2.1:443").unwrap().port(), 443);
/// assert!(socket_address(b"envoy://internal").is_none());
/// ```
pub fn socket_address(bytes: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 0)))
}

/// A block of addresses in CIDR notation (RFC 4632), or a single address. Host bits are ignored, as Envoy does.
/// An IPv4 address that is mapped into IPv6 (`::ffff:192.0.2.1`) counts as the IPv4 address.
///
/// ```
/// use sdk_shim_http::Cidr;
///
/// let block: Cidr = "10.1.0.0/16".parse().unwrap();
/// assert!(block.contains("10.1.2.3".parse().unwrap()));
/// assert!(!block.contains("10.2.0.0".parse().unwrap()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    network: IpAddr,
    prefix_len: u8,
}

impl Cidr {
    /// Whether `address` is in this block. IPv4 and IPv6 blocks never contain each other's addresses.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()) & mask_v4(self.prefix_len) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()) & mask_v6(self.prefix_len) == 0
            }
            _ => false,
        }
    }

    /// The first address of the block.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// The number of leading bits that all addresses of the block share.
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }
}

impl FromStr for Cidr {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (address, prefix_len) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| AddressError::Address)?;
        let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
        let is_plain = |digits: &str| digits == "0" || !digits.starts_with(['0', '+']);
        let mut prefix_len: u8 = match prefix_len {
            Some(digits) if is_plain(digits) => digits.parse().map_err(|_| AddressError::PrefixLength)?,
            Some(_) => return Err(AddressError::PrefixLength),
            None => bits,
        };
        if prefix_len > bits {
            return Err(AddressError::PrefixLength);
        }
        let mut network = address.to_canonical();
        if address.is_ipv6() && network.is_ipv4() {
            match prefix_len.checked_sub(96) {
                Some(mapped) => prefix_len = mapped,
                None => network = address,
            }
        }
        let network = match network {
            IpAddr::V4(network) => IpAddr::V4((network.to_bits() & mask_v4(prefix_len)).into()),
            IpAddr::V6(network) => IpAddr::V6((network.to_bits() & mask_v6(prefix_len)).into()),
        };
        Ok(Self { network, prefix_len })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_len)
    }
}

/// Why a text is no [`Cidr`].
///
/// ```
/// use sdk_shim_http::{AddressError, Cidr};
///
/// assert_eq!("10.1.0.0/33".parse::<Cidr>(), Err(AddressError::PrefixLength));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// What stands before the slash is neither an IPv4 nor an IPv6 address.
    Address,
    /// The prefix length is no number from 0 to 32 (IPv4) or 128 (IPv6).
    PrefixLength,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "no IP address",
            Self::PrefixLength => "no prefix length from 0 to 32 (IPv4) or 128 (IPv6)",
        })
    }
}

impl std::error::Error for AddressError {}

fn mask_v4(prefix_len: u8) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(prefix_len.into())).unwrap_or(0)
}

fn mask_v6(prefix_len: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(prefix_len.into())).unwrap_or(0)
}
