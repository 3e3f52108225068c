//! The affinity filter in Envoy.
