use std::ops::ControlFlow;

use super::{XPath, XPathProblem, XmlTree};
use crate::{Limits, XmlError};

const NAMESPACES: &[(&[u8], &[u8])] = &[(b"s", b"urn:soap"), (b"e", b"")];

fn parse(document: &str) -> (XmlTree, Result<(), XmlError>) {
    let mut tree = XmlTree::default();
    let result = crate::parse(document.as_bytes(), &Limits::default(), &mut tree);
    tree.finish();
    (tree, result)
}

fn evaluate(expression: &str, document: &str) -> Vec<String> {
    let xpath = XPath::compile(expression.as_bytes(), NAMESPACES).unwrap();
    let (tree, result) = parse(document);
    result.unwrap();
    let mut values = Vec::new();
    let flow = xpath.evaluate(&tree, &mut |value| {
        values.push(String::from_utf8_lossy(value).into_owned());
        ControlFlow::Continue(())
    });
    assert_eq!(flow, ControlFlow::Continue(()));
    values
}

#[test]
fn finds_nodes_in_document_order() {
    const DOCUMENT: &str =
        "<a i='0'>t<b i='1'>u<c>v</c></b><!-- x -->w<b i='2' j='3'><c>x</c><c>y</c></b><d><b/></d>z</a>";
    const CASES: &[(&str, &[&str])] = &[
        ("/a", &["tuvwxyz"]),
        ("/b", &[]),
        ("/a/b", &["uv", "xy"]),
        ("/a/*", &["uv", "xy", ""]),
        ("//b", &["uv", "xy", ""]),
        ("//b//c", &["v", "x", "y"]),
        ("/a//c", &["v", "x", "y"]),
        ("//*//*//c", &["v", "x", "y"]),
        ("//@i", &["0", "1", "2"]),
        ("/a/b/@*", &["1", "2", "3"]),
        ("//text()", &["t", "u", "v", "w", "x", "y", "z"]),
        ("/a/text()", &["t", "w", "z"]),
        ("/a/b[2]", &["xy"]),
        ("//c[1]", &["v", "x"]),
        ("//b[3]", &[]),
        ("/a/b[@j]", &["xy"]),
        ("/a/b[@i='1']", &["uv"]),
        ("/a/b[@i='1'][2]", &[]),
        ("/a/b[2][@i=\"2\"]/c[ 2 ]", &["y"]),
        ("/a/b[text()]", &["uv"]),
        ("/a[text()='w']/d", &[""]),
        ("/a/b[c]", &["uv", "xy"]),
        ("/a/b[c='y']/c", &["x", "y"]),
        ("/a/*[local-name() = 'd']", &[""]),
        ("//c[.='x']", &["x"]),
        ("//c[@i]", &[]),
    ];
    for (expression, expected) in CASES {
        assert_eq!(evaluate(expression, DOCUMENT), *expected, "{expression}");
    }
}

#[test]
fn names_have_namespaces() {
    const DOCUMENT: &str = "<p:a xmlns:p='urn:soap' p:x='1' x='2'><b xmlns='urn:soap' x='3'>u</b><b>v</b>\
         <p:b xmlns:p='urn:other'>w</p:b><q:b>x</q:b></p:a>";
    const CASES: &[(&str, &[&str])] = &[
        ("/a/b", &[]),
        ("/s:a/s:b", &["u"]),
        ("/s:a/b", &["v"]),
        ("/s:a/e:b", &["v"]),
        ("/s:*/s:*", &["u"]),
        ("/*/*[local-name()='b']", &["u", "v", "w"]),
        ("//@s:x", &["1"]),
        ("//@x", &["2", "3"]),
    ];
    for (expression, expected) in CASES {
        assert_eq!(evaluate(expression, DOCUMENT), *expected, "{expression}");
    }
}

#[test]
fn refusals_say_where() {
    use XPathProblem as P;
    const CASES: &[(&str, P, usize)] = &[
        ("", P::NotAbsolute, 0),
        ("a", P::NotAbsolute, 0),
        ("/", P::Step, 1),
        ("/a/", P::Step, 3),
        ("/a b", P::Step, 3),
        ("/a|/b", P::Step, 2),
        ("/..", P::Step, 1),
        ("/a/child::b", P::Axis, 8),
        ("/a/comment()", P::Function, 3),
        ("/a[contains(b,'c')]", P::Function, 3),
        ("/x:a", P::Prefix, 1),
        ("/@a/b", P::NotLast, 3),
        ("/a/text()[1]", P::NotLast, 9),
        ("/a[]", P::Predicate, 3),
        ("/a[1", P::Predicate, 4),
        ("/a[b/c]", P::Predicate, 4),
        ("/a[b!='c']", P::Predicate, 4),
        ("/a[.]", P::Predicate, 4),
        ("/a[b=c]", P::Predicate, 5),
        ("/a[b='c]", P::Literal, 5),
    ];
    for (expression, problem, offset) in CASES {
        let error = XPath::compile(expression.as_bytes(), NAMESPACES).unwrap_err();
        assert_eq!((error.problem, error.offset), (*problem, *offset), "{expression}");
    }
    let long = "/a".repeat(33);
    assert_eq!(XPath::compile(long.as_bytes(), &[]).unwrap_err().problem, P::TooLong);
}

#[test]
fn documents_have_limits() {
    let wide = format!("<a>{}</a>", "<b/>".repeat(100_000));
    let (tree, result) = parse(&wide);
    assert_eq!((result, tree.is_full()), (Err(XmlError::Stopped), true));
    let declarations: String = (0..300).map(|number| format!(" xmlns:n{number}='u'")).collect();
    let (tree, result) = parse(&format!("<a{declarations}/>"));
    assert_eq!((result, tree.is_full()), (Err(XmlError::Stopped), true));
    let siblings = "<b xmlns:n='u'/>".repeat(1000);
    let (tree, result) = parse(&format!("<a>{siblings}</a>"));
    assert_eq!((result, tree.is_full()), (Ok(()), false));
}

#[test]
fn what_stands_before_an_error_is_found() {
    let (tree, result) = parse("<a><b>u</b><b>v</c>");
    assert!(result.is_err());
    let xpath = XPath::compile(b"/a/b", &[]).unwrap();
    let mut count = 0;
    let flow = xpath.evaluate(&tree, &mut |_| {
        count += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((flow, count), (ControlFlow::Continue(()), 2));
}
