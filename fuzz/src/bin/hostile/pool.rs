//! What requests are made of.

use std::fs;

use portcullis_fuzz::corpus;
use portcullis_fuzz::genome::{Genome, LENGTHS, Number};
use portcullis_fuzz::shape::Shape;
use suites::root;

/// Units to fill requests with.
pub(crate) struct Pool {
    /// For every shape.
    first: Vec<Vec<u8>>,
    /// For changes.
    words: Vec<Vec<u8>>,
}

impl Pool {
    pub(crate) fn new() -> Self {
        let mut first: Vec<Vec<u8>> = UNITS.iter().map(|unit| unit.as_bytes().to_vec()).collect();
        first.extend((0x20..0x7f).chain([0, 9, 10, 13, 0x80, 0xa0, 0xff]).map(|byte| vec![byte]));
        let mut words: Vec<Vec<u8>> = corpus::attacks();
        for file in fs::read_dir(root().join(".tools/crs/rules")).into_iter().flatten().flatten() {
            let path = file.path();
            if path.extension().is_some_and(|end| end == "data") {
                let text = fs::read(&path).unwrap();
                words.extend(
                    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec),
                );
            }
        }
        for request in corpus::requests_of() {
            let query = request.target.split(|byte| *byte == b'?').nth(1).unwrap_or_default();
            for pair in query.split(|byte| *byte == b'&').chain(request.body.split(|byte| *byte == b'&')) {
                let value = pair.splitn(2, |byte| *byte == b'=').nth(1).unwrap_or_default();
                words.push(percent_decode(value));
            }
            words.extend(request.headers.into_iter().map(|(_, value)| value));
        }
        words.retain(|word| !word.is_empty() && word.len() <= 512);
        words.sort();
        words.dedup();
        Self { first, words }
    }

    /// What the search begins with: every shape with every unit, then with words.
    pub(crate) fn first(&self, random: &mut Random) -> impl Iterator<Item = Genome> {
        let mut random = random.clone();
        let units = self.first.iter().flat_map(|unit| Shape::ALL.map(|shape| (shape, unit.clone())));
        let mut words = random.clone();
        let words = (0..).map(move |_| {
            let unit = self.words[words.below(self.words.len())].clone();
            (Shape::ALL[words.below(Shape::ALL.len())], unit)
        });
        units.chain(words).map(move |(shape, unit)| {
            let mut genome = Genome::new(shape, unit);
            genome.long = random.below(LENGTHS.len());
            genome.number = Number::ALL[random.below(Number::ALL.len())];
            genome
        })
    }

    pub(crate) fn unit(&self, random: &mut Random) -> Vec<u8> {
        let from = if random.below(2) == 0 || self.words.is_empty() { &self.first } else { &self.words };
        from[random.below(from.len())].clone()
    }
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    use portcullis_engine::transformations::Transformation;
    let mut out = Vec::new();
    if Transformation::UrlDecode.apply(text, &mut out) { out } else { text.to_vec() }
}

/// xorshift64*: the same on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

/// What decoders, tokenizers and patterns care about.
const UNITS: &[&str] = &[
    "((",
    "()",
    "[[",
    "{{",
    "{}",
    "''",
    "\"\"",
    "``",
    "\\\\",
    "\\x41",
    "\\u0041",
    "\\101",
    "\\41 ",
    "%41",
    "%2541",
    "%u0041",
    "&#x41;",
    "&lt;",
    "&amp;",
    "&",
    "+",
    "/*",
    "*/",
    "/**/",
    "<!--",
    "-->",
    "--",
    "-- ",
    "#",
    ";--",
    "0x41",
    "0x",
    "0b1",
    "../",
    "..\\",
    "./",
    "//",
    "..;/",
    "a=",
    "a.b.",
    "a,",
    "a ",
    "a\t",
    "\r\n",
    "\n",
    "\n\n",
    "a\n",
    " \n",
    "=a",
    "<a",
    "<a ",
    "<a b=",
    "</a>",
    "<!",
    "<![CDATA[",
    "<?",
    "<script",
    "<script>",
    "javascript:",
    "on",
    "onload=",
    "style=",
    "expression(",
    "x:x(",
    "select ",
    "union ",
    "union all select ",
    "or 1=1 ",
    "and ",
    "' or '",
    "1 or ",
    "sleep(",
    "char(",
    "concat(",
    "case when ",
    "having ",
    "order by ",
    "@@",
    "@a",
    "$a",
    "${",
    "${jndi:",
    "${${",
    "$(",
    "$((",
    "<(",
    "`a`",
    "|",
    "||",
    "&&",
    ";",
    ";a",
    "|a ",
    "cat ",
    "/bin/",
    "/etc/passwd",
    "echo ",
    "ls ",
    "wget ",
    "cmd ",
    "/???/",
    "a?",
    "a*",
    "[a]",
    "[a-z]",
    "{a,b}",
    "~/",
    "!",
    "^",
    "'a'",
    "\"a\"",
    "a'b",
    "a\"b",
    "c^a^t",
    "c''at",
    "phpinfo(",
    "<?php",
    "<?=",
    "system(",
    "eval(",
    "base64_decode(",
    "require(",
    "__proto__",
    "constructor",
    "process.env",
    "%{",
    "{%",
    "{{7*7}}",
    "#{",
    "T(java",
    "java.lang.",
    "Runtime",
    "class.",
    "ognl",
    "http://",
    "http://127.0.0.1/",
    "file://",
    "php://",
    "data:",
    "ftp://",
    "ldap://",
    "@",
    "a@",
    "0",
    "1",
    "1.",
    "1e1",
    "1,1",
    "9999999999999999",
    "a",
    "A",
    "aA",
    "ab",
    "abc ",
    "é",
    "€",
    "😀",
    "\u{a0}",
    "\u{ff1c}",
    "=",
    "==",
    "QUJD",
    "!=",
    "<>",
    ">=",
    "~",
    "_",
    "-",
    ".",
    ",",
    ":",
    "::",
];
