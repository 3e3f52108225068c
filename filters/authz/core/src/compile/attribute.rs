use super::{Compiler, is_header_name};
use crate::claims::bracketed_names;
use crate::metadata::Metadata;
use sdk_shim_config::Path;

/// What a list of values is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Attribute {
    Host,
    Method,
    Path,
    Header(String),
    Consumer,
    Groups,
    PeerIp,
    RemoteIp,
    LocalIp,
    LocalPort,
    Principal,
    Namespace,
    ServiceAccount,
    TrustDomain,
    ServerName,
    RequestPrincipal,
    Claim(Vec<String>),
    /// A filter and a key of its dynamic metadata.
    Metadata(String, String),
}

impl Compiler<'_> {
    /// The attribute that the key of a condition names.
    pub(super) fn attribute(&mut self, key: &str, path: &Path) -> Option<Attribute> {
        Some(match key {
            "source.ip" => Attribute::PeerIp,
            "remote.ip" => Attribute::RemoteIp,
            "source.namespace" => Attribute::Namespace,
            "source.principal" => Attribute::Principal,
            "source.serviceAccount" => Attribute::ServiceAccount,
            "source.trustDomain" => Attribute::TrustDomain,
            "destination.ip" => Attribute::LocalIp,
            "destination.port" => Attribute::LocalPort,
            "connection.sni" => Attribute::ServerName,
            "portcullis.consumer" => {
                if self.known.consumers.is_empty() {
                    self.errors.add(
                        path,
                        key.to_owned(),
                        "another attribute, as no credentials are configured",
                    );
                }
                Attribute::Consumer
            }
            "portcullis.groups" => {
                if self.known.groups.is_empty() {
                    self.errors.add(
                        path,
                        key.to_owned(),
                        "another attribute, as none of `consumers` has groups",
                    );
                }
                Attribute::Groups
            }
            "request.auth.principal" => {
                self.check_tokens(key, path);
                Attribute::RequestPrincipal
            }
            "request.auth.audiences" => {
                self.check_tokens(key, path);
                Attribute::Claim(vec!["aud".to_owned()])
            }
            "request.auth.presenter" => {
                self.check_tokens(key, path);
                Attribute::Claim(vec!["azp".to_owned()])
            }
            _ if key.starts_with("request.auth.claims") => {
                self.check_tokens(key, path);
                let names = key.strip_prefix("request.auth.claims").and_then(bracketed_names);
                if names.is_none() {
                    let expected = "request.auth.claims[name], or [name][name] for a claim within another";
                    self.errors.add(path, format!("`{key}`"), expected);
                }
                return names.map(Attribute::Claim);
            }
            _ if key.starts_with("experimental.envoy.filters.") => {
                let names = Metadata::parse_key(key);
                if names.is_none() {
                    self.errors.add(path, format!("`{key}`"), "experimental.envoy.filters.name[key]");
                }
                return names.map(|(filter, key)| Attribute::Metadata(filter, key));
            }
            _ if key.starts_with("request.headers") => return self.header(key, path),
            _ => {
                let expected = "request.headers[name], request.auth.principal, request.auth.audiences, \
                    request.auth.presenter, request.auth.claims[name], source.ip, remote.ip, \
                    source.namespace, source.principal, source.serviceAccount, source.trustDomain, \
                    destination.ip, destination.port, connection.sni, \
                    experimental.envoy.filters.name[key], portcullis.consumer or portcullis.groups";
                self.errors.add(path, format!("`{key}`"), expected);
                return None;
            }
        })
    }

    fn header(&mut self, key: &str, path: &Path) -> Option<Attribute> {
        let name = key.strip_prefix("request.headers[").and_then(|rest| rest.strip_suffix(']'));
        let name = name
            .map(str::to_ascii_lowercase)
            .filter(|name| is_header_name(name.strip_prefix(':').unwrap_or(name)));
        match name.as_deref() {
            None => {
                self.errors.add(path, format!("`{key}`"), "request.headers[name] with the name of a header");
                None
            }
            // Envoy keeps the Host header as `:authority`.
            Some("host") => Some(Attribute::Header(":authority".to_owned())),
            Some(name) => Some(Attribute::Header(name.to_owned())),
        }
    }

    /// Without rules for tokens no request has a principal: such a condition would never hold, or always.
    pub(super) fn check_tokens(&mut self, found: &str, path: &Path) {
        if !self.known.has_tokens {
            self.errors.add(
                path,
                found.to_owned(),
                "another field, as request_authentication is not configured",
            );
        }
    }
}
