use crate::TokenError;
use crate::json::object;
use serde_json::{Map, Value};

/// The most audiences that a token may have.
pub const MAX_AUDIENCES: usize = 256;

/// The claims of a token (RFC 7519 4), the registered ones with their types checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// `iss`; empty where it is absent.
    pub issuer: String,
    /// `sub`; empty where it is absent.
    pub subject: String,
    /// `aud`, also where it is a single text.
    pub audiences: Vec<String>,
    /// `nbf`, in seconds since 1970.
    pub not_before: u64,
    /// `exp`, in seconds since 1970; 0, as Envoy has it, where it is absent.
    pub expires: u64,
    /// All of them.
    pub members: Map<String, Value>,
}

impl Claims {
    /// Reads a payload.
    ///
    /// # Errors
    /// A payload that is no JSON object or has a member twice; a registered claim of a wrong type, in the order in which
    /// Envoy looks at them (source/common/jwt/jwt.cc).
    pub fn parse(payload: &[u8]) -> Result<Self, TokenError> {
        if payload.is_empty() {
            return Err(TokenError::Format);
        }
        let members = object(payload).ok_or(TokenError::PayloadJson)?;
        let issuer = text(&members, "iss", TokenError::Issuer)?;
        let subject = text(&members, "sub", TokenError::Subject)?;
        seconds(&members, "iat", TokenError::IssuedAt, TokenError::IssuedAtRange)?;
        let not_before = seconds(&members, "nbf", TokenError::NotBefore, TokenError::NotBeforeRange)?;
        let expires = seconds(&members, "exp", TokenError::Expires, TokenError::ExpiresRange)?;
        text(&members, "jti", TokenError::Id)?;
        let audiences = match members.get("aud") {
            None => Vec::new(),
            Some(Value::String(audience)) => vec![audience.clone()],
            Some(Value::Array(list)) if list.len() <= MAX_AUDIENCES => {
                let texts = list.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or(TokenError::Audience)?
            }
            Some(_) => return Err(TokenError::Audience),
        };
        Ok(Self { issuer, subject, audiences, not_before, expires, members })
    }

    /// Whether the token is valid at a time, in seconds since 1970, give or take `skew` seconds. Without `exp`, or with one
    /// of 0, it does not expire.
    ///
    /// # Errors
    /// [`TokenError::NotYetValid`], [`TokenError::Expired`].
    pub fn check_time(&self, now: u64, skew: u64) -> Result<(), TokenError> {
        if now.saturating_add(skew) < self.not_before {
            return Err(TokenError::NotYetValid);
        }
        if self.expires != 0 && now > self.expires.saturating_add(skew) {
            return Err(TokenError::Expired);
        }
        Ok(())
    }
}

fn text(members: &Map<String, Value>, name: &str, error: TokenError) -> Result<String, TokenError> {
    match members.get(name) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(error),
    }
}

/// A NumericDate (RFC 7519 2). A fraction is cut off, as Envoy does.
fn seconds(
    members: &Map<String, Value>,
    name: &str,
    wrong_type: TokenError,
    out_of_range: TokenError,
) -> Result<u64, TokenError> {
    let Some(value) = members.get(name) else { return Ok(0) };
    let number = value.as_f64().ok_or(wrong_type)?;
    // 2^64, which `u64::MAX` is rounded to.
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    if !(0.0..LIMIT).contains(&number) {
        return Err(out_of_range);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(value.as_u64().unwrap_or(number as u64))
}
