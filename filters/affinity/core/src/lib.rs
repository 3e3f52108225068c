//! The decisions of the affinity filter, without a host.
