//! The NFAs of regular patterns, made from our own syntax tree with the states of `regex-automata`.
//!
//! That crate's compiler takes a tree of `regex-syntax`, which knows Unicode: both are fifty KB of code. What it does is done here in
//! the same way: K. Thompson, "Regular Expression Search Algorithm", 1968, with the order of alternatives that R. Cox
//! describes, <https://swtch.com/~rsc/regexp/regexp2.html>.

use regex_automata::nfa::thompson::{Builder, NFA, Transition};
use regex_automata::util::look::Look;
use regex_automata::util::primitives::StateID;

use crate::ast::{Assertion, Mode, Node};
use crate::byte_set::ByteSet;
use crate::required::min_length;

/// What an NFA is to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Where a match ends.
    End,
    /// Where a match starts, run backwards from its end, and only from there.
    Start,
    /// The groups.
    Groups,
}

/// The NFA of nodes that follow each other. `None` for what is not regular, and where there would be too many states.
#[must_use]
#[inline(never)]
pub fn build(nodes: &[Node], purpose: Purpose) -> Option<NFA> {
    let mut compiler = Compiler { builder: Builder::new(), purpose };
    compiler.builder.set_reverse(purpose == Purpose::Start);
    // A pattern that only matches at the start is not searched for anywhere else.
    let anchored = purpose == Purpose::Start || starts_at_start(nodes);
    let prefix = match anchored {
        true => compiler.empty()?,
        false => compiler.repeat(&Node::Set(ByteSet::range(0, u8::MAX)), 0, None, false)?,
    };
    compiler.builder.start_pattern().ok()?;
    let whole = match purpose {
        Purpose::Groups => compiler.capture(0, nodes)?,
        Purpose::End | Purpose::Start => compiler.sequence(nodes)?,
    };
    let found = compiler.builder.add_match().ok()?;
    compiler.patch(whole.end, found)?;
    compiler.builder.finish_pattern(whole.start).ok()?;
    compiler.patch(prefix.end, whole.start)?;
    finish(&compiler.builder, whole.start, prefix.start)
}

// Apart: LLVM puts both of these large functions into one, which V8 needs half a megabyte more to compile.
#[inline(never)]
fn finish(builder: &Builder, anchored: StateID, unanchored: StateID) -> Option<NFA> {
    builder.build(anchored, unanchored).ok()
}

struct Compiler {
    builder: Builder,
    purpose: Purpose,
}

/// States, of which `end` is still without a successor.
#[derive(Clone, Copy)]
struct Fragment {
    start: StateID,
    end: StateID,
}

impl Compiler {
    fn node(&mut self, node: &Node) -> Option<Fragment> {
        match node {
            Node::Empty => self.empty(),
            Node::Set(set) => self.set(*set),
            Node::Assertion(assertion) => {
                let look = look(*assertion)?;
                let look = if self.is_reverse() { look.reversed() } else { look };
                self.builder.add_look(StateID::ZERO, look).ok().map(single)
            }
            Node::Concat(nodes) => self.sequence(nodes),
            Node::Alternate(_) => {
                let mut branches = Vec::new();
                add_branches(node, &mut branches);
                self.choice(&branches)
            }
            Node::Capture(group, node) => match self.purpose {
                Purpose::Groups => self.capture(u32::try_from(*group).ok()?, std::slice::from_ref(node)),
                Purpose::End | Purpose::Start => self.node(node),
            },
            Node::Repeat { node, min, max, mode } => {
                let (min, max) = match is_zero_width(node) {
                    true => ((*min).min(1), Some(max.unwrap_or(1).min(1))),
                    false => (*min, *max),
                };
                self.repeat(node, min, max, *mode != Mode::Lazy)
            }
            Node::Look { .. } | Node::Atomic(_) | Node::BackReference { .. } => None,
        }
    }

    fn sequence(&mut self, nodes: &[Node]) -> Option<Fragment> {
        let mut whole: Option<Fragment> = None;
        for index in 0..nodes.len() {
            let index = if self.is_reverse() { nodes.len() - 1 - index } else { index };
            let next = self.node(nodes.get(index)?)?;
            whole = Some(self.joined(whole, next)?);
        }
        whole.map_or_else(|| self.empty(), Some)
    }

