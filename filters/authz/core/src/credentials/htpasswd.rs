use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD};
use md5::Md5;
use sha_crypt::{Params, sha256_crypt, sha512_crypt};
use sha1::Sha1;
use sha2::Digest;
use std::fmt;
use subtle::ConstantTimeEq;

/// The highest cost of a bcrypt hash that is taken: each step more doubles the time of a verification, which holds up a worker
/// (12: some 0.4 s).
pub const MAX_BCRYPT_COST: u32 = 12;

/// The most rounds of a SHA-crypt hash that are taken, likewise.
pub const MAX_SHA_CRYPT_ROUNDS: u32 = 100_000;

/// A password as `htpasswd` and crypt(3) write it: `$2y$` (bcrypt, also `$2a$` and `$2b$`), `{SHA}`, `{SSHA}`, `$apr1$`,
/// `$1$`, `$5$`, `$6$`. What nginx takes beside these, plain text and DES, is refused.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum PasswordHash {
    Bcrypt {
        cost: u32,
        salt: [u8; 16],
        digest: Box<[u8]>,
    },
    /// SHA-1 of password and salt.
    Sha {
        salt: Box<[u8]>,
        digest: Box<[u8]>,
    },
    /// The magic stands before the salt: `$apr1$` or `$1$`.
    Md5 {
        magic: &'static str,
        salt: Box<str>,
        digest: Box<[u8]>,
    },
    Sha256 {
        rounds: u32,
        salt: Box<str>,
        digest: Box<[u8]>,
    },
    Sha512 {
        rounds: u32,
        salt: Box<str>,
        digest: Box<[u8]>,
    },
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl PasswordHash {
    /// Reads the part of a line behind the name. The error says what was expected, and never what stands there.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(rest) = text.strip_prefix("{SHA}") {
            let digest = STANDARD.decode(rest).ok().filter(|digest| digest.len() == 20).ok_or(BAD_SHA)?;
            return Ok(Self::Sha { salt: Box::default(), digest: digest.into() });
        }
        if let Some(rest) = text.strip_prefix("{SSHA}") {
            let bytes = STANDARD.decode(rest).map_err(|_| BAD_SHA)?;
            let (digest, salt) = bytes.split_at_checked(20).ok_or(BAD_SHA)?;
            return Ok(Self::Sha { salt: salt.into(), digest: digest.into() });
        }
        let fields: Vec<&str> = text.split('$').collect();
        match fields.as_slice() {
            ["", "2" | "2x", ..] => Err("a bcrypt hash of the kind 2a, 2b or 2y: older ones are flawed"),
            ["", "2a" | "2b" | "2y", cost, rest] => bcrypt_hash(cost, rest),
            ["", "apr1", salt, digest] => md5_hash("$apr1$", salt, digest),
            ["", "1", salt, digest] => md5_hash("$1$", salt, digest),
            ["", kind @ ("5" | "6"), salt, digest] => sha_crypt_hash(kind, DEFAULT_ROUNDS, salt, digest),
            ["", kind @ ("5" | "6"), rounds, salt, digest] => {
                let rounds = rounds.strip_prefix("rounds=").and_then(|rounds| rounds.parse().ok());
                let rounds = rounds.filter(|rounds| (MIN_ROUNDS..=MAX_SHA_CRYPT_ROUNDS).contains(rounds));
                sha_crypt_hash(kind, rounds.ok_or("1,000 to 100,000 rounds")?, salt, digest)
            }
            _ => Err("a hash that begins with $2y$, $2a$, $2b$, {SHA}, {SSHA}, $apr1$, $1$, $5$ or $6$"),
        }
    }

    /// What a verification costs, in rounds of bcrypt, 90 us each in Envoy's V8 (measured: 92 ms
    /// at cost 10, 3.4 ms for `$5$` and 3 ms for `$6$` with 5,000 rounds, 0.9 ms for `$1$`); 0 for what takes microseconds.
    pub(crate) fn work(&self) -> u32 {
        match self {
            Self::Sha { .. } => 0,
            Self::Md5 { .. } => 10,
            Self::Sha256 { rounds, .. } | Self::Sha512 { rounds, .. } => rounds / 50,
            Self::Bcrypt { cost, .. } => 1_u32.checked_shl(*cost).unwrap_or(u32::MAX),
        }
    }

    /// Whether this is the password. The digests are compared in constant time. As in crypt(3), bcrypt sees the first 72
    /// bytes of a password.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        let (computed, digest): (Vec<u8>, &[u8]) = match self {
            Self::Bcrypt { cost, salt, digest } => {
                // With the NUL at its end, as in C.
                let key: Vec<u8> = password.iter().copied().chain([0]).take(72).collect();
                let computed = bcrypt::bcrypt(*cost, *salt, &key);
                // The last byte is not stored.
                (computed.get(..23).unwrap_or_default().to_vec(), digest)
            }
            Self::Sha { salt, digest } => {
                (Sha1::new().chain_update(password).chain_update(salt).finalize().to_vec(), digest)
            }
            Self::Md5 { magic, salt, digest } => (md5_crypt(password, magic, salt.as_bytes()), digest),
            Self::Sha256 { rounds, salt, digest } => {
                (sha256_crypt(password, salt.as_bytes(), params(*rounds)).to_vec(), digest)
            }
            Self::Sha512 { rounds, salt, digest } => {
                (sha512_crypt(password, salt.as_bytes(), params(*rounds)).to_vec(), digest)
            }
        };
        computed.ct_eq(digest).into()
    }

    /// What tells this hash from others.
    pub(crate) fn digest(&self) -> &[u8] {
        match self {
            Self::Bcrypt { digest, .. }
            | Self::Sha { digest, .. }
            | Self::Md5 { digest, .. }
            | Self::Sha256 { digest, .. }
            | Self::Sha512 { digest, .. } => digest,
        }
    }
}

