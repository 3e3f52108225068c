//! A DTD, a document, and what is said of it.

use super::validate::MAX_VIOLATIONS;
use super::*;
use crate::Limits;

const CASES: &[(&str, &str, &[&str])] = &[
    ("<!ELEMENT a EMPTY>", "<a/>", &[]),
    ("<!ELEMENT a EMPTY>", "<a></a>", &[]),
    ("<!ELEMENT a EMPTY>", "<a> </a>", &["Element a was declared EMPTY this one has content"]),
    ("<!ELEMENT a EMPTY>", "<b/>", &["No declaration for element b"]),
    ("<!ELEMENT a ANY>", "<a>x<a/>y</a>", &[]),
    ("<!ELEMENT a (#PCDATA)>", "<a>x&lt;<![CDATA[y]]></a>", &[]),
    (
        "<!ELEMENT a (#PCDATA)><!ELEMENT b EMPTY>",
        "<a>x<b/></a>",
        &["Element b is not declared in a list of possible children"],
    ),
    ("<!ELEMENT a (#PCDATA|b)*><!ELEMENT b EMPTY>", "<a>x<b/>y<b/></a>", &[]),
    ("<!ELEMENT a (b,c?)><!ELEMENT b EMPTY><!ELEMENT c EMPTY>", "<a> <b/>\n<c/> </a>", &[]),
    ("<!ELEMENT a (b,c?)><!ELEMENT b EMPTY><!ELEMENT c EMPTY>", "<a><b/></a>", &[]),
    (
        "<!ELEMENT a (b,c?)><!ELEMENT b EMPTY><!ELEMENT c EMPTY>",
        "<a><c/></a>",
        &["Element a content does not follow the DTD"],
    ),
    (
        "<!ELEMENT a (b,c?)><!ELEMENT b EMPTY><!ELEMENT c EMPTY>",
        "<a/>",
        &["Element a content does not follow the DTD"],
    ),
    ("<!ELEMENT a (b)><!ELEMENT b EMPTY>", "<a>x<b/></a>", &["Element a content does not follow the DTD"]),
    ("<!ELEMENT a ((b|c)+,b)*><!ELEMENT b EMPTY><!ELEMENT c EMPTY>", "<a><c/><b/><b/><c/><b/></a>", &[]),
    (
        "<!ELEMENT a ((b|c)+,b)*><!ELEMENT b EMPTY><!ELEMENT c EMPTY>",
        "<a><b/></a>",
        &["Element a content does not follow the DTD"],
    ),
    ("<!ENTITY % m '(b|c)*'><!ELEMENT a %m;><!ELEMENT b EMPTY><!ELEMENT c EMPTY>", "<a><c/><b/></a>", &[]),
    ("<!ENTITY % d '<!ELEMENT a EMPTY>'> %d; <!-- <! --> <?x?>", "<a/>", &[]),
    ("<!ELEMENT a EMPTY><!ATTLIST a x CDATA #REQUIRED>", "<a/>", &["Element a does not carry attribute x"]),
    ("<!ELEMENT a EMPTY><!ATTLIST a x CDATA #IMPLIED y (p|q) 'p'>", "<a y=' q '/>", &[]),
    (
        "<!ELEMENT a EMPTY><!ATTLIST a y (p|q) 'p'>",
        "<a y='r' z='1'/>",
        &[
            "Value for attribute y of a is not among the enumerated set",
            "No declaration for attribute z of element a",
        ],
    ),
    (
        "<!ELEMENT a EMPTY><!ATTLIST a v CDATA #FIXED '1>'>",
        "<a v='2'/>",
        &["Value for attribute v of a is different from default"],
    ),
    ("<!ELEMENT a EMPTY><!ATTLIST a v CDATA #FIXED '1>'>", "<a v='1>'/>", &[]),
    ("<!ELEMENT a (a*)><!ATTLIST a i ID #IMPLIED r IDREFS #IMPLIED>", "<a i='x' r='y x'><a i='y'/></a>", &[]),
    (
        "<!ELEMENT a (a*)><!ATTLIST a i ID #IMPLIED r IDREFS #IMPLIED>",
        "<a i='x' r='z'><a i='x'/><a i='1'/></a>",
        &[
            "ID x already defined",
            "Syntax of value for attribute i of a is not valid",
            "IDREF attribute references an unknown ID \"z\"",
        ],
    ),
    ("<!ELEMENT p:a EMPTY><!ATTLIST p:a xmlns:p CDATA #IMPLIED>", "<p:a xmlns:p='u'/>", &[]),
    ("<!ELEMENT a EMPTY>", "<a>", &["not well formed"]),
    ("<!ELEMENT a EMPTY>", "a=1", &["not well formed"]),
];

