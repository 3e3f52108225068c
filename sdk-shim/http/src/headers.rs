/// A header map, as it was when it was read: names in lower case (pseudo-headers with their colon), values as bytes,
/// in the order of the message, repeated headers repeated.
///
/// It keeps the host's serialised form as it came and goes through it, so that reading a map copies and allocates nothing.
///
/// ```
/// use sdk_shim_http::Headers;
///
/// let mut headers = Headers::from_iter([(":method", "GET"), ("x-tag", "a")]);
/// headers.push(b"x-tag", b"\xff");
/// assert_eq!(headers.get(":method"), Some(&b"GET"[..]));
/// assert_eq!(headers.get_all(b"x-tag").count(), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// The lengths of the names and values that came from the host, and these.
    data: Vec<u8>,
    /// Where the lengths end.
    lengths_end: usize,
    pushed: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Of a length.
const LENGTH_BYTES: usize = 4;

impl Headers {
    /// The map in a host's serialised form (proxy-wasm ABI 0.2.1, "Serialized map"): the number of pairs, the lengths
    /// of each name and value, then each of them with a NUL behind it, all numbers 32-bit little-endian.
    /// `None` where the lengths don't fit the data.
    pub fn from_serialized(data: Vec<u8>) -> Option<Self> {
        let Some((count, rest)) = data.split_first_chunk() else {
            return data.is_empty().then(Self::default);
        };
        let lengths_bytes = (u32::from_le_bytes(*count) as usize).checked_mul(2 * LENGTH_BYTES)?;
        let (lengths, pairs) = rest.split_at_checked(lengths_bytes)?;
        // Of so many 32-bit numbers as memory holds, which 64 bits do not overflow by.
        let needed: u64 = lengths.chunks_exact(LENGTH_BYTES).map(|length| number(length) as u64 + 1).sum();
        let lengths_end = LENGTH_BYTES + lengths_bytes;
        (needed <= pairs.len() as u64).then(|| Self { data, lengths_end, pushed: Vec::new() })
    }

    /// Adds a pair behind the others.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        self.pushed.push((name.to_vec(), value.to_vec()));
    }

    /// The first value of `name`, which is in lower case.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        self.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value)
    }

    /// All values of `name`, which is in lower case, in order.
    pub fn get_all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(candidate, _)| *candidate == name).map(|(_, value)| value)
    }

    /// The values of `name` joined with commas, as Envoy and Istio join repeated headers before they match them
    /// (RFC 9110 5.3). `None` where the header is absent.
    pub fn get_joined(&self, name: &[u8]) -> Option<std::borrow::Cow<'_, [u8]>> {
        let mut values = self.iter().filter(|(candidate, _)| *candidate == name).map(|(_, value)| value);
        let first = values.next()?;
        let Some(second) = values.next() else { return Some(first.into()) };
        let mut joined = first.to_vec();
        for value in std::iter::once(second).chain(values) {
            joined.push(b',');
            joined.extend_from_slice(value);
        }
        Some(joined.into())
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (lengths, mut rest) = self.data.split_at_checked(self.lengths_end).unwrap_or_default();
        let lengths = lengths.get(LENGTH_BYTES..).unwrap_or_default().chunks_exact(2 * LENGTH_BYTES);
        let serialized = lengths.map_while(move |lengths| {
            let (name, value) = lengths.split_at_checked(LENGTH_BYTES)?;
            let (name, behind) = rest.split_at_checked(number(name))?;
            let (value, behind) = behind.get(1..)?.split_at_checked(number(value))?;
            rest = behind.get(1..)?;
            Some((name, value))
        });
        serialized.chain(self.pushed.iter().map(|(name, value)| (name.as_slice(), value.as_slice())))
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.lengths_end / (2 * LENGTH_BYTES) + self.pushed.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn number(length: &[u8]) -> usize {
    length.try_into().map_or(0, u32::from_le_bytes) as usize
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::default();
        for (name, value) in pairs {
            headers.push(name.as_ref(), value.as_ref());
        }
        headers
    }
}
