//! The rule sets of a configuration, compiled, and which of them a request gets.

use crate::built_in::{BuiltIn, KNOWN_PATTERNS};
use crate::config::{Config, Mode, RouteDirectives};
use crate::core_rule_set::Documents;
use portcullis_engine::transformations::{Transformation, UnicodeMap};
use portcullis_engine::{Document, Options, Waf};
use portcullis_seclang::{ParseOptions, Parser, Ruleset};
use sdk_shim::{ConfigErrors, Path};

/// The name of the rule set that `crs` in the configuration is.
pub(crate) const CRS: &str = "crs";

pub(crate) struct RuleSets {
    default_name: String,
    default: Waf,
    by_route: Vec<Route>,
    /// In the order of the authorities.
    by_authority: Vec<(Vec<u8>, Waf)>,
    are_off: bool,
}

/// A rule set for some authorities and paths.
struct Route {
    /// In lower case and in order. None means any.
    authorities: Vec<Vec<u8>>,
    /// None means any.
    paths: Vec<String>,
    waf: Waf,
}

impl RuleSets {
    #[inline(never)]
    pub(crate) fn compile(config: &Config) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let mut compiled = Vec::new();
        for (name, path, documents) in documents(config, &mut errors) {
            match compile(&documents, config.mode) {
                Ok(waf) => compiled.push((name, waf)),
                Err(problems) => problems.into_iter().for_each(|problem| errors.explain(&path, problem)),
            }
        }
        let mut crs_is_used = false;
        let mut named = |name: &str, path: Path| {
            crs_is_used |= name == CRS;
            let is_there = config.directives_map.get(name).is_some() || (name == CRS && config.crs.is_some());
            if !is_there {
                errors.add(&path, format!("\"{name}\""), "the name of a rule set in directives_map");
            }
            compiled.iter().find(|(known, _)| known == name).map(|(_, waf)| waf.clone())
        };
        let default_name = config.default_directives();
        let default = named(default_name, Path::root().field("default_directives"));
        let authorities = Path::root().field("per_authority_directives");
        let mut by_authority = Vec::new();
        for (authority, name) in config.per_authority_directives.iter() {
            let Some(waf) = named(name, authorities.field(authority)) else { continue };
            let authority = authority.to_ascii_lowercase().into_bytes();
            match place(&by_authority, &authority) {
                Ok(at) => by_authority.get_mut(at).into_iter().for_each(|(_, known)| *known = waf.clone()),
                Err(at) => by_authority.insert(at, (authority, waf)),
            }
        }
        let routes = Path::root().field("per_route_directives");
        let mut by_route = Vec::new();
        let mut problems = ConfigErrors::new();
        for (index, route) in config.per_route_directives.iter().enumerate() {
            let at = routes.index(index);
            route.check(&at, &mut problems);
            if let Some(waf) = named(&route.directives, at.field("directives")) {
                let mut authorities: Vec<Vec<u8>> = Vec::new();
                for name in &route.authorities {
                    let name = name.to_ascii_lowercase().into_bytes();
                    if let Err(place) = authorities.binary_search(&name) {
                        authorities.insert(place, name);
                    }
                }
                by_route.push(Route { authorities, paths: route.paths.clone(), waf });
            }
        }
        errors.extend(problems);
        if config.crs.is_some() && !crs_is_used {
            let expected = "\"crs\" in default_directives, per_route_directives or per_authority_directives: nothing uses it";
            errors.add(&Path::root().field(CRS), "a rule set", expected);
        }
        // Without a default rule set there is an error that says so.
        match default {
            Some(default) => {
                let default_name = default_name.to_owned();
                let others = by_route.iter().map(|route| &route.waf);
                let others = others.chain(by_authority.iter().map(|(_, waf)| waf));
                let are_off = others.chain([&default]).all(Waf::is_off);
                errors.into_result(Self { default_name, default, by_route, by_authority, are_off })
            }
            None => Err(errors),
        }
    }

    /// What the default rule set is: its name, its size, and the versions that its files name.
    #[inline(never)]
    pub(crate) fn describe(&self) -> String {
        let signatures = self.default.component_signatures().map(String::from_utf8_lossy);
        let signatures: String = signatures.map(|signature| format!(", {signature}")).collect();
        format!("rule set {}: {} rules{signatures}", self.default_name, self.default.statistics().rules)
    }

    /// Whether none of them looks at any request.
    pub(crate) fn are_off(&self) -> bool {
        self.are_off
    }

    /// The rule set for a request: that of the first route, that of its authority, that of its host on any port, or the default.
    pub(crate) fn get(&self, authority: &[u8], target: &[u8]) -> &Waf {
        if self.by_authority.is_empty() && self.by_route.is_empty() {
            return &self.default;
        }
        let authority = authority.to_ascii_lowercase();
        if !self.by_route.is_empty() {
            let path = normalised_path(target);
            let fits = |route: &&Route| route.has_authority(&authority) && route.has_path(&path);
            if let Some(route) = self.by_route.iter().find(fits) {
                return &route.waf;
            }
        }
        let named = |authority: &[u8]| {
            let at = place(&self.by_authority, authority).ok()?;
            self.by_authority.get(at).map(|(_, waf)| waf)
        };
        named(&authority).or_else(|| named(host(&authority))).unwrap_or(&self.default)
    }
}

impl Route {
    fn has_authority(&self, authority: &[u8]) -> bool {
        let has = |authority: &[u8]| {
            self.authorities.binary_search_by(|known| known.as_slice().cmp(authority)).is_ok()
        };
        self.authorities.is_empty() || has(authority) || has(host(authority))
    }

