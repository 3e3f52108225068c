//! The waf filter: SecLang rules on requests and responses. The rules' work is `portcullis-engine`'s; this ties it to the
//! host.

mod audit_log;
mod built_in;
mod by_name;
mod config;
mod core_rule_set;
mod log_line;
mod metrics;
mod original_headers;
mod report;
mod rule_sets;

pub use audit_log::{AuditLogConfig, CollectorConfig};
pub use built_in::{BuiltIn, KNOWN_PATTERNS, replace_core_rule_set};
pub use by_name::ByName;
pub use config::{Config, Mode, RouteDirectives};
pub use core_rule_set::{AnomalyThreshold, CoreRuleSet, Exclusion, Plugin, RuleSelection};

use original_headers::OriginalHeaders;
use portcullis_engine::{Connection, Intervention, Scratch, Transaction};
use report::{Decision, Report};
use rule_sets::RuleSets;
pub use rule_sets::parse_rule_sets;
use sdk_shim::{
    Body, BodyMode, ConfigErrors, Filter, Flow, Headers, Host, MapKind, OverLimit, Property, Setup,
    export_filter, never_ends,
};
use std::cell::RefCell;

/// The filter.
pub struct WafFilter {
    rule_sets: RuleSets,
    original_headers: OriginalHeaders,
    mode: Mode,
    report: Report,
    /// The memory of transactions that have ended, for those to come.
    memory: RefCell<Vec<Scratch>>,
}

/// How many ended transactions' memory is kept: as many as run at once on a busy worker, and no more than bounded memory
/// allows.
const KEPT_MEMORY: usize = 16;

/// A stream under inspection.
#[derive(Default)]
pub struct Inspection {
    transaction: Option<Transaction>,
    decision: Decision,
    endless: bool,
    has_body: bool,
    protocol: Vec<u8>,
}

impl Filter for WafFilter {
    const NAME: &'static str = "waf";
    type Config = Config;
    type Request = Inspection;

    #[inline(never)]
    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let rule_sets = RuleSets::compile(&config).map_err(|found| errors.extend(found)).ok();
        let report = Report::new(&config, setup).map_err(|found| errors.extend(found)).ok();
        let original_headers =
            OriginalHeaders::new(&config.original_headers).map_err(|found| errors.extend(found)).ok();
        let (Some(rule_sets), Some(report), Some(original_headers)) = (rule_sets, report, original_headers)
        else {
            return Err(errors);
        };
        setup.notice(rule_sets.describe());
        for file in built_in::LEFT_OUT.iter().filter(|_| config.uses_core_rule_set()) {
            setup.warn(format!("{file} of the Core Rule Set is left out: it needs a GeoIP database and DNS"));
        }
        Ok(Self { rule_sets, original_headers, mode: config.mode, report, memory: RefCell::default() })
    }

    fn request_body_mode(&self, inspection: &Inspection) -> BodyMode {
        let limit =
            inspection.transaction.as_ref().map(|transaction| transaction.request_body_access().limit);
        body_mode(limit)
    }

    fn response_body_mode(&self, inspection: &Inspection) -> BodyMode {
        let limit =
            inspection.transaction.as_ref().map(|transaction| transaction.response_body_access().limit);
        body_mode(limit)
    }

    fn request_starts(&self, inspection: &mut Inspection, has_body: bool) {
        inspection.has_body = has_body;
    }

    #[inline(never)]
    fn request_headers(&self, inspection: &mut Inspection, host: &mut dyn Host) -> Flow {
        if self.mode == Mode::Off && self.original_headers.is_empty() {
            return Flow::Continue;
        }
        if self.rule_sets.are_off() && self.original_headers.is_empty() {
            self.report.unjudged(host);
            return Flow::Continue;
        }
        let headers = host.headers(MapKind::RequestHeaders);
        self.original_headers.remove_copies(&headers, host);
        if self.mode == Mode::Off {
            return Flow::Continue;
        }
        let authority = headers.get(":authority").unwrap_or_default();
        let rules = self.rule_sets.get(authority, headers.get(":path").unwrap_or_default());
        if rules.is_off() {
            self.report.unjudged(host);
            return Flow::Continue;
        }
        let memory = self.memory.borrow_mut().pop().unwrap_or_default();
        let mut transaction = rules.transaction_in(memory);
        inspection.endless = never_ends(&headers);
        inspection.protocol = host.property(&["request", "protocol"]).unwrap_or_default();
        feed_request(&mut transaction, &headers, &self.original_headers, inspection, host);
        let intervention = transaction.process_request_headers();
        let inspects_body = transaction.request_body_access().inspect && !inspection.endless;
        inspection.transaction = Some(transaction);
        match self.judge(inspection, "1", intervention, host) {
            Flow::Continue if inspects_body => Flow::Buffer,
            // Phase 2 has the rules on arguments too, so it runs without a body as well.
            Flow::Continue => self.request_phase_2(inspection, b"", host),
            flow => flow,
        }
    }

    fn request_body(&self, inspection: &mut Inspection, body: Body<'_>, host: &mut dyn Host) -> Flow {
        self.request_phase_2(inspection, body.bytes, host)
    }

    #[inline(never)]
    fn response_headers(&self, inspection: &mut Inspection, host: &mut dyn Host) -> Flow {
        let Some(transaction) = &mut inspection.transaction else { return Flow::Continue };
        let headers = host.headers(MapKind::ResponseHeaders);
        let status = headers.get(":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
        inspection.decision.responds(status.unwrap_or_default());
        transaction.response_status(status.unwrap_or_default(), &inspection.protocol);
        // With `:status`, which coraza-proxy-wasm's rules name so.
        for (name, value) in headers.iter() {
            transaction.response_header(name, value);
        }
        let intervention = transaction.process_response_headers();
        let inspects_body =
            transaction.response_body_access().inspect && !inspection.endless && status != Some(101);
        match self.judge(inspection, "3", intervention, host) {
            Flow::Continue if inspects_body => Flow::Buffer,
            flow => flow,
        }
    }

    fn response_body(&self, inspection: &mut Inspection, body: Body<'_>, host: &mut dyn Host) -> Flow {
        let Some(transaction) = &mut inspection.transaction else { return Flow::Continue };
        let intervention = transaction.process_response_body(body.bytes);
        self.judge(inspection, "4", intervention, host)
    }

    #[inline(never)]
    fn done(&self, inspection: &mut Inspection, host: &mut dyn Host) {
        let Some(mut transaction) = inspection.transaction.take() else { return };
        transaction.process_logging();
        self.report.end(&transaction, &inspection.decision, host);
        let mut memory = self.memory.borrow_mut();
        if memory.len() < KEPT_MEMORY {
            memory.push(transaction.finish());
        }
    }
}

