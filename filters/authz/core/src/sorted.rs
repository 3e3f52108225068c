//! Short lists in order. The standard library's sort is five kilobytes of code for each type, and a set not much less.

/// Adds an item to a sorted list that has each once. Takes a time linear in the length.
pub(crate) fn insert<T: Ord>(list: &mut Vec<T>, item: T) {
    if let Err(at) = list.binary_search(&item) {
        list.insert(at, item);
    }
}
