//! What `support` says is what loading a rule set does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use portcullis_engine::support::{self, Support};
use portcullis_engine::{Document, Options, Waf};
use portcullis_seclang::ast::{
    ActionName, BodyProcessor, CtlName, DirectiveName, OperatorName, VariableName,
};
use portcullis_seclang::loader::MemoryFiles;

/// Operators that need an argument.
const OPERATORS: &[(OperatorName, &str)] = &[
    (OperatorName::IpMatch, "10.0.0.1"),
    (OperatorName::IpMatchFromDataset, "addresses"),
    (OperatorName::IpMatchFromFile, "addresses.data"),
    (OperatorName::Pm, "a b"),
    (OperatorName::PmFromDataset, "words"),
    (OperatorName::PmFromFile, "words.data"),
    (OperatorName::ValidateByteRange, "1-255"),
    (OperatorName::ValidateDtd, "x.dtd"),
];

/// Actions that need a value.
const ACTIONS: &[(ActionName, &str)] = &[
    (ActionName::Accuracy, "1"),
    (ActionName::Append, "x"),
    (ActionName::Ctl, "ruleEngine=On"),
    (ActionName::DeprecateVar, "ip.x=1/2"),
    (ActionName::Exec, "/x"),
    (ActionName::ExpireVar, "ip.x=60"),
    (ActionName::Id, "1"),
    (ActionName::InitCol, "ip=x"),
    (ActionName::LogData, "x"),
    (ActionName::Maturity, "1"),
    (ActionName::Msg, "x"),
    (ActionName::Pause, "1"),
    (ActionName::Phase, "1"),
    (ActionName::Prepend, "x"),
    (ActionName::Proxy, "http://x/"),
    (ActionName::Redirect, "http://x/"),
    (ActionName::Rev, "1"),
    (ActionName::SanitiseArg, "x"),
    (ActionName::SanitiseRequestHeader, "x"),
    (ActionName::SanitiseResponseHeader, "x"),
    (ActionName::SetEnv, "x=1"),
    (ActionName::SetRsc, "x"),
    (ActionName::SetSid, "x"),
    (ActionName::SetUid, "x"),
    (ActionName::SetVar, "tx.x=1"),
    (ActionName::Severity, "1"),
    (ActionName::Skip, "1"),
    (ActionName::SkipAfter, "x"),
    (ActionName::Status, "403"),
    (ActionName::Tag, "x"),
    (ActionName::Transformation, "none"),
    (ActionName::Ver, "1"),
    (ActionName::XmlNs, "a=urn:b"),
];

/// Directives that are refused, with an argument.
const DIRECTIVES: &[(DirectiveName, &str)] = &[
    (DirectiveName::ConnEngine, "On"),
    (DirectiveName::ConnReadStateLimit, "5"),
    (DirectiveName::ConnWriteStateLimit, "5"),
    (DirectiveName::ContentInjection, "On"),
    (DirectiveName::GeoLookupDb, "/x"),
    (DirectiveName::GsbLookupDb, "/x"),
    (DirectiveName::GuardianLog, "|/x"),
    (DirectiveName::HashEngine, "On"),
    (DirectiveName::HttpBlKey, "x"),
    (DirectiveName::RemoteRules, "key https://x/"),
    (DirectiveName::StreamInBodyInspection, "On"),
    (DirectiveName::StreamOutBodyInspection, "On"),
];

#[test]
fn what_is_refused_is_what_support_refuses() {
    let mut wrong = Vec::new();
    let mut check = |rules: String, support: Support| {
        let refused = load(&rules).err();
        match (support.refused(), &refused) {
            (None, None) => {}
            (Some(reason), Some(errors)) if errors.contains(reason) => {}
            _ => wrong.push(format!("{rules}: {support:?}, but {refused:?}")),
        }
    };
    for name in VariableName::ALL {
        check(format!("SecRule {name} x id:1"), support::variable(*name));
    }
    for name in OperatorName::ALL {
        let argument = OPERATORS.iter().find(|(known, _)| known == name).map_or("", |(_, argument)| argument);
        check(format!("SecRule ARGS|XML '@{name} {argument}' id:1"), support::operator(*name));
    }
    for name in ActionName::ALL {
        let value = ACTIONS.iter().find(|(known, _)| known == name);
        let value = value.map(|(_, value)| format!(":{value}")).unwrap_or_default();
        let id = if *name == ActionName::Id { "" } else { "id:1," };
        let link = if *name == ActionName::Chain { "\nSecRule ARGS x" } else { "" };
        check(format!("SecRule ARGS x \"{id}{name}{value}\"{link}"), support::action(*name));
    }
    for name in CtlName::ALL {
        let value = match name {
            CtlName::AuditLogParts => "+E",
            CtlName::DebugLogLevel | CtlName::RequestBodyLimit | CtlName::ResponseBodyLimit => "1",
            CtlName::RequestBodyProcessor | CtlName::ResponseBodyProcessor => "JSON",
            CtlName::RuleRemoveById | CtlName::RuleRemoveByMsg | CtlName::RuleRemoveByTag => "9",
            CtlName::RuleRemoveTargetById
            | CtlName::RuleRemoveTargetByMsg
            | CtlName::RuleRemoveTargetByTag => "9;ARGS",
            _ => "On",
        };
        check(format!("SecAction \"id:1,ctl:{name}={value}\""), support::ctl(*name));
    }
    for name in BodyProcessor::ALL {
        check(format!("SecAction id:1,ctl:requestBodyProcessor={name}"), support::body_processor(*name));
    }
    for name in DirectiveName::ALL {
        let known = DIRECTIVES.iter().find(|(known, _)| known == name);
        match (support::directive(*name), known) {
            (Support::Refused(reason) | Support::OnlyOff(reason), Some((_, value))) => {
                check(format!("{name} {value}"), Support::Refused(reason));
            }
            (Support::Refused(_) | Support::OnlyOff(_), None) | (_, Some(_)) => {
                panic!("{name}: DIRECTIVES is not what support says");
            }
            _ => {}
        }
        if let Support::OnlyOff(_) = support::directive(*name) {
            check(format!("{name} Off"), Support::Full);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn load(rules: &str) -> Result<Waf, String> {
    let mut files = MemoryFiles::default();
    files.insert("words.data", b"a\nb\n".as_slice());
    files.insert("addresses.data", b"10.0.0.1\n".as_slice());
    files.insert("x.dtd", b"<!ELEMENT a EMPTY>".as_slice());
    let text = format!("SecDataset words `\na\n`\nSecDataset addresses `\n10.0.0.1\n`\n{rules}\n");
    let document = Document { name: "inline", text: text.as_bytes() };
    Waf::compile(&[document], &files, &Options::default())
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