impl WafFilter {
    #[inline(never)]
    fn request_phase_2(&self, inspection: &mut Inspection, body: &[u8], host: &mut dyn Host) -> Flow {
        let Some(transaction) = &mut inspection.transaction else { return Flow::Continue };
        let intervention = transaction.process_request_body(body);
        let flow = self.judge(inspection, "2", intervention, host);
        if let (Flow::Continue, Some(transaction)) = (&flow, &inspection.transaction) {
            self.report.passed(transaction, host);
        }
        flow
    }

    fn judge(
        &self,
        inspection: &mut Inspection,
        phase: &'static str,
        intervention: Option<Intervention>,
        host: &mut dyn Host,
    ) -> Flow {
        match (intervention, &inspection.transaction) {
            // Rules can switch the engine on by ctl:ruleEngine; the operator's word is the last.
            (Some(intervention), Some(transaction)) if self.mode != Mode::Detect => {
                let decision = &mut inspection.decision;
                self.report.stopped(phase, &intervention, transaction, decision, host).into()
            }
            _ => Flow::Continue,
        }
    }
}

/// One byte more than is inspected, so that the engine sees that there is more and does as the rules say.
fn body_mode(limit: Option<usize>) -> BodyMode {
    match limit {
        Some(limit) => BodyMode::Buffered { limit: limit.saturating_add(1), over: OverLimit::Partial },
        None => BodyMode::None,
    }
}

#[inline(never)]
fn feed_request(
    transaction: &mut Transaction,
    headers: &Headers,
    original_headers: &OriginalHeaders,
    inspection: &Inspection,
    host: &mut dyn Host,
) {
    let pseudo = |name: &str| headers.get(name).unwrap_or_default();
    // CONNECT has an authority for its target.
    let target = headers.get(":path").unwrap_or_else(|| pseudo(":authority"));
    transaction.request_line(pseudo(":method"), target, &inspection.protocol);
    for (name, value) in headers.iter() {
        match name {
            b":authority" => transaction.request_header(b"host", value),
            b"x-request-id" => {
                transaction.unique_id(value);
                transaction.request_header(name, value);
            }
            [b':', ..] => {}
            _ => match original_headers.original(name) {
                // Envoy has left it where it was.
                Some(original) if headers.get(original).is_some() => {}
                Some(original) => transaction.request_header(original.as_bytes(), value),
                None => transaction.request_header(name, value),
            },
        }
    }
    // Envoy keeps this header to itself. In HTTP/1.1 a body without a length is there only where the client has sent it.
    let says_length =
        || ["content-length", "transfer-encoding"].iter().any(|name| headers.get(name).is_some());
    if inspection.has_body
        && !inspection.endless
        && inspection.protocol.starts_with(b"HTTP/1")
        && !says_length()
    {
        transaction.request_header(b"transfer-encoding", b"chunked");
    }
    let mut address = |property, wanted: bool| {
        let address = wanted.then(|| host.address(property)).flatten();
        address.map(|address| (address.ip().to_string(), address.port())).unwrap_or_default()
    };
    let client = address(Property::SourceAddress, transaction.wants_client_address());
    let server = address(Property::DestinationAddress, transaction.wants_server_address());
    transaction.connection(Connection {
        client_address: client.0.as_bytes(),
        client_port: client.1,
        server_address: server.0.as_bytes(),
        server_port: server.1,
    });
}

export_filter!(WafFilter);

#[cfg(test)]
mod tests;
