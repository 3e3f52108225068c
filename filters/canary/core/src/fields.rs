use smallvec::SmallVec;

/// The names of the headers, cookies or query parameters that rules ask for, so that a request's are gone through once.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    by_name: Vec<(Box<[u8]>, FieldId)>,
    /// A bit for each length of a name, modulo 64: most names of a request are told apart by it.
    lengths: u64,
    /// By hash, the places of the names from 1, or 0; of two names with the same hash one stands behind the other. Half of it
    /// is free, and its length a power of two.
    places: Box<[u16]>,
}

/// The place of a field's value among the values of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FieldId(pub(crate) usize);

/// What a request has of some fields, each once, in order of the fields.
pub(crate) struct Found<V>(SmallVec<[(FieldId, V); 8]>);

/// Fields in the making, in order of their names.
#[derive(Debug, Default)]
pub(crate) struct FieldNames(Vec<(Box<[u8]>, FieldId)>);

impl FieldNames {
    pub(crate) fn id(&mut self, name: &str) -> FieldId {
        self.id_of(name.as_bytes())
    }

    pub(crate) fn id_of(&mut self, name: &[u8]) -> FieldId {
        match find(&self.0, name) {
            Ok(id) => id,
            Err(at) => {
                let id = FieldId(self.0.len());
                self.0.insert(at, (name.into(), id));
                id
            }
        }
    }

    pub(crate) fn build(self) -> Fields {
        let lengths = self.0.iter().fold(0, |lengths, (name, _)| lengths | length_bit(name));
        let mut places = vec![0; (self.0.len() * 2).next_power_of_two()];
        for (place, (name, _)) in self.0.iter().enumerate() {
            let free = probes(name, places.len()).find(|at| places.get(*at) == Some(&0));
            if let Some(slot) = free.and_then(|at| places.get_mut(at)) {
                *slot = u16::try_from(place + 1).unwrap_or(0);
            }
        }
        Fields { by_name: self.0, lengths, places: places.into() }
    }
}

impl Fields {
    #[inline]
    pub(crate) fn find(&self, name: &[u8]) -> Option<FieldId> {
        if self.lengths & length_bit(name) == 0 { None } else { self.look_up(name) }
    }

    #[inline(never)]
    fn look_up(&self, name: &[u8]) -> Option<FieldId> {
        for at in probes(name, self.places.len()) {
            let place = usize::from(*self.places.get(at)?);
            match self.by_name.get(place.checked_sub(1)?)? {
                (found, id) if **found == *name => return Some(*id),
                _ => {}
            }
        }
        None
    }

    /// The names with their places. They were text.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, FieldId)> {
        self.by_name.iter().filter_map(|(name, id)| Some((std::str::from_utf8(name).ok()?, *id)))
    }

    /// The names, in order. They were text.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.iter().filter_map(|(name, _)| std::str::from_utf8(name).ok())
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }
}

impl<V> Found<V> {
    pub(crate) fn new() -> Self {
        Self(SmallVec::new())
    }

    pub(crate) fn get(&self, id: FieldId) -> Option<&V> {
        let at = self.place(id).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Keeps the first value of a field, and has `join` do with it and each further one what is to be done.
    pub(crate) fn add(&mut self, id: FieldId, value: V, join: impl FnOnce(&mut V, V)) {
        match self.place(id) {
            Ok(at) => {
                if let Some((_, known)) = self.0.get_mut(at) {
                    join(known, value);
                }
            }
            Err(at) => self.0.insert(at, (id, value)),
        }
    }

    /// The fields that the request has.
    pub(crate) fn ids(&self) -> impl Iterator<Item = FieldId> {
        self.0.iter().map(|(id, _)| *id)
    }

    fn place(&self, id: FieldId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&id, |(known, _)| *known)
    }
}

/// The field of this name, or where it belongs.
fn find(by_name: &[(Box<[u8]>, FieldId)], name: &[u8]) -> Result<FieldId, usize> {
    let at = by_name.partition_point(|(candidate, _)| candidate.as_ref() < name);
    match by_name.get(at) {
        Some((found, id)) if **found == *name => Ok(*id),
        _ => Err(at),
    }
}

/// Where a name may stand in a table of this length, a power of two, in the order of looking (FNV-1a, then linear probing).
fn probes(name: &[u8], length: usize) -> impl Iterator<Item = usize> + use<> {
    let hash =
        name.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (0..length).map(move |step| (hash as usize).wrapping_add(step) & length.wrapping_sub(1))
}

fn length_bit(name: &[u8]) -> u64 {
    1 << (name.len() % 64)
}
