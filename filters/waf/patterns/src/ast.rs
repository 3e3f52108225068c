//! The syntax tree of a pattern, with flags, classes and escapes already resolved to sets of bytes.

use crate::byte_set::ByteSet;

/// A pattern and what its parts need to know of the whole.
#[derive(Clone, Debug)]
pub struct Ast {
    /// The whole pattern.
    pub root: Node,
    /// How many capturing groups there are, without the whole match.
    pub groups: usize,
}

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Matches where it stands, without a byte.
    Empty,
    /// One byte out of a set.
    Set(ByteSet),
    /// A condition on the position.
    Assertion(Assertion),
    /// One after the other.
    Concat(Vec<Node>),
    /// One of these, the first that matches.
    Alternate(Vec<Node>),
    /// A capturing group, counted from 1.
    Capture(usize, Box<Node>),
    /// Several times.
    Repeat {
        /// What is repeated.
        node: Box<Node>,
        /// How often at least.
        min: u32,
        /// How often at most. `None`: no upper bound.
        max: Option<u32>,
        /// How many turns are tried first.
        mode: Mode,
    },
    /// `(?=`, `(?!`, `(?<=`, `(?<!`.
    Look {
        /// What it looks for ends here, and does not begin here.
        behind: bool,
        /// It must not be there.
        negative: bool,
        /// What it looks for.
        node: Box<Node>,
    },
    /// `(?>`: once matched, never tried again in another way.
    Atomic(Box<Node>),
    /// What a group has matched, again.
    BackReference {
        /// Its number.
        group: usize,
        /// ASCII letters match in either case.
        ignore_case: bool,
    },
}

/// How many turns of a repetition are tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As many as there can be.
    Greedy,
    /// As few as there can be.
    Lazy,
    /// As many as there can be, and no fewer after that.
    Possessive,
}

/// A condition on a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assertion {
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
    #[must_use]
    pub fn any(&self, wanted: impl Fn(&Node) -> bool) -> bool {
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
    #[must_use]
    pub fn as_set(&self) -> Option<ByteSet> {
        match self {
            Self::Set(set) => Some(*set),
            _ => None,
        }
    }
}
