//! The files inside the module. There are no others: a filter has no file system.

use portcullis_engine::operators::KnownPatterns;
use portcullis_seclang::loader::{LoadError, Loader, MemoryFiles};
use std::borrow::Cow;
use std::sync::OnceLock;

/// The Core Rule Set that was found when the module was built; empty if there was none.
const CORE_RULE_SET: &[(&str, Content)] = include!(concat!(env!("OUT_DIR"), "/crs/files.rs"));

/// What is known of its patterns, for [`Options::known_patterns`](portcullis_engine::Options::known_patterns).
pub const KNOWN_PATTERNS: KnownPatterns =
    KnownPatterns::new(include_bytes!(concat!(env!("OUT_DIR"), "/crs/known_patterns")));

/// Files of it that are not there: they need what a filter has not.
pub(crate) const LEFT_OUT: &[&str] = include!(concat!(env!("OUT_DIR"), "/crs/left_out.rs"));

/// Ours. The names are coraza-proxy-wasm's, but for the first.
const OWN: [(&str, &[u8]); 4] = [
    ("@portcullis-starter", include_bytes!("../rules/starter.conf")),
    ("@recommended-conf", include_bytes!("../rules/recommended.conf")),
    ("@demo-conf", include_bytes!("../rules/demo.conf")),
    ("@ftw-conf", include_bytes!("../rules/ftw.conf")),
];

/// Under this name coraza-proxy-wasm has a setup that differs from the Core Rule Set's in comments only.
const DEMO_SETUP: &str = "@crs-setup-demo-conf";

/// Takes files in place of the Core Rule Set that this was built with, by their virtual names (`@crs-setup-conf`,
/// `@owasp_crs/…`): for tools, once, before anything is loaded. What is taken stays in memory until the process ends.
pub fn replace_core_rule_set(files: Vec<(String, Vec<u8>)>) {
    let files = files.into_iter().map(|(name, text)| (&*name.leak(), Content::Plain(text.leak())));
    // A second call changes nothing: what is loaded refers to the first.
    let _ = REPLACED.set(files.collect());
}

static REPLACED: OnceLock<Vec<(&'static str, Content)>> = OnceLock::new();

fn core_rule_set() -> &'static [(&'static str, Content)] {
    REPLACED.get().map_or(CORE_RULE_SET, Vec::as_slice)
}

/// A file of the Core Rule Set, as it is or as the build script has packed it.
#[derive(Debug)]
enum Content {
    Plain(&'static [u8]),
    Packed { length: usize, lz4: &'static [u8] },
}

impl Content {
    fn text(&self) -> Result<Cow<'static, [u8]>, LoadError> {
        match *self {
            Content::Plain(text) => Ok(text.into()),
            Content::Packed { length, lz4 } => match lz4_flex::block::decompress(lz4, length) {
                Ok(text) => Ok(text.into()),
                Err(_) => Err(LoadError::Unreadable("it is damaged inside the module".to_owned())),
            },
        }
    }
}

/// Whether the Core Rule Set is there.
pub(crate) fn has_core_rule_set() -> bool {
    !core_rule_set().is_empty()
}

/// Whether it knows `early_blocking`, as the Core Rule Set 4 does.
pub(crate) fn has_early_blocking() -> bool {
    let word = b"tx.early_blocking";
    let mut texts = core_rule_set().iter().filter_map(|(_, content)| content.text().ok());
    texts.any(|text| text.windows(word.len()).any(|part| part == word))
}

/// The files as a rule set sees them, under names such as `@recommended-conf` and `@owasp_crs/*.conf`.
#[derive(Debug)]
pub struct BuiltIn(MemoryFiles<'static>);

impl BuiltIn {
    /// For a rule set with this text of its own. The default actions that it sets for a phase take the place of those in the
    /// Core Rule Set's setup: older setups have none for the phases 3 to 5, so coraza-proxy-wasm's examples add them, and
    /// a phase can have no two.
    /// `extra` files belong to this rule set alone.
    pub fn new(own_text: &str, extra: &[(String, String)]) -> Self {
        let own_phases: Vec<&str> = own_text.lines().filter_map(default_action_phase).collect();
        let mut files = MemoryFiles::default();
        for (name, text) in OWN {
            files.insert(name, text);
        }
        for (name, content) in core_rule_set() {
            // The others are known here by their names, and unpacked when they are read.
            files.insert(*name, b"");
            if *name == SETUP
                && let Ok(text) = content.text()
            {
                let text = without_default_actions(text, &own_phases);
                files.insert(DEMO_SETUP, text.clone());
                files.insert(SETUP, text);
            }
        }
        for (name, text) in extra {
            files.insert(name.as_str(), text.clone().into_bytes());
        }
        Self(files)
    }
}

const SETUP: &str = "@crs-setup-conf";

impl Loader for BuiltIn {
    fn resolve(&self, path: &str, from: &str) -> Result<Vec<String>, LoadError> {
        let found = self.0.resolve(path, from);
        match found {
            Err(LoadError::NotFound(_)) => Err(absent(path)),
            // A glob that finds nothing would be a rule set that is silently empty.
            Ok(names) if names.is_empty() => Err(absent(path)),
            other => other,
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        match core_rule_set().iter().find(|(known, _)| *known == name && name != SETUP) {
            Some((_, content)) => content.text().map(Cow::into_owned),
            None => self.0.read(name),
        }
    }
}

fn without_default_actions(setup: Cow<'static, [u8]>, phases: &[&str]) -> Cow<'static, [u8]> {
    let Some(text) = std::str::from_utf8(&setup).ok().filter(|_| !phases.is_empty()) else { return setup };
    let keep = |line: &&str| default_action_phase(line).is_none_or(|phase| !phases.contains(&phase));
    let lines = text.lines().map(|line| Some(line).filter(keep).unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n").into_bytes().into()
}

/// The phase in a line such as `SecDefaultAction "phase:3,log,auditlog,pass"`.
fn default_action_phase(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let directive = line.get(..16)?;
    let (_, rest) = line.split_once("phase:")?;
    directive.eq_ignore_ascii_case("SecDefaultAction").then(|| rest.split([',', '"', '\'']).next()).flatten()
}

fn absent(path: &str) -> LoadError {
    let of_core_rule_set = path.starts_with("@owasp_crs") || path.starts_with("@crs-setup");
    LoadError::NotFound(match (of_core_rule_set, has_core_rule_set()) {
        (true, false) => {
            "this module was built without the Core Rule Set: `make crs`, then `make modules`".to_owned()
        }
        (_, false) => format!("this module has {}", names(OWN.iter())),
        (_, true) => format!("this module has {}, @crs-setup-conf and @owasp_crs/*.conf", names(OWN.iter())),
    })
}

fn names<'a>(files: impl Iterator<Item = &'a (&'a str, &'a [u8])>) -> String {
    files.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
