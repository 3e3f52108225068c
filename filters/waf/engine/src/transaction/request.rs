//! The request: what is fed before phases 1 and 2, and those phases. ModSecurity v3, `src/transaction.cc`.

use std::sync::Arc;

use base64::Engine as _;
use portcullis_seclang::ast::{LimitAction, Phase, VariableName};

use super::arguments::Origin;
use super::{Transaction, ValueId, debug};
use crate::intervention::{Cause, Intervention, InterventionKind};
use crate::plan::{ClientUse, Operation, Plan, RuleId};

/// The two ends of the connection. Addresses are text, without port and brackets: `192.0.2.1`, `2001:db8::1`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Connection<'a> {
    /// `REMOTE_ADDR` and `REMOTE_HOST`
    pub client_address: &'a [u8],
    /// `REMOTE_PORT`
    pub client_port: u16,
    /// `SERVER_ADDR`
    pub server_address: &'a [u8],
    /// `SERVER_PORT`
    pub server_port: u16,
}

impl Transaction {
    /// Whether rules ask for the server's address or port.
    pub fn wants_server_address(&self) -> bool {
        let sources = &self.plan.sources;
        sources.use_variable(VariableName::ServerAddr) || sources.use_variable(VariableName::ServerPort)
    }

    /// Whether rules may look at the client's address or port. To be asked when the head of the request has been fed, for the answer
    /// depends on it: the exceptions of the Core Rule Set for its own host are for requests that hardly any client sends.
    pub fn wants_client_address(&mut self) -> bool {
        let plan = Arc::clone(&self.plan);
        match &plan.client {
            ClientUse::Always => true,
            ClientUse::Where(links) => {
                self.recall(&plan);
                self.debugs(1) || links.iter().any(|(rule, link)| self.may_match(&plan, *rule, *link))
            }
        }
    }

    /// Whether a link matches any value.
    fn may_match(&mut self, plan: &Plan, rule: RuleId, link: usize) -> bool {
        let rule = plan.rules.get(rule as usize);
        let condition = rule.and_then(|rule| rule.links.get(link)).and_then(|link| link.condition.as_ref());
        let Some(condition) = condition else { return true };
        let Operation::Fixed(operator) = &condition.operation else { return true };
        for target in &condition.targets {
            let Some(group) = target.group else { return true };
            if condition.check.is_some_and(|check| !self.is_candidate(plan, group, check)) {
                continue;
            }
            for place in self.static_values(plan, target.source) {
                let Some(found) = self.static_value(place) else { break };
                let chain = plan.chains.get(condition.chain);
                let form = self.memory.values.transform(found.value, chain, &plan.prefilter);
                if !matches!(operator.try_evaluate(self.bytes(form), None), Ok(false)) {
                    return true;
                }
            }
        }
        false
    }

    /// Sets the addresses. Those that no rule asks for may be left out. Before phase 1, in any order with what else is fed.
    pub fn connection(&mut self, connection: Connection<'_>) {
        use VariableName as V;
        debug!(self, 4, "Transaction context created.");
        debug!(self, 4, "Starting phase CONNECTION. (SecRules 0)");
        let client = self.memory.values.push(connection.client_address);
        self.set_scalar(V::RemoteAddr, client);
        self.set_scalar(V::RemoteHost, client);
        self.set_number(V::RemotePort, usize::from(connection.client_port));
        self.set_bytes(V::ServerAddr, connection.server_address);
        self.set_number(V::ServerPort, usize::from(connection.server_port));
    }

    /// Sets `UNIQUE_ID`, such as Envoy's request id. Without it the engine makes one where a rule asks.
    pub fn unique_id(&mut self, id: &[u8]) {
        self.set_bytes(VariableName::UniqueId, id);
    }

