use crate::config::{InheritConfig, TrustConfig};
use crate::loading::Loading;
use crate::names;
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::Cidr;
use std::net::IpAddr;

const MAX_SOURCES: usize = 64;

/// Whose word counts.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    source_ips: Vec<Cidr>,
    principals: Vec<String>,
}

impl Trust {
    pub(crate) fn new(config: &TrustConfig, path: &Path, errors: &mut ConfigErrors) -> Self {
        for (name, list) in [("source_ips", &config.source_ips), ("principals", &config.principals)] {
            if list.len() > MAX_SOURCES {
                let found = format!("{} entries", list.len());
                errors.add(&path.field(name), found, format!("at most {MAX_SOURCES}"));
            }
        }
        for (index, principal) in config.principals.iter().enumerate() {
            if principal.is_empty() {
                let path = path.field("principals").index(index);
                errors.add(&path, "``", "a URI such as spiffe://cluster.local/ns/edge/sa/gateway");
            }
        }
        Self {
            source_ips: names::check_blocks(&config.source_ips, &path.field("source_ips"), errors),
            principals: config.principals.clone(),
        }
    }

    /// Whether nobody is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.source_ips.is_empty() && self.principals.is_empty()
    }

    pub(crate) fn has_addresses(&self) -> bool {
        !self.source_ips.is_empty()
    }

    pub(crate) fn has_principals(&self) -> bool {
        !self.principals.is_empty()
    }

    pub(crate) fn has_address(&self, address: IpAddr) -> bool {
        self.source_ips.iter().any(|block| block.contains(address.to_canonical()))
    }

    pub(crate) fn has_principal(&self, principal: &[u8]) -> bool {
        self.principals.iter().any(|trusted| trusted.as_bytes() == principal)
    }
}

/// Where a trusted source says how it decided.
#[derive(Debug)]
pub(crate) enum Inherit {
    Header(String),
    Baggage(String),
}

impl Inherit {
    pub(crate) fn new(config: &InheritConfig, path: &Path, is_trusting: bool, loading: &mut Loading) -> Self {
        let errors = &mut loading.errors;
        if !is_trusting {
            errors.add(path, "a value", "`trust` with a source beside `inherit`");
        }
        match config {
            InheritConfig::Header(name) => {
                Self::Header(names::check_header(name, &path.field("header"), errors))
            }
            InheritConfig::Baggage(key) => {
                names::check_token(key, &path.field("baggage"), "a baggage key: a token", errors);
                Self::Baggage(key.clone())
            }
        }
    }
}
