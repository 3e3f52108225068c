//! Compiles a syntax tree for the backtracking matcher.

use crate::ast::{Assertion, Ast, Mode, Node};
use crate::byte_set::ByteSet;
use crate::empty::can_be_empty;
use crate::error::PatternErrorKind;

/// The largest program, in instructions: counted repetitions are written out.
const MAX_INSTRUCTIONS: usize = 50_000;

/// Instructions for the matcher in `vm.rs`.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where to begin, and what follows.
    pub code: Vec<Inst>,
    /// How many groups there are, the whole match included.
    pub groups: usize,
    /// How many positions a search keeps: two for each group and one for each loop that could stand still.
    pub slots: usize,
    /// The bytes that a match can start with; `None` if it can be empty.
    pub first: Option<ByteSet>,
    /// What can follow from an instruction at a position depends on these two alone.
    pub is_regular: bool,
    /// Bytes.
    memory: usize,
}

/// One of a program's instructions. Targets are indices of instructions.
#[derive(Clone, Debug)]
pub enum Inst {
    /// Take a byte of the set.
    Set(ByteSet),
    /// Go on if the condition holds.
    Assert(Assertion),
    /// Go on at the target.
    Jump(usize),
    /// Try the first target, then the second.
    Split(usize, usize),
    /// Try those of many targets that the next byte allows.
    Choice(Box<Choice>),
    /// A loop over single bytes, which needs no instruction for each turn.
    Loop {
        /// What it takes.
        set: ByteSet,
        /// How many bytes at least.
        min: usize,
        /// How many bytes at most.
        max: usize,
        /// How many are tried first.
        mode: Mode,
    },
    /// Store the position in a slot.
    Save(usize),
    /// Go on at the target if the position is still the one in the slot: the loop's last turn took nothing.
    LeaveIfStill {
        /// The slot.
        slot: usize,
        /// Where to go on.
        target: usize,
    },
    /// Run what follows up to `Accept` on its own, `back` bytes before here, then go on at `end` from here.
    Look {
        /// It must not match.
        negative: bool,
        /// Bytes.
        back: usize,
        /// The instruction after the `Accept`.
        end: usize,
    },
    /// Run what follows up to `Accept` on its own, then go on at `end` from where that ended.
    Atomic {
        /// The instruction after the `Accept`.
        end: usize,
    },
    /// Take what a group has matched.
    BackReference {
        /// Its number.
        group: usize,
        /// ASCII letters match in either case.
        ignore_case: bool,
    },
    /// The end of the program, or of a part that runs on its own.
    Accept,
}

/// Where to go on from a choice, in the order in which it is tried, by the next byte.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Lists of targets.
    lists: Vec<Box<[usize]>>,
    /// Which of the lists a byte has.
    by_byte: Box<[u8; 256]>,
}

/// From how many branches on a choice is a [`Choice`].
const MANY: usize = 5;

/// Compiles a pattern.
///
/// # Errors
///
/// The program would be too large, or a look-behind has no fixed length.
pub fn compile(ast: &Ast) -> Result<Program, PatternErrorKind> {
    let mut compiler = Compiler { code: Vec::new(), slots: 2 * (ast.groups + 1) };
    compiler.node(&ast.root)?;
    compiler.push(Inst::Accept)?;
    let first = first_of(std::slice::from_ref(&ast.root));
    let choices = compiler.code.iter().map(|inst| match inst {
        Inst::Choice(choice) => choice.memory(),
        _ => 0,
    });
    let memory = size_of::<Program>() + compiler.code.len() * size_of::<Inst>() + choices.sum::<usize>();
    let is_regular = !compiler
        .code
        .iter()
        .any(|inst| matches!(inst, Inst::Look { .. } | Inst::Atomic { .. } | Inst::BackReference { .. }));
    let Compiler { code, slots } = compiler;
    Ok(Program { code, groups: ast.groups + 1, slots, first, is_regular, memory })
}

impl Program {
    /// Bytes of memory.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.memory
    }
}

impl Choice {
    /// Of branches, each with its place.
    fn new(branches: &[(&Node, usize)]) -> Self {
        let firsts: Vec<(ByteSet, usize)> = branches
            .iter()
            .map(|(node, at)| (if can_be_empty(node) { ByteSet::FULL } else { first_bytes(node) }, *at))
            .collect();
        // The first list is for the end of the input.
        let empty = branches.iter().filter(|(node, _)| can_be_empty(node)).map(|(_, at)| *at);
        let mut lists: Vec<Box<[usize]>> = vec![empty.collect()];
        let mut by_byte = Box::new([0; 256]);
        for (byte, list) in (0..=u8::MAX).zip(by_byte.iter_mut()) {
            let targets: Box<[usize]> =
                firsts.iter().filter(|(first, _)| first.contains(byte)).map(|(_, at)| *at).collect();
            let known = lists.iter().position(|known| *known == targets).unwrap_or(lists.len());
            *list = u8::try_from(known).unwrap_or(u8::MAX);
            if known == lists.len() && known < usize::from(u8::MAX) {
                lists.push(targets);
            }
            // Should there be more, the last is for all that are left, and has all targets.
            else if known == usize::from(u8::MAX) {
                lists.push(branches.iter().map(|(_, at)| *at).collect());
            }
        }
        Self { lists, by_byte }
    }

