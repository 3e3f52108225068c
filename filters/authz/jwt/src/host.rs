use crate::Algorithm;
use std::borrow::Cow;

/// A signature check in the form in which hosts with BoringSSL or OpenSSL take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCheck<'k> {
    /// The hash, in bits: 256, 384 or 512.
    pub hash_bits: u16,
    /// The key: a SubjectPublicKeyInfo (RFC 5280 4.1.2.7) in DER.
    pub public_key: &'k [u8],
    /// The signature: as it stands in the token for RSA, an `ECDSA-Sig-Value` (RFC 3279 2.2.3) in DER for ECDSA.
    pub signature: Cow<'k, [u8]>,
}

impl<'k> HostCheck<'k> {
    /// The check of a signature of the right length; `None` for algorithms that Envoy's `verify_signature` does not have: it
    /// takes the padding from the kind of the key, so PSS is none of them.
    pub(crate) fn new(algorithm: Algorithm, public_key: &'k [u8], signature: &'k [u8]) -> Option<Self> {
        use Algorithm::*;
        let (hash_bits, half) = match algorithm {
            RS256 => (256, None),
            RS384 => (384, None),
            RS512 => (512, None),
            ES256 => (256, Some(32)),
            ES384 => (384, Some(48)),
            ES512 => (512, Some(66)),
            _ => return None,
        };
        let signature = match half {
            None => Cow::Borrowed(signature),
            // RFC 7518 3.4: both numbers with all their bytes.
            Some(half) if signature.len() == 2 * half => {
                let (r, s) = signature.split_at_checked(half)?;
                Cow::Owned(sequence(&[integer(r), integer(s)]))
            }
            Some(_) => return None,
        };
        Some(Self { hash_bits, public_key, signature })
    }
}

/// `rsaEncryption` with its null parameters (RFC 3279 2.3.1).
const RSA: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// `id-ecPublicKey` with `secp256r1`, `secp384r1` and `secp521r1` (RFC 5480 2.1.1).
const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07,
];
const P384: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x22,
];
const P521: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x23,
];

/// The SubjectPublicKeyInfo of an RSA key.
pub(crate) fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    public_key(RSA, &sequence(&[integer(modulus), integer(exponent)]))
}

/// The SubjectPublicKeyInfo of an uncompressed point; empty for one of another length than those of the three curves.
pub(crate) fn ec_public_key(point: &[u8]) -> Vec<u8> {
    match point.len() {
        65 => public_key(P256, point),
        97 => public_key(P384, point),
        133 => public_key(P521, point),
        _ => Vec::new(),
    }
}

fn public_key(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    // A bit string without unused bits.
    let key = [&[0], key].concat();
    sequence(&[algorithm.to_vec(), value(0x03, &key)])
}

fn sequence(items: &[Vec<u8>]) -> Vec<u8> {
    value(0x30, &items.concat())
}

/// A number that is not negative, from its bytes, the highest first.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    // Without a zero before it, a first bit that is set would be the sign; zero itself has a byte.
    let needs_zero = digits.first().is_none_or(|byte| byte & 0x80 != 0);
    value(0x02, &[if needs_zero { &[0_u8][..] } else { &[] }, digits].concat())
}

/// A value with its tag and its length, of up to 65,535 bytes (X.690 8.1.3).
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}