    /// The branches in this order of preference. What those beside each other begin with in common is there once.
    fn choice(&mut self, branches: &[&[Node]]) -> Option<Fragment> {
        let sets = branches.iter().map(|branch| match branch {
            [Node::Set(set)] => Some(*set),
            _ => None,
        });
        if let Some(set) = sets.reduce(|all, set| Some(all?.union(set?))).flatten() {
            return self.set(set);
        }
        let mut rest = branches;
        let mut options = Vec::new();
        while let [first, ..] = rest {
            let (common, together) = self.common(rest);
            let (these, others) = rest.split_at_checked(together)?;
            rest = others;
            if common == 0 {
                options.push(self.sequence(first)?);
                continue;
            }
            let prefix = self.sequence(self.split(first, common)?.0)?;
            let tails = these.iter().map(|branch| Some(self.split(branch, common)?.1));
            let tails = tails.collect::<Option<Vec<_>>>()?;
            let tail = self.choice(&tails)?;
            options.push(self.joined(Some(prefix), tail)?);
        }
        if let [only] = options.as_slice() {
            return Some(*only);
        }
        let union = self.builder.add_union(Vec::new()).ok()?;
        let end = self.empty()?.end;
        for option in options {
            self.patch(union, option.start)?;
            self.patch(option.end, end)?;
        }
        Some(Fragment { start: union, end })
    }

    /// How many sets the first branch has in common with those right behind it, and how many branches these are, itself included.
    fn common(&self, branches: &[&[Node]]) -> (usize, usize) {
        let [first, others @ ..] = branches else { return (0, 0) };
        let mut common = usize::MAX;
        let mut together = 1;
        for other in others {
            let pairs =
                (0..first.len().min(other.len())).map(|at| (self.nth(first, at), self.nth(other, at)));
            let same = |pair: &(Option<&Node>, Option<&Node>)| matches!(pair, (Some(Node::Set(one)), Some(Node::Set(other))) if one == other);
            match pairs.take_while(same).count() {
                0 => break,
                same => common = common.min(same),
            }
            together += 1;
        }
        if together == 1 { (0, 1) } else { (common, together) }
    }

