//! The public face of a compiled rule set.

use std::sync::Arc;

use portcullis_seclang::ast::{AuditEngine, EngineMode};
use portcullis_seclang::loader::NoFiles;
use portcullis_seclang::{Loader, ParseOptions, Parser, Ruleset};

use crate::compile;
use crate::error::{CompileError, CompileErrorKind};
use crate::operators::KnownPatterns;
use crate::options::Options;
use crate::plan::{Operation, Plan};
use crate::transaction::{Scratch, Transaction};

/// A piece of SecLang text.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// The name that messages show, and from which relative `Include`s start.
    pub name: &'a str,
    /// The text.
    pub text: &'a [u8],
}

/// A compiled rule set. Cloning it is cheap and shares it.
///
/// ```
/// use portcullis_engine::{Connection, Waf};
///
/// let waf = Waf::from_text(br#"
///     SecRuleEngine On
///     SecRule ARGS "@contains attack" "id:1,phase:1,deny,status:403,msg:'An attack'"
/// "#).unwrap();
/// let mut transaction = waf.transaction();
/// transaction.connection(Connection { client_address: b"192.0.2.1", ..Default::default() });
/// transaction.request_line(b"GET", b"/?q=attack", b"HTTP/1.1");
/// transaction.request_header(b"host", b"example.com");
/// let intervention = transaction.process_request_headers().unwrap();
/// assert_eq!((intervention.status, intervention.rule_id()), (403, Some(1)));
/// assert_eq!(transaction.matches()[0].message, b"An attack");
/// ```
#[derive(Debug, Clone)]
pub struct Waf {
    plan: Arc<Plan>,
}

impl Waf {
    /// Parses and compiles documents as one rule set, in their order. `loader` has the files that they include and
    /// that operators read. All errors are collected.
    pub fn compile<L: Loader>(
        documents: &[Document<'_>],
        loader: &L,
        options: &Options,
    ) -> Result<Waf, Vec<CompileError>> {
        let mut parser = Parser::new(loader, ParseOptions::default());
        for document in documents {
            parser.document(document.name, document.text);
        }
        match parser.finish() {
            Ok(ruleset) => {
                let unlinked = compile::compile(&ruleset, loader, options);
                // Building the scan takes as much memory as the rules' text and syntax tree do, and a module's memory never shrinks.
                ruleset.discard();
                Ok(Waf { plan: Arc::new(unlinked?.link()?) })
            }
            Err(errors) => Err(errors
                .0
                .into_iter()
                .map(|error| CompileError {
                    kind: CompileErrorKind::Syntax(error.kind),
                    directive: error.directive,
                    place: error.place,
                })
                .collect()),
        }
    }

    /// Compiles a rule set that was parsed already.
    pub fn from_ruleset<L: Loader + ?Sized>(
        ruleset: &Ruleset,
        loader: &L,
        options: &Options,
    ) -> Result<Waf, Vec<CompileError>> {
        Ok(Waf { plan: Arc::new(compile::compile(ruleset, loader, options)?.link()?) })
    }

    /// Compiles one document that needs no other files.
    pub fn from_text(text: &[u8]) -> Result<Waf, Vec<CompileError>> {
        Waf::compile(&[Document { name: "inline", text }], &NoFiles, &Options::default())
    }

    /// What is legal but surely not meant, such as a chain that never ends.
    pub fn warnings(&self) -> &[CompileError] {
        &self.plan.warnings
    }

    /// Starts a transaction.
    pub fn transaction(&self) -> Transaction {
        self.transaction_in(Scratch::new())
    }

    /// Starts a transaction in the memory that [`Transaction::finish`] of an earlier one gave back, which saves most
    /// allocations.
    pub fn transaction_in(&self, memory: Scratch) -> Transaction {
        Transaction::new(Arc::clone(&self.plan), memory)
    }

    /// Whether transactions come to nothing: `SecRuleEngine Off`, where no rule runs that could switch the engine on, and no audit log.
    pub fn is_off(&self) -> bool {
        let settings = &self.plan.settings;
        settings.engine == EngineMode::Off && settings.audit_engine == AuditEngine::Off
    }

    /// The values of `SecComponentSignature`, such as `OWASP_CRS/4.0.0`.
    pub fn component_signatures(&self) -> impl Iterator<Item = &[u8]> {
        self.plan.settings.component_signatures.iter().map(Vec::as_slice)
    }

    /// What was found out about the patterns of `@rx`, for [`Options::known_patterns`] when these rules are loaded again.
    pub fn known_patterns(&self) -> Vec<u8> {
        let links = self.plan.rules.iter().flat_map(|rule| &rule.links);
        let operations = links.filter_map(|link| Some(&link.condition.as_ref()?.operation));
        KnownPatterns::write(operations.filter_map(|operation| match operation {
            Operation::Fixed(operator) => operator.pattern_facts(),
            Operation::Dynamic { .. } => None,
        }))
    }

    /// How large the rule set is, for a log line at start.
    pub fn statistics(&self) -> Statistics {
        let prefilter = &self.plan.prefilter;
        let conditions =
            self.plan.rules.iter().flat_map(|rule| &rule.links).filter_map(|link| link.condition.as_ref());
        Statistics {
            rules: self.plan.rules.len(),
            operators: conditions.clone().count(),
            filtered: conditions.filter(|condition| condition.check.is_some()).count(),
            literals: prefilter.literal_count(),
            scan_bytes: prefilter.memory(),
        }
    }
}

/// The size of a rule set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Rules; a chain is one.
    pub rules: usize,
    /// Operators of all links of all chains.
    pub operators: usize,
    /// Operators that are asked only about values in which the scan finds something.
    pub filtered: usize,
    /// Literals that the scan looks for.
    pub literals: usize,
    /// Bytes of the scan's tables.
    pub scan_bytes: usize,
}
