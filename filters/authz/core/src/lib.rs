//! The decisions of the authz filter, without a host.
