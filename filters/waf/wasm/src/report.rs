//! What the filter tells of its decisions: the reply, the log, metrics and filter state.

use crate::audit_log::{Answer, AuditLog};
use crate::config::{Config, Mode};
use crate::log_line;
use crate::metrics::Metrics;
use portcullis_engine::{Cause, Intervention, InterventionKind, MatchedRule, Transaction};
use sdk_shim::{ConfigErrors, Host, Level, MapKind, Reply, Setup};

/// The filter state that access logs and routes know as `wasm.waf`: `detected 942100,949110`, or `deny 949110 (942100)` with the
/// rules that matched before. There is none where no rule matched.
const FILTER_STATE: &str = "waf";

/// The filter state `wasm.waf_score`: the score at the time of the decision, where any rule matched.
const SCORE_STATE: &str = "waf_score";

pub(crate) struct Report {
    metrics: Metrics,
    audit_log: AuditLog,
    mode: Mode,
}

/// What has been decided about a stream, for its last lines in the log.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// The rule or limit that stopped the transaction, and the phase.
    stopped: Option<(String, &'static str)>,
    /// What the client gets; 0 while it gets nothing.
    status: u16,
}

impl Decision {
    /// The response has this status, if nothing stops it.
    pub(crate) fn responds(&mut self, status: u16) {
        self.status = status;
    }
}

impl Report {
    pub(crate) fn new(config: &Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        Ok(Self {
            metrics: Metrics::new(&config.metric_labels, setup),
            audit_log: AuditLog::new(&config.audit_log, setup)?,
            mode: config.mode,
        })
    }

    /// The request goes upstream, and no rule looks at it or at its answer.
    pub(crate) fn unjudged(&self, host: &mut dyn Host) {
        self.metrics.passed(false, host);
        self.metrics.ended(&[], true, host);
    }

    /// The request goes upstream.
    pub(crate) fn passed(&self, transaction: &Transaction, host: &mut dyn Host) {
        let matches = transaction.matches();
        self.metrics.passed(!matches.is_empty(), host);
        // To say that nothing was found would cost each request a call of the host.
        if matches.is_empty() {
            return;
        }
        set_state(FILTER_STATE, &format!("detected {}", ids(matches.iter())), host);
        set_score(transaction, host);
    }

    /// The request or the response is stopped, by this reply.
    pub(crate) fn stopped(
        &self,
        phase: &'static str,
        intervention: &Intervention,
        transaction: &Transaction,
        decision: &mut Decision,
        host: &mut dyn Host,
    ) -> Reply {
        let details = match intervention.cause {
            Cause::Rule(id) => format!("waf_{id}"),
            Cause::RequestBodyLimit => "waf_request_body_limit".to_owned(),
            Cause::ResponseBodyLimit => "waf_response_body_limit".to_owned(),
            Cause::Memory => "waf_memory_limit".to_owned(),
        };
        self.metrics.stopped(phase, &intervention.kind, host);
        let others = ids(transaction.matches().iter().filter(|rule| Some(rule.id) != intervention.rule_id()));
        let what = details.strip_prefix("waf_").unwrap_or(&details);
        let others = if others.is_empty() { others } else { format!(" ({others})") };
        set_state(FILTER_STATE, &format!("deny {what}{others}"), host);
        set_score(transaction, host);
        // ModSecurity v3 answers 403 to a body over its limit, v2 and Coraza 413, which tells the client what is wrong.
        let status = if intervention.cause == Cause::RequestBodyLimit { 413 } else { intervention.status };
        *decision = Decision { stopped: Some((what.to_owned(), phase)), status };
        let reply = Reply::new(status, details.clone());
        match &intervention.kind {
            InterventionKind::Deny => reply.with_body("Forbidden by the web application firewall.\n"),
            // As ModSecurity v3 does: Envoy gives a filter no way to answer and close the connection behind it.
            InterventionKind::Drop => reply,
            InterventionKind::Redirect(location) => reply.with_header("location", location.as_slice()),
        }
    }

    /// The transaction has ended: its matches go into the metrics and the log.
    pub(crate) fn end(&self, transaction: &Transaction, decision: &Decision, host: &mut dyn Host) {
        self.metrics.ended(transaction.matches(), self.mode != Mode::Detect, host);
        let matches = transaction.matches();
        let audited = transaction.audit_log_wanted(decision.status);
        if matches.is_empty() && decision.stopped.is_none() && !audited {
            return;
        }
        let headers = host.headers(MapKind::RequestHeaders);
        if host.logs(Level::Warn) {
            for rule in matches.iter().filter(|rule| rule.log) {
                let line = log_line::of(rule, self.mode != Mode::Detect, &headers);
                host.log(Level::Warn, format_args!("{line}"));
            }
            if transaction.matches_dropped() > 0 {
                let dropped = transaction.matches_dropped();
                host.log(Level::Warn, format_args!("{dropped} more rules matched and are not in the log"));
            }
        }
        if host.logs(Level::Info) && (!matches.is_empty() || decision.stopped.is_some()) {
            let stopped =
                decision.stopped.as_ref().map(|(why, phase)| (decision.status, why.as_str(), *phase));
            let line = log_line::decision(stopped, score(transaction), &ids(matches.iter()), &headers);
            host.log(Level::Info, format_args!("{line}"));
        }
        if audited {
            let stopped = decision.stopped.as_ref().map(|(cause, phase)| (cause.as_str(), *phase));
            let answer = Answer { status: decision.status, stopped };
            self.audit_log.write(transaction, answer, &headers, host);
        }
    }
}

/// The score by which the rules decide: the Core Rule Set 4's, 3's, or the starter's.
fn score(transaction: &Transaction) -> Option<&[u8]> {
    let names: [&[u8]; 3] = [b"blocking_inbound_anomaly_score", b"anomaly_score", b"score"];
    names.iter().find_map(|name| transaction.tx_variable(name))
}

fn set_score(transaction: &Transaction, host: &mut dyn Host) {
    if let Some(score) = score(transaction) {
        set_state(SCORE_STATE, &String::from_utf8_lossy(score), host);
    }
}

fn ids<'a>(rules: impl Iterator<Item = &'a MatchedRule>) -> String {
    rules.map(|rule| rule.id.to_string()).collect::<Vec<_>>().join(",")
}

fn set_state(key: &str, text: &str, host: &mut dyn Host) {
    if let Err(error) = host.set_filter_state(key, text.as_bytes()) {
        host.log(Level::Warn, format_args!("the filter state is not set: {error}"));
    }
}
