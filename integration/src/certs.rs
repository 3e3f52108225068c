//! A certificate authority for tests, with server certificates and client identities that carry SPIFFE names.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, both PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS #8.
    pub key: String,
}

impl Authority {
    /// A new authority with a new key.
    #[expect(clippy::new_without_default, reason = "Each is another one; a default would hide that.")]
    pub fn new() -> Self {
        let mut params = params("test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").pem();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Its own certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A server's certificate for these host names or IP addresses.
    pub fn server(&self, names: &[&str]) -> Identity {
        let names = names.iter().map(|name| match name.parse() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) => SanType::DnsName((*name).try_into().expect("a DNS name")),
        });
        self.sign("server", names.collect(), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate whose URI subject alternative names are these, in this order: `spiffe://cluster.local/ns/foo/sa/bar`.
    pub fn client(&self, uris: &[&str]) -> Identity {
        let uris = uris.iter().map(|uri| SanType::URI((*uri).try_into().expect("an ASCII URI")));
        self.sign("client", uris.collect(), ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A client's certificate with this URI and this DNS name.
    pub fn client_named(&self, uri: &str, dns: &str) -> Identity {
        let names = vec![
            SanType::URI(uri.try_into().expect("an ASCII URI")),
            SanType::DnsName(dns.try_into().expect("a DNS name")),
        ];
        self.sign("client", names, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, name: &str, san: Vec<SanType>, usage: ExtendedKeyUsagePurpose) -> Identity {
        let mut params = params(name);
        params.subject_alt_names = san;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Identity { certificate, key: key.serialize_pem() }
    }

    /// An Envoy `transport_socket` for a listener that serves `server` and, if `require_client`, lets in only clients whose
    /// certificate this authority has signed. Otherwise a client may present one.
    pub fn downstream(&self, server: &Identity, require_client: bool) -> Value {
        json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "require_client_certificate": require_client,
                "common_tls_context": {
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_certificates": [{
                        "certificate_chain": {"inline_string": server.certificate},
                        "private_key": {"inline_string": server.key},
                    }],
                    "validation_context": {"trusted_ca": {"inline_string": self.certificate}},
                },
            },
        })
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::OrganizationName, "Acme");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

pub(crate) fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().expect("PEM certificates")
}

pub(crate) fn key(pem: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).expect("a PEM key")
}
