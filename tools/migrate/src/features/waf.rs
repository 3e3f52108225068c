use super::{check, literal};
use crate::nginx;
use crate::reader::Reader;
use portcullis_waf::WafFilter;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Rule sets that have been loaded, and what was wrong with them: the Core Rule Set takes a while, and locations share theirs.
pub(crate) type Loaded = BTreeMap<Vec<String>, (Value, Vec<Problem>)>;

/// What is said of a rule set, and whether something is left out for it.
type Problem = (bool, String);

/// What the controller's ConfigMap says for all locations.
#[derive(Clone, Debug, Default)]
pub(crate) struct GlobalRules {
    pub(crate) is_enabled: bool,
    pub(crate) has_core_rules: bool,
    pub(crate) snippet: Option<String>,
}

/// The rules of a location.
#[derive(Clone, Debug)]
pub(crate) struct Waf {
    pub(crate) config: Value,
    /// The longest body that is held, in bytes.
    pub(crate) body_limit: u64,
}

/// `SecRequestBodyLimit` of modsecurity.conf-recommended.
const BODY_LIMIT: u64 = 13_107_200;

/// nginx's client_max_body_size, ingress-nginx's `proxy-body-size`.
const DEFAULT_BODY_SIZE: u64 = 1 << 20;

/// internal/ingress/controller/template/template.go, `buildModSecurityForLocation`, and the part of nginx.tmpl that is about
/// ModSecurity. `body_size` is the ConfigMap's `proxy-body-size`.
pub(crate) fn waf(
    reader: &mut Reader<'_>,
    global: &GlobalRules,
    body_size: Option<&str>,
    loaded: &mut Loaded,
) -> Option<Waf> {
    let enabled = reader.flag("enable-modsecurity");
    if enabled == Some(false) || (enabled.is_none() && !global.is_enabled) {
        for name in ["enable-owasp-core-rules", "modsecurity-snippet", "modsecurity-transaction-id"] {
            reader.note(name, "without effect: enable-modsecurity is not \"true\"");
        }
        return None;
    }
    let has_core_rules = reader.flag("enable-owasp-core-rules") == Some(true);
    let snippet = reader.text("modsecurity-snippet").map(nginx::unquoted);
    let mut lines = Lines::default();
    let mut after = Lines::default();
    if global.is_enabled {
        match &global.snippet {
            Some(snippet) => {
                // What the location says stands before the global rule set, so that its exclusions count.
                let at = snippet.lines().position(is_rule_set).unwrap_or(usize::MAX);
                lines.extend(snippet.lines().take(at));
                after.extend(snippet.lines().skip(at));
            }
            None => lines.recommended(),
        }
        if global.has_core_rules {
            after.core_rules();
        }
    }
    if let Some(snippet) = &snippet {
        lines.extend(snippet.lines());
    } else if !global.is_enabled {
        lines.recommended();
    }
    lines.0.append(&mut after.0);
    if has_core_rules && !(global.is_enabled && global.has_core_rules) {
        lines.core_rules();
    }
    let mut lines = lines.0;
    let own_size = reader.text("proxy-body-size").or(body_size);
    let size = own_size.and_then(nginx::size).unwrap_or(DEFAULT_BODY_SIZE);
    // 0 is no limit.
    let most = if size == 0 { BODY_LIMIT } else { size.min(BODY_LIMIT) };
    let own_limit = lines.iter().rev().find_map(|line| limit(line));
    let has_recommended = lines.iter().any(|line| line.contains("@recommended-conf"));
    if own_limit.is_none() && has_recommended {
        let at = lines.iter().position(|line| line.contains("@recommended-conf")).unwrap_or_default();
        lines.insert(at + 1, format!("SecRequestBodyLimit {most}"));
    }
    let name = if snippet.is_some() { "modsecurity-snippet" } else { "enable-modsecurity" };
    let is_on = lines.iter().rev().find_map(|line| directive(line, "SecRuleEngine"));
    match is_on {
        Some(mode) if mode.eq_ignore_ascii_case("on") => {}
        Some(mode) if mode.eq_ignore_ascii_case("off") => {
            reader.note(name, "SecRuleEngine Off: nothing is judged")
        }
        None if !has_recommended => {
            let text = "as in ingress-nginx, a snippet takes the place of the recommended configuration, and this one has no \
                        SecRuleEngine: nothing is judged until it says `SecRuleEngine On`";
            reader.note(name, text);
        }
        _ => {
            let text =
                "as in ingress-nginx, only detects: `SecRuleEngine On` in modsecurity-snippet makes it block";
            reader.note(name, text);
        }
    }
    if snippet.is_some() && !has_recommended {
        reader.note(
            "modsecurity-snippet",
            "as in ingress-nginx, takes the place of the recommended configuration: bodies are judged if it says \
             `SecRequestBodyAccess On`",
        );
    }
    let (config, problems) = loaded.entry(lines.clone()).or_insert_with(|| loadable(lines));
    for (is_lost, problem) in problems.iter() {
        match is_lost {
            true => reader.not_carried(name, problem),
            false => reader.note(name, problem),
        }
    }
    let config = config.clone();
    if let Some(id) = reader.text("modsecurity-transaction-id")
        && !matches!(id.trim_matches('"'), "$request_id" | "$req_id" | "${request_id}" | "${req_id}")
    {
        reader.not_carried(
            "modsecurity-transaction-id",
            format!("found {id:?}: UNIQUE_ID is Envoy's x-request-id; have Envoy write this into it"),
        );
    }
    Some(Waf { config, body_limit: own_limit.unwrap_or(most) })
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn recommended(&mut self) {
        self.0.push("Include @recommended-conf".to_owned());
    }

    fn core_rules(&mut self) {
        if !self.0.iter().any(|line| line.contains("@owasp_crs/*.conf")) {
            self.0.push("Include @crs-setup-conf".to_owned());
            self.0.push("Include @owasp_crs/*.conf".to_owned());
        }
    }

    fn extend<'a>(&mut self, lines: impl Iterator<Item = &'a str>) {
        for line in lines {
            match included(line) {
                Some(path) if path.ends_with("nginx-modsecurity.conf") => self.core_rules(),
                Some("/etc/nginx/modsecurity/modsecurity.conf") => self.recommended(),
                Some(path) if path.ends_with("/crs-setup.conf") => {
                    self.0.push("Include @crs-setup-conf".to_owned())
                }
                Some(path) if path.starts_with(RULES) => {
                    let name = path.trim_start_matches(RULES);
                    self.0.push(format!("Include @owasp_crs/{name}"));
                }
                _ => self.0.push(literal(line)),
            }
        }
    }
}