    /// Sets method, target and protocol (`HTTP/1.1`), and what follows from the target: path, query and its arguments.
    ///
    /// The query is split off before the path is decoded: `%3F` is no question mark (CVE-2024-1019). A fragment, which
    /// no client should send, is in `REQUEST_URI_RAW` and `REQUEST_URI` only.
    pub fn request_line(&mut self, method: &[u8], uri: &[u8], protocol: &[u8]) {
        use VariableName as V;
        debug!(self, 4, "Starting phase URI. (SecRules 0 + 1/2)");
        let line = self.memory.values.push_all(&[method, b" ", uri, b" ", protocol]);
        self.set_scalar(V::RequestLine, line);
        let method_value = self.memory.values.sub(line, 0..method.len());
        self.set_scalar(V::RequestMethod, method_value);
        let uri_start = method.len() + 1;
        let raw = self.memory.values.sub(line, uri_start..uri_start + uri.len());
        self.set_scalar(V::RequestUriRaw, raw);
        let protocol_start = uri_start + uri.len() + 1;
        let protocol_value = self.memory.values.sub(line, protocol_start..protocol_start + protocol.len());
        self.set_scalar(V::RequestProtocol, protocol_value);

        let target_len = crate::find::byte(b'#', uri).unwrap_or(uri.len());
        let target = uri.get(..target_len).unwrap_or(uri);
        let question = crate::find::byte(b'?', target);
        let path_len = question.unwrap_or(target_len);
        let query = match question {
            Some(at) => self.memory.values.sub(line, uri_start + at + 1..uri_start + target_len),
            None => ValueId::EMPTY,
        };
        self.set_scalar(V::QueryString, query);
        let decoded_uri = self.percent_decoded(raw);
        let without_origin = origin_len(self.memory.values.bytes(decoded_uri));
        let relative = if without_origin > 0 {
            let len = self.memory.values.len(decoded_uri);
            self.memory.values.sub(decoded_uri, without_origin..len)
        } else {
            decoded_uri
        };
        self.set_scalar(V::RequestUri, relative);
        let raw_path = self.memory.values.sub(line, uri_start..uri_start + path_len);
        let path = self.percent_decoded(raw_path);
        self.set_scalar(V::RequestFilename, path);
        self.set_scalar(V::PathInfo, path);
        let path_bytes = self.memory.values.bytes(path);
        let base =
            path_bytes.iter().rposition(|byte| matches!(byte, b'/' | b'\\')).map_or(0, |slash| slash + 1);
        let len = path_bytes.len();
        let basename = self.memory.values.sub(path, base..len);
        self.set_scalar(V::RequestBasename, basename);
        let plan = Arc::clone(&self.plan);
        let query = question.and_then(|at| target.get(at + 1..)).unwrap_or(b"");
        // Too many arguments: rules see it by their number, as in ModSecurity.
        let _ = self.add_urlencoded(&plan, query, Origin::Get);
        if plan.uses_raw_arguments {
            self.add_raw_arguments(&plan, query, Origin::Get);
        }
        self.update_arguments_size();
    }

    fn percent_decoded(&mut self, id: ValueId) -> ValueId {
        let bytes = self.memory.values.bytes(id);
        if crate::find::byte(b'%', bytes).is_none() {
            return id;
        }
        let decoded = percent_decode(bytes);
        self.memory.values.push(&decoded)
    }

