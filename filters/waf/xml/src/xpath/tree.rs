//! An XML document as XPath sees it.

use std::ops::{ControlFlow, Range};

use crate::XmlSink;

/// The most elements, attributes and pieces of text together.
const MAX_NODES: usize = 100_000;
/// The most namespace declarations in scope.
const MAX_NAMESPACES: usize = 256;

pub(super) type NodeId = u32;

/// A document in memory, which the XML parser fills. It holds at most 100,000 elements, attributes and pieces of text,
/// and 256 namespace declarations at any place; with more it stops the parser and is [full](Self::is_full).
#[derive(Debug)]
pub struct XmlTree {
    /// In document order, so that the descendants of a node follow it.
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    /// All text, in order: that of an element is a range of it.
    text: Vec<u8>,
    /// Names and the values of attributes.
    other: Vec<u8>,
    open: Vec<NodeId>,
    /// What the element that starts next has.
    pending: usize,
    /// Prefixes with their namespaces, and how many elements were open where they were declared.
    namespaces: Vec<(Vec<u8>, Range<usize>, usize)>,
    /// The last node is a text that goes on.
    in_text: bool,
    is_full: bool,
}

#[derive(Debug)]
struct Node {
    /// `None` for text and the document.
    name: Option<Name>,
    is_text: bool,
    text: Range<usize>,
    attributes: Range<usize>,
    /// The node after the last descendant.
    end: NodeId,
}

#[derive(Debug, Clone)]
struct Name {
    namespace: Range<usize>,
    local: Range<usize>,
}

#[derive(Debug)]
struct Attribute {
    name: Name,
    value: Range<usize>,
}

/// An attribute for the evaluation.
pub(super) struct FoundAttribute<'t> {
    pub(super) namespace: &'t [u8],
    pub(super) local: &'t [u8],
    pub(super) value: &'t [u8],
}

impl Default for XmlTree {
    fn default() -> Self {
        let document = Node { name: None, is_text: false, text: 0..0, attributes: 0..0, end: 1 };
        XmlTree {
            nodes: vec![document],
            attributes: Vec::new(),
            text: Vec::new(),
            other: Vec::new(),
            open: Vec::new(),
            pending: 0,
            namespaces: Vec::new(),
            in_text: false,
            is_full: false,
        }
    }
}

impl XmlTree {
    pub(super) const ROOT: NodeId = 0;

    /// Whether the document was larger than it may be.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// These nodes and all elements below them. They are in document order, and so is the result.
    pub(super) fn with_descendants(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        let mut all = Vec::new();
        let mut from = 0;
        for node in nodes {
            let end = self.end(*node);
            all.extend((from.max(*node)..end).filter(|node| !self.is_text(*node)));
            from = from.max(end);
        }
        all
    }

