//! The response: what is fed before phases 3 and 4, those phases and logging. ModSecurity v3, `src/transaction.cc`.

use std::sync::Arc;

use portcullis_seclang::ast::{LimitAction, Phase, VariableName};

use super::{Transaction, debug};
use crate::intervention::{Cause, Intervention, InterventionKind};

impl Transaction {
    /// Sets the status and the protocol (`HTTP/1.1`) of the response.
    pub fn response_status(&mut self, status: u16, protocol: &[u8]) {
        use VariableName as V;
        self.set_number(V::ResponseStatus, usize::from(status));
        self.set_number(V::Status, usize::from(status));
        self.set_bytes(V::ResponseProtocol, protocol);
        let line = self.memory.values.push_all(&[protocol, b" ", status.to_string().as_bytes()]);
        self.set_scalar(V::StatusLine, line);
    }

    /// Adds a header of the response.
    pub fn response_header(&mut self, name: &[u8], value: &[u8]) {
        use VariableName as V;
        if self.members(V::ResponseHeaders).len() >= self.plan.limits.headers {
            self.headers_truncated = true;
            return;
        }
        let name_id = self.memory.values.push(name);
        let value_id = self.memory.values.push(value);
        self.add_member(V::ResponseHeaders, name_id, value_id);
        self.add_member(V::ResponseHeadersNames, name_id, name_id);
        if name.eq_ignore_ascii_case(b"content-type") {
            let end = crate::find::byte(b';', value).unwrap_or(value.len());
            let trimmed = value.get(..end).unwrap_or(value).trim_ascii_end().len();
            let content_type = self.memory.values.sub(value_id, 0..trimmed);
            self.set_scalar(V::ResponseContentType, content_type);
        }
    }

    /// Runs phase 3, response headers.
    pub fn process_response_headers(&mut self) -> Option<Intervention> {
        debug!(self, 4, "Starting phase RESPONSE_HEADERS. (SecRules 3)");
        let plan = Arc::clone(&self.plan);
        self.run_phase(&plan, Phase::ResponseHeaders)
    }

    /// Takes the body of the response and runs phase 4. Without access to the body the phase runs on an empty one.
    pub fn process_response_body(&mut self, body: &[u8]) -> Option<Intervention> {
        debug!(self, 4, "Starting phase RESPONSE_BODY. (SecRules 4)");
        let plan = Arc::clone(&self.plan);
        let access = self.response_body_access();
        if !plan.settings.response_body_access && self.overrides.response_body_access != Some(true) {
            debug!(self, 4, "Response body is disabled, returning...");
        }
        if access.inspect {
            let mut body = body;
            debug!(self, 9, "Appending response body: {} bytes. Limit set to: {}", body.len(), access.limit);
            if body.len() > access.limit {
                debug!(self, 5, "Response body is bigger than the maximum expected.");
                self.set_flag(VariableName::OutboundDataError, true);
                if access.over_limit == LimitAction::Reject {
                    debug!(self, 5, "Response body limit is marked to reject the request");
                    return Some(Intervention {
                        kind: InterventionKind::Deny,
                        status: 403,
                        cause: Cause::ResponseBodyLimit,
                    });
                }
                self.debug_partial("Response", plan.settings.response_body_limit_action);
                body = body.get(..access.limit).unwrap_or(body);
            }
            self.keep_response_body(body);
            self.set_bytes(VariableName::ResponseBody, body);
            self.set_number(VariableName::ResponseContentLength, body.len());
        } else if !self.response_type_is_inspected() {
            let content_type = self.scalar(VariableName::ResponseContentType);
            let content_type = content_type.map(|id| self.bytes(id).to_vec()).unwrap_or_default();
            debug!(
                self,
                5,
                "Response Content-Type is {}. It is not marked to be inspected.",
                String::from_utf8_lossy(&content_type)
            );
        }
        self.run_phase(&plan, Phase::ResponseBody)
    }

    /// Runs phase 5, logging. It can't stop anything any more.
    pub fn process_logging(&mut self) {
        debug!(self, 4, "Starting phase LOGGING. (SecRules 5)");
        let plan = Arc::clone(&self.plan);
        self.run_phase(&plan, Phase::Logging);
    }

    /// Why only the first part of a body is inspected.
    pub(super) fn debug_partial(&mut self, body: &str, configured: LimitAction) {
        if configured == LimitAction::Reject {
            debug!(self, 5, "{body} body limit is marked to reject the request");
            debug!(self, 5, "Not rejecting the request as the engine is not Enabled");
        } else {
            debug!(self, 5, "{body} body limit is marked to process partial");
        }
    }

    /// `SecResponseBodyMimeType`
    pub(crate) fn response_type_is_inspected(&self) -> bool {
        let Some(types) = &self.plan.settings.response_body_types else { return true };
        let content_type = self.scalar(VariableName::ResponseContentType);
        let content_type = content_type.map_or(&b""[..], |id| self.bytes(id));
        types.iter().any(|known| known.eq_ignore_ascii_case(content_type))
    }
}