    /// The node that a search comes to after `at` others.
    fn nth<'n>(&self, nodes: &'n [Node], at: usize) -> Option<&'n Node> {
        nodes.get(if self.is_reverse() { nodes.len().checked_sub(at + 1)? } else { at })
    }

    /// The first `count` nodes that a search comes to, and the others.
    fn split<'n>(&self, nodes: &'n [Node], count: usize) -> Option<(&'n [Node], &'n [Node])> {
        if self.is_reverse() {
            let (others, first) = nodes.split_at_checked(nodes.len().checked_sub(count)?)?;
            return Some((first, others));
        }
        nodes.split_at_checked(count)
    }

    fn capture(&mut self, group: u32, nodes: &[Node]) -> Option<Fragment> {
        let start = self.builder.add_capture_start(StateID::ZERO, group, None).ok()?;
        let inner = self.sequence(nodes)?;
        let end = self.builder.add_capture_end(StateID::ZERO, group).ok()?;
        self.patch(start, inner.start)?;
        self.patch(inner.end, end)?;
        Some(Fragment { start, end })
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>, greedy: bool) -> Option<Fragment> {
        let mut whole = None;
        // The last one loops.
        let times = if max.is_none() { min.saturating_sub(1) } else { min };
        for _ in 0..times {
            let next = self.node(node)?;
            whole = Some(self.joined(whole, next)?);
        }
        let Some(max) = max else {
            let last =
                if min == 0 { self.any_number(node, greedy)? } else { self.at_least_one(node, greedy)? };
            return self.joined(whole, last);
        };
        if max <= min {
            return whole.map_or_else(|| self.empty(), Some);
        }
        // Each of those that need not be leads to the same end, so there are few states behind each other without a byte between.
        let end = self.empty()?.end;
        for _ in min..max {
            let union = self.union(greedy)?;
            let inner = self.node(node)?;
            self.patch(union, inner.start)?;
            self.patch(union, end)?;
            whole = Some(self.joined(whole, Fragment { start: union, end: inner.end })?);
        }
        self.joined(whole, Fragment { start: end, end })
    }

    fn any_number(&mut self, node: &Node, greedy: bool) -> Option<Fragment> {
        if min_length(node) > 0 {
            let union = self.union(greedy)?;
            let inner = self.node(node)?;
            self.patch(union, inner.start)?;
            self.patch(inner.end, union)?;
            return Some(single(union));
        }
        // What can be empty is looped as `(x+)?`: as `x*` the order of preference would be wrong,
        // https://github.com/rust-lang/regex/issues/779.
        let loops = self.at_least_one(node, greedy)?;
        let union = self.union(greedy)?;
        let end = self.empty()?.end;
        self.patch(union, loops.start)?;
        self.patch(union, end)?;
        self.patch(loops.end, end)?;
        Some(Fragment { start: union, end })
    }

    fn at_least_one(&mut self, node: &Node, greedy: bool) -> Option<Fragment> {
        let inner = self.node(node)?;
        let union = self.union(greedy)?;
        self.patch(inner.end, union)?;
        self.patch(union, inner.start)?;
        Some(Fragment { start: inner.start, end: union })
    }

    fn set(&mut self, set: ByteSet) -> Option<Fragment> {
        let transition = |(start, end): &(u8, u8), next| Transition { start: *start, end: *end, next };
        match set.ranges().as_slice() {
            [] => self.builder.add_fail().ok().map(single),
            [range] => self.builder.add_range(transition(range, StateID::ZERO)).ok().map(single),
            ranges => {
                let end = self.empty()?.end;
                let transitions = ranges.iter().map(|range| transition(range, end)).collect();
                Some(Fragment { start: self.builder.add_sparse(transitions).ok()?, end })
            }
        }
    }

    fn empty(&mut self) -> Option<Fragment> {
        self.builder.add_empty().ok().map(single)
    }

    /// A state that goes on in the order in which successors are given to it, or in the other.
    fn union(&mut self, greedy: bool) -> Option<StateID> {
        match greedy {
            true => self.builder.add_union(Vec::new()),
            false => self.builder.add_union_reverse(Vec::new()),
        }
        .ok()
    }

    fn joined(&mut self, first: Option<Fragment>, then: Fragment) -> Option<Fragment> {
        let Some(first) = first else { return Some(then) };
        self.patch(first.end, then.start)?;
        Some(Fragment { start: first.start, end: then.end })
    }

    fn patch(&mut self, from: StateID, to: StateID) -> Option<()> {
        self.builder.patch(from, to).ok()
    }

    fn is_reverse(&self) -> bool {
        self.purpose == Purpose::Start
    }
}

fn single(state: StateID) -> Fragment {
    Fragment { start: state, end: state }
}

fn look(assertion: Assertion) -> Option<Look> {
    Some(match assertion {
        Assertion::Start => Look::Start,
        Assertion::StartLine => Look::StartLF,
        Assertion::End => Look::End,
        Assertion::EndLine => Look::EndLF,
        Assertion::EndOrLastNewline => return None,
        Assertion::WordBoundary => Look::WordAscii,
        Assertion::NotWordBoundary => Look::WordAsciiNegate,
    })
}

/// The branches of a choice, and of choices that are branches of it.
fn add_branches<'n>(node: &'n Node, branches: &mut Vec<&'n [Node]>) {
    match node {
        Node::Alternate(nodes) => nodes.iter().for_each(|node| add_branches(node, branches)),
        Node::Concat(nodes) => branches.push(nodes),
        node => branches.push(std::slice::from_ref(node)),
    }
}

/// Whether it takes no byte, ever.
fn is_zero_width(node: &Node) -> bool {
    match node {
        Node::Empty | Node::Assertion(_) => true,
        Node::Capture(_, node) | Node::Repeat { node, .. } => is_zero_width(node),
        Node::Concat(nodes) | Node::Alternate(nodes) => nodes.iter().all(is_zero_width),
        _ => false,
    }
}

/// Whether any match begins at the start of the input, as far as that is easily seen.
fn starts_at_start(nodes: &[Node]) -> bool {
    match nodes.iter().find(|node| **node != Node::Empty) {
        Some(Node::Assertion(Assertion::Start)) => true,
        Some(Node::Capture(_, node)) => starts_at_start(std::slice::from_ref(node)),
        Some(Node::Concat(nodes)) => starts_at_start(nodes),
        Some(Node::Alternate(nodes)) => nodes.iter().all(|node| starts_at_start(std::slice::from_ref(node))),
        _ => false,
    }
}
