//! The canary filter in Envoy.