    fn has_path(&self, path: &[u8]) -> bool {
        let fits = |known: &String| match known.strip_suffix('*') {
            Some(start) => path.starts_with(start.as_bytes()),
            None => path == known.as_bytes(),
        };
        self.paths.is_empty() || self.paths.iter().any(fits)
    }
}

impl RouteDirectives {
    #[inline(never)]
    fn check(&self, path: &Path, errors: &mut ConfigErrors) {
        if self.authorities.is_empty() && self.paths.is_empty() {
            let expected = "one of them: default_directives is for all other requests";
            errors.add(path, "neither authorities nor paths", expected);
        }
        for (index, text) in self.paths.iter().enumerate() {
            if !text.starts_with('/') {
                let expected = "a path that begins with `/`, or such a start and `*`";
                errors.add(&path.field("paths").index(index), format!("{text:?}"), expected);
            }
        }
        for (index, text) in self.authorities.iter().enumerate() {
            if text.is_empty() || text.contains(['/', '*', ' ']) {
                let expected = "an authority: a host's name, with or without a port";
                errors.add(&path.field("authorities").index(index), format!("{text:?}"), expected);
            }
        }
    }
}

/// The path of a target as the applications behind would read it, so that no spelling of it gets another rule set.
fn normalised_path(target: &[u8]) -> Vec<u8> {
    let end = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
    let path = target.get(..end).unwrap_or(target);
    // A plus sign is a space in forms only.
    let mut path: Vec<u8> = path
        .iter()
        .flat_map(|byte| if *byte == b'+' { &b"%2B"[..] } else { std::slice::from_ref(byte) })
        .copied()
        .collect();
    for transformation in [Transformation::UrlDecodeUni(UnicodeMap::default()), Transformation::NormalisePath]
    {
        let mut out = Vec::new();
        if transformation.apply(&path, &mut out) {
            path = out;
        }
    }
    path
}

/// The rule sets by name, with the place of each in the configuration.
#[inline(never)]
fn documents(config: &Config, errors: &mut ConfigErrors) -> Vec<(String, Path, Documents)> {
    let map = Path::root().field("directives_map");
    let mut sets = Vec::new();
    if let Some(crs) = &config.crs {
        let path = Path::root().field(CRS);
        if config.directives_map.get(CRS).is_some() {
            errors.add(
                &map.field(CRS),
                "a rule set",
                "another name: `crs` beside directives_map has this one",
            );
        }
        let mut problems = ConfigErrors::new();
        let documents = crs.documents(&path, &mut problems);
        // What it would compile to is not what was meant.
        if problems.is_empty() {
            sets.push((CRS.to_owned(), path, documents));
        }
        errors.extend(problems);
    } else if config.directives_map.is_empty() {
        errors.add(&map, "nothing", "rule sets, or `crs` beside it");
    }
    for (name, texts) in config.directives_map.iter() {
        let texts = vec![(name.to_owned(), texts.join("\n"))];
        sets.push((name.to_owned(), map.field(name), Documents { texts, files: Vec::new() }));
    }
    sets
}

/// The rule sets of a configuration, each with its place there: for linters. Those that do not parse are left out; loading the
/// configuration says why. Rules that stand in the configuration are in the file of the rule set's name, or, for exclusions
/// of `crs`, of their place.
pub fn parse_rule_sets(config: &Config) -> Vec<(Path, Ruleset)> {
    let parse = |set: &Documents| {
        let text: Vec<&str> = set.texts.iter().map(|(_, text)| text.as_str()).collect();
        let files = BuiltIn::new(&text.join("\n"), &set.files);
        let mut parser = Parser::new(&files, ParseOptions::default());
        set.texts.iter().for_each(|(name, text)| parser.document(name, text.as_bytes()));
        parser.finish().ok()
    };
    let sets = documents(config, &mut ConfigErrors::new());
    sets.into_iter().filter_map(|(_, path, documents)| Some((path, parse(&documents)?))).collect()
}

#[inline(never)]
fn compile(set: &Documents, mode: Mode) -> Result<Waf, Vec<String>> {
    let text: Vec<&str> = set.texts.iter().map(|(_, text)| text.as_str()).collect();
    let files = BuiltIn::new(&text.join("\n"), &set.files);
    let mut documents: Vec<Document<'_>> =
        set.texts.iter().map(|(name, text)| Document { name, text: text.as_bytes() }).collect();
    // The last SecRuleEngine counts.
    let engine: Option<&[u8]> = match mode {
        Mode::Rules => None,
        Mode::On => Some(b"SecRuleEngine On"),
        Mode::Detect => Some(b"SecRuleEngine DetectionOnly"),
        Mode::Off => Some(b"SecRuleEngine Off"),
    };
    documents.extend(engine.map(|text| Document { name: "mode", text }));
    let options = Options { known_patterns: KNOWN_PATTERNS, ..Options::default() };
    Waf::compile(&documents, &files, &options)
        .map_err(|errors| errors.iter().map(|error| error.with_source().to_string()).collect())
}

/// Where an authority is, or belongs.
fn place(by_authority: &[(Vec<u8>, Waf)], authority: &[u8]) -> Result<usize, usize> {
    by_authority.binary_search_by(|(known, _)| known.as_slice().cmp(authority))
}

/// An authority without its port.
fn host(authority: &[u8]) -> &[u8] {
    let end = authority.iter().rposition(|byte| *byte == b':').unwrap_or(authority.len());
    let (host, port) = authority.split_at_checked(end).unwrap_or((authority, b""));
    let is_port = port.iter().skip(1).all(u8::is_ascii_digit);
    if is_port { host } else { authority }
}