    /// Where to go on before this byte, or at the end of the input.
    #[inline]
    #[must_use]
    pub fn targets(&self, next: Option<u8>) -> &[usize] {
        let list =
            next.and_then(|byte| self.by_byte.get(usize::from(byte))).map_or(0, |list| usize::from(*list));
        self.lists.get(list).map_or(&[], |targets| targets)
    }

    fn memory(&self) -> usize {
        let targets = self.lists.iter().map(|targets| size_of::<Box<[usize]>>() + size_of_val(&**targets));
        size_of::<Self>() + size_of_val(&*self.by_byte) + targets.sum::<usize>()
    }
}

struct Compiler {
    code: Vec<Inst>,
    slots: usize,
}

impl Compiler {
    fn push(&mut self, inst: Inst) -> Result<usize, PatternErrorKind> {
        if self.code.len() >= MAX_INSTRUCTIONS {
            return Err(PatternErrorKind::TooLarge);
        }
        self.code.push(inst);
        Ok(self.code.len() - 1)
    }

    fn patch(&mut self, at: usize, inst: Inst) {
        if let Some(place) = self.code.get_mut(at) {
            *place = inst;
        }
    }

    fn node(&mut self, node: &Node) -> Result<(), PatternErrorKind> {
        match node {
            Node::Empty => {}
            Node::Set(set) => {
                self.push(Inst::Set(*set))?;
            }
            Node::Assertion(assertion) => {
                self.push(Inst::Assert(*assertion))?;
            }
            Node::Concat(nodes) => nodes.iter().try_for_each(|node| self.node(node))?,
            Node::Alternate(nodes) => self.alternate(nodes)?,
            Node::Capture(group, node) => {
                self.push(Inst::Save(2 * group))?;
                self.node(node)?;
                self.push(Inst::Save(2 * group + 1))?;
            }
            Node::Repeat { node, min, max, mode } => self.repeat(node, *min, *max, *mode)?,
            Node::Look { behind: false, negative, node } => self.look(node, *negative, 0)?,
            Node::Look { behind: true, negative, node } => self.look_behind(node, *negative)?,
            Node::Atomic(node) => self.atomic(|compiler| compiler.node(node))?,
            Node::BackReference { group, ignore_case } => {
                self.push(Inst::BackReference { group: *group, ignore_case: *ignore_case })?;
            }
        }
        Ok(())
    }

    fn alternate(&mut self, nodes: &[Node]) -> Result<(), PatternErrorKind> {
        let mut exits = Vec::new();
        if nodes.len() >= MANY {
            let choice = self.push(Inst::Accept)?;
            let mut branches = Vec::with_capacity(nodes.len());
            for node in nodes {
                branches.push((node, self.code.len()));
                self.node(node)?;
                exits.push(self.push(Inst::Accept)?);
            }
            self.patch(choice, Inst::Choice(Box::new(Choice::new(&branches))));
            let end = self.code.len();
            exits.into_iter().for_each(|exit| self.patch(exit, Inst::Jump(end)));
            return Ok(());
        }
        let mut rest = nodes;
        while let [node, tail @ ..] = rest {
            rest = tail;
            if tail.is_empty() {
                self.node(node)?;
                break;
            }
            let split = self.push(Inst::Accept)?;
            self.node(node)?;
            exits.push(self.push(Inst::Accept)?);
            self.patch(split, Inst::Split(split + 1, self.code.len()));
        }
        let end = self.code.len();
        exits.into_iter().for_each(|exit| self.patch(exit, Inst::Jump(end)));
        Ok(())
    }

    fn repeat(
        &mut self,
        node: &Node,
        min: u32,
        max: Option<u32>,
        mode: Mode,
    ) -> Result<(), PatternErrorKind> {
        let max = max.map_or(usize::MAX, |max| max as usize);
        let min = min as usize;
        if let Some(set) = node.as_set() {
            self.push(Inst::Loop { set, min, max, mode })?;
            return Ok(());
        }
        if mode == Mode::Possessive {
            return self.atomic(|compiler| compiler.turns(node, min, max, Mode::Greedy));
        }
        self.turns(node, min, max, mode)
    }

