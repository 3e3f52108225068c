use crate::json::{decode_base64url, object};
use crate::{Algorithm, TokenError};
use serde_json::Value;

/// The largest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 << 10;

/// A compact JWS, its header read and nothing verified yet.
#[derive(Clone, Debug)]
pub struct Token<'a> {
    /// The header's `alg`.
    pub algorithm: Algorithm,
    /// The header's `kid`.
    pub kid: Option<String>,
    /// The decoded payload.
    pub payload: Vec<u8>,
    /// The payload as it stands in the token.
    pub payload_base64url: &'a [u8],
    /// What is signed: header and payload as they stand in the token.
    pub signing_input: &'a [u8],
    signature_base64url: &'a [u8],
}

/// What a token's header says.
#[derive(Clone, Debug)]
pub struct Header {
    /// As it stands in the token.
    base64url: Box<[u8]>,
    algorithm: Algorithm,
    kid: Option<String>,
}

impl Header {
    fn parse(base64url: &[u8]) -> Result<Self, TokenError> {
        let header = decode_base64url(base64url).ok_or(TokenError::HeaderBase64)?;
        let header = object(&header).ok_or(TokenError::HeaderJson)?;
        let Some(Value::String(name)) = header.get("alg") else { return Err(TokenError::HeaderAlgorithm) };
        let algorithm = Algorithm::from_name(name).ok_or(TokenError::HeaderAlgorithmUnknown)?;
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(TokenError::HeaderKid),
        };
        if header.contains_key("crit") {
            return Err(TokenError::HeaderCritical);
        }
        Ok(Self { base64url: base64url.into(), algorithm, kid })
    }
}

/// What a token's signature is verified with, beside what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The header's `alg`.
    pub algorithm: Algorithm,
    /// The header's `kid`.
    pub kid: Option<String>,
    /// The decoded signature.
    pub bytes: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Reads a token up to its payload, which need not be JSON (RFC 7515 5.2, steps 1 to 6).
    ///
    /// # Errors
    /// What is malformed, larger than [`MAX_TOKEN_BYTES`], or has a `crit` member: no extension is understood here.
    pub fn parse(text: &'a [u8]) -> Result<Self, TokenError> {
        Self::parse_behind(&mut None, text)
    }

    /// As [`Token::parse`]. All tokens of a key have the same header: it is read again only where it is another one than `last`,
    /// that of the token before.
    ///
    /// # Errors
    /// As those of [`Token::parse`].
    pub fn parse_behind(last: &mut Option<Header>, text: &'a [u8]) -> Result<Self, TokenError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLarge);
        }
        let mut parts = text.split(|byte| *byte == b'.');
        let (Some(header), Some(payload_base64url), Some(signature_base64url), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Format);
        };
        // An empty payload can be signed (RFC 7515 5.1), if not be the claims of anybody.
        if header.is_empty() || signature_base64url.is_empty() {
            return Err(TokenError::Format);
        }
        let signing_input = text.get(..header.len() + 1 + payload_base64url.len()).unwrap_or_default();
        let known = last
            .take()
            .filter(|last| *last.base64url == *header)
            .map_or_else(|| Header::parse(header), Ok)?;
        let (algorithm, kid) = (known.algorithm, known.kid.clone());
        *last = Some(known);
        let payload = decode_base64url(payload_base64url).ok_or(TokenError::PayloadBase64)?;
        Ok(Self { algorithm, kid, payload, payload_base64url, signing_input, signature_base64url })
    }

    /// The signature.
    ///
    /// # Errors
    /// [`TokenError::SignatureBase64`].
    pub fn signature(&self) -> Result<Signature, TokenError> {
        let bytes = decode_base64url(self.signature_base64url).ok_or(TokenError::SignatureBase64)?;
        Ok(Signature { algorithm: self.algorithm, kid: self.kid.clone(), bytes })
    }
}
