//! Directives that set something. ModSecurity v3 reference, "Configuration Directives".
//!
//! What only concerns files, logs or tuning of another implementation is accepted and has no effect: see
//! [`support`]. What would weaken the protection if it were ignored is refused.

use portcullis_seclang::ast::{self, Directive as D, EngineMode, LimitAction, OnOff, ParseXml};
use portcullis_seclang::source::Span;

use portcullis_seclang::Loader;

use super::{Compiler, on};
use crate::error::CompileErrorKind;
use crate::operators::Operator;
use crate::plan::Settings;
use crate::support::{self, Support};
use crate::transformations::UnicodeMap;

/// The settings of a rule set that says nothing.
pub(super) fn defaults() -> Settings {
    Settings {
        // ModSecurity v3 runs rules without SecRuleEngine, but only `On` lets them disrupt.
        engine: EngineMode::DetectionOnly,
        // Inspected unless SecRequestBodyAccess is Off, as in ModSecurity v3's code.
        request_body_access: true,
        request_body_limit: 13_107_200,
        request_body_no_files_limit: None,
        request_body_limit_action: LimitAction::Reject,
        json_depth_limit: 512,
        response_body_access: false,
        response_body_limit: 524_288,
        // As modsecurity.conf-recommended: a long response is no attack.
        response_body_limit_action: LimitAction::ProcessPartial,
        response_body_types: None,
        arguments_limit: 1000,
        argument_separator: b'&',
        upload_file_limit: 100,
        parse_xml_into_args: ParseXml::Off,
        audit_engine: ast::AuditEngine::Off,
        audit_log_parts: b"ABCFHZ".to_vec(),
        audit_log_relevant_status: None,
        web_app_id: Vec::new(),
        component_signatures: Vec::new(),
    }
}

impl<'a, L: Loader + ?Sized> Compiler<'a, L> {
    #[inline(never)]
    pub(super) fn setting(&mut self, directive: &'a D, span: Span) {
        let settings = &mut self.settings;
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        match directive {
            D::ArgumentSeparator(text) => match text.value.as_slice() {
                [separator] => settings.argument_separator = *separator,
                other => {
                    let value = String::from_utf8_lossy(other).into_owned();
                    self.error(span, CompileErrorKind::Range { value, expected: "one character" });
                }
            },
            D::ArgumentsLimit(limit) => settings.arguments_limit = size(*limit),
            D::AuditEngine(engine) => settings.audit_engine = *engine,
            D::AuditLogParts(parts) => settings.audit_log_parts = parts.value.clone(),
            D::AuditLogRelevantStatus(text) => self.relevant_status(&text.value, span),
            D::CollectionTimeout(seconds) => self.collection_timeout = *seconds,
            D::ComponentSignature(text) => settings.component_signatures.push(text.value.clone()),
            D::Dataset(dataset) => {
                self.datasets.push((dataset.name.clone(), dataset.items.clone()));
            }
            D::ParseXmlIntoArgs(mode) => settings.parse_xml_into_args = *mode,
            D::RequestBodyAccess(value) => settings.request_body_access = on(*value),
            D::RequestBodyJsonDepthLimit(limit) => settings.json_depth_limit = size(*limit),
            D::RequestBodyLimit(limit) => settings.request_body_limit = size(*limit),
            D::RequestBodyLimitAction(action) => settings.request_body_limit_action = *action,
            D::RequestBodyNoFilesLimit(limit) => settings.request_body_no_files_limit = Some(size(*limit)),
            D::ResponseBodyAccess(value) => settings.response_body_access = on(*value),
            D::ResponseBodyLimit(limit) => settings.response_body_limit = size(*limit),
            D::ResponseBodyLimitAction(action) => settings.response_body_limit_action = *action,
            D::ResponseBodyMimeType(types) => {
                let known = settings.response_body_types.get_or_insert_default();
                known.extend(types.iter().map(|text| text.value.to_ascii_lowercase().into_boxed_slice()));
            }
            D::ResponseBodyMimeTypesClear(()) => settings.response_body_types = Some(Vec::new()),
            D::RuleEngine(mode) => settings.engine = *mode,
            D::UnicodeMapFile(map) => match map.code_page {
                Some(20127) | None => self.unicode_map = UnicodeMap::UsAscii,
                Some(other) => {
                    let value = other.to_string();
                    self.error(span, CompileErrorKind::Range { value, expected: "code page 20127" });
                }
            },
            D::UploadFileLimit(limit) => settings.upload_file_limit = size(*limit),
            D::WebAppId(text) => settings.web_app_id = text.value.clone(),
            other => self.without_effect(other, span),
        }
    }

    fn relevant_status(&mut self, pattern: &[u8], span: Span) {
        match Operator::compile("rx", pattern, &()) {
            Ok(operator) => self.settings.audit_log_relevant_status = Some(operator),
            Err(problem) => {
                let (pattern, problem) = (String::from_utf8_lossy(pattern).into_owned(), problem.to_string());
                self.error(span, CompileErrorKind::Pattern { pattern, problem });
            }
        }
    }

    /// Directives that have no effect here, and those that are refused because that would be noticed too late.
    fn without_effect(&mut self, directive: &D, span: Span) {
        let is_off = matches!(
            directive,
            D::ConnEngine(EngineMode::Off)
                | D::ContentInjection(OnOff::Off)
                | D::HashEngine(OnOff::Off)
                | D::StreamInBodyInspection(OnOff::Off)
                | D::StreamOutBodyInspection(OnOff::Off)
        );
        let Some(name) = directive.directive_name() else { return };
        match support::directive(name) {
            Support::OnlyOff(_) if is_off => {}
            Support::Refused(reason) | Support::OnlyOff(reason) => {
                self.unsupported(span, directive.name(), reason);
            }
            Support::Full | Support::But(_) | Support::NoEffect(_) => {}
        }
    }
}
