//! `SecParseXmlIntoArgs`: each element without others in it is an argument, named by `xml` and the local names of the elements
//! around it and its own, joined by dots. ModSecurity v3 reference, "SecParseXmlIntoArgs"; `xml.cc`.

use std::ops::ControlFlow;

use super::body::Sink;
use crate::body::ArgumentSink as _;

/// Gathers arguments from the events of a document.
pub(super) struct XmlArguments {
    path: Vec<u8>,
    /// How long the path was before each element that is open.
    open: Vec<usize>,
    /// The element that started last is open, so nothing is in it.
    is_leaf: bool,
    value: Vec<u8>,
    /// Bytes that names may still take: a document can spell out much more of them than it has.
    left: usize,
    stopped: bool,
}

impl XmlArguments {
    /// `most`: how many bytes all names may have.
    pub(super) fn new(most: usize) -> Self {
        Self {
            path: b"xml".to_vec(),
            open: Vec::new(),
            is_leaf: false,
            value: Vec::new(),
            left: most,
            stopped: false,
        }
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.value.extend_from_slice(text);
    }

    /// `Break` if there are too many arguments, or too long ones.
    pub(super) fn start_element(&mut self, name: &[u8]) -> ControlFlow<()> {
        let local = crate::find::byte(b':', name).map_or(0, |colon| colon + 1);
        self.open.push(self.path.len());
        self.path.push(b'.');
        self.path.extend_from_slice(name.get(local..).unwrap_or_default());
        self.is_leaf = true;
        self.value.clear();
        if self.stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    pub(super) fn end_element(&mut self, sink: &mut Sink<'_>) {
        if self.is_leaf && !self.stopped {
            let left = self.left.checked_sub(self.path.len());
            self.left = left.unwrap_or_default();
            self.stopped = left.is_none() || sink.argument(&self.path, &self.value).is_break();
        }
        self.path.truncate(self.open.pop().unwrap_or_default());
        self.is_leaf = false;
        self.value.clear();
    }

    /// Not all arguments were taken.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }
}
