use crate::attributes::{Attributes, PeerAddress};
use crate::authentication::Identity;
use crate::credentials::Caller;
use sdk_shim_http::{Headers, split_target};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};

/// A request as the matchers see it.
pub(crate) struct Facts<'r> {
    pub(crate) headers: &'r Headers,
    /// Without query and fragment, otherwise as it came. `None` for CONNECT.
    pub(crate) path: Option<&'r [u8]>,
    pub(crate) method: Option<&'r [u8]>,
    /// In lower case.
    pub(crate) host: Option<&'r [u8]>,
    pub(crate) caller: Caller<'r>,
    /// Whose token the request carries.
    pub(crate) identity: Option<&'r Identity>,
    pub(crate) attributes: &'r mut dyn Attributes,
    peer_address: OnceCell<PeerAddress>,
    remote_address: OnceCell<Option<IpAddr>>,
    local_address: OnceCell<Option<SocketAddr>>,
    principal: OnceCell<Vec<u8>>,
    server_name: OnceCell<Vec<u8>>,
}

impl<'r> Facts<'r> {
    pub(crate) fn new(
        headers: &'r Headers,
        host: Option<&'r [u8]>,
        caller: Caller<'r>,
        identity: Option<&'r Identity>,
        attributes: &'r mut dyn Attributes,
    ) -> Self {
        Self {
            headers,
            path: headers.get(":path").map(|target| split_target(target).0),
            method: headers.get(":method"),
            host,
            caller,
            identity,
            attributes,
            peer_address: OnceCell::new(),
            remote_address: OnceCell::new(),
            local_address: OnceCell::new(),
            principal: OnceCell::new(),
            server_name: OnceCell::new(),
        }
    }

    /// In seconds since 1970.
    pub(crate) fn now(&mut self) -> u64 {
        self.attributes.now()
    }

    /// Asked each time: few policies test it, each another one.
    pub(crate) fn metadata(&mut self, filter: &str, key: &str) -> Option<Vec<u8>> {
        self.attributes.metadata(filter, key)
    }

    pub(crate) fn peer_address(&mut self) -> PeerAddress {
        *self.peer_address.get_or_init(|| self.attributes.peer_address())
    }

    pub(crate) fn remote_address(&mut self) -> Option<IpAddr> {
        *self.remote_address.get_or_init(|| self.attributes.remote_address())
    }

    pub(crate) fn local_address(&mut self) -> Option<SocketAddr> {
        *self.local_address.get_or_init(|| self.attributes.local_address())
    }

    /// Empty for none.
    pub(crate) fn principal(&mut self) -> &[u8] {
        self.principal.get_or_init(|| self.attributes.principal().unwrap_or_default())
    }

    /// Empty for none.
    pub(crate) fn server_name(&mut self) -> &[u8] {
        self.server_name.get_or_init(|| self.attributes.server_name().unwrap_or_default())
    }
}

/// The host of a request in lower case, as Envoy compares hosts with `ignore_case`.
pub(crate) fn host(headers: &Headers) -> Option<Cow<'_, [u8]>> {
    let host = headers.get(":authority")?;
    Some(if host.iter().any(u8::is_ascii_uppercase) { host.to_ascii_lowercase().into() } else { host.into() })
}