    pub(super) fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        let end = self.end(node);
        std::iter::successors(Some(node + 1), |child| Some(self.end(*child)))
            .take_while(move |child| *child < end)
    }

    pub(super) fn is_text(&self, node: NodeId) -> bool {
        self.node(node).is_some_and(|node| node.is_text)
    }

    /// The text, or all text of an element.
    pub(super) fn text(&self, node: NodeId) -> &[u8] {
        self.node(node).and_then(|node| self.text.get(node.text.clone())).unwrap_or_default()
    }

    /// Namespace and local name of an element.
    pub(super) fn name(&self, node: NodeId) -> Option<(&[u8], &[u8])> {
        let name = self.node(node)?.name.as_ref()?;
        Some((self.bytes(&name.namespace), self.bytes(&name.local)))
    }

    pub(super) fn attributes(&self, node: NodeId) -> impl Iterator<Item = FoundAttribute<'_>> {
        let range = self.node(node).map_or(0..0, |node| node.attributes.clone());
        self.attributes.get(range).unwrap_or_default().iter().map(|attribute| FoundAttribute {
            namespace: self.bytes(&attribute.name.namespace),
            local: self.bytes(&attribute.name.local),
            value: self.bytes(&attribute.value),
        })
    }

    fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(node as usize)
    }

    /// Always after the node, so that walking over children ends.
    fn end(&self, node: NodeId) -> NodeId {
        self.node(node).map_or(NodeId::MAX, |found| found.end.max(node + 1))
    }

    fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.other.get(range.clone()).unwrap_or_default()
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.other.len();
        self.other.extend_from_slice(bytes);
        start..self.other.len()
    }

    /// Namespaces in XML 1.0, section 6: attributes without prefix have none. A prefix that is not declared stays part
    /// of the name, as in libxml2.
    fn resolve(&self, name: Range<usize>, is_attribute: bool) -> Name {
        let written = self.bytes(&name);
        let colon = memchr::memchr(b':', written);
        let prefix = written.get(..colon.unwrap_or(0)).unwrap_or_default();
        let declared = self.namespaces.iter().rev().find(|(known, ..)| known == prefix);
        match (colon, declared) {
            (None, Some((_, namespace, _))) if !is_attribute => {
                Name { namespace: namespace.clone(), local: name }
            }
            (Some(colon), Some((_, namespace, _))) => {
                Name { namespace: namespace.clone(), local: name.start + colon + 1..name.end }
            }
            _ => Name { namespace: 0..0, local: name },
        }
    }

    fn push(&mut self, node: Node) -> ControlFlow<()> {
        if self.nodes.len() + self.attributes.len() >= MAX_NODES {
            self.is_full = true;
            return ControlFlow::Break(());
        }
        self.nodes.push(node);
        ControlFlow::Continue(())
    }

    /// Ends what is open where the document ended or broke off.
    pub fn finish(&mut self) {
        while !self.open.is_empty() {
            self.close();
        }
        let (nodes, text) = (self.nodes.len() as NodeId, self.text.len());
        if let Some(document) = self.nodes.first_mut() {
            (document.end, document.text) = (nodes, 0..text);
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let (end, text) = (self.nodes.len() as NodeId, self.text.len());
        if let Some(node) = self.nodes.get_mut(open as usize) {
            (node.end, node.text.end) = (end, text);
        }
        let depth = self.open.len();
        while self.namespaces.last().is_some_and(|(.., declared)| *declared >= depth) {
            self.namespaces.pop();
        }
        self.in_text = false;
    }
}

impl XmlSink for XmlTree {
    fn text(&mut self, text: &[u8]) -> ControlFlow<()> {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        let end = self.text.len();
        if self.in_text
            && let Some(last) = self.nodes.last_mut()
        {
            last.text.end = end;
            return ControlFlow::Continue(());
        }
        if text.is_empty() {
            return ControlFlow::Continue(());
        }
        self.in_text = true;
        let id = self.nodes.len() as NodeId;
        self.push(Node { name: None, is_text: true, text: start..end, attributes: 0..0, end: id + 1 })
    }

    fn attribute(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()> {
        if self.nodes.len() + self.attributes.len() >= MAX_NODES {
            self.is_full = true;
            return ControlFlow::Break(());
        }
        let (name, value) = (self.keep(name), self.keep(value));
        self.attributes.push(Attribute { name: Name { namespace: 0..0, local: name }, value });
        self.pending += 1;
        ControlFlow::Continue(())
    }

    fn namespace(&mut self, prefix: &[u8], uri: &[u8]) -> ControlFlow<()> {
        if self.namespaces.len() >= MAX_NAMESPACES {
            self.is_full = true;
            return ControlFlow::Break(());
        }
        let uri = self.keep(uri);
        self.namespaces.push((prefix.to_vec(), uri, self.open.len()));
        ControlFlow::Continue(())
    }

    fn start_element(&mut self, name: &[u8]) -> ControlFlow<()> {
        let first = self.attributes.len() - std::mem::take(&mut self.pending);
        for at in first..self.attributes.len() {
            let Some(written) = self.attributes.get(at).map(|attribute| attribute.name.local.clone()) else {
                break;
            };
            let name = self.resolve(written, true);
            if let Some(attribute) = self.attributes.get_mut(at) {
                attribute.name = name;
            }
        }
        let name = self.keep(name);
        let name = self.resolve(name, false);
        let (id, text) = (self.nodes.len() as NodeId, self.text.len());
        self.in_text = false;
        self.push(Node {
            name: Some(name),
            is_text: false,
            text: text..text,
            attributes: first..self.attributes.len(),
            end: id + 1,
        })?;
        self.open.push(id);
        ControlFlow::Continue(())
    }

    fn end_element(&mut self) {
        self.close();
    }

    fn aside(&mut self) {
        self.in_text = false;
    }
}
