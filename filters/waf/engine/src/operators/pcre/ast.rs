//! The syntax tree of a pattern, with flags, classes and escapes already resolved to sets of bytes.

use crate::operators::byte_set::ByteSet;

/// A pattern and what its parts need to know of the whole.
#[derive(Clone, Debug)]
pub(super) struct Ast {
    pub(super) root: Node,
    /// How many capturing groups there are, without the whole match.
    pub(super) groups: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Empty,
    /// One byte out of a set.
    Set(ByteSet),
    Assertion(Assertion),
    Concat(Vec<Node>),
    Alternate(Vec<Node>),
    /// A capturing group, counted from 1.
    Capture(usize, Box<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        /// `None`: no upper bound.
        max: Option<u32>,
        mode: Mode,
    },
    /// `(?=`, `(?!`, `(?<=`, `(?<!`.
    Look {
        behind: bool,
        negative: bool,
        node: Box<Node>,
    },
    /// `(?>`: once matched, never tried again in another way.
    Atomic(Box<Node>),
    BackReference {
        group: usize,
        ignore_case: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Greedy,
    Lazy,
    Possessive,
}

/// A condition on a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assertion {
    /// `\A`, and `^` without the `m` flag.
    Start,
    /// `^`: at the start, or after a newline that does not end the input.
    StartLine,
    /// `\z`.
    End,
    /// `$`: at the end, or before a newline.
    EndLine,
    /// `\Z`, and `$` without the `m` flag: at the end, or before a newline that ends the input.
    EndOrLastNewline,
    /// `\b`.
    WordBoundary,
    /// `\B`.
    NotWordBoundary,
}

impl Node {
    /// Whether `wanted` holds for this node or any node below. Not recursive: patterns may nest deeply.
    pub(super) fn any(&self, wanted: impl Fn(&Node) -> bool) -> bool {
        let mut stack = vec![self];
        while let Some(node) = stack.pop() {
            if wanted(node) {
                return true;
            }
            match node {
                Self::Concat(nodes) | Self::Alternate(nodes) => stack.extend(nodes),
                Self::Capture(_, node) | Self::Atomic(node) => stack.push(node),
                Self::Repeat { node, .. } | Self::Look { node, .. } => stack.push(node),
                Self::Empty | Self::Set(_) | Self::Assertion(_) | Self::BackReference { .. } => {}
            }
        }
        false
    }

    /// The set, if the node matches exactly one byte.
    pub(super) fn as_set(&self) -> Option<ByteSet> {
        match self {
            Self::Set(set) => Some(*set),
            _ => None,
        }
    }
}
