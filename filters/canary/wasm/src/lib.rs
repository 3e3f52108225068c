//! The canary filter.
