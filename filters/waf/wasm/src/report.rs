//! What the filter tells of its decisions: the reply, the log, metrics and filter state.

use crate::config::{Config, Mode};
use crate::log_line;
use portcullis_engine::{Cause, Intervention, InterventionKind, MatchedRule, Transaction};
use sdk_shim::{Counter, Host, Level, MapKind, Reply, Setup};

/// The filter state that access logs and routes know as `wasm.waf`: `pass`, `detected 942100,949110`, or
/// `deny 949110 (942100)` with the rules that matched before.
const FILTER_STATE: &str = "waf";

pub(crate) struct Report {
    transactions: Counter,
    passed: Counter,
    detected: Counter,
    denied: Counter,
    mode: Mode,
}

impl Report {
    pub(crate) fn new(config: &Config, setup: &mut Setup<'_>) -> Self {
        let mut counter = |name: &str, decision: Option<&str>| {
            let mut labels: Vec<(&str, &str)> =
                decision.map(|decision| ("decision", decision)).into_iter().collect();
            labels.extend(config.metric_labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            setup.counter(name, &labels)
        };
        Self {
            transactions: counter("waf_transactions_total", None),
            passed: counter("waf_decisions_total", Some("pass")),
            detected: counter("waf_decisions_total", Some("detected")),
            denied: counter("waf_decisions_total", Some("deny")),
            mode: config.mode,
        }
    }

    /// The request goes upstream.
    pub(crate) fn passed(&self, transaction: &Transaction, host: &mut dyn Host) {
        let matches = transaction.matches();
        if matches.is_empty() {
            host.increment(self.passed, 1);
            set_state("pass", host);
            return;
        }
        host.increment(self.detected, 1);
        set_state(&format!("detected {}", ids(matches.iter())), host);
    }

    /// The request or the response is stopped, by this reply.
    pub(crate) fn stopped(
        &self,
        intervention: &Intervention,
        transaction: Option<&Transaction>,
        host: &mut dyn Host,
    ) -> Reply {
        let details = match intervention.cause {
            Cause::Rule(id) => format!("waf_{id}"),
            Cause::RequestBodyLimit => "waf_request_body_limit".to_owned(),
            Cause::ResponseBodyLimit => "waf_response_body_limit".to_owned(),
            Cause::Memory => "waf_memory_limit".to_owned(),
        };
        host.increment(self.denied, 1);
        let matches = transaction.map(Transaction::matches).unwrap_or_default();
        let others = ids(matches.iter().filter(|rule| Some(rule.id) != intervention.rule_id()));
        let what = details.strip_prefix("waf_").unwrap_or(&details);
        let others = if others.is_empty() { others } else { format!(" ({others})") };
        set_state(&format!("deny {what}{others}"), host);
        if intervention.rule_id().is_none() && transaction.is_some() {
            host.log(Level::Warn, format_args!("the transaction is stopped: {details}"));
        }
        // ModSecurity v3 answers 403 to a body over its limit, v2 and Coraza 413, which tells the client what is wrong.
        let status = if intervention.cause == Cause::RequestBodyLimit { 413 } else { intervention.status };
        let reply = Reply::new(status, details);
        match &intervention.kind {
            InterventionKind::Deny => reply.with_body("Forbidden by the web application firewall.\n"),
            // Envoy closes an HTTP/1 connection after this, the nearest that a filter can do.
            InterventionKind::Drop => reply.with_header("connection", "close"),
            InterventionKind::Redirect(location) => reply.with_header("location", location.as_slice()),
        }
    }

    /// The transaction has ended: its matches go into the log.
    pub(crate) fn end(&self, transaction: &Transaction, host: &mut dyn Host) {
        host.increment(self.transactions, 1);
        let logged = || transaction.matches().iter().filter(|rule| rule.log);
        if !host.logs(Level::Warn) || logged().next().is_none() {
            return;
        }
        let headers = host.headers(MapKind::RequestHeaders);
        for rule in logged() {
            host.log(
                Level::Warn,
                format_args!("{}", log_line::of(rule, self.mode != Mode::Detect, &headers)),
            );
        }
        if transaction.matches_dropped() > 0 {
            let dropped = transaction.matches_dropped();
            host.log(Level::Warn, format_args!("{dropped} more rules matched and are not in the log"));
        }
    }
}

fn ids<'a>(rules: impl Iterator<Item = &'a MatchedRule>) -> String {
    rules.map(|rule| rule.id.to_string()).collect::<Vec<_>>().join(",")
}

fn set_state(text: &str, host: &mut dyn Host) {
    if let Err(error) = host.set_filter_state(FILTER_STATE, text.as_bytes()) {
        host.log(Level::Warn, format_args!("the filter state is not set: {error}"));
    }
}
