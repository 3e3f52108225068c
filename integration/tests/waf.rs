//! The waf filter in Envoy.
