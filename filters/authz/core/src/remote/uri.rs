use crate::config::RemoteJwks;
use std::fmt;

/// Where something is fetched: a URI and the cluster for its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host's cluster.
    pub cluster: String,
    /// Host and port, as `:authority` has them.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// Why nothing can be fetched from a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriError {
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// Its host is absent or malformed, or stands behind a user.
    Host,
    /// It has a byte that no URI has, or is longer than 2,000 bytes.
    Character,
    /// No cluster is configured for its host.
    NoCluster,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "a URI that begins with http:// or https://",
            Self::Host => "a URI with a host, and no user before it",
            Self::Character => "a URI (RFC 3986) of at most 2,000 bytes",
            Self::NoCluster => "a host that remote_jwks has a cluster for (clusters, or cluster for all)",
        })
    }
}

impl Target {
    /// The target that a URI names. A fragment is cut off.
    pub(crate) fn new(uri: &str, clusters: &RemoteJwks) -> Result<Self, UriError> {
        const MAX_BYTES: usize = 2000;
        if uri.len() > MAX_BYTES || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UriError::Character);
        }
        let (port, rest) = match uri.split_once("://") {
            Some(("https", rest)) => ("443", rest),
            Some(("http", rest)) => ("80", rest),
            _ => return Err(UriError::Scheme),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, given)) if !given.ends_with(']') => (host, given),
            _ => (authority, port),
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) || port.parse::<u16>().is_err() {
            return Err(UriError::Host);
        }
        let cluster = clusters.clusters.get(authority).cloned();
        let for_others = || Some(clusters.cluster.as_ref()?.replace("{host}", host).replace("{port}", port));
        let cluster = cluster.or_else(for_others).ok_or(UriError::NoCluster)?;
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { cluster, authority: authority.to_owned(), path })
    }

    /// Where an issuer says where its keys are (OpenID Connect Discovery 1.0, 4.1).
    pub(crate) fn discovery(issuer: &str, clusters: &RemoteJwks) -> Result<Self, UriError> {
        let issuer = issuer.strip_suffix('/').unwrap_or(issuer);
        Self::new(&format!("{issuer}/.well-known/openid-configuration"), clusters)
    }
}
