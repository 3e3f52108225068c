//! Whether a document breaks a DTD: XML 1.0 (Fifth Edition), section 3.

use std::fmt;
use std::ops::ControlFlow;

use portcullis_collections::Map;

use super::model::Matching;
use super::{AttributeDefault, AttributeType, Content, Dtd};
use crate::{Limits, XmlError, XmlSink, parse};

/// How many violations are told.
pub(super) const MAX_VIOLATIONS: usize = 16;

/// Why a document is not valid, in libxml2's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// The element is not declared.
    NoElement(String),
    /// The element's children are not as its content model says.
    Content(String),
    /// The element is to be empty.
    NotEmpty(String),
    /// The child is none of those that may stand among the element's text.
    NotAmong {
        /// Its name.
        child: String,
        /// The element that holds it.
        element: String,
    },
    /// What is wrong with an attribute.
    Attribute {
        /// What.
        problem: AttributeProblem,
        /// Its name.
        attribute: String,
        /// The element that has it.
        element: String,
    },
    /// Two elements have this ID.
    SameId(String),
    /// No element has the ID that is referred to.
    UnknownId(String),
}

/// What is wrong with an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeProblem {
    /// It is not declared.
    Undeclared,
    /// It is required, and not there.
    Missing,
    /// Its value is none of those that are listed.
    NotEnumerated,
    /// Its value is another than the fixed one.
    NotFixed,
    /// Its value does not have the form of its type.
    Syntax,
}

/// What a document is to a DTD.
pub enum Validity {
    /// It breaks nothing.
    Valid,
    /// It is no XML document.
    NotWellFormed,
    /// It breaks the DTD; some of the places where it does.
    Invalid(Vec<Violation>),
}

impl Dtd {
    /// Whether a document breaks the DTD.
    pub fn validate(&self, document: &[u8], limits: &Limits) -> Validity {
        let mut validator = Validator::new(self);
        match parse(document, limits, &mut validator) {
            Ok(()) => {}
            Err(XmlError::Stopped) if !validator.violations.is_empty() => {}
            Err(_) => return Validity::NotWellFormed,
        }
        validator.check_references();
        if validator.violations.is_empty() {
            Validity::Valid
        } else {
            Validity::Invalid(validator.violations)
        }
    }
}

/// Follows a document.
struct Validator<'d> {
    dtd: &'d Dtd,
    open: Vec<Open<'d>>,
    /// The attributes of the element that starts next.
    attributes: Vec<(String, String)>,
    ids: Map<String, ()>,
    references: Vec<String>,
    violations: Vec<Violation>,
}

/// An element that has started.
struct Open<'d> {
    name: String,
    content: Option<&'d Content>,
    matching: Matching,
    /// It was told already that its content is wrong.
    is_wrong: bool,
}

impl<'d> Validator<'d> {
    fn new(dtd: &'d Dtd) -> Self {
        Validator {
            dtd,
            open: Vec::new(),
            attributes: Vec::new(),
            ids: Map::of_clients(),
            references: Vec::new(),
            violations: Vec::new(),
        }
    }

