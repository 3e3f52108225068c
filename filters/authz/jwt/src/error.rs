use std::fmt;

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each has its text")]
pub enum TokenError {
    TooLarge,
    Format,
    HeaderBase64,
    HeaderJson,
    HeaderAlgorithm,
    HeaderAlgorithmUnknown,
    HeaderKid,
    HeaderCritical,
    PayloadBase64,
    PayloadJson,
    Issuer,
    Subject,
    IssuedAt,
    IssuedAtRange,
    NotBefore,
    NotBeforeRange,
    Expires,
    ExpiresRange,
    Id,
    Audience,
    SignatureBase64,
    NotYetValid,
    Expired,
    NoKey,
    NoKeySet,
    Ed25519Length,
    Signature,
}

impl TokenError {
    /// The text, which is Envoy's where Envoy knows the error (source/common/jwt/status.cc).
    pub fn text(self) -> &'static str {
        match self {
            Self::TooLarge => "Jwt is too large",
            Self::Format => "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
            Self::HeaderBase64 => "Jwt header is an invalid Base64url encoded",
            Self::HeaderJson => "Jwt header is an invalid JSON",
            Self::HeaderAlgorithm => "Jwt header [alg] field is required and must be a string",
            Self::HeaderAlgorithmUnknown => "Jwt header [alg] is not supported",
            Self::HeaderKid => "Jwt header [kid] field is not a string",
            Self::HeaderCritical => "Jwt header [crit] is not supported",
            Self::PayloadBase64 => "Jwt payload is an invalid Base64url encoded",
            Self::PayloadJson => "Jwt payload is an invalid JSON",
            Self::Issuer => "Jwt payload [iss] field is not a string",
            Self::Subject => "Jwt payload [sub] field is not a string",
            Self::IssuedAt => "Jwt payload [iat] field is not an integer",
            Self::IssuedAtRange => "Jwt payload [iat] field is not a positive 64 bit integer",
            Self::NotBefore => "Jwt payload [nbf] field is not an integer",
            Self::NotBeforeRange => "Jwt payload [nbf] field is not a positive 64 bit integer",
            Self::Expires => "Jwt payload [exp] field is not an integer",
            Self::ExpiresRange => "Jwt payload [exp] field is not a positive 64 bit integer",
            Self::Id => "Jwt payload [jti] field is not a string",
            Self::Audience => "Jwt payload [aud] field is not a string or string list",
            Self::SignatureBase64 => "Jwt signature is an invalid Base64url encoded",
            Self::NotYetValid => "Jwt not yet valid",
            Self::Expired => "Jwt is expired",
            Self::NoKey => "Jwks doesn't have key to match kid or alg from Jwt",
            Self::NoKeySet => "Jwks remote fetch is failed",
            Self::Ed25519Length => "Jwt ED25519 signature is wrong length",
            Self::Signature => "Jwt verification fails",
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for TokenError {}
