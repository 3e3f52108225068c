use super::Verified;
use crate::config::JwtRule;
use serde_json::{Map, Value};

/// The headers that tell the upstream about a valid token.
#[derive(Debug)]
pub(super) struct Outputs {
    payload: Option<String>,
    /// Header and claim.
    claims: Vec<(String, String)>,
}

impl Outputs {
    pub(super) fn new(rule: &JwtRule) -> Self {
        let claims = rule.output_claim_to_headers.iter().flatten();
        Self {
            payload: rule.output_payload_to_header.as_ref().map(|name| name.to_ascii_lowercase()),
            claims: claims.map(|one| (one.header.to_ascii_lowercase(), one.claim.clone())).collect(),
        }
    }

    /// The headers of a token: names and values.
    pub(super) fn values(&self, token: &Verified) -> Vec<(&str, Vec<u8>)> {
        let payload = self.payload.iter().map(|name| (name.as_str(), token.payload_base64url.to_vec()));
        let claims = self.claims.iter().filter_map(|(name, claim)| {
            let value = text(find(&token.claims.members, claim.split('.'))?)?;
            Some((name.as_str(), value.into_bytes()))
        });
        payload.chain(claims).collect()
    }
}

/// A claim by its path through objects.
pub(crate) fn find<'v, 'n>(
    members: &'v Map<String, Value>,
    mut path: impl Iterator<Item = &'n str>,
) -> Option<&'v Value> {
    let first = members.get(path.next()?)?;
    path.try_fold(first, |value, name| value.as_object()?.get(name))
}

/// As Envoy writes a claim into a header (`addJWTClaimToHeader` in its authenticator.cc): texts, whole numbers without a
/// fraction, others with six digits, booleans. An empty text, and one that no header can carry, is not told.
pub(crate) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()?) {
            (Some(whole), _) => whole.to_string(),
            (None, number) if number >= 0.0 && number.fract() == 0.0 && number < WHOLE_LIMIT => {
                format!("{number:.0}")
            }
            (None, number) => format!("{number:.6}"),
        },
        _ => return None,
    };
    let is_safe = |byte: u8| byte >= b' ' && byte != 0x7f;
    (!text.is_empty() && text.bytes().all(is_safe)).then_some(text)
}

/// 2^64.
const WHOLE_LIMIT: f64 = 18_446_744_073_709_551_616.0;
