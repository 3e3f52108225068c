//! The compiled modules in another proxy-wasm host than Envoy, so that what they assume of a host shows: `make
//! test-second-host`. The tests are in `tests/`.
