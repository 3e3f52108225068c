//! How large a compiled module is, and what of it is: V8 compiles all code of a module before its first request, so code is
//! time at the start, and memory.

use flate2::{Compression, write::GzEncoder};
use std::collections::BTreeMap;
use std::io::Write;
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

/// The sizes of a module, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// The code section.
    pub code: usize,
    /// The largest function. V8's time and memory for a function grow faster than its size.
    pub largest: usize,
    /// The data section.
    pub data: usize,
    /// The whole file.
    pub module: usize,
    /// The whole file after `gzip -9`, as registries and control planes transfer it.
    pub compressed: usize,
}

impl Sizes {
    /// Measures a module.
    ///
    /// # Errors
    /// What makes it no WebAssembly module.
    pub fn of(module: &[u8]) -> Result<Self, String> {
        let (mut code, mut largest, mut data) = (0, 0, 0);
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(|error| error.to_string())? {
                Payload::CodeSectionStart { size, .. } => code = size as usize,
                Payload::CodeSectionEntry(body) => largest = largest.max(length(body.range())),
                Payload::DataSection(section) => data = length(section.range()),
                _ => {}
            }
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let compressed = gzip.write_all(module).and_then(|()| gzip.finish()).map_err(|e| e.to_string())?;
        Ok(Self { code, largest, data, module: module.len(), compressed: compressed.len() })
    }
}

/// The functions of a module that has names, with the bytes of their code, the largest first.
///
/// # Errors
/// What makes it no WebAssembly module.
pub fn functions(module: &[u8]) -> Result<Vec<(String, usize)>, String> {
    let mut names = BTreeMap::new();
    let mut bodies = Vec::new();
    let mut imported = 0;
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ImportSection(imports) => {
                let functions = imports.into_imports().flatten();
                imported = functions.filter(|import| matches!(import.ty, TypeRef::Func(_))).count();
            }
            Payload::CodeSectionEntry(body) => bodies.push(length(body.range())),
            Payload::CustomSection(section) => {
                let KnownCustom::Name(subsections) = section.as_known() else { continue };
                for subsection in subsections.into_iter().flatten() {
                    let Name::Function(functions) = subsection else { continue };
                    names
                        .extend(functions.into_iter().flatten().map(|name| (name.index as usize, name.name)));
                }
            }
            _ => {}
        }
    }
    let name = |index: usize| match names.get(&(imported + index)) {
        Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
        None => "?".to_owned(),
    };
    let mut functions: Vec<_> =
        bodies.into_iter().enumerate().map(|(index, bytes)| (name(index), bytes)).collect();
    functions.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Ok(functions)
}

/// The crate that a function's name begins with: `regex_automata` for `<regex_automata::…::DFA as core::fmt::Debug>::fmt`.
pub fn crate_of(function: &str) -> &str {
    let start = function.find(|byte: char| byte.is_alphanumeric()).unwrap_or(0);
    let name = function.get(start..).unwrap_or(function);
    let name =
        ["mut ", "dyn ", "const "].iter().fold(name, |name, word| name.strip_prefix(word).unwrap_or(name));
    let end = name.find(|byte: char| !byte.is_alphanumeric() && byte != '_').unwrap_or(name.len());
    name.get(..end).unwrap_or(name)
}

fn length(range: std::ops::Range<u64>) -> usize {
    usize::try_from(range.end - range.start).unwrap_or(usize::MAX)
}

/// How much larger than what was written down the code of a module may be before a test fails.
pub const TOLERANCE_PERCENT: usize = 10;

/// The same for its largest function, which depends on where the compiler inlines.
pub const TOLERANCE_PERCENT_OF_LARGEST: usize = 30;

/// The sizes that were written down, and the compiler that they hold for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// As `rustc --version` prints it.
    pub compiler: String,
    /// By module.
    pub modules: BTreeMap<String, Known>,
}

/// What was written down of a module, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The code section.
    pub code: usize,
    /// The largest function.
    pub largest: usize,
}

impl Baseline {
    /// Reads the text that [`Baseline::write`] writes.
    ///
    /// # Errors
    /// The line that is wrong.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let compiler = lines.next().unwrap_or_default().to_owned();
        let entry = |line: &str| {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap_or_default().to_owned();
            let mut number = || {
                let word = words.next().ok_or_else(|| format!("a size is missing in {line:?}"))?;
                word.parse().map_err(|_| format!("{word:?} is no number in {line:?}"))
            };
            Ok((name, Known { code: number()?, largest: number()? }))
        };
        Ok(Self { compiler, modules: lines.map(entry).collect::<Result<_, String>>()? })
    }

    /// The text.
    pub fn write(&self) -> String {
        let entries = self.modules.iter();
        let entries: String =
            entries.map(|(name, Known { code, largest })| format!("{name} {code} {largest}\n")).collect();
        format!(
            "# The code sections of the modules and their largest functions, in bytes; `make sizes-baseline` writes this file.\n\
             {}\n{entries}",
            self.compiler
        )
    }

    /// The module's growth over what was written down, if that is too much.
    pub fn too_much(&self, name: &str, sizes: &Sizes) -> Option<String> {
        let known = self.modules.get(name)?;
        let grown = |what, now: usize, known: usize, percent: usize| {
            (now > known + known * percent / 100).then(|| {
                format!(
                    "{name}: {what} has {now} bytes, more than {percent} % above the {known} that were written down. \
                     `make sizes` shows what there is; if it is worth the time at every start, `make sizes-baseline`"
                )
            })
        };
        grown("the code section", sizes.code, known.code, TOLERANCE_PERCENT).or_else(|| {
            grown("the largest function", sizes.largest, known.largest, TOLERANCE_PERCENT_OF_LARGEST)
        })
    }
}

/// What `rustc --version` says; empty without one.
pub fn compiler() -> String {
    let output = std::process::Command::new("rustc").arg("--version").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
