//! The backtracking matcher: a program, a stack of ways not yet tried, and a count of steps.
//!
//! The stack lies on the heap; the only recursion is into look-around and atomic groups, whose nesting the parser
//! limits.

mod tried;

use portcullis_patterns::ast::{Assertion, Mode};
use portcullis_patterns::is_word;
use portcullis_patterns::program::{Inst, Program};
use tried::Tried;

use super::{GROUPS, Groups, LimitExceeded};

/// How many steps one search may take before it is given up; PCRE's `match_limit` is 10,000,000, ModSecurity's
/// recommended `SecPcreMatchLimit` 1,000.
pub const MATCH_LIMIT: usize = 1_000_000;
/// After how many steps a search begins to remember where it has been without success. Unit tests are to have it do so.
const FORGETS_FOR: usize = if cfg!(test) { 0 } else { 1_000 };
/// How many ways may wait to be tried at once: bounds the memory of a search to some 3 MB.
const STACK_LIMIT: usize = 100_000;

/// Runs a program.
pub(super) trait Backtrack {
    /// The leftmost match that starts at `start` or later.
    fn search(&self, input: &[u8], start: usize) -> Result<Option<Groups>, LimitExceeded> {
        self.search_within(MATCH_LIMIT, input, start)
    }

    /// Like [`Backtrack::search`], in fewer steps.
    fn search_within(
        &self,
        steps: usize,
        input: &[u8],
        start: usize,
    ) -> Result<Option<Groups>, LimitExceeded>;
}

impl Backtrack for Program {
    fn search_within(
        &self,
        steps: usize,
        input: &[u8],
        start: usize,
    ) -> Result<Option<Groups>, LimitExceeded> {
        let mut search = Search {
            program: self,
            input,
            slots: vec![None; self.slots],
            stack: Vec::new(),
            steps,
            remembers_from: steps.saturating_sub(FORGETS_FOR),
            tried: Tried::default(),
        };
        for at in start..=input.len() {
            if let Some(first) = self.first
                && !input.get(at).is_some_and(|&byte| first.contains(byte))
            {
                continue;
            }
            search.slots.fill(None);
            search.stack.clear();
            if let Some(end) = search.run(0, at)? {
                let mut groups: Groups = [None; GROUPS];
                // Slots after those of the groups belong to loops.
                let pairs = search.slots.as_chunks::<2>().0.iter().take(self.groups);
                for (group, &[start, end]) in groups.iter_mut().zip(pairs) {
                    *group = start.zip(end);
                }
                let [whole, ..] = &mut groups;
                *whole = Some((at, end));
                return Ok(Some(groups));
            }
        }
        Ok(None)
    }
}

struct Search<'a> {
    program: &'a Program,
    input: &'a [u8],
    slots: Vec<Option<usize>>,
    stack: Vec<Frame>,
    steps: usize,
    /// With how many steps left it begins to remember.
    remembers_from: usize,
    tried: Tried,
}

enum Frame {
    /// Go on at `pc` from `at`.
    Try { pc: usize, at: usize },
    /// Undo a change of a slot.
    Restore { slot: usize, value: Option<usize> },
    /// A greedy loop before `pc` that can give back bytes down to `least`, and has ended at all positions from `at` to `most`.
    Shrink { pc: usize, least: usize, at: usize, most: usize },
    /// A lazy loop before `pc` that can take bytes up to `most`, and has ended at all positions from `least` to `at`.
    Grow { pc: usize, least: usize, at: usize, most: usize },
}

