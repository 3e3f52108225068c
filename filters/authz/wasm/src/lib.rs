//! The authz filter.
