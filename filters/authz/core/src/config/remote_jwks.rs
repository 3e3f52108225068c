use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// How key sets are fetched that stand behind a `jwksUri`, or behind an issuer that names none (OpenID Connect Discovery).
/// All workers of an Envoy share what one of them has fetched. Durations are texts such as `90s` or `10m`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RemoteJwks {
    /// The Envoy cluster for each host, written as in the URI: `issuer.example`, or `issuer.example:8443` with a port that is not
    /// the scheme's own. For `https` the cluster has to do TLS, and to verify the certificate.
    pub clusters: BTreeMap<String, String>,
    /// The cluster for all other hosts, `{host}` and `{port}` in it replaced: `outbound|{port}||{host}` in Istio. Default: none,
    /// and other hosts are refused.
    pub cluster: Option<String>,
    /// How long keys are fresh where the answer's `Cache-Control` does not say, at least 1s. Default: `10m`. What
    /// `Cache-Control` says counts from 1 minute, or this if it is shorter, to 1 day. They are fetched anew when nine tenths
    /// of that time are over.
    pub cache_duration: String,
    /// How long keys that are no longer fresh are still used while none can be fetched. Default: `24h`. After it tokens are
    /// refused.
    pub max_staleness: String,
    /// How long after a fetch a token with an unknown `kid` has the keys fetched again, at least 1s. Default: `30s`. Until
    /// then such a token is refused at once.
    pub unknown_kid_interval: String,
    /// How many requests of each worker may wait for keys at a time, a second longer than the rule's
    /// `timeout`: 0 to 100,000.
    /// Default: 1,000. Others are answered as if the keys could not be fetched.
    pub max_waiting: usize,
}

impl Default for RemoteJwks {
    fn default() -> Self {
        Self {
            clusters: BTreeMap::new(),
            cluster: None,
            cache_duration: "10m".to_owned(),
            max_staleness: "24h".to_owned(),
            unknown_kid_interval: "30s".to_owned(),
            max_waiting: 1000,
        }
    }
}
