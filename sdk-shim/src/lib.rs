//! An SDK for Envoy filters in WebAssembly: typed configuration, byte-only host calls, tests without Envoy.