#[test]
fn documents() {
    for (dtd, document, expected) in CASES {
        let parsed = Dtd::parse(dtd.as_bytes()).unwrap_or_else(|error| panic!("{dtd}: {error}"));
        let found = match parsed.validate(document.as_bytes(), &Limits::default()) {
            Validity::Valid => Vec::new(),
            Validity::NotWellFormed => vec!["not well formed".to_owned()],
            Validity::Invalid(violations) => violations.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(found, *expected, "{dtd} {document}");
    }
}

#[test]
fn what_is_no_dtd_is_refused() {
    for (dtd, expected) in [
        ("x", "line 1: `x` is no declaration"),
        ("<!ELEMENT a EMPTY>\n<!ATLIST a x CDATA #REQUIRED>", "line 2: `ATLIST a x CDATA #REQUIRED` is no"),
        ("<!ELEMENT a EMPTY", "line 1: the declaration is never closed"),
        ("<!ELEMENT a (b", "line 1: the declaration is never closed"),
        ("<!ELEMENT a b>", "line 1: `ELEMENT a b` is malformed"),
        ("<!ELEMENT a (b,c|d)>", "line 1: `ELEMENT a (b,c|d)` is malformed"),
        ("<!ELEMENT a (#PCDATA|b)>", "line 1: `ELEMENT a (#PCDATA|b)` is malformed"),
        ("<!ELEMENT a EMPTY><!ELEMENT a ANY>", "line 1: the element a is declared twice"),
        ("<!ENTITY % e SYSTEM 'x.ent'>", "line 1: %e; is in another file"),
        ("%e;", "line 1: the parameter entity %e; is not declared"),
        ("<![INCLUDE[<!ELEMENT a EMPTY>]]>", "line 1: conditional sections are not supported"),
        ("<!ATTLIST a x y #REQUIRED>", "line 1: `ATTLIST a x y #REQUIRED` is malformed"),
        ("\u{0}", "line 1: `\u{0}` is no declaration"),
    ] {
        let error = Dtd::parse(dtd.as_bytes()).expect_err(dtd).to_string();
        assert!(error.starts_with(expected), "{dtd}: {error}");
    }
    assert!(Dtd::parse(b"\xff").is_err());
}

/// A DTD comes from the operator, a document from anybody.
#[test]
fn large_ones_end() {
    let mut laughs = "<!ENTITY % a '(b|b)'>".to_owned();
    for (name, before) in ('c'..='z').zip('b'..='y') {
        let before = if before == 'b' { 'a' } else { before };
        laughs.push_str(&format!("<!ENTITY % {name} '%{before};%{before};%{before};%{before};'>"));
    }
    laughs.push_str("<!ELEMENT a %z;>");
    let refused = Dtd::parse(laughs.as_bytes()).err().map(|error| error.problem);
    assert_eq!(refused, Some(DtdProblem::TooLarge));
    let deep = format!("<!ELEMENT a {}b{}>", "(".repeat(9999), ")".repeat(9999));
    assert!(Dtd::parse(deep.as_bytes()).is_err());
    let dtd = Dtd::parse(b"<!ELEMENT a (a|b)*><!ELEMENT b EMPTY>").expect("a DTD");
    let document = format!("<a>{}</a>", "<b/><c/>".repeat(50_000));
    let Validity::Invalid(violations) = dtd.validate(document.as_bytes(), &Limits::default()) else {
        panic!("c is not declared")
    };
    assert!(violations.len() <= MAX_VIOLATIONS + 1);
}
