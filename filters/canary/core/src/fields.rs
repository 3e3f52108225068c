/// The names of the headers, cookies or query parameters that rules ask for, so that a request's are gone through once.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    by_name: Vec<(Box<[u8]>, FieldId)>,
    /// A bit for each length of a name, modulo 64: most names of a request are told apart by it.
    lengths: u64,
}

/// The place of a field's value among the values of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FieldId(pub(crate) usize);

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
        Fields { by_name: self.0, lengths }
    }
}

impl Fields {
    pub(crate) fn find(&self, name: &[u8]) -> Option<FieldId> {
        if self.lengths & length_bit(name) == 0 {
            return None;
        }
        find(&self.by_name, name).ok()
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

/// The field of this name, or where it belongs.
fn find(by_name: &[(Box<[u8]>, FieldId)], name: &[u8]) -> Result<FieldId, usize> {
    let at = by_name.partition_point(|(candidate, _)| candidate.as_ref() < name);
    match by_name.get(at) {
        Some((found, id)) if **found == *name => Ok(*id),
        _ => Err(at),
    }
}

fn length_bit(name: &[u8]) -> u64 {
    1 << (name.len() % 64)
}
