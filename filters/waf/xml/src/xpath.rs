//! XPath expressions for `XML:…`: the part of XPath 1.0 that names nodes, which rules use.
//!
//! A location path from the root: `/` and `//`; element names, with prefixes that `xmlns` actions bind, `*` and
//! `prefix:*`; last in the path `@name`, `@*` or `text()`. An element step may have predicates: `[1]`, `[@a]`,
//! `[@a='v']`, `[text()]`, `[text()='v']`, `[child]`, `[child='v']`, `[.='v']`, `[local-name()='v']`. Everything else is
//! refused when it is compiled. As in XPath, a name without prefix is one without namespace.
//!
//! Source: XPath 1.0, sections 2 and 5; ModSecurity v3, `Variables::XML`: one value for each node, of an element all its
//! text.

mod parse;
mod tree;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

pub use parse::{XPathError, XPathProblem};
pub use tree::XmlTree;

use portcullis_collections::sorted;
use tree::NodeId;

/// A compiled expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    /// `//` stands before it.
    descends: bool,
    test: Test,
    predicates: Vec<Predicate>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Element(NameTest),
    /// Only last.
    Attribute(NameTest),
    /// Only last.
    Text,
}

/// `None` is any.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NameTest {
    namespace: Option<Vec<u8>>,
    local: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Predicate {
    /// Counted from 1.
    Position(usize),
    Has(Operand),
    Equals(Operand, Vec<u8>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operand {
    Itself,
    LocalName,
    Text,
    Attribute(NameTest),
    Child(NameTest),
}

impl XPath {
    /// Hands the value of each node that the expression names to `take`, in document order. `Break` ends it.
    ///
    /// Takes time in proportion to the size of the document and of the expression.
    pub fn evaluate(
        &self,
        tree: &XmlTree,
        take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut set = vec![XmlTree::ROOT];
        for step in &self.steps {
            if step.descends {
                set = tree.with_descendants(&set);
            }
            match &step.test {
                Test::Element(name) => set = step.children(tree, &set, name),
                Test::Attribute(name) => {
                    let values = set.iter().flat_map(|node| tree.attributes(*node));
                    return values
                        .filter(|attribute| name.matches(attribute.namespace, attribute.local))
                        .try_for_each(|attribute| take(attribute.value));
                }
                Test::Text => {
                    let children = set.iter().flat_map(|node| tree.children(*node));
                    let texts: Vec<_> = children.filter(|child| tree.is_text(*child)).collect();
                    return sorted(texts).into_iter().try_for_each(|text| take(tree.text(text)));
                }
            }
        }
        set.into_iter().try_for_each(|node| take(tree.text(node)))
    }
}

impl Step {
    fn children(&self, tree: &XmlTree, parents: &[NodeId], name: &NameTest) -> Vec<NodeId> {
        let mut found = Vec::new();
        for parent in parents {
            let first = found.len();
            found.extend(tree.children(*parent).filter(|child| name.matches_element(tree, *child)));
            for predicate in &self.predicates {
                let (mut kept, mut position) = (first, 0);
                for at in first..found.len() {
                    let Some(node) = found.get(at).copied() else { break };
                    position += 1;
                    if predicate.holds(tree, node, position)
                        && let Some(place) = found.get_mut(kept)
                    {
                        *place = node;
                        kept += 1;
                    }
                }
                found.truncate(kept);
            }
        }
        // Children of a node's descendants come before its later children.
        sorted(found)
    }
}

impl Predicate {
    fn holds(&self, tree: &XmlTree, node: NodeId, position: usize) -> bool {
        match self {
            Predicate::Position(wanted) => position == *wanted,
            Predicate::Has(operand) => operand.any(tree, node, &|_| true),
            Predicate::Equals(operand, value) => operand.any(tree, node, &|found| found == *value),
        }
    }
}

impl Operand {
    fn any(&self, tree: &XmlTree, node: NodeId, holds: &dyn Fn(&[u8]) -> bool) -> bool {
        match self {
            Operand::Itself => holds(tree.text(node)),
            Operand::LocalName => tree.name(node).is_some_and(|(_, local)| holds(local)),
            Operand::Text => tree.children(node).any(|child| tree.is_text(child) && holds(tree.text(child))),
            Operand::Attribute(name) => tree
                .attributes(node)
                .any(|found| name.matches(found.namespace, found.local) && holds(found.value)),
            Operand::Child(name) => {
                tree.children(node).any(|child| name.matches_element(tree, child) && holds(tree.text(child)))
            }
        }
    }
}

impl NameTest {
    fn matches(&self, namespace: &[u8], local: &[u8]) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| wanted == namespace)
            && self.local.as_deref().is_none_or(|wanted| wanted == local)
    }

    fn matches_element(&self, tree: &XmlTree, node: NodeId) -> bool {
        tree.name(node).is_some_and(|(namespace, local)| self.matches(namespace, local))
    }
}
