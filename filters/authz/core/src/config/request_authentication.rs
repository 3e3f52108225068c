use super::Ignored;
use schemars::JsonSchema;
use sdk_shim_config::Secret;
use serde::Deserialize;

/// A `RequestAuthentication` without its Kubernetes wrapping.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestAuthentication {
    /// Names it for readers. Unique; letters, digits, `.`, `_`, `-` and `/`, at most 253 bytes.
    pub name: String,
    /// The `spec` of a `RequestAuthentication` (security.istio.io/v1).
    pub spec: RequestAuthenticationSpec,
}

/// The `spec` of Istio's `RequestAuthentication`. `selector`, `targetRef` and `targetRefs` are accepted, so that a `spec`
/// can be pasted as it is, and have no effect.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RequestAuthenticationSpec {
    /// Whose tokens are accepted, and where they stand. The rules of all entries together apply.
    pub jwt_rules: Vec<JwtRule>,
    /// Has no effect here.
    #[serde(default)]
    pub selector: Option<Ignored>,
    /// Has no effect here.
    #[serde(default)]
    pub target_ref: Option<Ignored>,
    /// Has no effect here.
    #[serde(default)]
    pub target_refs: Option<Ignored>,
}

/// The tokens of an issuer. A request without a token passes: have a policy ask for `requestPrincipals`. One with a token
/// that no rule accepts is answered 401, or 403 where it is for another audience.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct JwtRule {
    /// The `iss` of the tokens.
    pub issuer: String,
    /// The tokens must have one of these in `aud`, compared without `http://`, `https://` and a slash at the end, as Envoy
    /// does. Absent: any audience, or none.
    #[serde(default)]
    pub audiences: Option<Vec<String>>,
    /// The issuer's public keys, or shared secrets of at least 32 bytes: a JWKS (RFC 7517) as text, or `${NAME}`, an environment
    /// variable of the filter. At most 64 KiB and 100 keys. Keys that cannot be used are left out with a warning.
    #[serde(default)]
    pub jwks: Option<Secret>,
    /// Where the issuer's keys are fetched, `http` or `https`; the cluster for it stands in `remote_jwks`. Neither this nor
    /// `jwks`: the issuer is asked where its keys are (OpenID Connect Discovery 1.0, section 4).
    #[serde(default)]
    pub jwks_uri: Option<String>,
    /// Headers that carry a token. Where none of the three lists is given: `Authorization: Bearer`, and the parameter
    /// `access_token`.
    #[serde(default)]
    pub from_headers: Option<Vec<JwtHeader>>,
    /// Query parameters that carry a token.
    #[serde(default)]
    pub from_params: Option<Vec<String>>,
    /// Cookies that carry a token.
    #[serde(default)]
    pub from_cookies: Option<Vec<String>>,
    /// The header that tells the upstream the payload of a valid token, in base64url as it stood there. The client's own
    /// header of that name is always removed.
    #[serde(default)]
    pub output_payload_to_header: Option<String>,
    /// Headers that tell the upstream claims of a valid token. The client's own headers of these names are always removed.
    #[serde(default)]
    pub output_claim_to_headers: Option<Vec<ClaimToHeader>>,
    /// Whether a valid token goes on to the upstream. Default: false. One in a cookie always does, as in Envoy.
    #[serde(default)]
    pub forward_original_token: bool,
    /// Claims whose text policies take for a list, separated by blanks, beside `scope` and `permission`.
    #[serde(default)]
    pub space_delimited_claims: Option<Vec<String>>,
    /// How long a fetch of the keys may take: 1ms to 1m. Default: `5s`. A request waits for it a second longer.
    #[serde(default)]
    pub timeout: Option<String>,
}

/// A header that carries a token.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtHeader {
    /// The header's name.
    pub name: String,
    /// What stands before the token, with the blank behind it: `Bearer `. As in Envoy it may stand anywhere in the value; a
    /// value without it has no token.
    #[serde(default)]
    pub prefix: String,
}

/// A header that tells the upstream a claim.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimToHeader {
    /// The header's name.
    pub header: String,
    /// The claim's name; `.` leads into an object. Texts, numbers and booleans are told; without such a claim there is no
    /// header.
    pub claim: String,
}
