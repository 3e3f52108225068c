use crate::json::decode_base64url;
use crate::{Algorithm, HostCheck, TokenError, host};
use hmac::{Hmac, KeyInit, Mac};
use rsa::signature::Verifier as _;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, RsaPublicKey, pkcs1v15, pss};
use serde_json::{Map, Value};
use sha2::{Sha256, Sha384, Sha512};
use std::fmt;

/// The smallest RSA modulus, in bits (RFC 7518 3.3).
pub const MIN_RSA_BITS: u32 = 2048;

/// The shortest shared secret, that of HS256 (RFC 7518 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// A key that signatures are verified with.
#[derive(Clone)]
pub struct Key {
    /// The key's `kid`.
    pub kid: Option<String>,
    /// The key's `alg`: it is used with no other.
    pub algorithm: Option<Algorithm>,
    material: Material,
    /// In DER; empty where no host verifies with such a key.
    public_key: Box<[u8]>,
}

/// Verifies signatures: in software, or with a host's help.
pub trait Verifier {
    /// Whether `signature` is that of `message` by `key`. Whatever is used must give the answer of [`Key::verify`].
    fn verify(&mut self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool;
}

/// Verifies with [`Key::verify`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Software;

impl Verifier for Software {
    fn verify(&mut self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        key.verify(algorithm, message, signature)
    }
}

/// Why a key of a set cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// It is no object.
    NotAnObject,
    /// `kty` is absent or none of RSA, EC, OKP and oct.
    Type,
    /// `crv` is none of P-256, P-384, P-521 and Ed25519, or does not go with `kty`.
    Curve,
    /// `alg` is no signature algorithm, or does not go with `kty` and `crv`.
    Algorithm,
    /// `kid` is no text.
    Kid,
    /// `use` is not `sig`, or `key_ops` does not have `verify`.
    Purpose,
    /// The key itself is absent, malformed, too small, or no point of its curve.
    Value,
    /// The modulus has the form that a flawed generator makes (CVE-2017-15361).
    Roca,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnObject => "not an object",
            Self::Type => "kty is none of RSA, EC, OKP and oct",
            Self::Curve => "crv is none of P-256, P-384, P-521 (EC) and Ed25519 (OKP)",
            Self::Algorithm => "alg is no signature algorithm of this type of key",
            Self::Kid => "kid is not a string",
            Self::Purpose => "use is not sig, or key_ops is without verify",
            Self::Value => "the key is absent, malformed or too small",
            Self::Roca => "the modulus is of a flawed generator (CVE-2017-15361)",
        })
    }
}

impl std::error::Error for KeyError {}

#[derive(Clone)]
enum Material {
    Secret(Box<[u8]>),
    Rsa(Box<RsaPublicKey>),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl Key {
    /// Reads a member of `keys` (RFC 7517 4, RFC 7518 6, RFC 8037 2). Private parts are not looked at.
    ///
    /// # Errors
    /// Why the key cannot be used.
    pub fn parse(jwk: &Value) -> Result<Self, KeyError> {
        let jwk = jwk.as_object().ok_or(KeyError::NotAnObject)?;
        let kid = match jwk.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(KeyError::Kid),
        };
        if jwk.get("use").is_some_and(|purpose| purpose != "sig") {
            return Err(KeyError::Purpose);
        }
        if let Some(operations) = jwk.get("key_ops")
            && !operations.as_array().is_some_and(|list| list.iter().any(|operation| operation == "verify"))
        {
            return Err(KeyError::Purpose);
        }
        let (material, public_key) = Material::parse(jwk)?;
        let algorithm = match jwk.get("alg") {
            None => None,
            Some(Value::String(name)) => Some(Algorithm::from_name(name).ok_or(KeyError::Algorithm)?),
            Some(_) => return Err(KeyError::Algorithm),
        };
        let key = Self { kid, algorithm: None, material, public_key: public_key.into() };
        if algorithm.is_some_and(|algorithm| !key.suits(algorithm)) {
            return Err(KeyError::Algorithm);
        }
        Ok(Self { algorithm, ..key })
    }