    fn tell(&mut self, violation: Violation) -> ControlFlow<()> {
        self.violations.push(violation);
        if self.violations.len() < MAX_VIOLATIONS {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }

    /// A child element, or text, within the element that is open.
    fn child(&mut self, name: Option<&str>) -> ControlFlow<()> {
        let Some(open) = self.open.last_mut() else { return ControlFlow::Continue(()) };
        if open.is_wrong {
            return ControlFlow::Continue(());
        }
        let element = || open.name.clone();
        let violation = match (open.content, name) {
            (None | Some(Content::Any), _) | (Some(Content::Mixed(_)), None) => {
                return ControlFlow::Continue(());
            }
            (Some(Content::Empty), _) => Violation::NotEmpty(element()),
            (Some(Content::Mixed(names)), Some(child)) if names.iter().any(|known| known == child) => {
                return ControlFlow::Continue(());
            }
            (Some(Content::Mixed(_)), Some(child)) => {
                Violation::NotAmong { child: child.to_owned(), element: element() }
            }
            (Some(Content::Children(model)), Some(child)) if model.step(&mut open.matching, child) => {
                return ControlFlow::Continue(());
            }
            (Some(Content::Children(_)), _) => Violation::Content(element()),
        };
        // Of a mixed content each child stands for itself.
        open.is_wrong = !matches!(violation, Violation::NotAmong { .. });
        self.tell(violation)
    }

    fn check_attributes(&mut self, element: &str) -> ControlFlow<()> {
        let attributes = std::mem::take(&mut self.attributes);
        let Some(declared) = self.dtd.attributes(element) else { return ControlFlow::Continue(()) };
        let wrong = |problem, attribute: &str| Violation::Attribute {
            problem,
            attribute: attribute.to_owned(),
            element: element.to_owned(),
        };
        for (name, value) in &attributes {
            let Some(declaration) = declared.iter().find(|declaration| declaration.name == *name) else {
                self.tell(wrong(AttributeProblem::Undeclared, name))?;
                continue;
            };
            let value = declaration.kind.normalised(value);
            let violation = match &declaration.kind {
                AttributeType::Enumeration(values) if !values.contains(&value) => {
                    Some(wrong(AttributeProblem::NotEnumerated, name))
                }
                kind if !kind.allows(&value) => Some(wrong(AttributeProblem::Syntax, name)),
                _ if matches!(&declaration.default, AttributeDefault::Fixed(fixed) if *fixed != value) => {
                    Some(wrong(AttributeProblem::NotFixed, name))
                }
                AttributeType::Id if !self.ids.add(value.clone(), ()) => Some(Violation::SameId(value)),
                AttributeType::IdReferences => {
                    self.references.extend(value.split(' ').map(str::to_owned));
                    None
                }
                _ => None,
            };
            if let Some(violation) = violation {
                self.tell(violation)?;
            }
        }
        for declaration in declared {
            if declaration.default == AttributeDefault::Required
                && !attributes.iter().any(|(name, _)| *name == declaration.name)
            {
                self.tell(wrong(AttributeProblem::Missing, &declaration.name))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn check_references(&mut self) {
        for reference in std::mem::take(&mut self.references) {
            if self.ids.get(reference.as_bytes()).is_none()
                && self.tell(Violation::UnknownId(reference)).is_break()
            {
                return;
            }
        }
    }
}

impl XmlSink for Validator<'_> {
    fn text(&mut self, text: &[u8]) -> ControlFlow<()> {
        let is_blank = text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        let is_empty_element =
            self.open.last().is_some_and(|open| matches!(open.content, Some(Content::Empty)));
        if text.is_empty() || is_blank && !is_empty_element {
            ControlFlow::Continue(())
        } else {
            self.child(None)
        }
    }

    fn attribute(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()> {
        self.attributes.push((text(name), text(value)));
        ControlFlow::Continue(())
    }

    fn namespace(&mut self, prefix: &[u8], uri: &[u8]) -> ControlFlow<()> {
        let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{}", text(prefix)) };
        self.attributes.push((name, text(uri)));
        ControlFlow::Continue(())
    }

    fn start_element(&mut self, name: &[u8]) -> ControlFlow<()> {
        let name = text(name);
        self.child(Some(&name))?;
        let content = self.dtd.content(&name);
        if content.is_none() {
            self.tell(Violation::NoElement(name.clone()))?;
        }
        self.check_attributes(&name)?;
        self.open.push(Open { name, content, matching: Matching::default(), is_wrong: false });
        ControlFlow::Continue(())
    }

    fn end_element(&mut self) {
        let Some(open) = self.open.pop() else { return };
        if let Some(Content::Children(model)) = open.content
            && !open.is_wrong
            && !model.accepts(&open.matching)
        {
            // One more than the limit does no harm.
            let _ = self.tell(Violation::Content(open.name));
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use AttributeProblem as P;
        use Violation as V;
        match self {
            V::NoElement(name) => write!(f, "No declaration for element {name}"),
            V::Content(element) => write!(f, "Element {element} content does not follow the DTD"),
            V::NotEmpty(element) => write!(f, "Element {element} was declared EMPTY this one has content"),
            V::NotAmong { child, element } => {
                write!(f, "Element {child} is not declared in {element} list of possible children")
            }
            V::Attribute { problem, attribute, element } => match problem {
                P::Undeclared => write!(f, "No declaration for attribute {attribute} of element {element}"),
                P::Missing => write!(f, "Element {element} does not carry attribute {attribute}"),
                P::NotEnumerated => {
                    write!(f, "Value for attribute {attribute} of {element} is not among the enumerated set")
                }
                P::NotFixed => {
                    write!(f, "Value for attribute {attribute} of {element} is different from default")
                }
                P::Syntax => {
                    write!(f, "Syntax of value for attribute {attribute} of {element} is not valid")
                }
            },
            V::SameId(id) => write!(f, "ID {id} already defined"),
            V::UnknownId(id) => write!(f, "IDREF attribute references an unknown ID \"{id}\""),
        }
    }
}

/// The parser hands over UTF-8.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
