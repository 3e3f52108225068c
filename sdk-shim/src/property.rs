/// The properties that filters want most, as Envoy names them ([attributes]). What the client's headers say
/// (`request.*`) is readable only while the request's headers are.
///
/// [attributes]: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes
///
/// ```
/// use sdk_shim::{Host, Property};
/// use sdk_shim_testing::TestHost;
///
/// let mut host = TestHost::new();
/// host.properties.insert("connection.uri_san_peer_certificate".into(), b"spiffe://td/ns/a/sa/b".into());
/// let host: &mut dyn Host = &mut host;
/// assert_eq!(host.text(Property::PeerUriSan).as_deref(), Some("spiffe://td/ns/a/sa/b"));
/// assert!(!host.flag(Property::ConnectionMtls));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// The client's address with port. It follows `x-forwarded-for` unless `use_remote_address` is on: then it is the
    /// socket's peer, or the address that trusted hops name.
    SourceAddress,
    /// The client's port: a number.
    SourcePort,
    /// The address that the client connected to, with port.
    DestinationAddress,
    /// The port that the client connected to: a number.
    DestinationPort,
    /// The connection's number in this Envoy: a number.
    ConnectionId,
    /// Whether the client showed a certificate: a flag. True for one that was not verified where the listener accepts
    /// untrusted ones.
    ConnectionMtls,
    /// The first URI SAN of the client's certificate.
    PeerUriSan,
    /// The first DNS SAN of the client's certificate.
    PeerDnsSan,
    /// The subject of the client's certificate, as RFC 2253 writes it. Envoy has an empty text for a client without one.
    PeerSubject,
    /// The SHA-256 of the client's certificate, in hex.
    PeerCertificateDigest,
    /// The TLS version of the connection; absent without TLS.
    TlsVersion,
    /// The server name that the client asked for (SNI).
    RequestedServerName,
    /// `HTTP/1.1`, `HTTP/2` and so on.
    RequestProtocol,
    /// `https` or `http`, as the client's connection and trusted proxies say.
    RequestScheme,
    /// The value of `x-request-id`.
    RequestId,
    /// What ended the response, as `%RESPONSE_CODE_DETAILS%` has it: `via_upstream` where the upstream answered.
    ResponseCodeDetails,
    /// The address of the endpoint that was chosen last, after retries the one that answered.
    UpstreamAddress,
    /// The port of that endpoint: a number.
    UpstreamPort,
    /// The route's name. As it was chosen last, not as it will be.
    RouteName,
    /// The virtual host's name, likewise.
    VirtualHostName,
    /// The cluster's name. As it was chosen last, not as it will be.
    ClusterName,
    /// The name of this filter in the host's configuration.
    PluginName,
    /// The `vm_id` that this filter runs under.
    VmId,
    /// The id of the node that the host is.
    NodeId,
}

impl Property {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::SourceAddress,
        Self::SourcePort,
        Self::DestinationAddress,
        Self::DestinationPort,
        Self::ConnectionId,
        Self::ConnectionMtls,
        Self::PeerUriSan,
        Self::PeerDnsSan,
        Self::PeerSubject,
        Self::PeerCertificateDigest,
        Self::TlsVersion,
        Self::RequestedServerName,
        Self::RequestProtocol,
        Self::RequestScheme,
        Self::RequestId,
        Self::ResponseCodeDetails,
        Self::UpstreamAddress,
        Self::UpstreamPort,
        Self::RouteName,
        Self::VirtualHostName,
        Self::ClusterName,
        Self::PluginName,
        Self::VmId,
        Self::NodeId,
    ];

    /// The path that [`Host::property`](crate::Host::property) takes.
    pub fn path(self) -> &'static [&'static str] {
        match self {
            Self::SourceAddress => &["source", "address"],
            Self::SourcePort => &["source", "port"],
            Self::DestinationAddress => &["destination", "address"],
            Self::DestinationPort => &["destination", "port"],
            Self::ConnectionId => &["connection", "id"],
            Self::ConnectionMtls => &["connection", "mtls"],
            Self::PeerUriSan => &["connection", "uri_san_peer_certificate"],
            Self::PeerDnsSan => &["connection", "dns_san_peer_certificate"],
            Self::PeerSubject => &["connection", "subject_peer_certificate"],
            Self::PeerCertificateDigest => &["connection", "sha256_peer_certificate_digest"],
            Self::TlsVersion => &["connection", "tls_version"],
            Self::RequestedServerName => &["connection", "requested_server_name"],
            Self::RequestProtocol => &["request", "protocol"],
            Self::RequestScheme => &["request", "scheme"],
            Self::RequestId => &["request", "id"],
            Self::ResponseCodeDetails => &["response", "code_details"],
            Self::UpstreamAddress => &["upstream", "address"],
            Self::UpstreamPort => &["upstream", "port"],
            Self::RouteName => &["xds", "route_name"],
            Self::VirtualHostName => &["xds", "virtual_host_name"],
            Self::ClusterName => &["xds", "cluster_name"],
            Self::PluginName => &["plugin_name"],
            Self::VmId => &["plugin_vm_id"],
            Self::NodeId => &["node", "id"],
        }
    }
}
