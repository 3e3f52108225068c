//! The arguments and answers of the functions that Envoy offers by name: small protobuf messages.

/// The hash that a signature is made of.
///
/// ```
/// use sdk_shim::{Host, HostError, SignatureHash};
///
/// fn is_signed(host: &mut dyn Host, key: &[u8], signature: &[u8], text: &[u8]) -> Result<bool, HostError> {
///     host.verify_signature(SignatureHash::Sha256, key, signature, text)
/// }
/// # assert!(is_signed(&mut sdk_shim_testing::TestHost::new(), b"", b"", b"").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum SignatureHash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// How long filter state lives.
///
/// ```
/// use sdk_shim::{FilterStateLife, Host, HostError};
///
/// fn stick_to(host: &mut dyn Host, user: &[u8]) -> Result<(), HostError> {
///     host.set_envoy_filter_state("envoy.hashable_string", user, FilterStateLife::Request)
/// }
/// # assert!(stick_to(&mut sdk_shim_testing::TestHost::new(), b"a").is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterStateLife {
    /// As long as this pass through the filters.
    FilterChain,
    /// As long as the request, internal redirects among it.
    Request,
    /// As long as the client's connection.
    Connection,
}

/// Envoy `source/extensions/common/wasm/ext/verify_signature.proto`, `VerifySignatureArguments`.
pub(crate) fn verify_signature_arguments(
    hash: SignatureHash,
    public_key: &[u8],
    signature: &[u8],
    text: &[u8],
) -> Vec<u8> {
    let hash: &[u8] = match hash {
        SignatureHash::Sha1 => b"sha1",
        SignatureHash::Sha224 => b"sha224",
        SignatureHash::Sha256 => b"sha256",
        SignatureHash::Sha384 => b"sha384",
        SignatureHash::Sha512 => b"sha512",
    };
    let size = hash.len() + public_key.len() + signature.len() + text.len() + 24;
    [hash, public_key, signature, text].into_iter().zip(1..).fold(
        Vec::with_capacity(size),
        |mut message, (value, number)| {
            bytes_field(&mut message, number, value);
            message
        },
    )
}

/// Whether a `VerifySignatureResult` says yes: its field 1 (`result`) is true and it has no other. A refusal is a
/// success of the call, too: it comes with field 2 (`error`), or with nothing at all.
pub(crate) fn is_verified(answer: &[u8]) -> bool {
    answer == [0x08, 0x01]
}

/// Envoy `source/extensions/common/wasm/ext/set_envoy_filter_state.proto`, `SetEnvoyFilterStateArguments`.
pub(crate) fn filter_state_arguments(key: &str, value: &[u8], life: FilterStateLife) -> Vec<u8> {
    let mut message = Vec::with_capacity(key.len() + value.len() + 12);
    bytes_field(&mut message, 1, key.as_bytes());
    bytes_field(&mut message, 2, value);
    let life = match life {
        FilterStateLife::FilterChain => 0,
        FilterStateLife::Request => 1,
        FilterStateLife::Connection => 2,
    };
    message.extend([3 << 3, life]);
    message
}

/// Envoy's `GrpcService` (`config/core/v3/grpc_service.proto`) for a cluster: field 1 (`envoy_grpc`), in it field 1
/// (`cluster_name`). A bare name would do for Envoy too, unless it happens to parse as this message.
#[cfg(any(target_os = "wasi", test))]
pub(crate) fn grpc_service(cluster: &str) -> Vec<u8> {
    let (mut inner, mut message) = (Vec::new(), Vec::new());
    bytes_field(&mut inner, 1, cluster.as_bytes());
    bytes_field(&mut message, 1, &inner);
    message
}

/// A field of wire type 2: its tag, the length as a varint, the bytes.
fn bytes_field(message: &mut Vec<u8>, number: u8, value: &[u8]) {
    message.push(number << 3 | 2);
    let mut length = value.len();
    while length > 0x7f {
        message.push(length as u8 | 0x80);
        length >>= 7;
    }
    message.push(length as u8);
    message.extend_from_slice(value);
}
