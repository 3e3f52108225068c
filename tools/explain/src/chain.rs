use crate::{Exchange, Explainer, Explanation};
use serde::Serialize;
use std::collections::BTreeMap;

/// Filters in the order in which a proxy has them.
#[derive(Default)]
pub struct Chain(pub Vec<Explainer>);

/// What a chain of filters decides.
#[derive(Clone, Debug, Serialize)]
pub struct ChainExplanation {
    /// Whether all of them let the request and its response through.
    pub passes: bool,
    /// The status that the client gets.
    pub status: u16,
    /// What each decides, in order, up to the one that lets nothing through.
    pub filters: Vec<Explanation>,
}

impl Chain {
    /// Takes an exchange through all filters: each gets the request as the one before it left it, with the filter state that
    /// it set. Responses are judged by each as they come from the upstream.
    pub fn explain(&mut self, exchange: &Exchange) -> ChainExplanation {
        let mut explanation =
            ChainExplanation { passes: true, status: exchange.response.status(), filters: Vec::new() };
        let (mut exchange, mut state) = (exchange.clone(), BTreeMap::new());
        for explainer in &mut self.0 {
            let response = exchange.response.clone();
            let passed = explainer.pass(exchange, state);
            let decision = &passed.explanation.decision;
            explanation.passes = decision.passes;
            explanation.status = decision.status;
            explanation.filters.push(passed.explanation);
            if !explanation.passes {
                break;
            }
            (exchange, state) = (passed.exchange, passed.state);
            exchange.response = response;
        }
        explanation
    }
}
