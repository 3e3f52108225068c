//! Writes a syntax tree in the syntax of the `regex` crate, if it is regular.

use std::fmt::Write;

use super::ast::{Assertion, Ast, Mode, Node};
use crate::operators::byte_set::ByteSet;

/// The pattern for a builder with `unicode(false)`, `multi_line(true)` and `dot_matches_new_line(true)`; `None` if the
/// pattern needs backtracking.
pub(super) fn to_regex(ast: &Ast) -> Option<String> {
    let mut text = String::new();
    write(&ast.root, true, &mut text).then_some(text)
}

/// Whether a match of `^` can be followed by nothing, so that it matters whether it holds at the end of the input.
pub(super) fn line_start_can_end(ast: &Ast) -> bool {
    can_end(&ast.root, false)
}

/// `last`: nothing follows in the whole pattern.
fn write(node: &Node, last: bool, out: &mut String) -> bool {
    match node {
        Node::Empty => out.push_str("(?:)"),
        Node::Set(set) => write_set(*set, out),
        Node::Assertion(assertion) => out.push_str(match assertion {
            Assertion::Start => r"\A",
            Assertion::StartLine => "^",
            Assertion::End => r"\z",
            Assertion::EndLine => "$",
            Assertion::EndOrLastNewline => return false,
            Assertion::WordBoundary => r"\b",
            Assertion::NotWordBoundary => r"\B",
        }),
        Node::Concat(nodes) => {
            let mut rest = nodes.as_slice();
            while let [node, tail @ ..] = rest {
                rest = tail;
                if !write_in_sequence(node, tail, last, out) {
                    return false;
                }
            }
        }
        Node::Alternate(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                out.push_str(if index == 0 { "(?:" } else { "|" });
                if !write(node, last, out) {
                    return false;
                }
            }
            out.push(')');
        }
        Node::Capture(_, inner) => {
            out.push('(');
            if !write(inner, last, out) {
                return false;
            }
            out.push(')');
        }
        Node::Repeat { .. } => return write_in_sequence(node, &[], last, out),
        Node::Look { .. } | Node::Atomic(_) | Node::BackReference { .. } => return false,
    }
    true
}

/// Writes `node`, which `following` comes after in the same sequence.
fn write_in_sequence(node: &Node, following: &[Node], last: bool, out: &mut String) -> bool {
    let last = last && following.is_empty();
    let Node::Repeat { node, min, max, mode } = node else { return write(node, last, out) };
    // What a possessive loop over bytes leaves untaken can't be what follows: giving back would not help, so the
    // plain loop finds the same.
    let gives_back = *mode == Mode::Possessive
        && !match (node.as_set(), max) {
            (Some(set), None) => {
                last || first_bytes(following).is_some_and(|first| set.intersection(first).is_empty())
            }
            (Some(_), Some(_)) => last,
            _ => false,
        };
    if gives_back {
        return false;
    }
    out.push_str("(?:");
    if !write(node, false, out) {
        return false;
    }
    out.push(')');
    // Writing to a string can't fail.
    let _ = match (min, max) {
        (0, None) => write!(out, "*"),
        (1, None) => write!(out, "+"),
        (0, Some(1)) => write!(out, "?"),
        (min, None) => write!(out, "{{{min},}}"),
        (min, Some(max)) => write!(out, "{{{min},{max}}}"),
    };
    if *mode == Mode::Lazy {
        out.push('?');
    }
    true
}

fn write_set(set: ByteSet, out: &mut String) {
    if set == ByteSet::FULL {
        out.push('.');
        return;
    }
    let ranges = set.ranges();
    // Writing to a string can't fail.
    let _ = match ranges.as_slice() {
        [] => write!(out, r"[^\x00-\xFF]"),
        [(first, last)] if first == last => write!(out, r"\x{first:02X}"),
        _ => {
            out.push('[');
            for (first, last) in ranges {
                let _ = write!(out, r"\x{first:02X}-\x{last:02X}");
            }
            write!(out, "]")
        }
    };
}

/// The bytes that a match of the sequence starts with; `None` if it can be empty or is not that simple.
fn first_bytes(nodes: &[Node]) -> Option<ByteSet> {
    let [first, ..] = nodes else { return None };
    match first {
        Node::Set(set) => Some(*set),
        Node::Capture(_, node) | Node::Atomic(node) => first_bytes(std::slice::from_ref(node)),
        Node::Repeat { node, min: 1.., .. } => first_bytes(std::slice::from_ref(node)),
        Node::Concat(nodes) => first_bytes(nodes),
        Node::Alternate(branches) => branches.iter().try_fold(ByteSet::EMPTY, |all, branch| {
            Some(all.union(first_bytes(std::slice::from_ref(branch))?))
        }),
        _ => None,
    }
}

/// `followed`: at least one byte is matched after `node`.
fn can_end(node: &Node, followed: bool) -> bool {
    match node {
        Node::Assertion(Assertion::StartLine) => !followed,
        Node::Concat(nodes) => nodes.iter().enumerate().any(|(index, node)| {
            let tail = nodes.get(index + 1..).unwrap_or_default();
            can_end(node, followed || tail.iter().any(|node| !can_be_empty(node)))
        }),
        Node::Alternate(nodes) => nodes.iter().any(|node| can_end(node, followed)),
        Node::Capture(_, node) | Node::Atomic(node) | Node::Repeat { node, .. } => can_end(node, followed),
        Node::Look { node, .. } => can_end(node, false),
        _ => false,
    }
}

/// Whether the node can match without taking a byte.
pub(super) fn can_be_empty(node: &Node) -> bool {
    match node {
        Node::Set(_) => false,
        Node::Empty | Node::Assertion(_) | Node::Look { .. } | Node::BackReference { .. } => true,
        Node::Concat(nodes) => nodes.iter().all(can_be_empty),
        Node::Alternate(nodes) => nodes.iter().any(can_be_empty),
        Node::Capture(_, node) | Node::Atomic(node) => can_be_empty(node),
        Node::Repeat { node, min, .. } => *min == 0 || can_be_empty(node),
    }
}
