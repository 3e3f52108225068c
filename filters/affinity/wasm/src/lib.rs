//! The affinity filter.
