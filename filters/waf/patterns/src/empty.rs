//! Whether parts of a pattern can match nothing.

use crate::ast::{Assertion, Ast, Node};

/// Whether a match of `^` can be followed by nothing, so that it matters whether it holds at the end of the input.
#[must_use]
pub fn line_start_can_end(ast: &Ast) -> bool {
    can_end(&ast.root, false)
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
#[must_use]
pub fn can_be_empty(node: &Node) -> bool {
    match node {
        Node::Set(_) => false,
        Node::Empty | Node::Assertion(_) | Node::Look { .. } | Node::BackReference { .. } => true,
        Node::Concat(nodes) => nodes.iter().all(can_be_empty),
        Node::Alternate(nodes) => nodes.iter().any(can_be_empty),
        Node::Capture(_, node) | Node::Atomic(node) => can_be_empty(node),
        Node::Repeat { node, min, .. } => *min == 0 || can_be_empty(node),
    }
}
