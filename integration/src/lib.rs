//! The integration harness: real Envoy, upstreams, clients.