/// Where ingress-nginx's image has the Core Rule Set.
const RULES: &str = "/etc/nginx/owasp-modsecurity-crs/rules/";

fn included(line: &str) -> Option<&str> {
    directive(line, "Include").map(|path| path.trim_matches(['"', '\'']))
}

fn is_rule_set(line: &str) -> bool {
    included(line).is_some_and(|path| path.contains("owasp-modsecurity-crs"))
}

fn limit(line: &str) -> Option<u64> {
    directive(line, "SecRequestBodyLimit")?.parse().ok()
}

/// What stands behind a directive of this name.
fn directive<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, rest) = line.trim().split_once(|c: char| c.is_ascii_whitespace())?;
    found.eq_ignore_ascii_case(name).then(|| rest.trim())
}

/// The rule set without the directives that the filter does not take, and what is to be said of them.
fn loadable(mut lines: Vec<String>) -> (Value, Vec<Problem>) {
    let mut problems = Vec::new();
    loop {
        let config = json!({"directives_map": {"default": lines}});
        let Err(errors) = check::<WafFilter>(&config, &|_| None) else { return (config, problems) };
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        if texts.iter().all(|text| text.contains(WITHOUT_CORE_RULES)) {
            problems.push((false, format!("not checked: {WITHOUT_CORE_RULES}")));
            return (config, problems);
        }
        // A directive goes on for as long as its lines end in a backslash.
        let mut left_out: Vec<usize> = Vec::new();
        for mut line in texts.iter().filter_map(|text| line_of(text)) {
            left_out.push(line);
            while lines.get(line).is_some_and(|text| text.trim_end().ends_with('\\')) {
                line += 1;
                left_out.push(line);
            }
        }
        left_out.retain(|at| lines.get(*at).is_some());
        let first_lines = texts.iter().filter_map(|text| text.lines().next());
        problems.extend(first_lines.map(|text| (true, format!("left out: {text}"))));
        if left_out.is_empty() {
            // Nothing that could be left out: a rule set that judges nothing, which the report says.
            return (json!({"directives_map": {"default": ["SecRuleEngine Off"]}}), problems);
        }
        let mut index = 0;
        lines.retain(|_| {
            let keep = !left_out.contains(&index);
            index += 1;
            keep
        });
    }
}

/// What the filter says where this was built without the Core Rule Set: the module that runs may have it.
const WITHOUT_CORE_RULES: &str = "this module was built without the Core Rule Set";

/// The line, from 0 on, in a message such as `directives_map.default: default:2:9: …`.
fn line_of(text: &str) -> Option<usize> {
    let (_, rest) = text.split_once("default:")?;
    let rest = rest.trim_start().strip_prefix("default:").unwrap_or(rest);
    rest.split(':').next()?.trim().parse::<usize>().ok()?.checked_sub(1)
}
