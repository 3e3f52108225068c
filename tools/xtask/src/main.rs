//! Repository chores that make calls.
fn main() {}