    /// Adds a header, in the order of the request. Name and value are as received.
    pub fn request_header(&mut self, name: &[u8], value: &[u8]) {
        use VariableName as V;
        if self.members(V::RequestHeaders).len() >= self.plan.limits.headers {
            self.headers_truncated = true;
            return;
        }
        let name_id = self.memory.values.push(name);
        let value_id = self.memory.values.push(value);
        self.add_member(V::RequestHeaders, name_id, value_id);
        self.add_member(V::RequestHeadersNames, name_id, name_id);
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                let host = value.strip_prefix(b"[").and_then(|rest| {
                    let end = crate::find::byte(b']', rest)?;
                    Some(end + 2)
                });
                let end = host.or_else(|| crate::find::byte(b':', value)).unwrap_or(value.len());
                let host = self.memory.values.sub(value_id, 0..end);
                self.set_scalar(V::ServerName, host);
            }
            6 if name.eq_ignore_ascii_case(b"cookie") => self.add_cookies(value_id),
            12 if name.eq_ignore_ascii_case(b"content-type") => self.choose_processor(value),
            13 if name.eq_ignore_ascii_case(b"authorization") => self.authorization(value_id),
            _ => {}
        }
    }

    /// ModSecurity v3 takes all cookies from all `Cookie` headers, splits at `;` and keeps values as they are.
    #[inline(never)]
    fn add_cookies(&mut self, header: ValueId) {
        use VariableName as V;
        let bytes = self.memory.values.bytes(header);
        let mut pairs = Vec::new();
        let mut start = 0;
        let end = bytes.trim_ascii_end().len();
        for at in memchr::memchr_iter(b';', bytes).chain([end]) {
            if at > end || start > at {
                break;
            }
            if let Some(pair) = bytes.get(start..at) {
                let name_start = start + pair.len() - pair.trim_ascii_start().len();
                let equals = crate::find::byte(b'=', pair).map(|equals| start + equals);
                let name_end = equals.unwrap_or(at).max(name_start);
                if name_end > name_start {
                    pairs.push((name_start..name_end, equals.map_or(at..at, |equals| equals + 1..at)));
                }
            }
            start = at + 1;
        }
        for (name, value) in pairs {
            if self.members(V::RequestCookies).len() >= self.plan.limits.cookies {
                self.headers_truncated = true;
                return;
            }
            let name = self.memory.values.sub(header, name);
            let value = self.memory.values.sub(header, value);
            self.add_member(V::RequestCookies, name, value);
            self.add_member(V::RequestCookiesNames, name, name);
        }
    }

    #[inline(never)]
    fn authorization(&mut self, value: ValueId) {
        use VariableName as V;
        let bytes = self.memory.values.bytes(value);
        let end = crate::find::byte(b' ', bytes).unwrap_or(bytes.len());
        let credentials = bytes.get(end..).unwrap_or(b"").trim_ascii();
        let basic = bytes.get(..end).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"));
        let decoded =
            if basic { base64::engine::general_purpose::STANDARD.decode(credentials).ok() } else { None };
        let scheme = self.memory.values.sub(value, 0..end);
        self.set_scalar(V::AuthType, scheme);
        // Without a password it is no user (RFC 7617, section 2).
        let user = decoded.as_ref().and_then(|text| text.get(..crate::find::byte(b':', text)?));
        if let Some(user) = user {
            self.set_bytes(V::RemoteUser, user);
        }
    }

    /// Runs phase 1, request headers.
    pub fn process_request_headers(&mut self) -> Option<Intervention> {
        debug!(self, 4, "Starting phase REQUEST_HEADERS.  (SecRules 1)");
        let plan = Arc::clone(&self.plan);
        self.run_phase(&plan, Phase::RequestHeaders)
    }

    /// Takes the body and runs phase 2.
    ///
    /// The body is the whole, or its first bytes up to [`BodyAccess::limit`](super::BodyAccess::limit) and at least
    /// one more, so that the engine sees that there is more.
    pub fn process_request_body(&mut self, body: &[u8]) -> Option<Intervention> {
        debug!(self, 4, "Starting phase REQUEST_BODY. (SecRules 2)");
        let plan = Arc::clone(&self.plan);
        let access = self.request_body_access();
        self.debug_request_body_access();
        if access.inspect {
            let mut body = body;
            let is_cut = body.len() > access.limit;
            debug!(self, 9, "Appending request body: {} bytes. Limit set to: {}", body.len(), access.limit);
            if is_cut {
                debug!(self, 5, "Request body is bigger than the maximum expected.");
                self.set_flag(VariableName::InboundDataError, true);
                if access.over_limit == LimitAction::Reject {
                    debug!(self, 5, "Request body limit is marked to reject the request");
                    return Some(Intervention {
                        kind: InterventionKind::Deny,
                        status: 403,
                        cause: Cause::RequestBodyLimit,
                    });
                }
                self.debug_partial("Request", plan.settings.request_body_limit_action);
                body = body.get(..access.limit).unwrap_or(body);
            }
            self.keep_request_body(body);
            self.parse_body(&plan, body, is_cut);
        }
        self.run_phase(&plan, Phase::RequestBody)
    }
}

/// Length of `scheme://authority` of an absolute target that has a path.
fn origin_len(uri: &[u8]) -> usize {
    if uri.first().is_none_or(|byte| *byte == b'/') {
        return 0;
    }
    let Some(scheme_end) = memchr::memmem::find(uri, b"://") else { return 0 };
    if crate::find::byte(b':', uri) != Some(scheme_end) {
        return 0;
    }
    let rest = uri.get(scheme_end + 3..).unwrap_or(b"");
    crate::find::byte(b'/', rest).map_or(0, |slash| scheme_end + 3 + slash)
}

/// Decodes `%hh`; anything else stays. ModSecurity v3, `utils::uri_decode`.
fn percent_decode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match rest {
            [b'%', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digit = |byte: &u8| (*byte as char).to_digit(16).unwrap_or(0) as u8;
                out.push(digit(high) << 4 | digit(low));
                rest = after;
            }
            [byte, after @ ..] => {
                out.push(*byte);
                rest = after;
            }
            [] => return out,
        }
    }
}
