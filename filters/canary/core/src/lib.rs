//! The decisions of the canary filter, without a host.
