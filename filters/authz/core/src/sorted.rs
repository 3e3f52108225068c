//! Lists in order. The standard library's sort is five kilobytes of code for each type, and a tree three.

use std::collections::BinaryHeap;

/// Adds an item to a sorted list that has each once. Takes a time linear in the length.
pub(crate) fn insert<T: Ord>(list: &mut Vec<T>, item: T) {
    if let Err(at) = list.binary_search(&item) {
        list.insert(at, item);
    }
}

/// The items in order.
pub(crate) fn sort<T: Ord>(items: Vec<T>) -> Vec<T> {
    BinaryHeap::from(items).into_sorted_vec()
}

/// Different texts, numbered in the order in which they came, and found without a scan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    texts: Vec<Box<str>>,
    /// The numbers in the order of their texts.
    order: Vec<u32>,
}

impl Names {
    /// Adds a text. `Err` has the number of the one that is there already.
    pub(crate) fn insert(&mut self, text: &str) -> Result<usize, usize> {
        let at = match self.search(text) {
            Ok(at) => return Err(self.order.get(at).map_or(0, |number| *number as usize)),
            Err(at) => at,
        };
        let number = self.texts.len();
        // There is less memory than that.
        self.order.insert(at, u32::try_from(number).unwrap_or(u32::MAX));
        self.texts.push(text.into());
        Ok(number)
    }

    /// The number of a text.
    pub(crate) fn position(&self, text: &str) -> Option<usize> {
        let number = self.order.get(self.search(text).ok()?)?;
        Some(*number as usize)
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.search(text).is_ok()
    }

    pub(crate) fn get(&self, number: usize) -> Option<&str> {
        self.texts.get(number).map(|text| &**text)
    }

    /// All of them, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.texts.iter().map(|text| &**text)
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    fn search(&self, text: &str) -> Result<usize, usize> {
        self.order.binary_search_by(|number| self.get(*number as usize).unwrap_or_default().cmp(text))
    }
}

impl<'a> Extend<&'a str> for Names {
    fn extend<I: IntoIterator<Item = &'a str>>(&mut self, texts: I) {
        for text in texts {
            let _ = self.insert(text);
        }
    }
}

/// Values by name.
#[derive(Debug)]
pub(crate) struct Map<V> {
    names: Names,
    values: Vec<V>,
}

impl<V> Default for Map<V> {
    fn default() -> Self {
        Self { names: Names::default(), values: Vec::new() }
    }
}

impl<V> Map<V> {
    /// Whether the name is new. If not, the value that is there stays.
    pub(crate) fn insert(&mut self, name: &str, value: V) -> bool {
        let is_new = self.names.insert(name).is_ok();
        if is_new {
            self.values.push(value);
        }
        is_new
    }

    pub(crate) fn get(&self, name: &str) -> Option<(&str, &V)> {
        let number = self.names.position(name)?;
        Some((self.names.get(number)?, self.values.get(number)?))
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn values(&self) -> &[V] {
        &self.values
    }
}
