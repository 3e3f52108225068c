//! The way in: the cookie is opened, and the host is told where the session belongs.

use crate::{AffinityFilter, Request};
use portcullis_affinity_core::{Mode, Session, Target};
use sdk_shim::{Headers, Host, HostError, Level, MapKind};
use std::borrow::Cow;

impl AffinityFilter {
    /// Opens the cookie, takes it out of the request, and tells the host its endpoint.
    pub(crate) fn pin(&self, request: &mut Request, host: &mut dyn Host) -> Result<(), HostError> {
        let config = self.affinity.config();
        // The map, because Envoy does not join the cookie headers of HTTP/1.1.
        let headers = host.headers(MapKind::RequestHeaders);
        // Each change has Envoy choose the route again: none where there is nothing to change.
        for name in [Some(&config.header), config.cluster_header.as_ref()].into_iter().flatten() {
            if headers.get(name).is_some() {
                host.remove_header(MapKind::RequestHeaders, name)?;
            }
        }
        if !headers.get(":path").is_some_and(|path| self.affinity.applies_to(path)) {
            return Ok(());
        }
        if self.affinity.ignores(&headers) {
            return self.edit_cookies(&headers, host);
        }
        request.applies = true;
        request.now = host.coarse_now();
        if let Some(property) = self.affinity.scope_property() {
            request.scope = host.property(property).unwrap_or_default();
        }
        request.session = self.affinity.open_in(&request.scope, headers.get_all(b"cookie"), request.now);
        request.https = headers.get(":scheme").is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"));
        request.rejects_same_site_none = self.affinity.rejects_same_site_none(headers.get("user-agent"));
        request.is_post = headers.get(":method") == Some(b"POST");
        self.edit_cookies(&headers, host)?;
        if let Session::Rejected(reason) = request.session {
            host.log(Level::Debug, format_args!("a cookie is not honoured: {}", reason.as_str()));
            if let Some((_, counter)) = self.rejected.iter().find(|(candidate, _)| *candidate == reason) {
                host.increment(*counter, 1);
            }
        }
        self.tell(request, host)
    }

    /// Names the session's endpoint and cluster to the host; in mode `hash` its key, a new one for a new session.
    fn tell(&self, request: &mut Request, host: &mut dyn Host) -> Result<(), HostError> {
        let config = self.affinity.config();
        let target = match (&request.session, config.mode) {
            (Session::Pinned(pin), _) => Some(pin.target()),
            (_, Mode::Hash) => {
                let mut key = [0; 16];
                host.random(&mut key)?;
                Some(Target::Key(key))
            }
            _ => None,
        };
        if let Some(Target::Key(key)) = target {
            request.key = Some(key);
        }
        if config.dry_run {
            return Ok(());
        }
        if let Some(target) = target {
            let value = self.affinity.header_value(&target);
            host.add_header(MapKind::RequestHeaders, &config.header, value.as_bytes())?;
        }
        if let (Session::Pinned(pin), Some(name)) = (&request.session, &config.cluster_header)
            && let Some(cluster) = self.affinity.cluster(pin)
        {
            host.add_header(MapKind::RequestHeaders, name, cluster.as_bytes())?;
        }
        Ok(())
    }

    /// Leaves the upstream the cookies that are for it.
    fn edit_cookies(&self, headers: &Headers, host: &mut dyn Host) -> Result<(), HostError> {
        let mut changes = false;
        let others: Vec<_> = headers
            .get_all(b"cookie")
            .map(|header| match self.affinity.for_upstream(header) {
                Some(others) => {
                    changes = true;
                    Cow::Owned(others)
                }
                None => Cow::Borrowed(header),
            })
            .filter(|others| !others.is_empty())
            .collect();
        if !changes {
            return Ok(());
        }
        match others.split_first() {
            None => host.remove_header(MapKind::RequestHeaders, "cookie"),
            Some((first, more)) => {
                host.set_header(MapKind::RequestHeaders, "cookie", first)?;
                more.iter().try_for_each(|other| host.add_header(MapKind::RequestHeaders, "cookie", other))
            }
        }
    }
}
