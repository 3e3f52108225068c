use crate::check::{Part, Report, place_in};
use crate::{Severity, Text, seclang};
use portcullis_seclang::lint;
use portcullis_waf::BuiltIn;

/// What is doubtful about the rules in a configuration of the waf.
pub(crate) fn rules(json: &[u8], report: &mut Report<'_>) {
    let Ok(config) = serde_json::from_slice::<portcullis_waf::Config>(json) else { return };
    for (path, ruleset) in portcullis_waf::parse_rule_sets(&config) {
        if !report.is_without_errors(path.as_str()) {
            continue;
        }
        let texts = report.rules_at(path.as_str());
        for finding in lint::check(&ruleset).into_iter().filter(|it| it.kind.level() == lint::Level::Warning)
        {
            let message = seclang::sentence(&finding);
            let place = &finding.place;
            match &texts {
                Some((name, texts)) if *name == place.file => {
                    let Some(start) = place_in(texts, place.line, place.column) else { continue };
                    let length = (place.span.end - place.span.start) as usize;
                    let end = start + seclang::first_line(&ruleset.sources, place.span).min(length).max(1);
                    report.in_file(Severity::Warning, "seclang", path.as_str(), start..end, message, "");
                }
                // Of an exclusion; everything else is the Core Rule Set's own.
                None if place.file.starts_with("crs.exclusions[") => {
                    report.at_path(Severity::Warning, "seclang", &place.file, Part::Name, message, "");
                }
                _ => {}
            }
        }
    }
}

/// What the filter would say of rules of which some do not parse, were it not for those.
pub(crate) fn errors_behind(json: &[u8], report: &mut Report<'_>) {
    let Ok(config) = serde_json::from_slice::<portcullis_waf::Config>(json) else { return };
    for (name, _) in config.directives_map.iter() {
        let path = format!("directives_map.{name}");
        let Some((_, texts)) = report.rules_at(&path) else { continue };
        let (joined, _) = Text::joined(&texts);
        for error in seclang::errors_behind(name, joined.as_bytes(), &BuiltIn::new(&joined, &[])) {
            let place = &error.place;
            if place.file != *name {
                continue;
            }
            let Some(start) = place_in(&texts, place.line, place.column) else { continue };
            let end = start + (place.span.end - place.span.start).max(1) as usize;
            report.in_file(Severity::Error, "seclang", &path, start..end, seclang::sentence(&error), "");
        }
    }
}
