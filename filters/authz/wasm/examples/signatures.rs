//! Verifies tokens that stand in requests, with both back ends: for the conformance suites of signatures, whose payloads are no
//! claims. A request has a key set in `x-jwks` and a token in `x-token`, both in base64url; the answer says what the module's
//! own code and what the host makes of it.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_authz_core::jwt::{Algorithm, Jwks, Key, Software, Token, Verifier};
use sdk_shim::{ConfigErrors, Filter, Flow, Host, MapKind, Reply, Setup, SignatureHash, export_filter};

/// Answers what signatures are good for.
pub struct Signatures;

/// Nothing.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

/// As the filter's own: by the host where it can.
struct ByHost<'a> {
    host: &'a mut dyn Host,
    asked: bool,
}

impl Verifier for ByHost<'_> {
    fn verify(&mut self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let Some(check) = key.host_check(algorithm, signature) else {
            return key.verify(algorithm, message, signature);
        };
        let hash = match check.hash_bits {
            256 => SignatureHash::Sha256,
            384 => SignatureHash::Sha384,
            _ => SignatureHash::Sha512,
        };
        self.asked = true;
        self.host
            .verify_signature(hash, check.public_key, &check.signature, message)
            .is_ok_and(|verified| verified)
    }
}

impl Filter for Signatures {
    const NAME: &'static str = "signatures";
    type Config = Config;
    type Request = ();

    fn new(_: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        Ok(Self)
    }

    fn request_headers(&self, (): &mut (), host: &mut dyn Host) -> Flow {
        let mut decoded = |name| {
            let value = host.header(MapKind::RequestHeaders, name).unwrap_or_default();
            URL_SAFE_NO_PAD.decode(value).unwrap_or_default()
        };
        let (jwks, token) = (decoded("x-jwks"), decoded("x-token"));
        let jwks = match Jwks::parse(&jwks) {
            Ok(jwks) => jwks,
            Err(error) => return answer(&format!("refused: {error}")),
        };
        let signed = Token::parse(&token).and_then(|token| Ok((token.signature()?, token.signing_input)));
        let (signature, message) = match signed {
            Ok(signed) => signed,
            Err(error) => return answer(&format!("refused: {error}")),
        };
        let own = jwks.verify(&signature, message, &mut Software).is_ok();
        let mut verifier = ByHost { host, asked: false };
        let by_host = jwks.verify(&signature, message, &mut verifier).is_ok();
        answer(&format!("own: {own}, host: {by_host}, asked: {}", verifier.asked))
    }
}

fn answer(text: &str) -> Flow {
    Reply::new(200, "signatures").with_body(text).into()
}

export_filter!(Signatures);