impl Search<'_> {
    /// Runs from `pc` to `Accept` and returns where it ended; on failure the slots are as they were.
    fn run(&mut self, mut pc: usize, mut at: usize) -> Result<Option<usize>, LimitExceeded> {
        let base = self.stack.len();
        loop {
            self.steps = self.steps.checked_sub(1).ok_or(LimitExceeded)?;
            if self.stack.len() > STACK_LIMIT {
                return Err(LimitExceeded);
            }
            let inst = self.program.code.get(pc);
            let is_fork = matches!(inst, Some(Inst::Split(..) | Inst::Choice(_) | Inst::Loop { .. }));
            let next = match inst {
                _ if is_fork && self.has_been(pc, at) => None,
                None | Some(Inst::Accept) => return Ok(Some(at)),
                Some(Inst::Set(set)) => match self.input.get(at) {
                    Some(&byte) if set.contains(byte) => Some((pc + 1, at + 1)),
                    _ => None,
                },
                Some(Inst::Assert(assertion)) => holds(*assertion, self.input, at).then_some((pc + 1, at)),
                Some(Inst::Jump(target)) => Some((*target, at)),
                Some(&Inst::Split(first, second)) if self.can_go_on(first, at) => {
                    self.stack.push(Frame::Try { pc: second, at });
                    Some((first, at))
                }
                Some(&Inst::Split(_, second)) => Some((second, at)),
                Some(Inst::Choice(choice)) => match choice.targets(self.input.get(at).copied()) {
                    [] => None,
                    [first, others @ ..] => {
                        self.stack.extend(others.iter().rev().map(|&pc| Frame::Try { pc, at }));
                        Some((*first, at))
                    }
                },
                Some(Inst::Loop { set, min, max, mode }) => {
                    let (min, max, mode) = (*min, *max, *mode);
                    let rest = self.input.get(at..).unwrap_or_default();
                    let wanted = if mode == Mode::Lazy { min } else { max };
                    let taken = rest.iter().take(wanted).take_while(|&&byte| set.contains(byte)).count();
                    self.steps = self.steps.saturating_sub(taken / 16);
                    let (pc, least) = (pc + 1, at + min);
                    match mode {
                        _ if taken < min => None,
                        Mode::Greedy => self.end_greedy(pc, least, at + taken),
                        Mode::Lazy => self.end_lazy(pc, least, at.saturating_add(max)),
                        Mode::Possessive => Some((pc, at + taken)),
                    }
                }
                Some(&Inst::Save(slot)) => {
                    self.set_slot(slot, Some(at));
                    Some((pc + 1, at))
                }
                Some(&Inst::LeaveIfStill { slot, target }) => {
                    let still = self.slots.get(slot).copied().flatten() == Some(at);
                    Some((if still { target } else { pc + 1 }, at))
                }
                Some(&Inst::Look { negative, back, end }) => {
                    let found = match at.checked_sub(back) {
                        Some(from) => self.alone(pc + 1, from, negative)?,
                        None => None,
                    };
                    (found.is_some() != negative).then_some((end, at))
                }
                Some(&Inst::Atomic { end }) => self.alone(pc + 1, at, false)?.map(|at| (end, at)),
                Some(&Inst::BackReference { group, ignore_case }) => {
                    self.back_reference(group, ignore_case, at).map(|at| (pc + 1, at))
                }
            };
            (pc, at) = match next {
                Some(next) => next,
                None => match self.backtrack(base) {
                    Some(next) => next,
                    None => return Ok(None),
                },
            };
        }
    }

    /// Whether the search has been here, if it knows. It does from now on.
    fn has_been(&mut self, pc: usize, at: usize) -> bool {
        if !self.tried.remembers() {
            if self.steps > self.remembers_from || !self.program.is_regular {
                return false;
            }
            self.tried.begin(self.input.len());
        }
        self.tried.fork(pc, at)
    }

    /// Ends a greedy loop as late as it can, at `most`, with a way back to `least`.
    fn end_greedy(&mut self, pc: usize, least: usize, most: usize) -> Option<(usize, usize)> {
        if let Some((first, _)) = self.tried.exits_around(pc, most) {
            return self.shrink(pc, least, first.max(least), most);
        }
        if most > least {
            self.stack.push(Frame::Shrink { pc, least, at: most, most });
        }
        Some((pc, most))
    }

    /// Ends it earlier than at `at`, if what follows can go on there and was not tried.
    fn shrink(&mut self, pc: usize, least: usize, mut at: usize, most: usize) -> Option<(usize, usize)> {
        self.tried.note_exits(pc, at, most);
        // Many loops are followed by a byte that few of those have which they took.
        while let Some(back) = (least..at).rev().position(|at| self.can_go_on(pc, at)) {
            self.steps = self.steps.saturating_sub(back / 16);
            at -= 1 + back;
            let Some((first, _)) = self.tried.exits_around(pc, at) else {
                if at > least {
                    self.stack.push(Frame::Shrink { pc, least, at, most });
                }
                return Some((pc, at));
            };
            at = first.max(least);
        }
        self.tried.note_exits(pc, least, most);
        None
    }

    /// Ends a lazy loop as soon as it can, at `least`, with a way to go on to `most`.
    fn end_lazy(&mut self, pc: usize, least: usize, most: usize) -> Option<(usize, usize)> {
        if let Some((_, last)) = self.tried.exits_around(pc, least) {
            return self.grow(pc, least, last.min(most), most);
        }
        if most > least {
            self.stack.push(Frame::Grow { pc, least, at: least, most });
        }
        Some((pc, least))
    }

    /// Ends it later than at `at`, where that was not tried.
    fn grow(&mut self, pc: usize, least: usize, mut at: usize, most: usize) -> Option<(usize, usize)> {
        let Some(Inst::Loop { set, .. }) = self.program.code.get(pc - 1) else { return None };
        loop {
            self.tried.note_exits(pc, least, at);
            if at >= most || !self.input.get(at).is_some_and(|byte| set.contains(*byte)) {
                return None;
            }
            at += 1;
            let Some((_, last)) = self.tried.exits_around(pc, at) else {
                self.stack.push(Frame::Grow { pc, least, at, most });
                return Some((pc, at));
            };
            at = last.min(most);
        }
    }

    /// Runs a part on its own: its other ways are dropped, and what it captured too if `forget`.
    fn alone(&mut self, pc: usize, at: usize, forget: bool) -> Result<Option<usize>, LimitExceeded> {
        let base = self.stack.len();
        let found = self.run(pc, at)?;
        if forget {
            while self.stack.len() > base {
                if let Some(Frame::Restore { slot, value }) = self.stack.pop() {
                    self.restore(slot, value);
                }
            }
        } else {
            // Changes of slots stay on the stack so that going further back undoes them.
            let inner = self.stack.split_off(base);
            self.stack.extend(inner.into_iter().filter(|frame| matches!(frame, Frame::Restore { .. })));
        }
        Ok(found)
    }

    fn backtrack(&mut self, base: usize) -> Option<(usize, usize)> {
        while self.stack.len() > base {
            match self.stack.pop()? {
                Frame::Try { pc, at } => return Some((pc, at)),
                Frame::Restore { slot, value } => self.restore(slot, value),
                Frame::Shrink { pc, least, at, most } => {
                    if let Some(next) = self.shrink(pc, least, at, most) {
                        return Some(next);
                    }
                }
                Frame::Grow { pc, least, at, most } => {
                    if let Some(next) = self.grow(pc, least, at, most) {
                        return Some(next);
                    }
                }
            }
        }
        None
    }

    /// False only if the instruction fails there.
    fn can_go_on(&self, pc: usize, at: usize) -> bool {
        match self.program.code.get(pc) {
            Some(Inst::Set(set)) => self.input.get(at).is_some_and(|&byte| set.contains(byte)),
            Some(Inst::Choice(choice)) => !choice.targets(self.input.get(at).copied()).is_empty(),
            _ => true,
        }
    }

    fn set_slot(&mut self, slot: usize, value: Option<usize>) {
        if let Some(place) = self.slots.get_mut(slot) {
            let old = std::mem::replace(place, value);
            self.stack.push(Frame::Restore { slot, value: old });
        }
    }

    fn restore(&mut self, slot: usize, value: Option<usize>) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = value;
        }
    }

    fn back_reference(&self, group: usize, ignore_case: bool, at: usize) -> Option<usize> {
        let start = self.slots.get(2 * group).copied().flatten()?;
        let end = self.slots.get(2 * group + 1).copied().flatten()?;
        let wanted = self.input.get(start..end)?;
        let found = self.input.get(at..at + wanted.len())?;
        let equal = if ignore_case { found.eq_ignore_ascii_case(wanted) } else { found == wanted };
        equal.then_some(at + wanted.len())
    }
}

fn holds(assertion: Assertion, input: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|index| input.get(index)).copied();
    let after = input.get(at).copied();
    let boundary = before.is_some_and(is_word) != after.is_some_and(is_word);
    match assertion {
        Assertion::Start => before.is_none(),
        Assertion::StartLine => before.is_none() || before == Some(b'\n') && after.is_some(),
        Assertion::End => after.is_none(),
        Assertion::EndLine => after.is_none_or(|byte| byte == b'\n'),
        Assertion::EndOrLastNewline => after.is_none() || input.get(at..) == Some(b"\n"),
        Assertion::WordBoundary => boundary,
        Assertion::NotWordBoundary => !boundary,
    }
}
