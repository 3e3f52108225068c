use schemars::JsonSchema;
use sdk_shim_config::Secret;
use serde::Deserialize;

/// Who is trusted: a client whose address or whose certificate is named. With neither, nobody is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustConfig {
    /// Addresses and blocks of addresses, compared with Envoy's `source.address`. It follows `x-forwarded-for` unless
    /// `use_remote_address` is on: without it, a client can claim any address. At most 64.
    #[serde(default)]
    pub source_ips: Vec<String>,
    /// First URI SANs of client certificates, such as `spiffe://cluster.local/ns/edge/sa/gateway`. The listener must
    /// verify certificates. At most 64.
    #[serde(default)]
    pub principals: Vec<String>,
}

/// Where a trusted source says how it decided. What names no release that is on is not heeded. A source that is not
/// trusted has this header, or baggage member, removed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InheritConfig {
    /// In this request header.
    Header(String),
    /// In the member with this key of the W3C `baggage` header.
    Baggage(String),
}

/// The keys of signed tokens: `<release>.<expiry>.<signature>`, where the expiry is in seconds since 1970 and the signature
/// is the unpadded base64url form of HMAC-SHA256 over `portcullis-canary:<release>.<expiry>`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// The keys, each at least 32 bytes, or `${NAME}` for an environment variable of the VM. A token that any of them
    /// signed is good, so that keys can be changed. From 1 to 8.
    pub keys: Vec<Secret>,
}