const BAD_SHA: &str = "base64 of a SHA-1 digest behind {SHA} or {SSHA}";
const DEFAULT_ROUNDS: u32 = 5000;
const MIN_ROUNDS: u32 = 1000;
const BCRYPT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));

fn params(rounds: u32) -> Params {
    Params::new(rounds).unwrap_or_default()
}

fn bcrypt_hash(cost: &str, rest: &str) -> Result<PasswordHash, &'static str> {
    const FORM: &str = "$2y$, a cost of two digits, and 53 characters behind it";
    let digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    let cost: u32 = cost.parse().ok().filter(|_| digits).ok_or(FORM)?;
    if !(4..=MAX_BCRYPT_COST).contains(&cost) {
        return Err("a cost from 4 to 12: a verification holds up a worker, and each step doubles its time");
    }
    let (salt, digest) = rest.split_at_checked(22).filter(|_| rest.len() == 53).ok_or(FORM)?;
    let decode = |text: &str| BCRYPT.decode(text).map_err(|_| FORM);
    let salt = decode(salt)?.try_into().map_err(|_| FORM)?;
    Ok(PasswordHash::Bcrypt { cost, salt, digest: decode(digest)?.into() })
}

fn md5_hash(magic: &'static str, salt: &str, digest: &str) -> Result<PasswordHash, &'static str> {
    if salt.len() > 8 || digest.len() != 22 {
        return Err("a salt of up to 8 characters and a digest of 22");
    }
    let digest = decode_crypt64(digest, &MD5_ORDER).ok_or("a digest of letters, digits, `.` and `/`")?;
    Ok(PasswordHash::Md5 { magic, salt: salt.into(), digest })
}

fn sha_crypt_hash(kind: &str, rounds: u32, salt: &str, digest: &str) -> Result<PasswordHash, &'static str> {
    const CHARACTERS: &str = "a digest of letters, digits, `.` and `/`";
    let (length, order) = if kind == "5" { (43, &SHA_256_ORDER[..]) } else { (86, &SHA_512_ORDER[..]) };
    if salt.len() > 16 || digest.len() != length {
        return Err("a salt of up to 16 characters, and a digest of 43 ($5$) or 86 ($6$)");
    }
    let digest = decode_crypt64(digest, order).ok_or(CHARACTERS)?;
    let salt = salt.into();
    Ok(match kind {
        "5" => PasswordHash::Sha256 { rounds, salt, digest },
        _ => PasswordHash::Sha512 { rounds, salt, digest },
    })
}

/// Where SHA-256-crypt puts the bytes of its digest.
const SHA_256_ORDER: [usize; 32] = [
    20, 10, 0, 11, 1, 21, 2, 22, 12, 23, 13, 3, 14, 4, 24, 5, 25, 15, 26, 16, 6, 17, 7, 27, 8, 28, 18, 29,
    19, 9, 30, 31,
];

/// Where SHA-512-crypt does.
const SHA_512_ORDER: [usize; 64] = [
    42, 21, 0, 1, 43, 22, 23, 2, 44, 45, 24, 3, 4, 46, 25, 26, 5, 47, 48, 27, 6, 7, 49, 28, 29, 8, 50, 51,
    30, 9, 10, 52, 31, 32, 11, 53, 54, 33, 12, 13, 55, 34, 35, 14, 56, 57, 36, 15, 16, 58, 37, 38, 17, 59,
    60, 39, 18, 19, 61, 40, 41, 20, 62, 63,
];

/// Where MD5-crypt puts the bytes of its digest.
const MD5_ORDER: [usize; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

/// The digest that crypt(3) writes in its own base64: groups of four characters, the lowest bits first. `order` says which
/// byte of the digest each byte of the text is.
fn decode_crypt64(text: &str, order: &[usize]) -> Option<Box<[u8]>> {
    const DIGITS: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = Vec::with_capacity(order.len());
    let (mut bits, mut count) = (0_u32, 0);
    for character in text.bytes() {
        let digit = DIGITS.iter().position(|digit| *digit == character)?;
        bits |= u32::try_from(digit).ok()? << count;
        count += 6;
        if count >= 8 {
            bytes.push(u8::try_from(bits & 0xff).ok()?);
            bits >>= 8;
            count -= 8;
        }
    }
    let mut digest = vec![0; order.len()].into_boxed_slice();
    for (at, byte) in order.iter().zip(bytes) {
        *digest.get_mut(*at)? = byte;
    }
    Some(digest)
}

/// The MD5-based crypt(3) of FreeBSD, and Apache's variant of it (apr_md5.c, `apr_md5_encode`).
fn md5_crypt(password: &[u8], magic: &str, salt: &[u8]) -> Vec<u8> {
    let inner = Md5::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    let mut context = Md5::new().chain_update(password).chain_update(magic).chain_update(salt);
    for chunk in password.chunks(16) {
        context.update(inner.get(..chunk.len()).unwrap_or_default());
    }
    let mut length = password.len();
    while length > 0 {
        context.update(if length & 1 == 1 { &[0][..] } else { password.get(..1).unwrap_or_default() });
        length >>= 1;
    }
    let mut digest = context.finalize();
    for round in 0..1000 {
        let mut context = Md5::new();
        let odd = round % 2 == 1;
        context.update(if odd { password } else { &digest });
        if round % 3 != 0 {
            context.update(salt);
        }
        if round % 7 != 0 {
            context.update(password);
        }
        context.update(if odd { &digest } else { password });
        digest = context.finalize();
    }
    digest.to_vec()
}
