//! `@within`: the input occurs in the argument; an empty input always does. Source: `within.cc`.

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    // Building a searcher for each input would take longer than the search.
    let Some((first, rest)) = input.split_first() else { return true };
    memchr::memchr_iter(*first, argument)
        .any(|at| argument.get(at + 1..).is_some_and(|tail| tail.starts_with(rest)))
}
