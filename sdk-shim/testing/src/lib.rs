//! A test host and a scenario driver for filters written on sdk-shim.