    fn turns(&mut self, node: &Node, min: usize, max: usize, mode: Mode) -> Result<(), PatternErrorKind> {
        for _ in 0..min {
            self.node(node)?;
        }
        if max == usize::MAX {
            let slot = self.slots;
            self.slots += 1;
            let split = self.push(Inst::Accept)?;
            self.push(Inst::Save(slot))?;
            self.node(node)?;
            let end = self.code.len() + 2;
            self.push(Inst::LeaveIfStill { slot, target: end })?;
            self.push(Inst::Jump(split))?;
            self.patch(split, choice(split + 1, end, mode));
            return Ok(());
        }
        let mut splits = Vec::new();
        for _ in min..max {
            splits.push(self.push(Inst::Accept)?);
            self.node(node)?;
        }
        let end = self.code.len();
        splits.into_iter().for_each(|split| self.patch(split, choice(split + 1, end, mode)));
        Ok(())
    }

    fn atomic(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Result<(), PatternErrorKind>,
    ) -> Result<(), PatternErrorKind> {
        let at = self.push(Inst::Accept)?;
        inside(self)?;
        self.push(Inst::Accept)?;
        self.patch(at, Inst::Atomic { end: self.code.len() });
        Ok(())
    }

    fn look(&mut self, node: &Node, negative: bool, back: usize) -> Result<(), PatternErrorKind> {
        let at = self.push(Inst::Accept)?;
        self.node(node)?;
        self.push(Inst::Accept)?;
        self.patch(at, Inst::Look { negative, back, end: self.code.len() });
        Ok(())
    }

    /// Each alternative has its own length: any of them may hold, or none of them.
    fn look_behind(&mut self, node: &Node, negative: bool) -> Result<(), PatternErrorKind> {
        let branches = match node {
            Node::Alternate(branches) => branches.as_slice(),
            node => std::slice::from_ref(node),
        };
        let mut exits = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            let back = width(branch).ok_or(PatternErrorKind::LookBehindLength)?;
            if negative || index + 1 == branches.len() {
                self.look(branch, negative, back)?;
                continue;
            }
            let split = self.push(Inst::Accept)?;
            self.look(branch, negative, back)?;
            exits.push(self.push(Inst::Accept)?);
            self.patch(split, Inst::Split(split + 1, self.code.len()));
        }
        let end = self.code.len();
        exits.into_iter().for_each(|exit| self.patch(exit, Inst::Jump(end)));
        Ok(())
    }
}

fn choice(turn: usize, leave: usize, mode: Mode) -> Inst {
    match mode {
        Mode::Lazy => Inst::Split(leave, turn),
        Mode::Greedy | Mode::Possessive => Inst::Split(turn, leave),
    }
}

/// How many bytes the node always takes, if that is fixed.
fn width(node: &Node) -> Option<usize> {
    match node {
        Node::Empty | Node::Assertion(_) | Node::Look { .. } => Some(0),
        Node::Set(_) => Some(1),
        Node::Concat(nodes) => nodes.iter().try_fold(0_usize, |sum, node| sum.checked_add(width(node)?)),
        Node::Alternate(nodes) => {
            let mut widths = nodes.iter().map(width);
            let first = widths.next()??;
            widths.all(|width| width == Some(first)).then_some(first)
        }
        Node::Capture(_, node) | Node::Atomic(node) => width(node),
        Node::Repeat { node, min, max, .. } => {
            (*max == Some(*min)).then(|| width(node)?.checked_mul(*min as usize)).flatten()
        }
        Node::BackReference { .. } => None,
    }
}

/// A superset of the bytes that a match of the sequence starts with; `None` if it can be empty.
#[must_use]
pub fn first_of(nodes: &[Node]) -> Option<ByteSet> {
    let end = nodes.iter().position(|node| !can_be_empty(node))?;
    Some(nodes.iter().take(end + 1).fold(ByteSet::EMPTY, |first, node| first.union(first_bytes(node))))
}

/// A superset of the bytes that a match of the node, which is not empty, starts with.
fn first_bytes(node: &Node) -> ByteSet {
    match node {
        Node::Set(set) => *set,
        Node::Concat(nodes) => {
            let mut first = ByteSet::EMPTY;
            for node in nodes {
                first = first.union(first_bytes(node));
                if !can_be_empty(node) {
                    break;
                }
            }
            first
        }
        Node::Alternate(nodes) => nodes.iter().fold(ByteSet::EMPTY, |all, node| all.union(first_bytes(node))),
        Node::Capture(_, node) | Node::Atomic(node) | Node::Repeat { node, .. } => first_bytes(node),
        Node::Empty | Node::Assertion(_) | Node::Look { .. } => ByteSet::EMPTY,
        Node::BackReference { .. } => ByteSet::FULL,
    }
}