    /// Whether the key may be used with an algorithm: its `alg`, or any of its type and curve where it names none. A secret
    /// is at least as long as the hash (RFC 7518 3.2).
    pub fn suits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::*;
        if self.algorithm.is_some_and(|own| own != algorithm) {
            return false;
        }
        match &self.material {
            Material::Secret(secret) => match algorithm {
                HS256 => secret.len() >= 32,
                HS384 => secret.len() >= 48,
                HS512 => secret.len() >= 64,
                _ => false,
            },
            Material::Rsa(_) => matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512),
            Material::P256(_) => algorithm == ES256,
            Material::P384(_) => algorithm == ES384,
            Material::P521(_) => algorithm == ES512,
            Material::Ed25519(_) => algorithm == EdDSA,
        }
    }

    /// Whether `signature` is that of `message` by this key. False where the key does not suit the algorithm.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.suits(algorithm) {
            return false;
        }
        match &self.material {
            Material::Secret(secret) => verify_hmac(secret, algorithm, message, signature),
            Material::Rsa(key) => verify_rsa(key, algorithm, message, signature),
            Material::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Material::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Material::P521(key) => p521::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            // Strict: no key and no commitment of small order, for which one signature fits many messages.
            Material::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }

    /// The check that [`Key::verify`] makes, for a host to make: `None` for what a host cannot, and for signatures of a wrong
    /// length, on which libraries differ.
    pub fn host_check<'k>(&'k self, algorithm: Algorithm, signature: &'k [u8]) -> Option<HostCheck<'k>> {
        let wrong_length = matches!(&self.material, Material::Rsa(key) if signature.len() != key.size());
        if !self.suits(algorithm) || self.public_key.is_empty() || wrong_length {
            return None;
        }
        HostCheck::new(algorithm, &self.public_key, signature)
    }

    /// Whether the key is a shared secret.
    pub fn is_secret(&self) -> bool {
        matches!(self.material, Material::Secret(_))
    }

    /// What is wrong with a signature that the key could verify, before it is.
    pub(crate) fn check_length(&self, signature: &[u8]) -> Result<(), TokenError> {
        match self.material {
            Material::Ed25519(_) if signature.len() != ed25519_dalek::SIGNATURE_LENGTH => {
                Err(TokenError::Ed25519Length)
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Key {
    /// Never shows a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

impl Material {
    /// The key, and its form in DER where a host could use it.
    fn parse(jwk: &Map<String, Value>) -> Result<(Self, Vec<u8>), KeyError> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| text(name).and_then(decode_base64url).ok_or(KeyError::Value);
        match text("kty").ok_or(KeyError::Type)? {
            "oct" => match bytes("k")? {
                secret if secret.len() < MIN_SECRET_BYTES => Err(KeyError::Value),
                secret => Ok((Self::Secret(secret.into()), Vec::new())),
            },
            "RSA" => {
                let (modulus, exponent) = (bytes("n")?, bytes("e")?);
                Ok((parse_rsa(&modulus, &exponent)?, host::rsa_public_key(&modulus, &exponent)))
            }
            "EC" => {
                // An uncompressed point (SEC 1, 2.3.3). The coordinates have the length of the field.
                let (curve, length) = match text("crv") {
                    Some("P-256") => (256, 32),
                    Some("P-384") => (384, 48),
                    Some("P-521") => (521, 66),
                    _ => return Err(KeyError::Curve),
                };
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != length || y.len() != length {
                    return Err(KeyError::Value);
                }
                let point = [&[4], x.as_slice(), &y].concat();
                let key = match curve {
                    256 => p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map(Self::P256),
                    384 => p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).map(Self::P384),
                    _ => p521::ecdsa::VerifyingKey::from_sec1_bytes(&point)
                        .map(|key| Self::P521(Box::new(key))),
                };
                Ok((key.map_err(|_| KeyError::Value)?, host::ec_public_key(&point)))
            }
            "OKP" => {
                if text("crv") != Some("Ed25519") {
                    return Err(KeyError::Curve);
                }
                let key = bytes("x")?.try_into().map_err(|_| KeyError::Value)?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Value)?;
                if key.is_weak() { Err(KeyError::Value) } else { Ok((Self::Ed25519(key), Vec::new())) }
            }
            _ => Err(KeyError::Type),
        }
    }
}

fn parse_rsa(modulus: &[u8], exponent: &[u8]) -> Result<Material, KeyError> {
    if modulus.len() > RsaPublicKey::MAX_SIZE / 8
        || exponent.len() > 8
        || exponent.last() == Some(&1) && exponent.len() == 1
    {
        return Err(KeyError::Value);
    }
    if is_roca(modulus) {
        return Err(KeyError::Roca);
    }
    let modulus = BoxedUint::from_be_slice_vartime(modulus);
    let exponent = BoxedUint::from_be_slice_vartime(exponent);
    let key = RsaPublicKey::new(modulus, exponent).map_err(|_| KeyError::Value)?;
    if key.n().bits() < MIN_RSA_BITS { Err(KeyError::Value) } else { Ok(Material::Rsa(Box::new(key))) }
}

/// Whether a modulus is in the group that 65537 generates, modulo each of the first primes: the fingerprint of keys whose
/// primes were made from powers of it (Nemec et al., The Return of Coppersmith's Attack, 2017).
fn is_roca(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
        103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.into_iter().all(|prime| {
        let rest = modulus.iter().fold(0_u32, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..prime).any(|_| {
            power = power * 65537 % prime;
            power == rest
        })
    })
}

fn verify_rsa(key: &RsaPublicKey, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    use Algorithm::*;
    macro_rules! verify {
        ($padding:ident, $hash:ty) => {
            $padding::Signature::try_from(signature).is_ok_and(|signature| {
                $padding::VerifyingKey::<$hash>::new(key.clone()).verify(message, &signature).is_ok()
            })
        };
    }
    // RFC 8017 8.1.2 and 8.2.2: exactly as long as the modulus.
    if signature.len() != key.size() {
        return false;
    }
    match algorithm {
        RS256 => verify!(pkcs1v15, Sha256),
        RS384 => verify!(pkcs1v15, Sha384),
        RS512 => verify!(pkcs1v15, Sha512),
        PS256 => verify!(pss, Sha256),
        PS384 => verify!(pss, Sha384),
        PS512 => verify!(pss, Sha512),
        _ => false,
    }
}

/// The comparison takes the same time wherever the texts differ.
fn verify_hmac(secret: &[u8], algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    macro_rules! verify {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(secret)
                .is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok())
        };
    }
    match algorithm {
        Algorithm::HS256 => verify!(Sha256),
        Algorithm::HS384 => verify!(Sha384),
        Algorithm::HS512 => verify!(Sha512),
        _ => false,
    }
}
