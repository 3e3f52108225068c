//! The authz filter in Envoy.
