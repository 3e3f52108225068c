use std::ops::Range;

/// A header map, as it was when it was read: names in lower case (pseudo-headers with their colon), values as bytes,
/// in the order of the message, repeated headers repeated.
///
/// It keeps the host's serialised form and ranges into it, so that reading a map costs two allocations.
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
    data: Vec<u8>,
    entries: Vec<(Range<u32>, Range<u32>)>,
}

impl Headers {
    /// The map in a host's serialised form (proxy-wasm ABI 0.2.1, "Serialized map"): the number of pairs, the lengths
    /// of each name and value, then each of them with a NUL behind it, all numbers 32-bit little-endian.
    /// `None` where the lengths don't fit the data.
    pub fn from_serialized(data: Vec<u8>) -> Option<Self> {
        if data.is_empty() {
            return Some(Self::default());
        }
        let number = |at: usize| -> Option<u32> {
            let bytes = data.get(at..at.checked_add(4)?)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let count = number(0)? as usize;
        let mut at = u32::try_from(count.checked_mul(8)?.checked_add(4)?).ok()?;
        // The lengths of all pairs stand before the pairs, so a false count is found before anything is reserved.
        if at as usize > data.len() {
            return None;
        }
        let mut entries = Vec::with_capacity(count);
        for index in 0..count {
            let name = at..at.checked_add(number(4 + index * 8)?)?;
            let value_start = name.end.checked_add(1)?;
            let value = value_start..value_start.checked_add(number(8 + index * 8)?)?;
            at = value.end.checked_add(1)?;
            entries.push((name, value));
        }
        (at as usize <= data.len()).then_some(Self { data, entries })
    }

    /// Adds a pair behind the others. A map that would pass 4 GiB stays as it is.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let (Ok(start), Ok(middle), Ok(end)) = (
            u32::try_from(self.data.len()),
            u32::try_from(self.data.len() + name.len()),
            u32::try_from(self.data.len() + name.len() + value.len()),
        ) else {
            return;
        };
        self.data.extend_from_slice(name);
        self.data.extend_from_slice(value);
        self.entries.push((start..middle, middle..end));
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
        self.entries.iter().map(|(name, value)| (self.slice(name), self.slice(value)))
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.data.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
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
