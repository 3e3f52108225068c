//! The waf filter.
